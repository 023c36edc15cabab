/* retire.c - clusters that nobody needs any more. One that served goes when its requests have ended, at the earliest
 * after spec.rayClusterDeletionDelaySeconds, at the latest a maximum after that; both moments are in the status.
 *
 * How many requests are under way is what each pod's metrics say. Those of the proxies
 * (ray_serve_num_ongoing_http_requests and its gRPC like) vanish twenty seconds after they last changed (Ray 2.60), so
 * that a long request is no longer in them; those of routers and replicas stay. Ray refreshes them about every ten
 * seconds, so zero counts when it is seen that long after the first zero. What they cannot see: requests that still
 * wait in a client's or a load balancer's connection. Pods that answer no metrics hold nothing up. */
#include <stdlib.h>

#include "fields.h"
#include "pass.h"

enum { ASK_S = 5, SETTLED_S = 12, METRICS_BYTES = 4 << 20, PODS_MAX = 64 };

static struct rs_retired *entry(struct service_pass *p, struct rv_str name) {
    struct rs_state *s = &p->now;
    for (size_t i = 0; i < s->retired_n; i++)
        if (rv_str_eq(s->retired[i].name, name)) return &s->retired[i];
    if (s->retired_n == RS_RETIRED_MAX) return NULL;
    s->retired[s->retired_n] =
        (struct rs_retired){.name = name,
                            .since = rc_time_text(p->arena, p->time),
                            .until = rc_time_text(p->arena, p->time + p->s->delay_ns + p->s->drain_ns)};
    return &s->retired[s->retired_n++];
}

/* ---- ongoing requests -------------------------------------------------------------------------------------------- */

struct asking {
    struct service_pass *p;
    size_t n;
};

static bool ask_pod(void *arg, const struct rv_object *o) {
    struct asking *k = arg;
    struct rv_str ip = rv_path_str(o->value, "status.podIP");
    if (ip.n == 0 || !takes_requests(o->value) || k->n == PODS_MAX) return true;
    k->n += pod_request(k->p, ip, RC_PORT_METRICS, "/metrics", METRICS_BYTES, TAG_METRICS);
    return true;
}

static double number_at_end(struct rv_str line) {
    char text[64];
    size_t at = line.n;
    while (at > 0 && line.p[at - 1] != ' ') at--;
    size_t n = line.n - at < sizeof text - 1 ? line.n - at : 0;
    memcpy(text, line.p + at, n);
    text[n] = 0;
    double v = strtod(text, NULL);
    return v > 0 && v < 1e9 ? v : 0;
}

/* One request stands in the gauges of each of the three. */
enum gauge_of { OF_PROXY, OF_ROUTER, OF_REPLICA, GAUGE_SIDES };

static bool read_gauge(struct rv_str line, double sums[GAUGE_SIDES]) {
    static const struct {
        const char *name;
        enum gauge_of of;
    } gauges[] = {{"ray_serve_num_ongoing_http_requests", OF_PROXY},
                  {"ray_serve_num_ongoing_grpc_requests", OF_PROXY},
                  {"ray_serve_num_ongoing_requests_at_replicas", OF_ROUTER},
                  {"ray_serve_deployment_queued_queries", OF_ROUTER},
                  {"ray_serve_replica_processing_queries", OF_REPLICA}};
    for (size_t i = 0; i < RV_ARRAY_LEN(gauges); i++)
        if (rv_str_starts(line, gauges[i].name)) {
            sums[gauges[i].of] += number_at_end(line);
            return true;
        }
    return false;
}

/* What the gauges in a text of Prometheus say, those of the side that says most; -1: there are none. */
static int64_t ongoing_in(struct rv_str text) {
    double sums[GAUGE_SIDES] = {0}, most = 0;
    bool any = false;
    while (text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        struct rv_str line = {text.p, end != NULL ? (size_t)(end - text.p) : text.n};
        text = end != NULL ? (struct rv_str){end + 1, text.n - line.n - 1} : RV_STR("");
        any |= read_gauge(line, sums);
    }
    for (size_t i = 0; i < GAUGE_SIDES; i++)
        if (sums[i] > most) most = sums[i];
    return any ? (int64_t)(most + 0.5) : -1;
}

void retire_result(struct service_pass *p, const struct rv_result *r) {
    struct service_memo *m = p->memo;
    if ((r->tag & 0xff) != TAG_METRICS || m->drain_left == 0) return;
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    int64_t n = r->code == 0 && r->http_status == 200 && !r->json ? ongoing_in(text) : -1;
    if (n < 0)
        m->drain_failed++;
    else
        m->ongoing_sum += n;
    if (--m->drain_left > 0) return;
    m->drain_blind = m->drain_failed == m->drain_asked;
    m->ongoing = m->ongoing_sum;
    if (m->ongoing > 0)
        m->drained_at = 0;
    else if (m->drained_at == 0)
        m->drained_at = p->time;
}

