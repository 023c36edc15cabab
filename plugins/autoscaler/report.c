/* report.c - events, explanations and metrics. */
#include "plugins/autoscaler/round.h"
#include "rayvisor/k8s.h"

#include <stdlib.h>

/* LEAK_IDLE_MS: shorter pauses are none that anybody looks for. */
enum { NODES_SAID = 30, UNMET_SAID = 10, LEAK_IDLE_MS = 300000, LEAK_SAME_S = 30 };

/* ---- metrics -------------------------------------------------------------------------------------------- */

void report_count(const struct rv_pass *p, const char *name, double value, const char *label, const char *label_value) {
    struct rv_field f = {rv_str(label), rv_str(label_value)};
    p->api->metric(p->host, rv_str(name), RV_METRIC_COUNTER, value, &f, label != NULL ? 1 : 0);
}

static void gauge(const struct rv_pass *p, const char *name, uint32_t type, double value) {
    struct rv_field f[] = {{RV_STR("namespace"), p->key.ns}, {RV_STR("name"), p->key.name}};
    p->api->metric(p->host, rv_str(name), type, value, f, RV_ARRAY_LEN(f));
}

static double amount(const struct as_resources *r, const char *name) {
    for (size_t i = 0; i < r->n; i++)
        if (rv_str_is(r->items[i].name, name)) return (double)r->items[i].amount / AS_UNIT;
    return 0;
}

/* All workers have been idle for a while, and nothing waits for one. Ray's own clock gives the moment anew with each
 * answer, so a moment near the one that was told is that one. */
static struct leak idle_workers(const struct round *r) {
    const struct as_state *s = &r->seen.state;
    struct leak l = {0};
    int64_t least = INT64_MAX;
    if (s->n_demands + s->n_gangs != 0) return l;
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct as_node *n = &s->nodes[i];
        if (n->group < 0 || n->phase != AS_RUNNING) continue;
        if (n->idle_ms < least) least = n->idle_ms;
        l.gpus += amount(&n->total, "GPU");
        l.cpus += amount(&n->total, "CPU");
    }
    if (least == INT64_MAX || least < LEAK_IDLE_MS) return (struct leak){0};
    int64_t told = r->memo->leak.told.since;
    l.since = r->pass->now - least * MS;
    if (told != 0 && llabs(l.since - told) < LEAK_SAME_S * SECOND) l.since = told;
    return l;
}

static void tell_leak(struct round *r, bool known) {
    struct leak l = known ? idle_workers(r) : (struct leak){0};
    leak_report(r->pass->api, r->pass->host, &r->memo->leak, LEAK_IDLE, r->pass->key.ns, r->pass->key.name, &l);
}

static const char *const gauges[] = {"frozen", "demand", "unmet", "nodes", "starting"};

void report_state(struct round *r, const char *state) {
    bool frozen = strcmp(state, "frozen") == 0;
    r->memo->gauge = true;
    gauge(r->pass, "frozen", RV_METRIC_GAUGE, frozen);
    tell_leak(r, !frozen && r->decision != NULL);
    if (frozen || r->decision == NULL) return;
    int64_t demand = 0, unmet = 0, starting = 0;
    for (size_t i = 0; i < r->seen.state.n_demands; i++) demand += r->seen.state.demands[i].count;
    for (size_t i = 0; i < r->decision->n_unmet; i++) unmet += r->decision->unmet[i].count;
    for (size_t i = 0; i < r->seen.state.n_nodes; i++) starting += r->seen.state.nodes[i].phase == AS_STARTING;
    gauge(r->pass, "demand", RV_METRIC_GAUGE, (double)demand + (double)r->seen.state.n_gangs);
    gauge(r->pass, "unmet", RV_METRIC_GAUGE, (double)unmet + (double)r->decision->n_unmet_gangs);
    gauge(r->pass, "nodes", RV_METRIC_GAUGE, (double)r->seen.joined);
    gauge(r->pass, "starting", RV_METRIC_GAUGE, (double)starting);
}

void report_polled(const struct rv_pass *p, struct memo *m, bool is) {
    struct shared *shared = p->state;
    if (m->polled == is) return;
    m->polled = is;
    shared->polled = is ? shared->polled + 1 : shared->polled - 1;
    p->api->metric(p->host, RV_STR("polled"), RV_METRIC_GAUGE, shared->polled, NULL, 0);
}

void report_gone(const struct rv_pass *p, struct memo *m) {
    report_polled(p, m, false);
    leak_forget(p->api, p->host, &m->leak, LEAK_IDLE, p->key.ns);
    if (!m->gauge) return;
    m->gauge = false;
    for (size_t i = 0; i < RV_ARRAY_LEN(gauges); i++) gauge(p, gauges[i], RV_METRIC_REMOVED, 0);
}

/* ---- lines ---------------------------------------------------------------------------------------------- */

void report_begin(struct round *r) { rv_buf_clear(&r->memo->said); }

void report_line(struct round *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&r->memo->said, fmt, ap);
    va_end(ap);
    rv_buf_addc(&r->memo->said, '\n');
}

