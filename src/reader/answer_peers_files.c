#include "base/clock.h"
#include "reader/answering_files.h"
#include "reader/answering_peers.h"

#include <stdlib.h>

/* What a list may take until it is sent: a peer's, some ten thousand files, a new one of each level
 * every hour for three months; and that of all servers. */
#define LIST_EACH ((size_t)2 * 1024 * 1024)
#define LIST_MAX  ((size_t)16 * 1024 * 1024)

struct files {
	struct answering_peers p;
	struct peers_stream *stream[PEERS_MAX]; /* NULL: this server's own, or it has ended */
};

static void
ask_all(struct files *f)
{
	const struct peers_asked asked = {.path = "/api/log/files",
	    .wants = PEER_FRAME_FILE,
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .levels = f->p.a.selection->levels,
	    .limit = UINT64_MAX,
	    .deadline = f->p.a.deadline};

	for (size_t i = 0; i < f->p.peers->count; i++) {
		if (i == f->p.peers->self)
			continue;
		f->stream[i] = peers_stream_new(f->p.group, &f->p.peers->at[i], &asked);
		if (f->stream[i] == NULL)
			peers_merge_miss(f->p.merge, i, "cannot be asked: out of memory");
	}
}

/* Appends what a peer has, to its end. False: it was refused, as it does not answer, or the client
 * has gone. */
static bool
append_peer(struct files *f, size_t server)
{
	struct peers_stream *stream = f->stream[server];
	const size_t before = f->p.a.buf.len;
	const uint64_t matched = f->p.a.matched;
	enum peers_step step;

	while (stream != NULL) {
		const struct peer_frame *frame;
		struct library_file file = {0};

		step = peers_stream_next(stream);
		if (step == PEERS_END)
			break;
		if (step == PEERS_MORE &&
		    !peers_stream_is_late(stream, f->p.a.selection->partial) &&
		    clock_monotonic_ns() < f->p.a.deadline) {
			if (!answering_peers_wait_for(&f->p))
				return false;
			continue;
		}
		if (step != PEERS_FRAME) {
			const char *why = peers_stream_why(stream);

			peers_merge_miss(
			    f->p.merge, server, *why != '\0' ? why : "does not answer in time");
			break;
		}
		if (f->p.a.buf.len > LIST_MAX || f->p.a.buf.len - before > LIST_EACH) {
			peers_merge_miss(f->p.merge, server, "has more files than can be listed");
			break;
		}
		frame = peers_stream_frame(stream);
		file.first = frame->ms;
		file.last = frame->last;
		file.bytes = frame->bytes;
		memcpy(file.name, peers_stream_payload(stream), frame->payload);
		answering_files_append(&f->p.a, frame->level, &file, f->p.peers->at[server].name);
	}
	/* What a missing one had listed goes with it. */
	if (peers_merge_missing(f->p.merge, server) != NULL) {
		f->p.a.buf.len = before;
		f->p.a.matched = matched;
	}
	return answering_peers_await(&f->p);
}

/* All of them are in memory before any is sent: it is one object, or none. */
static bool
append_all(struct files *f)
{
	for (size_t i = 0; i < f->p.peers->count; i++) {
		if (i != f->p.peers->self) {
			if (!append_peer(f, i))
				return false;
		} else if (!answering_files_append_own(&f->p.a, f->p.peers->at[i].name)) {
			answering_refuse_walk(&f->p.a, WALK_NOT_OPENED);
			return false;
		}
	}
	return true;
}

void
answer_peers_files(const struct reading *r, struct selection *s, struct stream *out)
{
	struct files f = {0};

	if (answering_peers_init(&f.p, r, s, out) && answering_peers_merge(&f.p, false)) {
		ask_all(&f);
		buf_puts(&f.p.a.buf, "{\"files\": [");
		if (append_all(&f)) {
			buf_putc(&f.p.a.buf, ']');
			answering_peers_append_missing(&f.p);
			buf_puts(&f.p.a.buf, "}\n");
			answering_begin(&f.p.a, "application/json", NULL);
			answering_flush(&f.p.a);
		}
	}
	for (size_t i = 0; i < r->peers->count; i++)
		peers_stream_free(f.stream[i]);
	f.p.a.matched = 0; /* they were no entries */
	answering_peers_end(&f.p);
}
