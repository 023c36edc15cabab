/* web.c - the endpoints for health and metrics (see web.h). */
#include "web.h"

#include <stdlib.h>
#include <strings.h>

#include "ipc/base/visible.h"
#include "supervisor/clients.h"
#include "supervisor/health.h"
#include "supervisor/leadership.h"
#include "supervisor/listen.h"
#include "supervisor/requests/own_answer.h"

/* CHUNK: of the metrics page, as it is made and sent. */
enum { HEAD_MAX = 8192, CHUNK = 64 << 10, ASK_MS = 5000, ANSWER_MS = 30000, STALL_MS = 5000 };

struct web {
    struct supervisor *s;
    struct clients *all, *probes; /* probes: NULL where http.probeBind is empty */
    unsigned port, probe_port;
    uint64_t own_requests;
};

/* ---- answers -------------------------------------------------------------------------------------------- */

struct request {
    struct rv_str method, path, version;
    bool head_only;
};

static void add_head(const char *status, const char *type, struct rv_buf *out) {
    rv_buf_addf(out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n",
                status, type);
}

static void answer_as(struct client *c, const struct request *q, const char *status, const char *type,
                      struct rv_str text) {
    rv_autobuf struct rv_buf b = {0};
    add_head(status, type, &b);
    rv_buf_addf(&b, "%sContent-Length: %zu\r\n\r\n", rv_str_starts(rv_str(status), "405") ? "Allow: GET, HEAD\r\n" : "",
                text.n);
    if (!q->head_only) rv_buf_add_str(&b, text);
    client_answer(c, rv_buf_str(&b));
}

static void answer(struct client *c, const struct request *q, const char *status, struct rv_str text) {
    answer_as(c, q, status, "text/plain; charset=utf-8", text);
}

static void answer_live(struct web *w, struct client *c, const struct request *q) {
    (void)w;
    answer(c, q, "200 OK", RV_STR("ok\n"));
}

static void answer_ready(struct web *w, struct client *c, const struct request *q) {
    rv_autobuf struct rv_buf scratch = {0}, b = {0}, shown = {0};
    const char *why = health_not_ready(w->s, &scratch);
    const char *refused = health_config_refused(w->s);
    rv_buf_addf(&b, "%s",
                why != NULL                       ? why
                : w->s->config->mode == MODE_TWIN ? "ok, a twin: it writes nothing"
                : leadership_stands_by(w->s)      ? "ok, standing by"
                                                  : "ok");
    const char *other = why == NULL ? leadership_held_back(w->s, &scratch) : NULL;
    if (other != NULL) rv_buf_addf(&b, ": %s", other);
    if (refused != NULL)
        rv_buf_addf(&b, "; but the configuration file is refused, the one before stays in force: %s", refused);
    visible_text(rv_buf_str(&b), VISIBLE_LINE, &shown);
    rv_buf_addc(&shown, '\n');
    answer(c, q, why == NULL ? "200 OK" : "503 Service Unavailable", rv_buf_str(&shown));
}

/* ---- the metrics page, which is made as it is taken ------------------------------------------------------ */

struct page {
    struct supervisor *s;
    struct metrics_page *metrics;
    bool chunked; /* else, in HTTP/1.0, the end of the connection is the end of the page */
};

static bool more_of_page(void *arg, struct rv_buf *out) {
    struct page *p = arg;
    rv_autobuf struct rv_buf text = {0};
    bool more = metrics_page_more(p->metrics, p->s, CHUNK, &text);
    if (p->chunked && text.n != 0) rv_buf_addf(out, "%zx\r\n", text.n);
    rv_buf_add(out, text.p, text.n);
    if (p->chunked) rv_buf_adds(out, text.n == 0 ? "" : "\r\n");
    if (p->chunked && !more) rv_buf_adds(out, "0\r\n\r\n");
    return more;
}

static void end_page(void *arg) {
    struct page *p = arg;
    metrics_page_free(p->metrics);
    free(p);
}

