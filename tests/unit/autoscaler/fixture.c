/* fixture.c - see fixture.h. */
#include "tests/unit/autoscaler/fixture.h"

#include "gcs.pb-c.h"
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"

#include <stdio.h>
#include <stdlib.h>

const struct rv_plugin *rv_plugin_v3(void);

static struct fixture *of(struct rv_host *h) { return (struct fixture *)(void *)h; }

uint64_t fixture_luck(struct fixture *w, uint64_t n) {
    w->luck = w->luck * 6364136223846793005U + 1442695040888963407U;
    return (w->luck >> 33) % n;
}

static void wrong(struct fixture *w, const char *fmt, ...) RV_PRINTF(2, 3);
static void wrong(struct fixture *w, const char *fmt, ...) {
    if (w->wrong[0] != 0) return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->wrong, sizeof w->wrong, fmt, ap);
    va_end(ap);
}

static void record(struct fixture *w, const char *fmt, ...) RV_PRINTF(2, 3);
static void record(struct fixture *w, const char *fmt, ...) {
    if (w->record == NULL) return;
    va_list ap;
    va_start(ap, fmt);
    rv_buf_addf(w->record, "  %lld ms: ", (long long)(w->now - FIXTURE_BEGINS));
    rv_buf_vaddf(w->record, fmt, ap);
    rv_buf_addc(w->record, '\n');
    va_end(ap);
}

/* ---- looking -------------------------------------------------------------------------------------------- */

static bool stays(const struct fixture_pod *p) { return p->used && !p->head && !p->ended && p->gone_at == NEVER; }

static bool named(const struct fixture *w, const struct fixture_pod *p) {
    if (p->group < 0) return false;
    for (int i = 0; i < w->groups[p->group].n_to_delete; i++)
        if (strcmp(w->groups[p->group].to_delete[i], p->name) == 0) return true;
    return false;
}

int fixture_workers(const struct fixture *w, int group) {
    int n = 0;
    for (int i = 0; i < FIXTURE_PODS; i++)
        n += stays(&w->pods[i]) && !named(w, &w->pods[i]) && (group < 0 || w->pods[i].group == group);
    return n;
}

int fixture_waiting(const struct fixture *w) {
    int n = 0;
    for (int i = 0; i < FIXTURE_TASKS; i++) n += w->tasks[i].used && w->tasks[i].pod < 0;
    return n;
}

double fixture_metric(const struct fixture *w, const char *name, const char *label) {
    for (int i = 0; i < FIXTURE_METRICS; i++)
        if (strcmp(w->metrics[i].name, name) == 0 && strcmp(w->metrics[i].label, label) == 0)
            return w->metrics[i].value;
    return -1;
}

struct fixture_pod *fixture_pod(struct fixture *w, const char *name) {
    for (int i = 0; i < FIXTURE_PODS; i++)
        if (w->pods[i].used && strcmp(w->pods[i].name, name) == 0) return &w->pods[i];
    return NULL;
}

/* ---- objects as the mirror shows them: fixture_objects.c ------------------------------------------------------ */

static int32_t api_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    struct fixture *w = of(h);
    for (int i = 0; kind == 2 && i < FIXTURE_PODS; i++)
        if (w->pods[i].used && w->pods[i].head && rv_str_is(name, w->pods[i].name)) {
            struct rv_object o = fixture_object(w, &w->pods[i], kind);
            rv_object_copy(ret, &o);
            return 0;
        }
    for (int i = 0; kind == 3 && ns.n == 0 && i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (!p->used || name.n < 2 || !rv_str_is((struct rv_str){name.p + 2, name.n - 2}, p->name)) continue;
        rv_autobuf struct rv_buf b = {0};
        fixture_write_machine(w, p, &b);
        struct rv_object o = {.size = sizeof o, .kind = kind, .name = name, .value = fixture_json(w->pass_arena, &b)};
        rv_object_copy(ret, &o);
        return 0;
    }
    if (kind != 0) return RV_E_NOT_FOUND;
    if (w->object_of != w->generation) fixture_make_cluster(w);
    rv_object_copy(ret, &w->object);
    return 0;
}

static int64_t api_list(struct rv_host *h, const struct rv_query *q, rv_list_fn fn, void *arg) {
    struct fixture *w = of(h);
    int64_t n = 0;
    (void)q;
    for (int i = 0; i < FIXTURE_PODS; i++) {
        const struct fixture_pod *p = &w->pods[i];
        if (!p->used) continue;
        n++;
        if (fn == NULL) continue;
        struct rv_object o = fixture_object(w, p, 1);
        if (!fn(arg, &o)) break;
    }
    return n;
}

