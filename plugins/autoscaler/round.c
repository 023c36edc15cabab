/* round.c - an answer of the control store: decide, drain, patch. */
#include "plugins/autoscaler/round.h"

#include <stdlib.h>

enum { GOOD_TO_SHRINK = 2, GAP_S = 60, OUTAGE_S = 60, BACKOFF_FIRST_MS = 1000, BACKOFF_MOST_MS = 30000 };

/* ---- when to ask again ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd) + 1; /* never stays at 0 */
    return h ^ h >> 32;
}

/* What is in use and what waits; idle times, which grow by themselves, are left out. */
static uint64_t usage_of(const struct gcs_state *g) {
    uint64_t h = g->n_nodes;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct gcs_node *n = &g->nodes[i];
        h = mix(h, n->status);
        for (size_t j = 0; j < n->available.n; j++) h = mix(h, (uint64_t)n->available.items[j].amount);
    }
    for (size_t i = 0; i < g->n_demands; i++) h = mix(h, (uint64_t)g->demands[i].count);
    for (size_t i = 0; i < g->n_gangs; i++) h = mix(h, g->gangs[i].n);
    for (size_t i = 0; i < g->n_held; i++) h = mix(h, (uint64_t)g->held[i].count + 1);
    return h;
}

static int64_t jittered(const struct round *r, int64_t ns) { /* a thousand clusters are not asked at one moment */
    uint32_t luck = 0;
    r->pass->api->random(r->pass->host, &luck, sizeof luck);
    return ns - ns / 10 + (int64_t)(luck % 1000) * (ns / 5000);
}

int64_t round_quiet_ns(const struct settings *s, uint32_t polled) {
    int64_t ns = (int64_t)polled * SECOND / s->polls_per_second;
    if (ns > s->poll_ns) ns = s->poll_ns;
    return ns < s->active_poll_ns ? s->active_poll_ns : ns;
}

static void plan_next(struct round *r) {
    struct memo *m = r->memo;
    int64_t now = r->pass->now;
    uint64_t usage = usage_of(r->gcs);
    bool busy = r->gcs->n_demands + r->gcs->n_gangs != 0 || r->plan.n_drains + r->plan.n_removes != 0;
    if (usage != m->usage || busy) m->last_change = now;
    m->usage = usage;
    bool active = now - m->last_change < r->settings->active_ns;
    int64_t quiet = round_quiet_ns(r->settings, r->shared->polled);
    m->next_poll = now + jittered(r, active ? r->settings->active_poll_ns : quiet);
}

static void back_off(struct round *r) {
    int64_t ms = BACKOFF_FIRST_MS;
    for (uint32_t i = 0; i < r->memo->failures && ms < BACKOFF_MOST_MS; i++) ms *= 2;
    if (ms > BACKOFF_MOST_MS) ms = BACKOFF_MOST_MS;
    r->memo->failures++;
    /* a head that comes back must be seen soon: within ten seconds scaling goes on */
    if (r->seen.head != NULL && r->seen.head->ready && ms > 5000) ms = 5000;
    r->memo->next_poll = r->pass->now + jittered(r, ms * MS);
}

/* ---- doubt ---------------------------------------------------------------------------------------------- */

static void freeze(struct round *r, const char *reason, struct rv_str why) {
    r->memo->good = 0;
    report_frozen(r, reason, why);
    report_state(r, "frozen");
}

/* Why nothing may be removed on the strength of this answer; NULL. */
static const char *doubt_of(struct round *r) {
    struct memo *m = r->memo;
    int64_t now = r->pass->now, before = m->joined;
    bool gap = m->last_good != 0 && now - m->last_good > GAP_S * SECOND;
    if (m->session != NULL && !rv_str_is(r->gcs->session, m->session)) {
        memo_forget(m);
        before = 0;
    }
    if (m->session == NULL) m->session = rv_strdup(r->gcs->session);
    /* A control store that started anew keeps the name of its session when its state is kept elsewhere. What
     * request_resources() held is lost even so. */
    bool older = r->gcs->version < m->version;
    if (gap || older) m->good = 0;
    m->version = r->gcs->version;
    m->last_good = now;
    m->joined = r->seen.joined;
    if (before >= 4 && r->seen.joined < before / 2) {
        m->good = 1;
        return "more than half of the workers left the control store at once";
    }
    m->good++;
    /* A node that is drained now would be lost without another that could be made for it. */
    if (m->write_failed != 0 && now - m->write_failed < OUTAGE_S * SECOND) return "the API server takes no writes";
    if (older) return "the answer is older than the last one: the control store has started anew";
    return m->good < GOOD_TO_SHRINK ? "this is the first answer of this control store" : NULL;
}

