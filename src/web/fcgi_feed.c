#include "web/fcgi_feed.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux 6.3; nobody executes what is in there. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static bool
open_reading(struct fcgi_feed *f)
{
	f->reading = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	return f->reading >= 0;
}

bool
fcgi_feed_open(struct fcgi_feed *f, struct budget *budget)
{
	void *buffer;

	*f = (struct fcgi_feed){.fd = -1, .reading = -1, .budget = budget};
	f->fd = memfd_create("request", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (f->fd < 0 && errno == EINVAL)
		f->fd = memfd_create("request", MFD_CLOEXEC);
	if (f->fd < 0 || ftruncate(f->fd, REQUEST_BUFFER) < 0)
		return false;
	buffer = mmap(NULL, REQUEST_BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (buffer == MAP_FAILED)
		return false;
	f->buffer = buffer;
	return open_reading(f);
}

void
fcgi_feed_empty(struct fcgi_feed *f)
{
	/* Making it smaller needs nothing that could be missing. */
	if (f->fed > REQUEST_BUFFER && ftruncate(f->fd, REQUEST_BUFFER) < 0)
		diag_warn("memory is not given back: %s", diag_reason(errno));
	budget_shrink(f->budget, f->fed, 0);
	f->fed = 0;
}

bool
fcgi_feed_fill(struct fcgi_feed *f, const struct request *r)
{
	if (f->reading < 0 && !open_reading(f))
		return false;
	if (r->bytes != f->buffer) {
		if (!budget_grow(f->budget, 0, r->len))
			return false;
		f->fed = r->len;
		if (pwrite(f->fd, r->bytes, r->len, 0) != (ssize_t)r->len) {
			fcgi_feed_empty(f);
			return false;
		}
	}
	if (lseek(f->reading, 0, SEEK_SET) == 0)
		return true;
	fcgi_feed_empty(f);
	return false;
}

void
fcgi_feed_close(struct fcgi_feed *f)
{
	if (f->buffer != NULL)
		munmap(f->buffer, REQUEST_BUFFER);
	if (f->reading >= 0)
		close(f->reading);
	if (f->fd >= 0)
		close(f->fd);
}
