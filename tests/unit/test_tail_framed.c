/* The live tail as a peer takes it: frames, whose payloads are the entries' bytes. */
#include "reader/peer_frame.h"
#include "tail_fixture.h"

/* The next frame; its payload is at *payload, good until the next. */
static struct peer_frame
next_frame(struct viewer_end *v, const char **payload)
{
	struct peer_frame frame;

	for (;;) {
		const char *from = v->text.len > 0 ? v->text.data + v->at : "";
		size_t len = v->text.len - v->at, size;
		int line = 0;

		if (v->at == 0 && len > 0) {
			const char *end = memmem(from, len, "\r\n\r\n", 4);

			if (end != NULL)
				v->at = (size_t)(end + 4 - v->text.data);
		} else if (len > 0) {
			line = peer_frame_read(&frame, from, len);
		}
		assert_true(line >= 0);
		size = (size_t)line + (line > 0 && frame.has_payload ? frame.payload + 1 : 0);
		if (line > 0 && size <= len) {
			*payload = from + line;
			assert_int_equal(from[size - 1], '\n');
			v->at += size;
			return frame;
		}
		if (v->at > 0 && len > 0 && line == 0 && memchr(from, '\n', len) != NULL)
			continue;
		if (!receive(v, PATIENCE_MS))
			fail_msg("nothing came after %zu bytes, %zu of %zu: %.*s", v->bytes.len,
			    v->at, v->text.len, (int)v->text.len, v->text.data);
	}
}

/* The next but those which only tell that nothing came. */
static struct peer_frame
next_of_use(struct viewer_end *v, const char **payload)
{
	struct peer_frame frame;

	do
		frame = next_frame(v, payload);
	while (frame.kind == PEER_FRAME_PROGRESS);
	return frame;
}

static void
assert_part(const struct peer_part *part, const char *payload, const char *expected)
{
	assert_int_equal(part->len, strlen(expected));
	assert_memory_equal(payload + part->offset, expected, part->len);
}

static void
entries_come_as_their_bytes(void **state)
{
	static const char entry[] = "2026-11-24 08:21:46,035 INFO app.db: \xff one\n\tand more";
	struct fixture *f = *state;
	const char *payload;
	struct peer_frame frame;
	struct viewer_end *v;

	f->reading.peer_header = "X-PBU-Log-Reader: 1 word\r\n";
	start(f);
	v = view(f, "as=peer&level=INFO", NULL);
	frame = next_frame(v, &payload);
	assert_int_equal(frame.kind, PEER_FRAME_BEGIN);
	assert_int_equal(frame.cursor.levels, LEVEL_BIT(LEVEL_INFO));
	assert_non_null(memmem(v->text.data, v->text.len, "Content-Type: " PEER_FRAME_TYPE "\r\n",
	    sizeof("Content-Type: " PEER_FRAME_TYPE "\r\n") - 1));
	assert_non_null(memmem(v->text.data, v->text.len, "\r\nX-PBU-Log-Reader: 1 word\r\n", 28));
	append(f, "error.log", "2026-11-24 08:21:45,001 ERROR app: of another level\n");
	append(f, "info.log", entry);
	append(f, "info.log", "\n");
	frame = next_of_use(v, &payload);
	assert_int_equal(frame.kind, PEER_FRAME_ENTRY);
	assert_int_equal(frame.text, sizeof(entry) - 1);
	assert_memory_equal(payload, entry, frame.text);
	assert_part(&frame.level_name, payload, "INFO");
	assert_part(&frame.logger, payload, "app.db");
	assert_part(&frame.message, payload, "\xff one");
	assert_int_equal(frame.level, LEVEL_INFO);
	assert_int_equal(frame.at.offset, 0);
	assert_int_equal(frame.cursor.levels, LEVEL_BIT(LEVEL_INFO));
	assert_int_equal(frame.cursor.at[LEVEL_INFO].offset, sizeof(entry));
}

static void
it_says_that_it_has_all(void **state)
{
	struct fixture *f = *state;
	const char *payload;
	struct peer_frame frame;
	struct viewer_end *v;

	start(f);
	v = view(f, "as=peer", NULL);
	next_frame(v, &payload);
	frame = next_frame(v, &payload);
	assert_int_equal(frame.kind, PEER_FRAME_PROGRESS);
	assert_int_equal(frame.scanned, frame.of);
}

