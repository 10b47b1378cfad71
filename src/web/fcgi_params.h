/* What a FastCGI request's parameters say, as an HTTP request. */
#ifndef PBU_FCGI_PARAMS_H
#define PBU_FCGI_PARAMS_H

#include "web/app.h"

/* Fills *q by the parameters that the app has a use for: `envp` has them as "name=value", ends with
 * NULL, and owns the texts. In one pass; FCGX_GetParam() is one for each. */
void fcgi_params_read(struct http_request *q, const struct app *app, char *const *envp);

#endif
