#include "reader/answering_files.h"

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

void
answering_files_append(
    struct answering *a, enum level level, const struct library_file *f, const char *server)
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
	buf_printf(&a->buf, ", \"bytes\": %" PRIu64 ", \"current\": %s", f->bytes,
	    strcmp(f->name, level_file(level)) == 0 ? "true" : "false");
	if (server != NULL) {
		buf_puts(&a->buf, ", \"server\": ");
		entry_json_string(&a->json, &a->buf, server, strlen(server));
	}
	buf_putc(&a->buf, '}');
}

bool
answering_files_append_own(struct answering *a, const char *server)
{
	for (int level = 0; level < LEVEL_COUNT; level++) {
		struct library_file *files;
		size_t count;

		if ((a->selection->levels & LEVEL_BIT(level)) == 0)
			continue;
		files = library_list(a->reading->library, (enum level)level, &count);
		if (files == NULL)
			return false;
		for (size_t i = 0; i < count; i++)
			answering_files_append(a, (enum level)level, &files[i], server);
		free(files);
	}
	return true;
}
