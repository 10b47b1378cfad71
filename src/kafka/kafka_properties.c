#include "kafka/kafka_properties.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char blank[] = " \t\r\f";

/* Those that the programs set themselves, or can't do with, and what to do instead. librdkafka
 * knows some by two names. */
static const struct refused {
	const char *name;
	const char *why;
} refused[] = {
    {"bootstrap.servers", "it is KAFKA_BROKERS"},
    {"metadata.broker.list", "it is KAFKA_BROKERS"},
    {"acks", "200 means that all in-sync replicas have a record"},
    {"request.required.acks", "200 means that all in-sync replicas have a record"},
    {"enable.idempotence", "records are written once, and in their order"},
    {"enable.gapless.guarantee", "a record that is late would end the server"},
    {"transactional.id", "there are no transactions"},
    {"message.timeout.ms", "every request is answered within five seconds"},
    {"delivery.timeout.ms", "every request is answered within five seconds"},
    {"retries", "a record is tried again until its time is over"},
    {"message.send.max.retries", "a record is tried again until its time is over"},
    {"partitioner", "all servers must send a logger's records to the same partition"},
    {"message.max.bytes", "it is the topic's max.message.bytes"},
    {"queue.buffering.max.messages", "it is bounded by MAX_MEMORY_BYTES"},
    {"queue.buffering.max.kbytes", "it is bounded by MAX_MEMORY_BYTES"},
    {"delivery.report.only.error", "200 waits for the report of every record"},
    {"allow.auto.create.topics", "a topic is made by who runs the cluster"},
    {"statistics.interval.ms", "the programs live by the statistics"},
    {"group.id", "it is KAFKA_GROUP"},
    {"group.instance.id", "it is KAFKA_INSTANCE"},
    {"enable.auto.commit", "offsets are committed after the checkpoint"},
    {"auto.commit.enable", "offsets are committed after the checkpoint"},
    {"enable.auto.offset.store", "offsets are committed after the checkpoint"},
    {"auto.offset.reset", "no record may be passed over"},
    {"enable.partition.eof", "the writer goes by it"},
    {"check.crcs", "what came broken must not be written"},
    {"isolation.level", "what was not committed must not be written"},
    {"partition.assignment.strategy", "all writers must have the same"},
    {"offset.store.method", "offsets are committed after the checkpoint"},
    {"log_level", "every line of librdkafka's is shown that is worth one"},
    {"log.queue", "every line of librdkafka's is shown that is worth one"},
    {"debug", "its lines could tell secrets"},
    /* Whoever can write this file is to set properties, and not to have code of his run. (What
     * libsasl2 and OpenSSL load for a mechanism or by their own configuration is the system's.) */
    {"plugin.library.paths", "no further code is loaded"},
    {"ssl.engine.location", "no further code is loaded"},
    {"ssl.engine.id", "no further code is loaded"},
    {"ssl_engine_callback_data", "no further code is loaded"},
    {"ssl.providers", "no further code is loaded"},
    {"sasl.kerberos.kinit.cmd", "no program is started"},
    {"sasl.kerberos.min.time.before.relogin", "no program is started"},
    {"internal.termination.signal", "no signal is sent"},
    {"test.mock.num.brokers", "what such brokers have is lost"},
};

static const char *
why_refused(const char *name)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strcmp(name, refused[i].name) == 0)
			return refused[i].why;
	}
	return NULL;
}

/* Of a line that ends with a NUL: its text without the white space around it. */
static char *
strip(char *text)
{
	size_t len;

	text += strspn(text, blank);
	len = strlen(text);
	while (len > 0 && strchr(blank, text[len - 1]) != NULL)
		len--;
	text[len] = '\0';
	return text;
}

static void
take_line(struct kafka_properties *p, char *line, unsigned number, struct buf *mistakes)
{
	char *name = strip(line), *value = strchr(name, '=');
	const char *why;

	if (*name == '\0' || *name == '#')
		return;
	/* What stands there may be a secret all the same. */
	if (value == NULL || value == name) {
		buf_printf(
		    mistakes, "KAFKA_CONFIG: line %u of %s is no name=value\n", number, p->path);
		return;
	}
	*value++ = '\0';
	name = strip(name);
	/* Nor may what stands before it be told: the end of a key is its last line, base64 with
	 * "=". */
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._")] != '\0') {
		buf_printf(mistakes, "KAFKA_CONFIG: line %u of %s: no property has such a name\n",
		    number, p->path);
		return;
	}
	why = why_refused(name);
	if (why != NULL) {
		buf_printf(mistakes, "KAFKA_CONFIG: line %u of %s: %s can't be set: %s\n", number,
		    p->path, name, why);
		return;
	}
	p->line[p->count] = number;
	p->property[p->count++] = (struct kafka_property){name, strip(value)};
}

bool
kafka_properties_parse(struct kafka_properties *p, const char *text, size_t len, const char *path,
    struct buf *mistakes)
{
	size_t before = mistakes->len, lines = 1;
	unsigned number = 0;

	*p = (struct kafka_properties){.path = path};
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	if (memchr(text, '\0', len) != NULL) {
		buf_printf(mistakes, "KAFKA_CONFIG: %s is no text\n", path);
		return false;
	}
	p->property = calloc(lines, sizeof(*p->property));
	p->line = calloc(lines, sizeof(*p->line));
	p->text = malloc(len + 1);
	if (p->property == NULL || p->line == NULL || p->text == NULL) {
		buf_printf(mistakes, "KAFKA_CONFIG: %s\n", diag_reason(ENOMEM));
		return false;
	}
	p->size = len + 1;
	memcpy(p->text, text, len);
	p->text[len] = '\0';
	for (char *line = p->text, *next; line != NULL; line = next) {
		char *end = strchr(line, '\n');

		next = end == NULL ? NULL : end + 1;
		if (end != NULL)
			*end = '\0';
		take_line(p, line, ++number, mistakes);
	}
	return mistakes->len == before && !mistakes->failed;
}

/* The bytes of a file; -1, with errno. Longer than `size`: as many as that. */
static ssize_t
read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), saved;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -1;
	while (len < size && n > 0) {
		n = read(fd, text + len, size - len);
		if (n > 0)
			len += (size_t)n;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? -1 : (ssize_t)len;
}

bool
kafka_properties_read(struct kafka_properties *p, const char *path, struct buf *mistakes)
{
	char *text;
	ssize_t len;
	bool good = false;

	*p = (struct kafka_properties){.path = path};
	if (path == NULL)
		return true;
	text = malloc(KAFKA_PROPERTIES_MAX + 1);
	if (text == NULL) {
		buf_printf(mistakes, "KAFKA_CONFIG: %s\n", diag_reason(ENOMEM));
		return false;
	}
	len = read_file(path, text, KAFKA_PROPERTIES_MAX + 1);
	if (len < 0)
		buf_printf(mistakes, "KAFKA_CONFIG=%s: %s\n", path, diag_reason(errno));
	else if ((size_t)len > KAFKA_PROPERTIES_MAX)
		buf_printf(
		    mistakes, "KAFKA_CONFIG=%s: more than %zu bytes\n", path, KAFKA_PROPERTIES_MAX);
	else
		good = kafka_properties_parse(p, text, (size_t)len, path, mistakes);
	explicit_bzero(text, KAFKA_PROPERTIES_MAX + 1);
	free(text);
	return good;
}

void
kafka_properties_free(struct kafka_properties *p)
{
	if (p->text != NULL)
		explicit_bzero(p->text, p->size);
	free(p->text);
	free(p->property);
	free(p->line);
	*p = (struct kafka_properties){0};
}
