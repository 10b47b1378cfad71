#include "kafka/kafka_secrets.h"

#include "unit.h"

#include <string.h>

static void
knows_what_is_secret(void **state)
{
	static const char text[] = "sasl.username=someone\n"
				   "sasl.password=p4ss word\n"
				   "ssl.key.password=abc\n"
				   "ssl.keystore.password=k3ystore\n"
				   "sasl.oauthbearer.client.secret=cl13nt\n"
				   "ssl.key.pem=-----BEGIN\n"
				   "linger.ms=10000\n";
	struct kafka_properties file;
	struct buf mistakes = BUF_INIT;
	struct kafka_secrets s;

	(void)state;
	assert_true(kafka_properties_parse(&file, text, strlen(text), "x", &mistakes));
	assert_true(kafka_secrets_take(&s, &file));
	kafka_properties_free(&file);
	assert_true(kafka_secrets_in(&s, "wrong: p4ss word, it seems"));
	assert_true(kafka_secrets_in(&s, "k3ystore"));
	assert_true(kafka_secrets_in(&s, "(cl13nt)"));
	assert_true(kafka_secrets_in(&s, "-----BEGIN"));
	assert_true(kafka_secrets_in(&s, "sasl.oauthbearer.config beginning at: x"));
	assert_false(kafka_secrets_in(&s, "someone is refused after 10000 ms"));
	assert_false(kafka_secrets_in(&s, "p4ss")); /* a part is none */
	assert_false(kafka_secrets_in(&s, "abc"));  /* that would be anything */
	assert_false(kafka_secrets_in(&s, ""));
	kafka_secrets_free(&s);
	assert_false(kafka_secrets_in(&s, "p4ss word"));
	kafka_secrets_free(&s);
}

static void
has_none_without_a_file(void **state)
{
	struct kafka_secrets s;

	(void)state;
	assert_true(kafka_secrets_take(&s, NULL));
	assert_false(kafka_secrets_in(&s, "anything, sasl.oauthbearer.config too"));
	kafka_secrets_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_what_is_secret),
	    cmocka_unit_test(has_none_without_a_file),
	};

	return cmocka_run_group_tests_name("kafka_secrets", tests, NULL, NULL);
}
