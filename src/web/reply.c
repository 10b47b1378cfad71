#include "web/reply.h"

#include "json/json_error.h"

#include <stdarg.h>
#include <string.h>

enum app_verdict
reply_error(struct http_response *r, enum status status, const char *format, ...)
{
	va_list ap;

	r->status = (int)status;
	r->content_type = REPLY_JSON;
	va_start(ap, format);
	json_verror(&r->body, format, ap);
	va_end(ap);
	if (status == STATUS_401)
		r->authenticate = true;
	if (status == STATUS_503)
		r->retry_after = 1;
	return APP_ANSWER;
}

enum app_verdict
reply_success(struct http_response *r)
{
	r->status = STATUS_200;
	r->content_type = REPLY_JSON;
	buf_puts(&r->body, "{\"status\": true}");
	return APP_ANSWER;
}

void
reply_log_refused(struct diag_limit *limits, const struct http_response *r, const char *remote_addr)
{
	bool known = remote_addr != NULL && *remote_addr != '\0';
	size_t begin = strlen(JSON_ERROR_BEGIN);

	if (r->body.len <= begin)
		return; /* there was no memory for it */
	diag_warn_limited(&limits[status_index(r->status)], "refused with %d: %.*s (from %.64s)",
	    r->status, (int)(r->body.len - begin - 1), r->body.data + begin,
	    known ? remote_addr : "an unknown address");
}
