#include "reader/session.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW	INT64_C(1764000000)
#define READING "reading"

static struct auth *
tokens(const char *token)
{
	const struct auth_settings settings = {.token = token};
	char error[256];
	struct auth *a = auth_open(&settings, "READ_TOKEN", error, sizeof(error));

	assert_non_null(a);
	return a;
}

/* Whether a Cookie header that has the value in the place of each asterisk counts. */
static bool
counts_in(struct auth *a, const char *pattern, const char *value, int64_t now)
{
	struct buf cookie = BUF_INIT;
	bool good;

	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '*')
			buf_puts(&cookie, value);
		else
			buf_putc(&cookie, *pattern);
	}
	buf_putc(&cookie, '\0');
	good = session_counts(a, cookie.data, now);
	buf_free(&cookie);
	return good;
}

static bool
counts(struct auth *a, const char *value, int64_t now)
{
	return counts_in(a, SESSION_COOKIE "=*", value, now);
}

static void
counts_for_half_a_day(void **state)
{
	struct auth *a = tokens(READING);
	char value[SESSION_SIZE];

	(void)state;
	session_begin(READING, strlen(READING), NOW, value);
	assert_true(counts(a, value, NOW));
	assert_true(counts(a, value, NOW + SESSION_SECONDS - 1));
	assert_false(counts(a, value, NOW + SESSION_SECONDS));
	/* The clock was wrong when it was begun. */
	assert_false(counts(a, value, NOW - 1));
	auth_close(a);
}

static void
ends_with_its_token(void **state)
{
	struct auth *other = tokens("another"), *none = tokens(NULL);
	char value[SESSION_SIZE];

	(void)state;
	session_begin(READING, strlen(READING), NOW, value);
	assert_false(counts(other, value, NOW));
	assert_false(counts(none, value, NOW));
	/* Of a token that begins like it, and of none. */
	session_begin("anothe", 6, NOW, value);
	assert_false(counts(other, value, NOW));
	session_begin("", 0, NOW, value);
	assert_false(counts(other, value, NOW));
	assert_false(counts(none, value, NOW));
	auth_close(other);
	auth_close(none);
}

static void
is_found_among_other_cookies(void **state)
{
	static const char *const good[] = {" " SESSION_COOKIE "=*", "a=b; " SESSION_COOKIE "=*",
	    SESSION_COOKIE "=*; c=\"d;e\"", "x; ;;=; " SESSION_COOKIE "=*;",
	    "another_" SESSION_COOKIE "=x; " SESSION_COOKIE "=*"};
	/* Twice, the same or not; another name; a case of its own; in quotes; spaces. */
	static const char *const bad[] = {SESSION_COOKIE "=*; " SESSION_COOKIE "=*",
	    SESSION_COOKIE "=; " SESSION_COOKIE "=*", "x" SESSION_COOKIE "=*", SESSION_COOKIE "x=*",
	    "PBU_LOG_SESSION=*", SESSION_COOKIE "=\"*\"", SESSION_COOKIE " =*",
	    SESSION_COOKIE "= *", SESSION_COOKIE "=* ", "a=*",
	    SESSION_COOKIE "=*," SESSION_COOKIE "=*", "*"};
	struct auth *a = tokens(READING);
	char value[SESSION_SIZE];

	(void)state;
	session_begin(READING, strlen(READING), NOW, value);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(counts_in(a, good[i], value, NOW));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(counts_in(a, bad[i], value, NOW));
	assert_false(session_counts(a, NULL, NOW));
	assert_false(session_counts(a, "", NOW));
	assert_false(session_counts(a, SESSION_COOKIE, NOW));
	assert_false(session_counts(a, SESSION_COOKIE "=", NOW));
	auth_close(a);
}

/* Every byte counts, and none can be added, left out, or said in another way. */
static void
cannot_be_made_by_hand(void **state)
{
	struct auth *a = tokens(READING);
	char value[SESSION_SIZE], forged[SESSION_SIZE + 16];
	size_t len;

	(void)state;
	session_begin(READING, strlen(READING), NOW, value);
	len = strlen(value);
	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			memcpy(forged, value, len + 1);
			forged[i] = (char)(forged[i] ^ (char)bit);
			assert_false(counts(a, forged, NOW));
		}
		snprintf(forged, sizeof(forged), "%.*s", (int)i, value);
		assert_false(counts(a, forged, NOW));
	}
	snprintf(forged, sizeof(forged), "0%s", value);
	assert_false(counts(a, forged, NOW));
	snprintf(forged, sizeof(forged), "+%s", value);
	assert_false(counts(a, forged, NOW));
	snprintf(forged, sizeof(forged), "%s0", value);
	assert_false(counts(a, forged, NOW));
	/* A later end under an old hash. */
	snprintf(forged, sizeof(forged), "%lld%s", (long long)NOW + SESSION_SECONDS - 1,
	    strchr(value, '.'));
	assert_false(counts(a, forged, NOW));
	assert_false(counts(a, "99999999999999999999.", NOW));
	auth_close(a);
}

static void
is_of_any_of_several_tokens(void **state)
{
	char file[] = "/tmp/pbu-test-session-XXXXXX", error[256], value[SESSION_SIZE];
	const struct auth_settings settings = {.token = "first", .token_file = file};
	int fd = mkstemp(file);
	struct auth *a;

	(void)state;
	assert_int_equal(write(fd, "second\nthird\n", 13), 13);
	a = auth_open(&settings, "READ_TOKEN", error, sizeof(error));
	assert_non_null(a);
	session_begin("third", 5, NOW, value);
	assert_true(counts(a, value, NOW));
	session_begin("first", 5, NOW, value);
	assert_true(counts(a, value, NOW));
	/* The file loses one. */
	session_begin("second", 6, NOW, value);
	assert_true(counts(a, value, NOW));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "third\n", 6, 0), 6);
	auth_refresh(a);
	assert_false(counts(a, value, NOW));
	session_begin("third", 5, NOW, value);
	assert_true(counts(a, value, NOW));
	auth_close(a);
	close(fd);
	unlink(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_for_half_a_day),
	    cmocka_unit_test(ends_with_its_token),
	    cmocka_unit_test(is_found_among_other_cookies),
	    cmocka_unit_test(cannot_be_made_by_hand),
	    cmocka_unit_test(is_of_any_of_several_tokens),
	};

	if (!session_init())
		return 1;
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
