/* client.c - HTTP requests with libcurl's multi interface on the supervisor's loop (see kube.h, transfer.h).
 *
 * It uses HTTP/1.1 with kept connections. Easy handles are reused with their options (TLS, keep-alive). So a request
 * needs only a path, a few headers and a body. curl says which sockets it wants to watch and when it wants to be
 * called, and the loop does both. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "peers.h"
#include "status.h"
#include "supervisor/curl/curl_loop.h"
#include "transfer.h"

enum {
    CONNECT_MS = 10000,
    DEFAULT_MS = 30000,
    DEFAULT_BODY = 16 << 20,
    DEFAULT_POOL = 16,
    IDLE_HANDLES = 16,
    BUFFER = 16384,
    HEADERS_MAX = 64 << 10,
    IDLE_CONNECTION_S = 30
};

struct kube_transfer {
    struct kube_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct kube_transfer_opts o;
    char *method, *url, *content_type, *header;
    struct rv_buf body, answer;
    size_t sent; /* bytes of the body that were sent, if the body may be sent only once */
    size_t header_bytes;
    int64_t retry_after_ms;
    int stopped;                 /* the code with which on_data or the size limit ended the transfer */
    unsigned generation, serial; /* the credentials that it uses */
    /* `waiting`: the transfer waits for credentials and has no handle yet. */
    bool retried, waiting, streaming;
    /* `admitted`: its body may be read. `paused`: it waits until its body may be read. */
    bool admitted, paused;
    char why[CURL_ERROR_SIZE];
    struct kube_transfer *next, **back; /* list of all running transfers */
};

struct kube_request {
    struct kube_client *client;
    struct kube_transfer *transfer; /* NULL while the request is queued */
    char *method, *path, *content_type;
    struct rv_buf body;
    unsigned timeout_ms;
    size_t max_body;
    bool once;
    kube_done_fn done;
    void *arg;
    struct kube_request *next, **back; /* list of queued or of running requests */
};

struct kube_client {
    struct loop *loop;
    const struct kube_config *config;
    struct kube_auth *auth;
    bool shares_auth;
    struct kube_auth_listener *auth_listener;
    struct loop_timer *auth_failed; /* reports the failure to waiting requests in a turn of its own */
    unsigned auth_generation;
    struct curl_loop *curl;
    CURLM *multi; /* its easy handles */
    CURL *idle[IDLE_HANDLES];
    size_t idle_n;
    struct kube_transfer *transfers;
    struct kube_request *urgent, **urgent_last, *normal, **normal_last, *running;
    unsigned max_running, running_n, queued_n;
    char *user_agent, *base;
    struct curl_slist *connect_to;
    struct kube_stats stats;
    bool closing, pumping;
};

struct loop *kube_client_loop(const struct kube_client *c) {
    return c->loop;
}
pid_t kube_client_child(const struct kube_client *c) { return kube_auth_child(c->auth); }
struct kube_stats *kube_client_counters(struct kube_client *c) {
    return &c->stats;
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static int code_of_curl(CURLcode c) {
    switch (c) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return RV_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
        return RV_E_UNAUTHORIZED;
    default:
        return RV_E_UNAVAILABLE;
    }
}

/* ---- easy handles --------------------------------------------------------------------------------------- */

/* Called before the first byte of the body is read. */
static bool admit_body(struct kube_transfer *t) {
    curl_off_t length = -1;
    if (t->admitted || t->o.admit == NULL) return true;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    bool known = length >= 0 && (uint64_t)length < t->o.max_body;
    t->admitted = t->o.admit(t->o.arg, known ? (size_t)length : t->o.max_body);
    t->paused = !t->admitted;
    return t->admitted;
}