/* ---- the control store ------------------------------------------------------------------------------------ */

#define NEW(a, type, init)                                                                                             \
    __extension__({                                                                                                    \
        type *new_ = rv_arena_alloc((a), sizeof *new_);                                                                \
        *new_ = (type)init;                                                                                            \
        new_;                                                                                                          \
    })

static ProtobufCBinaryData text(const char *s) { return (ProtobufCBinaryData){strlen(s), (uint8_t *)(uintptr_t)s}; }

static Gcs__Amount **amounts(struct rv_arena *a, size_t *ret_n, const char *name, double value, bool head) {
    Gcs__Amount **list = rv_arena_alloc(a, 3 * sizeof *list);
    *ret_n = 0;
    if (value > 0) {
        Gcs__Amount *one = NEW(a, Gcs__Amount, GCS__AMOUNT__INIT);
        one->name = text(name);
        one->value = value;
        list[(*ret_n)++] = one;
    }
    if (head) {
        Gcs__Amount *one = NEW(a, Gcs__Amount, GCS__AMOUNT__INIT);
        one->name = text("node:__internal_head__");
        one->value = 1;
        list[(*ret_n)++] = one;
    }
    return list;
}

static Gcs__NodeState *node_state(struct fixture *w, const struct fixture_pod *p) {
    struct rv_arena *a = w->pass_arena;
    Gcs__NodeState *n = NEW(a, Gcs__NodeState, GCS__NODE_STATE__INIT);
    int cpu = p->head ? 0 : w->groups[p->group].cpu;
    struct rv_str id = rv_arena_fmt(a, "node-%023d", p->number);
    n->node_id = (ProtobufCBinaryData){id.n, (uint8_t *)(uintptr_t)id.p};
    n->instance_id = text(p->name);
    n->total = amounts(a, &n->n_total, "CPU", cpu, p->head);
    n->available = amounts(a, &n->n_available, "CPU", cpu - p->busy, p->head);
    n->status = p->draining ? 4 : p->busy == 0 && w->now > p->idle_since ? 3 : 1;
    if (!p->node && !p->head) n->status = 2;
    n->idle_ms = p->busy == 0 ? w->now - p->idle_since : 0;
    return n;
}

static Gcs__ResourceRequestByCount *by_count(struct rv_arena *a, int cpu, int count) {
    Gcs__ResourceRequestByCount *d = NEW(a, Gcs__ResourceRequestByCount, GCS__RESOURCE_REQUEST_BY_COUNT__INIT);
    d->request = NEW(a, Gcs__ResourceRequest, GCS__RESOURCE_REQUEST__INIT);
    d->request->bundle = amounts(a, &d->request->n_bundle, "CPU", cpu, false);
    d->count = count;
    return d;
}

static void write_state(struct fixture *w, struct rv_buf *out) {
    struct rv_arena *a = w->pass_arena;
    Gcs__StateReply reply = GCS__STATE_REPLY__INIT;
    Gcs__ClusterState state = GCS__CLUSTER_STATE__INIT;
    int counts[16] = {0};
    reply.state = &state;
    state.version = ++w->version;
    state.session = text(rv_arena_fmt(a, "session-%d", w->session).p);
    state.nodes = rv_arena_alloc(a, (FIXTURE_PODS + 1) * sizeof *state.nodes);
    for (int i = 0; i < FIXTURE_PODS; i++) {
        const struct fixture_pod *p = &w->pods[i];
        if (p->used && p->number != 0 && !(p->head && w->lie_unknown)) state.nodes[state.n_nodes++] = node_state(w, p);
    }
    for (int i = 0; i < FIXTURE_TASKS; i++)
        if (w->tasks[i].used && w->tasks[i].pod < 0) counts[w->tasks[i].cpu]++;
    state.requests = rv_arena_alloc(a, 16 * sizeof *state.requests);
    for (int c = 0; c < 16; c++)
        if (counts[c] != 0) state.requests[state.n_requests++] = by_count(a, c, counts[c]);
    if (w->held_cpus > 0) {
        Gcs__Constraint *held = NEW(a, Gcs__Constraint, GCS__CONSTRAINT__INIT);
        held->requests = rv_arena_alloc(a, sizeof *held->requests);
        held->requests[held->n_requests++] = by_count(a, 1, w->held_cpus);
        state.constraints = rv_arena_alloc(a, sizeof *state.constraints);
        state.constraints[state.n_constraints++] = held;
    }
    size_t n = gcs__state_reply__get_packed_size(&reply);
    uint8_t head[5] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    rv_buf_add(out, head, 5);
    rv_buf_reserve(out, n);
    out->n += gcs__state_reply__pack(&reply, out->p + out->n);
}

