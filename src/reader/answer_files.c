#include "reader/answering.h"
#include "reader/peer_frame.h"

#include <inttypes.h>
#include <stdlib.h>

static void
append_time(struct answering *a, const char *name, int64_t ms)
{
	char time[CIVIL_ISO_SIZE];

	buf_puts(&a->buf, name);
	if (ms == INT64_MIN) {
		buf_puts(&a->buf, "null");
		return;
	}
	civil_iso(&a->selection->zone, ms, time);
	buf_printf(&a->buf, "\"%s\"", time);
}

static void
append_file(struct answering *a, enum level level, const struct library_file *f)
{
	if (a->selection->framed) {
		peer_frame_file(&a->buf, level, f->name, f->first, f->last, f->modified, f->bytes);
		return;
	}
	buf_puts(&a->buf, a->matched++ == 0 ? "\n" : ",\n");
	buf_printf(&a->buf, "{\"level\": \"%s\", \"name\": ", level_name(level));
	entry_json_string(&a->json, &a->buf, f->name, strlen(f->name));
	append_time(a, ", \"start\": ", f->first);
	append_time(a, ", \"end\": ", f->last);
	buf_printf(&a->buf, ", \"bytes\": %" PRIu64 ", \"current\": %s}", f->bytes,
	    strcmp(f->name, level_file(level)) == 0 ? "true" : "false");
}

/* False, with errno. */
static bool
append_files(struct answering *a)
{
	const struct peer_frame end = {.how = PEER_FRAME_COMPLETE};

	if (!a->selection->framed)
		buf_puts(&a->buf, "{\"files\": [");
	for (int level = 0; level < LEVEL_COUNT; level++) {
		struct library_file *files;
		size_t count;

		if ((a->selection->levels & LEVEL_BIT(level)) == 0)
			continue;
		files = library_list(a->reading->library, (enum level)level, &count);
		if (files == NULL)
			return false;
		for (size_t i = 0; i < count; i++)
			append_file(a, (enum level)level, &files[i]);
		free(files);
	}
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
