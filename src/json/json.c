#include "json/json.h"

#include "json/json_inside.h"

#include <cjson/cJSON.h>

/* Our marks in cJSON's type, beside the bits that cJSON uses. */
enum {
	MARK_UNIQUE = 1 << 16,	  /* an object whose duplicate names were dealt with */
	MARK_DUPLICATE = 1 << 17, /* a member that is to be taken out */
};

/* Objects up to this size are searched from end to end, larger ones by a sorted index. */
#define SMALL_OBJECT 32

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

const struct json_node *
json_parse(struct arena *arena, const char *text, size_t size)
{
	current_arena = arena;
	return (const struct json_node *)cJSON_ParseWithLengthOpts(text, size, NULL, 1);
}

void
json_parse_end(void)
{
	current_arena = NULL;
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

/* By name; those of one name stay in their order. By merging, in `spare`, which is as long: glibc's
 * qsort() takes memory that nobody counts. */
static void
sort_members(cJSON **member, cJSON **spare, size_t count)
{
	size_t half = count / 2, left = 0, right = half;

	if (count < 2)
		return;
	sort_members(member, spare, half);
	sort_members(member + half, spare, count - half);
	memcpy(spare, member, count * sizeof(cJSON *));
	for (size_t i = 0; i < count; i++) {
		bool from_left = right == count || (left < half && strcmp(spare[left]->string,
								       spare[right]->string) <= 0);

		member[i] = spare[from_left ? left++ : right++];
	}
}

/* Without memory for it, the object is empty: each search from end to end would take too long. */
static void
build_index(cJSON *object, size_t count)
{
	struct index *index = allocate(sizeof(*index) + count * sizeof(cJSON *));
	cJSON **spare = allocate(count * sizeof(cJSON *));
	size_t kept = 0, i = 0;

	if (index == NULL || spare == NULL) {
		object->child = NULL;
		return;
	}
	for (cJSON *m = object->child; m != NULL; m = m->next)
		index->member[i++] = m;
	sort_members(index->member, spare, count);
	for (i = 0; i < count; i++) {
		cJSON *first = index->member[i];

		while (i + 1 < count && strcmp(first->string, index->member[i + 1]->string) == 0)
			replace_value(first, index->member[++i]);
		index->member[kept++] = first;
	}
	index->count = kept;
	object->valuestring = (char *)index; /* which an object does not use */
}

/* One of 64 bits, by what tells names apart cheaply. */
static uint64_t
name_bit(const char *name)
{
	size_t len = strlen(name), hash = len;

	if (len > 0)
		hash += 7U * (unsigned char)name[0] + 29U * (unsigned char)name[len / 2] +
			53U * (unsigned char)name[len - 1];
	return (uint64_t)1 << (hash % 64);
}

/* True: there are some. Names are compared only where their bits are the same: each with each would
 * be a tenth of the instructions from a body to its line of JSON. */
static bool
mark_duplicates(cJSON *object)
{
	uint64_t seen = 0;
	bool any = false;

	for (cJSON *m = object->child; m != NULL; m = m->next) {
		uint64_t bit = name_bit(m->string);
		cJSON *first = (seen & bit) != 0 ? object->child : m;

		seen |= bit;
		while (first != m && ((first->type & MARK_DUPLICATE) != 0 ||
					 strcmp(first->string, m->string) != 0))
			first = first->next;
		if (first != m) {
			replace_value(first, m);
			any = true;
		}
	}
	return any;
}

static void
make_unique(cJSON *object)
{
	cJSON **link = &object->child;
	size_t count = 0;
	bool any = true;

	object->type |= MARK_UNIQUE;
	for (const cJSON *m = object->child; m != NULL; m = m->next)
		count++;
	if (count > SMALL_OBJECT)
		build_index(object, count);
	else
		any = mark_duplicates(object);
	/* Taken out for good, so that no later walk has to step over them. */
	while (any && *link != NULL) {
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

/* The value of one of cJSON's strings, which begins with a mark unless it is one. */
static struct value
marked(const char *text)
{
	struct value v = {VALUE_STRING, text, 0, NULL};

	if (*text == SCAN_NUMBER || *text == SCAN_LITERAL) {
		v.type = *text == SCAN_NUMBER ? VALUE_NUMBER : VALUE_LITERAL;
		v.text++;
	}
	v.len = strlen(v.text);
	return v;
}

struct value
json_value(const struct json_node *node)
{
	const cJSON *item = (const cJSON *)node;
	struct value v = {VALUE_NULL, NULL, 0, NULL};

	switch (item->type & 0xff) {
	case cJSON_False: v.type = VALUE_FALSE; break;
	case cJSON_True: v.type = VALUE_TRUE; break;
	case cJSON_String: return marked(item->valuestring);
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

struct value
json_name(const struct json_node *node)
{
	return marked(((const cJSON *)node)->string);
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
	return value_absent;
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
	return value_absent;
}
