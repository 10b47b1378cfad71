#include "fuzz.h"
#include "json/text.h"

size_t
fuzz_check_entries(const struct buf *out)
{
	const unsigned char *at = (const unsigned char *)out->data, *end;
	size_t entries = 0;

	if (out->len == 0)
		return 0;
	end = at + out->len;
	require(end[-1] == '\n');
	for (bool line_begins = true; at < end;) {
		size_t n = text_utf8_sequence(at, (size_t)(end - at), false);

		if (line_begins && *at != '\t')
			entries++;
		line_begins = *at == '\n';
		require(*at >= 0x20 || *at == '\n' || *at == '\t');
		require(*at != 0x7f);
		if (*at < 0x80) {
			at++;
			continue;
		}
		require(n > 1);
		require(*at != 0xc2 || at[1] >= 0xa0); /* C1 */
		at += n;
	}
	return entries;
}
