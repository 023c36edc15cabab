/* proxy.c - requests through the API server's proxy, and their answers (see proxy.h).
 *
 * Each open request has a TLS connection of its own. It costs some 37 KiB (measured with 1000 requests that hang). So
 * at most HTTP_PROXY_MAX are open; further ones wait, within their time-out. Destinations that gave no answer the last
 * time get at most half of the places. So those that hang do not block those that answer. */
#include "proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "own_answer.h"
#include "pod_names.h"
#include "rayvisor/k8s.h"
#include "supervisor/kube/transfer.h"

enum { PROXY_MS = 10000 /* longer than for direct requests */, SILENT = 16384 };

struct target {
    /* If `ns` is empty, `host` is an address. */
    struct rv_str host, ns, name, rest;
    int64_t port;
    bool tls;
};

struct call {
    struct http_proxy *owner;
    struct kube_transfer *transfer;
    struct loop_timer *deadline; /* used while it waits for its turn */
    char *name;                  /* the name of the service; NULL if `host` is the address of a pod */
    char *host;
    char *where;              /* "NAMESPACE/HOST:PORT" */
    uint32_t whom;            /* a hash of the destination */
    bool running, remembered; /* remembered: the pod's name was not searched for this time */
    int64_t until;            /* monotonic, ns */
    /* `tail` is the rest of the path: "8265/proxy/api/jobs/". */
    char *method, *content_type, *header, *tail;
    char *prefix; /* "https:" or "" */
    struct rv_buf body, ns;
    unsigned timeout_ms;
    size_t max;
    bool repeatable;
    http_answer_fn done;
    void *arg;
    struct call *next, **back;
};

struct http_proxy {
    struct supervisor *s;
    struct call *list, *queue, **queue_last;
    size_t running_n;
    http_admit_fn admit;
    struct pod_names pods;
    /* Hashes of destinations that gave no answer the last time. One hash may replace another. */
    uint32_t silent[SILENT];
    struct held_targets held; /* by call.where, of no address */
};

struct http_proxy *http_proxy_new(struct supervisor *s, http_admit_fn admit) {
    struct http_proxy *p = rv_alloc(sizeof *p);
    p->s = s;
    p->admit = admit;
    p->queue_last = &p->queue;
    return p;
}

static void unlink_call(struct call *c) {
    *c->back = c->next;
    if (c->next != NULL)
        c->next->back = c->back;
    else if (c->owner->queue_last == &c->next)
        c->owner->queue_last = c->back;
}

static void call_free(struct call *c) {
    unlink_call(c);
    if (c->running) c->owner->running_n--;
    loop_timer_free(c->deadline);
    free(c->name);
    free(c->host);
    free(c->where);
    if (c->header != NULL) explicit_bzero(c->header, strlen(c->header));
    free(c->header);
    free(c->method);
    free(c->content_type);
    free(c->tail);
    free(c->prefix);
    rv_buf_free(&c->body);
    rv_buf_free(&c->ns);
    free(c);
}

struct http_proxy *http_proxy_free(struct http_proxy *p) {
    if (p == NULL) return NULL;
    while (p->queue != NULL || p->list != NULL) {
        struct call *c = p->queue != NULL ? p->queue : p->list;
        kube_transfer_cancel(c->transfer); /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
        c->done(c->arg, &(struct http_answer){.code = RV_E_SHUTDOWN, .message = RV_STR("shutting down")});
        call_free(c);
    }
    pod_names_free(&p->pods);
    held_targets_free(&p->held);
    free(p);
    return NULL;
}

/* ---- URLs ----------------------------------------------------------------------------------------------- */

static struct rv_str until(struct rv_str *s, char stop) {
    const char *at = s->n != 0 ? memchr(s->p, stop, s->n) : NULL;
    struct rv_str head = {s->p, at != NULL ? (size_t)(at - s->p) : s->n};
    *s = at != NULL ? (struct rv_str){at + 1, s->n - head.n - 1} : RV_STR("");
    return head;
}