void kube_transfer_resume(struct kube_transfer *t) {
    if (t == NULL || !t->paused || t->easy == NULL) return;
    t->paused = false;
    (void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    struct kube_transfer *t = arg;
    long http = 0;
    n *= size;
    if (!admit_body(t)) return CURL_WRITEFUNC_PAUSE;
    t->client->stats.bytes_in += n;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &http);
    if (t->o.on_data != NULL && http >= 200 && http < 300) {
        t->streaming = true;
        t->stopped = t->o.on_data(t->o.arg, p, n);
        return t->stopped == 0 ? n : CURL_WRITEFUNC_ERROR;
    }
    if (t->answer.n + n > t->o.max_body) {
        t->stopped = RV_E_TOO_BIG;
        return CURL_WRITEFUNC_ERROR;
    }
    rv_buf_add(&t->answer, p, n);
    return n;
}

/* Also called for trailers, which curl 7.88 keeps without counting them. */
static size_t on_header(char *p, size_t size, size_t n, void *arg) {
    struct kube_transfer *t = arg;
    struct rv_str line = {p, n * size};
    static const char name[] = "retry-after:";
    int64_t seconds;
    t->header_bytes += line.n;
    if (t->header_bytes > HEADERS_MAX) {
        t->stopped = RV_E_TOO_BIG;
        return 0;
    }
    if (line.n > sizeof name - 1 && rv_str_ieq((struct rv_str){p, sizeof name - 1}, name)) {
        struct rv_str v = {p + sizeof name - 1, line.n - (sizeof name - 1)};
        while (v.n > 0 && v.p[0] == ' ') v = (struct rv_str){v.p + 1, v.n - 1};
        while (v.n > 0 && (v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\n' || v.p[v.n - 1] == ' ')) v.n--;
        if (rv_str_to_int(v, 0, 3600, &seconds) == 0) t->retry_after_ms = seconds * 1000;
    }
    return n * size;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
    const struct kube_client *c = arg;
    (void)purpose;
    kube_peers_add(c->config->peers, (const struct sockaddr *)&a->addr);
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose) {
    (void)arg;
    (void)purpose;
    unsigned ms = 30000; /* a peer that has vanished is noticed within half a minute */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    return CURL_SOCKOPT_OK;
}

/* Most connections are idle, above all those of watches. This saves 34 KiB for each. */
static CURLcode on_tls(CURL *easy, void *ctx, void *arg) {
    (void)easy;
    (void)arg;
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return CURLE_OK;
}

/* Copies bytes that may change while curl uses them. */
static void set_blob(CURL *easy, CURLoption option, struct rv_bytes b, const struct rv_buf *first) {
    if (b.n == 0) return;
    struct curl_blob blob = {(void *)(uintptr_t)b.p, b.n, b.p == first->p ? CURL_BLOB_NOCOPY : CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, &blob);
}

static CURL *easy_new(struct kube_client *c) {
    const struct kube_config *k = c->config;
    CURL *easy = curl_easy_init();
    if (easy == NULL) rv_oom();
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A time-out must not wait for getaddrinfo(), which takes 10 s and more if the DNS server does not answer. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, c->user_agent);
    /* All proxy options are set, so that curl does not read the environment itself. */
    curl_easy_setopt(easy, CURLOPT_PROXY, k->proxy != NULL ? k->proxy : k->env_proxy != NULL ? k->env_proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, k->no_proxy != NULL ? k->no_proxy : "");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    if (k->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    } else {
        set_blob(easy, CURLOPT_CAINFO_BLOB, kube_auth_ca(c->auth), &k->ca);
    }
    set_blob(easy, CURLOPT_SSLCERT_BLOB, kube_auth_cert(c->auth), &k->client_cert);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, kube_auth_key(c->auth), &k->client_key);
    if (c->connect_to != NULL) curl_easy_setopt(easy, CURLOPT_CONNECT_TO, c->connect_to);
    return easy;
}

void kube_client_trim(struct kube_client *c) {
    while (c->idle_n > 0) curl_easy_cleanup(c->idle[--c->idle_n]);
}

static CURL *easy_take(struct kube_client *c) {
    if (c->auth_generation != kube_auth_generation(c->auth)) { /* after a new certificate new handles are needed */
        kube_client_trim(c);
        c->auth_generation = kube_auth_generation(c->auth);
    }
    return c->idle_n > 0 ? c->idle[--c->idle_n] : easy_new(c);
}

