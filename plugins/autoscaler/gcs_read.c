/* gcs_read.c - answers of the control store, checked and turned into the structs of a decision. */
#include "gcs.pb-c.h"
#include "ipc/base/utf8.h"
#include "plugins/autoscaler/gcs.h"

/* What protobuf-c allocates comes from the arena and is bounded: a message of empty parts unpacks to fifty times its
 * size. */
struct pool {
    struct rv_arena *arena;
    size_t left;
};

static void *pool_alloc(void *data, size_t size) {
    struct pool *p = data;
    size_t cost = size + 16;
    if (cost < size || cost > p->left) return NULL;
    p->left -= cost;
    return rv_arena_alloc(p->arena, size);
}

static void pool_free(void *data, void *pointer) { /* the arena frees it */
    (void)data;
    (void)pointer;
}

struct reader {
    struct rv_arena *arena;
    struct rv_error *err;
    int code; /* the first thing that was wrong */
};

static void wrong(struct reader *r, int code, const char *what) {
    if (r->code == 0) r->code = rv_error_set(r->err, code, "the control store's answer: %s", what);
}

/* Protobuf text is UTF-8; what is not would not survive the way to JSON and back. */
static struct rv_str text(struct reader *r, ProtobufCBinaryData b) {
    struct rv_str s = {(const char *)b.data, b.len};
    if (b.len > GCS_NAME_BYTES) wrong(r, RV_E_TOO_BIG, "a name is longer than 4096 bytes");
    if (!utf8_valid((struct rv_str){(const char *)b.data, b.len})) wrong(r, RV_E_PARSE, "a name is no UTF-8");
    return s.n != 0 ? s : RV_STR("");
}

static struct as_resources resources(struct reader *r, Gcs__Amount **list, size_t n) {
    if (n > GCS_ENTRIES) {
        wrong(r, RV_E_TOO_BIG, "a node or request has more than 1024 resources");
        n = 0;
    }
    struct as_resource *out = rv_arena_alloc(r->arena, n * sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = (struct as_resource){text(r, list[i]->name), as_amount(list[i]->value)};
    return (struct as_resources){out, n};
}

static struct as_labels labels(struct reader *r, Gcs__Label **first, size_t n_first, Gcs__Label **second,
                               size_t n_second) {
    if (n_first > GCS_ENTRIES || n_second > GCS_ENTRIES) {
        wrong(r, RV_E_TOO_BIG, "a node has more than 1024 labels");
        n_first = n_second = 0;
    }
    struct as_label *out = rv_arena_alloc(r->arena, (n_first + n_second) * sizeof *out);
    size_t n = 0;
    for (size_t i = 0; i < n_first + n_second; i++) {
        const Gcs__Label *l = i < n_first ? first[i] : second[i - n_first];
        out[n++] = (struct as_label){text(r, l->key), text(r, l->value)};
    }
    return (struct as_labels){out, n};
}

static struct as_selector selector(struct reader *r, const Gcs__LabelSelector *s) {
    struct as_match *out = rv_arena_alloc(r->arena, s->n_matches * sizeof *out);
    for (size_t i = 0; i < s->n_matches; i++) {
        const Gcs__LabelMatch *m = s->matches[i];
        struct rv_str *values = rv_arena_alloc(r->arena, m->n_values * sizeof *values);
        for (size_t j = 0; j < m->n_values; j++) values[j] = text(r, m->values[j]);
        enum as_operator op = m->op == AS_IN || m->op == AS_NOT_IN ? (enum as_operator)m->op : AS_OPERATOR_UNKNOWN;
        out[i] = (struct as_match){text(r, m->key), op, values, m->n_values};
    }
    return (struct as_selector){out, s->n_matches};
}

static void constraints(struct reader *r, const Gcs__ResourceRequest *q, struct as_request *out) {
    struct as_label *apart = rv_arena_alloc(r->arena, q->n_constraints * sizeof *apart);
    struct as_label *together = rv_arena_alloc(r->arena, q->n_constraints * sizeof *together);
    out->apart.items = apart;
    out->together.items = together;
    for (size_t i = 0; i < q->n_constraints; i++) {
        const Gcs__PlacementConstraint *c = q->constraints[i];
        if (c->apart != NULL)
            apart[out->apart.n++] = (struct as_label){text(r, c->apart->key), text(r, c->apart->value)};
        if (c->together != NULL)
            together[out->together.n++] = (struct as_label){text(r, c->together->key), text(r, c->together->value)};
    }
}

static struct as_request request(struct reader *r, const Gcs__ResourceRequest *q) {
    struct as_request out = {.resources = resources(r, q->bundle, q->n_bundle), .n_selectors = q->n_selectors};
    if (q->n_selectors > GCS_ENTRIES || q->n_constraints > GCS_ENTRIES) {
        wrong(r, RV_E_TOO_BIG, "a request has more than 1024 selectors or constraints");
        return (struct as_request){0};
    }
    struct as_selector *selectors = rv_arena_alloc(r->arena, q->n_selectors * sizeof *selectors);
    for (size_t i = 0; i < q->n_selectors; i++) selectors[i] = selector(r, q->selectors[i]);
    out.selectors = selectors;
    constraints(r, q, &out);
    return out;
}

static const struct as_demand *demands(struct reader *r, Gcs__ResourceRequestByCount **list, size_t n, size_t *ret_n) {
    struct as_demand *out = rv_arena_alloc(r->arena, n * sizeof *out);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i]->request == NULL || list[i]->count <= 0) continue;
        int64_t count = list[i]->count < INT32_MAX ? list[i]->count : INT32_MAX;
        out[(*ret_n)++] = (struct as_demand){request(r, list[i]->request), count};
    }
    return out;
}

