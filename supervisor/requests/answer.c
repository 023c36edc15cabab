/* answer.c - see answer.h. */
#include "answer.h"

void http_answer_body(struct http_answer *a, struct rv_bytes body, bool json, struct rv_buf *mp, struct rv_error *err) {
    a->body = body;
    if (!json || body.n == 0) return;
    a->code = rv_json_to_mp((struct rv_str){(const char *)body.p, body.n}, NULL, mp, err);
    a->json = a->code == 0;
    a->body = a->json ? rv_buf_bytes(mp) : (struct rv_bytes){NULL, 0};
    if (!a->json) a->message = rv_str(err->text);
}
