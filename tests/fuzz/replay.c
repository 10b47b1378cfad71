/*
 * Runs a fuzz target on files and on every file in folders. Without arguments, as replay_NAME, on
 * the folder NAME in $FUZZ_CORPUS.
 */
#include "fuzz.h"

#include <dirent.h>

static unsigned runs;

static void
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	char bytes[65536];
	struct buf input = BUF_INIT;
	size_t n;

	require(f != NULL);
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		buf_append(&input, bytes, n);
	fclose(f);
	/* Exactly as large as it is, so that a sanitizer sees a byte too many. */
	if (input.len > 0)
		input.data = realloc(input.data, input.len);
	LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.len);
	free(input.data);
	printf("ok %u - %s\n", ++runs, path);
	fflush(stdout);
}

static void
replay_folder(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	char path[4096];

	if (d == NULL) {
		replay(folder);
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		replay(path);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	const char *corpus = getenv("FUZZ_CORPUS"), *program = strrchr(argv[0], '/');
	const char *name = strstr(program != NULL ? program : argv[0], "replay_");
	char folder[4096];

	for (int i = 1; i < argc; i++)
		replay_folder(argv[i]);
	if (argc == 1 && corpus != NULL && name != NULL) {
		snprintf(folder, sizeof(folder), "%s/%s", corpus, name + strlen("replay_"));
		replay_folder(folder);
	}
	printf("1..%u\n", runs);
	return runs == 0;
}
