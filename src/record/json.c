#include "record/json.h"

#include "record/arena.h"
#include "record/json_pass.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

/* Our marks in cJSON's type, beside the bits that cJSON uses. */
enum {
	MARK_UNIQUE = 1 << 16,	  /* an object whose duplicate names were dealt with */
	MARK_DUPLICATE = 1 << 17, /* a member that is to be taken out */
};

/* Objects up to this size are searched from end to end, larger ones by a sorted index. */
#define SMALL_OBJECT 32

/* What the decoder keeps between records, and gives back when a record took more. */
#define KEEP_BYTES (64 * 1024)

enum place { BEFORE, IN_ARRAY, BEHIND };

struct json_decoder {
	struct arena arena;
	struct buf rewritten; /* one record, for cJSON */
	struct json_pass pass;
	enum place place;
	bool batch;
	bool first;
};

/* A large object's members in the order of their names. */
struct index {
	size_t count;
	cJSON *member[];
};

/* cJSON's allocator has no argument for the arena, so each thread holds its own here. */
static _Thread_local struct arena *current_arena;

static void *
allocate(size_t n)
{
	return arena_alloc(current_arena, n);
}

static void
release(void *p)
{
	(void)p; /* arena_reset() takes everything back */
}

void
json_init(void)
{
	cJSON_Hooks hooks = {allocate, release};

	cJSON_InitHooks(&hooks);
}

struct json_decoder *
json_decoder_new(size_t memory_max)
{
	struct json_decoder *d = calloc(1, sizeof(*d));

	if (d != NULL)
		arena_init(&d->arena, memory_max);
	return d;
}

void
json_decoder_free(struct json_decoder *d)
{
	if (d == NULL)
		return;
	arena_free(&d->arena);
	buf_free(&d->rewritten);
	free(d);
}

void
json_decoder_skip(struct json_decoder *d, json_skip *skip, void *context)
{
	d->pass.skip = skip;
	d->pass.context = context;
}

void
json_begin(struct json_decoder *d, const char *body, size_t len)
{
	d->pass.body = body;
	d->pass.len = len;
	d->pass.at = 0;
	d->place = BEFORE;
	d->batch = false;
	d->first = true;
	/* RFC 8259, 8.1: a byte order mark may be ignored; Python's json.loads() does so too. */
	if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
		d->pass.at = 3;
}

bool
json_is_batch(const struct json_decoder *d)
{
	return d->batch;
}

void
json_end(struct json_decoder *d)
{
	arena_reset(&d->arena);
	buf_clear(&d->rewritten, KEEP_BYTES);
	current_arena = NULL;
}

static enum json_status
decode_object(struct json_decoder *d, struct value *record, const char **what, size_t *offset)
{
	cJSON *root;

	arena_reset(&d->arena);
	buf_clear(&d->rewritten, KEEP_BYTES);
	if (!json_pass_value(&d->pass, &d->rewritten)) {
		*what = d->pass.what;
		*offset = d->pass.at;
		return d->pass.what == NULL ? JSON_NO_MEMORY : JSON_SYNTAX;
	}
	buf_append(&d->rewritten, "", 1);
	if (d->rewritten.failed)
		return JSON_NO_MEMORY;
	current_arena = &d->arena;
	root = cJSON_ParseWithLengthOpts(d->rewritten.data, d->rewritten.len, NULL, 1);
	if (root == NULL) {
		/* The pass let only good JSON through, so it can only have been memory. */
		return d->arena.over_limit ? JSON_TOO_LARGE : JSON_NO_MEMORY;
	}
	*record = json_value((const struct json_node *)root);
	return JSON_RECORD;
}

/* Behind the whole value: nothing may follow. */
static enum json_status
finish(struct json_decoder *d, const char **what, size_t *offset)
{
	d->place = BEHIND;
	if (json_pass_peek(&d->pass) < 0)
		return JSON_END;
	*what = "nothing may follow the value";
	*offset = d->pass.at;
	return JSON_SYNTAX;
}

static enum json_status
not_a_record(struct json_decoder *d, const char **what, size_t *offset)
{
	*offset = d->pass.at;
	/* It may not even be JSON: that is the clearer answer then. */
	buf_clear(&d->rewritten, KEEP_BYTES);
	if (!json_pass_value(&d->pass, &d->rewritten)) {
		*what = d->pass.what;
		*offset = d->pass.at;
		return d->pass.what == NULL ? JSON_NO_MEMORY : JSON_SYNTAX;
	}
	*what = "not an object";
	return JSON_NOT_RECORD;
}

enum json_status
json_next_record(struct json_decoder *d, struct value *record, const char **what, size_t *offset)
{
	int c = json_pass_peek(&d->pass);

	if (d->place == BEFORE && c == '[') {
		d->batch = true;
		d->place = IN_ARRAY;
		d->pass.at++;
		c = json_pass_peek(&d->pass);
	} else if (d->place == BEFORE) {
		d->place = BEHIND;
		return c == '{' ? decode_object(d, record, what, offset)
				: not_a_record(d, what, offset);
	}
	if (d->place == BEHIND)
		return finish(d, what, offset);

	if (c == ']') {
		d->pass.at++;
		return finish(d, what, offset);
	}
	if (!d->first) {
		if (c != ',') {
			*what = c < 0 ? "the text ends within a container" : "expected ',' or ']'";
			*offset = d->pass.at;
			return JSON_SYNTAX;
		}
		d->pass.at++;
		c = json_pass_peek(&d->pass);
	}
	d->first = false;
	return c == '{' ? decode_object(d, record, what, offset) : not_a_record(d, what, offset);
}

