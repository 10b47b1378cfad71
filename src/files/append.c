#include "files/append.h"

#include "base/clock.h"

#include <string.h>

/* Some tickets of a group, of which the entries go into the same files. */
struct batch {
	struct ticket *ticket[APPEND_GROUP_MAX];
	size_t n;
};

static const struct buf *
bytes_of(const struct batch *b, size_t i, enum level level)
{
	return &b->ticket[i]->entries->level[level];
}

static size_t
total_of(const struct batch *b, enum level level)
{
	size_t total = 0;

	for (size_t i = 0; i < b->n; i++)
		total += bytes_of(b, i, level)->len;
	return total;
}

/* The length of the first entry: it ends at a newline that no continuation line follows. */
static size_t
entry_length(const char *data, size_t len)
{
	const char *p = data, *end = data + len;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (++p == end || *p != '\t')
			return (size_t)(p - data);
	}
	return len;
}

/* The length of as many whole entries as the file still takes. */
static size_t
entries_that_fit(const struct levelfile *lf, const char *data, size_t len)
{
	size_t room = levelfile_room(lf), taken = 0;

	if (len <= room)
		return len;
	while (taken < len) {
		size_t next = entry_length(data + taken, len - taken);

		if (next > room - taken)
			break;
		taken += next;
	}
	return taken;
}

/* Appends entries, rolling over in between where LOG_MAX_BYTES wants it. An entry larger than
 * that gets a file of its own. */
static bool
append_in_parts(struct levelfile *lf, char *data, size_t len)
{
	while (len > 0) {
		size_t part = entries_that_fit(lf, data, len);
		struct iovec iov;

		if (part == 0) {
			size_t first = entry_length(data, len);

			if (!levelfile_make_room(lf, first))
				return false;
			part = entries_that_fit(lf, data, len);
			if (part == 0)
				part = first;
		}
		iov = (struct iovec){data, part};
		if (!levelfile_append(lf, &iov, 1))
			return false;
		data += part;
		len -= part;
	}
	return true;
}

static bool
append_level(struct logs *l, const struct batch *b, enum level level)
{
	struct levelfile *lf = &l->level[level];
	struct iovec iov[APPEND_GROUP_MAX];
	size_t n = 0;

	if (b->n == 1)
		return append_in_parts(lf, bytes_of(b, 0, level)->data, bytes_of(b, 0, level)->len);
	for (size_t i = 0; i < b->n; i++) {
		const struct buf *bytes = bytes_of(b, i, level);

		if (bytes->len > 0)
			iov[n++] = (struct iovec){bytes->data, bytes->len};
	}
	return levelfile_append(lf, iov, n);
}

/* All of the batch into all of its files, or nothing. One of several tickets must fit without a
 * roll-over: those are made for one ticket at a time, which alone may be too large for what is
 * left. */
static bool
write_whole(struct logs *l, const struct batch *b)
{
	size_t bytes[LEVEL_COUNT];
	bool good = true;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		bytes[i] = total_of(b, i);
		if (bytes[i] == 0)
			continue;
		if (!logs_ready(l, i) || (b->n > 1 && bytes[i] > levelfile_room(&l->level[i])))
			return false;
	}
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		levelfile_begin(&l->level[i]);
	for (enum level i = 0; good && i < LEVEL_COUNT; i++)
		good = bytes[i] == 0 || append_level(l, b, i);
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		if (bytes[i] == 0)
			continue;
		if (good)
			levelfile_commit(&l->level[i]);
		else
			levelfile_undo(&l->level[i]);
	}
	return good;
}

/* Together if possible, otherwise one by one, so that one that is too large, or of a level whose
 * file is broken, does not take the others with it. */
static void
write_batch(struct logs *l, const struct batch *b)
{
	bool together = b->n > 1 && write_whole(l, b);
	struct batch one;

	one.n = 1;
	for (size_t i = 0; i < b->n; i++) {
		one.ticket[0] = b->ticket[i];
		b->ticket[i]->result =
		    together || write_whole(l, &one) ? TICKET_DONE : TICKET_FAILED;
	}
}

/* Writes those of the group that arrived from start up to end (seconds), and are not written
 * yet. */
static void
write_period(struct logs *l, struct ticket *const tickets[], size_t n, int64_t start, int64_t end)
{
	struct batch b;

	b.n = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t arrival = tickets[i]->entries->arrival / CLOCK_NS_PER_SECOND;

		if (tickets[i]->result == TICKET_LATE && arrival >= start && arrival < end)
			b.ticket[b.n++] = tickets[i];
	}
	if (b.n > 0)
		write_batch(l, &b);
}

static void
count(struct logs *l, const struct entries *e)
{
	uint64_t bytes = 0;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		bytes += e->level[i].len;
		if (e->records[i] > 0)
			metrics_add(&l->common.metrics->records[i], e->records[i]);
	}
	metrics_add(&l->common.metrics->written_bytes, bytes);
}

void
append_group(struct logs *l, struct ticket *const tickets[], size_t n, int64_t now)
{
	enum logs_time time = logs_take_time(l, now / CLOCK_NS_PER_SECOND);
	bool safe;

	/* A ticket stays LATE until one of the two calls below writes it. */
	for (size_t i = 0; i < n; i++)
		tickets[i]->result = TICKET_LATE;
	if (time == LOGS_NEXT_PERIOD) {
		write_period(l, tickets, n, l->common.period.start, l->common.period.end);
		logs_check(l, 0);
	}
	/* What arrived after `now` saw the clock before it was set back: still of this period. */
	write_period(
	    l, tickets, n, time == LOGS_SET_BACK ? INT64_MIN : l->common.period.start, INT64_MAX);
	safe = logs_end_group(l);
	for (size_t i = 0; i < n; i++) {
		if (tickets[i]->result != TICKET_DONE)
			continue;
		if (safe)
			count(l, tickets[i]->entries);
		else
			tickets[i]->result = TICKET_FAILED;
	}
	metrics_observe_group(l->common.metrics, n);
}

bool
append_entries(struct logs *l, const struct entries *entries)
{
	struct ticket ticket = {.entries = entries};
	struct batch b;

	b.ticket[0] = &ticket;
	b.n = 1;
	if (!write_whole(l, &b))
		return false;
	count(l, entries);
	return true;
}
