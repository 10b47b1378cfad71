#include "web/backlog.h"

static void
append(struct backlog_list *l, struct connection *c)
{
	c->next = NULL;
	if (l->first == NULL)
		l->first = c;
	else
		l->last->next = c;
	l->last = c;
}

static struct connection *
take_first(struct backlog_list *l)
{
	struct connection *c = l->first;

	if (c != NULL)
		l->first = c->next;
	return c;
}

void
backlog_init(struct backlog *b, unsigned places)
{
	pthread_mutex_init(&b->lock, NULL);
	b->places = places;
	b->ready = b->large = (struct backlog_list){NULL, NULL};
}

void
backlog_free(struct backlog *b)
{
	pthread_mutex_destroy(&b->lock);
}

bool
backlog_admit(struct backlog *b, struct connection *c)
{
	bool admitted;

	pthread_mutex_lock(&b->lock);
	admitted = b->places > 0;
	c->large = admitted;
	if (admitted)
		b->places--;
	else
		append(&b->large, c);
	pthread_mutex_unlock(&b->lock);
	return admitted;
}

bool
backlog_leave(struct backlog *b, struct connection *c)
{
	struct connection *next;

	pthread_mutex_lock(&b->lock);
	c->large = false;
	next = take_first(&b->large);
	if (next == NULL) {
		b->places++;
	} else {
		next->large = true;
		append(&b->ready, next);
	}
	pthread_mutex_unlock(&b->lock);
	return next != NULL;
}

void
backlog_push(struct backlog *b, struct connection *c)
{
	pthread_mutex_lock(&b->lock);
	append(&b->ready, c);
	pthread_mutex_unlock(&b->lock);
}

struct connection *
backlog_pop(struct backlog *b, bool *more)
{
	struct connection *c;

	pthread_mutex_lock(&b->lock);
	c = take_first(&b->ready);
	*more = b->ready.first != NULL;
	pthread_mutex_unlock(&b->lock);
	return c;
}
