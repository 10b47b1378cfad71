#include "reader/answering_files.h"
#include "reader/peer_frame.h"

/* False, with errno. */
static bool
append_files(struct answering *a)
{
	const struct peer_frame end = {.how = PEER_FRAME_COMPLETE};

	if (!a->selection->framed)
		buf_puts(&a->buf, "{\"files\": [");
	if (!answering_files_append_own(a, NULL))
		return false;
	if (a->selection->framed)
		peer_frame_end(&a->buf, &end);
	else
		buf_puts(&a->buf, "]}\n");
	return true;
}

void
answer_files(const struct reading *r, struct selection *s, struct stream *out)
{
	struct answering a;

	answering_init(&a, r, s, out);
	if (append_files(&a)) {
		if (s->framed)
			answering_begin(&a, PEER_FRAME_TYPE, r->peer_header);
		else
			answering_begin(&a, "application/json", NULL);
		answering_flush(&a);
	} else {
		answering_refuse_walk(&a, WALK_NOT_OPENED);
	}
	a.matched = 0; /* they were no entries */
	answering_end(&a);
}
