#include "base/civil.h"
#include "base/confine.h"
#include "base/diag.h"
#include "base/program.h"
#include "base/service.h"
#include "base/zone.h"
#include "config.h"
#include "record/formatter.h"
#include "writer/settings.h"
#include "writer/writer.h"
#include "json/json.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define LARGE_BUFFER (256 * 1024)

static void
tick(void *context)
{
	(void)context;
}

static void
reload(void *context)
{
	writer_reopen(context);
}

static bool
reloaded(void *context)
{
	return writer_reopened(context);
}

static void
run_until_stopped(struct writer *w, const struct writer_settings *s)
{
	char status[512];
	const struct service service = {
	    .status = status, .tick = tick, .reload = reload, .reloaded = reloaded, .context = w};

	snprintf(status, sizeof(status), "version %s writes the topic %s; the log folder is %s",
	    PACKAGE_VERSION, s->kafka.topic, s->logs.folder);
	service_run(&service);
}

static int
serve(const struct writer_settings *s, const struct formatter *formatter,
    const struct kafka_properties *file)
{
	char made[SETTINGS_INSTANCE_MAX + 1], error[512];
	struct writer_setup settings = {
	    .store = {.logs = s->logs, .topic = s->kafka.topic, .group = s->group},
	    .brokers = s->kafka.brokers,
	    .instance = s->instance,
	    .file = file,
	    .formatter = formatter,
	    .metrics_file = s->metrics_file};
	struct writer *w;
	bool started, good;

	/* Large buffers come from the system and go back to it as soon as they are freed; glibc
	 * would otherwise learn from the first to keep them. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER); // NOLINT(concurrency-mt-unsafe): no threads yet
	json_init();
	service_block_signals();
	if (settings.instance == NULL) {
		writer_settings_instance(s->logs.folder, made);
		settings.instance = made;
	}
	w = writer_open(&settings, error, sizeof(error));
	if (w == NULL) {
		diag_error("%s", error);
		return EXIT_FAILURE;
	}
	confine(CONFINE_WRITES | CONFINE_CONNECTS);
	started = writer_start(w, error, sizeof(error));
	if (started)
		run_until_stopped(w, s);
	else
		diag_error("%s", error);
	good = writer_close(w) && started;
	if (good)
		diag_info("stopped");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	const struct program program = {
	    .name = "pbu-log-writer",
	    .purpose =
		"Reads what pbu-log-server has published to Kafka, and appends it to info.log,\n"
		"error.log, warning.log and debug.log: each record once.\n",
	    .settings = writer_settings_of,
	    .count = writer_settings_count,
	    .without_socket = true,
	};
	struct kafka_properties file;
	struct formatter formatter;
	struct buf why = BUF_INIT;
	struct writer_settings settings;
	const char *no_socket;
	int status;

	diag_never_wait();
	status = program_begin(&program, argc, argv, &settings, &no_socket);
	if (status >= 0)
		return status;
	/* Both were checked before. */
	if (!kafka_properties_read(&file, settings.kafka.config, &why) || !zone_set() ||
	    !formatter_compile(&formatter, settings.format.line, settings.format.date, &why)) {
		diag_error("KAFKA_CONFIG can't be read any more, or there is no memory");
		return EXIT_FAILURE;
	}
	civil_start();
	status = serve(&settings, &formatter, &file);
	formatter_free(&formatter);
	kafka_properties_free(&file);
	buf_free(&why);
	return status;
}
