/* other_operator.c - see other_operator.h. One request at a time: a list of the Leases of that name. */
#include "other_operator.h"

#include <stdlib.h>

#include "rayvisor/k8s.h"

/* TRIES: so many looks may fail before nothing is known of another operator, and the work begins. */
enum { SEEN_MAX = 64, TRIES = 5, SHORTEST_MS = 1000, LONGEST_MS = 3600000, BODY_MAX = 4 << 20, TIMEOUT_MS = 10000 };
#define MILLISECOND INT64_C(1000000)

struct seen {
    char *ns, *holder, *renewal;
    int64_t at, duration_ms; /* at: when this renewal was seen first, boot time in ms */
    bool fresh, listed;      /* listed: by this look */
};

struct other_operator {
    struct loop *loop;
    struct kube_client *client;
    struct other_operator_opts o;
    char *lease, *own_ns, *own_lease;
    char **namespaces;
    size_t n, at; /* at: which of them is asked now */
    bool everywhere;
    struct loop_timer *tick;
    struct kube_request *request;
    struct seen seen[SEEN_MAX];
    size_t seen_n;
    enum other_operator_state state;
    char *holder, *ns; /* of the last one that was active */
    unsigned failed;
    bool failing;
    bool partial; /* this look was refused somewhere */
};

static int64_t now_ms(void) { return clock_boot() / 1000000; }

enum other_operator_state other_operator_state(const struct other_operator *w) { return w->state; }
const char *other_operator_holder(const struct other_operator *w) { return w->holder; }
const char *other_operator_namespace(const struct other_operator *w) { return w->ns; }

/* ---- what is seen --------------------------------------------------------------------------------------- */

static void forget(struct other_operator *w, size_t i) {
    free(w->seen[i].ns);
    free(w->seen[i].holder);
    free(w->seen[i].renewal);
    w->seen[i] = w->seen[--w->seen_n];
}

/* Leftovers in many namespaces must not hide one that is renewed. One that is forgotten is judged by its own clock when
 * it is seen again. */
static void make_room(struct other_operator *w) {
    for (size_t i = w->seen_n; i-- > 0 && w->seen_n == SEEN_MAX;)
        if (!w->seen[i].fresh) forget(w, i);
}

/* Its entry, made where there is none; NULL: there are too many, and all of them are renewed. */
static struct seen *entry_of(struct other_operator *w, struct rv_str ns, bool *ret_made) {
    *ret_made = false;
    for (size_t i = 0; i < w->seen_n; i++)
        if (rv_str_is(ns, w->seen[i].ns)) return &w->seen[i];
    make_room(w);
    if (w->seen_n == SEEN_MAX) return NULL;
    *ret_made = true;
    w->seen[w->seen_n] = (struct seen){rv_strdup(ns), rv_strdup(RV_STR("")), rv_strdup(RV_STR("")), 0, 0, false, false};
    return &w->seen[w->seen_n++];
}

/* By the clock of whoever renewed it. */
static bool renewed_lately(struct rv_str renewal, int64_t duration_ms) {
    int64_t at;
    return rv_time_parse(renewal, &at) == 0 && at > clock_wall() - duration_ms * MILLISECOND;
}

static void observe(struct other_operator *w, struct rv_val v) {
    struct rv_str ns = rv_path_str(v, "metadata.namespace"), name = rv_path_str(v, "metadata.name"),
                  holder = rv_path_str(v, "spec.holderIdentity"), renewal = rv_path_str(v, "spec.renewTime");
    bool made, ours = rv_str_is(ns, w->own_ns) && rv_str_is(name, w->own_lease);
    if (!rv_str_is(name, w->lease) || ours) return;
    struct seen *s = entry_of(w, ns, &made);
    if (s == NULL) return;
    int64_t seconds = rv_path_int(v, "spec.leaseDurationSeconds", 0);
    s->duration_ms = seconds > LONGEST_MS / 1000 ? LONGEST_MS : seconds * 1000;
    if (s->duration_ms < SHORTEST_MS) s->duration_ms = SHORTEST_MS;
    bool renewed = made ? renewed_lately(renewal, s->duration_ms)
                        : !rv_str_is(renewal, s->renewal) || !rv_str_is(holder, s->holder);
    if (renewed) s->at = now_ms();
    s->fresh = (renewed || s->fresh) && holder.n != 0 && now_ms() - s->at < s->duration_ms;
    s->listed = true;
    rv_str_store(&s->holder, holder);
    rv_str_store(&s->renewal, renewal);
}

