#include "disk.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Not RLIMIT_FSIZE, under which libFuzzer could not keep the input that crashes. */
static struct {
	bool full, stuck;
	size_t room;
} disk;

void
disk_fill(size_t room, bool stuck)
{
	disk.full = true;
	disk.room = room;
	disk.stuck = stuck;
}

void
disk_empty(void)
{
	disk.full = false;
}

/* How much a file may still grow. */
static size_t
left(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || (size_t)st.st_size >= disk.room)
		return 0;
	return disk.room - (size_t)st.st_size;
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct iovec some;
	size_t room;

	if (!disk.full)
		return pwritev2(fd, iov, n, -1, 0);
	while (n > 1 && iov->iov_len == 0) {
		iov++;
		n--;
	}
	room = left(fd);
	if (room == 0) {
		errno = ENOSPC;
		return -1;
	}
	some = *iov;
	if (some.iov_len > room)
		some.iov_len = room;
	return pwritev2(fd, &some, 1, -1, 0);
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
	struct iovec all = {(void *)data, size};

	if (disk.full && (size_t)at + size > disk.room) {
		errno = ENOSPC;
		return -1;
	}
	return pwritev2(fd, &all, 1, at, 0);
}

int
ftruncate(int fd, off_t size)
{
	if (disk.full && disk.stuck) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, size);
}
