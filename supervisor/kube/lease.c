/* lease.c - see lease.h. It has at most one request in flight: it reads, takes, renews or releases the Lease. */
#include "lease.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/json_writer.h"
#include "rayvisor/k8s.h"

enum { SOON_MS = 100, RELEASE_MS = 3000 };

struct lease {
    struct loop *loop;
    struct kube_client *client;
    struct lease_opts o;
    char *ns, *name, *identity, *path, *collection;
    struct loop_timer *tick, *deadline;
    struct kube_request *request;
    /* as last read from the API server */
    char *holder, *renewal, *version;
    /* `seen_at`: when this renewal was first seen, by our clock. */
    int64_t seen_at, duration_ms, transitions;
    /* about our own requests */
    /* `renewed_at`: when the request that renewed the Lease was sent. */
    int64_t asked_at, renewed_at, renewed_wall;
    bool held, ended, had_holder, failing;
    void (*released)(void *arg);
    void *released_arg;
};

static int64_t now_ms(void) { return clock_boot() / 1000000; }

bool lease_holds(const struct lease *l) { return l->held && now_ms() - l->renewed_at < l->o.renew_ms; }
const char *lease_holder(const struct lease *l) { return l->holder; }
bool lease_had_holder(const struct lease *l) { return l->had_holder; }
int64_t lease_renewed(const struct lease *l) { return l->renewed_wall; }

static void later(struct lease *l) {
    int64_t ms = l->o.retry_ms;
    /* The random part keeps instances from asking together. */
    if (!l->ended) loop_timer_arm(l->tick, ms + clock_wall() / 1000 % (ms / 5 + 1));
}

/* The timers do nothing from here on. */
static void lose(struct lease *l) {
    l->held = false;
    l->ended = true;
    l->o.on_change(l->o.arg, LEASE_LOST);
}

static void on_deadline(void *arg) {
    struct lease *l = arg;
    if (l->held && !lease_holds(l))
        lose(l);
    else if (l->held) /* the clocks differ by the time asleep, and timers may be early by a moment */
        loop_timer_arm(l->deadline, l->renewed_at + l->o.renew_ms - now_ms() + 1);
}

static void send(struct lease *l, const char *method, const char *path, const char *type, const struct rv_buf *body,
                 kube_done_fn done) {
    int64_t timeout = l->o.renew_ms / 2;
    l->asked_at = now_ms();
    l->request = kube_send(l->client,
                           &(struct kube_request_opts){.method = method,
                                                       .path = path,
                                                       .content_type = type,
                                                       .body = rv_buf_bytes(body),
                                                       .timeout_ms = (unsigned)(timeout < 1000 ? 1000 : timeout),
                                                       .max_body = 1 << 20,
                                                       .urgent = true},
                           done, l);
}

/* ---- what the server says ------------------------------------------------------------------------------- */

/* Returns false if the body is no Lease. A renewal counts from the time at which it was seen, because the clocks of
 * other machines are not trusted. */
static bool observe(struct lease *l, struct rv_bytes body) {
    rv_autobuf struct rv_buf mp = {0};
    if (rv_json_to_mp((struct rv_str){(const char *)body.p, body.n}, NULL, &mp, NULL) != 0) return false;
    struct rv_val v = {mp.p, mp.n};
    struct rv_str holder = rv_path_str(v, "spec.holderIdentity"), renewal = rv_path_str(v, "spec.renewTime"),
                  version = rv_path_str(v, "metadata.resourceVersion");
    if (version.n == 0) return false;
    bool other = l->seen_at == 0 || !rv_str_is(holder, l->holder);
    if (other || !rv_str_is(renewal, l->renewal)) l->seen_at = now_ms();
    rv_str_store(&l->holder, holder);
    l->had_holder |= holder.n != 0;
    rv_str_store(&l->renewal, renewal);
    rv_str_store(&l->version, version);
    l->duration_ms = rv_path_int(v, "spec.leaseDurationSeconds", 0) * 1000;
    l->transitions = rv_path_int(v, "spec.leaseTransitions", 0);
    if (other && holder.n != 0 && !rv_str_is(holder, l->identity)) l->o.on_change(l->o.arg, LEASE_FOLLOWED);
    return true;
}

static bool mine(const struct lease *l) { return strcmp(l->holder, l->identity) == 0; }

