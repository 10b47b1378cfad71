#include "base/setting.h"

#include "base/level.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --help: the column where the text of a setting begins, and where a line ends. */
#define HELP_COLUMN 22
#define HELP_WIDTH  80

static void *
member(const struct setting *s, void *settings)
{
	return (char *)settings + s->offset;
}

static void
set_number(const struct setting *s, void *settings, uint64_t value)
{
	unsigned narrow = (unsigned)value;

	memcpy(member(s, settings), s->size == sizeof(narrow) ? (void *)&narrow : &value, s->size);
}

static uint64_t
get_number(const struct setting *s, const void *settings)
{
	unsigned narrow = 0;
	uint64_t value = 0;

	memcpy(s->size == sizeof(narrow) ? (void *)&narrow : &value,
	    (const char *)settings + s->offset, s->size);
	return s->size == sizeof(narrow) ? narrow : value;
}

static const char *
get_text(const struct setting *s, const void *settings)
{
	const char *text;

	memcpy(&text, (const char *)settings + s->offset, sizeof(text));
	return text;
}

static bool
read_number(const struct setting *s, const char *text, uint64_t *value)
{
	if (text[strspn(text, "0123456789")] != '\0')
		return false;
	/* What is too long becomes ULLONG_MAX, and no limit is that high. */
	*value = strtoull(text, NULL, 10);
	return *value >= s->low && *value <= s->high;
}

static bool
read_choice(const struct setting *s, const char *text, uint64_t *value)
{
	for (*value = 0; s->words[*value] != NULL; ++*value) {
		if (strcmp(text, s->words[*value]) == 0)
			return true;
	}
	return false;
}

static void
put_levels(struct buf *out, uint64_t enabled)
{
	const char *separator = "";

	for (int i = 0; i < LEVEL_COUNT; i++) {
		if ((enabled & LEVEL_BIT(i)) == 0)
			continue;
		buf_printf(out, "%s%s", separator, level_name((enum level)i));
		separator = ",";
	}
}

static uint64_t
read_levels(const struct setting *s, const char *text, struct buf *warnings)
{
	static const char blank[] = " \t";
	unsigned enabled = 0;

	for (const char *at = text; *at != '\0';) {
		const char *end = at + strcspn(at, ",");
		const char *word = at + strspn(at, blank);
		size_t len = word < end ? (size_t)(end - word) : 0;
		int level;

		at = end + (*end == ',');
		while (len > 0 && strchr(blank, word[len - 1]) != NULL)
			len--;
		if (len == 0)
			continue;
		level = level_parse(word, len);
		if (level >= 0) {
			enabled |= LEVEL_BIT(level);
		} else {
			buf_printf(warnings, "%s: %.*s is not one of ", s->name, (int)len, word);
			put_levels(warnings, ~UINT64_C(0));
			buf_puts(warnings, "; skipped\n");
		}
	}
	if (enabled == 0)
		buf_printf(warnings,
		    "%s names no level: every record is accepted, and none is written\n", s->name);
	return enabled;
}

/* False: the text is none that the setting can have. */
static bool
read_text(const struct setting *s, const char *text, void *settings, struct buf *warnings)
{
	uint64_t value = 0;
	bool good = true;

	switch (s->kind) {
	case SETTING_TEXT:
	case SETTING_SECRET: memcpy(member(s, settings), &text, sizeof(text)); return true;
	case SETTING_NUMBER: good = read_number(s, text, &value); break;
	case SETTING_CHOICE: good = read_choice(s, text, &value); break;
	case SETTING_LEVELS: value = read_levels(s, text, warnings); break;
	}
	if (good)
		set_number(s, settings, value);
	return good;
}

static void
put_mistake(const struct setting *s, const char *text, struct buf *mistakes)
{
	buf_printf(mistakes, "%s=%s: must be ", s->name, text);
	if (s->kind == SETTING_NUMBER) {
		buf_printf(
		    mistakes, "a whole number from %" PRIu64 " to %" PRIu64 "\n", s->low, s->high);
		return;
	}
	buf_puts(mistakes, "one of");
	for (size_t i = 0; s->words[i] != NULL; i++)
		buf_printf(mistakes, "%s %s", i == 0 ? "" : ",", s->words[i]);
	buf_putc(mistakes, '\n');
}

void
setting_read(
    const struct setting_group *group, void *settings, struct buf *mistakes, struct buf *warnings)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct setting *s = &group->rows[i];
		const char *text = getenv(s->name); // NOLINT(concurrency-mt-unsafe): no threads yet

		if (text != NULL && (*text != '\0' || s->empty_counts)) {
			if (read_text(s, text, settings, warnings))
				continue;
			put_mistake(s, text, mistakes);
		}
		if (s->computed != NULL)
			set_number(s, settings, s->computed(settings));
		else if (s->fallback != NULL)
			read_text(s, s->fallback, settings, warnings);
		else
			memset(member(s, settings), 0, s->size);
	}
	if (group->check != NULL)
		group->check(settings, mistakes);
}

void
setting_describe(const struct setting_group *group, const void *settings, struct buf *out)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct setting *s = &group->rows[i];
		const char *text;

		buf_printf(out, "%s=", s->name);
		switch (s->kind) {
		case SETTING_TEXT:
			text = get_text(s, settings);
			buf_puts(out, text != NULL ? text : "");
			break;
		case SETTING_SECRET:
			buf_puts(out, get_text(s, settings) != NULL ? "(set)" : "");
			break;
		case SETTING_NUMBER: buf_printf(out, "%" PRIu64, get_number(s, settings)); break;
		case SETTING_CHOICE: buf_puts(out, s->words[get_number(s, settings)]); break;
		case SETTING_LEVELS: put_levels(out, get_number(s, settings)); break;
		}
		buf_putc(out, '\n');
	}
}

void
setting_help(const struct setting_group *group, struct buf *out)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct setting *s = &group->rows[i];
		size_t width = HELP_COLUMN + strlen(s->help);

		buf_printf(out, "  %-*s%s", HELP_COLUMN - 2, s->name, s->help);
		if (s->fallback != NULL) {
			width += strlen(s->fallback) + 3;
			if (width > HELP_WIDTH)
				buf_printf(out, "\n%*s(%s)", HELP_COLUMN, "", s->fallback);
			else
				buf_printf(out, " (%s)", s->fallback);
		}
		buf_putc(out, '\n');
	}
}

static void
overwrite(const char *name)
{
	size_t len = strlen(name);

	/* getenv() would find the first only. */
	for (char **e = environ; *e != NULL; e++) {
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			explicit_bzero(*e + len + 1, strlen(*e + len + 1));
	}
	unsetenv(name); // NOLINT(concurrency-mt-unsafe): there are no threads yet
}

void
setting_forget(const struct setting_group *group, void *settings)
{
	for (size_t i = 0; i < group->count; i++) {
		const struct setting *s = &group->rows[i];

		if (s->kind != SETTING_SECRET)
			continue;
		overwrite(s->name);
		memset(member(s, settings), 0, s->size);
	}
}