/* Long ones go out in pieces, in their order, and from where one resumes. */
static void
long_ones_are_whole(void **state)
{
	struct fixture *f = *state;
	const size_t sizes[] = {3000000, 5, 33000, 31500, 32768, 100000, 7};
	const char *payload;
	struct peer_frame frame;
	struct viewer_end *v;
	struct buf query = BUF_INIT;
	char *text;

	start(f);
	v = view(f, "as=peer&level=ERROR,INFO", NULL);
	frame = next_frame(v, &payload);
	buf_puts(&query, "as=peer&level=ERROR,INFO&cursor=");
	cursor_print(&query, &frame.cursor);
	buf_putc(&query, '\0');
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		text = malloc(sizes[i] + 2);
		assert_non_null(text);
		memset(text, 'a' + (int)i, sizes[i]);
		strcpy(text + sizes[i], "\n");
		append(f, "info.log", text);
		free(text);
	}
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			frame = next_of_use(v, &payload);
			assert_int_equal(frame.kind, PEER_FRAME_ENTRY);
			assert_int_equal(frame.text, sizes[i]);
			assert_int_equal(payload[0], 'a' + (int)i);
			assert_int_equal(payload[frame.text - 1], 'a' + (int)i);
		}
		v = view(f, query.data, NULL);
		assert_int_equal(next_frame(v, &payload).kind, PEER_FRAME_BEGIN);
	}
	buf_free(&query);
}

/* So many are written while nothing is read; all are accounted for. Returns how many were dropped.
 */
static uint64_t
overflow(struct fixture *f, struct viewer_end *v, unsigned *n, unsigned count)
{
	uint64_t seen = 0, dropped = 0;

	for (unsigned i = 0; i < count; i++)
		log_number(f, "info.log", (*n)++);
	while (seen < count) {
		const char *payload;
		struct peer_frame frame = next_of_use(v, &payload);

		assert_true(frame.kind == PEER_FRAME_ENTRY || frame.kind == PEER_FRAME_DROPPED);
		assert_true(frame.has_cursor);
		dropped += frame.kind == PEER_FRAME_DROPPED ? frame.matched : 0;
		seen += frame.kind == PEER_FRAME_DROPPED ? frame.matched : 1;
	}
	assert_int_equal(seen, count);
	return dropped;
}

static void
what_is_dropped_is_told(void **state)
{
	struct fixture *f = *state;
	const char *payload;
	struct viewer_end *v;
	uint64_t dropped = 0, more = 1;
	unsigned n = 0;

	f->limits.behind_bytes = 20000;
	start(f);
	v = view(f, "as=peer&level=INFO", NULL);
	next_frame(v, &payload);
	/* It is looked at now and then only whether one is behind. */
	for (int turn = 0; turn < 50 && dropped == 0; turn++)
		dropped = overflow(f, v, &n, 4000);
	assert_true(dropped > 0);
	/* What comes before that is looked at again is dropped, too. */
	for (int turn = 0; turn < 50 && more > 0; turn++)
		dropped += more = overflow(f, v, &n, 1);
	assert_int_equal(more, 0);
	assert_int_equal(f->metrics.dropped, dropped);
}

static void
viewers_leave_room_for_servers(void **state)
{
	static const char viewers[] = "there are too many viewers: 1 at most",
			  servers[] = "there are too many tails of other servers: 1 at most";
	struct fixture *f = *state;
	struct viewer_end *v;
	const char *payload;

	f->limits.viewers = f->limits.servers = 1;
	start(f);
	assert_begun(view(f, NULL, NULL));
	v = view(f, NULL, NULL);
	assert_refused(v, "503");
	assert_non_null(memmem(v->text.data, v->text.len, viewers, sizeof(viewers) - 1));
	v = view(f, "as=peer", NULL);
	assert_int_equal(next_frame(v, &payload).kind, PEER_FRAME_BEGIN);
	v = view(f, "as=peer", NULL);
	assert_refused(v, "503");
	assert_non_null(memmem(v->text.data, v->text.len, servers, sizeof(servers) - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    tail_test(entries_come_as_their_bytes),
	    tail_test(it_says_that_it_has_all),
	    tail_test(long_ones_are_whole),
	    tail_test(what_is_dropped_is_told),
	    tail_test(viewers_leave_room_for_servers),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("tail_framed", tests, NULL, NULL);
}
