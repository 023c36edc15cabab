/* admission.c - see admission.h. */
#include "admission.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>

#include "question.h"
#include "supervisor/clients.h"
#include "supervisor/listen.h"
#include "sync.h"

/* BODY_MAX: the largest request that the API server takes. COMING: handshakes in a second. */
enum {
    HEAD_MAX = 8192,
    BODY_MAX = 3 << 20,
    TOGETHER_MAX = 16 << 20,
    CLIENTS = 64,
    CLIENTS_OF_PEER = 48,
    COMING = 200,
    ASK_MS = 5000,
    ANSWER_MS = 10000,
    STALL_MS = 5000
};
#define ROOT "/validate/"

struct admission {
    struct supervisor *s;
    struct tls_server *tls;
    struct clients *clients;
    struct admission_sync *sync;
    char *token; /* NULL: there are no keys yet */
    unsigned port;
    int64_t ends;
    uint64_t counts[ADMISSION_OUTCOME_COUNT];
};

const char *admission_outcome_name(enum admission_outcome o) {
    static const char *const names[] = {
#define ADMISSION_X(name, text) text,
        ADMISSION_OUTCOMES(ADMISSION_X)
#undef ADMISSION_X
    };
    return names[o];
}

/* ---- who asks what -------------------------------------------------------------------------------------- */

struct head {
    size_t n; /* with the empty line; 0: it is not whole */
    struct rv_str first;
    int64_t body; /* bytes; -1: it is not said, or not in a way that is understood */
};

static int64_t length_of(struct rv_str head) {
    static const char name[] = "\r\ncontent-length:";
    int64_t found = -1, n;
    for (size_t i = 0; i + sizeof name - 1 <= head.n; i++) {
        if (strncasecmp(head.p + i, name, sizeof name - 1) != 0) continue;
        struct rv_str rest = {head.p + i + sizeof name - 1, head.n - i - (sizeof name - 1)};
        const char *end = memchr(rest.p, '\r', rest.n);
        rest.n = end != NULL ? (size_t)(end - rest.p) : 0;
        while (rest.n != 0 && *rest.p == ' ') rest = (struct rv_str){rest.p + 1, rest.n - 1};
        if (found >= 0 || rv_str_to_int(rest, 0, INT32_MAX, &n) != 0) return -1;
        found = n;
    }
    return found;
}

static struct head head_of(struct rv_str text) {
    struct head h = {.body = -1};
    const char *end = memmem(text.p, text.n, "\r\n\r\n", 4);
    if (end == NULL) return h;
    h.n = (size_t)(end - text.p) + 4;
    const char *line = memchr(text.p, '\r', h.n);
    h.first = (struct rv_str){text.p, (size_t)(line - text.p)};
    h.body = length_of((struct rv_str){text.p, h.n - 2});
    return h;
}

/* The token is compared in a time that does not depend on where it differs. */
static bool may_ask(const struct admission *a, struct rv_str first) {
    static const char before[] = "POST " ROOT, after[] = " HTTP/1.1";
    size_t n = a->token != NULL ? strlen(a->token) : 0, from = sizeof before - 1;
    if (n == 0 || first.n < from + n || !rv_str_starts(first, before)) return false;
    if (CRYPTO_memcmp(first.p + from, a->token, n) != 0) return false;
    struct rv_str rest = {first.p + from + n, first.n - from - n};
    /* The API server adds "?timeout=5s". */
    return rv_str_ends(rest, after) && (rest.n == sizeof after - 1 || rest.p[0] == '?');
}

/* Of those who may not ask only the head is read. */
static size_t whole(void *arg, struct rv_str text) {
    const struct admission *a = arg;
    struct head h = head_of(text);
    if (h.n == 0) return text.n > HEAD_MAX ? text.n : 0;
    if (h.n > HEAD_MAX || !may_ask(a, h.first) || h.body < 0 || h.body > BODY_MAX) return h.n;
    return text.n >= h.n + (size_t)h.body ? h.n + (size_t)h.body : 0;
}

static void say(struct client *c, const char *status, const char *text) {
    rv_autobuf struct rv_buf http = {0};
    question_http(status, "text/plain; charset=utf-8", rv_str(text), &http);
    client_answer(c, rv_buf_str(&http));
}

static void on_request(void *arg, struct client *c, struct rv_str text) {
    struct admission *a = arg;
    struct head h = head_of(text);
    struct rv_error err = {0};
    struct review r;
    if (h.n == 0 || h.n > HEAD_MAX) {
        say(c, "431 Request Header Fields Too Large", "the head of the request is too long\n");
    } else if (!may_ask(a, h.first)) {
        say(c, "404 Not Found", "only the API server is answered here\n");
    } else if (h.body < 0) {
        say(c, "411 Length Required", "a Content-Length is needed\n");
    } else if (h.body > BODY_MAX) {
        a->counts[ADMISSION_MALFORMED]++;
        say(c, "413 Content Too Large", "the review has more than 3 MiB\n");
    } else if (review_parse((struct rv_str){text.p + h.n, text.n - h.n}, &r, &err) != 0) {
        a->counts[ADMISSION_MALFORMED]++;
        review_free(&r);
        say(c, "400 Bad Request", "this is no AdmissionReview of admission.k8s.io/v1\n");
    } else {
        question_ask(a->s, c, &r, a->counts);
    }
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void on_keys(void *arg, const struct keyring *k) {
    struct admission *a = arg;
    struct rv_error err = {0};
    if (tls_server_use(a->tls, rv_buf_str(&k->now.certificate), rv_buf_str(&k->now.key), &err) != 0) {
        log_error("the webhook's certificate cannot be used; the one before stays", "reason", err.text);
        return;
    }
    free(a->token);
    a->token = rv_strdup(rv_buf_str(&k->token));
    a->ends = k->now.ends;
    log_info("the webhook serves");
}

int admission_new(struct supervisor *s, struct admission **ret, struct rv_error *err) {
    const struct config_admission *c = &s->config->admission;
    unsigned port = 0;
    *ret = NULL;
    if (!c->enabled || s->config->mode == MODE_TWIN) return 0;
    int fd = listen_on("admission.bind", c->bind, &port, err);
    if (fd < 0) return err->code;
    struct admission *a = *ret = rv_alloc(sizeof *a);
    *a = (struct admission){.s = s, .tls = tls_server_new(), .port = port};
    a->clients = clients_new(fd, &(struct clients_opts){.loop = s->loop,
                                                        .max = CLIENTS,
                                                        .max_of_peer = CLIENTS_OF_PEER,
                                                        .request_max = HEAD_MAX + BODY_MAX,
                                                        .ask_ms = ASK_MS,
                                                        .answer_ms = ANSWER_MS,
                                                        .stall_ms = STALL_MS,
                                                        .tls = a->tls,
                                                        .per_second = COMING,
                                                        .bytes_max = TOGETHER_MAX,
                                                        .whole = whole,
                                                        .on_request = on_request,
                                                        .arg = a});
    a->sync = admission_sync_new(s, on_keys, a);
    return 0;
}

struct admission *admission_free(struct admission *a) {
    if (a == NULL) return NULL;
    admission_sync_free(a->sync);
    clients_free(a->clients);
    tls_server_free(a->tls);
    free(a->token);
    free(a);
    return NULL;
}

unsigned admission_port(const struct admission *a) { return a != NULL ? a->port : 0; }
uint64_t admission_count(const struct admission *a, enum admission_outcome o) { return a->counts[o]; }
int64_t admission_ends(const struct admission *a) { return a->ends; }
