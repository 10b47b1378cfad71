/* Viewers of the live tail that resume, or are slow: they lose nothing that they are not told of,
 * and hold up nobody. */
#include "tail_fixture.h"

#include <sched.h>

/* The next of either file: every third is in error.log. (While both are written to, one that is
 * read a moment later has later ones.) */
static void
assert_next(struct viewer_end *v, unsigned next[2])
{
	const char *kind, *at, *data = next_event(v, &kind);
	unsigned n;
	int file;

	assert_non_null(data);
	at = strstr(data, "entry ");
	assert_non_null(at);
	n = (unsigned)strtoul(at + 6, NULL, 10);
	file = n % 3 == 0 ? 0 : 1;
	assert_int_equal(n, next[file]);
	next[file] += file == 0 ? 3 : n % 3 == 1 ? 1 : 2;
}

static void
one_that_resumes_has_each_once(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;
	char id[256], name[32];
	unsigned n = 0, seen = 0, next[2] = {0, 1};

	log_number(f, "info.log", 999);
	start(f);
	v = view(f, NULL, NULL);
	assert_begun(v);
	for (unsigned round = 0; round < 12; round++) {
		/* Some while it is there, ... */
		for (int i = 0; i < 20; i++)
			log_number(f, n % 3 == 0 ? "error.log" : "info.log", n), n++;
		/* ... of which it takes a part, ... */
		for (int i = 0; i < 15; i++)
			assert_next(v, next), seen++;
		memcpy(id, v->id, sizeof(id));
		close(v->fd);
		v->fd = -1;
		/* ... and some while it is away, over a roll-over. */
		for (int i = 0; i < 20; i++)
			log_number(f, n % 3 == 0 ? "error.log" : "info.log", n), n++;
		snprintf(name, sizeof(name), "info.log.2026-11-%02u", 10 + round);
		if (round % 3 == 1)
			move(f, "info.log", name);
		if (round % 4 == 2) {
			stop(f);
			start(f);
		}
		for (int i = 0; i < 5; i++)
			log_number(f, n % 3 == 0 ? "error.log" : "info.log", n), n++;
		v = view(f, round % 2 == 0 ? NULL : "level=INFO,ERROR", id);
		assert_begun(v);
	}
	while (seen++ < n)
		assert_next(v, next);
	append(f, "info.log", "2026-11-24 08:21:59,999 INFO app.db: last\n");
	assert_entry(v, "last");
}

static void
a_slow_one_loses_nothing_and_holds_up_nobody(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *slow[2], *quick;
	const unsigned count = 1500;

	start(f);
	slow[0] = view(f, NULL, NULL);
	slow[1] = view(f, "q=entry", NULL);
	quick = view(f, NULL, NULL);
	for (unsigned i = 0; i < f->viewers; i++)
		assert_begun(&f->viewer[i]);
	for (unsigned n = 0; n < count; n++) {
		log_number(f, "info.log", n);
		/* What is new it has at once. */
		if (n % 10 == 9) {
			for (unsigned i = n - 9; i <= n; i++)
				assert_number(quick, i);
		}
		if (n == count / 2)
			move(f, "info.log", "info.log.2026-11-23");
	}
	for (int i = 0; i < 2; i++) {
		for (unsigned n = 0; n < count; n++)
			assert_number(slow[i], n);
	}
	/* They have caught up. */
	log_number(f, "info.log", count);
	for (unsigned i = 0; i < f->viewers; i++)
		assert_number(&f->viewer[i], count);
	assert_int_equal(f->metrics.dropped, 0);
	assert_int_equal(f->metrics.entries, 3 * (count + 1));
}

/* Reads until the event that says how many were dropped; checks the order, and all are accounted
 * for. */
static unsigned
take_until_dropped(struct viewer_end *v, unsigned *dropped)
{
	unsigned n = 0;

	for (;;) {
		const char *kind;
		char *data = next_event(v, &kind), text[32];

		assert_non_null(data);
		if (strcmp(kind, "dropped") == 0) {
			assert_int_equal(sscanf(data, "{\"dropped\": %u}", dropped), 1);
			return n;
		}
		snprintf(text, sizeof(text), "entry %u.\"", n++);
		assert_non_null(strstr(data, text));
	}
}

/* Has the tail say with each tick that it is still here; and one who selects nothing else. */
static struct viewer_end *
view_ticks(struct fixture *f)
{
	struct viewer_end *v = view(f, "level=WARNING", NULL);

	assert_begun(v);
	return v;
}

/* Waits until all that is in these files was read, and for so many ticks after that. */
static void
wait_for_ticks(struct fixture *f, struct viewer_end *ticks, int count)
{
	static const char *const names[] = {"log/info.log", "log/debug.log"};
	const int64_t until = clock_monotonic_ns() + PATIENCE_MS * INT64_C(1000000);
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (stat(tmpdir_path(f->dir, names[i]), &st) == 0)
			bytes += (uint64_t)st.st_size;
	}
	while (atomic_load(&f->metrics.scanned_bytes) < bytes) {
		assert_true(clock_monotonic_ns() < until);
		poll(NULL, 0, 1);
	}
	/* Those of before. */
	while (receive(ticks, 0))
		;
	ticks->at = ticks->text.len;
	for (int i = 0; i < count; i++)
		assert_int_equal(next_block(ticks)[0], ':');
}

/* Ticks within which one is found too slow that takes nothing: a quarter of a second lies between
 * two of them, and the last may not have come to it. */
#define TOO_SLOW_MS    500
#define TOO_SLOW_TICKS (TOO_SLOW_MS / 250 + 3)

/* Of `count` that were written, none of which it took. */
static void
assert_some_are_dropped(
    struct fixture *f, struct viewer_end *slow, struct viewer_end *ticks, unsigned count)
{
	unsigned got, dropped;

