#include "base/program.h"

#include "base/diag.h"
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints the text, or reports why it can't. Returns the exit status. */
static int
print(struct buf *text)
{
	bool printed = !text->failed && fwrite(text->data, 1, text->len, stdout) == text->len &&
		       fflush(stdout) == 0;

	if (!printed)
		diag_error(
		    "nothing can be printed: %s", diag_reason(text->failed ? ENOMEM : errno));
	buf_free(text);
	return printed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
put_help(const struct program *p, struct buf *text)
{
	buf_printf(text,
	    "Usage: %s%s [--check]\n"
	    "\n"
	    "%s"
	    "\n",
	    p->name, p->without_socket ? "" : " [--socket PATH]", p->purpose);
	if (!p->without_socket)
		buf_puts(text, "  -s, --socket PATH  listen on a unix socket of its own (mode "
			       "0660); without it,\n"
			       "                     descriptor 0 is the listening socket "
			       "(spawn-fcgi, systemd)\n");
	buf_puts(text,
	    "  -c, --check        print the settings and every mistake in them, and exit\n"
	    "  -h, --help         print this\n"
	    "  -V, --version      print the version\n"
	    "\n"
	    "Settings are environment variables:\n");
	for (size_t i = 0; i < p->count; i++)
		setting_help(p->settings[i].group, text);
	buf_puts(text,
	    p->without_socket
		? "\nSIGTERM and SIGINT end it after what it has read; SIGHUP reopens the files.\n"
		: "\n"
		  "SIGTERM and SIGINT end it after the requests under way; SIGHUP reopens the "
		  "files\n"
		  "and looks whether the tokens have changed.\n");
	buf_puts(text, "Exit status: 0; 1: an error; 2: a wrong setting.\n");
}

static int
print_settings(const struct program *p, const void *settings)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < p->count; i++)
		setting_describe(
		    p->settings[i].group, (const char *)settings + p->settings[i].offset, &text);
	return print(&text);
}

/* Logs each line of text as a message of its own. */
static void
log_lines(struct buf *text, enum diag_priority priority)
{
	char *line, *rest = NULL;

	if (text->len == 0 && !text->failed)
		return;
	buf_putc(text, '\0');
	if (text->failed) {
		diag(priority, NULL, "out of memory");
		return;
	}
	for (line = strtok_r(text->data, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		diag(priority, NULL, "%s", line);
}

bool
program_read_settings(
    const struct program *p, void *settings, struct buf *mistakes, struct buf *warnings)
{
	for (size_t i = 0; i < p->count; i++)
		setting_read(p->settings[i].group, (char *)settings + p->settings[i].offset,
		    mistakes, warnings);
	return mistakes->len == 0 && !mistakes->failed;
}

static int
begin(const struct program *p, bool check, void *settings)
{
	struct buf mistakes = BUF_INIT, warnings = BUF_INIT;
	bool good = program_read_settings(p, settings, &mistakes, &warnings);
	int status = check ? print_settings(p, settings) : -1;

	log_lines(&warnings, DIAG_WARNING);
	log_lines(&mistakes, DIAG_ERROR);
	buf_free(&warnings);
	buf_free(&mistakes);
	return good ? status : PROGRAM_EXIT_USAGE;
}

int
program_begin(
    const struct program *p, int argc, char **argv, void *settings, const char **socket_path)
{
	static const struct option options[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"check", no_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	struct buf text = BUF_INIT;
	bool check = false;
	int c;

	*socket_path = NULL;
	/* There are no threads yet that getopt_long() could disturb. */
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	while ((c = getopt_long(argc, argv, p->without_socket ? "chV" : "s:chV",
		    options + p->without_socket, NULL)) != -1) {
		switch (c) {
		case 's': *socket_path = optarg; break;
		case 'c': check = true; break;
		case 'h': put_help(p, &text); return print(&text);
		case 'V':
			buf_printf(&text, "%s %s\n", p->name, PACKAGE_VERSION);
			return print(&text);
		default: fprintf(stderr, "Try %s --help.\n", p->name); return PROGRAM_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: what is \"%s\"? Try --help.\n", p->name, argv[optind]);
		return PROGRAM_EXIT_USAGE;
	}
	return begin(p, check, settings);
}
