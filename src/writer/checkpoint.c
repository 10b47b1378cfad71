#include "writer/checkpoint.h"

#include "base/buf.h"
#include "base/diag.h"
#include "record/timestamp.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_NAME CHECKPOINT_NAME ".new"
#define MODE	 0640
#define VERSION	 1

/* Several times the most that SEEN_RANGES_OF and as many partitions make. */
#define BYTES_MAX ((off_t)256 * 1024 * 1024)

void
checkpoint_free(struct checkpoint *c)
{
	free(c->place);
	*c = (struct checkpoint){.place = NULL};
}

/* --- writing --- */

static void
put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_write_string(out, text, strlen(text), true);
}

static void
put_place(struct buf *out, const struct checkpoint_place *p, bool further)
{
	buf_printf(out,
	    "%s{\"partition\":%" PRId32 ",\"next\":%" PRId64 ",\"timestamp\":%" PRId64
	    ",\"marks\":[",
	    further ? ",\n" : "", p->partition, p->next, p->timestamp);
	for (size_t i = 0; i < p->marks; i++)
		buf_printf(out, "%s{\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 "}",
		    i > 0 ? "," : "", p->mark[i].offset, p->mark[i].timestamp);
	buf_puts(out, "]}");
}

static void
put(struct buf *out, const struct checkpoint *c, const struct seen *seen, int64_t now)
{
	buf_printf(out, "{\"version\":%d", VERSION);
	put_text(out, "topic", c->topic);
	put_text(out, "group", c->group);
	put_text(out, "cluster", c->cluster);
	buf_puts(out, ",\"written\":\"");
	timestamp_utc(out, now);
	buf_puts(out, "\",\n\"files\":[");
	for (size_t i = 0; i < c->files; i++) {
		const struct checkpoint_file *f = &c->file[i];

		buf_printf(out,
		    "%s{\"name\":\"%s\",\"inode\":%" PRIu64 ",\"born\":%" PRId64
		    ",\"length\":%" PRIu64 ",\"mid_line\":%s}",
		    i > 0 ? ",\n" : "", f->name, f->id.inode, f->id.born, f->length,
		    f->mid_line ? "true" : "false");
	}
	buf_puts(out, "],\n\"partitions\":[");
	for (size_t i = 0; i < c->places; i++)
		put_place(out, &c->place[i], i > 0);
	buf_puts(out, "],\n\"seen\":");
	seen_write(seen, out);
	buf_puts(out, "}\n");
}

static bool
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
replace(int folder, const struct buf *text, bool sync)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(folder, NEW_NAME, flags, MODE), saved;
	bool good;

	if (fd < 0)
		return false;
	good = write_all(fd, text->data, text->len) && (!sync || fsync(fd) == 0);
	saved = errno;
	if (close(fd) != 0 && good) {
		good = false;
		saved = errno;
	}
	errno = saved;
	/* The name after the bytes: one of the two is there, whole, whenever the power goes. */
	return good && renameat(folder, NEW_NAME, folder, CHECKPOINT_NAME) == 0 &&
	       (!sync || fsync(folder) == 0);
}

bool
checkpoint_write(
    int folder, const struct checkpoint *c, const struct seen *seen, int64_t now, bool sync)
{
	struct buf text = BUF_INIT;
	bool good;
	int saved;

	put(&text, c, seen, now);
	errno = ENOMEM;
	good = !text.failed && replace(folder, &text, sync);
	saved = errno;
	buf_free(&text);
	errno = saved;
	return good;
}

/* --- reading --- */

static bool
get_text(struct value object, const char *name, char text[CHECKPOINT_TEXT_SIZE])
{
	struct value v = json_member(object, name, strlen(name));

	if (v.type != VALUE_STRING || v.len >= CHECKPOINT_TEXT_SIZE)
		return false;
	memcpy(text, v.text, v.len);
	text[v.len] = '\0';
	return true;
}

static bool
get_number(struct value object, const char *name, int64_t least, int64_t most, int64_t *number)
{
	struct value v = json_member(object, name, strlen(name));

	if (!value_is_integer(v))
		return false;
	errno = 0;
	*number = strtoll(v.text, NULL, 10);
	return errno == 0 && *number >= least && *number <= most;
}

/* Some file systems (of networks, of layers) use all bits of it. */
static bool
get_inode(struct value object, uint64_t *inode)
{
	struct value v = json_member(object, "inode", 5);

	if (!value_is_integer(v) || *v.text == '-')
		return false;
	errno = 0;
	*inode = strtoull(v.text, NULL, 10);
	return errno == 0;
}

static bool
get_file(struct value v, struct checkpoint *c)
{
	struct checkpoint_file *f = &c->file[c->files];
	char name[CHECKPOINT_TEXT_SIZE];
	int64_t length;

	/* Nothing leads out of the folder. */
	if (v.type != VALUE_OBJECT || c->files == CHECKPOINT_FILES || !get_text(v, "name", name) ||
	    strlen(name) >= sizeof(f->name) || *name == '\0' || strchr(name, '/') != NULL ||
	    !get_inode(v, &f->id.inode) ||
	    !get_number(v, "born", INT64_MIN, INT64_MAX, &f->id.born) ||
	    !get_number(v, "length", 0, INT64_MAX, &length))
		return false;
	memcpy(f->name, name, strlen(name) + 1);
	f->length = (uint64_t)length;
	f->mid_line = json_member(v, "mid_line", 8).type == VALUE_TRUE;
	c->files++;
	return true;
}