static bool is_address(struct rv_str host) {
    struct in6_addr a;
    rv_autofree char *text = rv_strdup(host);
    return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

static bool is_service(struct target *t) {
    struct rv_str rest = t->host;
    t->name = until(&rest, '.');
    t->ns = until(&rest, '.');
    struct rv_str svc = until(&rest, '.');
    return rv_str_is(svc, "svc") && rv_name_dns1123_label(t->name) == NULL && rv_name_dns1123_label(t->ns) == NULL;
}

static bool parse(struct rv_str url, struct target *t) {
    *t = (struct target){.tls = rv_str_starts(url, "https://")};
    if (!t->tls && !rv_str_starts(url, "http://")) return false;
    size_t skip = t->tls ? 8 : 7, n = 0;
    struct rv_str authority = {url.p + skip, url.n - skip};
    while (n < authority.n && strchr("/?#", authority.p[n]) == NULL) n++;
    t->rest = (struct rv_str){authority.p + n, authority.n - n};
    authority.n = n;
    if (authority.n > 0 && authority.p[0] == '[') {
        authority = (struct rv_str){authority.p + 1, authority.n - 1};
        t->host = until(&authority, ']');
        if (rv_str_starts(authority, ":")) authority = (struct rv_str){authority.p + 1, authority.n - 1};
    } else {
        t->host = until(&authority, ':');
    }
    t->port = t->tls ? 443 : 80;
    if (authority.n != 0 && rv_str_to_int(authority, 1, 65535, &t->port) != 0) return false;
    if (is_service(t)) return true;
    t->ns = t->name = RV_STR("");
    return is_address(t->host);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static void start_queued(struct http_proxy *p);

static void end_call(struct call *c, const struct http_answer *a) {
    struct http_proxy *p = c->owner;
    uint32_t *silent = &p->silent[c->whom % SILENT];
    if (c->running && a->code == RV_E_TIMEOUT)
        *silent = c->whom;
    else if (c->running && *silent == c->whom)
        *silent = 0;
    c->done(c->arg, a);
    call_free(c);
    start_queued(p);
}

static unsigned left_ms(const struct call *c) {
    int64_t ms = clock_left_ms(c->until);
    return ms > 0 ? (unsigned)ms : 1;
}

/* Returns true if the answer is from the API server itself. */
static bool is_refusal(const struct kube_response *r, struct rv_val body) {
    return r->http_status >= 400 && rv_str_is(rv_path_str(body, "kind"), "Status") &&
           rv_str_is(rv_path_str(body, "apiVersion"), "v1") && rv_str_is(rv_path_str(body, "status"), "Failure");
}

static void find_pod(struct call *c);

/* The API server refused a request to a pod: its name may be outdated. Returns true if the pod is searched for and
 * asked once more: if its name was remembered, and no pod is called so. */
static bool doubt_name(struct call *c, bool no_such_pod) {
    if (c->name != NULL) return false;
    pod_names_forget(&c->owner->pods, rv_buf_str(&c->ns), rv_str(c->host));
    bool again = no_such_pod && c->remembered;
    c->remembered = false;
    if (again) find_pod(c);
    return again;
}

static const struct kube_peer no_address;

static struct http_answer held_answer(const char *where, struct rv_buf *text) {
    rv_buf_addf(text, "refused: %s is " OWN_ANSWER_IS, where);
    return (struct http_answer){.code = RV_E_DENIED, .message = rv_buf_str(text)};
}

/* An operator has answered. */
static void hold(struct call *c) {
    rv_autobuf struct rv_buf text = {0};
    held_targets_add(&c->owner->held, c->where, &no_address);
    struct http_answer a = held_answer(c->where, &text);
    end_call(c, &a);
}

static void on_answer(void *arg, const struct kube_response *r) {
    struct call *c = arg;
    c->transfer = NULL;
    if (own_answer_is(r->http_status, r->content_type)) {
        hold(c);
        return;
    }
    struct http_answer a = {.status = r->http_status, .body = r->body};
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    bool says_json = rv_str_starts(r->content_type, "application/json") && text.n != 0;
    int parsed = says_json ? rv_json_to_mp(text, NULL, &mp, &err) : 0;
    if (r->http_status == 0 || (r->code == RV_E_TOO_BIG && r->http_status != 413)) {
        a = (struct http_answer){.code = r->code, .message = r->message};
    } else if (parsed != 0) {
        a.code = parsed;
        a.body = (struct rv_bytes){NULL, 0};
        a.message = rv_str(err.text);
        /* There is no such service; this is reported like an unknown name. */
    } else if (says_json && is_refusal(r, (struct rv_val){mp.p, mp.n})) {
        if (doubt_name(c, r->code == RV_E_NOT_FOUND)) return;
        a = (struct http_answer){.code = r->code == RV_E_NOT_FOUND ? RV_E_UNAVAILABLE : r->code, .message = r->message};
    } else if (says_json) {
        a.json = true;
        a.body = rv_buf_bytes(&mp);
    }
    end_call(c, &a);
}

static bool on_admit(void *arg, size_t n) {
    const struct call *c = arg;
    return c->owner->admit == NULL || c->owner->admit(c->arg, n);
}

void http_proxy_resume(struct http_proxy *p) {
    for (struct call *c = p->list; c != NULL; c = c->next) kube_transfer_resume(c->transfer);
}

static void send_to(struct call *c, const char *resource, struct rv_str name) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "/api/v1/namespaces/" RV_STR_FMT "/%s/%s" RV_STR_FMT ":%s", RV_STR_ARG(rv_buf_str(&c->ns)),
                resource, c->prefix, RV_STR_ARG(name), c->tail);
    struct kube_transfer_opts o = {.method = c->method,
                                   .path = rv_buf_cstr(&path),
                                   .content_type = c->content_type,
                                   .header = c->header,
                                   .admit = on_admit,
                                   .accept = "*/*",
                                   .user_agent = OWN_ANSWER_USER_AGENT,
                                   .body = rv_buf_bytes(&c->body),
                                   .timeout_ms = left_ms(c),
                                   .max_body = c->max,
                                   .once = !c->repeatable,
                                   .on_done = on_answer,
                                   .arg = c};
    c->transfer = kube_transfer_start(c->owner->s->client, &o);
}

