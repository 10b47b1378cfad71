/*
 * What readers answer each other (as=peer): a sequence of frames, each a line and, of some, as many
 * bytes as the line says, and a newline.
 *
 *     B <cursor>                                         where it begins
 *     E <ms> <at> <cursor> <payload> <text> <level> <logger> <message>     an entry: its time (-:
 *                 none), its place, where the answer stands after it; the length of what follows
 *                 and of the text that is first in it; and the parts of that which are its level,
 *                 logger and message, <offset>+<length> (-: none);
 *                 they don't overlap: together they are no longer than the payload
 *     P <scanned> <of> <cursor>                          nothing was found meanwhile
 *     D <dropped> <cursor>                               so many entries were left out: whoever
 * follows takes them too slowly H <scanned> <of> <payload>                         counts: numbers
 * with spaces between them F <level> <first> <last> <modified> <bytes> <payload>      a file: d, i,
 * w or e; times as above; the payload is its name Z <how> <scanned> <of> <matched> <given up>
 * <cursor>       the last: complete, limit, deadline or failed; the cursor may be -
 *
 * Numbers are decimal, times are milliseconds since the epoch (civil_is_known()), lengths are in
 * bytes. All that is a log's own is in payloads, whose bytes mean nothing: so nothing in them can
 * be taken for more.
 */
#ifndef PBU_PEER_FRAME_H
#define PBU_PEER_FRAME_H

#include "base/buf.h"
#include "reader/cursor.h"
#include "reader/walk.h"
#include "record/entry_parse.h"

#define PEER_FRAME_TYPE "application/x-pbu-log-frames"

/* A line's bytes at most, with its newline; and a payload's: an entry may have 32 MiB, and its
 * message as many once more. */
#define PEER_FRAME_LINE	   ((size_t)1024)
#define PEER_FRAME_PAYLOAD ((size_t)65 * 1024 * 1024)

enum peer_frame_kind {
	PEER_FRAME_BEGIN,
	PEER_FRAME_ENTRY,
	PEER_FRAME_PROGRESS,
	PEER_FRAME_DROPPED,
	PEER_FRAME_COUNTS,
	PEER_FRAME_FILE,
	PEER_FRAME_END,
};

enum peer_frame_how {
	PEER_FRAME_COMPLETE,
	PEER_FRAME_LIMIT,
	PEER_FRAME_DEADLINE,
	PEER_FRAME_FAILED
};

/* A part of a payload; len is SIZE_MAX where there is none. */
struct peer_part {
	size_t offset, len;
};

struct peer_frame {
	enum peer_frame_kind kind;
	size_t payload; /* bytes after the line, and before a newline; 0: neither is there */
	bool has_payload;
	struct cursor cursor; /* of B, E, P, D, Z */
	bool has_cursor;
	uint64_t scanned, of; /* of P, H, Z */

	/* Of E; F has the level, and as its times `ms` and `last`; INT64_MIN: none. */
	int64_t ms, last, modified;
	enum level level;
	struct place at;
	size_t text;
	struct peer_part level_name, logger, message;

	uint64_t bytes; /* of F */

	enum peer_frame_how how;    /* of Z */
	uint64_t matched, given_up; /* of D, the first is how many were dropped */
};

/* Reads a line at the beginning of `len` bytes. Its length; 0: it is not whole yet; -1: no reader
 * has written this. */
int peer_frame_read(struct peer_frame *f, const char *bytes, size_t len);

/* Appends a frame; of an entry, the line and what is in none but the payload: between them belongs
 * the text, then a newline. `extra` is emptied, and takes what goes after the text. */
void peer_frame_begin(struct buf *out, const struct cursor *cursor);
void peer_frame_entry(struct buf *out, struct buf *extra, const struct walk_entry *entry,
    const struct entry_fields *fields, const struct cursor *after);
void peer_frame_progress(
    struct buf *out, uint64_t scanned, uint64_t of, const struct cursor *cursor);
void peer_frame_dropped(struct buf *out, uint64_t dropped, const struct cursor *cursor);
void peer_frame_end(struct buf *out, const struct peer_frame *f);
void peer_frame_file(struct buf *out, enum level level, const char *name, int64_t first,
    int64_t last, int64_t modified, uint64_t bytes);
/* The line; the payload, of so many bytes, and a newline are the caller's. */
void peer_frame_counts(struct buf *out, uint64_t scanned, uint64_t of, size_t payload);

#endif
