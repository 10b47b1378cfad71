/* The head of a peer's answer: whether it is one of a reader of this version, line by line. */
#ifndef PBU_PEER_HEAD_H
#define PBU_PEER_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* In every answer to a peer: which version of this a reader speaks, and a random word of its
 * process (- of one that asks nobody), by which one finds out that it asks itself. */
#define PEER_HEAD_NAME	  "X-PBU-Log-Reader"
#define PEER_HEAD_VERSION 1

/* Bytes of a head, all its lines, at most. */
#define PEER_HEAD_MAX ((size_t)32 * 1024)

struct peer_head {
	const char *type; /* Content-Type that it must have, without parameters; NULL: any */
	const char *self; /* this process's word; "": none */
	size_t bytes;
	bool is_reader, is_type;
	bool is_packed; /* by Transfer-Encoding; what 1xx says of that holds for what follows */
	char why[160];	/* it is of no use: a part of a sentence about the peer; "": it is good */
};

/* Takes a line, as it came; false: the head is too large. */
bool peer_head_line(struct peer_head *h, const char *line, size_t len);

/* After the last line: `why` is set, or not. False: another head follows (1xx). */
bool peer_head_end(struct peer_head *h, int status);

#endif
