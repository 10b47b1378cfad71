#include "web/response.h"

#include "base/status.h"

void
response_head(struct buf *out, const struct http_response *r, bool whole)
{
	buf_puts(out, "Status: ");
	buf_put_number(out, (uint64_t)r->status);
	buf_putc(out, ' ');
	buf_puts(out, status_reason(r->status));
	buf_puts(out, "\r\nContent-Type: ");
	buf_puts(out, r->content_type);
	buf_puts(out, "\r\n");
	if (whole) {
		buf_puts(out, "Content-Length: ");
		buf_put_number(out, r->body.len);
		buf_puts(out, "\r\n");
	}
	if (r->allow != NULL)
		buf_printf(out, "Allow: %s\r\n", r->allow);
	if (r->retry_after > 0)
		buf_printf(out, "Retry-After: %u\r\n", r->retry_after);
	if (r->authenticate)
		buf_puts(out, "WWW-Authenticate: Bearer\r\n");
	if (r->headers != NULL)
		buf_puts(out, r->headers);
	buf_puts(out, "\r\n");
}
