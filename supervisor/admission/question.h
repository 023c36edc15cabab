/* question.h - one question of the API server, from the parsed review to the answer. */
#ifndef ADMISSION_QUESTION_H
#define ADMISSION_QUESTION_H

#include "admission.h"
#include "review.h"
#include "supervisor/clients.h"

/* Asks every enabled plugin that judges objects of this kind. Answers the client, now or within the time limit, with
 * the whole HTTP answer; counts[] gets what became of it. The review is taken. */
void question_ask(struct supervisor *s, struct client *c, struct review *r, uint64_t *counts);
/* Appends an HTTP answer with a JSON body. */
void question_http(const char *status, const char *type, struct rv_str body, struct rv_buf *out);

#endif
