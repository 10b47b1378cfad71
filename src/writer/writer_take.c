#include "writer/writer_inside.h"

#include "base/clock.h"
#include "base/diag.h"
#include "kafka/batch.h"
#include "writer/rejected.h"

#include <inttypes.h>

/* The header of that name; an empty one where there is none. */
static const char *
header(struct writer *w, const struct kafka_message *m, const char *name, size_t *len)
{
	const void *value;

	if (!kafka_message_header(w->kafka, m, name, &value, len) || value == NULL) {
		*len = 0;
		return "";
	}
	return value;
}

static struct batch_parts
batch_of(struct writer *w, const struct kafka_message *m)
{
	size_t len;
	const char *text = header(w, m, BATCH_HEADER, &len);

	return batch_split(text, len);
}

/* What tells it from others, when it comes again. */
static bool
key_of(struct writer *w, const struct kafka_message *m, struct seen_key *key)
{
	struct batch_parts batch = batch_of(w, m);

	key->partition = m->partition;
	return batch.key_len > 0 &&
	       seen_key_parse(batch.key, batch.key_len, batch.index, batch.index_len, key);
}

static bool
wait_for_memory(struct writer *w)
{
	diag_warn_limited(&w->memory_limit, "there is no memory for a message: waiting");
	return writer_wait(w);
}

/*
 * Sees to it that the entry that was appended last to the pending ones of the level, from `before`
 * on, fits into the level's file: files are rolled over between messages, when all that came before
 * is written.
 */
static bool
fit(struct writer *w, enum level level, size_t before)
{
	struct buf *b = &w->pending.level[level];
	size_t bytes = b->len - before;

	if (b->len <= levelfile_room(&w->store.logs.level[level]))
		return true;
	if (before == 0 && store_room(&w->store, level) >= bytes)
		return true;
	for (;;) {
		buf_clear(&w->tail, WRITER_BYTES);
		buf_append(&w->tail, b->data + before, bytes);
		if (!w->tail.failed)
			break;
		if (!wait_for_memory(w))
			return false;
	}
	b->len = before;
	w->pending.records[level]--;
	if (!writer_flush(w))
		return false;
	while (store_room(&w->store, level) < bytes && !store_make_room(&w->store, level, bytes)) {
		if (!writer_wait(w))
			return false;
	}
	while (!buf_reserve(b, bytes)) {
		b->failed = false;
		if (!wait_for_memory(w))
			return false;
	}
	buf_append(b, w->tail.data, bytes);
	w->pending.records[level]++;
	w->pending_bytes += bytes;
	return true;
}

/* Notes why it can't be used, and all of it. */
static bool
reject(struct writer *w, const struct kafka_message *m, const char *why)
{
	const struct rejected r = {.topic = w->settings.store.topic,
	    .partition = m->partition,
	    .offset = m->offset,
	    .why = why,
	    .key = m->key,
	    .key_len = m->key_len,
	    .value = m->len > 0 ? m->value : "",
	    .value_len = m->len};
	size_t before = w->rejected.len;

	diag_warn_limited(&w->rejected_limit,
	    "a message is no record, and goes to %s: partition %" PRId32 ", offset %" PRId64 ": %s",
	    STORE_REJECTED, m->partition, m->offset, why);
	w->counts.rejected++;
	for (;;) {
		rejected_write(&w->rejected, &r, clock_now_ns());
		if (!w->rejected.failed)
			return true;
		w->rejected.len = before;
		w->rejected.failed = false;
		if (!wait_for_memory(w))
			return false;
	}
}

/* Renders it, and puts it with what is pending. */
static bool
place(struct writer *w, const struct kafka_message *m)
{
	struct batch_parts batch = batch_of(w, m);
	struct message message = {
	    .value = m->len > 0 ? m->value : "", .len = m->len, .timestamp = m->timestamp};
	size_t before[LEVEL_COUNT];
	enum message_status status;
	enum level level;
	char why[512];

	message.added = batch.added;
	message.added_len = batch.added_len;
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		before[i] = w->pending.level[i].len;
	while ((status = message_take(w->intake, &message, &w->pending, &level, why,
		    sizeof(why))) == MESSAGE_NO_MEMORY) {
		if (!wait_for_memory(w))
			return false;
	}
	switch (status) {
	case MESSAGE_DROPPED: w->counts.dropped++; return true;
	case MESSAGE_REJECTED: return reject(w, m, why);
	default: break;
	}
	w->pending_bytes += w->pending.level[level].len - before[level];
	return fit(w, level, before[level]);
}

bool
writer_take(struct writer *w, const struct kafka_message *m)
{
	struct partition *p = partitions_get(&w->store.partitions, m->partition);
	struct seen_key key;
	bool named;

	if (p == NULL || !writer_expects(w, p, m))
		return true;
	named = key_of(w, m, &key);
	if (named && (seen_known(w->store.seen, &key) || seen_known(w->fresh, &key)))
		w->counts.repeated++;
	else if (!place(w, m))
		return false;
	else if (named)
		seen_note(w->fresh, &key);
	p->taken = m->offset + 1;
	p->taken_timestamp = m->timestamp;
	return w->pending_bytes + w->rejected.len < WRITER_BYTES || writer_flush(w);
}
