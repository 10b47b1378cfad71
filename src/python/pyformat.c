#include "python/pyformat.h"

#include "python/pybool.h"
#include "python/pyformat_convert.h"
#include "python/pynumber.h"
#include "json/json.h"

#include <limits.h>

/* The work of a conversion beside that for its value: to read it, and to find its argument. */
#define CONVERSION_WORK 16

/* One `format % args`. */
struct job {
	struct buf *out;
	struct pyformat_bounds bounds;
	const char *at, *stop; /* what is left of the format */
	struct value mapping;  /* where keys are looked up; ABSENT when args are none */
	struct value single;   /* the argument when there is no tuple: args, or a key's value */
	bool single_left;      /* not taken yet */
	const struct json_node *next; /* the next argument of a tuple */
};

static unsigned
parse_flags(const char **at, const char *stop)
{
	unsigned flags = 0;

	for (; *at < stop; ++*at) {
		switch (**at) {
		case '-': flags |= PYFORMAT_MINUS; break;
		case '+': flags |= PYFORMAT_PLUS; break;
		case ' ': flags |= PYFORMAT_SPACE; break;
		case '#': flags |= PYFORMAT_ALTERNATE; break;
		case '0': flags |= PYFORMAT_ZERO; break;
		default: return flags;
		}
	}
	return flags;
}

static bool
is_next(const char *at, const char *stop, char c)
{
	return at < stop && *at == c;
}

/* Reads digits, if there are any, into *n; false when the number is more than max. */
static bool
parse_digits(const char **at, const char *stop, long max, long *n)
{
	for (bool first = true; *at < stop && **at >= '0' && **at <= '9'; first = false) {
		int digit = **at - '0';

		if (first)
			*n = 0;
		if (*n > (max - digit) / 10)
			return false;
		*n = *n * 10 + digit;
		++*at;
	}
	return true;
}

/* *at stands on the '(' and is moved to after its ')'; false when there is none. */
static bool
parse_key(const char **at, const char *stop, const char **key, size_t *len)
{
	const char *p = *at + 1;
	size_t depth = 1;

	for (*key = p; p < stop; p++) {
		if (*p == '(') {
			depth++;
		} else if (*p == ')' && --depth == 0) {
			*len = (size_t)(p - *key);
			*at = p + 1;
			return true;
		}
	}
	return false;
}

static bool
next_argument(struct job *job, struct value *v)
{
	if (job->next != NULL) {
		*v = json_value(job->next);
		job->next = json_next(job->next);
		return true;
	}
	*v = job->single;
	if (!job->single_left)
		return false;
	job->single_left = false;
	return true;
}

/* The value of the key becomes the argument, the only one. */
static bool
take_key(struct job *job)
{
	const char *key;
	size_t len;

	if (job->mapping.type == VALUE_ABSENT || !parse_key(&job->at, job->stop, &key, &len))
		return false;
	job->single = json_member(job->mapping, key, len);
	job->single_left = true;
	pyformat_spend(&job->bounds, job->single.len); /* its end is looked for each time */
	return job->single.type != VALUE_ABSENT;
}

/* A number in digits, or `*` and an argument of min to max. */
static bool
take_number(struct job *job, long min, long max, long *n)
{
	struct value v;

	if (!is_next(job->at, job->stop, '*'))
		return parse_digits(&job->at, job->stop, max, n);
	job->at++;
	return next_argument(job, &v) && pynumber_long(v, n) && *n >= min && *n <= max;
}