/* ---- drains --------------------------------------------------------------------------------------------- */

static void start_drains(struct round *r) {
    struct memo *m = r->memo;
    memo_new_drains(m, r->plan.n_drains);
    for (size_t i = 0; i < r->plan.n_drains; i++) {
        const struct seen_pod *pod = &r->seen.pods[r->plan.drains[i].pod];
        enum as_verdict why = r->decision->verdicts[r->plan.drains[i].node];
        struct rv_str text = rv_arena_fmt(r->arena, "The node %s.", as_verdict_text(why));
        if (r->gcs->nodes[pod->node].id.n != GCS_NODE_ID) continue;
        if (!gcs_request_drain(r, m->n_draining, pod, r->gcs->nodes[pod->node].id, text)) continue;
        m->draining[m->n_draining++] = rv_strdup(pod->uid);
    }
}

static void take_drain(struct round *r, const struct rv_result *res) {
    uint64_t at = res->tag - TAG_DRAIN;
    if (at >= r->memo->n_draining) return;
    bool accepted = false;
    struct rv_str why = {NULL, 0};
    struct rv_error err = {0};
    if (!gcs_answer_is_good(r->arena, res, &why)) {
        report_line(r, "a drain failed, and is tried again: " RV_STR_FMT, RV_STR_ARG(why));
    } else if (gcs_read_drain(r->arena, res->body, &accepted, &why, &err) != 0) {
        report_line(r, "a drain failed, and is tried again: %s", err.text);
    } else if (accepted) {
        noted_add(&r->memo->drained, rv_str(r->memo->draining[at]), r->pass->now);
    } else {
        report_line(r, "Ray did not let a node go: " RV_STR_FMT, RV_STR_ARG(why));
    }
    report_count(r->pass, "drains_total", 1, "result", accepted ? "accepted" : "refused");
}

void round_drained(struct round *r) {
    const struct rv_result *res;
    for (size_t i = 0; (res = rv_pass_result(r->pass, i)) != NULL; i++)
        if (res->tag >= TAG_DRAIN) take_drain(r, res);
    for (size_t i = 0; i < r->seen.n_pods; i++) r->drained[i] = noted_has(&r->memo->drained, r->seen.pods[i].uid);
}

/* ---- the patch ------------------------------------------------------------------------------------------ */

static bool delete_orphans(struct round *r) {
    for (size_t i = 0; i < r->plan.n_orphans; i++) {
        const struct seen_pod *pod = &r->seen.pods[r->plan.orphans[i]];
        struct rv_action a = {.verb = RV_VERB_DELETE,
                              .tag = TAG_DELETE,
                              .api_version = RV_STR("v1"),
                              .resource = RV_STR("pods"),
                              .name = pod->name,
                              .pre_uid = pod->uid,
                              .grace_seconds = -1};
        (void)rv_pass_act(r->pass, &a);
    }
    return r->plan.n_orphans > 0;
}

bool round_patch(struct round *r) {
    bool asked = delete_orphans(r);
    struct rv_node *ops = plan_patch(r->arena, &r->seen, &r->plan, r->cluster.generation);
    if (ops == NULL) return asked;
    struct rv_val v = rv_node_freeze(r->arena, ops);
    struct rv_action a = {.verb = RV_VERB_JSON_PATCH,
                          .tag = TAG_PATCH,
                          .api_version = RV_STR("ray.io/v1"),
                          .resource = RV_STR("rayclusters"),
                          .name = r->cluster.name,
                          .pre_uid = r->cluster.uid,
                          .body = {v.p, v.n}};
    return rv_pass_act(r->pass, &a) || asked;
}

/* ---- an answer ------------------------------------------------------------------------------------------ */

/* Ray is told of a node that Kubernetes takes away, and told again while the node takes work: no answer is waited for.
 */
