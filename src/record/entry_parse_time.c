#include "record/entry_parse_time.h"

#include <strings.h>

/* What the parts of a text say. */
struct parts {
	struct civil c;
	bool pm, has_pm, has_offset, has_epoch;
	int day_of_year;
	int offset; /* seconds */
	int64_t epoch;
};

/* A number of `least` to `most` digits; where it ends, or NULL. */
static const char *
read_digits(const char *at, const char *end, int least, int most, int64_t *n)
{
	int digits = 0;

	*n = 0;
	for (; at < end && digits < most && *at >= '0' && *at <= '9'; digits++)
		*n = *n * 10 + (*at++ - '0');
	return digits < least ? NULL : at;
}

static const char *
read_number(struct parts *p, const struct entry_time_op *op, const char *at, const char *end)
{
	int64_t n;

	for (int spaces = 0; op->padded && spaces < op->most && at < end && *at == ' '; spaces++)
		at++;
	at = read_digits(at, end, op->least, op->most, &n);
	switch (op->kind) {
	case TIME_YEAR: p->c.year = (int)n; break;
	case TIME_YEAR_OF_CENTURY: p->c.year = (int)n + (n < 69 ? 2000 : 1900); break;
	case TIME_MONTH: p->c.month = (int)n; break;
	case TIME_DAY: p->c.day = (int)n; break;
	case TIME_DAY_OF_YEAR: p->day_of_year = (int)n; break;
	case TIME_HOUR:
	case TIME_HOUR_12: p->c.hour = (int)n; break;
	case TIME_MINUTE: p->c.minute = (int)n; break;
	case TIME_SECOND: p->c.second = (int)n; break;
	case TIME_EPOCH:
		p->epoch = n;
		p->has_epoch = true;
		break;
	default: break;
	}
	return at;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *
read_month(struct parts *p, const char *at, const char *end)
{
	static const char *const months[] = {"January", "February", "March", "April", "May", "June",
	    "July", "August", "September", "October", "November", "December"};

	for (int i = 0; i < 12; i++) {
		size_t len = strlen(months[i]), left = (size_t)(end - at);

		if (left >= len && strncasecmp(at, months[i], len) == 0)
			p->c.month = i + 1;
		else if (left >= 3 && strncasecmp(at, months[i], 3) == 0)
			p->c.month = i + 1, len = 3;
		else
			continue;
		return at + len;
	}
	return NULL;
}

static const char *
read_offset(struct parts *p, const char *at, const char *end)
{
	int sign = at < end && *at == '-' ? -1 : 1;
	int64_t n;

	if (at == end || (*at != '+' && *at != '-'))
		return NULL;
	at = read_digits(at + 1, end, 4, 4, &n);
	p->offset = sign * (int)(n / 100 * 3600 + n % 100 * 60);
	p->has_offset = true;
	return at;
}

static const char *
read_op(const struct entry_time *e, struct parts *p, const struct entry_time_op *op, const char *at,
    const char *end)
{
	size_t left = (size_t)(end - at);

	switch (op->kind) {
	case TIME_LITERAL:
		return left >= op->len && memcmp(at, e->text.data + op->at, op->len) == 0
			   ? at + op->len
			   : NULL;
	case TIME_MONTH_NAME: return read_month(p, at, end);
	case TIME_AM_PM:
		if (left < 2 || (at[1] | 0x20) != 'm' ||
		    ((*at | 0x20) != 'a' && (*at | 0x20) != 'p'))
			return NULL;
		p->pm = (*at | 0x20) == 'p';
		p->has_pm = true;
		return at + 2;
	case TIME_OFFSET: return read_offset(p, at, end);
	case TIME_OTHER_WORD:
		/* Zones without a name of their own are called by their offset. */
		while (at < end &&
		       (is_letter(*at) || *at == '+' || *at == '-' || (*at >= '0' && *at <= '9')))
			at++;
		return at;
	default: return read_number(p, op, at, end);
	}
}

static bool
to_ms(struct parts *p, struct civil_zone *zone, int64_t *ms)
{
	struct civil *c = &p->c;

	if (p->has_epoch) {
		if (p->epoch > CIVIL_MS_MAX / 1000)
			return false;
		*ms = p->epoch * 1000;
		return true;
	}
	if (p->has_pm) {
		if (c->hour < 1 || c->hour > 12)
			return false;
		c->hour = c->hour % 12 + (p->pm ? 12 : 0);
	}
	if (p->day_of_year > 0)
		c->month = c->day = 1;
	if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > civil_month_days(c->year, c->month) || c->hour > 23 || c->minute > 59 ||
	    c->second > 60 || p->day_of_year > 366)
		return false;
	if (p->day_of_year > 0)
		c->day = p->day_of_year;
	*ms = p->has_offset ? civil_as_utc(c) - p->offset * (int64_t)1000 : civil_to_ms(zone, c);
	return true;
}

