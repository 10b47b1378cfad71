/*
 * A whole request: a first line that picks LOG_FORMAT and how full the disk is, then lines with the
 * method, path, Content-Type (and after a "|", Content-Encoding), Content-Length (empty: the true
 * one), Authorization and address ("-": not sent), then perhaps "Idempotency-Key: " and one, then
 * the body. The response, and what is in the files; with a key also of the same request once more.
 */
#include "base/level.h"
#include "disk.h"
#include "files/commit.h"
#include "fuzz.h"
#include "server/handler.h"
#include "json/json.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN	   "0123456789abcdef"
#define ALL_LEVELS ((1U << LEVEL_COUNT) - 1)

/* After how many requests a thread and its job are new ones. */
#define RENEWED 8

/* Clients that are remembered from one request to the next, which is with the same key. */
#define CLIENTS 2

/* MAX_BODY_BYTES: so few that what an input makes of it can be too much. */
#define BODY_MAX 4096

static const struct {
	const char *format, *date;
	unsigned levels;
} formats[] = {
    {"%(asctime)s %(levelname)s:%(name)s %(message)s", NULL, ALL_LEVELS},
    {"json", NULL, ALL_LEVELS},
    {"%(message)s %(args)r %(nosuch)10s %(extra)s %(created)f %(levelno)+05d", NULL,
	LEVEL_BIT(LEVEL_ERROR)},
    {"%(asctime)30s %(message)s", "%a %d %b %Y %T %z\xff%n%%", ALL_LEVELS},
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

struct server {
	struct logs_settings logs;
	struct formatter formatter;
	struct handler handler;
	struct app app;
	void *thread;
	struct app_job *job;
	struct metrics metrics;
	uint64_t requests; /* answered so far */
	char folder[64];
	int file[LEVEL_COUNT];
};

static struct server servers[FORMATS];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
clean_up(void)
{
	for (size_t i = 0; i < FORMATS; i++)
		nftw(servers[i].folder, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static void
never_called(void *context)
{
	(void)context;
	abort();
}

static void
begin(struct server *s)
{
	s->thread = s->app.thread_new(s->app.self);
	s->job = s->app.job_new(s->app.self);
	require(s->thread != NULL && s->job != NULL);
}

static void
start(struct server *s, const char *format, const char *date, unsigned levels)
{
	const struct auth_settings auth = {.token = TOKEN};
	char error[512], path[128];
	struct buf why = BUF_INIT;

	snprintf(s->folder, sizeof(s->folder), "/dev/shm/pbu-fuzz-XXXXXX");
	if (mkdtemp(s->folder) == NULL) {
		snprintf(s->folder, sizeof(s->folder), "/tmp/pbu-fuzz-XXXXXX");
		require(mkdtemp(s->folder) != NULL);
	}
	s->logs =
	    (struct logs_settings){.folder = s->folder, .levels = levels, .rotate = ROTATE_NEVER};
	require(formatter_compile(&s->formatter, format, date, &why));
	s->handler = (struct handler){
	    .intake = {.formatter = &s->formatter, .levels = levels, .max_body = BODY_MAX},
	    .auth = auth_open(&auth, "AUTH_TOKEN", error, sizeof(error)),
	    .sink = commit_sink(commit_open(&s->logs, BODY_MAX, &s->metrics, error, sizeof(error))),
	    .metrics = &s->metrics};
	require(s->handler.auth != NULL && s->handler.sink.self != NULL);
	commit_wake_by(s->handler.sink.self, never_called, NULL);
	s->app = handler_app(&s->handler);
	begin(s);
	for (int i = 0; i < LEVEL_COUNT; i++) {
		s->file[i] = -1;
		if ((levels & LEVEL_BIT(i)) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", s->folder, level_file((enum level)i));
		s->file[i] = open(path, O_RDWR);
		require(s->file[i] >= 0);
	}
}

static void
start_all(void)
{
	json_init();
	setenv("TZ", "UTC0", 1);
	for (size_t i = 0; i < FORMATS; i++)
		start(&servers[i], formats[i].format, formats[i].date, formats[i].levels);
	atexit(clean_up);
}

/* Takes what a file got, which must be what was expected of it. How many entries that is. */
static size_t
take_file(int fd, const struct buf *expected)
{
	struct buf content = BUF_INIT;
	struct stat st;
	size_t entries;

	require(fstat(fd, &st) == 0 && (size_t)st.st_size == expected->len);
	if (expected->len == 0)
		return 0;
	require(buf_reserve(&content, expected->len));
	content.len = expected->len;
	require(pread(fd, content.data, content.len, 0) == st.st_size);
	require(memcmp(content.data, expected->data, content.len) == 0);
	require(ftruncate(fd, 0) == 0);
	entries = fuzz_check_entries(&content);
	buf_free(&content);
	return entries;
}

/* How many entries the files got: the job's, or none. They are emptied. */
static size_t
written(struct server *s, const struct handler_job *job)
{
	static const struct buf none = BUF_INIT;
	size_t entries = 0;

	for (int i = 0; i < LEVEL_COUNT; i++) {
		const struct buf *expected = job != NULL ? &job->entries.level[i] : &none;

		if (s->file[i] >= 0)
			entries += take_file(s->file[i], expected);
	}
	return entries;
}

/* An answer in JSON, of a status that the contract names. */
static void
check_response(const struct http_response *r)
{
	static const int known[] = {200, 400, 401, 404, 405, 411, 413, 415, 503};
	static struct json_decoder *decoder;
	bool found = false;
	const char *what;
	struct value v;
	size_t offset;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		found = found || r->status == known[i];
	require(found);
	require((r->status == 405) == (r->allow != NULL));
	require((r->status == 503) == (r->retry_after > 0));
	if (r->status == 200 && strncmp(r->content_type, "application/json", 16) != 0)
		return; /* metrics */
	require(strcmp(r->content_type, "application/json") == 0);
	if (decoder == NULL)
		decoder = json_decoder_new(1024 * 1024, NULL);
	json_begin(decoder, r->body.data, r->body.len);
	require(json_next_record(decoder, &v, &what, &offset) == JSON_RECORD);
	require(json_member(v, "status", 6).type == (r->status == 200 ? VALUE_TRUE : VALUE_FALSE));
	require((json_member(v, "error", 5).type == VALUE_STRING) == (r->status != 200));
	json_end(decoder);
}

static const char *
line(struct buf *b, const uint8_t **data, size_t *size)
{
	*b = fuzz_line(data, size);
	buf_putc(b, '\0');
	return b->data;
}

/* --- a disk, as full as the first line says --- */

struct fault {
	bool any;
	size_t room; /* of each file */
	bool stuck;  /* nor can a file be cut back */
};

/* After the format: how full, and anything more for stuck. */
static struct fault
read_fault(const struct buf *line)
{
	struct fault f = {.any = line->len > 1};

	if (f.any)
		f.room = (size_t)(unsigned char)line->data[1] * 8;
	f.stuck = line->len > 2;
	return f;
}

static bool
fits(const struct handler_job *job, const struct fault *f)
{
	bool all = true;

	for (int i = 0; f->any && i < LEVEL_COUNT; i++)
		all = all && job->entries.level[i].len <= f->room;
	return all;
}

static void
commit(struct server *s, struct http_response *r)
{
	require(s->app.submit(s->thread, s->job) == s->job && s->job->next == NULL);
	require(s->app.answer(s->thread, s->job, r) == APP_ANSWER);
	check_response(r);
}

/* All of the records or none, whatever the disk takes, and all of them once it does. */
static void
commit_on(struct server *s, const struct fault *f, struct http_response *r)
{
	const struct handler_job *job = (const struct handler_job *)s->job;
	size_t entries = job->counts.records - job->counts.dropped;
	struct http_response again = {0};

	if (f->any)
		disk_fill(f->room, f->stuck);
	commit(s, r);
	disk_empty();
	require(r->status == (fits(job, f) ? 200 : 503));
	if (r->status == 503) {
		/* What could not be cut back is, when the next comes. */
		require(f->stuck || written(s, NULL) == 0);
		commit(s, &again);
		require(again.status == 200);
		buf_free(&again.body);
	}
	require(written(s, job) == entries);
}

/* --- requests --- */

/* What is answered without a body. */
static void
check_head(struct server *s, const struct http_request *q, struct http_response *r)
{
	if (r->status == 200 && strcmp(q->path, "/metrics") == 0) {
		require(strncmp(r->content_type, "text/plain", 10) == 0);
		require(
		    fuzz_check_metrics(&r->body, "pbu_log_requests_total") == (double)s->requests);
	} else if (strcmp(q->path, "/api/health") == 0 && r->status != 405) {
		/* It tries nothing, and the last of each level went well: see commit_on(). */
		require(r->status == 200);
	} else if (r->status == 200) {
		require(strcmp(q->path, "/_pbu_log_auth") == 0);
	} else {
		require(r->status >= 400 && r->status < 500);
	}
}

/* As when a connection, and with it a thread, ends. */
static void
renew(struct server *s)
{
	s->app.job_free(s->job);
	s->app.thread_free(s->thread);
	begin(s);
}

/* What was taken with a key is answered the same way when it comes again, and not written. */
static void
repeat(struct server *s, const struct http_request *q, const struct http_body *body,
    const struct http_response *first)
{
	uint64_t repeated = s->metrics.repeated;
	struct http_response r = {0};

	require(s->app.head(s->thread, s->job, q, &r) == APP_BODY);
	require(s->app.body(s->thread, s->job, body, &r) == APP_LATER);
	commit(s, &r);
	require(r.status == 200);
	require(
	    first->status != 200 || (r.body.len == first->body.len &&
					memcmp(r.body.data, first->body.data, r.body.len) == 0));
	require(s->metrics.repeated == repeated + 1 && written(s, NULL) == 0);
	s->app.sent(s->thread, s->job, &r);
	s->requests++;
	buf_free(&r.body);
}

static void
handle(struct server *s, const struct http_request *q, const struct fault *f, const uint8_t *body,
    size_t size)
{
	const struct http_body came = {(const char *)body, size, size, true};
	const struct handler_job *job = (const struct handler_job *)s->job;
	struct http_response r = {0};
	enum app_verdict verdict;

	if (f->any)
		disk_fill(f->room, f->stuck);
	verdict = s->app.head(s->thread, s->job, q, &r);
	disk_empty();
	require(verdict != APP_LATER);
	if (verdict == APP_ANSWER) {
		check_head(s, q, &r);
	} else {
		require(strcmp(q->path, "/api/log") == 0 && job->announced <= BODY_MAX);
		verdict = s->app.body(s->thread, s->job, &came, &r);
		require(verdict == APP_ANSWER || (verdict == APP_LATER && job->announced == size));
		if (verdict == APP_LATER)
			commit_on(s, f, &r);
	}
	check_response(&r);
	require(written(s, NULL) == 0);
	s->app.sent(s->thread, s->job, &r);
	if (verdict == APP_LATER && q->idempotency_key != NULL && *q->idempotency_key != '\0')
		repeat(s, q, &came, &r);
	buf_free(&r.body);
	if (++s->requests % RENEWED == 0)
		renew(s);
}

/* The next line, as a header: "-" is none. */
static const char *
header(struct buf *b, const uint8_t **data, size_t *size)
{
	const char *text = line(b, data, size);

	return strcmp(text, "-") == 0 ? NULL : text;
}

/* The key, where the next line is one. */
static const char *
key(struct buf *b, const uint8_t **data, size_t *size)
{
	static const char name[] = "Idempotency-Key: ";
	size_t len = sizeof(name) - 1;

	if (*size < len || memcmp(*data, name, len) != 0)
		return NULL;
	*data += len;
	*size -= len;
	return line(b, data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf part[8] = {0};
	struct http_request q = {0};
	struct fault fault;
	char *encoding;
	char length[32];
	size_t which;

	if (servers[0].thread == NULL)
		start_all();
	part[6] = fuzz_line(&data, &size);
	which = part[6].len > 0 ? (size_t)(unsigned char)part[6].data[0] % FORMATS : 0;
	fault = read_fault(&part[6]);
	q.method = line(&part[0], &data, &size);
	q.path = line(&part[1], &data, &size);
	q.content_type = header(&part[2], &data, &size);
	encoding = strchr(part[2].data, '|');
	if (encoding != NULL) {
		*encoding = '\0';
		q.content_encoding = encoding + 1;
	}
	q.content_length = header(&part[3], &data, &size);
	q.authorization = header(&part[4], &data, &size);
	q.remote_addr = header(&part[5], &data, &size);
	q.idempotency_key = key(&part[7], &data, &size);
	snprintf(length, sizeof(length), "%zu", size);
	if (q.content_length != NULL && *q.content_length == '\0')
		q.content_length = length;
	servers[which].handler.repeats = repeats_new(CLIENTS, BODY_MAX);
	require(servers[which].handler.repeats != NULL);
	handle(&servers[which], &q, &fault, data, size);
	repeats_free(servers[which].handler.repeats);
	for (int i = 0; i < 8; i++)
		buf_free(&part[i]);
	return 0;
}
