/* gcs_write.c - what the control store is asked and told. */
#include "gcs.pb-c.h"
#include "plugins/autoscaler/gcs.h"

static ProtobufCBinaryData bytes(struct rv_str s) { return (ProtobufCBinaryData){s.n, (uint8_t *)(uintptr_t)s.p}; }

static void frame(struct rv_buf *out, const ProtobufCMessage *m) {
    size_t n = m != NULL ? protobuf_c_message_get_packed_size(m) : 0;
    uint8_t head[5] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    rv_buf_add(out, head, sizeof head);
    rv_buf_reserve(out, n);
    if (m != NULL) out->n += protobuf_c_message_pack(m, out->p + out->n);
}

void gcs_write_query(struct rv_buf *out) { frame(out, NULL); }

void gcs_write_drain(struct rv_buf *out, struct rv_str node_id, enum gcs_drain_reason reason, struct rv_str message,
                     int64_t deadline_ms) {
    Gcs__DrainRequest m = GCS__DRAIN_REQUEST__INIT;
    m.node_id = bytes(node_id);
    m.reason = reason;
    m.message = bytes(message);
    m.deadline_ms = deadline_ms > 0 ? deadline_ms : 0;
    frame(out, &m.base);
}

/* ---- requests as messages ------------------------------------------------------------------------------- */

#define NEW(a, type, init)                                                                                             \
    __extension__({                                                                                                    \
        type *new_ = rv_arena_alloc((a), sizeof *new_);                                                                \
        *new_ = (type)init;                                                                                            \
        new_;                                                                                                          \
    })

static void *list(struct rv_arena *a, size_t n) { return rv_arena_alloc(a, n * sizeof(void *)); }

static Gcs__Label *label(struct rv_arena *a, const struct as_label *l) {
    Gcs__Label *m = NEW(a, Gcs__Label, GCS__LABEL__INIT);
    m->key = bytes(l->key);
    m->value = bytes(l->value);
    return m;
}

static Gcs__LabelSelector *selector(struct rv_arena *a, const struct as_selector *s) {
    Gcs__LabelSelector *m = NEW(a, Gcs__LabelSelector, GCS__LABEL_SELECTOR__INIT);
    m->n_matches = s->n;
    m->matches = list(a, s->n);
    for (size_t i = 0; i < s->n; i++) {
        Gcs__LabelMatch *one = NEW(a, Gcs__LabelMatch, GCS__LABEL_MATCH__INIT);
        one->key = bytes(s->matches[i].key);
        one->op = s->matches[i].op;
        one->n_values = s->matches[i].n_values;
        one->values = rv_arena_alloc(a, one->n_values * sizeof *one->values);
        for (size_t j = 0; j < one->n_values; j++) one->values[j] = bytes(s->matches[i].values[j]);
        m->matches[i] = one;
    }
    return m;
}

static Gcs__PlacementConstraint *constraint(struct rv_arena *a, const struct as_label *apart,
                                            const struct as_label *together) {
    Gcs__PlacementConstraint *m = NEW(a, Gcs__PlacementConstraint, GCS__PLACEMENT_CONSTRAINT__INIT);
    if (apart != NULL) m->apart = label(a, apart);
    if (together != NULL) m->together = label(a, together);
    return m;
}

static Gcs__ResourceRequest *request(struct rv_arena *a, const struct as_request *r) {
    Gcs__ResourceRequest *m = NEW(a, Gcs__ResourceRequest, GCS__RESOURCE_REQUEST__INIT);
    m->bundle = list(a, r->resources.n);
    for (size_t i = 0; i < r->resources.n; i++) {
        Gcs__Amount *one = NEW(a, Gcs__Amount, GCS__AMOUNT__INIT);
        one->name = bytes(r->resources.items[i].name);
        one->value = (double)r->resources.items[i].amount / AS_UNIT;
        m->bundle[m->n_bundle++] = one;
    }
    m->selectors = list(a, r->n_selectors);
    for (size_t i = 0; i < r->n_selectors; i++) m->selectors[m->n_selectors++] = selector(a, &r->selectors[i]);
    m->constraints = list(a, r->apart.n + r->together.n);
    for (size_t i = 0; i < r->apart.n; i++)
        m->constraints[m->n_constraints++] = constraint(a, &r->apart.items[i], NULL);
    for (size_t i = 0; i < r->together.n; i++)
        m->constraints[m->n_constraints++] = constraint(a, NULL, &r->together.items[i]);
    return m;
}