static void easy_give(struct kube_client *c, CURL *easy, unsigned generation) {
    if (c->idle_n < IDLE_HANDLES && generation == c->auth_generation)
        c->idle[c->idle_n++] = easy;
    else
        curl_easy_cleanup(easy);
}

/* ---- transfers ------------------------------------------------------------------------------------------ */

static void add_header(struct kube_transfer *t, const char *name, const char *value) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%s%s", name, value);
    struct curl_slist *l = curl_slist_append(t->headers, rv_buf_cstr(&b));
    if (l == NULL) rv_oom();
    t->headers = l;
    if (b.p != NULL) explicit_bzero(b.p, b.cap);
}

static void free_headers(struct kube_transfer *t) {
    for (struct curl_slist *h = t->headers; h != NULL; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(t->headers);
    t->headers = NULL;
}

static void set_headers(struct kube_transfer *t) {
    free_headers(t);
    add_header(t, "Accept: ", t->o.accept != NULL ? t->o.accept : "application/json");
    add_header(t, "Expect:", "");
    if (t->content_type != NULL) add_header(t, "Content-Type: ", t->content_type);
    const char *authorization = kube_auth_header(t->client->auth);
    if (authorization != NULL) add_header(t, "Authorization: ", authorization);
    if (t->header != NULL) add_header(t, t->header, "");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static size_t read_body(char *to, size_t size, size_t n, void *arg) {
    struct kube_transfer *t = arg;
    size_t left = t->body.n - t->sent;
    n = n * size < left ? n * size : left;
    if (n != 0) memcpy(to, t->body.p + t->sent, n);
    t->sent += n;
    return n;
}

/* When a kept connection turns out to be dead, curl repeats the request, whatever its method is. It cannot do that if
 * the body comes from a function that does not rewind. Then the request fails. */
static void set_body(struct kube_transfer *t) {
    CURL *e = t->easy;
    t->sent = 0;
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->o.once ? NULL : t->body.p != NULL ? (const char *)t->body.p : "");
    curl_easy_setopt(e, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(e, CURLOPT_READDATA, t);
}

static void set_exchange(struct kube_transfer *t) {
    CURL *e = t->easy;
    bool get = strcmp(t->method, "GET") == 0, body = t->body.n != 0 || strcmp(t->method, "POST") == 0;
    curl_easy_setopt(e, CURLOPT_URL, t->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->o.timeout_ms);
    curl_easy_setopt(e, CURLOPT_USERAGENT, t->o.user_agent != NULL ? t->o.user_agent : t->client->user_agent);
    curl_easy_setopt(e, CURLOPT_HTTPGET, 1L); /* clears what the previous use has set */
    if (body) set_body(t);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, get ? NULL : t->method);
    set_headers(t);
}

static void unlink_transfer(struct kube_transfer *t) {
    *t->back = t->next;
    if (t->next != NULL) t->next->back = t->back;
}

static void drop_handle(struct kube_transfer *t) {
    if (t->easy == NULL) return;
    curl_multi_remove_handle(t->client->multi, t->easy);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
    easy_give(t->client, t->easy, t->generation);
    t->easy = NULL;
}

static void transfer_free(struct kube_transfer *t) {
    unlink_transfer(t);
    drop_handle(t);
    free_headers(t);
    free(t->method);
    free(t->url);
    free(t->content_type);
    if (t->header != NULL) explicit_bzero(t->header, strlen(t->header));
    free(t->header);
    if (t->body.p != NULL) explicit_bzero(t->body.p, t->body.n); /* the body may be a Secret */
    rv_buf_free(&t->body);
    if (t->answer.p != NULL) explicit_bzero(t->answer.p, t->answer.n);
    rv_buf_free(&t->answer);
    free(t);
}

/* Sends the request with the present credentials. */
static void send_out(struct kube_transfer *t) {
    struct kube_client *c = t->client;
    t->waiting = false;
    t->easy = easy_take(c);
    t->generation = c->auth_generation;
    t->serial = kube_auth_serial(c->auth);
    set_exchange(t);
    c->stats.requests++;
    c->stats.bytes_out += t->body.n;
    if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK) rv_oom();
}