static void preempted(struct round *r) {
    enum { AGAIN_S = 5 };
    for (size_t i = 0; i < r->seen.n_pods; i++) {
        const struct seen_pod *p = &r->seen.pods[i];
        if (!(p->deleting || p->reclaimed.n != 0) || p->head || p->node < 0 || p->to_delete) continue;
        int64_t told = noted_at(&r->memo->preempted, p->uid);
        if (told != 0 && r->pass->now - told < AGAIN_S * SECOND) continue;
        if (r->gcs->nodes[p->node].id.n != GCS_NODE_ID) continue;
        struct rv_str why = p->reclaimed.n != 0 ? p->reclaimed : RV_STR("the pod is being deleted");
        gcs_request_preempt(r, p, r->gcs->nodes[p->node].id, why);
        noted_add(&r->memo->preempted, p->uid, r->pass->now);
        if (told == 0)
            rv_pass_event(r->pass, false, "NodePreempted", "Drain",
                          "Told Ray that pod " RV_STR_FMT " is taken away: " RV_STR_FMT, RV_STR_ARG(p->name),
                          RV_STR_ARG(why));
    }
}

/* The condition, when there is a fresh decision. */
static void say_ready(struct round *r) {
    if (r->sidecar)
        ready_beside_sidecar(r);
    else
        ready_set(r, true, "Scaling", RV_STR("The control store answers, and the plugin scales the worker groups"));
}

/* From demand to replicas: it came after the last answer that did not have it. */
static void time_demand(struct round *r) {
    struct memo *m = r->memo;
    int64_t wanted = 0;
    for (size_t g = 0; g < r->seen.n_groups; g++)
        for (size_t c = AS_FOR_MIN + 1; c < AS_CAUSES && r->plan.launches[g] > 0; c++)
            wanted += r->decision->launches[g].because[c];
    if (wanted == 0) {
        m->met_at = m->asked_at;
        m->demand_since = 0;
    } else if (m->demand_since == 0) {
        m->demand_since = m->met_at != 0 ? m->met_at : m->asked_at;
    }
}

static void decide(struct round *r) {
    struct as_decision *d = rv_arena_alloc(r->arena, sizeof *d);
    const char *doubt = doubt_of(r);
    as_decide(r->arena, &r->seen.state, d);
    r->decision = d;
    plan_make(r->arena, &r->seen, d, doubt == NULL && !r->sidecar, r->drained, &r->plan);
    if (doubt != NULL) report_line(r, "nothing is scaled down now: %s", doubt);
    plan_next(r);
    report_decision(r);
    report_nodes(r);
    report_state(r, r->sidecar ? "shadow" : "scaling");
    say_ready(r);
    if (r->sidecar) {
        shadow_compare(r);
        return;
    }
    time_demand(r);
    preempted(r);
    gcs_request_report(r);
    start_drains(r);
    (void)round_patch(r);
}

void round_answer(struct round *r, const struct rv_result *res) {
    struct rv_str why;
    struct rv_error err = {0};
    struct gcs_state *g = rv_arena_alloc(r->arena, sizeof *g);
    report_count(r->pass, "polls_total", 1, NULL, NULL);
    meter_observe(&r->shared->polls, r->pass->now - r->memo->asked_at);
    meter_report(&r->shared->polls, r->pass, "poll_seconds");
    meter_report(&r->shared->reactions, r->pass, "demand_to_patch_seconds");
    if (!gcs_answer_is_good(r->arena, res, &why)) {
        back_off(r);
        freeze(r, "ControlStoreUnavailable",
               rv_arena_fmt(r->arena, "the control store does not answer: " RV_STR_FMT, RV_STR_ARG(why)));
        return;
    }
    if (gcs_read_state(r->arena, res->body, g, &err) != 0) {
        back_off(r);
        freeze(r, "AnswerNotUsable", rv_arena_str(r->arena, rv_str(err.text)));
        return;
    }
    r->gcs = g;
    const struct observe_policy policy = {r->pass->now, r->settings->release_ns, r->settings->max_launches};
    observe_join(r->arena, &r->seen, g, &policy);
    if (r->seen.doubt != NULL) {
        back_off(r);
        freeze(r, "HeadNotJoined", rv_str(r->seen.doubt));
        return;
    }
    r->memo->failures = 0;
    decide(r);
}
