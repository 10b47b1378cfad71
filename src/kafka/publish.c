#include "kafka/publish_inside.h"

#include "base/clock.h"

#define WAIT_MAX (PUBLISH_WAIT_MS * (CLOCK_NS_PER_SECOND / 1000))

/* While the last tickets are waited for: how long before the clock is looked at. */
#define LAST_POLL_MS 100

/* How long brokers may think about the topic's settings. */
#define ASK_TIMEOUT_MS 10000

/* --- tickets that wait --- */

static struct ticket *
take_finished(struct publish *p)
{
	struct ticket *finished;

	pthread_mutex_lock(&p->mutex);
	finished = p->finished;
	p->finished = NULL;
	pthread_mutex_unlock(&p->mutex);
	return finished;
}

static void
wait_for_room(struct publish *p, struct ticket *t, bool first)
{
	metrics_add(&p->metrics->kafka_waiting, 1);
	pthread_mutex_lock(&p->mutex);
	if (first) {
		t->next = p->waiting;
		if (p->waiting == NULL)
			p->waiting_end = &t->next;
		p->waiting = t;
	} else {
		t->next = NULL;
		*p->waiting_end = t;
		p->waiting_end = &t->next;
	}
	pthread_mutex_unlock(&p->mutex);
}

/* The one that has waited longest; NULL: none does. */
static struct ticket *
take_waiting(struct publish *p)
{
	struct ticket *t;

	pthread_mutex_lock(&p->mutex);
	t = p->waiting;
	if (t != NULL)
		p->waiting = t->next;
	if (p->waiting == NULL)
		p->waiting_end = &p->waiting;
	pthread_mutex_unlock(&p->mutex);
	if (t != NULL)
		metrics_subtract(&p->metrics->kafka_waiting, 1);
	return t;
}

static bool
is_late(const struct ticket *t)
{
	return clock_monotonic_ns() - t->progress.begun > WAIT_MAX;
}

/* Goes on with those that wait, as far as there is room; those that have waited too long, and all
 * when no broker can be reached or none acknowledges, are given up. Returns the finished ones. */
static struct ticket *
serve_waiting(struct publish *p)
{
	struct ticket *finished = NULL, *t;
	bool down = publish_state_down(&p->state), silent = publish_state_silent(&p->state);

	while ((t = take_waiting(p)) != NULL) {
		if (down || silent || is_late(t))
			publish_set_error(
			    t, down ? KAFKA_ALL_BROKERS_DOWN : KAFKA_MESSAGE_TIMED_OUT);
		else if (!publish_has_room(p) || !publish_hand_over(p, t)) {
			wait_for_room(p, t, true);
			break;
		}
		if (publish_release(p, t, 1)) {
			t->next = finished;
			finished = t;
		}
	}
	return finished;
}

/* Two lists as one. */
static struct ticket *
join(struct ticket *list, struct ticket *rest)
{
	struct ticket **end = &list;

	while (*end != NULL)
		end = &(*end)->next;
	*end = rest;
	return list;
}

/* --- the sink --- */

static bool
has_failed(const struct entries *e)
{
	bool failed = e->marks.failed || e->keys.failed;

	for (int i = 0; i < LEVEL_COUNT; i++)
		failed = failed || e->level[i].failed;
	return failed;
}

/* Whether it is finished before it begins. */
static bool
is_settled(struct publish *p, struct ticket *t)
{
	t->next = NULL;
	t->why = NULL;
	t->result = TICKET_FAILED;
	if (has_failed(t->entries))
		return true;
	if (t->entries->marks.len == 0) {
		t->result = TICKET_DONE;
		return true;
	}
	if (!publish_state_fits(&p->state, t->entries, &t->which)) {
		t->result = TICKET_TOO_LARGE;
		t->why = "larger than the topic takes (its max.message.bytes)";
		return true;
	}
	if (publish_state_down(&p->state)) {
		t->why = publish_why(KAFKA_ALL_BROKERS_DOWN);
		return true;
	}
	return false;
}

static struct ticket *
submit(void *self, struct ticket *t)
{
	struct publish *p = self;

	if (is_settled(p, t))
		return t;
	publish_begin(p, t);
	/* Nobody overtakes those that wait. */
	if (atomic_load(&p->metrics->kafka_waiting) > 0 || !publish_has_room(p) ||
	    !publish_hand_over(p, t)) {
		wait_for_room(p, t, false);
		/* The last acknowledgement may have come before it waited. */
		return publish_has_room(p) ? serve_waiting(p) : NULL;
	}
	return publish_release(p, t, 1) ? t : NULL;
}

static void
call(struct publish *p)
{
	pthread_mutex_lock(&p->mutex);
	/* Under the mutex: once wake_by() has taken it back, nobody is called. */
	if (p->wake != NULL)
		p->wake(p->wake_context);
	pthread_mutex_unlock(&p->mutex);
}

static struct ticket *
resume(void *self, bool last)
{
	struct publish *p = self;
	struct ticket *finished;
	bool more = kafka_poll(p->kafka, 0);

	finished = join(serve_waiting(p), take_finished(p));
	while (last && finished == NULL && atomic_load(&p->unfinished) > 0) {
		kafka_poll(p->kafka, LAST_POLL_MS);
		finished = join(serve_waiting(p), take_finished(p));
	}
	if (more)
		call(p);
	return finished;
}

static void
wake_by(void *self, sink_wake *wake, void *context)
{
	struct publish *p = self;

	pthread_mutex_lock(&p->mutex);
	p->wake = wake;
	p->wake_context = context;
	pthread_mutex_unlock(&p->mutex);
	kafka_wake_by(p->kafka, wake, context);
	/* What came before is called for by nobody. */
	call(p);
}

static bool
ready(void *self, char *why, size_t size)
{
	struct publish *p = self;

	return publish_state_ready(&p->state, why, size);
}

static bool
tick(void *self)
{
	struct publish *p = self;
	bool waits;

	/* Those that wait for room may have waited too long, and nothing come for them. */
	pthread_mutex_lock(&p->mutex);
	waits = p->waiting != NULL;
	pthread_mutex_unlock(&p->mutex);
	if (waits)
		call(p);
	if (publish_state_asks(&p->state))
		kafka_ask_topic(p->kafka, p->topic, ASK_TIMEOUT_MS);
	return !publish_state_fatal(&p->state);
}

/* There is nothing to be opened again: librdkafka connects by itself. */
static void
reopen(void *self)
{
	(void)self;
}

static bool
reopened(void *self)
{
	(void)self;
	return true;
}

static bool
start(void *self, char *error, size_t size)
{
	struct publish *p = self;

	return kafka_start_producer(p->kafka, error, size) &&
	       kafka_open_topic(p->kafka, p->topic, error, size);
}

static void
close_publish(void *self)
{
	publish_close(self);
}

struct sink
publish_sink(struct publish *p)
{
	return (struct sink){
	    .self = p,
	    .wake_by = wake_by,
	    .start = start,
	    .submit = submit,
	    .resume = resume,
	    .ready = ready,
	    .tick = tick,
	    .reopen = reopen,
	    .reopened = reopened,
	    .close = close_publish,
	};
}
