/*
 * A form (application/x-www-form-urlencoded; the URL standard, 5.1) to a record: what the standard
 * library's logging.handlers.HTTPHandler sends, str() of each field of a LogRecord.
 *
 * So a field has the text that it came with, and is more only where a LogRecord says what it was:
 * the fields that are numbers (record.h), None where a LogRecord has it, and args, which is read as
 * a Python literal (pyliteral.h) and else stays text, a LITERAL.
 */
#ifndef PBU_FORM_H
#define PBU_FORM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* What one thread needs to read forms; reused from body to body. */
struct form {
	struct buf name, value; /* of a field, decoded */
	struct buf record;	/* the form as json_decode() takes it */
};

/* The budget that memory counts against (NULL: none) must outlive it. */
void form_init(struct form *f, struct budget *budget);
void form_free(struct form *f);

/*
 * Reads a form of len bytes into f->record. Names without `=` have an empty value.
 *
 * When it is no form, it returns false, and *what says in words what is wrong, and *offset at which
 * byte, counted from 0; NULL: memory ran out.
 */
bool form_read(struct form *f, const char *body, size_t len, const char **what, size_t *offset);

/* Gives memory beyond the usual back. */
void form_clear(struct form *f);

#endif
