#include "writer/writer.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "writer/writer_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* LOG_FSYNC=everysec, as the server has it: twice a second. */
#define ROUND	 (CLOCK_NS_PER_SECOND / 2)
#define ROUND_MS 500

/* Messages are waited for that long, unless KAFKA_CONSUME_MAX come before. */
#define CONSUME_MS 100

/* How long the end waits for the client to close. */
#define LEAVE_MS 5000

/* Records nest a thousand deep, and the parts walk them. */
#define STACK_BYTES ((size_t)4 * 1024 * 1024)

/* Memory that is kept from batch to batch. */
#define KEEP_BYTES WRITER_BYTES

/* --- what is pending --- */

static void
clear_pending(struct writer *w)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++) {
		buf_clear(&w->pending.level[i], KEEP_BYTES);
		w->pending.records[i] = 0;
	}
	buf_clear(&w->rejected, KEEP_BYTES);
	w->pending_bytes = 0;
}

void
writer_give_up(struct writer *w)
{
	clear_pending(w);
	seen_clear(w->fresh);
	partitions_give_up(&w->store.partitions);
}

static bool
must_end(struct writer *w)
{
	return atomic_load(&w->stop) || atomic_load(&w->failed) || w->store.sync_failed;
}

static void
pause_all(struct writer *w, bool pause)
{
	const struct partitions *all = &w->store.partitions;
	size_t count = 0;

	for (size_t i = 0; i < all->count && count < WRITER_PLACES; i++) {
		if (all->of[i]->assigned)
			w->places[count++] = (struct kafka_place){all->of[i]->id, 0};
	}
	kafka_pause(w->kafka, w->settings.store.topic, w->places, count, pause);
	w->paused = pause;
}

void
writer_resume(struct writer *w)
{
	if (w->paused)
		pause_all(w, false);
}

bool
writer_wait(struct writer *w)
{
	struct kafka_message unwanted[1];
	long n;

	if (must_end(w)) {
		writer_give_up(w);
		return false;
	}
	/* The group has to hear of the writer all the same. */
	if (!w->paused)
		pause_all(w, true);
	w->abandon = false;
	n = kafka_consume(w->kafka, unwanted, 1, ROUND_MS);
	if (n > 0) {
		if (unwanted[0].error != KAFKA_GOOD)
			writer_trouble(w, &unwanted[0]);
		else
			w->slipped = true;
		kafka_messages_free(w->kafka, unwanted, (size_t)n);
	}
	if (w->abandon)
		return false;
	store_round(&w->store, false);
	writer_put_metrics(w);
	return true;
}

bool
writer_flush(struct writer *w)
{
	if (w->pending_bytes > 0 || w->rejected.len > 0) {
		while (!store_append(&w->store, &w->pending, &w->rejected)) {
			if (!writer_wait(w))
				return false;
		}
	}
	seen_merge(w->store.seen, w->fresh);
	if (partitions_written(&w->store.partitions))
		w->store.changed = true;
	clear_pending(w);
	return true;
}

/* --- the thread --- */

void
writer_fail(struct writer *w)
{
	if (atomic_exchange(&w->failed, true))
		return;
	/* It waits for that signal, as for one of the operator's. */
	pthread_kill(w->caller, SIGTERM); // NOLINT(bugprone-bad-signal-to-kill-thread,cert-pos44-c)
}

void
writer_failed(struct writer *w, int error)
{
	diag_error_limited(&w->failed_limit, "Kafka: %s", kafka_error_text(w->kafka, error));
	if (error != KAFKA_FATAL)
		return;
	/* The client is of no use any more. */
	diag_error("the group does not take this writer: it was not heard of for too long, or "
		   "another has its name (KAFKA_INSTANCE=%s); a new start goes on",
	    w->settings.instance);
	writer_fail(w);
}

static void
on_failure(void *context, int error)
{
	writer_failed(context, error);
}

static void
take_all(struct writer *w, size_t n)
{
	bool good = true;

	if (n > 0)
		store_take_time(&w->store);
	for (size_t i = 0; i < n && good; i++) {
		if (w->messages[i].error != KAFKA_GOOD)
			writer_trouble(w, &w->messages[i]);
		else
			good = writer_take(w, &w->messages[i]);
	}
	if (good)
		writer_flush(w);
	kafka_messages_free(w->kafka, w->messages, n);
}

static void
do_round(struct writer *w)
{
	unsigned long asked = atomic_load(&w->reopen_asked);

	if (store_checkpoint(&w->store))
		writer_commit(w, false);
	store_round(&w->store, asked != atomic_load(&w->reopen_done));
	atomic_store(&w->reopen_done, asked);
	writer_put_metrics(w);
}

static void
end(struct writer *w)
{
	if (w->store.sync_failed) {
		/* What the kernel has dropped comes from the topic again. */
		diag_error("the disk could not be synced: a new start goes on from the checkpoint");
		writer_fail(w);
		return;
	}
	/* Brokers may be away; the checkpoint has it. */
	if (store_checkpoint(&w->store))
		writer_commit(w, true);
	writer_put_metrics(w);
}