/* Have its requests ended? Asks as long as it does not know. */
static bool drained(struct service_pass *p, const struct rv_object *o, const struct rs_retired *e) {
    struct service_memo *m = p->memo;
    struct asking k = {.p = p};
    int64_t until = rc_time(e->until);
    if (p->time >= until || p->s->drain_ns == 0) return true;
    if (m->drain_blind) return true; /* nobody says how many there are */
    if (m->drained_at != 0 && p->time >= m->drained_at + SETTLED_S * RC_SECOND) return true;
    if (p->time >= m->next_drain) {
        ctx_list_owned(&p->ctx, KIND_POD, o->uid, ask_pod, &k);
        m->next_drain = p->time + ASK_S * RC_SECOND;
        m->drain_left = (uint32_t)k.n;
        m->drain_asked = (uint32_t)k.n;
        m->drain_failed = 0;
        m->ongoing_sum = 0;
        if (k.n == 0) return true; /* nobody is there to have a request */
    }
    ctx_wake(&p->ctx, m->next_drain);
    ctx_wake(&p->ctx, until);
    return false;
}

/* ---- deletion ---------------------------------------------------------------------------------------------------- */

struct found {
    struct service_pass *p;
    struct rv_object oldest; /* size 0: none */
    int64_t since;
};

/* Without a delay its requests are watched from the switch on. */
static bool each_cluster(void *arg, const struct rv_object *o) {
    struct found *f = arg;
    struct service_pass *p = f->p;
    if (rv_str_eq(o->name, p->now.active.name) || rv_str_eq(o->name, p->now.pending.name)) return true;
    if (!is_owned(p, o)) return true;
    struct rs_retired *e = entry(p, o->name);
    if (e == NULL || rv_meta_deleting(o->value)) return true;
    int64_t since = rc_time(e->since);
    if (f->oldest.size != 0 && since >= f->since) return true;
    f->oldest = *o;
    f->oldest.size = sizeof f->oldest;
    f->since = since;
    return true;
}

/* What is gone, and what is used again, needs no entry. */
static void forget_gone(struct service_pass *p) {
    struct rs_state *s = &p->now;
    size_t n = 0;
    struct rv_object o = {.size = sizeof o};
    for (size_t i = 0; i < s->retired_n; i++) {
        struct rv_str name = s->retired[i].name;
        bool there = ctx_get(&p->ctx, KIND_CLUSTER, name, &o) && is_owned(p, &o);
        if (there && !rv_str_eq(name, s->active.name) && !rv_str_eq(name, s->pending.name))
            s->retired[n++] = s->retired[i];
    }
    s->retired_n = n;
}

void retire_clusters(struct service_pass *p) {
    struct found f = {.p = p};
    forget_gone(p);
    ctx_list_owned(&p->ctx, KIND_CLUSTER, p->s->uid, each_cluster, &f);
    if (f.oldest.size == 0) {
        p->memo->drained_at = p->memo->next_drain = 0;
        p->memo->drain_blind = false;
        p->memo->ongoing = -1;
        return;
    }
    struct rs_retired *e = entry(p, f.oldest.name);
    int64_t earliest = f.since + p->s->delay_ns;
    bool served = p->memo->ongoing > 0;
    if (p->time < earliest) {
        ctx_wake(&p->ctx, earliest);
        if (p->time + INT64_C(2) * SETTLED_S * RC_SECOND < earliest) return;
        (void)drained(p, &f.oldest, e);
        return;
    }
    if (!drained(p, &f.oldest, e)) {
        ctx_explain(&p->ctx,
                    "RayCluster " RV_STR_FMT
                    ": %lld requests are under way; it is deleted when they have ended, at the latest at " RV_STR_FMT,
                    RV_STR_ARG(f.oldest.name), served ? (long long)p->memo->ongoing : 0LL, RV_STR_ARG(e->until));
        return;
    }
    if (!may_write(p)) return;
    ctx_delete(&p->ctx, "ray.io/v1", "rayclusters", f.oldest.name, f.oldest.uid, TAG_CLUSTER_DELETE);
    p->memo->drained_at = p->memo->next_drain = 0;
    p->memo->drain_blind = false;
}

struct each {
    struct service_pass *p;
    struct rv_str one; /* that is still there */
};

static bool delete_each(void *arg, const struct rv_object *o) {
    struct each *e = arg;
    struct service_pass *p = e->p;
    e->one = o->name;
    if (!rv_meta_deleting(o->value) && is_owned(p, o))
        ctx_delete(&p->ctx, "ray.io/v1", "rayclusters", o->name, o->uid, TAG_CLUSTER_DELETE);
    return true;
}

void retire_all(struct service_pass *p) {
    struct each e = {p, {NULL, 0}};
    size_t n = ctx_list_owned(&p->ctx, KIND_CLUSTER, p->s->uid, delete_each, &e);
    if (n > 0)
        ctx_explain(&p->ctx, "being deleted: %zu RayClusters are still there, such as " RV_STR_FMT, n,
                    RV_STR_ARG(e.one));
    else if (rv_meta_has_finalizer(p->s->meta, RS_FINALIZER))
        ctx_set_finalizer(&p->ctx, "rayservices", p->s->meta, RS_FINALIZER, false, TAG_FINALIZER);
}
