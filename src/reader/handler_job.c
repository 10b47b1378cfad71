#include "reader/handler_job.h"

#include "json/json_error.h"

#include <stdarg.h>
#include <string.h>

enum app_verdict
handler_error(struct http_response *r, enum status status, const char *format, ...)
{
	va_list ap;

	r->status = (int)status;
	r->content_type = HANDLER_JSON_TYPE;
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
handler_refuse(struct http_response *r, enum access_verdict verdict)
{
	return handler_error(r, access_status(verdict), "%s", access_words(verdict));
}

enum app_verdict
handler_success(struct http_response *r)
{
	r->status = STATUS_200;
	r->content_type = HANDLER_JSON_TYPE;
	buf_puts(&r->body, "{\"status\": true}");
	return APP_ANSWER;
}

void
handler_log_refused(
    struct reader_handler *h, const struct handler_job *job, const struct http_response *r)
{
	bool known = job->remote_addr != NULL && *job->remote_addr != '\0';
	size_t begin = strlen(JSON_ERROR_BEGIN);

	if (r->body.len <= begin)
		return; /* there was no memory for it */
	diag_warn_limited(&h->refused[status_index(r->status)],
	    "refused with %d: %.*s (from %.64s)", r->status, (int)(r->body.len - begin - 1),
	    r->body.data + begin, known ? job->remote_addr : "an unknown address");
}
