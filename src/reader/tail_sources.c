#include "reader/tail_sources.h"

/* Connections to peers, at most; who finds none waits, and is told so. */
#define SOURCES_MAX	256

#define TEXT(number)	#number
#define TEXT_OF(number) TEXT(number)

const char sources_words_full[] = "is not followed: there are " TEXT_OF(
    SOURCES_MAX) " connections to other servers already, the most that may be";

bool
sources_init(struct tail_sources *s, const struct peers *peers)
{
	*s = (struct tail_sources){.peers = peers};
	TAILQ_INIT(&s->list);
	s->group = peer_http_group_new(peers->http);
	return s->group != NULL;
}

void
sources_remove(struct tail_sources *s, struct tail_source *source)
{
	TAILQ_REMOVE(&s->list, source, links);
	s->count--;
	tail_source_free(source);
}

void
sources_free(struct tail_sources *s)
{
	struct tail_source *source;

	while ((source = TAILQ_FIRST(&s->list)) != NULL)
		sources_remove(s, source);
	peer_http_group_free(s->group);
}

struct viewer_peer *
sources_part(const struct tail_sources *s, const struct viewer *v, const struct tail_source *source)
{
	return &v->peer[source->peer - s->peers->at];
}

bool
sources_is_sent(
    const struct tail_sources *s, const struct viewer *v, const struct tail_source *source)
{
	return v->peers != NULL && sources_part(s, v, source)->source == source;
}

static void
attach(struct viewer *v, struct viewer_peer *part, struct tail_source *source)
{
	part->source = source;
	part->refused = false;
	v->anew = true;
	source->followers++;
}

void
sources_detach(struct viewer_peer *part)
{
	part->known = part->source->known;
	part->at = part->source->at;
	part->source->followers--;
	part->source = NULL;
}

void
sources_leave(struct tail_sources *s, struct viewer *v)
{
	for (size_t i = 0; v->peers != NULL && i < v->peers->count; i++) {
		struct tail_source *source = v->peer[i].source;

		if (source == NULL)
			continue;
		sources_detach(&v->peer[i]);
		if (source->followers == 0)
			sources_remove(s, source);
	}
}

/* Whether one who stands there can go on with a source. */
static bool
is_at(const struct tail_source *source, const struct viewer_peer *part)
{
	if (part->known)
		return source->known && same_cursor(&source->at, &part->at);
	return !source->known || source->live;
}

/* One that can be gone on with; NULL: there is none, and none more can be made. */
static struct tail_source *
find_or_make(struct tail_sources *s, const struct peer *peer, const struct selection *selects,
    const struct viewer_peer *part)
{
	struct tail_source *source;

	for (source = TAILQ_FIRST(&s->list); source != NULL; source = TAILQ_NEXT(source, links)) {
		if (tail_source_is_of(source, peer, selects->levels, selects->q) &&
		    is_at(source, part))
			return source;
	}
	if (s->count >= SOURCES_MAX)
		return NULL;
	source = tail_source_new(peer, selects->levels, selects->q, part->known ? &part->at : NULL);
	if (source == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&s->list, source, links);
	s->count++;
	s->fresh = true;
	return source;
}

void
sources_join(struct tail_sources *s, struct viewer *v)
{
	for (size_t i = 0; i < s->peers->count; i++) {
		const struct peer *peer = &s->peers->at[i];
		struct viewer_peer *part = &v->peer[i];
		struct tail_source *source;

		if (i == s->peers->self || part->source != NULL)
			continue;
		source = find_or_make(s, peer, &v->selection, part);
		if (source != NULL) {
			attach(v, part, source);
		} else if (!part->refused) {
			part->refused = v->anew = true;
		}
	}
}

void
sources_unite(struct tail_sources *s, struct tail_source *source, struct viewer_list *viewers)
{
	struct tail_source *other;
	struct viewer *v;

	for (other = TAILQ_FIRST(&s->list); other != NULL; other = TAILQ_NEXT(other, links)) {
		if (other != source && other->known && other->stream != NULL && !other->missing &&
		    tail_source_is_of(other, source->peer, source->levels, source->q) &&
		    same_cursor(&other->at, &source->at))
			break;
	}
	if (other == NULL)
		return;
	for (v = TAILQ_FIRST(viewers); v != NULL; v = TAILQ_NEXT(v, links)) {
		struct viewer_peer *part;

		if (!sources_is_sent(s, v, source))
			continue;
		part = sources_part(s, v, source);
		sources_detach(part);
		attach(v, part, other);
	}
	other->live = other->live || source->live;
}
