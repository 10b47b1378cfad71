#include "web/fcgi_guard.h"

#include <fastcgi.h>
#include <string.h>

/* All parameters of a request together: several times what nginx takes as a header. */
#define PARAMS_MAX (256 * 1024)

static size_t
min(size_t a, size_t b)
{
	return a < b ? a : b;
}

void
fcgi_guard_begin(struct fcgi_guard *g)
{
	memset(g, 0, sizeof(*g));
}

/* A record's header: BEGIN, PARAMS up to an empty one, STDIN up to an empty one; of one request,
 * and padded only where libfcgi knows of padding. */
static bool
pass_header(struct fcgi_guard *g)
{
	const uint8_t *h = g->header;
	unsigned request = (unsigned)h[2] << 8 | h[3];

	g->content = (size_t)h[4] << 8 | h[5];
	g->padding = h[6];
	if (h[0] != FCGI_VERSION_1 || request == FCGI_NULL_REQUEST_ID)
		return false;
	if (g->phase == FCGI_GUARD_BEGIN) {
		g->phase = FCGI_GUARD_PARAMS;
		g->request = request;
		return h[1] == FCGI_BEGIN_REQUEST && g->padding == 0 &&
		       g->content == sizeof(FCGI_BeginRequestBody);
	}
	if (request != g->request ||
	    h[1] != (g->phase == FCGI_GUARD_PARAMS ? FCGI_PARAMS : FCGI_STDIN))
		return false;
	if (g->content > 0)
		return true;
	if (g->phase == FCGI_GUARD_PARAMS && (g->pair > 0 || g->lengths_len > 0))
		return false; /* a parameter is cut short */
	g->phase++;
	return g->padding == 0;
}

/* A length of one or four bytes at `at`; false when more bytes are needed. */
static bool
take_length(const struct fcgi_guard *g, unsigned *at, size_t *length)
{
	const uint8_t *p = g->lengths + *at;

	if (*at >= g->lengths_len || (p[0] >= 128 && *at + 4 > g->lengths_len))
		return false;
	*length = p[0] < 128
		      ? p[0]
		      : (size_t)(p[0] & 127) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	*at += p[0] < 128 ? 1 : 4;
	return true;
}

/* Bytes of parameters. */
static bool
pass_params(struct fcgi_guard *g, const uint8_t *bytes, size_t n)
{
	g->params += n;
	while (n > 0) {
		size_t skipped = min(n, g->pair), name, value;
		unsigned at = 0;

		g->pair -= skipped;
		bytes += skipped;
		n -= skipped;
		if (n == 0)
			break;
		g->lengths[g->lengths_len++] = *bytes++;
		n--;
		if (take_length(g, &at, &name) && take_length(g, &at, &value)) {
			g->pair = name + value;
			g->lengths_len = 0;
		}
		if (g->pair > PARAMS_MAX)
			return false;
	}
	return g->params <= PARAMS_MAX;
}

/* Bytes of the body of a BEGIN record: its role comes first. */
static bool
pass_begin(const struct fcgi_guard *g, const uint8_t *bytes, size_t n)
{
	static const uint8_t role[] = {FCGI_RESPONDER >> 8, FCGI_RESPONDER & 255};
	size_t at = sizeof(FCGI_BeginRequestBody) - g->content;

	for (size_t i = 0; i < n && at + i < sizeof(role); i++) {
		if (bytes[i] != role[at + i])
			return false;
	}
	return true;
}

/* Bytes of a record's content. */
static bool
pass_content(struct fcgi_guard *g, const uint8_t *bytes, size_t n)
{
	switch (g->header[1]) {
	case FCGI_BEGIN_REQUEST: return pass_begin(g, bytes, n);
	case FCGI_PARAMS: return pass_params(g, bytes, n);
	default: g->body += n; return true;
	}
}

bool
fcgi_guard_pass(struct fcgi_guard *g, const uint8_t *bytes, size_t n)
{
	while (n > 0 && !fcgi_guard_is_over(g)) {
		size_t taken = 1;

		if (g->content > 0) {
			taken = min(n, g->content);
			if (!pass_content(g, bytes, taken))
				return false;
			g->content -= taken;
		} else if (g->padding > 0) {
			taken = min(n, g->padding);
			g->padding -= taken;
		} else {
			g->header[g->header_len++] = *bytes;
			if (g->header_len == sizeof(g->header)) {
				g->header_len = 0;
				if (!pass_header(g))
					return false;
			}
		}
		bytes += taken;
		n -= taken;
		g->passed += taken;
		if (g->phase == FCGI_GUARD_STDIN && g->head == 0)
			g->head = g->passed;
	}
	/* What follows the end, libfcgi would throw away, and begin anew somewhere within it. */
	return n == 0;
}
