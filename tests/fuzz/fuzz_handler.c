/*
 * A whole request: a first line that picks LOG_FORMAT and how full the disk is, then lines with the
 * method, path, Content-Type, Content-Length (empty: the true one), Authorization and address ("-":
 * not sent), then the body. The response, and what is in the files.
 */
#include "disk.h"
#include "fuzz.h"
#include "level.h"
#include "record/json.h"
#include "web/handler.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN	   "0123456789abcdef"
#define ALL_LEVELS ((1U << LEVEL_COUNT) - 1)

/* After how many requests a worker and its job are new ones. */
#define RENEWED 8

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
	struct options options;
	struct formatter formatter;
	struct handler handler;
	struct handler_worker *worker;
	struct handler_job job;
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
start(struct server *s, const char *format, const char *date, unsigned levels)
{
	char error[512], path[128];
	struct buf why = BUF_INIT;

	snprintf(s->folder, sizeof(s->folder), "/dev/shm/pbu-fuzz-XXXXXX");
	if (mkdtemp(s->folder) == NULL) {
		snprintf(s->folder, sizeof(s->folder), "/tmp/pbu-fuzz-XXXXXX");
		require(mkdtemp(s->folder) != NULL);
	}
	s->options = (struct options){.log_folder = s->folder,
	    .auth_token = TOKEN,
	    .levels = levels,
	    .format = format,
	    .date_format = date,
	    .rotate = ROTATE_NEVER,
	    .max_body = BODY_MAX,
	    .threads = 1};
	require(formatter_compile(&s->formatter, format, date, &why));
	s->handler = (struct handler){.options = &s->options,
	    .formatter = &s->formatter,
	    .auth = auth_open(&s->options, error, sizeof(error)),
	    .commit = commit_open(&s->options, &s->metrics, error, sizeof(error)),
	    .metrics = &s->metrics};
	require(s->handler.auth != NULL && s->handler.commit != NULL);
	commit_wake_by(s->handler.commit, never_called, NULL);
	s->worker = handler_worker_new(&s->handler);
	require(s->worker != NULL);
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
		decoder = json_decoder_new(1024 * 1024);
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

/* Behind the format: how full, and anything more for stuck. */
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
	struct handler_job *job = &s->job;

	require(commit_submit(s->handler.commit, &job->ticket) == &job->ticket);
	require(handler_finish(s->worker, job, r));
	check_response(r);
}

/* All of the records or none, whatever the disk takes, and all of them once it does. */
static void
commit_on(struct server *s, const struct fault *f, struct http_response *r)
{
	struct http_response again = {0};
	size_t entries = s->job.records - s->job.dropped;

	if (f->any)
		disk_fill(f->room, f->stuck);
	commit(s, r);
	disk_empty();
	require(r->status == (fits(&s->job, f) ? 200 : 503));
	if (r->status == 503) {
		/* What could not be cut back is, when the next comes. */
		require(f->stuck || written(s, NULL) == 0);
		commit(s, &again);
		require(again.status == 200);
		buf_free(&again.body);
	}
	require(written(s, &s->job) == entries);
}

/* --- requests --- */

/* What is answered without a body. */
static void
check_head(
    struct server *s, const struct http_request *q, const struct fault *f, struct http_response *r)
{
	if (r->status == 200 && strcmp(q->path, "/metrics") == 0) {
		require(strncmp(r->content_type, "text/plain", 10) == 0);
		require(
		    fuzz_check_metrics(&r->body, "pbu_log_requests_total") == (double)s->requests);
	} else if (strcmp(q->path, "/api/health") == 0 && r->status != 405) {
		/* It tries to write more than a fault leaves room for. */
		require(r->status == (f->any ? 503 : 200));
	} else {
		require(r->status >= 400 && r->status < 500);
	}
}

/* As when a connection, and with it a thread, ends. */
static void
renew(struct server *s)
{
	handler_job_free(&s->job);
	s->job = (struct handler_job){0};
	handler_worker_free(s->worker);
	s->worker = handler_worker_new(&s->handler);
	require(s->worker != NULL);
}

static void
handle(struct server *s, const struct http_request *q, const struct fault *f, const uint8_t *body,
    size_t size)
{
	struct http_response r = {0};
	struct handler_job *job = &s->job;
	size_t expected = 0;
	bool wanted;

	if (f->any)
		disk_fill(f->room, f->stuck);
	wanted = handler_head(s->worker, job, q, &expected, &r);
	disk_empty();
	if (!wanted) {
		check_head(s, q, f, &r);
	} else if (expected != size) {
		handler_wrong_length(&r, size, expected);
	} else {
		buf_append(&job->body, body, size);
		if (handler_take(s->worker, job, &r))
			commit_on(s, f, &r);
	}
	require(!wanted || (strcmp(q->path, "/api/log") == 0 && expected <= s->options.max_body));
	check_response(&r);
	require(written(s, NULL) == 0);
	handler_done(s->worker, job, &r);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf part[7];
	struct http_request q;
	struct fault fault;
	char length[32];
	size_t which;

	if (servers[0].worker == NULL)
		start_all();
	part[6] = fuzz_line(&data, &size);
	which = part[6].len > 0 ? (size_t)(unsigned char)part[6].data[0] % FORMATS : 0;
	fault = read_fault(&part[6]);
	q.method = line(&part[0], &data, &size);
	q.path = line(&part[1], &data, &size);
	q.content_type = header(&part[2], &data, &size);
	q.content_length = header(&part[3], &data, &size);
	q.authorization = header(&part[4], &data, &size);
	q.remote_addr = header(&part[5], &data, &size);
	q.authentication = NULL;
	snprintf(length, sizeof(length), "%zu", size);
	if (q.content_length != NULL && *q.content_length == '\0')
		q.content_length = length;
	handle(&servers[which], &q, &fault, data, size);
	for (int i = 0; i < 7; i++)
		buf_free(&part[i]);
	return 0;
}
