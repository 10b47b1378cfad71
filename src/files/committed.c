#include "files/committed.h"

#include <fcntl.h>
#include <unistd.h>

bool
committed_hold(int fd, uint64_t from)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)from};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool
committed_release(int fd, uint64_t from, uint64_t to)
{
	struct flock lock = {.l_type = F_UNLCK,
	    .l_whence = SEEK_SET,
	    .l_start = (off_t)from,
	    .l_len = (off_t)(to - from)};

	/* A length of 0 is all. */
	return from == to || fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool
committed_let_go(int fd)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool
committed_ask(int fd, uint64_t *bytes)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_WRLCK)
		return false;
	*bytes = (uint64_t)lock.l_start;
	return true;
}
