#include "reader/selection.h"

#include "reader/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the query part, decoded, at most: more than nginx takes in a request line. */
#define QUERY_MAX	   (32 * 1024)

#define NEIGHBOURS_DEFAULT 10
#define NEIGHBOURS_MAX	   1000
#define BUCKETS_DEFAULT	   60
#define BUCKETS_MAX	   1000

/* What is being parsed. */
struct parsing {
	struct selection *selection;
	int64_t now;
	const char *start, *end, *q; /* looked at when the zone is known; NULL: not given */
	struct buf *why;
};

static bool
refuse(struct parsing *p, const char *name, const char *what)
{
	buf_printf(p->why, "%s: %s", name, what);
	return false;
}

/* --- single parameters; the value is a string of its own --- */

static bool
take_number(struct parsing *p, const char *name, const char *value, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end != '\0' || errno != 0 || *number > max) {
		buf_printf(p->why, "%s: must be a whole number from 0 to %llu", name,
		    (unsigned long long)max);
		return false;
	}
	return true;
}

static bool
take_unsigned(
    struct parsing *p, const char *name, const char *value, unsigned max, unsigned *number)
{
	uint64_t n;

	if (!take_number(p, name, value, max, &n))
		return false;
	*number = (unsigned)n;
	return true;
}

static bool
take_start(struct parsing *p, const char *value)
{
	p->start = value;
	return true;
}

static bool
take_end(struct parsing *p, const char *value)
{
	p->end = value;
	return true;
}

static bool
take_q(struct parsing *p, const char *value)
{
	p->q = value;
	return true;
}

static bool
take_levels(struct parsing *p, const char *value)
{
	size_t len;

	for (;; value += len + 1) {
		int level;

		len = strcspn(value, ",");
		level = level_parse(value, len);
		if (level < 0)
			return refuse(p, "level",
			    "must be DEBUG, INFO, WARNING or ERROR, or several with commas "
			    "between");
		p->selection->levels |= LEVEL_BIT(level);
		if (value[len] == '\0')
			return true;
	}
}

static bool
take_limit(struct parsing *p, const char *value)
{
	p->selection->limited = true;
	return take_number(p, "limit", value, INT64_MAX, &p->selection->limit);
}

static bool
take_direction(struct parsing *p, const char *value)
{
	p->selection->directed = true;
	p->selection->forward = strcmp(value, "forward") == 0;
	return p->selection->forward || strcmp(value, "backward") == 0 ||
	       refuse(p, "direction", "must be backward (newest first) or forward");
}

static bool
take_cursor(struct parsing *p, const char *value)
{
	struct selection *s = p->selection;

	if (strchr(value, '~') == NULL) {
		s->has_cursor = cursor_parse(value, &s->cursor);
	} else {
		s->cursors = malloc(sizeof(*s->cursors));
		s->no_memory = s->cursors == NULL;
		s->has_cursor = !s->no_memory && cursor_servers_parse(value, s->cursors);
	}
	return s->has_cursor || refuse(p, "cursor", "is none that an answer here has given");
}

static bool
take_timezone(struct parsing *p, const char *value)
{
	return civil_zone_open(&p->selection->zone, value) ||
	       refuse(p, "timezone",
		   "must be a name of the time zone database, such as Europe/Berlin or UTC");
}

static bool
take_before(struct parsing *p, const char *value)
{
	return take_unsigned(p, "before", value, NEIGHBOURS_MAX, &p->selection->before);
}

static bool
take_after(struct parsing *p, const char *value)
{
	return take_unsigned(p, "after", value, NEIGHBOURS_MAX, &p->selection->after);
}

static bool
take_buckets(struct parsing *p, const char *value)
{
	if (!take_unsigned(p, "buckets", value, BUCKETS_MAX, &p->selection->buckets))
		return false;
	return p->selection->buckets > 0 || refuse(p, "buckets", "must be at least 1");
}

static bool
take_date(struct parsing *p, const char *value)
{
	if (strlen(value) != strlen("2026-11-24"))
		return refuse(p, "date", "must be a day, such as 2026-11-24");
	memcpy(p->selection->date, value, sizeof("2026-11-24"));
	return true;
}

static bool
take_flag(struct parsing *p, const char *name, const char *value, bool *flag)
{
	*flag = strcmp(value, "1") == 0;
	return *flag || strcmp(value, "0") == 0 || refuse(p, name, "must be 0 or 1");
}

static bool
take_partial(struct parsing *p, const char *value)
{
	return take_flag(p, "partial", value, &p->selection->partial);
}

static bool
take_peers(struct parsing *p, const char *value)
{
	bool along = false;
	bool taken = take_flag(p, "peers", value, &along);

	p->selection->only_own = !along;
	return taken;
}

static bool
take_as(struct parsing *p, const char *value)
{
	p->selection->framed = strcmp(value, "peer") == 0;
	return p->selection->framed || refuse(p, "as", "must be peer");
}

static bool
take_timeout(struct parsing *p, const char *value)
{
	return take_number(p, "timeout", value, UINT32_MAX, &p->selection->timeout);
}

