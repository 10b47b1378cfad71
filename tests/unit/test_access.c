#include "reader/access.h"
#include "reader/session.h"
#include "unit.h"

#define NOW INT64_C(1764000000)

/* Who may read where these tokens are configured. */
static struct access
open_access(const char *read, const char *write)
{
	const struct auth_settings reading = {.token = read}, writing = {.token = write};
	char error[256];

	return (struct access){auth_open(&reading, "READ_TOKEN", error, sizeof(error)),
	    auth_open(&writing, "AUTH_TOKEN", error, sizeof(error))};
}

static void
close_access(struct access *a)
{
	auth_close(a->read);
	auth_close(a->write);
}

static enum access_verdict
check(const struct access *a, const char *authorization)
{
	const struct http_request q = {.authorization = authorization};

	return access_check(a, &q, NOW);
}

static void
without_tokens_it_is_open_but_to_other_sites(void **state)
{
	struct access a = open_access(NULL, NULL);
	struct http_request q = {.fetch_site = "same-origin"};

	(void)state;
	assert_true(access_is_open(&a));
	assert_int_equal(check(&a, NULL), ACCESS_GRANTED);
	assert_int_equal(check(&a, "whatever"), ACCESS_GRANTED);
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_GRANTED);
	q.fetch_site = "cross-site";
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_ELSEWHERE);
	assert_int_equal(access_check_token(&a, "x", 1), ACCESS_GRANTED);
	close_access(&a);
}

static void
a_token_for_writing_alone_closes_it(void **state)
{
	struct access a = open_access(NULL, "writing");

	(void)state;
	assert_false(access_is_open(&a));
	assert_int_equal(check(&a, NULL), ACCESS_CLOSED);
	assert_int_equal(check(&a, "writing"), ACCESS_CLOSED);
	assert_int_equal(access_check_token(&a, "writing", 7), ACCESS_CLOSED);
	assert_int_equal(access_status(ACCESS_CLOSED), 403);
	assert_non_null(strstr(access_words(ACCESS_CLOSED), "READ_TOKEN"));
	close_access(&a);
}

static void
tokens_are_told_apart(void **state)
{
	struct access a = open_access("reading", "writing");

	(void)state;
	assert_int_equal(check(&a, NULL), ACCESS_NO_TOKEN);
	assert_int_equal(check(&a, ""), ACCESS_NO_TOKEN);
	assert_int_equal(check(&a, "wrong"), ACCESS_WRONG);
	assert_int_equal(check(&a, "Bearer wrong"), ACCESS_WRONG);
	assert_int_equal(check(&a, "writing"), ACCESS_WRITER);
	assert_int_equal(check(&a, "Bearer writing"), ACCESS_WRITER);
	assert_int_equal(check(&a, "reading"), ACCESS_GRANTED);
	assert_int_equal(check(&a, "bearer reading"), ACCESS_GRANTED);
	assert_int_equal(access_check_token(&a, "reading", 7), ACCESS_GRANTED);
	assert_int_equal(access_check_token(&a, "writing", 7), ACCESS_WRITER);
	assert_int_equal(access_check_token(&a, "readin", 6), ACCESS_WRONG);
	assert_int_equal(access_check_token(&a, "", 0), ACCESS_WRONG);
	assert_int_equal(access_status(ACCESS_NO_TOKEN), 401);
	assert_int_equal(access_status(ACCESS_WRONG), 401);
	assert_int_equal(access_status(ACCESS_WRITER), 403);
	assert_int_equal(access_status(ACCESS_ELSEWHERE), 403);
	close_access(&a);
}

static void
one_word_may_be_both(void **state)
{
	struct access a = open_access("both", "both");

	(void)state;
	assert_int_equal(check(&a, "both"), ACCESS_GRANTED);
	close_access(&a);
	/* Nor does reading ask for a token for writing. */
	a = open_access("reading", NULL);
	assert_int_equal(check(&a, NULL), ACCESS_NO_TOKEN);
	assert_int_equal(check(&a, "reading"), ACCESS_GRANTED);
	close_access(&a);
}

static void
a_session_counts_on_its_own_site_only(void **state)
{
	static const struct {
		const char *site;
		enum access_verdict verdict;
	} cases[] = {
	    {NULL, ACCESS_GRANTED}, /* a browser that does not say it */
	    {"", ACCESS_GRANTED},
	    {"same-origin", ACCESS_GRANTED},
	    {"none", ACCESS_GRANTED},
	    {"same-site", ACCESS_ELSEWHERE},
	    {"cross-site", ACCESS_ELSEWHERE},
	    {"Same-Origin", ACCESS_ELSEWHERE},
	    {"same-origin, cross-site", ACCESS_ELSEWHERE},
	};
	struct access a = open_access("reading", "writing");
	char cookie[] = SESSION_COOKIE
	    "=" /* its value */
	    "                                                                              ";
	struct http_request q = {.cookie = cookie};

	(void)state;
	session_begin("reading", 7, NOW, strchr(cookie, '=') + 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		q.fetch_site = cases[i].site;
		assert_int_equal(access_check(&a, &q, NOW), cases[i].verdict);
	}
	q.fetch_site = "same-origin";
	/* nginx asks for a password of its own in the same header. */
	q.authorization = "Basic eDp5";
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_GRANTED);
	/* Another token's session, that of writing included, and one that has ended. */
	assert_int_equal(access_check(&a, &q, NOW + SESSION_SECONDS), ACCESS_WRONG);
	q.authorization = NULL;
	assert_int_equal(access_check(&a, &q, NOW + SESSION_SECONDS), ACCESS_NO_TOKEN);
	session_begin("writing", 7, NOW, strchr(cookie, '=') + 1);
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_NO_TOKEN);
	/* A token itself is no page's: it counts wherever it comes from. */
	q.fetch_site = "cross-site";
	q.authorization = "reading";
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_GRANTED);
	close_access(&a);
}

/* As a browser does, once it has a password for a site, whichever page asks. */
static void
a_password_counts_on_its_own_site_only(void **state)
{
	struct access a = open_access("reading", "writing");
	struct http_request q = {.authorization = "Basic OnJlYWRpbmc="}; /* :reading */

	(void)state;
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_GRANTED);
	q.fetch_site = "same-origin";
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_GRANTED);
	q.fetch_site = "cross-site";
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_ELSEWHERE);
	q.authorization = "basic  cmVhZGluZzo="; /* reading: */
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_ELSEWHERE);
	q.fetch_site = NULL;
	assert_int_equal(access_check(&a, &q, NOW), ACCESS_GRANTED);
	assert_int_equal(check(&a, "Basic OndyaXRpbmc="), ACCESS_WRITER); /* :writing */
	assert_int_equal(check(&a, "Basic OndyaXRpbg=="), ACCESS_WRONG);
	close_access(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_tokens_it_is_open_but_to_other_sites),
	    cmocka_unit_test(a_token_for_writing_alone_closes_it),
	    cmocka_unit_test(tokens_are_told_apart),
	    cmocka_unit_test(one_word_may_be_both),
	    cmocka_unit_test(a_session_counts_on_its_own_site_only),
	    cmocka_unit_test(a_password_counts_on_its_own_site_only),
	};

	if (!session_init())
		return 1;
	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
