#include "record/format_settings.h"

#include "record/formatter.h"

static void
check(const void *settings, struct buf *mistakes)
{
	const struct format_settings *s = settings;
	struct formatter formatter;
	struct buf why = BUF_INIT;

	if (formatter_compile(&formatter, s->line, s->date, &why))
		formatter_free(&formatter);
	else
		buf_printf(mistakes, "LOG_FORMAT=%s: %.*s\n", s->line, (int)why.len, why.data);
	buf_free(&why);
}

static const struct setting rows[] = {
    {.name = "LOG_FORMAT",
	.help = "Python's format of a line, or json",
	.fallback = "%(asctime)s %(levelname)s:%(name)s %(message)s",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct format_settings, line)},
    {.name = "LOG_DATE_FORMAT",
	.help = "strftime format of asctime (Python's default)",
	.kind = SETTING_TEXT,
	SETTING_INTO(struct format_settings, date)},
};

const struct setting_group format_settings_group = SETTING_GROUP(rows, check);
