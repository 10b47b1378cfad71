#include "record/render_exception.h"

#include "python/pyvalue.h"
#include "json/json.h"

#include <stdio.h>

/* Groups inside groups that are looked into; as CPython's max_group_depth. */
#define GROUP_DEPTH_MAX 10

/* A traceback on its way: how deep in exception groups, as CPython indents them. */
struct traceback {
	struct entry *entry;
	struct buf *scratch;
	int depth;
	bool open; /* the line below the last exception of a group is due */
};

static void
put(struct traceback *t, const char *text)
{
	entry_text(t->entry, text, strlen(text));
}

/* Begins a line, with the margin of the group that it is in. */
static void
begin_line(struct traceback *t, const char *margin)
{
	entry_break(t->entry);
	for (int i = 0; i < t->depth; i++)
		put(t, "  ");
	if (t->depth > 0)
		put(t, margin);
}

/* str(v); each line of it with the margin of the group. */
static void
put_value(struct traceback *t, struct value v)
{
	if (v.type != VALUE_STRING) {
		t->scratch->len = 0;
		pyvalue_str(t->scratch, v);
		v = (struct value){VALUE_STRING, t->scratch->data, t->scratch->len, NULL};
	}
	if (v.len == 0)
		return; /* text may be NULL */
	for (const char *at = v.text, *end = at + v.len; at < end;) {
		const char *line = t->depth > 0 ? memchr(at, '\n', (size_t)(end - at)) : NULL;

		line = line == NULL ? end : line;
		entry_text(t->entry, at, (size_t)(line - at));
		at = line;
		if (at < end) {
			put(t, "\n");
			at++;
			begin_line(t, "| ");
		}
	}
}

static struct value
member(struct value object, const char *name)
{
	return json_member(object, name, strlen(name));
}

static const struct json_node *
first_of(struct value v)
{
	return v.type == VALUE_ARRAY ? json_first(v) : NULL;
}

/* The first element of a list that is a member; NULL: there is none. */
static const struct json_node *
first_in(struct value object, const char *name)
{
	struct value list = value_absent; /* gcc 12 warns of what json_member() fills */

	list = member(object, name);
	return first_of(list);
}

static void
put_empty_line(struct traceback *t)
{
	begin_line(t, "| ");
	if (t->depth == 0)
		put(t, "\n");
}

static void
put_frame(struct traceback *t, struct value frame)
{
	if (frame.type != VALUE_OBJECT)
		return;
	begin_line(t, "| ");
	put(t, "  File \"");
	put_value(t, member(frame, "filename"));
	put(t, "\", line ");
	put_value(t, member(frame, "lineno"));
	put(t, ", in ");
	put_value(t, member(frame, "name"));
}

/* `type: value`, or the type alone where the value is nothing. */
static void
put_type_and_value(struct traceback *t, struct value type, struct value value)
{
	begin_line(t, "| ");
	put_value(t, type);
	if (value.type == VALUE_NULL || value.type == VALUE_ABSENT ||
	    (value.type == VALUE_STRING && value.len == 0))
		return;
	put(t, ": ");
	put_value(t, value);
}

/* Of several exceptions that came one out of another. */
struct link {
	const struct json_node *node;
};

static void put_chain(struct traceback *t, const struct json_node *first);

static void
put_group(struct traceback *t, const struct json_node *node)
{
	for (int i = 1; node != NULL; i++) {
		struct value chain = json_value(node);
		char line[64];

		node = json_next(node);
		begin_line(t, i == 1 ? "+-" : "  ");
		snprintf(line, sizeof(line), "+---------------- %d ----------------", i);
		put(t, line);
		t->open = t->open || node == NULL;
		t->depth++;
		put_chain(t, first_of(chain));
		if (node == NULL && t->open) {
			begin_line(t, "+------------------------------------");
			t->open = false;
		}
		t->depth--;
	}
}

/* One exception, with those of its group. */
static void
put_exception(struct traceback *t, struct value exception)
{
	const struct json_node *group = first_in(exception, "exceptions");
	const struct json_node *node = first_in(exception, "frames");
	bool outermost = group != NULL && t->depth == 0;

	t->depth += outermost;
	if (node != NULL) {
		begin_line(t, outermost ? "+ " : "| ");
		put(t, group != NULL ? "Exception Group Traceback (most recent call last):"
				     : "Traceback (most recent call last):");
	}
	for (; node != NULL; node = json_next(node))
		put_frame(t, json_value(node));
	put_type_and_value(t, member(exception, "exc_type"), member(exception, "exc_value"));
	for (node = first_in(exception, "exc_notes"); node != NULL; node = json_next(node)) {
		begin_line(t, "| ");
		put_value(t, json_value(node));
	}
	if (t->depth <= GROUP_DEPTH_MAX)
		put_group(t, group);
	t->depth -= outermost;
}

/* An exception and, before it, those that it came from: the list has them the other way round. */
static void
put_chain(struct traceback *t, const struct json_node *first)
{
	struct buf links = {.budget = t->scratch->budget};
	const struct link *link;

	for (struct link one = {first}; one.node != NULL; one.node = json_next(one.node))
		buf_append(&links, &one, sizeof(one));
	t->scratch->failed = t->scratch->failed || links.failed;
	link = (const struct link *)(const void *)links.data;
	for (size_t i = links.len / sizeof(*link); i-- > 0;) {
		struct value exception = json_value(link[i].node);

		if (exception.type != VALUE_OBJECT)
			continue;
		put_exception(t, exception);
		if (i == 0)
			continue;
		put_empty_line(t);
		begin_line(t, "| ");
		put(t, member(exception, "is_cause").type == VALUE_TRUE
			   ? "The above exception was the direct cause of the following exception:"
			   : "During handling of the above exception, another exception occurred:");
		put_empty_line(t);
	}
	buf_free(&links);
}

/* A line may end with its newline already, as traceback.format_exception() has them. */
static void
put_lines(struct traceback *t, const struct json_node *node)
{
	for (; node != NULL; node = json_next(node)) {
		entry_break(t->entry);
		put_value(t, json_value(node));
	}
}

void
render_exception(struct entry *e, struct value v, struct buf *scratch)
{
	struct traceback t = {e, scratch, 0, false};
	const struct json_node *first = first_of(v);

	if (v.type == VALUE_STRING && v.len > 0) {
		entry_break(e);
		entry_text(e, v.text, v.len);
	} else if (v.type == VALUE_OBJECT) {
		put_type_and_value(&t, member(v, "type"), member(v, "value"));
	} else if (first != NULL && json_value(first).type == VALUE_OBJECT) {
		put_chain(&t, first);
	} else {
		put_lines(&t, first);
	}
}