static void judge(struct other_operator *w) {
    const struct seen *active = NULL;
    for (size_t i = w->seen_n; i-- > 0;) {
        if (!w->seen[i].listed) forget(w, i);
    }
    for (size_t i = 0; i < w->seen_n; i++) {
        if (w->seen[i].fresh) active = &w->seen[i];
        w->seen[i].listed = false;
    }
    if (active != NULL) {
        rv_str_store(&w->holder, rv_str(active->holder));
        rv_str_store(&w->ns, rv_str(active->ns));
    }
    enum other_operator_state before = w->state;
    w->state = active != NULL ? OTHER_OPERATOR_ACTIVE : OTHER_OPERATOR_NONE;
    if (w->state != before) w->o.on_change(w->o.arg);
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static void request_leases(struct other_operator *w);

static void later(struct other_operator *w) {
    w->at = 0;
    loop_timer_arm(w->tick, w->state == OTHER_OPERATOR_ACTIVE ? w->o.active_pause_ms : w->o.pause_ms);
}

static void report_failure(struct other_operator *w, const struct kube_response *r) {
    if (r == NULL && !w->failing) return;
    w->failing = r != NULL;
    w->o.on_failure(w->o.arg, r);
}

static void request_next_leases(struct other_operator *w) {
    if (!w->everywhere && ++w->at < w->n) {
        request_leases(w);
        return;
    }
    w->failed = 0;
    if (!w->partial) report_failure(w, NULL);
    w->partial = false;
    judge(w);
    later(w);
}

/* Whoever may not look somewhere looks in the other namespaces all the same. What was seen there stays. */
static void on_refused(struct other_operator *w, const struct kube_response *r) {
    if (w->everywhere) {
        w->everywhere = false;
        w->at = 0;
        request_leases(w);
        return;
    }
    for (size_t i = 0; i < w->seen_n; i++)
        if (strcmp(w->seen[i].ns, w->namespaces[w->at]) == 0) w->seen[i].listed = true;
    w->partial = true;
    report_failure(w, r);
    request_next_leases(w);
}

/* Whoever cannot look for long does not wait for ever: nothing is known of another one. What was seen active stays so.
 */
static void on_failed(struct other_operator *w, const struct kube_response *r) {
    w->failed++;
    report_failure(w, r);
    if (w->state == OTHER_OPERATOR_UNKNOWN && w->failed >= TRIES) {
        w->state = OTHER_OPERATOR_NONE;
        w->o.on_change(w->o.arg);
    }
    w->partial = false;
    w->at = 0;
    loop_timer_arm(w->tick, w->state == OTHER_OPERATOR_UNKNOWN ? w->o.active_pause_ms : w->o.pause_ms);
}

static void on_list(void *arg, const struct kube_response *r) {
    struct other_operator *w = arg;
    rv_autobuf struct rv_buf mp = {0};
    struct kube_response shown = *r;
    w->request = NULL;
    if (r->code == 0 && rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &mp, NULL) != 0)
        shown.code = RV_E_PARSE;
    if (shown.code == RV_E_FORBIDDEN || shown.code == RV_E_NOT_FOUND) {
        on_refused(w, &shown);
        return;
    }
    if (shown.code != 0) {
        on_failed(w, &shown);
        return;
    }
    for (struct rv_iter it = rv_iter(rv_val_get((struct rv_val){mp.p, mp.n}, "items")); rv_iter_next(&it);)
        observe(w, it.val);
    request_next_leases(w);
}

/* resourceVersion 0: what the API server has at hand will do. */
static void request_leases(struct other_operator *w) {
    rv_autobuf struct rv_buf field = {0};
    rv_buf_addf(&field, "metadata.name=%s", w->lease);
    rv_autofree char *path = kube_path(
        RV_STR("coordination.k8s.io/v1"), w->everywhere ? RV_STR("") : rv_str(w->namespaces[w->at]), RV_STR("leases"),
        RV_STR(""), RV_STR(""), "fieldSelector", rv_buf_cstr(&field), "resourceVersion", "0", NULL);
    w->request =
        kube_send(w->client,
                  &(struct kube_request_opts){
                      .method = "GET", .path = path, .timeout_ms = TIMEOUT_MS, .max_body = BODY_MAX, .urgent = true},
                  on_list, w);
}

static void on_tick(void *arg) {
    struct other_operator *w = arg;
    if (w->request == NULL) request_leases(w);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

struct other_operator *other_operator_start(struct loop *loop, struct kube_client *c,
                                            const struct other_operator_opts *o) {
    struct other_operator *w = rv_alloc(sizeof *w);
    w->loop = loop;
    w->client = c;
    w->o = *o;
    w->lease = rv_strdup(rv_str(o->lease));
    w->own_ns = rv_strdup(o->own_ns);
    w->own_lease = rv_strdup(o->own_lease);
    w->holder = rv_strdup(RV_STR(""));
    w->ns = rv_strdup(RV_STR(""));
    w->everywhere = o->n == 0;
    w->n = o->n != 0 ? o->n : 1;
    w->namespaces = rv_alloc_array(w->n, sizeof *w->namespaces);
    for (size_t i = 0; i < w->n; i++) w->namespaces[i] = rv_strdup(o->n != 0 ? o->namespaces[i] : o->home);
    w->tick = loop_timer(loop, on_tick, w);
    loop_timer_arm(w->tick, 0);
    return w;
}

struct other_operator *other_operator_free(struct other_operator *w) {
    if (w == NULL) return NULL;
    if (w->request != NULL) kube_cancel(w->request);
    loop_timer_free(w->tick);
    while (w->seen_n > 0) forget(w, 0);
    for (size_t i = 0; i < w->n; i++) free(w->namespaces[i]);
    char *const texts[] = {w->lease, w->own_ns, w->own_lease, w->holder, w->ns};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) free(texts[i]);
    free(w->namespaces);
    free(w);
    return NULL;
}
