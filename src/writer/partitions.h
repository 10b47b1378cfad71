/*
 * The partitions of the topic, as far as the writer has to do with them. For one thread.
 */
#ifndef PBU_PARTITIONS_H
#define PBU_PARTITIONS_H

#include "writer/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTITIONS_NOWHERE (-1)

/* Whether it is read from where it should be. */
enum partition_place {
	PLACE_GOOD,
	PLACE_AGAIN,  /* to be read from `next` again */
	PLACE_GONE,   /* what is to be read next is not in the topic */
	PLACE_SOUGHT, /* what is to be read next is broken: struct partition_search goes on */
};

/* For the end of a set of messages that is broken: nobody tells how many there are in it. */
struct partition_search {
	int64_t bad;  /* the greatest offset that is known to be in it */
	int64_t good; /* the smallest that is known to be after it; -1: none */
	int64_t at;   /* that which is tried now; -1: there is no search */
	int64_t step; /* to the next to be tried, as long as none is known to be after it */
	unsigned tries;
};

struct partition {
	int32_t id;
	bool assigned;
	/* What is in the files, of the messages up to this offset; PARTITIONS_NOWHERE: not known.
	 */
	int64_t next;
	int64_t timestamp;			       /* of the last of them; -1: not known */
	struct checkpoint_mark mark[CHECKPOINT_MARKS]; /* some of them, the more the newer */
	size_t marks;
	/* The same of what is taken, and not in the files yet. */
	int64_t taken;
	int64_t taken_timestamp;
	/* The message before `next` is read once more: whether it is the one that it was. */
	bool verifies;
	/* What the group has committed could not be asked for: the first message that comes is of
	 * that place, or of ours. */
	bool unsure;
	enum partition_place place;
	/* PLACE_GONE, on CLOCK_MONOTONIC: since when the topic has seemed to end before `next`, 0:
	 * it has not; and when to ask again. */
	int64_t short_since, ask_at;
	struct partition_search search;
	int64_t committed; /* the offset that is, or is being, committed; below 0: none */
};

struct partitions {
	struct partition **of; /* owned, as are they; by number */
	size_t count;
};

/* The partition of that number; NULL: no memory. It stays where it is. */
struct partition *partitions_get(struct partitions *p, int32_t id);

/* What is taken is in the files now. Whether anything was. */
bool partitions_written(struct partitions *p);

/* What is taken is given up, as if it had not come. */
void partitions_give_up(struct partitions *p);

/* Whether `next` is to be committed: not while the group may have committed a greater offset, which
 * that would take back. */
bool partition_commits(const struct partition *p);

/* From and to what the checkpoint has; false: no memory. */
bool partitions_load(struct partitions *p, const struct checkpoint *c);
bool partitions_save(const struct partitions *p, struct checkpoint *c);

void partitions_free(struct partitions *p);

#endif
