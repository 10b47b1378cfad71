#include "unit.h"
#include "json/text.h"

static void
encodes_and_decodes_every_code_point(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char bytes[4];
		size_t n = text_encode(bytes, c);
		const char *at = bytes;

		assert_int_equal(text_next(&at, bytes + n), c);
		assert_ptr_equal(at, bytes + n);
		if (c > 0)
			assert_int_equal(text_utf8_sequence((unsigned char *)bytes, n, true), n);
		if (c > 0)
			assert_int_equal(text_utf8_sequence((unsigned char *)bytes, n, false),
			    c >= 0xd800 && c <= 0xdfff ? 0 : n);
	}
}

static void
knows_what_is_not_utf8(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(",
	    "\xe0\x9f\xbf", "\xe2\x82", "\xe2(\xa1", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98",
	    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    text_utf8_sequence((const unsigned char *)bad[i], strlen(bad[i]), true), 0);
	assert_int_equal(text_utf8_sequence((const unsigned char *)"", 0, true), 0);
}

static void
counts_characters(void **state)
{
	const char *text = "a\xc3\xa9\xf0\x9f\x98\x80\xc0\x80";

	(void)state;
	assert_int_equal(text_length(text, strlen(text)), 4);
	assert_int_equal(text_prefix(text, strlen(text), 0), 0);
	assert_int_equal(text_prefix(text, strlen(text), 2), 3);
	assert_int_equal(text_prefix(text, strlen(text), 3), 7);
	assert_int_equal(text_prefix(text, strlen(text), 99), 9);
}

static void
makes_text_of_any_bytes(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	text_from_bytes(&out, "a\0\xff\xc3\xa9\xed\xb3\xbf", 8);
	assert_buf_equal(&out, "a\xc0\x80\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes_and_decodes_every_code_point),
	    cmocka_unit_test(knows_what_is_not_utf8),
	    cmocka_unit_test(counts_characters),
	    cmocka_unit_test(makes_text_of_any_bytes),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
