#include "writer/cutback.h"

#include "base/diag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Looks for the file by its identity. The name is written to `name`, which has room for any. */
static bool
search(int folder, const struct identity *id, char name[NAME_MAX + 1])
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;
	const struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	// NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream
	while (!found && (entry = readdir(dir)) != NULL) {
		struct identity other;

		found = entry->d_ino == id->inode &&
			identity_of(folder, entry->d_name, true, &other, NULL) &&
			identity_equal(&other, id);
		if (found)
			snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
	}
	closedir(dir);
	return found;
}

/* Opens the file that the checkpoint means, whatever its name is by now. -1: it is nowhere. */
static int
open_file(int folder, const struct checkpoint_file *f, char name[NAME_MAX + 1], uint64_t *size)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
	struct identity id;
	int fd;

	snprintf(name, NAME_MAX + 1, "%s", f->name);
	if ((!identity_of(folder, name, false, &id, NULL) || !identity_equal(&id, &f->id)) &&
	    !search(folder, &f->id, name)) {
		errno = ENOENT;
		return -1;
	}
	fd = openat(folder, name, flags);
	if (fd >= 0 && (!identity_of(fd, "", false, &id, size) || !identity_equal(&id, &f->id))) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

/* Whether an entry may end there. */
static bool
ends_line(int fd, const struct checkpoint_file *f)
{
	char last = '\n';

	return f->length == 0 || f->mid_line ||
	       (pread(fd, &last, 1, (off_t)f->length - 1) == 1 && last == '\n');
}

static bool
cut(int fd, const char *name, const struct checkpoint_file *f, uint64_t size, uint64_t *bytes)
{
	if (size < f->length) {
		diag_warn("%s is shorter than it was at the checkpoint: others have cut it, and "
			  "what was written to it afterwards may be there twice",
		    name);
		return true;
	}
	if (size == f->length)
		return true;
	if (!ends_line(fd, f)) {
		diag_warn("%s has no entry that ends where it did at the checkpoint: others have "
			  "changed it, and what was written to it afterwards may be there twice",
		    name);
		return true;
	}
	if (ftruncate(fd, (off_t)f->length) != 0 || fsync(fd) != 0)
		return false;
	diag_info("cut %s back to the checkpoint: %" PRIu64
		  " bytes that come from the topic once more",
	    name, size - f->length);
	*bytes += size - f->length;
	return true;
}

bool
cutback(int folder, const struct checkpoint *c, uint64_t *bytes, char *error, size_t size)
{
	*bytes = 0;
	for (size_t i = 0; i < c->files; i++) {
		const struct checkpoint_file *f = &c->file[i];
		char name[NAME_MAX + 1];
		uint64_t length = 0;
		int fd = open_file(folder, f, name, &length);
		bool good = fd >= 0 && cut(fd, name, f, length, bytes);

		if (fd < 0 && errno == ENOENT) {
			diag_warn("%s is not the file that it was at the checkpoint, which is "
				  "not in the folder: what was written to it afterwards may be "
				  "there twice",
			    f->name);
			good = true;
		}
		if (!good)
			snprintf(error, size, "can't cut %s back to the checkpoint: %s", name,
			    diag_reason(errno));
		if (fd >= 0)
			close(fd);
		if (!good)
			return false;
	}
	return true;
}
