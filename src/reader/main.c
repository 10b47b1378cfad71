#include "base/civil.h"
#include "base/confine.h"
#include "base/diag.h"
#include "base/metrics.h"
#include "base/program.h"
#include "base/service.h"
#include "base/zone.h"
#include "config.h"
#include "reader/handler.h"
#include "reader/peer_head.h"
#include "reader/session.h"
#include "reader/settings.h"
#include "web/auth.h"
#include "web/fcgi.h"
#include "web/listener.h"
#include "web/threads.h"
#include "json/json.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Windows of files are larger. */
#define LARGE_BUFFER (64 * 1024)

/* Of malloc(3): each keeps what its threads gave back. */
#define ARENAS 2

/* Beyond it memory runs out for the reader alone, and it can say so: the system need not choose
 * whom to kill. Dozens of times what it takes. */
#define MEMORY_MAX ((rlim_t)512 * 1024 * 1024)

/* They answer what takes microseconds, and begin what takes longer. */
#define WEB_THREADS 2

/* Queries that are under way at a time, those of them that do not wait for their peers, and those
 * that may wait to begin; downloads likewise. */
#define QUERY_THREADS	  16
#define QUERIES_AT_WORK	  4
#define QUERIES_WAITING	  32
#define DOWNLOAD_THREADS  4
#define DOWNLOADS_AT_WORK 2
#define DOWNLOADS_WAITING 8

/* Who follows has to come again after so many ticks, an hour: a session may have ended since. */
#define FOLLOWING_TICKS (60 * 60 * 2)

/* What the main thread looks after while requests are served. */
struct serving {
	const struct access *access;
	struct tail *tail;
	struct threads *threads;
	unsigned following; /* ticks that are left to those who follow now */
};

static void
refresh_tokens(struct serving *s)
{
	auth_refresh(s->access->write);
	/* Now, and once more for those who were let in just before. */
	if (auth_refresh(s->access->read)) {
		tail_dismiss(s->tail);
		s->following = 1;
	}
}

static void
tick(void *context)
{
	struct serving *s = context;

	refresh_tokens(s);
	if (s->following-- == 0) {
		tail_dismiss(s->tail);
		s->following = FOLLOWING_TICKS;
	}
	threads_tick(s->threads);
}

static void
reload(void *context)
{
	refresh_tokens(context);
}

static bool
reloaded(void *context)
{
	(void)context;
	return true;
}

static void
run_until_stopped(const struct reader_handler *h, struct threads *threads)
{
	struct serving serving = {&h->access, h->tail, threads, FOLLOWING_TICKS};
	char status[512];
	const struct service service = {.status = status,
	    .tick = tick,
	    .reload = reload,
	    .reloaded = reloaded,
	    .context = &serving};

	snprintf(status, sizeof(status), "version %s reads; the log folder is %s", PACKAGE_VERSION,
	    h->folder);
	service_run(&service);
}

static void
limit_memory(void)
{
/* Which take memory of their own. */
#ifndef WITH_SANITIZERS
	const struct rlimit limit = {MEMORY_MAX, MEMORY_MAX};

	if (setrlimit(RLIMIT_DATA, &limit) < 0)
		diag_warn("memory cannot be limited: %s", diag_reason(errno));
#endif
}

/* NULL, with the reason in words. The secrets leave the environment either way. */
static struct auth *
open_tokens(const struct setting_group *group, struct auth_settings *settings, const char *name,
    char *error, size_t size)
{
	struct auth *auth = auth_open(settings, name, error, size);

	setting_forget(group, settings);
	return auth;
}

/* False, with the reason in words; those that were started are to be stopped either way. */
static bool
start_pools(struct reader_handler *h, char *error, size_t size)
{
	const bool asks = h->reading.peers != NULL;

	h->queries = pool_start(QUERY_THREADS, QUERIES_AT_WORK, QUERIES_WAITING, error, size);
	if (h->queries == NULL)
		return false;
	h->downloads =
	    pool_start(DOWNLOAD_THREADS, DOWNLOADS_AT_WORK, DOWNLOADS_WAITING, error, size);
	if (h->downloads == NULL || !asks)
		return h->downloads != NULL;
	h->asked_queries = pool_start(QUERY_THREADS, QUERIES_AT_WORK, QUERIES_WAITING, error, size);
	if (h->asked_queries == NULL)
		return false;
	/* Each of those who ask may have as many under way as this one, which mostly wait. */
	h->asked_downloads =
	    pool_start(QUERY_THREADS, DOWNLOADS_AT_WORK, QUERIES_WAITING, error, size);
	return h->asked_downloads != NULL;
}

