#include "files/syncset.h"

#include <errno.h>
#include <unistd.h>

bool
syncset_add(struct syncset *set, int fd, const char *name, unsigned bit)
{
	if (set->n == SYNCSET_MAX)
		return false;
	set->item[set->n].fd = fd;
	set->item[set->n].name = name;
	set->item[set->n].bit = bit;
	set->n++;
	return true;
}

bool
syncset_sync(int fd, const char *name, struct syncset_report *r)
{
	bool is_folder = *name == '\0';

	metrics_add(&r->metrics->syncs, 1);
	/* Some file systems cannot sync a folder, which they report as EINVAL. */
	if (is_folder ? fsync(fd) == 0 || errno == EINVAL : fdatasync(fd) == 0)
		return true;
	diag_error_limited(
	    &r->limit, "can't sync \"%s/%s\": %s", r->folder, name, diag_reason(errno));
	metrics_add(&r->metrics->sync_errors, 1);
	return false;
}

unsigned
syncset_run(struct syncset *set, struct syncset_report *r)
{
	unsigned failed = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (!syncset_sync(set->item[i].fd, set->item[i].name, r))
			failed |= set->item[i].bit;
		close(set->item[i].fd);
	}
	set->n = 0;
	return failed;
}