void report_again(struct round *r) {
    struct rv_str rest = rv_buf_str(&r->memo->said);
    while (rest.n != 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end != NULL ? (size_t)(end - rest.p) : rest.n;
        r->pass->api->explain(r->pass->host, (struct rv_str){rest.p, n});
        n += end != NULL;
        rest = (struct rv_str){rest.p + n, rest.n - n};
    }
}

/* ---- waiting -------------------------------------------------------------------------------------------- */

void report_frozen(struct round *r, const char *reason, struct rv_str why) {
    enum { WRITTEN_AFTER_S = 10, SAID_AFTER_S = 30 }; /* one lost answer is not reported */
    struct memo *m = r->memo;
    report_line(r, "nothing is scaled now: " RV_STR_FMT, RV_STR_ARG(why));
    if (m->waits_since == 0) m->waits_since = r->pass->now;
    if (r->sidecar)
        ready_beside_sidecar(r);
    else if (r->pass->now - m->waits_since >= WRITTEN_AFTER_S * SECOND)
        ready_set(r, false, reason, rv_arena_fmt(r->arena, "Nothing is scaled: " RV_STR_FMT, RV_STR_ARG(why)));
    if (m->frozen_said || r->pass->now - m->waits_since < SAID_AFTER_S * SECOND) return;
    m->frozen_said = true;
    rv_pass_event(r->pass, true, "AutoscalingFrozen", "Wait", "Nothing is scaled: " RV_STR_FMT, RV_STR_ARG(why));
}

/* ---- what was decided ----------------------------------------------------------------------------------- */

static void say_launch(struct round *r, size_t g) {
    const struct as_launch *l = &r->decision->launches[g];
    rv_autobuf struct rv_buf why = {0};
    for (size_t c = 0; c < AS_CAUSES; c++)
        if (l->because[c] != 0)
            rv_buf_addf(&why, "%s%lld for %s", why.n != 0 ? ", " : "", (long long)l->because[c],
                        as_cause_text((enum as_cause)c));
    struct rv_str name = r->seen.groups[g].name, text = rv_buf_str(&why);
    report_line(r, "group " RV_STR_FMT ": %lld new pods (" RV_STR_FMT ")", RV_STR_ARG(name),
                (long long)r->plan.launches[g], RV_STR_ARG(text));
    if (r->sidecar) return;
    rv_pass_event(r->pass, false, "ScaledUp", "Scale", "Group " RV_STR_FMT ": %lld new pods (" RV_STR_FMT ")",
                  RV_STR_ARG(name), (long long)r->plan.launches[g], RV_STR_ARG(text));
    report_count(r->pass, "launches_total", (double)r->plan.launches[g], NULL, NULL);
}

static void say_removals(struct round *r) {
    for (size_t i = 0; i < r->plan.n_removes && i < NODES_SAID; i++) {
        const struct seen_pod *p = &r->seen.pods[r->plan.removes[i]];
        enum as_verdict why = AS_REMOVE_IDLE;
        for (size_t n = 0; n < r->seen.state.n_nodes && r->decision != NULL; n++)
            if (r->seen.pod_of[n] == (int32_t)r->plan.removes[i] && as_removes(r->decision->verdicts[n]))
                why = r->decision->verdicts[n];
        rv_pass_event(r->pass, false, "ScaledDown", "Scale", "Pod " RV_STR_FMT " of group " RV_STR_FMT " goes: it %s",
                      RV_STR_ARG(p->name), RV_STR_ARG(p->group), as_verdict_text(why));
    }
    if (r->plan.n_removes != 0) report_count(r->pass, "removals_total", (double)r->plan.n_removes, NULL, NULL);
}

static void write_request(struct rv_buf *b, const struct as_request *q) {
    rv_buf_adds(b, "{");
    for (size_t i = 0; i < q->resources.n; i++)
        rv_buf_addf(b, "%s" RV_STR_FMT ": %g", i != 0 ? ", " : "", RV_STR_ARG(q->resources.items[i].name),
                    (double)q->resources.items[i].amount / AS_UNIT);
    rv_buf_adds(b, "}");
}

static void write_why(struct round *r, struct rv_buf *b, const struct as_request *q, bool capped) {
    if (capped) {
        rv_buf_adds(b, ": the groups that could hold it are at their maximum");
        return;
    }
    if (r->seen.n_groups == 0) rv_buf_adds(b, ": there are no worker groups");
    for (size_t g = 0; g < r->seen.n_groups; g++) {
        struct rv_str why = as_why_not(r->arena, &r->seen.groups[g], q);
        if (why.n == 0 && r->seen.info[g].problem.n != 0) why = r->seen.info[g].problem;
        rv_buf_addf(b, "%s group " RV_STR_FMT ": " RV_STR_FMT, g == 0 ? ":" : ";", RV_STR_ARG(r->seen.groups[g].name),
                    RV_STR_ARG(why));
    }
}

