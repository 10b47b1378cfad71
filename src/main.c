#include "buf.h"
#include "config.h"
#include "confine.h"
#include "diag.h"
#include "files/commit.h"
#include "metrics.h"
#include "notify.h"
#include "options.h"
#include "record/formatter.h"
#include "record/json.h"
#include "web/auth.h"
#include "web/fcgi.h"
#include "web/handler.h"
#include "web/listener.h"
#include "web/workers.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Exit statuses: 1 when something went wrong, 2 when a setting or an argument is wrong. */
#define EXIT_USAGE   2

#define TICK_NS	     500000000L

#define LARGE_BUFFER (256 * 1024)

struct arguments {
	const char *socket_path;
	bool check;
};

static void
print_help(void)
{
	puts("Usage: pbu-log-server [--socket PATH] [--check]\n"
	     "\n"
	     "Takes Python log records as FastCGI requests (from nginx) and appends them to\n"
	     "info.log, error.log, warning.log and debug.log.\n"
	     "\n"
	     "  -s, --socket PATH  listen on a unix socket of its own (mode 0660); without it,\n"
	     "                     descriptor 0 is the listening socket (spawn-fcgi, systemd)\n"
	     "  -c, --check        print the settings and every mistake in them, and exit\n"
	     "  -h, --help         print this\n"
	     "  -V, --version      print the version\n"
	     "\n"
	     "Settings are environment variables:\n"
	     "  LOG_FOLDER          where the files go (./_logs)\n"
	     "  AUTH_TOKEN          the token that clients must send (none: no authentication)\n"
	     "  AUTH_TOKEN_FILE     a file of tokens, one a line, read again when it changes\n"
	     "  ENABLED_LOG_LEVELS  of DEBUG,INFO,WARNING,ERROR (INFO,ERROR)\n"
	     "  LOG_FORMAT          Python's format of a line, or json\n"
	     "                      (%(asctime)s %(levelname)s:%(name)s %(message)s)\n"
	     "  LOG_DATE_FORMAT     strftime format of asctime (Python's default)\n"
	     "  LOG_ROTATE          daily, hourly or never (daily)\n"
	     "  LOG_MAX_BYTES       roll over at this size, too (0: no limit)\n"
	     "  LOG_BACKUP_COUNT    rolled-over files kept for each level (30; 0: all)\n"
	     "  LOG_FSYNC           no, everysec or always (everysec)\n"
	     "  MAX_BODY_BYTES      the largest request body (16777216)\n"
	     "  THREADS             requests handled at a time (processors + 1, at least 3)\n"
	     "  PORT                where nginx listens; checked here, used by start.sh (4999)\n"
	     "\n"
	     "SIGTERM and SIGINT end it after the requests under way; SIGHUP reopens the files\n"
	     "and reads the tokens again. Exit status: 0; 1 on an error; 2 for a wrong setting.");
}

/* The arguments; does not return when they are wrong or ask for a text only. There are no threads
 * yet that getopt_long() or exit() could disturb. */