static void drain(struct fixture *w, struct rv_bytes body, struct rv_buf *out) {
    Gcs__DrainRequest *q = gcs__drain_request__unpack(NULL, body.n - 5, body.p + 5);
    bool accepted = true; /* also of a node that nobody knows */
    if (q != NULL)
        record(w, "drain %.*s reason %d deadline %lld: %.*s", (int)q->node_id.len, (const char *)q->node_id.data,
               (int)q->reason, (long long)q->deadline_ms, (int)q->message.len, (const char *)q->message.data);
    if (q == NULL || q->node_id.len != 28) wrong(w, "a drain that ends the server");
    for (int i = 0; i < FIXTURE_PODS && q != NULL; i++) {
        struct fixture_pod *p = &w->pods[i];
        char id[40];
        snprintf(id, sizeof id, "node-%023d", p->number);
        if (!p->used || !p->node || q->node_id.len != strlen(id) || memcmp(q->node_id.data, id, strlen(id)) != 0)
            continue;
        if (p->head) wrong(w, "the head was drained");
        if (q->reason == 2) {
            w->preemptions++;
            w->drain_deadline = q->deadline_ms;
            p->draining = !w->deaf;
        } else if (p->busy > 0) {
            accepted = false;
        } else {
            p->draining = p->given_up = true;
            p->node_dies_at = w->now + 300;
        }
    }
    if (q != NULL) gcs__drain_request__free_unpacked(q, NULL);
    w->drains++;
    w->drains_refused += !accepted;
    uint8_t yes[7] = {0, 0, 0, 0, 2, 8, 1}, no[5] = {0};
    if (accepted)
        rv_buf_add(out, yes, sizeof yes);
    else
        rv_buf_add(out, no, sizeof no);
}

/* A report in protobuf's own bytes, as far as they are text: which ones these are is tested with the messages. */
static void record_report(struct fixture *w, struct rv_bytes body) {
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 5; i < body.n; i++) rv_buf_addc(&b, body.p[i] >= ' ' && body.p[i] < 127 ? body.p[i] : '.');
    record(w, "report %s", rv_buf_cstr(&b));
}

static int32_t api_http(struct rv_host *h, const struct rv_http_request *q) {
    struct fixture *w = of(h);
    if (q->http2 != 1 || !rv_str_is(q->content_type, "application/grpc")) wrong(w, "no gRPC");
    if (!rv_str_starts(q->url,
                       "http://c-head-svc.ns.svc.cluster.local:6379/ray.rpc.autoscaler.AutoscalerStateService/"))
        wrong(w, "another URL");
    bool detached = (q->flags & RV_ACTION_DETACHED) != 0, down = w->now < w->gcs_down_until || w->now < w->head_back_at;
    rv_autobuf struct rv_buf body = {0};
    if (rv_str_ends(q->url, "/GetClusterResourceState")) {
        w->polls++;
        if (q->body.n != 5) wrong(w, "a version was sent, which can end the server");
        if (!down) write_state(w, &body);
    } else if (rv_str_ends(q->url, "/DrainNode")) {
        if (!down) drain(w, q->body, &body);
    } else if (rv_str_ends(q->url, "/ReportAutoscalingState")) {
        w->reports++;
        record_report(w, q->body);
        if (!detached) wrong(w, "a report was waited for");
    } else {
        wrong(w, "another method");
    }
    if (detached) return 0;
    w->slow = true;
    if (w->n_asked == RV_ARRAY_LEN(w->results)) abort();
    struct rv_result *r = &w->results[RV_ARRAY_LEN(w->results) - ++w->n_asked];
    *r = (struct rv_result){.size = sizeof *r, .tag = q->tag, .verb = RV_VERB_HTTP};
    struct rv_buf *kept = &w->bodies[RV_ARRAY_LEN(w->results) - w->n_asked];
    rv_buf_clear(kept);
    rv_buf_add(kept, body.p, body.n);
    bool connected = w->now >= w->head_back_at;
    if (down && connected && fixture_luck(w, 2) == 0) { /* an error inside of HTTP status 200 */
        r->http_status = 200;
        r->trailers = w->failed_trailers;
    } else if (down) {
        r->code = fixture_luck(w, 2) == 0 ? RV_E_TIMEOUT : -111;
    } else {
        r->http_status = 200;
        r->trailers = w->ok_trailers;
        r->body = rv_buf_bytes(kept);
    }
    return 0;
}

