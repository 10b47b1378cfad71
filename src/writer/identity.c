#include "writer/identity.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

bool
identity_of(int folder, const char *name, bool link, struct identity *id, uint64_t *bytes)
{
	int flags = (*name == '\0' ? AT_EMPTY_PATH : 0) | (link ? AT_SYMLINK_NOFOLLOW : 0);
	struct statx st;

	if (statx(folder, name, flags, STATX_TYPE | STATX_INO | STATX_SIZE | STATX_BTIME, &st) != 0)
		return false;
	if (!S_ISREG(st.stx_mode)) {
		errno = ENXIO;
		return false;
	}
	id->inode = st.stx_ino;
	id->born = (st.stx_mask & STATX_BTIME) == 0
		       ? 0
		       : st.stx_btime.tv_sec * CLOCK_NS_PER_SECOND + st.stx_btime.tv_nsec;
	if (bytes != NULL)
		*bytes = st.stx_size;
	return true;
}

bool
identity_equal(const struct identity *a, const struct identity *b)
{
	return a->inode == b->inode && (a->born == b->born || a->born == 0 || b->born == 0);
}