static void answer_metrics(struct web *w, struct client *c, const struct request *q) {
    rv_autobuf struct rv_buf head = {0};
    bool chunked = rv_str_is(q->version, "HTTP/1.1");
    add_head("200 OK", "text/plain; version=0.0.4", &head);
    rv_buf_adds(&head, chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    if (q->head_only) {
        client_answer(c, rv_buf_str(&head));
        return;
    }
    struct page *p = rv_alloc(sizeof *p);
    *p = (struct page){w->s, metrics_page_new(w->s), chunked};
    client_stream(c, rv_buf_str(&head), &(struct client_source){more_of_page, end_page, p});
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    bool probe; /* on the probes' own port as well */
    void (*fn)(struct web *w, struct client *c, const struct request *q);
} endpoints[] = {{"/healthz", true, answer_live},
                 {"/livez", true, answer_live},
                 {"/readyz", true, answer_ready},
                 {"/metrics", false, answer_metrics}};

/* Up to the empty line. Of the head only the first line and the User-Agent are looked at, and no body is read. */
static size_t whole_head(void *arg, struct rv_str text) {
    (void)arg;
    const char *end = memmem(text.p, text.n, "\r\n\r\n", 4);
    if (end != NULL) return (size_t)(end - text.p) + 4;
    end = memmem(text.p, text.n, "\n\n", 2);
    return end != NULL ? (size_t)(end - text.p) + 2 : 0;
}

static struct rv_str take_word(struct rv_str *line) {
    const char *end = line->n != 0 ? memchr(line->p, ' ', line->n) : NULL;
    struct rv_str word = {line->p, end != NULL ? (size_t)(end - line->p) : line->n};
    size_t skip = word.n + (end != NULL);
    *line = (struct rv_str){line->p + skip, line->n - skip};
    return word;
}

/* "GET /metrics?x HTTP/1.1" */
static bool parse(struct rv_str text, struct request *ret) {
    const char *end = memchr(text.p, '\n', text.n);
    struct rv_str line = {text.p, (size_t)(end - text.p)};
    if (line.n > 0 && line.p[line.n - 1] == '\r') line.n--;
    ret->method = take_word(&line);
    ret->path = take_word(&line);
    ret->version = line;
    ret->head_only = rv_str_is(ret->method, "HEAD");
    const char *query = ret->path.n != 0 ? memchr(ret->path.p, '?', ret->path.n) : NULL;
    if (query != NULL) ret->path.n = (size_t)(query - ret->path.p);
    return ret->method.n != 0 && rv_str_starts(ret->path, "/") &&
           (rv_str_is(ret->version, "HTTP/1.1") || rv_str_is(ret->version, "HTTP/1.0"));
}

/* Is it a request to Ray that a Service of a tenant's making has led to an operator? One over HTTP/2 begins without its
 * headers. Nobody else speaks that here. */
static bool is_our_own(struct rv_str head) {
    static const char ours[] = "user-agent: " OWN_ANSWER_USER_AGENT;
    if (rv_str_starts(head, "PRI * HTTP/2.0\r\n\r\n")) return true;
    for (size_t i = 0; i + sizeof ours - 1 <= head.n; i++)
        if ((i == 0 || head.p[i - 1] == '\n') && strncasecmp(head.p + i, ours, sizeof ours - 1) == 0) return true;
    return false;
}

static void serve(struct web *w, struct client *c, struct rv_str text, bool probe) {
    struct request q = {0};
    if (is_our_own(text)) {
        w->own_requests++;
        answer_as(c, &q, OWN_ANSWER_STATUS, OWN_ANSWER_TYPE, RV_STR("a request to Ray has come to the operator\n"));
        return;
    }
    if (!parse(text, &q)) {
        answer(c, &q, "400 Bad Request", RV_STR("this is no HTTP/1.1 request\n"));
        return;
    }
    if (!rv_str_is(q.method, "GET") && !q.head_only) {
        answer(c, &q, "405 Method Not Allowed", RV_STR("only GET is answered here\n"));
        return;
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(endpoints); i++)
        if (rv_str_is(q.path, endpoints[i].path) && (endpoints[i].probe || !probe)) {
            endpoints[i].fn(w, c, &q);
            return;
        }
    answer(c, &q, "404 Not Found",
           probe ? RV_STR("there are /livez and /readyz; /metrics is on http.bind\n")
                 : RV_STR("there are /livez, /readyz and /metrics\n"));
}

static void on_request(void *arg, struct client *c, struct rv_str text) { serve(arg, c, text, false); }
static void on_probe(void *arg, struct client *c, struct rv_str text) { serve(arg, c, text, true); }

static void on_too_long(void *arg, struct client *c) {
    (void)arg;
    answer(c, &(struct request){0}, "431 Request Header Fields Too Large", RV_STR("the request is too long\n"));
}

/* ---- listening ------------------------------------------------------------------------------------------ */

static struct clients *open_port(struct web *w, const char *key, struct rv_str bind_to, bool probe, unsigned *ret_port,
                                 struct rv_error *err) {
    int fd = listen_on(key, bind_to, ret_port, err);
    if (fd < 0) return NULL;
    return clients_new(fd, &(struct clients_opts){.loop = w->s->loop,
                                                  .max = probe ? 32 : 64,
                                                  .max_of_peer = probe ? 8 : 16,
                                                  .request_max = HEAD_MAX,
                                                  .ask_ms = ASK_MS,
                                                  .answer_ms = ANSWER_MS,
                                                  .stall_ms = STALL_MS,
                                                  .whole = whole_head,
                                                  .on_request = probe ? on_probe : on_request,
                                                  .on_too_long = on_too_long,
                                                  .arg = w});
}

struct web *web_new(struct supervisor *s, struct rv_error *err) {
    const struct config *c = s->config;
    struct web *w = rv_alloc(sizeof *w);
    w->s = s;
    w->all = open_port(w, "http.bind", c->bind, false, &w->port, err);
    if (w->all != NULL && c->probe_bind.n != 0)
        w->probes = open_port(w, "http.probeBind", c->probe_bind, true, &w->probe_port, err);
    return w->all != NULL && (w->probes != NULL || c->probe_bind.n == 0) ? w : web_free(w);
}

unsigned web_port(const struct web *w) { return w != NULL ? w->port : 0; }
unsigned web_probe_port(const struct web *w) { return w != NULL ? w->probe_port : 0; }

void web_stats(const struct web *w, struct clients_stats *ret) {
    *ret = (struct clients_stats){0};
    if (w != NULL) clients_stats(w->all, ret);
}

uint64_t web_own_requests(const struct web *w) { return w != NULL ? w->own_requests : 0; }

struct web *web_free(struct web *w) {
    if (w == NULL) return NULL;
    clients_free(w->all);
    clients_free(w->probes);
    free(w);
    return NULL;
}
