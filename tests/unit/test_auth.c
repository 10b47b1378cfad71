#include "unit.h"
#include "web/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/pbu-test-auth-XXXXXX";

/* A request with these two headers. */
static bool
allows(struct auth *a, const char *authorization, const char *authentication)
{
	const struct http_request q = {
	    .authorization = authorization, .authentication = authentication};

	return auth_allows(a, &q);
}

static void
write_file(const char *text)
{
	char fresh[64];
	FILE *f;

	/* A new file each time, renamed into place, so that its inode tells. */
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(fresh, path), 0);
}

static int
set_up(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	return fd < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void
no_token_lets_everybody_in(void **state)
{
	struct auth_settings o = {0};
	char error[256];
	struct auth *a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));

	(void)state;
	assert_true(allows(a, NULL, NULL));
	assert_true(allows(a, "anything", ""));
	auth_close(a);
}

static void
takes_the_token_from_three_places(void **state)
{
	struct auth_settings o = {.token = "s3cret"};
	char error[256];
	struct auth *a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));

	(void)state;
	assert_true(allows(a, "s3cret", NULL));
	assert_true(allows(a, "Bearer s3cret", NULL));
	assert_true(allows(a, "bearer  s3cret", NULL));
	assert_true(allows(a, NULL, "s3cret"));
	assert_true(allows(a, "wrong", "s3cret"));
	assert_false(allows(a, NULL, NULL));
	assert_false(allows(a, "", ""));
	assert_false(allows(a, "Bearer", NULL));
	assert_false(allows(a, "Bearer ", NULL));
	assert_false(allows(a, "s3cre", NULL));
	assert_false(allows(a, "s3cret ", NULL));
	assert_false(allows(a, "s3creT", NULL));
	assert_false(allows(a, "Basic s3cret", NULL));
	assert_false(allows(a, NULL, "Bearer s3cret"));
	auth_close(a);
}

/* The pairs are of base64(1). */
static void
takes_the_token_as_a_password_or_a_name(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"Basic OnMzY3JldA==", true},	  /* :s3cret */
	    {"Basic czNjcmV0Og==", true},	  /* s3cret: */
	    {"bASIC   bmFtZTpzM2NyZXQ=", true},	  /* name:s3cret */
	    {"Basic czNjcmV0OnBhc3N3b3Jk", true}, /* s3cret:password */
	    {"Basic bmFtZTp3aXRoOmNvbG9u", true}, /* name:with:colon, whose rest is the second */
	    {"Basic d2l0aDpjb2xvbg==", false},	  /* with:colon */
	    {"Basic bmFtZTpzM2NyZXQ", false},	  /* no padding */
	    {"Basic bmFtZTpzM2NyZXQ= ", false},	  /* more */
	    {"Basic bmFtZTpzM2NyZXR=", false},	  /* bits beyond the last byte */
	    {"Basic\tOnMzY3JldA==", false},	  /* no space */
	    {"BasicOnMzY3JldA==", false},	  /* likewise */
	    {"Basic czNjcmV0", false},		  /* s3cret */
	    {"Basic OnMzY3Jl", false},		  /* :s3cre */
	    {"Basic OnMzY3JldAA=", false},	  /* :s3cret and a zero byte */
	    {"Basic Og==", false},		  /* : */
	    {"Basic ", false},
	    {"Basic", false},
	    {"Bearer OnMzY3JldA==", false},
	};
	struct auth_settings o = {.token = "s3cret", .token_file = path};
	struct http_request q = {.authorization = "Basic czNjcmV0OnBhc3N3b3Jk"};
	struct buf token = BUF_INIT;
	char error[256];
	struct auth *a;

	(void)state;
	write_file("with:colon\n");
	a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));
	assert_non_null(a);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (allows(a, cases[i].text, NULL) != cases[i].good)
			fail_msg("%s", cases[i].text);
		/* The other header has no schemes. */
		assert_false(allows(a, NULL, cases[i].text));
	}
	assert_true(auth_token_of(a, &q, &token));
	assert_buf_equal(&token, "s3cret");
	auth_forget(&token);
	assert_null(token.data);
	assert_true(auth_is_basic(&q));
	q.authorization = "Bearer s3cret";
	assert_true(auth_token_of(a, &q, &token));
	assert_buf_equal(&token, "s3cret");
	auth_forget(&token);
	assert_false(auth_is_basic(&q));
	auth_close(a);
	/* None is configured: nothing is one. */
	o = (struct auth_settings){0};
	a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));
	q.authorization = "Basic Og==";
	assert_false(auth_token_of(a, &q, &token));
	assert_true(auth_allows(a, &q));
	auth_close(a);
}

static void
a_file_holds_several_tokens_and_is_read_again(void **state)
{
	struct auth_settings o = {.token = "env", .token_file = path};
	char error[256];
	struct auth *a;

	(void)state;
	write_file("one\r\n\n  two  \nthree");
	a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));
	assert_non_null(a);
	assert_true(allows(a, "env", NULL));
	assert_true(allows(a, "one", NULL));
	assert_true(allows(a, "two", NULL));
	assert_true(allows(a, "Bearer three", NULL));
	assert_false(allows(a, "four", NULL));

	write_file("four\n");
	auth_refresh(a);
	assert_true(allows(a, "four", NULL));
	assert_true(allows(a, "env", NULL));
	assert_false(allows(a, "one", NULL));

	/* What can't be used leaves the old ones. */
	write_file("\n \n");
	auth_refresh(a);
	assert_true(allows(a, "four", NULL));
	assert_false(allows(a, "", NULL));
	unlink(path);
	auth_refresh(a);
	assert_true(allows(a, "four", NULL));
	assert_int_equal(mkdir(path, 0700), 0);
	auth_refresh(a);
	assert_true(allows(a, "four", NULL));
	assert_int_equal(rmdir(path), 0);
	write_file("five\n");
	auth_refresh(a);
	assert_true(allows(a, "five", NULL));
	assert_false(allows(a, "four", NULL));
	auth_close(a);
}