/* Bundles come twice, as a list of old and as the first of several alternatives: one of them is read. */
static struct as_gang gang(struct reader *r, const Gcs__GangRequest *g) {
    bool listed = g->n_bundles != 0;
    size_t n = listed ? g->bundles[0]->n_requests : g->n_requests;
    Gcs__ResourceRequest **list = listed ? g->bundles[0]->requests : g->requests;
    struct as_request *out = rv_arena_alloc(r->arena, n * sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = request(r, list[i]);
    return (struct as_gang){out, n, text(r, g->details)};
}

static bool is_head(const struct as_resources *total) {
    for (size_t i = 0; i < total->n; i++)
        if (rv_str_is(total->items[i].name, "node:__internal_head__")) return true;
    return false;
}

static struct gcs_node node(struct reader *r, const Gcs__NodeState *n) {
    struct gcs_node out = {.id = {(const char *)n->node_id.data, n->node_id.len},
                           .pod = text(r, n->instance_id),
                           .group = text(r, n->node_type),
                           .status = n->status <= GCS_DRAINING ? (enum gcs_status)n->status : GCS_UNSPECIFIED,
                           .idle_ms = n->idle_ms > 0 ? n->idle_ms : 0,
                           .activity = n->n_activity != 0 ? text(r, n->activity[0]) : RV_STR("")};
    if (out.id.n > GCS_NAME_BYTES) wrong(r, RV_E_TOO_BIG, "a node id is longer than 4096 bytes");
    if (out.status == GCS_DEAD) return out; /* dead ones stay in the list for long, and nobody needs more of them */
    out.total = resources(r, n->total, n->n_total);
    out.available = resources(r, n->available, n->n_available);
    out.labels = labels(r, n->labels, n->n_labels, n->dynamic_labels, n->n_dynamic_labels);
    out.head = is_head(&out.total);
    return out;
}

static void read_all(struct reader *r, const Gcs__ClusterState *s, struct gcs_state *out) {
    if (s->n_nodes > GCS_NODES) {
        wrong(r, RV_E_TOO_BIG, "it has more than 50000 nodes");
        return;
    }
    struct gcs_node *nodes = rv_arena_alloc(r->arena, s->n_nodes * sizeof *nodes);
    for (size_t i = 0; i < s->n_nodes; i++) nodes[i] = node(r, s->nodes[i]);
    struct as_gang *gangs = rv_arena_alloc(r->arena, s->n_gangs * sizeof *gangs);
    for (size_t i = 0; i < s->n_gangs; i++) gangs[i] = gang(r, s->gangs[i]);
    *out = (struct gcs_state){.version = s->version,
                              .session = text(r, s->session),
                              .nodes = nodes,
                              .n_nodes = s->n_nodes,
                              .gangs = gangs,
                              .n_gangs = s->n_gangs};
    out->demands = demands(r, s->requests, s->n_requests, &out->n_demands);
    if (s->n_constraints != 0) /* Ray has one, that of the last request_resources() */
        out->held = demands(r, s->constraints[0]->requests, s->constraints[0]->n_requests, &out->n_held);
}

static void *unpack(struct pool *pool, const ProtobufCMessageDescriptor *type, struct rv_bytes body,
                    struct rv_error *err) {
    struct rv_bytes message;
    ProtobufCAllocator allocator = {pool_alloc, pool_free, pool};
    if (body.n > GCS_REPLY_BYTES + 5) {
        rv_error_set(err, RV_E_TOO_BIG, "the control store's answer has %zu bytes", body.n);
        return NULL;
    }
    if (gcs_unframe(body, &message, err) != 0) return NULL;
    void *m = protobuf_c_message_unpack(type, &allocator, message.n, message.p);
    if (m == NULL)
        rv_error_set(err, RV_E_PARSE, "the control store's answer is no message of the kind, or unpacks to too much");
    return m;
}

int gcs_read_state(struct rv_arena *a, struct rv_bytes body, struct gcs_state *ret, struct rv_error *err) {
    struct pool pool = {a, GCS_TREE_BYTES};
    struct rv_error local = {0};
    if (err == NULL) err = &local;
    Gcs__StateReply *m = unpack(&pool, &gcs__state_reply__descriptor, body, err);
    if (m == NULL) return err->code;
    if (m->state == NULL) return rv_error_set(err, RV_E_PARSE, "the control store's answer has no state");
    struct reader r = {a, err, 0};
    struct gcs_state out = {0};
    read_all(&r, m->state, &out);
    if (r.code == 0) *ret = out;
    return r.code;
}

int gcs_read_drain(struct rv_arena *a, struct rv_bytes body, bool *ret_accepted, struct rv_str *ret_why,
                   struct rv_error *err) {
    struct pool pool = {a, GCS_TREE_BYTES};
    struct rv_error local = {0};
    if (err == NULL) err = &local;
    Gcs__DrainReply *m = unpack(&pool, &gcs__drain_reply__descriptor, body, err);
    if (m == NULL) return err->code;
    struct reader r = {a, err, 0};
    struct rv_str why = text(&r, m->why_not);
    if (r.code != 0) return r.code;
    *ret_accepted = m->accepted != 0;
    *ret_why = why;
    return 0;
}