static void transfer_begin(struct kube_transfer *t) {
    struct rv_error err = {0};
    t->waiting = true;
    switch (kube_auth_check(t->client->auth, clock_wall(), &err)) {
    case KUBE_AUTH_READY:
        send_out(t);
        break;
    case KUBE_AUTH_WAIT:
        break; /* continued in on_auth() */
    case KUBE_AUTH_FAILED:
        loop_timer_arm(t->client->auth_failed, 0);
        break;
    }
}

static void fail_unsent(struct kube_transfer *t, const struct rv_error *err) {
    struct kube_response r = {.code = RV_E_UNAVAILABLE, .message = rv_str(err->text)};
    t->waiting = false;
    t->client->stats.failures++;
    t->o.on_done(t->o.arg, &r);
    transfer_free(t);
}

static struct kube_transfer *first_waiting(const struct kube_client *c) {
    struct kube_transfer *t = c->transfers;
    while (t != NULL && !t->waiting) t = t->next;
    return t;
}

static void start_queued(struct kube_client *c);

/* The credentials have arrived, or fetching them has failed. */
static void on_auth(void *arg) {
    struct kube_client *c = arg;
    for (struct kube_transfer *t; (t = first_waiting(c)) != NULL;) {
        struct rv_error err = {0};
        enum kube_auth_state state = kube_auth_check(c->auth, clock_wall(), &err);
        if (state == KUBE_AUTH_WAIT) break;
        if (state == KUBE_AUTH_READY)
            send_out(t);
        else
            fail_unsent(t, &err);
    }
    start_queued(c);
}

struct kube_transfer *kube_transfer_start(struct kube_client *c, const struct kube_transfer_opts *o) {
    struct kube_transfer *t = rv_alloc(sizeof *t);
    t->client = c;
    t->o = *o;
    if (t->o.max_body == 0) t->o.max_body = DEFAULT_BODY;
    t->method = rv_strdup(rv_str(o->method));
    t->content_type = o->content_type != NULL ? rv_strdup(rv_str(o->content_type)) : NULL;
    t->header = o->header != NULL ? rv_strdup(rv_str(o->header)) : NULL;
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "%s%s", c->base, o->path);
    t->url = rv_strdup(rv_buf_str(&url));
    rv_buf_add(&t->body, o->body.p, o->body.n);
    t->next = c->transfers;
    if (t->next != NULL) t->next->back = &t->next;
    t->back = &c->transfers;
    c->transfers = t;
    transfer_begin(t);
    return t;
}

void kube_transfer_cancel(struct kube_transfer *t) {
    if (t != NULL) transfer_free(t);
}

static bool transfer_retry(struct kube_transfer *t, long http) {
    struct kube_client *c = t->client;
    if (http != 401 || t->retried || t->streaming || c->closing) return false;
    if (!kube_auth_rejected(c->auth, t->serial, clock_wall())) return false;
    t->retried = true;
    c->stats.retries++;
    rv_buf_clear(&t->answer);
    t->header_bytes = 0;
    drop_handle(t);
    transfer_begin(t);
    return true;
}

static void transfer_finish(struct kube_transfer *t, CURLcode result) {
    struct kube_client *c = t->client;
    long http = 0, sent = 0;
    char *type = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &http);
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    if (result == CURLE_OK && transfer_retry(t, http)) return;
    if (code_of_curl(result) == RV_E_UNAUTHORIZED) kube_auth_distrust_files(c->auth);
    rv_autobuf struct rv_buf mp = {0};
    struct kube_response r = {
        .http_status = (unsigned)http, .retry_after_ms = t->retry_after_ms, .body = rv_buf_bytes(&t->answer)};
    r.content_type = rv_str(type);
    if (result == CURLE_OK && (http < 200 || http >= 300)) kube_status_read(rv_buf_bytes(&t->answer), &mp, &r);
    r.code = t->stopped != 0      ? t->stopped
             : result != CURLE_OK ? code_of_curl(result)
                                  : kube_status_code((unsigned)http, r.reason);
    r.maybe_sent = result != CURLE_OK && sent > 0;
    if (result != CURLE_OK && t->stopped == 0) r.http_status = 0;
    if (r.message.n == 0 && r.code != 0)
        r.message = rv_str(t->why[0] != 0       ? t->why
                           : result != CURLE_OK ? curl_easy_strerror(result)
                                                : rv_error_text(r.code));
    if (r.code != 0) c->stats.failures++;
    if (r.code == RV_E_THROTTLED) c->stats.throttled++;
    void (*done)(void *, const struct kube_response *) = t->o.on_done;
    curl_multi_remove_handle(c->multi, t->easy);
    done(t->o.arg, &r);
    transfer_free(t);
}