/* ---- the API server --------------------------------------------------------------------------------------- */

static struct fixture_group *group_at(struct fixture *w, int index) {
    for (int g = 0; g < w->n_groups; g++)
        if (!w->groups[g].gone && index-- == 0) return &w->groups[g];
    return NULL;
}

/* Those that nobody has given up: a node that Ray has drained is lost already, whatever the spec says since. */
static int kept(const struct fixture *w, int group) {
    int n = 0;
    for (int i = 0; i < FIXTURE_PODS; i++)
        n += stays(&w->pods[i]) && !w->pods[i].draining && !w->pods[i].given_up && !named(w, &w->pods[i]) &&
             w->pods[i].group == group;
    return n;
}

static void name_pods(struct fixture *w, struct fixture_group *g, struct rv_val list) {
    int index = (int)(g - w->groups), before = kept(w, index);
    g->n_to_delete = 0;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) {
        if (g->n_to_delete == FIXTURE_NAMES) abort();
        snprintf(g->to_delete[g->n_to_delete++], sizeof g->to_delete[0], RV_STR_FMT, RV_STR_ARG(rv_val_str(it.val)));
        struct fixture_pod *p = fixture_pod(w, g->to_delete[g->n_to_delete - 1]);
        if (p != NULL && p->gone_at == NEVER && p->busy > 0)
            wrong(w, "%lld: pod %s is busy and was named for deletion", (long long)w->now, p->name);
        if (p != NULL && p->head) wrong(w, "the head was named for deletion");
    }
    int after = kept(w, index);
    if (after < before && after < g->min * fixture_hosts(g))
        wrong(w, "%lld: %d of at least %d pods stay in %s", (long long)w->now, after, g->min, g->name);
}

static void set_replicas(struct fixture *w, struct fixture_group *g, int64_t n) {
    if (n < g->min || n > g->max)
        wrong(w, "%lld: replicas %lld of %s, which may have %d to %d", (long long)w->now, (long long)n, g->name, g->min,
              g->max);
    if (n > g->replicas) w->launched += (unsigned)(n - g->replicas);
    g->replicas = (int)n;
}

static int32_t json_patch(struct fixture *w, struct rv_val ops) {
    for (int pass = 0; pass < 2; pass++) {
        for (struct rv_iter it = rv_iter(ops); rv_iter_next(&it);) {
            struct rv_str path = rv_path_str(it.val, "path"), op = rv_path_str(it.val, "op");
            struct rv_val value = rv_val_get(it.val, "value");
            int index = -1, used = 0;
            sscanf(rv_arena_str(w->pass_arena, path).p, "/spec/workerGroupSpecs/%d%n", &index, &used);
            struct fixture_group *g = group_at(w, index);
            bool test = rv_str_is(op, "test");
            if (pass == 0 && rv_str_is(path, "/metadata/generation") && rv_val_int(value, 0) != w->generation)
                return RV_E_INVALID;
            if (pass == 0 && test && rv_str_ends(path, "/groupName") &&
                (g == NULL || !rv_str_is(rv_val_str(value), g->name)))
                return RV_E_INVALID;
            if (pass == 0 || test) continue;
            if (g == NULL) return RV_E_INVALID;
            if (rv_str_ends(path, "/replicas")) set_replicas(w, g, rv_val_int(value, -1));
            if (rv_str_ends(path, "/scaleStrategy")) name_pods(w, g, rv_val_get(value, "workersToDelete"));
        }
    }
    w->patches++;
    w->last_patch = w->now;
    w->generation++;
    return 0;
}