/* ---- pods by address ------------------------------------------------------------------------------------ */

static void on_pods(void *arg, const struct kube_response *r) {
    struct call *c = arg;
    c->transfer = NULL;
    rv_autobuf struct rv_buf mp = {0};
    struct rv_str name = {0};
    int code =
        r->code != 0 ? r->code : rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &mp, NULL);
    for (struct rv_iter it = rv_iter(rv_val_get((struct rv_val){mp.p, mp.n}, "items")); code == 0 && rv_iter_next(&it);)
        if (!rv_path_bool(it.val, "spec.hostNetwork", false) &&
            rv_str_is(rv_path_str(it.val, "status.phase"), "Running"))
            name = rv_path_str(it.val, "metadata.name");
    if (code != 0)
        end_call(c, &(struct http_answer){.code = code, .message = r->message});
    else if (name.n == 0)
        end_call(c, &(struct http_answer){.code = RV_E_UNAVAILABLE,
                                          .message = RV_STR("no running pod of the namespace has this address")});
    else {
        pod_names_put(&c->owner->pods, rv_buf_str(&c->ns), rv_str(c->host), name);
        send_to(c, "pods", name);
    }
}

static void find_pod(struct call *c) {
    rv_autobuf struct rv_buf selector = {0};
    rv_buf_addf(&selector, "status.podIP=%s", c->host);
    rv_autofree char *path = kube_path(RV_STR("v1"), rv_buf_str(&c->ns), RV_STR("pods"), RV_STR(""), RV_STR(""),
                                       "fieldSelector", rv_buf_cstr(&selector), NULL);
    struct kube_transfer_opts o = {
        .method = "GET", .path = path, .timeout_ms = left_ms(c), .on_done = on_pods, .arg = c};
    c->transfer = kube_transfer_start(c->owner->s->client, &o);
}

static void send_to_pod(struct call *c) {
    struct rv_str name = pod_names_get(&c->owner->pods, rv_buf_str(&c->ns), rv_str(c->host));
    c->remembered = name.n != 0;
    if (c->remembered)
        send_to(c, "pods", name);
    else
        find_pod(c);
}

/* ---- turns ---------------------------------------------------------------------------------------------- */

static bool may_start(const struct call *c) {
    bool silent = c->owner->silent[c->whom % SILENT] == c->whom;
    return c->owner->running_n < (silent ? HTTP_PROXY_MAX / 2 : HTTP_PROXY_MAX);
}

static void start(struct call *c) {
    struct http_proxy *p = c->owner;
    unlink_call(c);
    c->next = p->list;
    if (c->next != NULL) c->next->back = &c->next;
    c->back = &p->list;
    p->list = c;
    p->running_n++;
    c->running = true;
    c->deadline = loop_timer_free(c->deadline);
    if (c->name != NULL)
        send_to(c, "services", rv_str(c->name));
    else
        send_to_pod(c);
}

