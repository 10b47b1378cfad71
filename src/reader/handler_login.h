/* Logging in and out: POST /api/login and /api/logout. */
#ifndef PBU_HANDLER_LOGIN_H
#define PBU_HANDLER_LOGIN_H

#include "reader/handler_job.h"

/* The only body there is holds a token. */
#define HANDLER_BODY_MAX 1024

/* The token comes in a header, or in a body, which is asked for then. */
handler_head handler_login_head;

/* As app.h's body(). */
enum app_verdict handler_login_body(
    void *thread, struct app_job *app, const struct http_body *body, struct http_response *r);

handler_head handler_logout;

#endif
