#include "options.h"

#include "level.h"
#include "record/formatter.h"

#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_LOG_FOLDER   "./_logs"
#define DEFAULT_PORT	     4999
#define DEFAULT_LEVELS	     "INFO,ERROR"
#define DEFAULT_FORMAT	     "%(asctime)s %(levelname)s:%(name)s %(message)s"
#define DEFAULT_BACKUP_COUNT 30
#define DEFAULT_MAX_BODY     (16 * 1024 * 1024)

#define MIN_BODY	     1024
#define MAX_BODY	     (1024 * 1024 * 1024)
#define MAX_THREADS	     1024

/* A setting's text; NULL when it is not set or empty. */
static const char *
setting(const char *name)
{
	const char *text = getenv(name); // NOLINT(concurrency-mt-unsafe): there are no threads yet

	return text == NULL || *text == '\0' ? NULL : text;
}

/*
 * No thread waits for a client or for another, so one keeps a processor busy, and one more is there
 * while one waits for the disk. Measured on two processors, 64 serve a fifth less.
 */
static unsigned
default_threads(void)
{
	cpu_set_t set;
	int processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return processors < 2 ? 3 : (unsigned)processors + 1;
}

/* A whole number from low to high, digits only. */
static uint64_t
number(const char *name, uint64_t value, uint64_t low, uint64_t high, struct buf *mistakes)
{
	const char *text = setting(name);
	uint64_t n = 0;
	size_t len;

	if (text == NULL)
		return value;
	len = strlen(text);
	/* 19 digits can't overflow, and no limit is longer. */
	if (strspn(text, "0123456789") == len && len <= 19)
		n = strtoull(text, NULL, 10);
	else
		len = 0;
	if (len == 0 || n < low || n > high) {
		buf_printf(mistakes,
		    "%s=%s: must be a whole number from %" PRIu64 " to %" PRIu64 "\n", name, text,
		    low, high);
		return value;
	}
	return n;
}

/* The place of the text in a list of words that ends with NULL. */
static int
choice(const char *name, const char *const *words, int value, struct buf *mistakes)
{
	const char *text = setting(name);

	if (text == NULL)
		return value;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	buf_printf(mistakes, "%s=%s: must be one of", name, text);
	for (int i = 0; words[i] != NULL; i++)
		buf_printf(mistakes, "%s %s", i == 0 ? "" : ",", words[i]);
	buf_putc(mistakes, '\n');
	return value;
}

/* What no client could send is a mistake: HTTP takes the white space around a value away, and
 * allows no control characters within (RFC 9110, 5.5). */
static const char *
token(struct buf *mistakes)
{
	const char *text = setting("AUTH_TOKEN");
	size_t len = text == NULL ? 0 : strlen(text);
	bool good =
	    len == 0 || (strchr(" \t", text[0]) == NULL && strchr(" \t", text[len - 1]) == NULL);

	for (size_t i = 0; i < len; i++)
		good = good && (text[i] == '\t' || !iscntrl((unsigned char)text[i]));
	if (!good)
		buf_puts(mistakes,
		    "AUTH_TOKEN: has white space around it or a control character in it; no client "
		    "can send that\n");
	return text;
}