/* Milliseconds as Python writes them, three digits as a rule; a client may have sent any number. */
static const char *
read_ms(const char *at, const char *end, int64_t *ms)
{
	bool negative = at < end && *at == '-';
	const char *digits = at + negative;
	int64_t n = 0;

	for (at = digits; at < end && *at >= '0' && *at <= '9'; at++)
		n = n > 999 ? n : n * 10 + (*at - '0');
	*ms = negative ? 0 : n > 999 ? 999 : n;
	return at > digits ? at : NULL;
}

/* 2019-12-24 18:00:00, which ends at 19 bytes; false: it is something else. */
static bool
read_python(const char *at, struct civil *c)
{
	static const char form[] = "0000-00-00 00:00:00";
	unsigned char digit[sizeof(form) - 1];
	bool good = true;

	for (size_t i = 0; i < sizeof(digit); i++) {
		digit[i] = (unsigned char)(at[i] - form[i]);
		good = good && digit[i] <= (form[i] == '0' ? 9 : 0);
	}
	*c = (struct civil){
	    // cppcheck-suppress uninitvar; the loop sets all of them
	    .year = digit[0] * 1000 + digit[1] * 100 + digit[2] * 10 + digit[3],
	    .month = digit[5] * 10 + digit[6],
	    .day = digit[8] * 10 + digit[9],
	    .hour = digit[11] * 10 + digit[12],
	    .minute = digit[14] * 10 + digit[15],
	    .second = digit[17] * 10 + digit[18],
	};
	return good;
}

/* What the format has, op by op. */
static const char *
read_ops(const struct entry_time *e, struct parts *p, const char *at, const char *end, bool cut)
{
	for (size_t i = 0; i < e->ops; i++) {
		const char *next = read_op(e, p, &e->op[i], at, end);

		if (next == NULL)
			return cut && end - at < 4 ? end : NULL;
		at = next;
	}
	return at;
}

/* A second as text; `end` is not passed. */
static const char *
read_second(const struct entry_time *e, struct entry_parse *t, const char *at, const char *end,
    bool cut, int64_t *ms)
{
	struct parts p = {.c = {.year = 0}};
	const char *stop;

	if (t->second_len > 0 && (size_t)(end - at) >= t->second_len &&
	    memcmp(at, t->second, t->second_len) == 0) {
		*ms = t->second_ms;
		return at + t->second_len;
	}
	if (e->python && (size_t)(end - at) >= e->fixed)
		stop = read_python(at, &p.c) ? at + e->fixed : NULL;
	else
		stop = read_ops(e, &p, at, end, cut);
	if (stop == NULL || !to_ms(&p, &t->zone, ms))
		return NULL;
	/* Of texts of other lengths one may begin as another does. */
	if ((size_t)(stop - at) == e->fixed && e->fixed <= sizeof(t->second)) {
		memcpy(t->second, at, e->fixed);
		t->second_len = e->fixed;
		t->second_ms = *ms;
	}
	return stop;
}

const char *
entry_time_read(const struct entry_time *e, struct entry_parse *t, const char *at, const char *end,
    size_t most, int64_t *ms, bool *has_ms)
{
	bool cut = most < (size_t)(end - at);
	int64_t fraction;

	if (cut)
		end = at + most;
	*has_ms = false;
	at = read_second(e, t, at, end, cut, ms);
	if (!e->python || at == NULL || (cut && end - at < 2))
		return cut && at != NULL ? end : at;
	if (at == end || *at != ',')
		return NULL;
	at = read_ms(at + 1, end, &fraction);
	*ms += fraction;
	*has_ms = true;
	return at;
}

bool
entry_time_utc(const char *at, size_t len, int64_t *ms)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	static const int begin[] = {0, 5, 8, 11, 14, 17, 20};
	int n[7];
	struct civil c;

	if (len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (form[i] == '0' ? at[i] < '0' || at[i] > '9' : at[i] != form[i])
			return false;
	}
	for (int i = 0; i < 7; i++) {
		n[i] = 0;
		for (const char *digit = at + begin[i]; *digit >= '0' && *digit <= '9'; digit++)
			n[i] = n[i] * 10 + (*digit - '0');
	}
	c = (struct civil){n[0], n[1], n[2], n[3], n[4], n[5], n[6]};
	if (c.year < 1 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 || c.hour > 23)
		return false;
	*ms = civil_as_utc(&c);
	return true;
}