static void *
run(void *arg)
{
	struct writer *w = arg;

	w->round_due = clock_monotonic_ns() + ROUND;
	while (!must_end(w)) {
		long n;

		writer_resume(w);
		n = kafka_consume(w->kafka, w->messages, KAFKA_CONSUME_MAX, CONSUME_MS);
		take_all(w, n > 0 ? (size_t)n : 0);
		writer_mend(w);
		if (w->store.sync == SYNC_ALWAYS && store_checkpoint(&w->store))
			writer_commit(w, false);
		if (clock_monotonic_ns() >= w->round_due) {
			do_round(w);
			w->round_due = clock_monotonic_ns() + ROUND;
		}
	}
	end(w);
	if (!kafka_leave(w->kafka, LEAVE_MS))
		diag_warn("the brokers don't answer: the group is not told that this writer ends");
	return NULL;
}

/* --- for the main thread --- */

static bool
set_up(struct writer *w, char *error, size_t size)
{
	const struct writer_setup *s = &w->settings;
	static const struct kafka_property defaults[] = {
	    {"client.id", "pbu-log-writer"},
	    {"topic.metadata.refresh.interval.ms", "10000"},
	    {"reconnect.backoff.max.ms", "1000"},
	    {"log.connection.close", "false"},
	    /* Sets come packed, and are unpacked as they come, whole: what is asked for at a time
	     * may become a hundred times as much. So little is asked for of a partition. */
	    {"fetch.message.max.bytes", "65536"},
	    {"fetch.max.bytes", "1000000"},
	    /* What waits to be taken, unpacked. When there is that much, librdkafka 2.0.2 looks
	     * again after a second: less than a second's work would leave the writer without. */
	    {"queued.min.messages", "400000"},
	    {"queued.max.messages.kbytes", "196608"},
	    {NULL, NULL},
	};
	const struct kafka_property own[] = {
	    {"bootstrap.servers", s->brokers},
	    {"group.id", s->store.group},
	    {"group.instance.id", s->instance},
	    {"enable.auto.commit", "false"},
	    {"enable.auto.offset.store", "false"},
	    {"auto.offset.reset", "error"},
	    {"check.crcs", "true"},
	    {"partition.assignment.strategy", "range,roundrobin"},
	    {"allow.auto.create.topics", "false"},
	    {NULL, NULL},
	};
	const struct kafka_events events = {.context = w,
	    .failed = on_failure,
	    .rebalanced = writer_rebalanced,
	    .committed = writer_committed};
	struct buf mistakes = BUF_INIT;

	w->kafka = kafka_new(defaults, s->file, own, &events, &mistakes);
	if (w->kafka == NULL)
		snprintf(error, size, "%.*s", (int)(mistakes.len > 0 ? mistakes.len - 1 : 0),
		    mistakes.data);
	buf_free(&mistakes);
	return w->kafka != NULL;
}

static void
release(struct writer *w)
{
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		buf_free(&w->pending.level[i]);
	buf_free(&w->rejected);
	buf_free(&w->tail);
	seen_free(w->fresh);
	message_intake_free(w->intake);
	kafka_free(w->kafka);
	free(w);
}

struct writer *
writer_open(const struct writer_setup *settings, char *error, size_t size)
{
	struct writer *w = calloc(1, sizeof(*w));

	snprintf(error, size, "%s", diag_reason(ENOMEM));
	if (w == NULL)
		return NULL;
	w->settings = *settings;
	w->message_settings =
	    (struct message_settings){settings->formatter, settings->store.logs.levels};
	w->intake = message_intake_new(&w->message_settings);
	w->fresh = seen_new();
	if (w->intake == NULL || w->fresh == NULL || !set_up(w, error, size) ||
	    !store_open(&w->store, &settings->store, &w->metrics, error, size)) {
		release(w);
		return NULL;
	}
	return w;
}

bool
writer_start(struct writer *w, char *error, size_t size)
{
	int failed;

	w->caller = pthread_self();
	if (!kafka_start_consumer(w->kafka, error, size) ||
	    !kafka_subscribe(w->kafka, w->settings.store.topic, error, size))
		return false;
	failed = thread_start(&w->thread, STACK_BYTES, run, w);
	w->started = failed == 0;
	if (!w->started)
		snprintf(error, size, "can't start the thread: %s", diag_reason(failed));
	return w->started;
}

void
writer_reopen(struct writer *w)
{
	atomic_fetch_add(&w->reopen_asked, 1);
}

bool
writer_reopened(struct writer *w)
{
	return atomic_load(&w->reopen_asked) == atomic_load(&w->reopen_done);
}

bool
writer_close(struct writer *w)
{
	bool good;

	atomic_store(&w->stop, true);
	if (w->started)
		pthread_join(w->thread, NULL);
	good = !atomic_load(&w->failed);
	store_close(&w->store);
	release(w);
	return good;
}
