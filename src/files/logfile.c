#include "files/logfile.h"

#include "base/diag.h"
#include "files/committed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MODE 0640

/* Linux' and the BSDs' IOV_MAX, which limits.h shows to X/Open programs only. */
#define IOVECS_AT_ONCE 1024

/* How many NUL bytes a file system leaves at the end of a file at most; more are somebody else's.
 */
#define NULS_MAX (64 * 1024 * 1024)

/* How many NUL bytes end the file of `size` bytes, and in *last the byte before them ('\n': none).
 * 0, and '\0', when that can't be told. */
static uint64_t
count_nuls(int fd, uint64_t size, char *last)
{
	char bytes[16 * 1024];
	uint64_t left = size;

	*last = '\n';
	while (left > 0) {
		size_t n = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);

		if (size - left > NULS_MAX ||
		    pread(fd, bytes, n, (off_t)(left - n)) != (ssize_t)n) {
			*last = '\0';
			return 0;
		}
		while (n > 0 && bytes[n - 1] == '\0') {
			n--;
			left--;
		}
		if (n > 0) {
			*last = bytes[n - 1];
			break;
		}
	}
	return size - left;
}

/*
 * Looks at the end of a file that was just opened. It is open for writing only, so this takes a
 * descriptor of its own.
 *
 * No entry holds a NUL byte: those at the end are where a file system that crashed had made the
 * file longer, and lost what was written. They are cut off, as programs that read the file would
 * take it for a binary one.
 */
static void
look_at_end(struct logfile *f, int folder)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	struct stat st;
	char last = '\0';
	uint64_t nuls = 0;
	int fd = openat(folder, f->name, flags);

	if (fd >= 0) {
		if (fstat(fd, &st) == 0 && logfile_is(f, &st))
			nuls = count_nuls(fd, f->size, &last);
		close(fd);
	}
	if (nuls > 0 && ftruncate(f->fd, (off_t)(f->size - nuls)) == 0) {
		f->size -= nuls;
		f->nuls = nuls;
		f->dirty = true;
	} else if (nuls > 0) {
		last = '\0';
	}
	/* Where it can't be told, an empty line does less harm than two entries on one. */
	f->mid_line = last != '\n';
}

bool
logfile_open(struct logfile *f, int folder)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
	struct stat st;
	bool same;
	int fd, saved;

	fd = openat(folder, f->name, flags, FILE_MODE);
	if (fd < 0)
		return false;
	saved = fstat(fd, &st) != 0 ? errno : S_ISREG(st.st_mode) ? 0 : ENXIO;
	if (saved != 0) {
		close(fd);
		errno = saved;
		return false;
	}
	same = logfile_is(f, &st);
	f->fd = fd;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->size = (uint64_t)st.st_size;
	f->mtime = st.st_mtime;
	f->nuls = 0;
	f->dirty = false;
	if (!same)
		f->owed = 0;
	/* With bytes still to be cut, how it ends before them was noted when they failed. */
	if (f->owed == 0 && f->size == 0)
		f->mid_line = false;
	else if (f->owed == 0)
		look_at_end(f, folder);
	logfile_begin(f);
	logfile_hold(f);
	return true;
}

void
logfile_close(struct logfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->pending = 0;
	f->held = LOGFILE_HELD_NONE;
	f->dirty = false;
}

void
logfile_hold(struct logfile *f)
{
	uint64_t from = f->size > f->owed ? f->size - f->owed : 0;

	/* Where there are no such locks, readers see what is there. */
	f->held = committed_hold(f->fd, from) ? from : LOGFILE_HELD_NONE;
}

void
logfile_commit(struct logfile *f)
{
	/* What can't be released now is with the next. */
	if (f->fd >= 0 && f->held < f->size && committed_release(f->fd, f->held, f->size))
		f->held = f->size;
}

void
logfile_let_go(struct logfile *f)
{
	if (f->fd >= 0 && f->held != LOGFILE_HELD_NONE && committed_let_go(f->fd))
		f->held = LOGFILE_HELD_NONE;
}

bool
logfile_is(const struct logfile *f, const struct stat *st)
{
	return f->dev == st->st_dev && f->ino == st->st_ino;
}

void
logfile_set_size(struct logfile *f, uint64_t size)
{
	if (size < f->size)
		f->mid_line = size > 0; /* cut by others, perhaps within a line */
	f->size = size;
	if (f->held != LOGFILE_HELD_NONE && size < f->held)
		logfile_hold(f);
	else if (f->pending == 0 && f->owed == 0)
		logfile_commit(f); /* appended by others */
}

void
logfile_begin(struct logfile *f)
{
	f->pending = 0;
	f->began_mid_line = f->mid_line;
}

static bool
write_all(struct logfile *f, struct iovec *iov, size_t n)
{
	while (n > 0) {
		ssize_t written = writev(f->fd, iov, n < IOVECS_AT_ONCE ? (int)n : IOVECS_AT_ONCE);
		size_t left;

		if (written < 0 && errno == EINTR)
			continue;
		if (written == 0)
			errno = ENOSPC;
		if (written <= 0)
			return false;
		left = (size_t)written;
		f->pending += left;
		f->size += left;
		f->dirty = true;
		while (n > 0 && left >= iov->iov_len) {
			left -= iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + left;
			iov->iov_len -= left;
		}
	}
	return true;
}

/* Gives the last line the newline that it lacks. */
static bool
end_line(struct logfile *f)
{
	char newline = '\n';
	struct iovec end_of_line = {&newline, 1};

	if (f->mid_line && !write_all(f, &end_of_line, 1))
		return false;
	f->mid_line = false;
	return true;
}

bool
logfile_append(struct logfile *f, struct iovec *iov, size_t n)
{
	if (f->fd < 0) {
		errno = EBADF;
		return false;
	}
	return logfile_settle(f) && end_line(f) && write_all(f, iov, n);
}

bool
logfile_undo(struct logfile *f)
{
	if (f->pending > 0) {
		f->owed += f->pending;
		f->pending = 0;
		f->mid_line = f->began_mid_line;
	}
	return logfile_settle(f);
}

bool
logfile_settle(struct logfile *f)
{
	struct stat st;
	uint64_t size;

	if (f->owed == 0 || f->fd < 0)
		return true;
	if (fstat(f->fd, &st) != 0)
		return false;
	/* Counted from the end: it may have been truncated by others since. */
	size = (uint64_t)st.st_size > f->owed ? (uint64_t)st.st_size - f->owed : 0;
	while (ftruncate(f->fd, (off_t)size) != 0) {
		if (errno != EINTR)
			return false;
	}
	f->owed = 0;
	f->dirty = true;
	f->size = size;
	if (size == 0)
		f->mid_line = false;
	return true;
}

const char *
logfile_error(int error)
{
	/* What open(2) says of a folder, a FIFO without a reader, and a socket. */
	if (error == EISDIR || error == ENXIO)
		return "not a regular file";
	return diag_reason(error);
}
