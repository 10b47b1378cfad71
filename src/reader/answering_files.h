/* What the lists of files of one server and of several have in common. */
#ifndef PBU_ANSWERING_FILES_H
#define PBU_ANSWERING_FILES_H

#include "reader/answering.h"

/* Appends a file to a list, with a comma before it unless it is the first: a->matched counts them.
 * Without the server's name (NULL) nothing is said of it. */
void answering_files_append(
    struct answering *a, enum level level, const struct library_file *f, const char *server);

/* Appends those of this server; false, with errno. */
bool answering_files_append_own(struct answering *a, const char *server);

#endif
