/* A frame of a peer: what is taken lies within what it says, and a part of it is never more. */
#include "fuzz.h"
#include "reader/peer_frame.h"

#include <stdlib.h>

static bool
is_within(const struct peer_part *part, size_t payload)
{
	return part->len == SIZE_MAX ||
	       (part->offset <= payload && part->len <= payload - part->offset);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of that size exactly, for who reads beyond it. */
	char *bytes = malloc(size > 0 ? size : 1);
	struct peer_frame f;
	int line;

	require(bytes != NULL);
	memcpy(bytes, data, size);
	line = peer_frame_read(&f, bytes, size);
	if (line > 0) {
		require((size_t)line <= size && (size_t)line <= PEER_FRAME_LINE);
		require(bytes[line - 1] == '\n');
		require(f.payload <= PEER_FRAME_PAYLOAD);
		require(f.kind <= PEER_FRAME_END && (unsigned)f.level < LEVEL_COUNT);
		require(peer_frame_read(&f, bytes, (size_t)line - 1) == 0);
		require(peer_frame_read(&f, bytes, (size_t)line) == line);
	}
	if (line > 0 && f.kind == PEER_FRAME_ENTRY) {
		require(f.text <= f.payload && f.at.inode != 0);
		require(is_within(&f.level_name, f.payload) && is_within(&f.logger, f.payload) &&
			is_within(&f.message, f.payload));
	}
	free(bytes);
	return 0;
}
