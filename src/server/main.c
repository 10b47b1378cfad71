#include "base/budget.h"
#include "base/civil.h"
#include "base/confine.h"
#include "base/diag.h"
#include "base/metrics.h"
#include "base/program.h"
#include "base/service.h"
#include "base/zone.h"
#include "config.h"
#include "files/commit.h"
#include "kafka/publish.h"
#include "record/formatter.h"
#include "server/handler.h"
#include "server/settings.h"
#include "web/auth.h"
#include "web/fcgi.h"
#include "web/listener.h"
#include "web/threads.h"
#include "json/json.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define LARGE_BUFFER (256 * 1024)

/* With Kafka: lines of JSON are longer, and librdkafka has buffers of a MiB. */
#define LARGE_BUFFER_KAFKA (4 * 1024 * 1024)
#define KEEP_KAFKA	   (32 * 1024 * 1024)

/* What the main thread looks after while requests are served. */
struct serving {
	const struct handler *handler;
	struct threads *threads;
	bool failed; /* it ends by itself */
};

static void
tick(void *context)
{
	struct serving *s = context;

	auth_refresh(s->handler->auth);
	threads_tick(s->threads);
	if (!s->handler->sink.tick(s->handler->sink.self) && !s->failed) {
		/* Whoever supervises the server starts it anew. */
		diag_error("librdkafka has given up: the server ends");
		s->failed = true;
		raise(SIGTERM);
	}
}

static void
reload(void *context)
{
	const struct serving *s = context;

	auth_refresh(s->handler->auth);
	s->handler->sink.reopen(s->handler->sink.self);
}

static bool
reloaded(void *context)
{
	const struct serving *s = context;

	return s->handler->sink.reopened(s->handler->sink.self);
}

/* False: it has ended by itself. */
static bool
run_until_stopped(const struct handler *h, struct threads *threads, const struct settings *s)
{
	struct serving serving = {h, threads, false};
	char status[512];
	const struct service service = {.status = status,
	    .tick = tick,
	    .reload = reload,
	    .reloaded = reloaded,
	    .context = &serving};

	snprintf(status, sizeof(status), "version %s serves; the %s is %s", PACKAGE_VERSION,
	    s->kafka.brokers != NULL ? "topic" : "log folder",
	    s->kafka.brokers != NULL ? s->kafka.topic : s->logs.folder);
	service_run(&service);
	return !serving.failed;
}

/* What the records go to. False, with the reason in words. */
static bool
open_sink(struct sink *sink, const struct settings *s, struct metrics *m, char *error, size_t size)
{
#ifdef HAVE_KAFKA
	if (s->kafka.brokers != NULL) {
		struct publish *p = publish_open(&s->kafka, m, error, size);

		if (p != NULL)
			*sink = publish_sink(p);
		return p != NULL;
	}
#endif
	struct commit *c =
	    commit_open(&s->logs, (size_t)s->web.max_body * s->web.threads, m, error, size);

	if (c != NULL)
		*sink = commit_sink(c);
	return c != NULL;
}

/*
 * Large buffers come from the system and go back to it as soon as they are freed; glibc would
 * otherwise learn from the first to keep them. Of what is freed at the end of an arena, so much is
 * kept as usual batches take again and again: with Kafka, giving it back each time is a fifth of
 * the time that a record takes.
 */
static void
set_up_memory(bool kafka)
{
	/* No threads yet. */
	mallopt(M_MMAP_THRESHOLD, // NOLINT(concurrency-mt-unsafe)
	    kafka ? LARGE_BUFFER_KAFKA : LARGE_BUFFER);
	if (kafka)
		mallopt(M_TRIM_THRESHOLD, KEEP_KAFKA); // NOLINT(concurrency-mt-unsafe)
}

static int
serve(struct settings *s, const struct formatter *formatter, const char *socket_path)
{
	static struct metrics metrics;
	static struct budget budget;
	struct handler h = {.metrics = &metrics,
	    .budget = &budget,
	    .intake = {.formatter = formatter,
		.levels = s->logs.levels,
		.max_body = s->web.max_body,
		.budget = &budget,
		.marks = s->kafka.brokers != NULL}};
	struct threads *threads = NULL;
	struct listener listener;
	struct app app;
	bool good = false;
	char error[512];

	budget.max = s->max_memory;
	set_up_memory(s->kafka.brokers != NULL);
	json_init();
	if (!fcgi_init()) {
		diag_error("libfcgi cannot be started");
		return EXIT_FAILURE;
	}
	service_block_signals(); /* after libfcgi, which sets some up */

	h.auth = auth_open(&s->auth, "AUTH_TOKEN", error, sizeof(error));
	setting_forget(&auth_settings_group, &s->auth);
	if (h.auth == NULL)
		goto no_auth;
	if (!open_sink(&h.sink, s, &metrics, error, sizeof(error)))
		goto no_sink;
	h.repeats = repeats_new(REPEATS_CLIENTS, (size_t)s->web.max_body * s->web.threads);
	if (h.repeats == NULL) {
		snprintf(error, sizeof(error), "%s", diag_reason(ENOMEM));
		goto no_repeats;
	}
	if (listener_open(&listener, socket_path, error, sizeof(error)) < 0)
		goto no_listener;
	confine(s->kafka.brokers != NULL ? CONFINE_WRITES | CONFINE_CONNECTS : CONFINE_WRITES);
	app = handler_app(&h);
	if (h.sink.start(h.sink.self, error, sizeof(error)))
		threads = threads_start(&listener, s->web.threads, &app, error, sizeof(error));
	if (threads != NULL) {
		good = run_until_stopped(&h, threads, s);
		threads_stop(threads);
	}
	listener_close(&listener);
no_listener:
	repeats_free(h.repeats);
no_repeats:
	h.sink.close(h.sink.self);
no_sink:
	auth_close(h.auth);
no_auth:
	if (threads == NULL) {
		diag_error("%s", error);
		return EXIT_FAILURE;
	}
	diag_info("stopped");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	const struct program program = {
	    .name = "pbu-log-server",
	    .purpose =
		"Takes Python log records as FastCGI requests (from nginx) and appends them to\n"
		"info.log, error.log, warning.log and debug.log.\n",
	    .settings = settings_of,
	    .count = settings_count,
	};
	struct formatter formatter;
	struct buf why = BUF_INIT;
	struct settings settings;
	const char *socket_path;
	int status;

	diag_never_wait();
	status = program_begin(&program, argc, argv, &settings, &socket_path);
	if (status >= 0)
		return status;
	/* The format was checked before. To Kafka each record goes whole: LOG_FORMAT is for whoever
	 * writes it to a file. */
	if (!zone_set() || !formatter_compile(&formatter,
			       settings.kafka.brokers != NULL ? "json" : settings.format.line,
			       settings.format.date, &why)) {
		diag_error("out of memory");
		return EXIT_FAILURE;
	}
	civil_start(); /* records have times without a zone */
	status = serve(&settings, &formatter, socket_path);
	formatter_free(&formatter);
	buf_free(&why);
	return status;
}
