#include "base/gunzip.h"
#include "pack.h"
#include "unit.h"

#define MB ((size_t)1024 * 1024)

static struct gunzip *z;
static struct budget budget;
static struct buf packed, text;
static const char *what;
static size_t offset;

static int
set_up(void **state)
{
	(void)state;
	z = gunzip_new();
	return z == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	gunzip_free(z);
	buf_free(&packed);
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	budget = (struct budget){.max = 64 * MB};
	packed.len = 0;
	text = (struct buf){.max = 16 * MB, .budget = &budget};
	return 0;
}

static int
end(void **state)
{
	(void)state;
	buf_free(&text);
	assert_int_equal(budget.used, 0);
	return 0;
}

/* Unpacks what is packed, up to so many bytes of it. */
static enum gunzip_status
unpack_part(size_t len)
{
	/* Exactly as large as it is, so that a sanitizer sees a byte too many. */
	char *bytes = malloc(len + (len == 0));
	enum gunzip_status status;

	assert_non_null(bytes);
	memcpy(bytes, packed.data, len);
	buf_clear(&text, 0);
	what = NULL;
	status = gunzip_text(z, bytes, len, &text, &what, &offset);
	free(bytes);
	return status;
}

static enum gunzip_status
unpack(void)
{
	return unpack_part(packed.len);
}

#define assert_broken(words, at)                                                                   \
	do {                                                                                       \
		assert_int_equal(unpack(), GUNZIP_BROKEN);                                         \
		assert_string_equal(what, words);                                                  \
		assert_int_equal(offset, at);                                                      \
	} while (0)

static void
unpacks_what_was_packed(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 3 * MB};
	char *bytes = malloc(3 * MB);

	(void)state;
	for (size_t i = 0; i < 3 * MB; i++)
		bytes[i] = (char)(i * i >> 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int level = 0; level <= 9; level += 3) {
			packed.len = 0;
			pack(&packed, bytes, sizes[i], level);
			assert_int_equal(unpack(), GUNZIP_GOOD);
			assert_int_equal(text.len, sizes[i]);
			assert_memory_equal(text.data, bytes, text.len);
		}
	}
	free(bytes);
}

static void
members_are_one_text(void **state)
{
	(void)state;
	pack(&packed, "one, ", 5, 6);
	pack(&packed, "", 0, 6);
	pack(&packed, "two", 3, 0);
	assert_int_equal(unpack(), GUNZIP_GOOD);
	assert_buf_equal(&text, "one, two");
}

static void
a_head_may_hold_more(void **state)
{
	/* Extra field, name, comment, CRC of the head: RFC 1952, 2.3. */
	static const unsigned char head[] = {0x1f, 0x8b, 8, 0x1c, 0, 0, 0, 0, 0, 3, 2, 0, 'x', 'y',
	    'n', 'a', 'm', 'e', 0, 'n', 'o', 't', 'e', 0};

	(void)state;
	pack(&packed, "text", 4, 6);
	memmove(packed.data + sizeof(head), packed.data + 10, packed.len - 10);
	memcpy(packed.data, head, sizeof(head));
	packed.len += sizeof(head) - 10;
	assert_int_equal(unpack(), GUNZIP_GOOD);
	assert_buf_equal(&text, "text");
	packed.data[3] |= 2;
	memmove(
	    packed.data + sizeof(head) + 2, packed.data + sizeof(head), packed.len - sizeof(head));
	memset(packed.data + sizeof(head), 0, 2);
	packed.len += 2;
	assert_broken("header crc mismatch", sizeof(head) + 2);
}

static void
every_truncation_is_noticed(void **state)
{
	char bytes[500];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * i >> 3);
	for (int level = 0; level <= 6; level += 6) {
		packed.len = 0;
		pack(&packed, bytes, sizeof(bytes), level);
		for (size_t len = 0; len < packed.len; len++) {
			assert_int_equal(unpack_part(len), GUNZIP_BROKEN);
			assert_string_equal(what, "it ends too early");
			assert_int_equal(offset, len <= 1 ? 0 : len);
		}
	}
}