static uint64_t text_hash(uint64_t h, const struct rv_buf *b) {
    for (size_t i = 0; i < b->n; i++) h = (h ^ b->p[i]) * UINT64_C(1099511628211);
    return h;
}

static void say_unmet(struct round *r) {
    const struct as_decision *d = r->decision;
    rv_autobuf struct rv_buf first = {0};
    uint64_t hash = 1;
    for (size_t i = 0; i < d->n_unmet && i < UNMET_SAID; i++) {
        rv_autobuf struct rv_buf b = {0};
        write_request(&b, d->unmet[i].request);
        write_why(r, &b, d->unmet[i].request, d->unmet[i].capped);
        report_line(r, "%lld requests get no node: " RV_STR_FMT, (long long)d->unmet[i].count,
                    RV_STR_ARG(rv_buf_str(&b)));
        hash = text_hash(hash, &b);
        if (first.n == 0) rv_buf_add(&first, b.p, b.n);
    }
    for (size_t i = 0; i < d->n_unmet_gangs && i < UNMET_SAID; i++) {
        report_line(r, "a placement group gets no nodes: " RV_STR_FMT ", %zu bundles%s",
                    RV_STR_ARG(d->unmet_gangs[i].gang->details), d->unmet_gangs[i].gang->n,
                    d->unmet_gangs[i].capped ? ": groups are at their maximum" : ": a bundle fits into no group");
        if (first.n == 0) rv_buf_addf(&first, "a placement group of %zu bundles", d->unmet_gangs[i].gang->n);
        hash = hash * 31 + d->unmet_gangs[i].gang->n;
    }
    if (d->held_unmet) {
        report_line(r, "request_resources() asks for more than the groups %s",
                    d->held_capped ? "may have" : "could ever hold");
        if (first.n == 0) rv_buf_adds(&first, "request_resources()");
    }
    bool something = first.n != 0;
    if (!something) hash = 0;
    if (something && hash != r->memo->told_unmet && !r->sidecar)
        rv_pass_event(r->pass, true, "DemandUnmet", "Scale", "No node can be had for " RV_STR_FMT,
                      RV_STR_ARG(rv_buf_str(&first)));
    r->memo->told_unmet = hash;
}

void report_decision(struct round *r) {
    struct memo *m = r->memo;
    if (m->frozen_said) rv_pass_event(r->pass, false, "AutoscalingResumed", "Scale", "The control store answers again");
    m->frozen_said = false;
    m->waits_since = 0;
    for (size_t g = 0; g < r->seen.n_groups; g++) {
        if (r->plan.launches[g] != 0) say_launch(r, g);
        if (r->seen.info[g].problem.n != 0)
            report_line(r, "group " RV_STR_FMT " cannot be planned for CPUs: " RV_STR_FMT,
                        RV_STR_ARG(r->seen.groups[g].name), RV_STR_ARG(r->seen.info[g].problem));
    }
    if (!r->sidecar) say_removals(r);
    say_unmet(r);
}

/* Since when it has been so, as far as that is known: Ray says how long a node has been idle, not how long in use. */
static void write_since(struct round *r, size_t node, struct rv_buf *b) {
    const struct as_node *n = &r->seen.state.nodes[node];
    char since[32];
    if (r->seen.pod_of[node] < 0) return;
    const struct seen_pod *pod = &r->seen.pods[r->seen.pod_of[node]];
    bool busy = r->decision->verdicts[node] == AS_KEEP_BUSY;
    if (!busy) noted_drop(&r->memo->busy, pod->uid);
    if (busy && !noted_has(&r->memo->busy, pod->uid)) noted_add(&r->memo->busy, pod->uid, r->pass->now);
    if (busy) {
        rv_time_format(noted_at(&r->memo->busy, pod->uid), since);
        rv_buf_addf(b, "; seen so since %s", since);
    } else if (n->idle_ms > 0) {
        rv_time_format(r->pass->now - n->idle_ms * MS, since);
        rv_buf_addf(b, "; idle for %lld s, since %s", (long long)n->idle_ms / 1000, since);
    }
}

void report_nodes(struct round *r) {
    size_t all = 0;
    for (size_t i = 0; i < r->seen.state.n_nodes; i++) {
        const struct as_node *n = &r->seen.state.nodes[i];
        if (n->group == AS_HEAD || n->name.n == 0) continue;
        if (all++ >= NODES_SAID) continue;
        int32_t at = r->seen.gcs_of[i];
        struct rv_str activity =
            at >= 0 && r->decision->verdicts[i] == AS_KEEP_BUSY ? r->gcs->nodes[at].activity : RV_STR("");
        rv_autobuf struct rv_buf since = {0};
        write_since(r, i, &since);
        report_line(r, RV_STR_FMT " %s%s" RV_STR_FMT RV_STR_FMT, RV_STR_ARG(n->name),
                    as_verdict_text(r->decision->verdicts[i]), activity.n != 0 ? ": " : "", RV_STR_ARG(activity),
                    RV_STR_ARG(rv_buf_str(&since)));
    }
    if (all > NODES_SAID) report_line(r, "and %zu more nodes", all - NODES_SAID);
}