// NOLINTBEGIN(concurrency-mt-unsafe)
static struct arguments
read_arguments(int argc, char **argv)
{
	static const struct option long_options[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"check", no_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	struct arguments a = {0};
	int c;

	while ((c = getopt_long(argc, argv, "s:chV", long_options, NULL)) != -1) {
		switch (c) {
		case 's': a.socket_path = optarg; break;
		case 'c': a.check = true; break;
		case 'h': print_help(); exit(EXIT_SUCCESS);
		case 'V': puts(PACKAGE_NAME " " PACKAGE_VERSION); exit(EXIT_SUCCESS);
		default: fputs("Try pbu-log-server --help.\n", stderr); exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pbu-log-server: what is \"%s\"? Try --help.\n", argv[optind]);
		exit(EXIT_USAGE);
	}
	return a;
}
// NOLINTEND(concurrency-mt-unsafe)

/* Says each line of text as a message of its own. */
static void
say_lines(struct buf *text, void (*say)(const char *format, ...) DIAG_PRINTF(1, 2))
{
	char *line, *rest = NULL;

	if (text->len == 0 && !text->failed)
		return;
	buf_putc(text, '\0');
	if (text->failed) {
		say("out of memory");
		return;
	}
	for (line = strtok_r(text->data, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		say("%s", line);
}

/* The settings, with every mistake said; false when there is one. */
static bool
read_options(struct options *o)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	char error[512];
	bool good = options_read(o, &mistakes, &warnings);

	/* Whether the tokens can be read is part of the configuration. */
	struct auth *auth = auth_open(o, error, sizeof(error));
	if (auth == NULL) {
		buf_printf(&mistakes, "%s\n", error);
		good = false;
	}
	auth_close(auth);
	say_lines(&warnings, diag_warn);
	say_lines(&mistakes, diag_error);
	buf_free(&warnings);
	buf_free(&mistakes);
	return good;
}

static int
check(const struct options *o, bool good)
{
	struct buf text = BUF_INIT;
	bool shown;

	options_describe(o, &text);
	shown = !text.failed && fwrite(text.data, 1, text.len, stdout) == text.len &&
		fflush(stdout) == 0;
	if (!shown)
		diag_error("the settings cannot be printed: %s", diag_reason(errno));
	buf_free(&text);
	if (!good)
		return EXIT_USAGE;
	return shown ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Handles signals and keeps house, twice a second, until it is time to stop. */
static void
run_until_stopped(const sigset_t *signals, const struct handler *h, struct workers *workers)
{
	char status[512];

	snprintf(status, sizeof(status), "version %s serves; the log folder is %s", PACKAGE_VERSION,
	    h->options->log_folder);
	diag_info("%s", status);
	notify_ready(status);
	for (;;) {
		struct timespec timeout = {0, TICK_NS};
		int signal = sigtimedwait(signals, NULL, &timeout);

		if (signal == SIGTERM || signal == SIGINT)
			break;
		if (signal == SIGHUP) {
			notify_reloading();
			commit_reopen(h->commit);
		}
		auth_refresh(h->auth);
		if (signal == SIGHUP)
			notify_ready(status);
		commit_tick(h->commit);
		workers_tick(workers);
	}
	notify_stopping();
}

static int
serve(struct options *o, const struct formatter *formatter, const char *socket_path)
{
	static struct metrics metrics;
	struct handler h = {.options = o, .formatter = formatter, .metrics = &metrics};
	struct workers *workers = NULL;
	struct listener listener;
	char error[512];
	sigset_t signals;

	/* Large buffers come from the system and go back to it as soon as they are freed; glibc
	 * would otherwise learn from the first to keep them. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER); // NOLINT(concurrency-mt-unsafe): no threads yet
	json_init();
	if (!fcgi_init()) {
		diag_error("libfcgi cannot be started");
		return EXIT_FAILURE;
	}
	/* Every thread runs with signals blocked; the main one waits for them. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1); /* libfcgi would take it for a request to stop */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	h.auth = auth_open(o, error, sizeof(error));
	options_forget_token(o);
	if (h.auth == NULL)
		goto no_auth;
	h.commit = commit_open(o, &metrics, error, sizeof(error));
	if (h.commit == NULL)
		goto no_commit;
	if (listener_open(&listener, socket_path, error, sizeof(error)) < 0)
		goto no_listener;
	confine();
	workers = workers_start(listener.fd, o->threads, &h, error, sizeof(error));
	if (workers != NULL) {
		run_until_stopped(&signals, &h, workers);
		workers_stop(workers);
	}
	listener_close(&listener);
no_listener:
	commit_close(h.commit);
no_commit:
	auth_close(h.auth);
no_auth:
	if (workers == NULL) {
		diag_error("%s", error);
		return EXIT_FAILURE;
	}
	diag_info("stopped");
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct arguments arguments = read_arguments(argc, argv);
	struct formatter formatter;
	struct buf why = BUF_INIT;
	struct options options;
	bool good = read_options(&options);
	int status;

	if (arguments.check)
		return check(&options, good);
	if (!good)
		return EXIT_USAGE;
	/* What memory it had not would be UTC instead. */
	errno = 0;
	tzset();
	if (errno == ENOMEM) {
		diag_error("out of memory: the time zone can't be read");
		return EXIT_FAILURE;
	}
	if (!formatter_compile(&formatter, options.format, options.date_format, &why)) {
		diag_error("out of memory"); /* the format was checked before */
		return EXIT_FAILURE;
	}
	status = serve(&options, &formatter, arguments.socket_path);
	formatter_free(&formatter);
	buf_free(&why);
	return status;
}
