/* What the answers of the query API have in common: the course of one. */
#ifndef PBU_ANSWERING_H
#define PBU_ANSWERING_H

#include "reader/answers.h"
#include "reader/entry_json.h"
#include "reader/merge.h"

#include <stdbool.h>
#include <stdint.h>

struct answering {
	const struct reading *reading;
	struct selection *selection;
	struct stream *out;
	struct buf buf; /* what is to be sent next */
	struct entry_json json;
	int64_t began, deadline; /* nanoseconds of CLOCK_MONOTONIC */
	int64_t sent;		 /* when something was, likewise */
	int64_t looked;		 /* when it was looked whether the peer has gone, likewise */
	uint64_t matched;
	uint64_t scanned, of; /* bytes */
	bool lost;	      /* the peer has gone: nothing can be sent any more */
	char why[128];	      /* why the answer is not complete; "": it is */
};

/* An answer without a line that says what it is worth. */
struct answering_whole {
	const char *content_type, *headers; /* headers as in struct http_response, or NULL */
	bool forward;
	const struct cursor *from; /* or NULL */
	uint64_t limit;		   /* entries */
	const char *before, *after;
	/* `fields`: NULL where the entry is this server's, and to be parsed. */
	void (*append)(
	    struct answering *a, const struct walk_entry *entry, const struct entry_fields *fields);
};

void answering_init(
    struct answering *a, const struct reading *r, struct selection *s, struct stream *out);

/* The deadline is sooner, where the selection says so. */
void answering_shorten(struct answering *a);

/* What walks of this answer look for. */
struct walk_options answering_options(const struct answering *a, bool forward);

/* Begins a response of status 200; headers as in struct http_response, or NULL. */
void answering_begin(struct answering *a, const char *content_type, const char *headers);

/* Answers with an error instead, in a sentence. */
void answering_refuse(struct answering *a, int status, const char *sentence);

/* Answers that the walks could not be opened: the cursor's file is gone, or errno. */
void answering_refuse_walk(struct answering *a, enum walk_open opened);

/* Whether to go on after a step of the result WALK_ENTRY or WALK_MORE; what there is is sent when
 * it is much, or time. Not at the deadline, nor when the peer has gone. */
bool answering_goes_on(struct answering *a, enum walk_result result);

/* Notes that a step failed, by errno. */
void answering_failed(struct answering *a);

/* Notes that so many entries were left out, as an expression took too long on them (walk.h). */
void answering_given_up(struct answering *a, uint64_t entries);

/* Appends to what is to be sent; where it is much, it is sent at once. */
void answering_append(struct answering *a, const char *bytes, size_t len);

/* Sends what there is. */
void answering_flush(struct answering *a);

/* Appends what the last line says of every answer: complete, why, scanned, of, matched, ms. */
void answering_append_worth(struct answering *a);

/*
 * Answers with the entries of the selection, `before` and `after` around them; or refuses. It is
 * complete, or cut: whoever keeps it as a file must be able to tell. It takes as long as the client
 * takes it.
 */
void answering_whole(struct answering *a, const struct answering_whole *w);

/* Counts the answer, and frees what is left; stream_end() is for the caller. */
void answering_end(struct answering *a);

#endif