static void start_queued(struct http_proxy *p) {
    for (struct call *c = p->queue, *next; c != NULL && p->running_n < HTTP_PROXY_MAX; c = next) {
        next = c->next;
        if (may_start(c)) start(c);
    }
}

static void on_deadline(void *arg) {
    struct call *c = arg;
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "not sent: %zu requests through the API server get no answer (waited %u ms)",
                c->owner->running_n, c->timeout_ms);
    end_call(c, &(struct http_answer){.code = RV_E_TIMEOUT, .message = rv_buf_str(&text)});
}

static void enqueue(struct call *c) {
    struct http_proxy *p = c->owner;
    c->back = p->queue_last;
    *p->queue_last = c;
    p->queue_last = &c->next;
    if (may_start(c)) {
        start(c);
        return;
    }
    c->deadline = loop_timer(p->s->loop, on_deadline, c);
    loop_timer_arm(c->deadline, left_ms(c));
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static char *text_or_null(struct rv_str s) { return s.n != 0 ? rv_strdup(s) : NULL; }

static struct call *call_new(struct http_proxy *p, const struct target *t, const struct rv_http_request *r) {
    struct call *c = rv_alloc(sizeof *c);
    rv_autobuf struct rv_buf tail = {0};
    bool rooted = rv_str_starts(t->rest, "/");
    rv_buf_addf(&tail, "%lld/proxy%s" RV_STR_FMT, (long long)t->port, rooted ? "" : "/", RV_STR_ARG(t->rest));
    c->owner = p;
    c->tail = rv_strdup(rv_buf_str(&tail));
    c->prefix = rv_strdup(rv_str(t->tls ? "https:" : ""));
    c->method = rv_strdup(r->method);
    c->content_type = text_or_null(r->content_type);
    c->timeout_ms = http_request_ms(r, PROXY_MS);
    c->max = http_request_max_bytes(r);
    c->repeatable = http_request_repeatable(r);
    rv_buf_add(&c->body, r->body.p, r->body.n);
    c->until = clock_monotonic() + (int64_t)c->timeout_ms * 1000000;
    c->name = text_or_null(t->name);
    c->host = rv_strdup(t->host);
    return c;
}

/* True for the API server's own service. It is never a Ray endpoint, and the request would have the rights of the
 * supervisor. */
static bool is_api_server(const struct target *t) {
    return rv_str_is(t->ns, "default") && rv_str_is(t->name, "kubernetes");
}

/* True for the header that identifies the supervisor to the API server. The API server would not forward it. */
static bool takes_our_header(const char *credential) {
    static const char name[] = "authorization:";
    struct rv_str line = rv_str(credential);
    return line.n >= sizeof name - 1 && rv_str_ieq((struct rv_str){line.p, sizeof name - 1}, name);
}

bool http_proxy_send(struct http_proxy *p, struct rv_str ns, const struct rv_http_request *r, const char *credential,
                     http_answer_fn done, void *arg) {
    struct target t;
    if (r->http2 != 0 || !parse(r->url, &t)) return false;
    if (is_api_server(&t)) {
        done(arg, &(struct http_answer){.code = RV_E_DENIED, .message = RV_STR("the service is the API server's")});
        return true;
    }
    if (takes_our_header(credential)) {
        done(arg,
             &(struct http_answer){
                 .code = RV_E_INVALID,
                 .message = RV_STR("with kubernetes.proxyHttp a credential cannot go into the header Authorization: "
                                   "that is the supervisor's own. Name another in auth_header (Ray reads "
                                   "x-ray-authorization)")});
        return true;
    }
    struct rv_str of = t.ns.n != 0 ? t.ns : ns;
    rv_autobuf struct rv_buf where = {0}, text = {0};
    rv_buf_addf(&where, RV_STR_FMT "/" RV_STR_FMT ":%lld", RV_STR_ARG(of), RV_STR_ARG(t.host), (long long)t.port);
    if (held_targets_have(&p->held, rv_buf_cstr(&where), &no_address)) {
        struct http_answer a = held_answer(rv_buf_cstr(&where), &text);
        done(arg, &a);
        return true;
    }
    struct call *c = call_new(p, &t, r);
    c->where = rv_strdup(rv_buf_str(&where));
    c->header = credential != NULL ? rv_strdup(rv_str(credential)) : NULL;
    c->done = done;
    c->arg = arg;
    rv_buf_add_str(&c->ns, of);
    c->whom = hash_key(rv_buf_str(&c->ns), t.host);
    enqueue(c);
    return true;
}
