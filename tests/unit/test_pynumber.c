#include "python/pynumber.h"
#include "unit.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const struct value yes = {VALUE_TRUE, NULL, 0, NULL};
static const struct value no = {VALUE_FALSE, NULL, 0, NULL};
static const struct value none = {VALUE_NULL, NULL, 0, NULL};

/* A one and n zeros, in memory that the caller frees. */
static char *
power_of_ten(size_t n)
{
	char *text = malloc(n + 2);

	assert_non_null(text);
	memset(text, '0', n + 1);
	text[0] = '1';
	text[n + 1] = '\0';
	return text;
}

static void
test_long(void **state)
{
	long n;

	(void)state;
	assert_true(pynumber_long(value_number("42"), &n));
	assert_int_equal(n, 42);
	assert_true(pynumber_long(value_number("-0"), &n));
	assert_int_equal(n, 0);
	assert_true(pynumber_long(yes, &n));
	assert_int_equal(n, 1);
	assert_true(pynumber_long(no, &n));
	assert_int_equal(n, 0);
	assert_true(pynumber_long(value_number("-9223372036854775808"), &n));
	assert_true(n == LONG_MIN);
	assert_false(pynumber_long(value_number("9223372036854775808"), &n));
	assert_false(pynumber_long(value_number("1.0"), &n));
	assert_false(pynumber_long(value_number("NaN"), &n));
	assert_false(pynumber_long(value_string("1"), &n));
	assert_false(pynumber_long(none, &n));
}

static void
test_double(void **state)
{
	char *large = power_of_ten(309);
	double d;

	(void)state;
	assert_true(pynumber_double(value_number("0.1"), &d) && d == 0.1);
	assert_true(pynumber_double(value_number("9007199254740993"), &d) && d == 9007199254740992);
	assert_true(pynumber_double(value_number("-0.0"), &d) && signbit(d));
	assert_true(pynumber_double(value_number("-0"), &d) && d == 0 && !signbit(d));
	assert_true(pynumber_double(value_number("1E400"), &d) && isinf(d));
	assert_true(pynumber_double(value_number("-Infinity"), &d) && isinf(d) && d < 0);
	assert_true(pynumber_double(value_number("NaN"), &d) && isnan(d));
	assert_true(pynumber_double(yes, &d) && d == 1);
	assert_false(pynumber_double(value_number(large), &d));
	assert_false(pynumber_double(value_string("1"), &d));
	assert_false(pynumber_double(none, &d));
	free(large);
}

static void
check_decimal(const char *number, const char *expected)
{
	struct buf out = BUF_INIT;

	assert_int_equal(pynumber_decimal(&out, value_number(number)), expected != NULL);
	assert_buf_equal(&out, expected == NULL ? "" : expected);
	buf_free(&out);
}

static void
test_decimal(void **state)
{
	(void)state;
	check_decimal("42", "42");
	check_decimal("-0", "0");
	check_decimal("-0.9", "0");
	check_decimal("-1.9", "-1");
	check_decimal("123456789012345678901234567890", "123456789012345678901234567890");
	check_decimal("1e23", "99999999999999991611392");
	check_decimal("-1E2", "-100");
	check_decimal("NaN", NULL);
	check_decimal("-Infinity", NULL);
	check_decimal("1e400", NULL);
}

static void
check_radix(const char *number, unsigned bits, const char *expected)
{
	struct buf out = BUF_INIT;

	assert_int_equal(pynumber_radix(&out, value_number(number), bits), expected != NULL);
	assert_buf_equal(&out, expected == NULL ? "" : expected);
	buf_free(&out);
}

static void
test_radix(void **state)
{
	(void)state;
	check_radix("0", 4, "0");
	check_radix("-0", 3, "0");
	check_radix("255", 4, "ff");
	check_radix("-255", 3, "-377");
	check_radix("4294967295", 4, "ffffffff");
	check_radix("4294967296", 3, "40000000000");
	check_radix("18446744073709551616", 4, "10000000000000000");
	check_radix("1180591620717411303424", 4, "400000000000000000");
	check_radix("-123456789012345678901234567890", 3, "-143564417755415637016711617605322");
	check_radix("1.0", 4, NULL);
	check_radix("Infinity", 4, NULL);
}

/* As far as CPython converts, and not a digit further. */
static void
test_radix_limit(void **state)
{
	char *text = power_of_ten(PYNUMBER_DIGITS_MAX);
	struct buf out = BUF_INIT;

	(void)state;
	assert_false(pynumber_radix(&out, value_number(text), 4));
	memset(text, '9', PYNUMBER_DIGITS_MAX);
	text[PYNUMBER_DIGITS_MAX] = '\0';
	assert_true(pynumber_radix(&out, value_number(text), 3));
	assert_int_equal(out.len, 4762); /* len(oct(10**4300 - 1)) - 2 */
	buf_free(&out);
	free(text);
}

static void
check_float(double d, char conversion, bool alternate, size_t precision, const char *expected)
{
	struct buf out = BUF_INIT;

	pynumber_float(&out, d, conversion, alternate, precision);
	assert_buf_equal(&out, expected);
	buf_free(&out);
}

static void
test_float(void **state)
{
	(void)state;
	check_float(1.5, 'f', false, 6, "1.500000");
	check_float(-0.0, 'f', false, 1, "-0.0");
	check_float(2.5, 'f', false, 0, "2");
	check_float(1, 'f', true, 0, "1.");
	check_float(12345.678, 'E', false, 2, "1.23E+04");
	check_float(0.0001, 'g', false, 6, "0.0001");
	check_float(1e16, 'G', false, 6, "1E+16");
	check_float(1e23, 'f', false, 0, "99999999999999991611392");
	check_float((double)NAN, 'F', false, 6, "NAN");
	check_float(-(double)INFINITY, 'e', true, 6, "-inf");
	/* where rounding adds a digit glibc 2.36 drops the zeros of %#g */
	check_float(999999.5, 'g', true, 6, "1.00000e+06");
	check_float(99.95, 'g', true, 3, "100.");
	check_float(0, 'g', true, 0, "0.");
}

static void
test_float_of_many_digits(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	pynumber_float(&out, DBL_MAX, 'f', false, 100000);
	assert_int_equal(out.len, 309 + 1 + 100000);
	buf_clear(&out, 0);
	pynumber_float(&out, 1e-300, 'e', false, 5000);
	assert_int_equal(out.len, 2 + 5000 + 5);
	assert_memory_equal(out.data + out.len - 6, "0e-300", 6);
	buf_clear(&out, 0);
	pynumber_float(&out, 1.5, 'g', false, 2147483647);
	assert_buf_equal(&out, "1.5");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_double),
	    cmocka_unit_test(test_decimal),
	    cmocka_unit_test(test_radix),
	    cmocka_unit_test(test_radix_limit),
	    cmocka_unit_test(test_float),
	    cmocka_unit_test(test_float_of_many_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