static void on_transfer_end(void *arg, CURL *easy, CURLcode result) {
    struct kube_transfer *t = NULL;
    (void)arg;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    transfer_finish(t, result);
}

static void on_curl_turned(void *arg) { start_queued(arg); }

/* ---- requests ------------------------------------------------------------------------------------------- */

static void request_free(struct kube_request *r) {
    free(r->method);
    free(r->path);
    free(r->content_type);
    if (r->body.p != NULL) explicit_bzero(r->body.p, r->body.n);
    rv_buf_free(&r->body);
    free(r);
}

static void request_done(void *arg, const struct kube_response *response) {
    struct kube_request *r = arg;
    struct kube_client *c = r->client;
    *r->back = r->next;
    if (r->next != NULL) r->next->back = r->back;
    c->running_n--;
    r->done(r->arg, response);
    request_free(r);
}

static void run_request(struct kube_client *c, struct kube_request *r) {
    r->next = c->running;
    if (r->next != NULL) r->next->back = &r->next;
    r->back = &c->running;
    c->running = r;
    c->running_n++;
    struct kube_transfer_opts o = {.method = r->method,
                                   .path = r->path,
                                   .content_type = r->content_type,
                                   .body = rv_buf_bytes(&r->body),
                                   .timeout_ms = r->timeout_ms,
                                   .max_body = r->max_body,
                                   .once = r->once,
                                   .on_done = request_done,
                                   .arg = r};
    r->transfer = kube_transfer_start(c, &o);
}

static struct kube_request *pop(struct kube_request **first, struct kube_request ***last) {
    struct kube_request *r = *first;
    if (r == NULL) return NULL;
    *first = r->next;
    if (*first == NULL)
        *last = first;
    else
        (*first)->back = first;
    return r;
}

static void start_queued(struct kube_client *c) {
    if (c->pumping || c->closing) return;
    c->pumping = true;
    while (c->running_n < c->max_running) {
        struct kube_request *r = pop(&c->urgent, &c->urgent_last);
        if (r == NULL) r = pop(&c->normal, &c->normal_last);
        if (r == NULL) break;
        c->queued_n--;
        run_request(c, r);
    }
    c->pumping = false;
}

struct kube_request *kube_send(struct kube_client *c, const struct kube_request_opts *o, kube_done_fn done, void *arg) {
    struct kube_request *r = rv_alloc(sizeof *r);
    r->client = c;
    r->method = rv_strdup(rv_str(o->method));
    r->path = rv_strdup(rv_str(o->path));
    r->content_type = o->content_type != NULL ? rv_strdup(rv_str(o->content_type)) : NULL;
    rv_buf_add(&r->body, o->body.p, o->body.n);
    r->timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : DEFAULT_MS;
    r->max_body = o->max_body;
    r->once = o->once;
    r->done = done;
    r->arg = arg;
    struct kube_request ***last = o->urgent ? &c->urgent_last : &c->normal_last;
    r->back = *last;
    **last = r;
    *last = &r->next;
    c->queued_n++;
    start_queued(c);
    return r;
}

void kube_cancel(struct kube_request *r) {
    if (r == NULL) return;
    struct kube_client *c = r->client;
    *r->back = r->next;
    if (r->next != NULL)
        r->next->back = r->back;
    else if (r->transfer == NULL && c->urgent_last == &r->next)
        c->urgent_last = r->back;
    else if (r->transfer == NULL && c->normal_last == &r->next)
        c->normal_last = r->back;
    if (r->transfer != NULL) {
        c->running_n--;
        kube_transfer_cancel(r->transfer);
    } else {
        c->queued_n--;
    }
    request_free(r);
    start_queued(c);
}

