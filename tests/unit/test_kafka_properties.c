#include "kafka/kafka_properties.h"

#include "tmpdir.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	struct kafka_properties p;
	struct buf mistakes;
};

static bool
parse(struct fixture *f, const char *text)
{
	bool good;

	kafka_properties_free(&f->p);
	buf_clear(&f->mistakes, 0);
	good = kafka_properties_parse(&f->p, text, strlen(text), "the file", &f->mistakes);
	assert_int_equal(good, f->mistakes.len == 0);
	return good;
}

static void
has(const struct fixture *f, size_t i, const char *name, const char *value, unsigned line)
{
	assert_true(i < f->p.count);
	assert_string_equal(f->p.property[i].name, name);
	assert_string_equal(f->p.property[i].value, value);
	assert_int_equal(f->p.line[i], line);
}

static void
done(struct fixture *f)
{
	kafka_properties_free(&f->p);
	buf_free(&f->mistakes);
}

static void
takes_what_there_is(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_true(parse(&f, "# a comment\n"
			      "security.protocol=SASL_SSL\n"
			      "\n"
			      "  sasl.username = writer \t\r\n"
			      "\t# another\r\n"
			      "sasl.password==p=# w=\n"
			      "ssl.ca.location=\n"
			      "last=1"));
	assert_int_equal(f.p.count, 5);
	has(&f, 0, "security.protocol", "SASL_SSL", 2);
	has(&f, 1, "sasl.username", "writer", 4);
	has(&f, 2, "sasl.password", "=p=# w=", 6);
	has(&f, 3, "ssl.ca.location", "", 7);
	has(&f, 4, "last", "1", 8);
	assert_true(parse(&f, ""));
	assert_int_equal(f.p.count, 0);
	assert_true(parse(&f, "\n\n"));
	assert_int_equal(f.p.count, 0);
	done(&f);
}

static void
names_all_that_is_wrong_and_no_value(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_false(parse(&f, "acks=s3cret\n"
			       "s3cret\n"
			       "=s3cret\n"
			       "enable.idempotence = s3cret\n"
			       "MIIs3cret=\n"));
	assert_buf_equal(&f.mistakes,
	    "KAFKA_CONFIG: line 1 of the file: acks can't be set: 200 means that all in-sync "
	    "replicas have a record\n"
	    "KAFKA_CONFIG: line 2 of the file is no name=value\n"
	    "KAFKA_CONFIG: line 3 of the file is no name=value\n"
	    "KAFKA_CONFIG: line 4 of the file: enable.idempotence can't be set: records are "
	    "written "
	    "once, and in their order\n"
	    "KAFKA_CONFIG: line 5 of the file: no property has such a name\n");
	done(&f);
}

/* What would break a promise, by each of its names. */
static void
refuses_what_is_the_programs_own(void **state)
{
	static const char *const names[] = {"acks", "request.required.acks", "enable.idempotence",
	    "message.timeout.ms", "delivery.timeout.ms", "bootstrap.servers",
	    "metadata.broker.list", "partitioner", "transactional.id", "group.id", "debug",
	    "enable.auto.commit", "auto.commit.enable", "test.mock.num.brokers",
	    "statistics.interval.ms"};
	struct fixture f = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), " %s =1", names[i]);
		if (parse(&f, text))
			fail_msg("%s", names[i]);
	}
	assert_true(parse(&f, "linger.ms=5\ncompression.codec=zstd\nbatch.size=10000\n"));
	done(&f);
}

/* Of librdkafka 2.0.2's CONFIGURATION.md all that loads a library, or starts a program. */
static void
refuses_what_runs_code(void **state)
{
	static const struct {
		const char *name, *why;
	} refused[] = {
	    {"plugin.library.paths", "no further code is loaded"},
	    {"ssl.engine.location", "no further code is loaded"},
	    {"ssl.engine.id", "no further code is loaded"},
	    {"ssl_engine_callback_data", "no further code is loaded"},
	    {"ssl.providers", "no further code is loaded"},
	    {"sasl.kerberos.kinit.cmd", "no program is started"},
	    {"sasl.kerberos.min.time.before.relogin", "no program is started"},
	};
	struct fixture f = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char text[128], said[256];

		snprintf(text, sizeof(text), "%s=/tmp/s3cret", refused[i].name);
		snprintf(said, sizeof(said),
		    "KAFKA_CONFIG: line 1 of the file: %s can't be set: %s\n", refused[i].name,
		    refused[i].why);
		assert_false(parse(&f, text));
		assert_buf_equal(&f.mistakes, said);
	}
	done(&f);
}

static void
refuses_what_is_no_text(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_false(kafka_properties_parse(&f.p, "a=b\0c", 5, "the file", &f.mistakes));
	assert_buf_equal(&f.mistakes, "KAFKA_CONFIG: the file is no text\n");
	done(&f);
}

static void
write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (; len > strlen(text); len--)
		assert_int_equal(write(fd, "#", 1), 1);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void
reads_a_file(void **state)
{
	const struct tmpdir *dir = *state;
	struct fixture f = {0};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/config", dir->path);
	write_file(path, "a=b\n", 4);
	assert_true(kafka_properties_read(&f.p, path, &f.mistakes));
	assert_int_equal(f.p.count, 1);
	has(&f, 0, "a", "b", 1);
	kafka_properties_free(&f.p);
	write_file(path, "\na=b\n", KAFKA_PROPERTIES_MAX);
	assert_true(kafka_properties_read(&f.p, path, &f.mistakes));
	assert_int_equal(f.p.count, 1);
	kafka_properties_free(&f.p);
	write_file(path, "\na=b\n", KAFKA_PROPERTIES_MAX + 1);
	assert_false(kafka_properties_read(&f.p, path, &f.mistakes));
	assert_non_null(memmem(f.mistakes.data, f.mistakes.len, "more than 1048576 bytes", 23));
	done(&f);
}

static void
says_why_it_reads_none(void **state)
{
	const struct tmpdir *dir = *state;
	struct fixture f = {0};

	assert_true(kafka_properties_read(&f.p, NULL, &f.mistakes));
	assert_int_equal(f.p.count, 0);
	assert_false(kafka_properties_read(&f.p, "/nonexistent", &f.mistakes));
	assert_buf_equal(&f.mistakes, "KAFKA_CONFIG=/nonexistent: No such file or directory\n");
	buf_clear(&f.mistakes, 0);
	assert_false(kafka_properties_read(&f.p, dir->path, &f.mistakes));
	assert_non_null(memmem(f.mistakes.data, f.mistakes.len, "Is a directory", 14));
	done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_there_is),
	    cmocka_unit_test(names_all_that_is_wrong_and_no_value),
	    cmocka_unit_test(refuses_what_is_the_programs_own),
	    cmocka_unit_test(refuses_what_runs_code),
	    cmocka_unit_test(refuses_what_is_no_text),
	    cmocka_unit_test_setup_teardown(reads_a_file, tmpdir_setup, tmpdir_teardown),
	    cmocka_unit_test_setup_teardown(says_why_it_reads_none, tmpdir_setup, tmpdir_teardown),
	};

	return cmocka_run_group_tests_name("kafka_properties", tests, NULL, NULL);
}
