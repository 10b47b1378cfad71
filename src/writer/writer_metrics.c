#include "writer/writer_inside.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MODE 0644
#define PATH_SIZE 4096

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP pbu_log_writer_%s %s\n# TYPE pbu_log_writer_%s %s\n", name, help,
	    name, type);
}

static void
single(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	head(out, name, type, help);
	buf_printf(out, "pbu_log_writer_%s %" PRIu64 "\n", name, value);
}

/* Of each partition that is assigned. */
static void
put_partitions(struct writer *w, struct buf *out)
{
	const struct partitions *all = &w->store.partitions;
	size_t assigned = 0;

	head(out, "lag_messages", "gauge",
	    "Messages of the partition that are not in the files yet.");
	for (size_t i = 0; i < all->count; i++) {
		const struct partition *p = all->of[i];
		struct kafka_bounds bounds = {-1, -1};

		assigned += p->assigned;
		if (!p->assigned || p->next < 0 ||
		    kafka_bounds(w->kafka, w->settings.store.topic, p->id, &bounds, 0) !=
			KAFKA_GOOD ||
		    bounds.end < 0)
			continue;
		buf_printf(out,
		    "pbu_log_writer_lag_messages{partition=\"%" PRId32 "\"} %" PRId64 "\n", p->id,
		    bounds.end > p->next ? bounds.end - p->next : 0);
	}
	head(out, "next_offset", "gauge", "Offset of the partition's message to be read next.");
	for (size_t i = 0; i < all->count; i++) {
		if (all->of[i]->assigned && all->of[i]->next >= 0)
			buf_printf(out,
			    "pbu_log_writer_next_offset{partition=\"%" PRId32 "\"} %" PRId64 "\n",
			    all->of[i]->id, all->of[i]->next);
	}
	single(out, "partitions", "gauge", "Partitions that this writer reads now.", assigned);
}

static void
put(struct writer *w, struct buf *out)
{
	const struct writer_counts *c = &w->counts;
	struct metrics *m = &w->metrics;

	head(out, "records_total", "counter", "Records written, by the level of their file.");
	for (enum level i = 0; i < LEVEL_COUNT; i++)
		buf_printf(out, "pbu_log_writer_records_total{level=\"%s\"} %" PRIu64 "\n",
		    level_name(i), atomic_load(&m->records[i]));
	put_partitions(w, out);
	head(out, "checkpoint_timestamp_seconds", "gauge",
	    "When the last checkpoint was written, since the epoch.");
	buf_printf(out, "pbu_log_writer_checkpoint_timestamp_seconds %.3f\n",
	    (double)w->store.written / 1e9);
	single(out, "checkpoint_due", "gauge", "1 when something is written that is in none.",
	    w->store.changed);
	single(out, "waits_for_disk", "gauge", "1 while nothing can be written.", w->paused);
	single(out, "checkpoints_total", "counter", "Checkpoints written.", w->store.checkpoints);
	single(out, "checkpoint_errors_total", "counter", "Checkpoints that could not be written.",
	    w->store.checkpoint_errors);
	single(out, "written_bytes_total", "counter", "Bytes appended to log files.",
	    atomic_load(&m->written_bytes));
	single(out, "dropped_records_total", "counter",
	    "Records below every enabled level, not written.", c->dropped);
	single(out, "rejected_messages_total", "counter",
	    "Messages that are no record, written to rejected.log.", c->rejected);
	single(out, "repeated_messages_total", "counter",
	    "Messages that were written before, and left out.", c->repeated);
	single(out, "lost_messages_total", "counter",
	    "Messages that were not in the topic any more, or broken.", c->lost);
	single(out, "broken_sets_total", "counter",
	    "Sets of messages whose checksum is wrong however often they are fetched.", c->broken);
	single(out, "rebalances_total", "counter", "Times that partitions were given or taken.",
	    c->rebalances);
	single(out, "commits_total", "counter", "Commits of offsets to Kafka.", c->commits);
	single(out, "commit_errors_total", "counter", "Commits that failed.", c->commit_errors);
	single(out, "topic_errors_total", "counter", "Times that there was no such topic.",
	    c->topic_errors);
	single(out, "rollovers_total", "counter", "Files rolled over.", atomic_load(&m->rollovers));
	single(out, "rollover_errors_total", "counter", "Roll-overs that failed.",
	    atomic_load(&m->rollover_errors));
	single(out, "pruned_files_total", "counter",
	    "Rolled-over files deleted, beyond LOG_BACKUP_COUNT.", atomic_load(&m->pruned));
	single(out, "write_errors_total", "counter", "Appends that failed.",
	    atomic_load(&m->write_errors));
	single(out, "syncs_total", "counter", "Syncs of a log file to the disk.",
	    atomic_load(&m->syncs));
	single(out, "sync_errors_total", "counter", "Syncs that failed.",
	    atomic_load(&m->sync_errors));
}

/* As a whole: whoever reads it finds the one before or this one. */
static bool
replace(const char *path, const struct buf *text)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	char made[PATH_SIZE];
	bool good;
	int fd;

	errno = ENAMETOOLONG;
	if (snprintf(made, sizeof(made), "%s.new", path) >= (int)sizeof(made))
		return false;
	fd = open(made, flags, FILE_MODE);
	if (fd < 0)
		return false;
	good = write(fd, text->data, text->len) == (ssize_t)text->len;
	close(fd);
	return good && rename(made, path) == 0;
}

void
writer_put_metrics(struct writer *w)
{
	struct buf text = BUF_INIT;

	if (w->settings.metrics_file == NULL)
		return;
	put(w, &text);
	if (text.failed || !replace(w->settings.metrics_file, &text))
		diag_warn_limited(&w->metrics_limit, "can't write METRICS_FILE \"%s\": %s",
		    w->settings.metrics_file, diag_reason(text.failed ? ENOMEM : errno));
	buf_free(&text);
}