static void
a_file_alone_asks_for_a_token(void **state)
{
	struct auth_settings o = {.token_file = path};
	char error[256];
	struct auth *a;

	(void)state;
	write_file("one\n");
	a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));
	assert_true(allows(a, "one", NULL));
	assert_false(allows(a, NULL, NULL));
	assert_false(allows(a, "", ""));
	auth_close(a);
}

static void
an_unusable_file_is_an_error_at_start(void **state)
{
	struct auth_settings o = {.token_file = path};
	char error[256];

	(void)state;
	write_file("\n");
	assert_null(auth_open(&o, "AUTH_TOKEN", error, sizeof(error)));
	assert_non_null(strstr(error, "holds no token"));
	o.token_file = "/nonexistent/tokens";
	assert_null(auth_open(&o, "AUTH_TOKEN", error, sizeof(error)));
	assert_non_null(strstr(error, "/nonexistent/tokens"));
	o.token_file = "/tmp";
	assert_null(auth_open(&o, "AUTH_TOKEN", error, sizeof(error)));
}

/* --- how long it takes --- */

#define TOKEN_LEN 512 /* so long that strcmp()'s 32 bytes at a time show */
#define SAMPLES	  2001
#define CALLS	  32 /* in a sample: more than the clock's own time */
#define TRIES	  20
#define VARIANTS  3

static bool
compare_with_strcmp(struct auth *a, const char *text, const char *token)
{
	(void)a;
	return strcmp(text, token) == 0;
}

static bool
compare_with_auth(struct auth *a, const char *text, const char *token)
{
	(void)token;
	return allows(a, text, NULL);
}

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

typedef bool compare(struct auth *a, const char *text, const char *token);

/* The largest of the variants' median times, divided by the smallest. They take turns, so that what
 * else the machine does meets all of them. */
static double
spread(compare *f, struct auth *a, char texts[VARIANTS][TOKEN_LEN + 2], const char *token)
{
	static int64_t times[VARIANTS][SAMPLES];
	int64_t low = INT64_MAX, high = 0;

	for (size_t s = 0; s < SAMPLES; s++) {
		for (size_t v = 0; v < VARIANTS; v++) {
			/* Not always after the same one. */
			size_t which = (v + s) % VARIANTS;
			compare *volatile hidden =
			    f; /* called each time, whatever the compiler knows */
			int64_t start = now();

			for (size_t i = 0; i < CALLS; i++)
				assert_false(hidden(a, texts[which], token));
			times[which][s] = now() - start;
		}
	}
	for (size_t v = 0; v < VARIANTS; v++) {
		qsort(times[v], SAMPLES, sizeof(times[v][0]), by_value);
		int64_t median = times[v][SAMPLES / 2];

		low = median < low ? median : low;
		high = median > high ? median : high;
	}
	return (double)high / (double)low;
}

/* The smallest of several: noise makes it larger, and a real difference never goes away. */
static double
least_spread(compare *f, struct auth *a, char texts[VARIANTS][TOKEN_LEN + 2], const char *token)
{
	double least = 1e9;

	for (int try = 0; try < TRIES && least > 1.02; try++) {
		double s = spread(f, a, texts, token);

		least = s < least ? s : least;
	}
	return least;
}

static void
the_time_does_not_tell_the_token(void **state)
{
	char token[TOKEN_LEN + 1], texts[VARIANTS][TOKEN_LEN + 2], error[256];
	const struct auth_settings o = {.token = token};
	const size_t wrong_at[VARIANTS] = {0, TOKEN_LEN / 2, TOKEN_LEN - 1};
	double bytes, lengths, strcmps;
	struct auth *a;

	(void)state;
	memset(token, 't', TOKEN_LEN);
	token[TOKEN_LEN] = '\0';
	a = auth_open(&o, "AUTH_TOKEN", error, sizeof(error));
	assert_non_null(a);

	for (size_t v = 0; v < VARIANTS; v++) {
		memcpy(texts[v], token, sizeof(token));
		texts[v][wrong_at[v]] = '#';
	}
	bytes = least_spread(compare_with_auth, a, texts, token);
	strcmps = least_spread(compare_with_strcmp, a, texts, token);

	/* Too short, wrong in the last byte, too long. */
	for (size_t v = 0; v < VARIANTS; v++) {
		memset(texts[v], 't', TOKEN_LEN - 1 + v);
		texts[v][TOKEN_LEN - 1 + v] = '\0';
	}
	texts[1][TOKEN_LEN - 1] = '#';
	lengths = least_spread(compare_with_auth, a, texts, token);

	print_message(
	    "# slowest / fastest: wrong in the first, middle, last byte %.3f (strcmp %.3f); "
	    "too short, wrong, too long %.3f\n",
	    bytes, strcmps, lengths);
	assert_true(bytes < 1.05);
	assert_true(lengths < 1.05);
	/* It would be seen. */
	assert_true(strcmps > 1.05);
	auth_close(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_token_lets_everybody_in),
	    cmocka_unit_test(takes_the_token_from_three_places),
	    cmocka_unit_test(takes_the_token_as_a_password_or_a_name),
	    cmocka_unit_test(a_file_holds_several_tokens_and_is_read_again),
	    cmocka_unit_test(a_file_alone_asks_for_a_token),
	    cmocka_unit_test(an_unusable_file_is_an_error_at_start),
	    cmocka_unit_test(the_time_does_not_tell_the_token),
	};

	return cmocka_run_group_tests_name("auth", tests, set_up, tear_down);
}
