/* What every program answers in the same words: errors and successes as JSON, and what is logged of
 * those that were refused. */
#ifndef PBU_REPLY_H
#define PBU_REPLY_H

#include "base/diag.h"
#include "base/status.h"
#include "web/app.h"

#define REPLY_JSON    "application/json"
#define REPLY_METRICS "text/plain; version=0.0.4; charset=utf-8"

/*
 * Answers with an error, by the headers that go with its status, too; the arguments are printf's,
 * and may quote what a client sent. Both are verdicts of head() and its like: APP_ANSWER.
 */
enum app_verdict reply_error(struct http_response *r, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum app_verdict reply_success(struct http_response *r);

/* Logs what was refused: whoever runs the program sees it, whatever logs nginx keeps. `limits` are
 * by status_index(), STATUS_COUNT of them; remote_addr is the request's own. Any thread. */
void reply_log_refused(
    struct diag_limit *limits, const struct http_response *r, const char *remote_addr);

#endif