/* Reads a conversion after its `%`; false where Python raises. */
static bool
take_spec(struct job *job, struct pyformat_spec *spec)
{
	*spec = (struct pyformat_spec){0, -1, -1, 0};
	if (is_next(job->at, job->stop, '(') && !take_key(job))
		return false;
	spec->flags = parse_flags(&job->at, job->stop);
	if (is_next(job->at, job->stop, '*')) {
		if (!take_number(job, LONG_MIN, LONG_MAX, &spec->width))
			return false;
		if (spec->width < 0) {
			spec->flags |= PYFORMAT_MINUS;
			/* CPython's own overflow comes to "no width" too. */
			spec->width = spec->width == LONG_MIN ? -1 : -spec->width;
		}
	} else if (!take_number(job, 0, LONG_MAX, &spec->width)) {
		return false;
	}
	if (is_next(job->at, job->stop, '.')) {
		job->at++;
		spec->precision = 0;
		if (!take_number(job, INT_MIN, INT_MAX, &spec->precision))
			return false;
		if (spec->precision < 0)
			spec->precision = 0;
	}
	/* One of C's length modifiers is taken and means nothing. */
	/* Three characters, not a string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	if (job->at < job->stop && memchr("hlL", *job->at, 3) != NULL)
		job->at++;
	if (job->at == job->stop)
		return false;
	spec->conversion = *job->at++;
	return true;
}

static enum pyformat_status
put_literal(struct job *job, const char *text, size_t len)
{
	if (len > job->bounds.end - job->out->len)
		return PYFORMAT_TOO_LARGE;
	buf_append(job->out, text, len);
	return PYFORMAT_OK;
}

static enum pyformat_status
put_conversion(struct job *job)
{
	size_t before = job->out->len;
	enum pyformat_status status;
	struct pyformat_spec spec;
	struct value v;

	if (is_next(job->at, job->stop, '%'))
		return put_literal(job, job->at++, 1);
	if (job->bounds.work == 0)
		return PYFORMAT_TOO_LARGE;
	if (!take_spec(job, &spec) || !next_argument(job, &v))
		return PYFORMAT_RAISES;
	status = pyformat_convert_within(job->out, &spec, v, &job->bounds);
	pyformat_spend(&job->bounds, job->out->len - before + CONVERSION_WORK);
	return status;
}

static void
take_args(struct job *job, struct value args)
{
	if (args.type == VALUE_ARRAY) {
		struct value first = value_absent;

		job->next = json_first(args);
		if (job->next != NULL && json_next(job->next) == NULL)
			first = json_value(job->next);
		if (first.type != VALUE_OBJECT || !pybool(first))
			return;
		job->next = NULL;
		args = first;
	}
	job->single = args;
	job->single_left = true;
	if (args.type == VALUE_OBJECT)
		job->mapping = args;
}

enum pyformat_status
pyformat_percent(
    struct buf *out, struct value format, struct value args, size_t limit, size_t *work)
{
	struct job job = {.out = out, .at = format.text, .stop = format.text + format.len};
	enum pyformat_status status = PYFORMAT_OK;

	if (format.type != VALUE_STRING || args.type == VALUE_LITERAL)
		return PYFORMAT_RAISES;
	job.bounds = pyformat_bounds(out, limit, *work);
	take_args(&job, args);
	while (status == PYFORMAT_OK && job.at < job.stop) {
		const char *percent = memchr(job.at, '%', (size_t)(job.stop - job.at));
		const char *end = percent == NULL ? job.stop : percent;

		status = put_literal(&job, job.at, (size_t)(end - job.at));
		job.at = end;
		if (status == PYFORMAT_OK && job.at < job.stop) {
			job.at++;
			status = put_conversion(&job);
		}
	}
	*work = job.bounds.work;
	/* Arguments may not be left over, only a mapping. */
	if (status == PYFORMAT_OK && job.mapping.type == VALUE_ABSENT &&
	    (job.next != NULL || job.single_left))
		status = PYFORMAT_RAISES;
	return status;
}

const char *
pyformat_parse_keyed(
    const char **at, const char *end, struct pyformat_spec *spec, const char **key, size_t *key_len)
{
	*spec = (struct pyformat_spec){0, -1, -1, 0};
	*key = NULL;
	*key_len = 0;
	if (*at == end)
		return "a `%` at the end (`%%` prints one)";
	if (**at == '%') {
		++*at;
		return NULL;
	}
	if (**at != '(')
		return "a conversion without a (key)";
	if (!parse_key(at, end, key, key_len))
		return "the key is not closed";
	spec->flags = parse_flags(at, end);
	if (!parse_digits(at, end, PYFORMAT_SIZE_MAX, &spec->width))
		return "the width is too large";
	if (is_next(*at, end, '.')) {
		++*at;
		spec->precision = 0;
		if (!parse_digits(at, end, PYFORMAT_SIZE_MAX, &spec->precision))
			return "the precision is too large";
	}
	if (*at == end)
		return "the format ends within a conversion";
	if (**at == '*')
		return "`*` needs an argument, which a log format does not have";
	if (memchr(PYFORMAT_CONVERSIONS, **at, sizeof(PYFORMAT_CONVERSIONS) - 1) == NULL)
		return "unsupported conversion (not one of " PYFORMAT_CONVERSIONS ")";
	spec->conversion = *(*at)++;
	return NULL;
}
