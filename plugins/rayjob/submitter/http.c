/* http.c - see http.h. */
#include "http.h"
#include "ipc/base/base64.h"
#include "ipc/base/random.h"

#include <http_parser.h>

struct reading {
    struct http_answer *answer;
    bool done, too_big;
};

static int on_body(http_parser *p, const char *at, size_t n) {
    struct reading *r = p->data;
    r->too_big = r->answer->body.n + n > HTTP_BODY_MAX;
    if (r->too_big) return 1;
    rv_buf_add(&r->answer->body, at, n);
    return 0;
}

static int on_end(http_parser *p) {
    struct reading *r = p->data;
    r->done = true;
    r->answer->status = p->status_code;
    return 0;
}

static void write_head(const struct options *o, struct rv_buf *out, const char *method, const char *path) {
    bool v6 = memchr(o->host.p, ':', o->host.n) != NULL;
    rv_buf_addf(out,
                "%s " RV_STR_FMT "%s HTTP/1.1\r\nHost: %s" RV_STR_FMT "%s:%u\r\nUser-Agent: rayvisor-submit/" RV_VERSION
                "\r\n",
                method, RV_STR_ARG(o->path), path, v6 ? "[" : "", RV_STR_ARG(o->host), v6 ? "]" : "", o->port);
    if (o->token.n != 0) rv_buf_addf(out, "x-ray-authorization: Bearer " RV_STR_FMT "\r\n", RV_STR_ARG(o->token));
}

/* Reads until the answer is complete or the protocol has changed. `rest` gets the bytes of the last piece that do not
 * belong to the answer. */
static int read_answer(struct wire *w, http_parser *p, struct reading *r, struct rv_buf *rest, struct rv_error *err) {
    static const http_parser_settings settings = {.on_body = on_body, .on_message_complete = on_end};
    char piece[16384];
    p->data = r;
    while (!r->done && !p->upgrade) {
        ssize_t n = wire_read(w, piece, sizeof piece, err);
        if (n < 0) return (int)n;
        size_t took = http_parser_execute(p, &settings, piece, (size_t)n);
        if (p->upgrade) {
            r->answer->status = p->status_code;
            rv_buf_add(rest, piece + took, (size_t)n - took);
        } else if (r->too_big) {
            return rv_error_set(err, RV_E_TOO_BIG, "the answer is larger than %d bytes", HTTP_BODY_MAX);
        } else if (HTTP_PARSER_ERRNO(p) != HPE_OK) {
            return rv_error_set(err, RV_E_PARSE, "the answer is not HTTP: %s",
                                http_errno_description(HTTP_PARSER_ERRNO(p)));
        } else if (n == 0 && !r->done) {
            return rv_error_set(err, RV_E_UNAVAILABLE, "the answer ends in the middle");
        }
    }
    return 0;
}

int http_ask(const struct options *o, const char *method, const char *path, struct rv_str body, struct http_answer *ret,
             struct rv_error *err) {
    rv_autobuf struct rv_buf out = {0}, rest = {0};
    struct reading reading = {.answer = ret};
    http_parser parser;
    *ret = (struct http_answer){0};
    struct wire *w = wire_open(o, HTTP_TIMEOUT_MS, err);
    if (w == NULL) return err->code;
    write_head(o, &out, method, path);
    if (body.p != NULL) rv_buf_addf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.n);
    rv_buf_adds(&out, "Accept: application/json\r\nConnection: close\r\n\r\n");
    rv_buf_add_str(&out, body);
    http_parser_init(&parser, HTTP_RESPONSE);
    int r = wire_write(w, out.p, out.n, err);
    if (r == 0) r = read_answer(w, &parser, &reading, &rest, err);
    wire_close(w);
    if (r != 0) rv_buf_free(&ret->body);
    return r;
}

struct wire *http_upgrade(const struct options *o, const char *path, struct rv_buf *early, struct rv_error *err) {
    rv_autobuf struct rv_buf out = {0};
    struct http_answer answer = {0};
    struct reading reading = {.answer = &answer};
    uint8_t key[16];
    http_parser parser;
    struct wire *w = wire_open(o, HTTP_TIMEOUT_MS, err);
    if (w == NULL) return NULL;
    random_bytes(key, sizeof key);
    write_head(o, &out, "GET", path);
    rv_buf_adds(&out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    base64_encode((struct rv_bytes){key, sizeof key}, BASE64_STANDARD, &out);
    rv_buf_adds(&out, "\r\n\r\n");
    http_parser_init(&parser, HTTP_RESPONSE);
    int r = wire_write(w, out.p, out.n, err);
    if (r == 0) r = read_answer(w, &parser, &reading, early, err);
    rv_buf_free(&answer.body);
    if (r == 0 && answer.status == 101) return w;
    if (r == 0) rv_error_set(err, RV_E_UNAVAILABLE, "the log cannot be followed: HTTP status %u", answer.status);
    return wire_close(w);
}
