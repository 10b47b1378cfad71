#include "files/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Files of which the list is kept for the next transaction. */
#define ROOM_KEPT 64

bool
journal_reserve(struct journal *j)
{
	size_t room = j->room == 0 ? ROOM_KEPT : j->room * 2;
	struct journal_file *more;

	if (j->n < j->room)
		return true;
	more = realloc(j->file, room * sizeof(*more));
	if (more == NULL)
		return false;
	j->file = more;
	j->room = room;
	return true;
}

bool
journal_rolled(
    struct journal *j, const struct logfile *f, const struct rollover_name *name, int64_t since)
{
	if (journal_is_empty(j)) {
		j->first = *f;
		j->rolled = *name;
		j->since = since;
		return true;
	}
	j->file[j->n++] = (struct journal_file){*name, f->dev, f->ino};
	return false;
}

/* Which file has the name: the one that is expected, none, or another. */
enum name_state { NAME_SAME, NAME_MISSING, NAME_OTHER, NAME_UNKNOWN };

static enum name_state
state_of_name(int folder, const char *name, dev_t dev, ino_t ino)
{
	struct stat st;

	/* Through a link, as the file was opened. */
	if (fstatat(folder, name, &st, 0) != 0)
		return errno == ENOENT ? NAME_MISSING : NAME_UNKNOWN;
	return st.st_dev == dev && st.st_ino == ino ? NAME_SAME : NAME_OTHER;
}

/* Deletes the files that the transaction made and rolled over, the last one first. */
static bool
delete_made(struct journal *j, int folder)
{
	char name[ROLLOVER_NAME_SIZE];

	for (; j->n > 0; j->n--) {
		const struct journal_file *made = &j->file[j->n - 1];
		enum name_state state;

		rollover_format(j->first.name, &made->name, name);
		state = state_of_name(folder, name, made->dev, made->ino);
		if (state == NAME_UNKNOWN ||
		    (state == NAME_SAME && unlinkat(folder, name, 0) != 0 && errno != ENOENT))
			return false;
	}
	return true;
}

/* The first file in place of *f again, whose bytes are all of the transaction. */
static bool
put_back(struct journal *j, int folder, const char *name, struct logfile *f, int64_t *since)
{
	if (renameat(folder, name, folder, j->first.name) != 0)
		return false;
	logfile_close(f);
	*f = j->first;
	*since = j->since;
	j->first.fd = -1;
	/* What can't be cut off now is owed by the file itself. */
	return logfile_undo(f);
}

bool
journal_undo(struct journal *j, int folder, struct logfile *f, int64_t *since)
{
	char name[ROLLOVER_NAME_SIZE];
	enum name_state first, present;

	if (!delete_made(j, folder))
		return false;
	rollover_format(j->first.name, &j->rolled, name);
	first = state_of_name(folder, name, j->first.dev, j->first.ino);
	if (first == NAME_UNKNOWN)
		return false;
	present = state_of_name(folder, j->first.name, f->dev, f->ino);
	if (present == NAME_UNKNOWN)
		return false;
	/* What is replaced need not be cut, which may be impossible. */
	if (first == NAME_SAME && present == NAME_SAME)
		return put_back(j, folder, name, f, since);
	/* Others have renamed one of them: what stays anywhere keeps no byte of the transaction. */
	if (!logfile_undo(f))
		return false;
	if (first == NAME_SAME && present == NAME_MISSING)
		return put_back(j, folder, name, f, since);
	if (!logfile_undo(&j->first))
		return false;
	logfile_close(&j->first);
	return true;
}

struct logfile
journal_clear(struct journal *j)
{
	struct logfile first = j->first;

	j->first.fd = -1;
	j->n = 0;
	if (j->room > ROOM_KEPT)
		journal_free(j);
	return first;
}

void
journal_free(struct journal *j)
{
	free(j->file);
	j->file = NULL;
	j->room = 0;
}
