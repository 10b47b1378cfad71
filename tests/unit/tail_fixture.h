/* A tail over a log folder, and those who view it. */
#ifndef PBU_TAIL_FIXTURE_H
#define PBU_TAIL_FIXTURE_H

#include "base/clock.h"
#include "fake_app.h"
#include "reader/tail.h"
#include "tmpdir.h"

#include <poll.h>

#define VIEWERS_MAX 64

/* So long is waited for anything, at most. */
#define PATIENCE_MS 30000

struct viewer_end {
	int fd;
	struct buf bytes; /* that came and are not taken apart */
	struct buf text;  /* of the response */
	size_t at;	  /* in it, what comes next */
	bool whole, over;
	char id[256]; /* the last that came */
};

struct fixture {
	struct tmpdir *dir;
	struct metrics web_metrics;
	struct reader_metrics metrics;
	struct app app;
	struct fcgi_thread *thread;
	struct entry_parser *parser;
	struct library *library;
	struct reading reading;
	struct tail_limits limits;
	struct tail *tail;
	struct viewer_end viewer[VIEWERS_MAX];
	unsigned viewers;
};

static inline int
tail_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf why = BUF_INIT;
	char error[512];

	if (tmpdir_setup(state) != 0)
		return -1;
	f->dir = *state;
	f->app = (struct app){.self = f, .metrics = &f->web_metrics, FAKE_APP, .head = fake_head};
	f->thread = fcgi_thread_new(&f->app, error, sizeof(error));
	f->parser = entry_parser_new("%(asctime)s %(levelname)s %(name)s: %(message)s", NULL, &why);
	assert_non_null(f->parser);
	f->library = library_new(tmpdir_path(f->dir, "log"), f->parser);
	f->reading = (struct reading){.library = f->library,
	    .parser = f->parser,
	    .levels = 15,
	    .timeout = 30,
	    .metrics = &f->metrics};
	f->limits = tail_usual_limits;
	f->limits.silence_ms = 10 * 1000;
	*state = f;
	return 0;
}

/* Begins; before that a test may set limits. */
static inline void
start(struct fixture *f)
{
	static char path[512];
	char error[512];

	snprintf(path, sizeof(path), "%s", tmpdir_path(f->dir, "log"));
	f->tail = tail_start(&f->reading, path, &f->limits, error, sizeof(error));
	assert_non_null(f->tail);
}

static inline void
stop(struct fixture *f)
{
	if (f->tail != NULL)
		tail_stop(f->tail);
	f->tail = NULL;
}

/* The last that came. */
static inline void
forget(struct fixture *f, struct viewer_end *v)
{
	if (v->fd >= 0)
		close(v->fd);
	buf_free(&v->bytes);
	buf_free(&v->text);
	*v = (struct viewer_end){0};
	f->viewers--;
}

static inline int
tail_teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;
	bool right;

	stop(f);
	while (f->viewers > 0)
		forget(f, &f->viewer[f->viewers - 1]);
	fcgi_thread_free(f->thread);
	library_free(f->library);
	entry_parser_free(f->parser);
	right = f->metrics.tails == 0;
	free(f);
	return tmpdir_teardown(&dir) == 0 && right && fake_jobs == 0 ? 0 : -1;
}

/* --- viewers --- */

static inline struct viewer_end *
view(struct fixture *f, const char *query, const char *last_event_id)
{
	struct viewer_end *v = &f->viewer[f->viewers++];
	struct buf why = BUF_INIT;
	struct selection s;
	struct stream *stream;
	int pair[2];

	stream = fake_stream(&f->app, f->thread, "/api/log/tail", pair);
	v->fd = pair[1];
	assert_true(selection_parse(&s, query, 15, 0, &why));
	buf_free(&why);
	tail_add(f->tail, &s, last_event_id, stream);
	return v;
}

/* Takes what has come, and waits for something at first. False: nothing came. */
static inline bool
receive(struct viewer_end *v, int ms)
{
	struct pollfd p = {.fd = v->fd, .events = POLLIN};
	char bytes[65536];
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = recv(v->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n <= 0) {
		v->over = true;
		return false;
	}
	buf_append(&v->bytes, bytes, (size_t)n);
	v->whole = take_records(&v->bytes, &v->text) || v->whole;
	return true;
}

/* The next block of lines, NUL-terminated, without the empty line that ends it; NULL: the end. It
 * is good until the next. */
