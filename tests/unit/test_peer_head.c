#include "reader/peer_head.h"

#include "unit.h"

/* What is said of a head of these lines. */
static const char *
said(struct peer_head *h, int status, const char *lines)
{
	*h = (struct peer_head){.type = "application/x-frames", .self = "me"};
	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n") + 1;

		assert_true(peer_head_line(h, lines, len));
		lines += len;
	}
	assert_true(peer_head_end(h, status));
	return h->why;
}

#define TYPE "Content-Type: application/x-frames\r\n"
#define GOOD TYPE "X-PBU-Log-Reader: 1 you\r\n"

static void
a_good_one_is_good(void **state)
{
	static const char *const good[] = {TYPE "X-PBU-Log-Reader: 1 you\r\n",
	    "content-type:application/X-Frames ; charset=utf-8\r\nx-pbu-log-reader:1\r\n",
	    TYPE "Content-Encoding: identity\r\nX-PBU-Log-Reader: 1 mea\r\n",
	    GOOD "Transfer-Encoding: chunked\r\n", GOOD "Transfer-Encoding: Identity\r\n",
	    TYPE "X-PBU-Log-Reader: 1 -\r\nX-More: X-PBU-Log-Reader: 2\r\n"};
	struct peer_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(said(&h, 200, good[i]), "");
}

static void
another_is_told_apart(void **state)
{
	static const char *const packed[] = {GOOD "Transfer-Encoding: gzip\r\n",
	    GOOD "transfer-encoding:gzip, gzip\r\n", GOOD "Transfer-Encoding: gzip, chunked\r\n",
	    GOOD "Transfer-Encoding: chunked\r\nTransfer-Encoding: deflate\r\n",
	    GOOD "Transfer-Encoding:\r\n", GOOD "Transfer-Encoding: identity, br\r\n"};
	struct peer_head h;

	(void)state;
	assert_string_equal(said(&h, 200, TYPE), "is no reader, or an older one");
	assert_string_equal(
	    said(&h, 200, TYPE "X-PBU-Log-Reader: x\r\n"), "is no reader, or an older one");
	assert_string_equal(said(&h, 200, TYPE "X-PBU-Log-Reader: 2 you\r\n"),
	    "speaks another version (2, and this reader 1)");
	assert_string_equal(said(&h, 200, TYPE "X-PBU-Log-Reader: 1 me\r\n"),
	    "is this server itself: its READ_NAME should say so");
	assert_string_equal(
	    said(&h, 200, "X-PBU-Log-Reader: 1 you\r\n"), "answers with something of another type");
	assert_string_equal(
	    said(&h, 200, TYPE "Content-Encoding: br\r\nX-PBU-Log-Reader: 1 you\r\n"),
	    "packs its answer, unasked");
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		assert_string_equal(said(&h, 200, packed[i]), "packs its answer, unasked");
	assert_string_equal(
	    said(&h, 503, TYPE "X-PBU-Log-Reader: 1 you\r\n"), "answered 503: it is busy");
	assert_string_equal(said(&h, 301, ""), "answered 301: no redirect is followed");
	assert_string_equal(said(&h, 418, ""), "answered 418");
}

static void
what_comes_before_another_head_does_not_count(void **state)
{
	struct peer_head h = {.self = ""};

	(void)state;
	assert_true(peer_head_line(&h, "X-PBU-Log-Reader: 2\r\n", 21));
	assert_false(peer_head_end(&h, 100));
	assert_true(peer_head_end(&h, 200));
	assert_string_equal(h.why, "is no reader, or an older one");
}

/* As libcurl takes it for what follows. */
static void
packing_before_another_head_counts(void **state)
{
	struct peer_head h = {.self = ""};

	(void)state;
	assert_true(peer_head_line(&h, "X-PBU-Log-Reader: 2\r\n", 21));
	assert_true(peer_head_line(&h, "Transfer-Encoding: gzip\r\n", 25));
	assert_false(peer_head_end(&h, 103));
	assert_true(peer_head_line(&h, "X-PBU-Log-Reader: 1\r\n", 21));
	assert_true(peer_head_end(&h, 200));
	assert_string_equal(h.why, "packs its answer, unasked");
}

static void
one_without_end_is_too_large(void **state)
{
	struct peer_head h = {.self = ""};
	size_t lines = 0;

	(void)state;
	while (peer_head_line(&h, "X: 0123456789\r\n", 15))
		lines++;
	assert_int_equal(lines, PEER_HEAD_MAX / 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_one_is_good),
	    cmocka_unit_test(another_is_told_apart),
	    cmocka_unit_test(what_comes_before_another_head_does_not_count),
	    cmocka_unit_test(packing_before_another_head_counts),
	    cmocka_unit_test(one_without_end_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