/* The condition is the second one of the list, when it is there. */
static int32_t status_patch(struct fixture *w, struct rv_val ops) {
    w->status_writes++;
    if (w->status_refused) return RV_E_DENIED;
    for (struct rv_iter it = rv_iter(ops); rv_iter_next(&it);) {
        struct rv_str path = rv_path_str(it.val, "path"), op = rv_path_str(it.val, "op");
        struct rv_val value = rv_val_get(it.val, "value");
        bool add = rv_str_is(op, "add"), there = w->ready.status[0] != 0;
        if (!rv_str_is(path, add                     ? "/status/conditions/-"
                             : rv_str_is(op, "test") ? "/status/conditions/1/type"
                                                     : "/status/conditions/1") ||
            add == there)
            wrong(w, "%s of " RV_STR_FMT, add ? "add" : "another", RV_STR_ARG(path));
        if (rv_str_is(op, "test")) continue;
        snprintf(w->ready.status, sizeof w->ready.status, RV_STR_FMT, RV_STR_ARG(rv_path_str(value, "status")));
        snprintf(w->ready.reason, sizeof w->ready.reason, RV_STR_FMT, RV_STR_ARG(rv_path_str(value, "reason")));
        snprintf(w->ready.message, sizeof w->ready.message, RV_STR_FMT, RV_STR_ARG(rv_path_str(value, "message")));
    }
    w->object_of = -1;
    return 0;
}

static int32_t delete_pod(struct fixture *w, const struct rv_action *a) {
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (!p->used || !rv_str_is(a->name, p->name)) continue;
        if (!rv_str_is(a->pre_uid, p->uid)) return RV_E_CONFLICT;
        if (p->busy > 0) wrong(w, "%lld: pod %s is busy and was deleted", (long long)w->now, p->name);
        if (!w->groups[p->group].gone) wrong(w, "pod %s of a group that is there was deleted", p->name);
        if (p->gone_at == NEVER) p->gone_at = w->now + 1000;
        w->deletes++;
        return 0;
    }
    return RV_E_NOT_FOUND;
}

static int32_t api_act(struct rv_host *h, const struct rv_action *a) {
    struct fixture *w = of(h);
    if (w->n_asked == RV_ARRAY_LEN(w->results)) abort();
    struct rv_result *r = &w->results[RV_ARRAY_LEN(w->results) - ++w->n_asked];
    *r = (struct rv_result){.size = sizeof *r, .tag = a->tag, .verb = a->verb};
    rv_autobuf struct rv_buf json = {0};
    if (a->body.n != 0) rv_json_write((struct rv_val){a->body.p, a->body.n}, &json);
    record(w, "verb %u " RV_STR_FMT " " RV_STR_FMT " %s", a->verb, RV_STR_ARG(a->subresource), RV_STR_ARG(a->name),
           rv_buf_cstr(&json));
    if (w->now < w->api_down_until)
        r->code = RV_E_UNAVAILABLE;
    else if (a->verb == RV_VERB_JSON_PATCH && rv_str_is(a->subresource, "status"))
        r->code = status_patch(w, (struct rv_val){a->body.p, a->body.n});
    else if (a->verb == RV_VERB_JSON_PATCH)
        r->code = json_patch(w, (struct rv_val){a->body.p, a->body.n});
    else if (a->verb == RV_VERB_DELETE)
        r->code = delete_pod(w, a);
    else
        wrong(w, "verb %u", a->verb);
    w->conflicts += r->code == RV_E_INVALID;
    return 0;
}

/* ---- the rest of the host's API --------------------------------------------------------------------------- */

static const struct rv_result *api_result(struct rv_host *h, uint64_t i) {
    struct fixture *w = of(h);
    return i < w->n_results ? &w->results[RV_ARRAY_LEN(w->results) - 1 - i] : NULL;
}

