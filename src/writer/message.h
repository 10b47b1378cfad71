/*
 * A message of the topic to the entry that goes into a file: the same that the server, which took
 * the record, would have written by this LOG_FORMAT itself. The message is the line that it writes
 * with LOG_FORMAT=json, and is trusted with remote_addr and received.
 *
 * For one thread at a time.
 */
#ifndef PBU_MESSAGE_H
#define PBU_MESSAGE_H

#include "base/ticket.h"
#include "record/formatter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message_settings {
	const struct formatter *formatter;
	unsigned levels; /* the enabled ones, a LEVEL_BIT each */
};

/* What came. */
struct message {
	const char *value;
	size_t len;
	const char *added; /* the header of that name (record/render_added.h) */
	size_t added_len;
	int64_t timestamp; /* the topic's, milliseconds: when it arrived, where the line doesn't say
			    * so; -1: none, it arrives now */
};

enum message_status {
	MESSAGE_GOOD,	  /* its entry is appended */
	MESSAGE_DROPPED,  /* it is below every enabled level */
	MESSAGE_REJECTED, /* it is no record, or can't be rendered: see why */
	MESSAGE_NO_MEMORY,
};

struct message_intake;

/* NULL when memory ran out. The settings must outlive it. json_init() was called. */
struct message_intake *message_intake_new(const struct message_settings *settings);
void message_intake_free(struct message_intake *in);

/*
 * Appends the entry of a message to that of its level's entries, and says in *level which it is.
 * Unless it is MESSAGE_GOOD, nothing is appended. `why` (size bytes): what is wrong, in words; may
 * quote the message.
 */
enum message_status message_take(struct message_intake *in, const struct message *m,
    struct entries *entries, enum level *level, char *why, size_t size);

#endif
