/* The inside of the writer, for its parts writer*.c only. All but the atomic members is the
 * thread's, once it is started. */
#ifndef PBU_WRITER_INSIDE_H
#define PBU_WRITER_INSIDE_H

#include "kafka/kafka.h"
#include "writer/message.h"
#include "writer/store.h"
#include "writer/writer.h"

#include <pthread.h>
#include <stdatomic.h>

/* Bytes of entries that are appended at a time, about. */
#define WRITER_BYTES ((size_t)4 * 1024 * 1024)

/* How long brokers are waited for in between, where nothing can go on without their answer. */
#define WRITER_TIMEOUT_MS 5000

/* Partitions of a topic at most. */
#define WRITER_PLACES 4096

/* The same for what is asked again in the next batch. */
#define WRITER_BOUNDS_MS 2000

/* What is counted, beside what metrics.h and the store have. */
struct writer_counts {
	uint64_t dropped, rejected, repeated, lost, broken, rebalances, commits, commit_errors,
	    topic_errors;
};

struct writer {
	struct writer_setup settings;
	struct message_settings message_settings;
	struct metrics metrics;
	struct store store;
	struct kafka *kafka;
	struct message_intake *intake;
	struct writer_counts counts;

	/* Taken, and not in the files yet. */
	struct entries pending;
	struct seen *fresh; /* of these */
	struct buf rejected;
	struct buf tail; /* the entry of the message at hand, while what is before is written */
	size_t pending_bytes;

	bool abandon; /* what is pending was given up, with the partitions */
	bool slipped; /* messages came that nobody could take: they are to be read again */
	bool paused;
	bool committing; /* it is not known yet how the last commit went */
	int64_t round_due;
	struct kafka_message messages[KAFKA_CONSUME_MAX];
	struct kafka_place places[WRITER_PLACES]; /* for a call of kafka.h's */
	struct diag_limit lost_limit, rejected_limit, failed_limit, commit_limit, topic_limit,
	    metrics_limit, memory_limit;

	pthread_t thread, caller;
	bool started;
	_Atomic bool stop, failed;
	_Atomic unsigned long reopen_asked, reopen_done;
};

/* --- writer.c --- */

/* Appends what is pending; waits until that can be done. False: it was given up, as the writer is
 * to stop, or has lost its partitions. */
bool writer_flush(struct writer *w);

/* Waits half a second for what keeps it from writing. False: it is to be given up. */
bool writer_wait(struct writer *w);

/* Ends what writer_wait() began: librdkafka does not give messages of partitions that were paused,
 * also when they are assigned anew. */
void writer_resume(struct writer *w);

/* What is pending is given up, as if it had not come. */
void writer_give_up(struct writer *w);

/* The writer can't go on, for a reason that was said. */
void writer_fail(struct writer *w);

/* Says what is wrong with the client; the writer can't go on with one that is of no use. */
void writer_failed(struct writer *w, int error);

/* --- writer_commit.c --- */

/* Begins to commit the offsets of the last checkpoint, unless it is not known yet how the last
 * commit went; or does it, with `wait`, and waits for the answer a while. */
void writer_commit(struct writer *w, bool wait);

/* As kafka_events has it. */
void writer_committed(void *context, int error);

/* --- writer_take.c --- */

/* Takes a message; appends what is pending where it has to go before. False: as writer_flush(). */
bool writer_take(struct writer *w, const struct kafka_message *m);

/* --- writer_places.c --- */

/* As kafka_events has it. */
void writer_rebalanced(
    void *context, bool assigned, bool lost, const struct kafka_place *places, size_t count);

/* A message that says what is wrong with its partition, or with all. */
void writer_trouble(struct writer *w, const struct kafka_message *m);

/* Whether the message is one to be taken, by its offset. What is found to be wrong is said. */
bool writer_expects(struct writer *w, struct partition *p, const struct kafka_message *m);

/* Has the partitions that need it be read from another place. After a batch. */
void writer_mend(struct writer *w);

/* --- writer_broken.c --- */

/* What was fetched from where the partition is read is broken. */
void writer_broken(struct writer *w, struct partition *p);

/* A message came while an end is searched for. False: it is not to be taken. */
bool writer_found_good(struct partition *p, int64_t offset);

/* Goes on with the search, or passes over what is broken. After a batch. */
void writer_search(struct writer *w, struct partition *p);

/* --- writer_metrics.c --- */

/* Writes METRICS_FILE. */
void writer_put_metrics(struct writer *w);

#endif
