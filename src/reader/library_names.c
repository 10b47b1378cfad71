#include "reader/library_names.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS_MAX 18

/* Files that hold no text, and such as are being written under another name first. */
static const char *const not_text[] = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".lz", ".lzma", ".Z",
    ".zip", ".7z", ".tmp", ".temp", ".part", ".partial", ".swp", ".lock", "~"};

static bool
ends_with(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(name + len - n, end, n) == 0;
}

static bool
consists_of(const char *text, const char *characters)
{
	return *text != '\0' && text[strspn(text, characters)] == '\0';
}

bool
library_name_parse(const char *file, const char *name, struct library_name *parsed)
{
	size_t len = strlen(name), prefix = strlen(file);
	const char *rest = name + prefix;

	*parsed = (struct library_name){.kind = LIBRARY_CURRENT};
	if (len < prefix || memcmp(name, file, prefix) != 0)
		return false;
	if (*rest == '\0')
		return true;
	if ((*rest != '.' && *rest != '-') || rest[1] == '\0')
		return false;
	for (size_t i = 0; i < sizeof(not_text) / sizeof(not_text[0]); i++) {
		if (ends_with(name, len, not_text[i]))
			return false;
	}
	parsed->kind = LIBRARY_OTHER;
	if (rollover_parse(file, name, &parsed->rolled)) {
		parsed->kind = LIBRARY_ROLLED;
	} else if (*rest == '-' && consists_of(rest + 1, "0123456789-_")) {
		parsed->kind = LIBRARY_DATED;
	} else if (*rest == '.' && consists_of(rest + 1, "0123456789") &&
		   strlen(rest + 1) <= NUMBER_DIGITS_MAX) {
		parsed->kind = LIBRARY_NUMBERED;
		parsed->number = strtoull(rest + 1, NULL, 10);
	}
	return true;
}

static int
compare_written(const struct listed_file *a, const struct listed_file *b)
{
	return a->modified < b->modified ? -1 : a->modified > b->modified;
}

/* By kind, and in each by its own order; where that leaves it open, by time and name. */
static int
compare_found(const void *a, const void *b)
{
	const struct library_found *x = a, *y = b;
	int order = 0;

	if (x->name.kind != y->name.kind)
		return x->name.kind < y->name.kind ? -1 : 1;
	if (x->name.kind == LIBRARY_ROLLED)
		order = rollover_compare(&x->name.rolled, &y->name.rolled);
	else if (x->name.kind == LIBRARY_DATED)
		order = strcmp(x->file.name, y->file.name);
	else if (x->name.kind == LIBRARY_NUMBERED)
		order = x->name.number > y->name.number ? -1 : x->name.number < y->name.number;
	if (order == 0)
		order = compare_written(&x->file, &y->file);
	return order != 0 ? order : strcmp(x->file.name, y->file.name);
}

/* Of each kind the next that was not taken yet: the one that was written last longest ago. */
static size_t
take_next(const struct library_found *sorted, size_t next[], const size_t end[])
{
	size_t best = SIZE_MAX;

	for (int kind = 0; kind < LIBRARY_KINDS; kind++) {
		if (next[kind] < end[kind] &&
		    (best == SIZE_MAX ||
			compare_written(&sorted[next[kind]].file, &sorted[next[best]].file) < 0))
			best = (size_t)kind;
	}
	return next[best]++;
}

bool
library_order(struct library_found *found, size_t count)
{
	size_t next[LIBRARY_KINDS + 1] = {0}, end[LIBRARY_KINDS + 1] = {0}, rolled = 0;
	struct library_found *sorted;

	if (count < 2)
		return true;
	qsort(found, count, sizeof(*found), compare_found);
	while (rolled < count && found[rolled].name.kind != LIBRARY_CURRENT)
		rolled++;
	/* Most folders have files of one kind. */
	if (rolled == 0 || found[0].name.kind == found[rolled - 1].name.kind)
		return true;
	sorted = malloc(rolled * sizeof(*sorted));
	if (sorted == NULL)
		return false;
	memcpy(sorted, found, rolled * sizeof(*sorted));
	for (size_t i = 0; i < rolled; i++)
		end[sorted[i].name.kind] = i + 1;
	for (int kind = 0; kind < LIBRARY_KINDS; kind++) {
		if (end[kind] == 0)
			continue;
		for (next[kind] = end[kind];
		     next[kind] > 0 && (int)sorted[next[kind] - 1].name.kind == kind;)
			next[kind]--;
	}
	for (size_t i = 0; i < rolled; i++)
		found[i] = sorted[take_next(sorted, next, end)];
	free(sorted);
	return true;
}
