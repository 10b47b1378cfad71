/*
 * Settings are environment variables that tables describe: a table makes reading, --check and
 * --help.
 *
 * A module keeps its settings in a struct and, beside it, a group that says for each member where
 * its value comes from; a program lists the groups it takes. To add a setting: a member, a row of
 * the group, and the documents that tests/integration/test_documents.py names.
 *
 * All of it is for the main thread, before it starts another.
 */
#ifndef PBU_SETTING_H
#define PBU_SETTING_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_kind {
	SETTING_TEXT,	/* const char *, the environment's own or the default; NULL: neither */
	SETTING_SECRET, /* the same, but shown to nobody */
	SETTING_NUMBER, /* unsigned or uint64_t: digits only, from `low` to `high` */
	SETTING_CHOICE, /* an enum: which of `words` */
	SETTING_LEVELS, /* unsigned, a LEVEL_BIT each: names of levels, a comma between them */
};

struct setting {
	const char *name;
	const char *help; /* what it is for */
	enum setting_kind kind;
	bool empty_counts;    /* an empty text is a value, not the default */
	const char *fallback; /* the default, as one would write it, or in words where it is
				 computed; NULL: none */
	uint64_t (*computed)(
	    const void *settings); /* a number's default, from members read before */
	size_t offset, size;	   /* where it goes: SETTING_INTO */
	uint64_t low, high;
	const char *const *words; /* the last is NULL */
};

#define SETTING_INTO(type, member)                                                                 \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

struct setting_group {
	const struct setting *rows;
	size_t count;
	/* Appends what else is wrong to `mistakes`, a line each; NULL: nothing can be. */
	void (*check)(const void *settings, struct buf *mistakes);
};

#define SETTING_GROUP(table, checks)                                                               \
	{                                                                                          \
		.rows = (table), .count = sizeof(table) / sizeof((table)[0]), .check = (checks)    \
	}

/* Fills the struct. Appends a line for each setting that can't be used, which then has its default,
 * to `mistakes`, and for each that is odd but can be used to `warnings`. */
void setting_read(
    const struct setting_group *group, void *settings, struct buf *mistakes, struct buf *warnings);

/* Appends NAME=VALUE lines, as --check prints them. */
void setting_describe(const struct setting_group *group, const void *settings, struct buf *out);

/* Appends the group's part of --help. */
void setting_help(const struct setting_group *group, struct buf *out);

/* Overwrites the group's secrets in the environment, where /proc shows them, and sets them to NULL.
 */
void setting_forget(const struct setting_group *group, void *settings);

#endif