/* --- duplicates and look-up --- */

/* As in a Python dict: the first keeps its place and takes the later one's value. */
static void
replace_value(cJSON *first, cJSON *later)
{
	first->type = later->type;
	first->valuestring = later->valuestring;
	first->child = later->child;
	later->type |= MARK_DUPLICATE;
}

static int
compare_members(const void *a, const void *b)
{
	const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;
	int order = strcmp(x->string, y->string);

	/* valueint, which strings and containers do not use, holds the place in the object. */
	return order != 0 ? order : x->valueint < y->valueint ? -1 : 1;
}

static void
build_index(cJSON *object, size_t count)
{
	struct index *index = allocate(sizeof(*index) + count * sizeof(cJSON *));
	size_t kept = 0, i = 0;

	if (index == NULL)
		return;
	for (cJSON *m = object->child; m != NULL; m = m->next) {
		m->valueint = (int)i;
		index->member[i++] = m;
	}
	qsort(index->member, count, sizeof(cJSON *), compare_members);
	for (i = 0; i < count; i++) {
		cJSON *first = index->member[i];

		while (i + 1 < count && strcmp(first->string, index->member[i + 1]->string) == 0)
			replace_value(first, index->member[++i]);
		index->member[kept++] = first;
	}
	index->count = kept;
	object->valuestring = (char *)index; /* which an object does not use */
}

static void
mark_duplicates(cJSON *object)
{
	for (cJSON *m = object->child; m != NULL; m = m->next) {
		if ((m->type & MARK_DUPLICATE) != 0)
			continue;
		for (cJSON *later = m->next; later != NULL; later = later->next) {
			if ((later->type & MARK_DUPLICATE) == 0 &&
			    strcmp(m->string, later->string) == 0)
				replace_value(m, later);
		}
	}
}

static void
make_unique(cJSON *object)
{
	cJSON **link = &object->child;
	size_t count = 0;

	object->type |= MARK_UNIQUE;
	for (const cJSON *m = object->child; m != NULL; m = m->next)
		count++;
	if (count > SMALL_OBJECT)
		build_index(object, count);
	else
		mark_duplicates(object);
	/* Taken out for good, so that no later walk has to step over them. */
	while (*link != NULL) {
		if (((*link)->type & MARK_DUPLICATE) != 0)
			*link = (*link)->next;
		else
			link = &(*link)->next;
	}
}

const struct json_node *
json_as_sent(struct value object)
{
	return (const struct json_node *)((const cJSON *)object.node)->child;
}

const struct json_node *
json_first(struct value container)
{
	/* A decoded record belongs to one thread, which may note things in its nodes. */
	cJSON *item = (cJSON *)container.node;

	if (container.type == VALUE_OBJECT && (item->type & MARK_UNIQUE) == 0)
		make_unique(item);
	return (const struct json_node *)item->child;
}

const struct json_node *
json_next(const struct json_node *node)
{
	return (const struct json_node *)((const cJSON *)node)->next;
}

struct value
json_value(const struct json_node *node)
{
	const cJSON *item = (const cJSON *)node;
	struct value v = {VALUE_NULL, NULL, 0, NULL};

	switch (item->type & 0xff) {
	case cJSON_False: v.type = VALUE_FALSE; break;
	case cJSON_True: v.type = VALUE_TRUE; break;
	case cJSON_String:
		v.type = VALUE_STRING;
		v.text = item->valuestring;
		if (v.text[0] == JSON_PASS_NUMBER) {
			v.type = VALUE_NUMBER;
			v.text++;
		}
		v.len = strlen(v.text);
		break;
	case cJSON_Array:
		v.type = VALUE_ARRAY;
		v.node = node;
		break;
	case cJSON_Object:
		v.type = VALUE_OBJECT;
		v.node = node;
		break;
	default: break;
	}
	return v;
}

const struct json_node *
json_read_member(const struct json_node *node, struct value *name, struct value *v)
{
	*name = json_name(node);
	*v = json_value(node);
	return json_next(node);
}

struct value
json_name(const struct json_node *node)
{
	return value_string(((const cJSON *)node)->string);
}

static struct value
search_index(const struct index *index, const char *name, size_t len)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		cJSON *m = index->member[middle];
		int order = strncmp(name, m->string, len);

		if (order == 0 && m->string[len] == '\0')
			return json_value((const struct json_node *)m);
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct value){VALUE_ABSENT, NULL, 0, NULL};
}

struct value
json_member(struct value object, const char *name, size_t len)
{
	const struct json_node *node = json_first(object);
	const cJSON *item = (const cJSON *)object.node;

	if (item->valuestring != NULL)
		return search_index((const struct index *)item->valuestring, name, len);
	for (; node != NULL; node = json_next(node)) {
		const char *text = ((const cJSON *)node)->string;

		if (strncmp(text, name, len) == 0 && text[len] == '\0')
			return json_value(node);
	}
	return (struct value){VALUE_ABSENT, NULL, 0, NULL};
}