static bool is_free(const struct lease *l) {
    int64_t wait = l->duration_ms > l->o.duration_ms ? l->duration_ms : l->o.duration_ms;
    return l->holder[0] == 0 || now_ms() - l->seen_at >= wait;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void request_lease(struct lease *l);

static void report_failure(struct lease *l, const char *verb, const struct kube_response *r) {
    if (r == NULL && !l->failing) return;
    l->failing = r != NULL;
    if (l->o.on_failure != NULL) l->o.on_failure(l->o.arg, verb, r);
}

static void on_written(void *arg, const struct kube_response *r) {
    struct lease *l = arg;
    l->request = NULL;
    if (l->ended) return;
    if (r->code == 0 && observe(l, r->body) && mine(l)) {
        bool won = !l->held;
        l->renewed_at = l->asked_at;
        l->renewed_wall = clock_wall();
        l->held = true;
        loop_timer_arm(l->deadline, l->o.renew_ms);
        later(l);
        report_failure(l, NULL, NULL);
        if (won) l->o.on_change(l->o.arg, LEASE_WON);
    } else if (r->code == RV_E_CONFLICT || r->code == RV_E_EXISTS || r->code == RV_E_NOT_FOUND) {
        rv_str_store(&l->version,
                     RV_STR("")); /* another instance was faster, or the Lease was deleted: read it again */
        loop_timer_arm(l->tick, SOON_MS);
    } else {
        report_failure(l, l->version[0] != 0 ? "patch" : "create", r);
        later(l);
    }
}

/* `taken`: we take it, from nobody or from another instance. */
static void write_spec(const struct lease *l, bool taken, struct jsonw *w) {
    char now[40];
    rv_time_format_micro(clock_wall(), now);
    jsonw_begin_object(w, "spec");
    jsonw_text(w, "holderIdentity", l->identity);
    jsonw_int(w, "leaseDurationSeconds", (l->o.duration_ms + 999) / 1000);
    jsonw_text(w, "renewTime", now);
    if (taken) {
        jsonw_text(w, "acquireTime", now);
        jsonw_int(w, "leaseTransitions", l->version[0] != 0 ? l->transitions + 1 : 0);
    }
    jsonw_end_object(w);
}

static void create(struct lease *l) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "apiVersion", "coordination.k8s.io/v1");
    jsonw_text(&w, "kind", "Lease");
    jsonw_begin_object(&w, "metadata");
    jsonw_text(&w, "name", l->name);
    jsonw_end_object(&w);
    write_spec(l, true, &w);
    jsonw_end_object(&w);
    send(l, "POST", l->collection, "application/json", &b, on_written);
}

/* With the resourceVersion the patch fails if another instance has written in between. */
static void begin_patch(const struct lease *l, struct jsonw *w) {
    jsonw_begin_object(w, NULL);
    jsonw_begin_object(w, "metadata");
    jsonw_text(w, "resourceVersion", l->version);
    jsonw_end_object(w);
}

static void renew(struct lease *l) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    begin_patch(l, &w);
    write_spec(l, !mine(l), &w);
    jsonw_end_object(&w);
    send(l, "PATCH", l->path, "application/merge-patch+json", &b, on_written);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static void on_read(void *arg, const struct kube_response *r) {
    struct lease *l = arg;
    l->request = NULL;
    if (l->ended) return;
    if (r->code == RV_E_NOT_FOUND) {
        create(l);
        return;
    }
    if (r->code != 0 || !observe(l, r->body)) {
        report_failure(l, "get", r);
        later(l);
        return;
    }
    if (l->held && !mine(l)) {
        lose(l); /* another instance has taken it */
    } else if (mine(l) || is_free(l)) {
        renew(l);
    } else {
        report_failure(l, NULL, NULL);
        later(l);
    }
}

/* The holder knows what it wrote and writes again. The others read first. */
static void request_lease(struct lease *l) {
    if (l->held && l->version[0] != 0)
        renew(l);
    else
        send(l, "GET", l->path, NULL, &(struct rv_buf){0}, on_read);
}

static void on_tick(void *arg) {
    struct lease *l = arg;
    if (l->request == NULL && !l->ended) request_lease(l);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

struct lease *lease_start(struct loop *loop, struct kube_client *c, const struct lease_opts *o) {
    struct rv_str api = RV_STR("coordination.k8s.io/v1"), leases = RV_STR("leases"), none = {NULL, 0};
    struct lease *l = rv_alloc(sizeof *l);
    l->loop = loop;
    l->client = c;
    l->o = *o;
    l->ns = rv_strdup(rv_str(o->ns));
    l->name = rv_strdup(rv_str(o->name));
    l->identity = rv_strdup(rv_str(o->identity));
    l->path = kube_path(api, rv_str(l->ns), leases, rv_str(l->name), none, NULL);
    l->collection = kube_path(api, rv_str(l->ns), leases, none, none, NULL);
    l->holder = rv_strdup(none);
    l->renewal = rv_strdup(none);
    l->version = rv_strdup(none);
    l->tick = loop_timer(loop, on_tick, l);
    l->deadline = loop_timer(loop, on_deadline, l);
    loop_timer_arm(l->tick, 0);
    return l;
}

struct lease *lease_free(struct lease *l) {
    if (l == NULL) return NULL;
    if (l->request != NULL) kube_cancel(l->request);
    loop_timer_free(l->tick);
    loop_timer_free(l->deadline);
    char *const texts[] = {l->ns, l->name, l->identity, l->path, l->collection, l->holder, l->renewal, l->version};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) free(texts[i]);
    free(l);
    return NULL;
}

static void on_given_up(void *arg, const struct kube_response *r) {
    struct lease *l = arg;
    (void)r; /* if the server does not get it, the others wait until the Lease has expired */
    l->request = NULL;
    l->released(l->released_arg);
}

void lease_release(struct lease *l, void (*done)(void *arg), void *arg) {
    bool held = l->held && l->version[0] != 0;
    l->held = false;
    l->ended = true;
    loop_timer_disarm(l->tick);
    loop_timer_disarm(l->deadline);
    if (l->request != NULL) kube_cancel(l->request);
    l->request = NULL;
    if (!held) {
        loop_defer(l->loop, done, arg);
        return;
    }
    rv_autobuf struct rv_buf b = {0};
    l->released = done;
    l->released_arg = arg;
    struct jsonw w = {.out = &b};
    begin_patch(l, &w);
    jsonw_begin_object(&w, "spec");
    jsonw_text(&w, "holderIdentity", "");
    jsonw_int(&w, "leaseDurationSeconds", 1);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
    l->o.renew_ms = RELEASE_MS; /* a short time-out */
    send(l, "PATCH", l->path, "application/merge-patch+json", &b, on_given_up);
}