static Gcs__GangRequest *gang(struct rv_arena *a, const struct as_gang *g) {
    Gcs__GangRequest *m = NEW(a, Gcs__GangRequest, GCS__GANG_REQUEST__INIT);
    Gcs__BundleSelector *bundle = NEW(a, Gcs__BundleSelector, GCS__BUNDLE_SELECTOR__INIT);
    m->details = bytes(g->details);
    m->requests = list(a, g->n);
    for (size_t i = 0; i < g->n; i++) m->requests[m->n_requests++] = request(a, &g->requests[i]);
    bundle->requests = m->requests;
    bundle->n_requests = m->n_requests;
    m->bundles = list(a, 1);
    m->bundles[m->n_bundles++] = bundle;
    return m;
}

static Gcs__Constraint *held(struct rv_arena *a, const struct as_demand *demands, size_t n) {
    Gcs__Constraint *m = NEW(a, Gcs__Constraint, GCS__CONSTRAINT__INIT);
    m->requests = list(a, n);
    for (size_t i = 0; i < n; i++) {
        Gcs__ResourceRequestByCount *one = NEW(a, Gcs__ResourceRequestByCount, GCS__RESOURCE_REQUEST_BY_COUNT__INIT);
        one->request = request(a, &demands[i].request);
        one->count = demands[i].count;
        m->requests[m->n_requests++] = one;
    }
    return m;
}

/* ---- the report ----------------------------------------------------------------------------------------- */

static int32_t count32(int64_t n) { return n < INT32_MAX ? (int32_t)n : INT32_MAX; }

static void write_pods(struct rv_arena *a, const struct gcs_report *r, Gcs__AutoscalingState *m) {
    m->pending_requests = list(a, r->n_launching);
    for (size_t i = 0; i < r->n_launching; i++) {
        Gcs__PendingRequest *one = NEW(a, Gcs__PendingRequest, GCS__PENDING_REQUEST__INIT);
        one->instance_type = one->node_type = bytes(r->launching[i].group);
        one->count = count32(r->launching[i].count);
        m->pending_requests[m->n_pending_requests++] = one;
    }
    m->pending = list(a, r->n_pending);
    for (size_t i = 0; i < r->n_pending; i++) {
        Gcs__PendingInstance *one = NEW(a, Gcs__PendingInstance, GCS__PENDING_INSTANCE__INIT);
        one->instance_type = one->node_type = bytes(r->pending[i].group);
        one->instance_id = bytes(r->pending[i].pod);
        one->details = bytes(r->pending[i].details);
        m->pending[m->n_pending++] = one;
    }
    m->failed = list(a, r->n_failed);
    for (size_t i = 0; i < r->n_failed; i++) {
        Gcs__FailedRequest *one = NEW(a, Gcs__FailedRequest, GCS__FAILED_REQUEST__INIT);
        one->instance_type = one->node_type = bytes(r->failed[i].group);
        one->count = count32(r->failed[i].count);
        one->reason = bytes(r->failed[i].reason);
        one->since = one->failed = r->failed[i].since_s;
        m->failed[m->n_failed++] = one;
    }
}

static void write_infeasible(struct rv_arena *a, const struct gcs_report *r, Gcs__AutoscalingState *m) {
    m->infeasible = list(a, r->n_infeasible);
    for (size_t i = 0; i < r->n_infeasible; i++) m->infeasible[m->n_infeasible++] = request(a, r->infeasible[i]);
    m->infeasible_gangs = list(a, r->n_infeasible_gangs);
    for (size_t i = 0; i < r->n_infeasible_gangs; i++)
        m->infeasible_gangs[m->n_infeasible_gangs++] = gang(a, r->infeasible_gangs[i]);
    if (r->n_infeasible_held == 0) return;
    m->infeasible_constraints = list(a, 1);
    m->infeasible_constraints[m->n_infeasible_constraints++] = held(a, r->infeasible_held, r->n_infeasible_held);
}

void gcs_write_report(struct rv_buf *out, struct rv_arena *a, const struct gcs_report *report) {
    Gcs__AutoscalingState state = GCS__AUTOSCALING_STATE__INIT;
    Gcs__ReportRequest m = GCS__REPORT_REQUEST__INIT;
    m.state = &state;
    state.seen_version = report->seen;
    state.version = report->version;
    write_pods(a, report, &state);
    write_infeasible(a, report, &state);
    frame(out, &m.base);
}
