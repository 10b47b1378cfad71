/* A cursor: what is taken is what would be printed, byte by byte. */
#include "fuzz.h"
#include "reader/cursor.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, printed = BUF_INIT;
	struct cursor c;

	buf_append(&text, data, size);
	buf_putc(&text, '\0');
	if (cursor_parse(text.data, &c)) {
		require(c.levels != 0);
		cursor_print(&printed, &c);
		buf_putc(&printed, '\0');
		require(strcmp(text.data, printed.data) == 0);
	}
	buf_free(&text);
	buf_free(&printed);
	return 0;
}
