#include "web/fcgi_params.h"

#include <string.h>

/* Whose a parameter is. */
enum reads { BOTH, WHO_SUBMITS, WHO_STREAMS };

/* The parameters in the order in which nginx passes them. */
static const struct param {
	const char *name; /* and its '=' */
	size_t len;
	size_t field;
	enum reads who;
} params[] = {
#define PARAM(member, name, who)                                                                   \
	{name "=", sizeof(name), offsetof(struct http_request, member), who},
#define PARAM_BOTH(member, name)  PARAM(member, name, BOTH)
#define PARAM_WRITE(member, name) PARAM(member, name, WHO_SUBMITS)
#define PARAM_READ(member, name)  PARAM(member, name, WHO_STREAMS)
    HTTP_PARAMS(PARAM_BOTH) HTTP_WRITE_PARAMS(PARAM_WRITE) HTTP_READ_PARAMS(PARAM_READ)};

#define PARAMS (sizeof(params) / sizeof(params[0]))

/* The first of a name counts, as with FCGX_GetParam(). */
static void
set_param(const struct app *app, struct http_request *q, const struct param *p, const char *value)
{
	const char **field = (const char **)((char *)q + p->field);

	if (*field != NULL || (p->who == WHO_SUBMITS && app->submit == NULL) ||
	    (p->who == WHO_STREAMS && app->stream == NULL))
		return;
	*field = value;
}

/* A parameter is looked for from the one after the last on: mostly it is that. */
void
fcgi_params_read(struct http_request *q, const struct app *app, char *const *envp)
{
	size_t next = 0;

	*q = (struct http_request){0};
	for (char *const *at = envp; *at != NULL; at++) {
		bool found = false;

		for (size_t i = 0; !found && i < PARAMS; i++) {
			const struct param *p = &params[next];

			next = next + 1 < PARAMS ? next + 1 : 0;
			found = strncmp(*at, p->name, p->len) == 0;
			if (found)
				set_param(app, q, p, *at + p->len);
		}
	}
	if (q->method == NULL)
		q->method = "";
	if (q->path == NULL)
		q->path = "";
}
