#include "record/render_added.h"

static const enum field addable[] = {FIELD_MESSAGE, FIELD_LEVELNAME, FIELD_NAME, FIELD_CREATED};

#define COUNT	(sizeof(addable) / sizeof(addable[0]))
#define STRINGS "nan"

static size_t
put(char text[RENDER_ADDED_SIZE], size_t at, const char *word)
{
	size_t len = strlen(word);

	if (at > 0)
		text[at++] = ',';
	/* A part of a text: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(text + at, word, len);
	return at + len;
}

size_t
render_added_put(const struct render_added *added, char text[RENDER_ADDED_SIZE])
{
	size_t at = 0;

	for (size_t i = 0; i < COUNT; i++) {
		if ((added->fields & RECORD_BIT(addable[i])) != 0)
			at = put(text, at, record_field_name(addable[i]));
	}
	return added->strings ? put(text, at, STRINGS) : at;
}

struct render_added
render_added_parse(const char *text, size_t len)
{
	struct render_added added = {0, false};

	while (len > 0) {
		const char *comma = memchr(text, ',', len);
		size_t word = comma != NULL ? (size_t)(comma - text) : len;
		int field = record_field(text, word);

		for (size_t i = 0; i < COUNT; i++) {
			if (field == (int)addable[i])
				added.fields |= RECORD_BIT(field);
		}
		if (word == strlen(STRINGS) && memcmp(text, STRINGS, word) == 0)
			added.strings = true;
		word += comma != NULL;
		text += word;
		len -= word;
	}
	return added;
}