static int64_t api_now(struct rv_host *h) { return of(h)->now * 1000000; }
static struct rv_val api_settings(struct rv_host *h) { return of(h)->settings_value; }
static void api_random(struct rv_host *h, void *out, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) ((uint8_t *)out)[i] = (uint8_t)fixture_luck(of(h), 256);
}
static int32_t api_event(struct rv_host *h, const struct rv_event *e) {
    of(h)->events++;
    record(of(h), "event " RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(e->reason), RV_STR_ARG(e->note));
    snprintf(of(h)->event, sizeof of(h)->event, RV_STR_FMT, RV_STR_ARG(e->reason));
    return 0;
}
static void api_explain(struct rv_host *h, struct rv_str line) {
    struct fixture *w = of(h);
    size_t room = sizeof w->explained - w->n_explained, n = line.n + 2 <= room ? line.n : 0;
    if (n == 0) return;
    memcpy(w->explained + w->n_explained, line.p, n);
    memcpy(w->explained + w->n_explained + n, "\n", 2);
    w->n_explained += n + 1;
}
static void api_log(struct rv_host *h, int32_t level, struct rv_str message, const struct rv_field *fields,
                    uint64_t n) {
    (void)h, (void)level, (void)message, (void)fields, (void)n;
}
static void api_metric(struct rv_host *h, struct rv_str name, uint32_t type, double value,
                       const struct rv_field *labels, uint64_t n) {
    struct fixture *w = of(h);
    struct rv_str label = n > 0 ? labels[n - 1].value : RV_STR("");
    struct fixture_metric *m = w->metrics;
    while (m->name[0] != 0 && !(rv_str_is(name, m->name) && rv_str_is(label, m->label)))
        if (++m == w->metrics + FIXTURE_METRICS) abort();
    snprintf(m->name, sizeof m->name, RV_STR_FMT, RV_STR_ARG(name));
    snprintf(m->label, sizeof m->label, RV_STR_FMT, RV_STR_ARG(label));
    m->value = type == RV_METRIC_COUNTER ? m->value + value : type == RV_METRIC_GAUGE ? value : -1;
}
static struct rv_str api_keep(struct rv_host *h, struct rv_str s) { return rv_arena_str(of(h)->pass_arena, s); }
static void api_requeue(struct rv_host *h, const struct rv_key *key, int64_t ms) { (void)h, (void)key, (void)ms; }

static const struct rv_host_api api = {.size = sizeof api,
                                       .get = api_get,
                                       .list = api_list,
                                       .act = api_act,
                                       .event = api_event,
                                       .http = api_http,
                                       .result = api_result,
                                       .requeue = api_requeue,
                                       .now = api_now,
                                       .random = api_random,
                                       .settings = api_settings,
                                       .log = api_log,
                                       .explain = api_explain,
                                       .metric = api_metric,
                                       .keep = api_keep};

/* ---- the kubelets, the controller of RayClusters, and Ray --------------------------------------------------- */

static void lose_node(struct fixture *w, struct fixture_pod *p) {
    int index = (int)(p - w->pods);
    p->node = p->draining = false;
    p->busy = 0;
    for (int t = 0; t < FIXTURE_TASKS; t++)
        if (w->tasks[t].used && w->tasks[t].pod == index)
            w->tasks[t].pod = -1; /* it is tried again: time is lost, no more */
}

static struct fixture_pod *add_pod(struct fixture *w, int group) {
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (p->used) continue;
        *p = (struct fixture_pod){.used = true,
                                  .head = group < 0,
                                  .group = group,
                                  .made = w->now,
                                  .gone_at = NEVER,
                                  .node_dies_at = NEVER,
                                  .ends_at = NEVER};
        p->name_number = ++w->numbers;
        snprintf(p->name, sizeof p->name, "%s-%d", group < 0 ? "head" : w->groups[group].name, w->numbers);
        snprintf(p->uid, sizeof p->uid, "uid-%d", w->numbers);
        p->joins_at = w->now + w->start_ms + (int64_t)fixture_luck(w, 1000);
        return p;
    }
    wrong(w, "pods without bound");
    return &w->pods[0];
}

static void step_pod(struct fixture *w, struct fixture_pod *p) {
    if (w->now >= p->node_dies_at) { /* drained: a second later its container ends, and so does the pod */
        lose_node(w, p);
        p->ends_at = w->now + 1000;
        p->node_dies_at = NEVER;
    }
    if (w->now >= p->ends_at) p->ended = true;
    if (p->evicted_at != 0 && w->now >= p->evicted_at && p->gone_at == NEVER) p->gone_at = w->now + 2000;
    if (w->now >= p->gone_at) {
        lose_node(w, p);
        *p = (struct fixture_pod){0};
        return;
    }
    if (p->head || p->ended || p->number != 0) return;
    p->unschedulable = w->now < w->groups[p->group].stuck_until;
    if (p->unschedulable) {
        if (p->joins_at < w->now + w->start_ms) p->joins_at = w->now + w->start_ms;
        return;
    }
    bool head = w->now >= w->head_back_at;
    if (w->now < p->joins_at || !head || p->gone_at != NEVER) return;
    p->node = true;
    p->given_up = false;
    p->number = ++w->numbers;
    p->idle_since = w->now;
}

