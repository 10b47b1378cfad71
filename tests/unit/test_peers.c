#include "reader/peers.h"

#include "base/clock.h"
#include "reader/peers_ask.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>

static void
servers_are_in_the_order_of_their_names(void **state)
{
	const struct peers_settings s = {
	    .urls = "https://log3.example/, http://LOG1.example:8080/logs ,https://log2.example",
	    .name = "Log2.example",
	    .patience = 1};
	char error[512];
	struct peers *p = peers_new(&s, error, sizeof(error));

	(void)state;
	if (!peer_http_is_built()) {
		assert_null(p);
		return;
	}
	assert_non_null(p);
	assert_int_equal(p->count, 3);
	assert_string_equal(p->at[0].name, "log1.example:8080");
	assert_string_equal(p->at[0].url, "http://LOG1.example:8080/logs");
	/* This one is among them, and not asked. */
	assert_string_equal(p->at[1].name, "log2.example");
	assert_null(p->at[1].url);
	assert_int_equal(p->self, 1);
	assert_string_equal(p->at[2].url, "https://log3.example");
	assert_true(p->at[0].id != p->at[1].id && p->at[1].id != p->at[2].id);
	assert_int_equal(strlen(p->word), 32);
	peers_free(p);
}

/* libcurl has a thread for each name that it looks for, and lets nobody say how large that is. */
static void
threads_that_look_for_names_are_small(void **state)
{
	const struct peers_settings s = {.urls = "http://b", .name = "a", .patience = 1};
	pthread_attr_t usual;
	size_t bytes = 0;
	char error[512];
	struct peers *p = peers_new(&s, error, sizeof(error));

	(void)state;
	if (p == NULL) {
		assert_false(peer_http_is_built());
		return;
	}
	assert_int_equal(pthread_getattr_default_np(&usual), 0);
	assert_int_equal(pthread_attr_getstacksize(&usual, &bytes), 0);
	assert_true(bytes <= (size_t)1024 * 1024);
	pthread_attr_destroy(&usual);
	peers_free(p);
}

static void
none_are_no_error(void **state)
{
	const struct peers_settings s = {.name = "log2.example"};
	char error[512] = "x";

	(void)state;
	assert_null(peers_new(&s, error, sizeof(error)));
	assert_string_equal(error, "");
}

static void
a_name_has_the_same_number_everywhere(void **state)
{
	struct peers_settings s = {.urls = "http://b", .name = "a", .patience = 1};
	char error[512];
	struct peers *p = peers_new(&s, error, sizeof(error));

	(void)state;
	if (p == NULL)
		return; /* built without peers */
	/* FNV-1a. Cursors that people have kept depend on it. */
	assert_int_equal(p->at[0].id, 0xe40c292c);
	assert_int_equal(p->at[1].id, 0xe70c2de5);
	peers_free(p);
}

static void
what_is_asked_is_an_address(void **state)
{
	char url[] = "https://log1.example/logs";
	const struct peer peer = {.url = url};
	struct peers_asked asked = {.path = "/api/log/query",
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .levels = LEVEL_BIT(LEVEL_INFO),
	    .limit = UINT64_MAX,
	    .deadline = INT64_MAX};
	struct buf out = BUF_INIT;

	(void)state;
	peers_ask(&out, &peer, &asked);
	assert_string_equal(out.data,
	    "https://log1.example/logs/api/log/query?as=peer&direction=backward&level=INFO");
	buf_clear(&out, 0);
	asked.start = -5;
	asked.end = 77;
	asked.levels |= LEVEL_BIT(LEVEL_ERROR);
	asked.limit = 0;
	asked.buckets = 3;
	asked.forward = asked.has_cursor = true;
	asked.cursor.levels = LEVEL_BIT(LEVEL_ERROR);
	asked.q = "a&b=\xc3\xa9 \"+%#";
	peers_ask(&out, &peer, &asked);
	assert_string_equal(out.data,
	    "https://log1.example/logs/api/log/query?as=peer&direction=forward&level=INFO,ERROR"
	    "&start=@-5&end=@77&limit=0&buckets=3&cursor=e0&q=a%26b=%C3%A9%20%22%2B%25%23");
	buf_free(&out);
}

/* Less than is left, so that its end is there in time; and never without. */
static void
a_peer_is_told_until_when(void **state)
{
	char url[] = "http://a", *timeout;
	const struct peer peer = {.url = url};
	struct peers_asked asked = {.path = "/",
	    .start = INT64_MIN,
	    .end = INT64_MAX,
	    .limit = UINT64_MAX,
	    .deadline = clock_monotonic_ns() + INT64_C(1000) * 1000000000};
	struct buf out = BUF_INIT;
	long ms;

	(void)state;
	peers_ask(&out, &peer, &asked);
	timeout = strstr(out.data, "&timeout=");
	assert_non_null(timeout);
	ms = strtol(timeout + 9, NULL, 10);
	assert_true(ms <= 900000 && ms > 800000);
	buf_clear(&out, 0);
	asked.deadline = clock_monotonic_ns() - 1;
	peers_ask(&out, &peer, &asked);
	assert_non_null(strstr(out.data, "&timeout=1"));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(servers_are_in_the_order_of_their_names),
	    cmocka_unit_test(threads_that_look_for_names_are_small),
	    cmocka_unit_test(none_are_no_error),
	    cmocka_unit_test(a_name_has_the_same_number_everywhere),
	    cmocka_unit_test(what_is_asked_is_an_address),
	    cmocka_unit_test(a_peer_is_told_until_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
