#include "server/handler_submit.h"

/* What a request holds beside its body and entries: libfcgi's buffers, and the connection. */
#define OTHER_BYTES ((size_t)20 * 1024)

/* A list of finished jobs, while it is made. */
struct jobs {
	struct app_job *first, **end;
};

static void
add(struct jobs *jobs, struct handler_job *job)
{
	job->app.next = NULL;
	*jobs->end = &job->app;
	jobs->end = &job->app.next;
}

/* The key of a job that is finished for good is remembered, or free again; those that waited for it
 * are finished as it is. */
static void
settle(struct handler *h, struct handler_job *job, struct jobs *jobs)
{
	bool taken = job->ticket.result == TICKET_DONE;
	struct repeats_claim *c = repeats_settle(h->repeats, &job->claim, taken);

	job->claimed = false;
	while (c != NULL) {
		struct handler_job *waited = c->owner;

		c = c->next;
		waited->repeated = taken;
		waited->ticket.result = job->ticket.result;
		waited->ticket.why = job->ticket.why;
		waited->ticket.which = job->ticket.which;
		add(jobs, waited);
	}
}

/* The jobs of a list of tickets, and those that waited for them. */
static struct app_job *
jobs_of(struct handler *h, struct ticket *ticket)
{
	struct jobs jobs = {NULL, &jobs.first};

	for (; ticket != NULL; ticket = ticket->next) {
		struct handler_job *job = ticket->owner;

		add(&jobs, job);
		/* A late one comes again, and keeps its claim. */
		if (job->claimed && ticket->result != TICKET_LATE)
			settle(h, job, &jobs);
	}
	return jobs.first;
}

/* A job that is finished without the sink. */
static struct app_job *
finish(struct handler_job *job, enum ticket_result result)
{
	job->ticket.result = result;
	job->ticket.why = NULL;
	job->repeated = result == TICKET_DONE;
	job->app.next = NULL;
	return &job->app;
}

struct app_job *
handler_submit(struct handler *h, struct handler_job *job)
{
	if (job->claim.key.id != NULL && !job->claimed) {
		job->claim.bytes = job->ticket.bytes + OTHER_BYTES;
		switch (repeats_claim(h->repeats, &job->claim)) {
		case REPEATS_FIRST: job->claimed = true; break;
		case REPEATS_WAITS: return NULL;
		case REPEATS_TAKEN: return finish(job, TICKET_DONE);
		case REPEATS_FULL: return finish(job, TICKET_FAILED);
		}
	}
	job->ticket.why = NULL;
	return jobs_of(h, h->sink.submit(h->sink.self, &job->ticket));
}

struct app_job *
handler_resume(struct handler *h, bool last)
{
	return jobs_of(h, h->sink.resume(h->sink.self, last));
}