static bool
get_marks(struct value v, struct checkpoint_place *p)
{
	const struct json_node *node = v.type == VALUE_ARRAY ? json_first(v) : NULL;

	for (; node != NULL; node = json_next(node)) {
		struct checkpoint_mark *m = &p->mark[p->marks];
		struct value one = json_value(node);

		if (p->marks == CHECKPOINT_MARKS || one.type != VALUE_OBJECT ||
		    !get_number(one, "offset", 0, INT64_MAX, &m->offset) ||
		    !get_number(one, "timestamp", 0, INT64_MAX, &m->timestamp))
			return false;
		p->marks++;
	}
	return true;
}

static bool
get_place(struct value v, struct checkpoint *c)
{
	struct checkpoint_place *more, p = {.marks = 0};
	int64_t partition;

	if (v.type != VALUE_OBJECT || !get_number(v, "partition", 0, INT32_MAX, &partition) ||
	    !get_number(v, "next", 0, INT64_MAX, &p.next) ||
	    !get_number(v, "timestamp", -1, INT64_MAX, &p.timestamp) ||
	    !get_marks(json_member(v, "marks", 5), &p))
		return false;
	p.partition = (int32_t)partition;
	more = realloc(c->place, (c->places + 1) * sizeof(p));
	if (more == NULL)
		return false;
	c->place = more;
	c->place[c->places++] = p;
	return true;
}

static bool
get_seen(struct value v, struct seen *seen)
{
	const struct json_node *node = v.type == VALUE_ARRAY ? json_first(v) : NULL;
	struct value part[3] = {{VALUE_ABSENT, NULL, 0, NULL}};
	size_t n = 0;
	long partition;

	for (; node != NULL && n < 3; node = json_next(node))
		part[n++] = json_value(node);
	if (n != 3 || !value_is_integer(part[0]) || part[1].type != VALUE_STRING ||
	    part[2].type != VALUE_STRING)
		return false;
	partition = strtol(part[0].text, NULL, 10);
	return partition >= 0 && partition <= INT32_MAX &&
	       seen_read(seen, (int32_t)partition, part[1].text, part[1].len, part[2].text);
}

static bool
get(struct value object, struct checkpoint *c, struct seen *seen)
{
	struct value files = json_member(object, "files", 5);
	struct value places = json_member(object, "partitions", 10);
	struct value batches = json_member(object, "seen", 4);
	bool good = files.type == VALUE_ARRAY && places.type == VALUE_ARRAY &&
		    batches.type == VALUE_ARRAY && get_text(object, "topic", c->topic) &&
		    get_text(object, "group", c->group) && get_text(object, "cluster", c->cluster);
	const struct json_node *node;

	for (node = good ? json_first(files) : NULL; good && node != NULL; node = json_next(node))
		good = get_file(json_value(node), c);
	for (node = good ? json_first(places) : NULL; good && node != NULL; node = json_next(node))
		good = get_place(json_value(node), c);
	for (node = good ? json_first(batches) : NULL; good && node != NULL; node = json_next(node))
		good = get_seen(json_value(node), seen);
	return good;
}

/* Why it can't be used, or NULL. */
static const char *
parse(const char *text, size_t len, struct checkpoint *c, struct seen *seen)
{
	struct json_decoder *decoder = json_decoder_new(SIZE_MAX / 2, NULL);
	const char *what = "out of memory", *unused;
	struct value object;
	size_t offset;
	int64_t version;

	if (decoder == NULL)
		return what;
	json_begin(decoder, text, len);
	/* An object, and nothing after it. */
	if (json_next_record(decoder, &object, &unused, &offset) != JSON_RECORD)
		what = "it is not whole";
	else if (!get_number(object, "version", 0, INT64_MAX, &version))
		what = "it has no version";
	else if (version != VERSION)
		what = "it is of another version of pbu-log-writer";
	else if (!get(object, c, seen))
		what = "it does not hold what a checkpoint holds";
	else if (json_next_record(decoder, &object, &unused, &offset) != JSON_END)
		what = "there is more in it than one";
	else
		what = NULL;
	json_end(decoder);
	json_decoder_free(decoder);
	return what;
}

/* All of the file. False, with errno. */
static bool
read_all(int fd, struct buf *text)
{
	struct stat st;
	ssize_t n = 1;

	if (fstat(fd, &st) != 0)
		return false;
	errno = EFBIG;
	if (st.st_size > BYTES_MAX || !buf_reserve(text, (size_t)st.st_size + 1))
		return false;
	while (n > 0 && text->len < text->cap) {
		n = read(fd, text->data + text->len, text->cap - text->len);
		if (n > 0)
			text->len += (size_t)n;
	}
	return n == 0;
}

enum checkpoint_status
checkpoint_read(int folder, struct checkpoint *c, struct seen *seen, char *error, size_t size)
{
	int fd = openat(folder, CHECKPOINT_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf text = BUF_INIT;
	const char *what;

	*c = (struct checkpoint){.place = NULL};
	if (fd < 0 && errno == ENOENT)
		return CHECKPOINT_NONE;
	if (fd < 0 || !read_all(fd, &text))
		what = diag_reason(errno);
	else
		what = parse(text.data, text.len, c, seen);
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	if (what != NULL)
		snprintf(error, size,
		    "%s can't be used: %s. Without it some records would be there twice, so it is "
		    "not passed over: move it away to go on from what the group has committed",
		    CHECKPOINT_NAME, what);
	return what == NULL ? CHECKPOINT_GOOD : CHECKPOINT_BAD;
}
