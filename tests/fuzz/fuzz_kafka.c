/* What Kafka's side reads: the file of properties, the header of a message, librdkafka's
 * statistics. The first byte says which. */
#include "fuzz.h"
#include "kafka/kafka_properties.h"
#include "kafka/kafka_statistics.h"

/* Names and values are texts of a line of theirs, and what is refused is not taken. */
static void
try_properties(const char *text, size_t len)
{
	struct buf mistakes = BUF_INIT;
	struct kafka_properties p;

	if (kafka_properties_parse(&p, text, len, "x", &mistakes)) {
		for (size_t i = 0; i < p.count; i++) {
			const char *name = p.property[i].name;

			require(*name != '\0' && *name != '#' && strpbrk(name, "=\n") == NULL);
			require(strchr(p.property[i].value, '\n') == NULL);
			require(strcmp(name, "acks") != 0);
			require(p.line[i] > (i > 0 ? p.line[i - 1] : 0));
		}
	} else {
		require(mistakes.len > 0 && mistakes.data[mistakes.len - 1] == '\n');
	}
	kafka_properties_free(&p);
	buf_free(&mistakes);
}

static void
walk(const char *object, int depth)
{
	const char *name, *value;

	while ((value = kafka_statistics_next(&object, &name)) != NULL) {
		kafka_statistics_number(value, 0);
		kafka_statistics_is(value, "UP");
		if (depth < 4)
			walk(value, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;

	if (size == 0)
		return 0;
	buf_append(&text, data + 1, size - 1);
	buf_putc(&text, '\0');
	switch (data[0]) {
	case 'p': try_properties(text.data, size - 1); break;
	default: walk(text.data, 0); break;
	}
	buf_free(&text);
	return 0;
}