static void
says_what_is_wrong_and_where(void **state)
{
	size_t len;

	(void)state;
	buf_puts(&packed, "{\"msg\": 1}");
	assert_broken("it does not begin as gzip does", 0);
	packed.len = 0;
	/* zlib's own format, which some call deflate. */
	buf_append(&packed, "\x78\x9c\x03\x00\x00\x00\x00\x01", 8);
	assert_broken("it does not begin as gzip does", 0);
	packed.len = 0;
	pack(&packed, "text", 4, 6);
	len = packed.len;
	buf_puts(&packed, "\n");
	assert_broken("something that is not gzip follows", len);
	buf_puts(&packed, "more");
	assert_broken("something that is not gzip follows", len);
	packed.len = len;
	buf_fill(&packed, '\0', 512);
	assert_broken("something that is not gzip follows", len);
	packed.len = len;
	packed.data[len - 1] ^= 1;
	assert_broken("incorrect length check", len);
	packed.data[len - 1] ^= 1;
	packed.data[len - 5] ^= 1;
	assert_broken("incorrect data check", len - 4);
	packed.data[len - 5] ^= 1;
	packed.data[2] = 9;
	assert_broken("unknown compression method", 4);
	packed.data[2] = 8;
	packed.data[3] = (char)0xe0;
	assert_broken("unknown header flags set", 4);
	packed.data[3] = 0;
	packed.data[10] |= 7; /* the block's type */
	assert_int_equal(unpack(), GUNZIP_BROKEN);
	assert_string_equal(what, "invalid block type");
	assert_in_range(offset, 10, 12);
}

/* Broken ones leave nothing behind that the next would notice. */
static void
goes_on_after_a_broken_one(void **state)
{
	char bytes[70000];
	size_t good;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	pack(&packed, bytes, sizeof(bytes), 9);
	good = packed.len;
	for (size_t i = 0; i < good; i++) {
		packed.data[i] ^= 0x15;
		unpack();
		packed.data[i] ^= 0x15;
		assert_int_equal(unpack(), GUNZIP_GOOD);
		assert_int_equal(text.len, sizeof(bytes));
	}
}

static void
stops_at_the_most(void **state)
{
	char bytes[1000];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t max = 998; max <= 1001; max++) {
		text.max = max;
		packed.len = 0;
		pack(&packed, bytes, sizeof(bytes), 9);
		assert_int_equal(unpack(), max < 1000 ? GUNZIP_TOO_LARGE : GUNZIP_GOOD);
		/* In a second member, too. */
		pack(&packed, "", 0, 9);
		assert_int_equal(unpack(), max < 1000 ? GUNZIP_TOO_LARGE : GUNZIP_GOOD);
		pack(&packed, "y", 1, 9);
		assert_int_equal(unpack(), max < 1001 ? GUNZIP_TOO_LARGE : GUNZIP_GOOD);
		assert_true(text.cap <= max);
	}
	/* What is broken after that is not looked at; before, it is. */
	text.max = 1000;
	packed.data[packed.len - 1] ^= 1;
	assert_int_equal(unpack(), GUNZIP_TOO_LARGE);
	packed.data[1] ^= 1;
	assert_int_equal(unpack(), GUNZIP_BROKEN);
}

/* As one text, and as members of a text each. */
static void
a_bomb_takes_no_more_than_the_most(void **state)
{
	char *zeros = calloc(64, MB);

	(void)state;
	for (size_t member = 64 * MB; member >= MB; member /= 64) {
		packed.len = 0;
		while (packed.len < MB)
			pack(&packed, zeros, member, 9);
		assert_int_equal(unpack(), GUNZIP_TOO_LARGE);
		assert_int_equal(text.cap, 16 * MB);
		assert_int_equal(budget.used, 16 * MB);
	}
	free(zeros);
}

static void
memory_within_the_budget(void **state)
{
	char *zeros = calloc(1, MB);

	(void)state;
	pack(&packed, zeros, MB, 9);
	budget.max = MB - 1;
	assert_int_equal(unpack(), GUNZIP_NO_MEMORY);
	budget.max = MB;
	assert_int_equal(unpack(), GUNZIP_GOOD);
	free(zeros);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(unpacks_what_was_packed, begin, end),
	    cmocka_unit_test_setup_teardown(members_are_one_text, begin, end),
	    cmocka_unit_test_setup_teardown(a_head_may_hold_more, begin, end),
	    cmocka_unit_test_setup_teardown(every_truncation_is_noticed, begin, end),
	    cmocka_unit_test_setup_teardown(says_what_is_wrong_and_where, begin, end),
	    cmocka_unit_test_setup_teardown(goes_on_after_a_broken_one, begin, end),
	    cmocka_unit_test_setup_teardown(stops_at_the_most, begin, end),
	    cmocka_unit_test_setup_teardown(a_bomb_takes_no_more_than_the_most, begin, end),
	    cmocka_unit_test_setup_teardown(memory_within_the_budget, begin, end),
	};

	return cmocka_run_group_tests_name("gunzip", tests, set_up, tear_down);
}
