/* A folder of its own for each test, opened. */
#ifndef PBU_TEST_FOLDER_FIXTURE_H
#define PBU_TEST_FOLDER_FIXTURE_H

#include "tmpdir.h"

static int folder;

static int
folder_setup(void **state)
{
	struct tmpdir *t;

	if (tmpdir_setup(state) != 0)
		return -1;
	t = *state;
	folder = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 ? -1 : 0;
}

static int
folder_teardown(void **state)
{
	close(folder);
	return tmpdir_teardown(state);
}

#endif
