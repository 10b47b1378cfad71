#include "reader/answering_peers.h"

static void
append_text(struct answering *a, const struct walk_entry *entry, const struct entry_fields *fields)
{
	(void)fields;
	answering_append(a, entry->text, entry->len);
	buf_putc(&a->buf, '\n');
}

void
answer_raw(const struct reading *r, struct selection *s, struct stream *out)
{
	const struct answering_whole whole = {.content_type = "text/plain; charset=utf-8",
	    .headers = "Content-Disposition: attachment; filename=\"log.txt\"\r\n",
	    .forward = s->forward || !s->directed,
	    .from = s->has_cursor ? &s->cursor : NULL,
	    .limit = s->limited ? s->limit : UINT64_MAX,
	    .before = "",
	    .after = "",
	    .append = append_text};
	struct answering a;

	if (reading_is_along(r, s)) {
		answering_peers_whole(r, s, out, &whole);
		return;
	}
	answering_init(&a, r, s, out);
	answering_whole(&a, &whole);
	answering_end(&a);
}