static int
serve(struct reader_settings *s, const struct entry_parser *parser, const char *socket_path)
{
	static struct metrics web_metrics;
	static struct reader_metrics metrics;
	char peer_header[80];
	struct reader_handler h = {.folder = s->folder,
	    .reading = {.library = library_new(s->folder, parser),
		.parser = parser,
		.levels = s->levels,
		.timeout = s->timeout,
		.metrics = &metrics,
		.peer_header = peer_header},
	    .metrics = &web_metrics};
	struct threads *threads = NULL;
	struct listener listener;
	struct app app;
	char error[512];

	/* Large buffers come from the system and go back to it as soon as they are freed; glibc
	 * would otherwise learn from the first to keep them. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER); // NOLINT(concurrency-mt-unsafe): no threads yet
	mallopt(M_ARENA_MAX, ARENAS);		 // NOLINT(concurrency-mt-unsafe)
	limit_memory();
	json_init();
	if (!session_init() || !fcgi_init()) {
		diag_error("libsodium or libfcgi cannot be started");
		return EXIT_FAILURE;
	}
	service_block_signals(); /* after libfcgi, which sets some up */

	h.access.write =
	    open_tokens(&auth_settings_group, &s->write, "AUTH_TOKEN", error, sizeof(error));
	h.access.read =
	    open_tokens(&auth_read_settings_group, &s->read, "READ_TOKEN", error, sizeof(error));
	if (h.access.write == NULL || h.access.read == NULL)
		goto no_access;
	if (h.reading.library == NULL) {
		snprintf(error, sizeof(error), "out of memory");
		goto no_access;
	}
	h.reading.peers = peers_new(&s->peers, error, sizeof(error));
	setting_forget(&peers_settings_group, &s->peers);
	if (error[0] != '\0')
		goto no_access;
	snprintf(peer_header, sizeof(peer_header), PEER_HEAD_NAME ": %d %s\r\n", PEER_HEAD_VERSION,
	    h.reading.peers != NULL ? h.reading.peers->word : "-");
	if (listener_open(&listener, socket_path, error, sizeof(error)) < 0)
		goto no_access;
	confine(CONFINE_READS | (h.reading.peers != NULL ? CONFINE_CONNECTS : 0));
	app = reader_app(&h);
	if (start_pools(&h, error, sizeof(error)))
		h.tail =
		    tail_start(&h.reading, s->folder, &tail_usual_limits, error, sizeof(error));
	if (h.tail != NULL)
		threads = threads_start(&listener, WEB_THREADS, &app, error, sizeof(error));
	if (threads != NULL) {
		run_until_stopped(&h, threads);
		threads_stop(threads);
	}
	/* With all that was begun. */
	if (h.tail != NULL)
		tail_stop(h.tail);
	pool_stop(h.queries);
	pool_stop(h.downloads);
	pool_stop(h.asked_queries);
	pool_stop(h.asked_downloads);
	listener_close(&listener);
no_access:
	peers_free(h.reading.peers);
	library_free(h.reading.library);
	auth_close(h.access.read);
	auth_close(h.access.write);
	if (threads == NULL) {
		diag_error("%s", error);
		return EXIT_FAILURE;
	}
	diag_info("stopped");
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const struct program program = {
	    .name = "pbu-log-reader",
	    .purpose =
		"Searches and follows the log files of pbu-log-server, and answers by FastCGI\n"
		"(to nginx). It never writes to them.\n",
	    .settings = reader_settings_of,
	    .count = reader_settings_count,
	};
	struct entry_parser *parser;
	struct buf why = BUF_INIT;
	struct reader_settings settings;
	const char *socket_path;
	int status;

	diag_never_wait();
	status = program_begin(&program, argc, argv, &settings, &socket_path);
	if (status >= 0)
		return status;
	parser = entry_parser_new(settings.format.line, settings.format.date, &why);
	/* The format was checked before. */
	if (!zone_set() || parser == NULL) {
		diag_error("out of memory");
		return EXIT_FAILURE;
	}
	civil_start();
	status = serve(&settings, parser, socket_path);
	entry_parser_free(parser);
	buf_free(&why);
	return status;
}
