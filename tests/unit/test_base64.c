#include "base/base64.h"
#include "unit.h"

static struct buf out;

static bool
decode(const char *text)
{
	buf_clear(&out, 1024);
	return base64_decode(&out, text, strlen(text));
}

/* RFC 4648, section 10, and every value of a character. */
static void
decodes(void **state)
{
	static const struct {
		const char *text, *bytes;
	} cases[] = {
	    {"", ""},
	    {"Zg==", "f"},
	    {"Zm8=", "fo"},
	    {"Zm9v", "foo"},
	    {"Zm9vYg==", "foob"},
	    {"Zm9vYmE=", "fooba"},
	    {"Zm9vYmFy", "foobar"},
	    {"/+/+", "\xff\xef\xfe"},
	};
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(decode(cases[i].text));
		assert_int_equal(out.len, strlen(cases[i].bytes));
		assert_memory_equal(out.len > 0 ? out.data : "", cases[i].bytes, out.len);
	}
	for (unsigned i = 0; i < 64; i++) {
		const char text[] = {'A', 'A', 'A', alphabet[i], '\0'};

		assert_true(decode(text));
		assert_int_equal((unsigned char)out.data[2], i);
	}
}

static void
refuses_the_rest(void **state)
{
	static const char *const cases[] = {"Z", "Zg", "Zg=", "Zm8",
	    "Z===", "====", "Zg==Zg==", "Zm9v====", "=", "Zm9v\n", "Zm 9", " Zm9v", "Zm-_", "Zm=v",
	    "Z=9v", "Zm9\xff",
	    /* Bits after the last byte. */
	    "Zh==", "Zm9=", "Zv==", "ZmA=a"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (decode(cases[i]))
			fail_msg("%s was taken", cases[i]);
	}
	buf_clear(&out, 1024);
	assert_false(base64_decode(&out, "Zm\0v", 4));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(refuses_the_rest),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
