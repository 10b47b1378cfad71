#include "writer/partitions.h"

#include <stdlib.h>
#include <string.h>

#define MARK_MS 60000

static struct partition *
make(int32_t id)
{
	struct partition *p = malloc(sizeof(*p));

	if (p != NULL)
		*p = (struct partition){.id = id,
		    .next = PARTITIONS_NOWHERE,
		    .taken = PARTITIONS_NOWHERE,
		    .committed = -1,
		    .search = {.at = -1},
		    .timestamp = -1,
		    .taken_timestamp = -1};
	return p;
}

struct partition *
partitions_get(struct partitions *p, int32_t id)
{
	struct partition **more;

	if (id < 0)
		return NULL;
	if ((size_t)id < p->count)
		return p->of[id];
	more = realloc(p->of, ((size_t)id + 1) * sizeof(struct partition *));
	if (more == NULL)
		return NULL;
	p->of = more;
	for (; p->count <= (size_t)id; p->count++) {
		p->of[p->count] = make((int32_t)p->count);
		if (p->of[p->count] == NULL)
			return NULL;
	}
	return p->of[id];
}

/* A mark each minute; when there is no room for more, every other one goes, so that the first ones
 * lie further and further apart. */
static void
note_mark(struct partition *p)
{
	if (p->next < 1 || p->timestamp < 0 ||
	    (p->marks > 0 && p->timestamp - p->mark[p->marks - 1].timestamp < MARK_MS))
		return;
	if (p->marks == CHECKPOINT_MARKS) {
		p->marks /= 2;
		for (size_t i = 0; i < p->marks; i++)
			p->mark[i] = p->mark[2 * i];
	}
	p->mark[p->marks++] = (struct checkpoint_mark){p->next - 1, p->timestamp};
}

bool
partitions_written(struct partitions *p)
{
	bool any = false;

	for (size_t i = 0; i < p->count; i++) {
		struct partition *one = p->of[i];

		any = any || one->next != one->taken;
		one->next = one->taken;
		one->timestamp = one->taken_timestamp;
		note_mark(one);
	}
	return any;
}

void
partitions_give_up(struct partitions *p)
{
	for (size_t i = 0; i < p->count; i++) {
		p->of[i]->taken = p->of[i]->next;
		p->of[i]->taken_timestamp = p->of[i]->timestamp;
	}
}

bool
partition_commits(const struct partition *p)
{
	return p->assigned && !p->unsure && p->next >= 0 && p->committed != p->next;
}

bool
partitions_load(struct partitions *p, const struct checkpoint *c)
{
	for (size_t i = 0; i < c->places; i++) {
		struct partition *one = partitions_get(p, c->place[i].partition);

		if (one == NULL)
			return false;
		one->next = one->taken = c->place[i].next;
		one->timestamp = one->taken_timestamp = c->place[i].timestamp;
		memcpy(one->mark, c->place[i].mark, sizeof(one->mark));
		one->marks = c->place[i].marks;
	}
	return true;
}

bool
partitions_save(const struct partitions *p, struct checkpoint *c)
{
	struct checkpoint_place *more = realloc(c->place, (p->count + 1) * sizeof(*more));

	if (more == NULL)
		return false;
	c->place = more;
	c->places = 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct partition *one = p->of[i];

		struct checkpoint_place *place = &c->place[c->places];

		if (one->next < 0)
			continue;
		*place = (struct checkpoint_place){.partition = one->id,
		    .next = one->next,
		    .timestamp = one->timestamp,
		    .marks = one->marks};
		memcpy(place->mark, one->mark, sizeof(place->mark));
		c->places++;
	}
	return true;
}

void
partitions_free(struct partitions *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->of[i]);
	free(p->of);
	*p = (struct partitions){NULL, 0};
}