static inline char *
next_block(struct viewer_end *v)
{
	for (;;) {
		char *from, *end, *after;

		if (v->text.len > v->at) {
			buf_putc(&v->text, '\0');
			v->text.len--;
			from = v->text.data + v->at;
			end = strstr(from, v->at == 0 ? "\r\n\r\n" : "\n\n");
			if (end != NULL) {
				after = end + (v->at == 0 ? 4 : 2);
				v->at = (size_t)(after - v->text.data);
				*end = '\0';
				return from;
			}
		}
		if (v->at > 1 << 20) {
			memmove(v->text.data + 1, v->text.data + v->at, v->text.len - v->at);
			v->text.len -= v->at - 1;
			v->at = 1;
		}
		if (!receive(v, PATIENCE_MS)) {
			if (!v->over)
				fail_msg("nothing came, after: %s", v->id);
			return NULL;
		}
	}
}

/* The next event that is one: its data; its kind is in *kind. */
static inline char *
next_event(struct viewer_end *v, const char **kind)
{
	const int64_t until = clock_monotonic_ns() + PATIENCE_MS * INT64_C(1000000);
	char *block;

	while ((block = next_block(v)) != NULL) {
		char *data = NULL, *line, *rest = block;

		if (block[0] == ':' && clock_monotonic_ns() > until)
			fail_msg("nothing but comments came, after: %s", v->id);
		*kind = "message";
		while ((line = strsep(&rest, "\n")) != NULL) {
			if (strncmp(line, "data: ", 6) == 0)
				data = line + 6;
			else if (strncmp(line, "event: ", 7) == 0)
				*kind = line + 7;
			else if (strncmp(line, "id: ", 4) == 0)
				snprintf(v->id, sizeof(v->id), "%s", line + 4);
		}
		if (data != NULL)
			return data;
	}
	*kind = "none";
	return NULL;
}

/* It is let in: what is written from now on is its. */
static inline void
assert_begun(struct viewer_end *v)
{
	char *head = next_block(v);

	assert_non_null(head);
	assert_memory_equal(head, "Status: 200 OK\r\nContent-Type: text/event-stream\r\n", 49);
	assert_non_null(strstr(head, "X-Accel-Buffering: no"));
	head = next_block(v);
	assert_memory_equal(head, "retry: ", 7);
	assert_non_null(strstr(head, "\nid: "));
	snprintf(v->id, sizeof(v->id), "%s", strstr(head, "\nid: ") + 5);
}

/* The next event is the entry with this in it. */
static inline void
assert_entry(struct viewer_end *v, const char *text)
{
	const char *kind;
	char *data = next_event(v, &kind);

	if (data == NULL)
		fail_msg("it ended before %s", text);
	assert_string_equal(kind, "message");
	if (strstr(data, text) == NULL)
		fail_msg("expected %s, and there came %s", text, data);
}

static inline void
assert_refused(struct viewer_end *v, const char *status)
{
	char expected[64];

	while (receive(v, PATIENCE_MS))
		;
	assert_true(v->over && v->whole);
	snprintf(expected, sizeof(expected), "Status: %s", status);
	assert_memory_equal(v->text.data, expected, strlen(expected));
	assert_non_null(memmem(v->text.data, v->text.len, "{\"status\": false, ", 18));
}

/* --- what is written --- */

static inline void
append(struct fixture *f, const char *file, const char *text)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "log/%s", file);
	mkdir(tmpdir_path(f->dir, "log"), 0700);
	fd = open(tmpdir_path(f->dir, name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* An entry numbered n. */
static inline void
log_number(struct fixture *f, const char *file, unsigned n)
{
	char text[128];

	snprintf(text, sizeof(text), "2026-11-24 08:21:%02u,%03u INFO app.db: entry %u.\n",
	    n / 1000 % 60, n % 1000, n);
	append(f, file, text);
}

static inline void
move(struct fixture *f, const char *from, const char *to)
{
	char a[64], b[64];

	snprintf(a, sizeof(a), "log/%s", from);
	snprintf(b, sizeof(b), "log/%s", to);
	assert_int_equal(rename(tmpdir_path(f->dir, a), tmpdir_path(f->dir, b)), 0);
}

static inline void
assert_number(struct viewer_end *v, unsigned n)
{
	char text[32];

	snprintf(text, sizeof(text), "entry %u.\"", n);
	assert_entry(v, text);
}

#define tail_test(f) cmocka_unit_test_setup_teardown(f, tail_setup, tail_teardown)

#endif
