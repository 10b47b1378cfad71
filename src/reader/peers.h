/*
 * The servers that are read as one: this one, and its peers (READ_PEERS). Each is known by a name:
 * a peer by host and port as its address has them, this server by READ_NAME. They are in the order
 * of their names, whichever of them is asked, so that each gives the same answer. Immutable once
 * made; any thread.
 */
#ifndef PBU_PEERS_H
#define PBU_PEERS_H

#include "base/diag.h"
#include "base/setting.h"
#include "reader/cursor_servers.h"
#include "reader/peer_http.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEERS_MAX CURSOR_SERVERS_MAX /* this one included */

struct peers_settings {
	const char *urls;    /* READ_PEERS; NULL: none */
	const char *token;   /* READ_PEERS_TOKEN */
	const char *ca_file; /* READ_PEERS_CA */
	const char *name;    /* READ_NAME; NULL: the host's */
	unsigned patience;   /* READ_PEERS_TIMEOUT, seconds */
};

extern const struct setting_group peers_settings_group;

/* Of one peer, for the metrics. Any thread bumps them. */
struct peer_counts {
	_Atomic uint64_t requests, failures, bytes;
	_Atomic bool silent;	 /* the last time it had not begun to answer when it was given up */
	struct diag_limit limit; /* of messages about it */
};

struct peer {
	char *name;
	char *url;   /* without a slash at its end; NULL: this server itself */
	uint32_t id; /* what cursors know it by: made of its name, and no other's */
	struct peer_counts *counts;
};

struct peers {
	size_t count; /* this server included */
	size_t self;  /* which it is */
	struct peer at[PEERS_MAX];
	struct peer_counts counts[PEERS_MAX];
	struct peer_http *http;
	char word[33]; /* of this process, by which it knows itself (peer_http.h) */
};

/* Copies the settings, and starts peer_http. NULL with the reason in words in error (size bytes),
 * or empty where there are no peers. */
struct peers *peers_new(const struct peers_settings *settings, char *error, size_t size);
void peers_free(struct peers *p);

#endif