void kube_client_stats(const struct kube_client *c, struct kube_stats *ret) {
    *ret = c->stats;
    ret->in_flight = c->running_n;
    ret->queued = c->queued_n;
}

/* ---- life ----------------------------------------------------------------------------------------------- */

/* With tls-server-name, the URL has the name that the certificate must have, and the connection goes to the real
 * host. */
static void use_server_name(struct kube_client *c) {
    const struct kube_config *k = c->config;
    if (k->tls_server_name == NULL) {
        c->base = rv_strdup(rv_str(k->server));
        return;
    }
    const char *host = strstr(k->server, "://") + 3; /* the URL was checked when it was read */
    size_t n = strcspn(host, "/");
    rv_autobuf struct rv_buf base = {0}, to = {0};
    rv_buf_add(&base, k->server, (size_t)(host - k->server));
    rv_buf_addf(&base, "%s%s", k->tls_server_name, host + n);
    rv_buf_addf(&to, "::%.*s", (int)n, host);
    if (strchr(host, ':') == NULL || host[n - 1] == ']') rv_buf_adds(&to, ":443");
    c->base = rv_strdup(rv_buf_str(&base));
    c->connect_to = curl_slist_append(NULL, rv_buf_cstr(&to));
}

struct kube_client *kube_client_new(struct loop *l, const struct kube_config *cfg, const struct kube_client_opts *o,
                                    struct rv_error *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        rv_error_set(err, RV_E_UNAVAILABLE, "libcurl cannot be initialised");
        return NULL;
    }
    struct kube_client *c = rv_alloc(sizeof *c);
    c->loop = l;
    c->config = cfg;
    c->shares_auth = o->credentials_of != NULL;
    c->auth = c->shares_auth ? o->credentials_of->auth : kube_auth_new(cfg, l);
    c->auth_listener = kube_auth_listen(c->auth, on_auth, c);
    c->auth_failed = loop_timer(l, on_auth, c);
    c->max_running = o->max_connections != 0 ? o->max_connections : DEFAULT_POOL;
    c->user_agent = rv_strdup(rv_str(o->user_agent != NULL ? o->user_agent : "rayvisor"));
    c->urgent_last = &c->urgent;
    c->normal_last = &c->normal;
    use_server_name(c);
    c->curl =
        curl_loop_new(l, &(struct curl_loop_callbacks){.done = on_transfer_end, .turned = on_curl_turned, .arg = c});
    c->multi = curl_loop_multi(c->curl);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->max_running + 32);
    if (!c->shares_auth && kube_auth_refresh(c->auth, clock_wall(), false, err) != 0) return kube_client_free(c);
    return c;
}

static void fail_all(struct kube_request **first, struct kube_request ***last) {
    struct kube_response r = {.code = RV_E_SHUTDOWN, .message = RV_STR("shutting down")};
    for (struct kube_request *q; (q = *first) != NULL;) {
        *first = q->next;
        if (q->next != NULL) q->next->back = first;
        /* `done` may send another request, which gets the same answer. */
        else if (last != NULL)
            *last = first;
        r.maybe_sent = q->transfer != NULL;
        if (q->transfer != NULL) kube_transfer_cancel(q->transfer);
        q->done(q->arg, &r);
        request_free(q);
    }
}

struct kube_client *kube_client_free(struct kube_client *c) {
    if (c == NULL) return NULL;
    c->closing = true;
    fail_all(&c->running, NULL);
    fail_all(&c->urgent, &c->urgent_last);
    fail_all(&c->normal, &c->normal_last);
    while (c->transfers != NULL) transfer_free(c->transfers);
    kube_client_trim(c);
    curl_loop_free(c->curl);
    curl_slist_free_all(c->connect_to);
    kube_auth_unlisten(c->auth_listener);
    loop_timer_free(c->auth_failed);
    if (!c->shares_auth) kube_auth_free(c->auth);
    free(c->user_agent);
    free(c->base);
    free(c);
    curl_global_cleanup();
    return NULL;
}
