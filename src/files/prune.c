#include "files/prune.h"

#include "base/diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether a period begins after the other has ended. An hour of a day does not, nor the day of an
 * hour: LOG_ROTATE may have been another. */
static bool
is_later(const struct rollover_name *a, const struct rollover_name *b)
{
	size_t x = strlen(a->period), y = strlen(b->period);

	return strncmp(a->period, b->period, x < y ? x : y) > 0;
}

/* Drops the names that are not counted, and notes one of the future. How many are left. */
static size_t
drop_uncounted(struct rollover_name *names, size_t count, const char *file, const struct prune *p,
    struct prune_result *result)
{
	size_t counted = 0;

	for (size_t i = 0; i < count; i++) {
		if (rollover_compare(&names[i], &p->next) < 0)
			names[counted++] = names[i];
		else if (is_later(&names[i], &p->current))
			rollover_format(file, &names[i], result->future);
	}
	return counted;
}

bool
prune_files(int folder, const char *file, const struct prune *p, struct prune_result *result)
{
	struct rollover_name *names;
	char name[ROLLOVER_NAME_SIZE];
	size_t count;
	int error = 0;

	*result = (struct prune_result){0};
	if (p->keep == 0)
		return true;
	names = rollover_list(folder, file, NULL, true, &count);
	if (names == NULL)
		return false;
	count = drop_uncounted(names, count, file, p, result);
	qsort(names, count, sizeof(*names), rollover_compare);
	for (size_t i = 0; i + p->keep < count && !result->more; i++) {
		if (rollover_compare(&names[i], &p->latest) == 0)
			continue;
		rollover_format(file, &names[i], name);
		if (unlinkat(folder, name, 0) == 0) {
			diag_info("deleted %s: LOG_BACKUP_COUNT is %u", name, p->keep);
			result->more = ++result->deleted == PRUNE_AT_ONCE;
		} else if (errno != ENOENT && error == 0) {
			error = errno;
		}
	}
	free(names);
	errno = error;
	return error == 0;
}