static const struct {
	const char *name;
	bool (*take)(struct parsing *p, const char *value);
	bool repeats;
} parameters[] = {
    {"start", take_start, false},
    {"end", take_end, false},
    {"level", take_levels, true},
    {"q", take_q, false},
    {"limit", take_limit, false},
    {"direction", take_direction, false},
    {"cursor", take_cursor, false},
    {"timezone", take_timezone, false},
    {"before", take_before, false},
    {"after", take_after, false},
    {"buckets", take_buckets, false},
    {"date", take_date, false},
    {"partial", take_partial, false},
    {"peers", take_peers, false},
    {"as", take_as, false},
    {"timeout", take_timeout, false},
};

#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* --- the query part --- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place (+ and percent codes, as HTML forms write them); false: a code is cut or none,
 * or it is that of a NUL. */
static bool
decode(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		if (*text == '+') {
			*out++ = ' ';
		} else if (*text == '%') {
			int high = hex_digit(text[1]);
			int low = high < 0 ? -1 : hex_digit(text[2]);

			if (low < 0 || high + low == 0)
				return false;
			*out++ = (char)(high << 4 | low);
			text += 2;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
	return true;
}

static bool
take_parameter(struct parsing *p, char *pair, unsigned *seen)
{
	char *value = strchr(pair, '=');

	if (value != NULL)
		*value++ = '\0';
	if (!decode(pair) || (value != NULL && !decode(value)))
		return refuse(p, "the address", "has a percent sign that begins no code");
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (strcmp(pair, parameters[i].name) != 0)
			continue;
		if ((*seen & 1U << i) != 0 && !parameters[i].repeats)
			return refuse(p, pair, "is given twice");
		*seen |= 1U << i;
		/* Forms send fields that nobody filled in. */
		return value == NULL || *value == '\0' || parameters[i].take(p, value);
	}
	buf_puts(p->why, "an unknown parameter; there are");
	for (size_t i = 0; i < PARAMETERS; i++)
		buf_printf(p->why, "%s %s", i == 0 ? "" : ",", parameters[i].name);
	return false;
}

static bool
take_search(struct parsing *p)
{
	size_t at, len = p->q != NULL ? strlen(p->q) : 0;
	struct buf reason = BUF_INIT;

	if (p->q != NULL && (p->selection->q = strdup(p->q)) == NULL) {
		p->selection->no_memory = true;
		return false;
	}
	p->selection->search = search_compile(p->q, len, &at, &reason);
	if (p->selection->search == NULL && reason.len == 0) {
		p->selection->no_memory = true;
	} else if (p->selection->search == NULL) {
		p->selection->wrong_at = (int64_t)at;
		buf_printf(p->why, "q: at byte %zu: ", at);
		buf_append(p->why, reason.data, reason.len);
	}
	buf_free(&reason);
	return p->selection->search != NULL;
}

static bool
take_moment(struct parsing *p, const char *value, int64_t *ms)
{
	char *end;

	if (*value != '@')
		return moment_parse(value, &p->selection->zone, p->now, ms);
	errno = 0;
	*ms = strtoll(value + 1, &end, 10);
	/* Differences of such times are far from the ends of an int64_t. */
	return end > value + 1 && *end == '\0' && errno == 0 && *ms > INT64_MIN / 4 &&
	       *ms < INT64_MAX / 4;
}

/* What can only be understood when all parameters are known. */
static bool
take_rest(struct parsing *p)
{
	struct selection *s = p->selection;
	static const char form[] =
	    "must be a time such as 2026-11-24T08:21:46+01:00, seconds since the "
	    "epoch, or -15m";

	if (p->start != NULL && !take_moment(p, p->start, &s->start))
		return refuse(p, "start", form);
	if (p->end != NULL && !take_moment(p, p->end, &s->end))
		return refuse(p, "end", form);
	if (s->start > s->end)
		return refuse(p, "start", "is after end");
	return take_search(p);
}

bool
selection_parse(
    struct selection *s, const char *query, unsigned levels, int64_t now, struct buf *why)
{
	struct parsing p = {.selection = s, .now = now, .why = why};
	bool taken = true;
	unsigned seen = 0;
	char *text, *rest, *pair;

	*s = (struct selection){.start = INT64_MIN,
	    .end = INT64_MAX,
	    .before = NEIGHBOURS_DEFAULT,
	    .after = NEIGHBOURS_DEFAULT,
	    .buckets = BUCKETS_DEFAULT,
	    .wrong_at = -1};
	civil_zone_open(&s->zone, NULL);
	if (query == NULL)
		query = "";
	if (strlen(query) > QUERY_MAX)
		return refuse(&p, "the address", "is too long");
	text = rest = strdup(query);
	if (text == NULL) {
		s->no_memory = true;
		return false;
	}
	while (taken && (pair = strsep(&rest, "&")) != NULL)
		taken = *pair == '\0' || take_parameter(&p, pair, &seen);
	taken = taken && take_rest(&p);
	free(text);
	if (s->levels == 0)
		s->levels = levels;
	return taken;
}

void
selection_free(struct selection *s)
{
	search_free(s->search);
	s->search = NULL;
	free(s->cursors);
	s->cursors = NULL;
	free(s->q);
	s->q = NULL;
}