static bool of_group(const struct fixture_pod *p, int group) { return p->used && !p->head && p->group == group; }

static void let_go(struct fixture *w, struct fixture_pod *p) {
    if (p->gone_at != NEVER) return;
    p->gone_at = w->now + 500 + (int64_t)fixture_luck(w, 2000);
    lose_node(w, p);
    p->number = 0;
}

/* A replica of several hosts of which one goes, or is gone, goes as a whole. Returns how many stay. */
static int reconcile_replicas(struct fixture *w, int index) {
    int live = 0, hosts = fixture_hosts(&w->groups[index]);
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *first = &w->pods[i];
        if (!of_group(first, index) || first->gone_at != NEVER) continue;
        int n = 0;
        bool earlier = false, doomed = false;
        for (int j = 0; j < FIXTURE_PODS; j++) {
            const struct fixture_pod *p = &w->pods[j];
            if (!of_group(p, index) || p->replica != first->replica) continue;
            n++;
            earlier |= j < i;
            doomed |= named(w, p) || p->ended || p->gone_at != NEVER;
        }
        if (!doomed && n == hosts) {
            live += !earlier;
            continue;
        }
        for (int j = 0; j < FIXTURE_PODS; j++)
            if (of_group(&w->pods[j], index) && w->pods[j].replica == first->replica) let_go(w, &w->pods[j]);
    }
    return live;
}

static int reconcile_pods(struct fixture *w, int index) {
    int live = 0;
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (!of_group(p, index) || p->gone_at != NEVER) continue;
        if (named(w, p) || p->ended) {
            if (p->busy > 0) wrong(w, "%lld: pod %s is busy and goes", (long long)w->now, p->name);
            let_go(w, p);
        } else {
            live++;
        }
    }
    return live;
}

static void reconcile_group(struct fixture *w, int index) {
    struct fixture_group *g = &w->groups[index];
    int want = g->replicas < g->min ? g->min : g->replicas > g->max ? g->max : g->replicas, hosts = fixture_hosts(g);
    int live = hosts > 1 ? reconcile_replicas(w, index) : reconcile_pods(w, index);
    for (; live < want; live++)
        for (int h = 0, replica = hosts > 1 ? ++w->numbers : 0; h < hosts; h++) add_pod(w, index)->replica = replica;
}

static void step_task(struct fixture *w, struct fixture_task *t) {
    if (t->pod >= 0) {
        struct fixture_pod *p = &w->pods[t->pod];
        t->left -= TICK_MS;
        if (t->left > 0) return;
        p->busy -= t->cpu;
        if (p->busy == 0) p->idle_since = w->now;
        t->used = false;
        return;
    }
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (!p->used || !p->node || p->draining || p->head || w->groups[p->group].cpu - p->busy < t->cpu) continue;
        p->busy += t->cpu;
        t->pod = i;
        return;
    }
}

static void step_head(struct fixture *w) {
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (!p->used || !p->head || p->number != 0 || w->now < w->head_back_at) continue;
        p->node = true;
        p->given_up = false;
        p->number = ++w->numbers;
        w->session++;
    }
}

static struct rv_outcome reconcile(struct fixture *w, const char *name) {
    struct rv_outcome out = {.size = sizeof out};
    struct rv_key key = {RV_STR("ns"), rv_str(name)};
    rv_arena_reset(w->pass_arena);
    w->explained[0] = 0;
    w->n_explained = 0;
    w->n_asked = 0;
    w->slow = false;
    w->plugin->reconcile(w->state, &key, &out);
    return out;
}

void fixture_crowd(struct fixture *w, int n) {
    size_t results = w->n_results;
    w->n_results = 0; /* they are none of theirs */
    for (int i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "other-%d", i);
        (void)reconcile(w, name);
    }
    w->n_results = results;
    w->next_pass = w->now; /* what they asked has taken the place of what was asked */
}

static void pass(struct fixture *w) {
    w->passes++;
    struct rv_outcome out = reconcile(w, "c");
    w->n_results = w->n_asked;
    int64_t answer =
        w->slow ? w->now + (int64_t)fixture_luck(w, 4) * TICK_MS : w->now; /* an answer is of a while ago */
    w->next_pass = out.code == RV_RETRY   ? w->now + 1000
                   : w->n_asked != 0      ? answer
                   : out.code == RV_AFTER ? w->now + out.after_ms
                                          : NEVER;
}