static unsigned
levels(struct buf *warnings)
{
	/* There are no threads yet. */
	const char *text = getenv("ENABLED_LOG_LEVELS"); // NOLINT(concurrency-mt-unsafe)
	unsigned enabled = 0;

	if (text == NULL)
		text = DEFAULT_LEVELS;
	for (const char *at = text; *at != '\0';) {
		size_t len = strcspn(at, ",");
		const char *word = at + strspn(at, " \t");
		const char *end = at + len;
		int level;

		at = end + (*end == ',');
		if (word > end)
			word = end;
		while (end > word && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (end == word)
			continue;
		level = level_parse(word, (size_t)(end - word));
		if (level >= 0)
			enabled |= LEVEL_BIT(level);
		else
			buf_printf(warnings,
			    "ENABLED_LOG_LEVELS: %.*s is not one of DEBUG, INFO, WARNING, ERROR; "
			    "skipped\n",
			    (int)(end - word), word);
	}
	if (enabled == 0)
		buf_puts(warnings,
		    "ENABLED_LOG_LEVELS names no level: every record is accepted, and none is "
		    "written\n");
	return enabled;
}

static const char *const rotate_words[] = {"daily", "hourly", "never", NULL};
static const char *const sync_words[] = {"no", "everysec", "always", NULL};

bool
options_read(struct options *o, struct buf *mistakes, struct buf *warnings)
{
	struct formatter formatter;
	struct buf why = BUF_INIT;

	*o = (struct options){
	    .log_folder = setting("LOG_FOLDER"),
	    .auth_token = token(mistakes),
	    .auth_token_file = setting("AUTH_TOKEN_FILE"),
	    .port = (unsigned)number("PORT", DEFAULT_PORT, 1, 65535, mistakes),
	    .levels = levels(warnings),
	    .format = setting("LOG_FORMAT"),
	    .date_format = setting("LOG_DATE_FORMAT"),
	    .rotate = (enum rotate)choice("LOG_ROTATE", rotate_words, ROTATE_DAILY, mistakes),
	    .max_bytes = number("LOG_MAX_BYTES", 0, 0, INT64_MAX, mistakes),
	    .backup_count =
		(unsigned)number("LOG_BACKUP_COUNT", DEFAULT_BACKUP_COUNT, 0, 1000000, mistakes),
	    .sync = (enum sync)choice("LOG_FSYNC", sync_words, SYNC_EVERYSEC, mistakes),
	    .max_body = number("MAX_BODY_BYTES", DEFAULT_MAX_BODY, MIN_BODY, MAX_BODY, mistakes),
	    .threads = (unsigned)number("THREADS", default_threads(), 1, MAX_THREADS, mistakes),
	};
	if (o->log_folder == NULL)
		o->log_folder = DEFAULT_LOG_FOLDER;
	if (o->format == NULL)
		o->format = DEFAULT_FORMAT;
	if (formatter_compile(&formatter, o->format, o->date_format, &why))
		formatter_free(&formatter);
	else
		buf_printf(mistakes, "LOG_FORMAT=%s: %.*s\n", o->format, (int)why.len, why.data);
	buf_free(&why);
	return mistakes->len == 0 && !mistakes->failed;
}

void
options_forget_token(struct options *o)
{
	static const char name[] = "AUTH_TOKEN=";

	/* getenv() would find the first only. */
	for (char **e = environ; *e != NULL; e++) {
		if (strncmp(*e, name, sizeof(name) - 1) == 0)
			explicit_bzero(*e + sizeof(name) - 1, strlen(*e + sizeof(name) - 1));
	}
	unsetenv("AUTH_TOKEN"); // NOLINT(concurrency-mt-unsafe): there are no threads yet
	o->auth_token = NULL;
}

void
options_describe(const struct options *o, struct buf *out)
{
	const char *separator = "";

	buf_printf(out, "LOG_FOLDER=%s\n", o->log_folder);
	buf_printf(out, "AUTH_TOKEN=%s\n", o->auth_token != NULL ? "(set)" : "");
	buf_printf(
	    out, "AUTH_TOKEN_FILE=%s\n", o->auth_token_file != NULL ? o->auth_token_file : "");
	buf_printf(out, "PORT=%u\n", o->port);
	buf_puts(out, "ENABLED_LOG_LEVELS=");
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if ((o->levels & LEVEL_BIT(i)) != 0) {
			buf_printf(out, "%s%s", separator, level_name((enum level)i));
			separator = ",";
		}
	}
	buf_printf(out, "\nLOG_FORMAT=%s\n", o->format);
	buf_printf(out, "LOG_DATE_FORMAT=%s\n", o->date_format != NULL ? o->date_format : "");
	buf_printf(out, "LOG_ROTATE=%s\n", rotate_words[o->rotate]);
	buf_printf(out, "LOG_MAX_BYTES=%" PRIu64 "\n", o->max_bytes);
	buf_printf(out, "LOG_BACKUP_COUNT=%u\n", o->backup_count);
	buf_printf(out, "LOG_FSYNC=%s\n", sync_words[o->sync]);
	buf_printf(out, "MAX_BODY_BYTES=%" PRIu64 "\n", o->max_body);
	buf_printf(out, "THREADS=%u\n", o->threads);
}
