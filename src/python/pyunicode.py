"""Writes pyunicode.c: which code points str.isprintable() calls printable.

    python3 src/python/pyunicode.py

The Unicode data is that of the CPython that runs this; pyunicode.h names its version.
"""

import pathlib
import re
import unicodedata

HERE = pathlib.Path(__file__).parent
FIRST = 0x100  # below it pyunicode.h knows the answer

# What CPython does not print (Objects/unicodectype.c): the categories "other" and "separator".
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}

PROGRAM = """\
/* Written by pyunicode.py; change that one. Unicode %(version)s. */
#include "python/pyunicode.h"

#include <stddef.h>

/*
 * Where printable characters begin, and where they end, by turns, from U+0100 (printable) on.
 */
/* clang-format off */
static const uint16_t basic[] = {
%(basic)s
};

static const uint32_t beyond[] = {
%(beyond)s
};
/* clang-format on */

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

bool
pyunicode_printable_beyond(uint32_t c)
{
	size_t low = 0, high = c < 0x10000 ? LENGTH(basic) : LENGTH(beyond);

	/* low becomes how many boundaries lie at or before c: printable after an even number. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((c < 0x10000 ? basic[middle] : beyond[middle]) <= c)
			low = middle + 1;
		else
			high = middle;
	}
	return low %% 2 == 0;
}
"""


def printable(code_point):
    return unicodedata.category(chr(code_point)) not in HIDDEN


def boundaries(first, end):
    """The code points in first..end-1 where printable begins or ends; before first it is."""
    found, was = [], True
    for code_point in range(first, end):
        if printable(code_point) != was:
            found.append(code_point)
            was = not was
    return found


def table(numbers):
    cells = ["0x%04x" % n for n in numbers]
    per_line = 98 // (len(cells[-1]) + 2) - 1
    return ",\n".join("\t" + ", ".join(cells[i:i + per_line]) for i in range(0, len(cells), per_line)) + ","


def main():
    header = (HERE / "pyunicode.h").read_text()
    version = re.search(r'PYUNICODE_VERSION "(.*)"', header)[1]
    if version != unicodedata.unidata_version:
        raise SystemExit("pyunicode.h says Unicode %s, this Python has %s" % (version, unicodedata.unidata_version))
    for code_point in range(FIRST):
        expected = code_point >= 0x20 if code_point < 0x7F else code_point > 0xA0 and code_point != 0xAD
        assert (printable(code_point) or code_point == 0x20) == expected
    text = PROGRAM % {
        "version": version,
        "basic": table(boundaries(FIRST, 0x10000)),
        "beyond": table(boundaries(0x10000, 0x110000)),
    }
    (HERE / "pyunicode.c").write_text(text)


if __name__ == "__main__":
    main()