	/* It drops what there is by then. */
	wait_for_ticks(f, ticks, TOO_SLOW_TICKS);
	got = take_until_dropped(slow, &dropped);
	assert_true(got > 10 && got < count);
	assert_int_equal(got + dropped, count);
	log_number(f, "info.log", count);
	assert_number(slow, count);
	assert_int_equal(f->metrics.dropped, dropped);
}

static void
one_that_is_too_far_behind_is_told_what_was_dropped(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *slow, *ticks;
	const unsigned count = 6000;

	f->limits.behind_bytes = 400000;
	f->limits.silence_ms = 1;
	start(f);
	slow = view(f, "q=entry", NULL);
	assert_begun(slow);
	ticks = view_ticks(f);
	for (unsigned n = 0; n < count; n++) {
		log_number(f, "info.log", n);
		append(f, "debug.log", "2026-11-24 08:21:46,035 DEBUG app.db: other\n");
	}
	assert_some_are_dropped(f, slow, ticks, count);
}

/* What was there when it resumed does not count, nor what it takes. */
static void
one_that_keeps_pace_is_not_too_slow(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v;
	const unsigned count = 3000;

	f->limits.behind_bytes = 100000;
	start(f);
	v = view(f, NULL, NULL);
	assert_begun(v);
	close(v->fd);
	v->fd = -1;
	while (atomic_load(&f->metrics.tails) != 0)
		sched_yield();
	for (unsigned n = 0; n < count; n++)
		log_number(f, "info.log", n);
	v = view(f, NULL, v->id);
	assert_begun(v);
	for (unsigned n = 0; n < count; n++) {
		log_number(f, "info.log", count + n);
		assert_number(v, n);
		if (n % 100 == 0)
			poll(NULL, 0, 30);
	}
	for (unsigned n = 0; n < count; n++)
		assert_number(v, count + n);
	assert_int_equal(f->metrics.dropped, 0);
}

static void
one_that_takes_nothing_for_too_long_is_too_slow(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *slow, *ticks;
	const unsigned count = 6000;

	f->limits.behind_ms = TOO_SLOW_MS;
	f->limits.silence_ms = 1;
	start(f);
	slow = view(f, NULL, NULL);
	assert_begun(slow);
	ticks = view_ticks(f);
	for (unsigned n = 0; n < count; n++)
		log_number(f, "info.log", n);
	assert_some_are_dropped(f, slow, ticks, count);
}

static void
a_large_entry_goes_in_pieces(void **state)
{
	const size_t len = 3 << 20;
	struct fixture *f = *state;
	struct viewer_end *v[3];
	char *text = malloc(len + 64);
	size_t at = (size_t)sprintf(text, "2026-11-24 08:21:46,035 INFO app: ");

	memset(text + at, 'x', len);
	strcpy(text + at + len, "!\n");
	/* Room for one of them only. */
	f->limits.held_bytes = 1000;
	start(f);
	for (int i = 0; i < 3; i++) {
		v[i] = view(f, NULL, NULL);
		assert_begun(v[i]);
	}
	log_number(f, "info.log", 1);
	append(f, "info.log", text);
	log_number(f, "info.log", 2);
	append(f, "error.log", text);
	/* Each takes what is there, in turns: who takes nothing while others wait for the room is
	 * ended in the end. */
	for (int i = 0;
	     v[0]->text.len < 4 * len || v[1]->text.len < 4 * len || v[2]->text.len < 4 * len;
	     i = (i + 1) % 3) {
		receive(v[i], 10);
		assert_false(v[i]->over);
	}
	for (int i = 0; i < 3; i++) {
		const char *kind;
		unsigned large = 0, numbers = 0;
		char *data;

		while (large < 2 || numbers < 2) {
			data = next_event(v[i], &kind);
			assert_string_equal(kind, "message");
			if (strlen(data) > len) {
				/* Twice: as the message and as the text. */
				assert_true(strlen(data) > 2 * len);
				assert_int_equal(strspn(strchr(data, '!') - len, "x"), len);
				large++;
			} else {
				numbers++;
			}
		}
	}
	log_number(f, "info.log", 3);
	for (int i = 0; i < 3; i++)
		assert_number(v[i], 3);
	free(text);
}

static void
an_expression_that_explodes_holds_up_nobody(void **state)
{
	struct fixture *f = *state;
	struct viewer_end *v, *evil;
	char text[256];
	unsigned late = 0;

	start(f);
	v = view(f, NULL, NULL);
	evil = view(f, "q=/(a%2B)%2B%24b/", NULL);
	assert_begun(v);
	assert_begun(evil);
	for (unsigned n = 0; n < 50; n++) {
		int64_t before;

		snprintf(text, sizeof(text),
		    "2026-11-24 08:21:46,%03u INFO app: "
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa entry %u.\n",
		    n, n);
		before = clock_monotonic_ns();
		append(f, "info.log", text);
		assert_number(v, n);
		late += clock_monotonic_ns() - before > CLOCK_NS_PER_SECOND / 10;
	}
	/* It would be each of them; where the machine stands still for a while it is one or two. */
	assert_true(late < 25);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    tail_test(one_that_resumes_has_each_once),
	    tail_test(a_slow_one_loses_nothing_and_holds_up_nobody),
	    tail_test(one_that_is_too_far_behind_is_told_what_was_dropped),
	    tail_test(one_that_keeps_pace_is_not_too_slow),
	    tail_test(one_that_takes_nothing_for_too_long_is_too_slow),
	    tail_test(a_large_entry_goes_in_pieces),
	    tail_test(an_expression_that_explodes_holds_up_nobody),
	};

	fcgi_init();
	return cmocka_run_group_tests_name("tail_behind", tests, NULL, NULL);
}
