#include "files/writer.h"

#include "files/sync.h"

#include <string.h>

#define NANOSECONDS 1000000000

/* Some requests of a group, which go into the same files. */
struct batch {
	struct commit_ticket *request[WRITER_GROUP_MAX];
	size_t n;
};

static const struct buf *
bytes_of(const struct batch *b, size_t i, enum level level)
{
	return &b->request[i]->entries->level[level];
}

static size_t
total_of(const struct batch *b, enum level level)
{
	size_t total = 0;

	for (size_t i = 0; i < b->n; i++)
		total += bytes_of(b, i, level)->len;
	return total;
}

static bool
append(struct logs *l, enum level level, struct iovec *iov, size_t n)
{
	if (logfile_append(&l->level[level].file, iov, n))
		return true;
	logs_report_write(l, level);
	return false;
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

/* The length of as many whole entries as fit into room. */
static size_t
entries_within(const char *data, size_t len, size_t room)
{
	size_t taken = 0;

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
append_in_parts(struct logs *l, enum level level, char *data, size_t len)
{
	while (len > 0) {
		size_t room = logs_room(l, level);
		size_t part = len <= room ? len : entries_within(data, len, room);
		struct iovec iov;

		if (part == 0) {
			size_t first = entry_length(data, len);

			if (!logs_make_room(l, level, first))
				return false;
			room = logs_room(l, level);
			part = len <= room ? len : entries_within(data, len, room);
			if (part == 0)
				part = first;
		}
		iov = (struct iovec){data, part};
		if (!append(l, level, &iov, 1))
			return false;
		data += part;
		len -= part;
	}
	return true;
}

static bool
append_level(struct logs *l, const struct batch *b, enum level level)
{
	struct iovec iov[WRITER_GROUP_MAX];
	size_t n = 0;

	if (b->n == 1)
		return append_in_parts(
		    l, level, bytes_of(b, 0, level)->data, bytes_of(b, 0, level)->len);
	for (size_t i = 0; i < b->n; i++) {
		const struct buf *bytes = bytes_of(b, i, level);

		if (bytes->len > 0)
			iov[n++] = (struct iovec){bytes->data, bytes->len};
	}
	return append(l, level, iov, n);
}

/* All of the batch into all of its files, or nothing. A batch of several must fit without a
 * roll-over, behind which nothing can be cut back. */
static bool
write_whole(struct logs *l, const struct batch *b)
{
	size_t bytes[LEVEL_COUNT];
	bool good = true;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		bytes[i] = total_of(b, i);
		if (bytes[i] == 0)
			continue;
		if (!logs_ready(l, i) || (b->n > 1 && bytes[i] > logs_room(l, i)))
			return false;
	}
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		logfile_begin(&l->level[i].file);
	for (enum level i = 0; good && i < LEVEL_COUNT; i++)
		good = bytes[i] == 0 || append_level(l, b, i);
	for (enum level i = 0; !good && i < LEVEL_COUNT; i++) {
		if (!logfile_undo(&l->level[i].file))
			logs_report_write(l, i);
	}
	return good;
}

/* Together if that goes; else one by one, so that one that is too large, or of a level whose file
 * is broken, does not take the others with it. */
static void
write_batch(struct logs *l, const struct batch *b)
{
	bool together = b->n > 1 && write_whole(l, b);

	for (size_t i = 0; i < b->n; i++) {
		struct batch one = {.request = {b->request[i]}, .n = 1};
		bool good = together || write_whole(l, &one);

		b->request[i]->result = good ? COMMIT_DONE : COMMIT_FAILED;
	}
}

/* Writes those of the group that arrived from start up to end (seconds), and are not written
 * yet. */
static void
write_period(
    struct logs *l, struct commit_ticket *const requests[], size_t n, int64_t start, int64_t end)
{
	struct batch b;

	b.n = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t arrival = requests[i]->entries->arrival / NANOSECONDS;

		if (requests[i]->result == COMMIT_LATE && arrival >= start && arrival < end)
			b.request[b.n++] = requests[i];
	}
	if (b.n > 0)
		write_batch(l, &b);
}

static void
count(struct logs *l, const struct commit_entries *e)
{
	uint64_t bytes = 0;

	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		bytes += e->level[i].len;
		if (e->records[i] > 0)
			metrics_add(&l->metrics->records[i], e->records[i]);
	}
	metrics_add(&l->metrics->written_bytes, bytes);
}

void
writer_write(struct logs *l, struct commit_ticket *const requests[], size_t n, int64_t now)
{
	enum logs_time time = logs_take_time(l, now / NANOSECONDS);

	/* Late is who is in none of the periods that are written. */
	for (size_t i = 0; i < n; i++)
		requests[i]->result = COMMIT_LATE;
	if (time == LOGS_NEXT_PERIOD) {
		write_period(l, requests, n, l->period.start, l->period.end);
		logs_begin_period(l);
	}
	/* Who arrived after `now` saw the clock before it was set back: still in this period. */
	write_period(
	    l, requests, n, time == LOGS_SET_BACK ? INT64_MIN : l->period.start, INT64_MAX);

	bool safe = l->options->sync != SYNC_ALWAYS || sync_group(l);

	for (size_t i = 0; i < n; i++) {
		if (requests[i]->result != COMMIT_DONE)
			continue;
		if (safe)
			count(l, requests[i]->entries);
		else
			requests[i]->result = COMMIT_FAILED;
	}
	metrics_observe_group(l->metrics, n);
}
