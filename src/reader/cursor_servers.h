/*
 * A place in the logs of several servers: a cursor of each, with the number that its name makes
 * (peers.h); as text
 *
 *     e1f3.18ae00c2d4b.2a00-w0~5f3a9c1e_e77.1.0~0badcafe
 *
 * An entry's is the same with one part. A server that has none begins as without a cursor.
 */
#ifndef PBU_CURSOR_SERVERS_H
#define PBU_CURSOR_SERVERS_H

#include "reader/cursor.h"

#define CURSOR_SERVERS_MAX 32

struct cursor_server {
	uint32_t id;
	struct cursor at;
};

struct cursor_servers {
	size_t count;
	struct cursor_server of[CURSOR_SERVERS_MAX];
};

/* Appends a server's part. */
void cursor_servers_print(struct buf *out, uint32_t id, const struct cursor *at);
/* Appends what stands between two. */
void cursor_servers_separate(struct buf *out);

/* False: it is none that was ever printed. */
bool cursor_servers_parse(const char *text, struct cursor_servers *c);

/* The part of a server; NULL: there is none. */
const struct cursor *cursor_servers_of(const struct cursor_servers *c, uint32_t id);

#endif