static void tick(struct fixture *w) {
    w->now += TICK_MS;
    for (int i = 0; i < FIXTURE_PODS; i++)
        if (w->pods[i].used) step_pod(w, &w->pods[i]);
    step_head(w);
    if (w->now >= w->api_down_until && !w->suspended)
        for (int g = 0; g < w->n_groups; g++)
            if (!w->groups[g].gone) reconcile_group(w, g);
    if (w->now >= w->head_back_at)
        for (int t = 0; t < FIXTURE_TASKS; t++)
            if (w->tasks[t].used) step_task(w, &w->tasks[t]);
    for (int n = 0; w->next_pass <= w->now; n++) {
        if (n > 50) {
            wrong(w, "%lld: 50 passes in a tick", (long long)w->now);
            return;
        }
        pass(w);
    }
}

void fixture_run(struct fixture *w, int64_t ms) {
    for (int64_t end = w->now + ms; w->now < end && w->wrong[0] == 0;) tick(w);
}

/* ---- what happens to it ------------------------------------------------------------------------------------- */

int fixture_add_task(struct fixture *w, int cpu, int64_t ms) {
    for (int t = 0; t < FIXTURE_TASKS; t++) {
        if (w->tasks[t].used) continue;
        w->tasks[t] = (struct fixture_task){.used = true, .cpu = cpu, .pod = -1, .left = ms, .asked = w->now};
        return t;
    }
    return -1;
}

void fixture_kill_head(struct fixture *w, int64_t back_after_ms) {
    w->head_back_at = w->now + back_after_ms;
    w->held_cpus = 0;                                                 /* it was in memory only */
    for (int t = 0; t < FIXTURE_TASKS; t++) w->tasks[t].used = false; /* and so were its drivers */
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &w->pods[i];
        if (!p->used) continue;
        if (p->head) {
            *p = (struct fixture_pod){0};
            continue;
        }
        if (p->node) p->ended = true; /* a worker whose head is gone ends */
        lose_node(w, p);
    }
    (void)add_pod(w, -1);
    for (int i = 0; i < FIXTURE_PODS; i++)
        if (w->pods[i].used && w->pods[i].head) w->pods[i].joins_at = w->head_back_at;
}

void fixture_edit(struct fixture *w) {
    w->generation++;
    if (w->next_pass > w->now) w->next_pass = w->now;
}

void fixture_restart(struct fixture *w) {
    struct rv_error err = {0};
    if (w->state != NULL) w->plugin->fini(w->state);
    if (w->plugin->init(&api, (struct rv_host *)(void *)w, &w->state, &err) != 0) abort();
    w->n_results = 0;
    w->next_pass = w->now;
}

static struct rv_val settings_of(struct fixture *w) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, w->settings != NULL ? w->settings : "{}");
    return fixture_json(w->keep, &b);
}

void fixture_begin(struct fixture *w, uint64_t seed) {
    rv_autobuf struct rv_buf ok = {0}, failed = {0};
    w->plugin = rv_plugin_v3();
    w->luck = seed * 2654435761u + 1;
    w->now = FIXTURE_BEGINS;
    w->keep = rv_arena_new();
    w->object_arena = rv_arena_new();
    w->pass_arena = rv_arena_new();
    w->generation = 1;
    if (w->idle_ms == 0) w->idle_ms = 10000;
    if (w->start_ms == 0) w->start_ms = 2000;
    rv_buf_adds(&ok, "{\"grpc-status\":\"0\"}");
    rv_buf_adds(&failed, "{\"grpc-status\":\"14\"}");
    w->ok_trailers = fixture_json(w->keep, &ok);
    w->failed_trailers = fixture_json(w->keep, &failed);
    w->settings_value = settings_of(w);
    w->head_back_at = w->now + 3000;
    (void)add_pod(w, -1);
    for (int i = 0; i < FIXTURE_PODS; i++)
        if (w->pods[i].used && w->pods[i].head) w->pods[i].joins_at = w->head_back_at;
    fixture_restart(w);
}

void fixture_end(struct fixture *w) {
    w->plugin->fini(w->state);
    for (size_t i = 0; i < RV_ARRAY_LEN(w->bodies); i++) rv_buf_free(&w->bodies[i]);
    for (size_t i = 0; i < FIXTURE_PODS; i++) rv_buf_free(&w->pod_objects[i]);
    rv_arena_free(w->keep);
    rv_arena_free(w->object_arena);
    rv_arena_free(w->pass_arena);
}
