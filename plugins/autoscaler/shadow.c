/* shadow.c - beside a sidecar: what we would do is compared with what it does.
 *
 * Of each group the number of pods that we want is kept with the moment since when the sidecar wants another. When it
 * comes round to ours we agreed, late or not; when it does not for a minute, we differed.
 */
#include "plugins/autoscaler/round.h"

enum { PATIENCE_S = 60 };

/* The supervisor keeps the counters of a plugin when its process ends, so they go on after a restart. */
static void count(const struct rv_pass *p, const char *result, uint32_t type) {
    struct rv_field f[] = {
        {RV_STR("namespace"), p->key.ns}, {RV_STR("name"), p->key.name}, {RV_STR("result"), rv_str(result)}};
    p->api->metric(p->host, RV_STR("shadow_total"), type, type == RV_METRIC_COUNTER, f, RV_ARRAY_LEN(f));
}

void shadow_gone(const struct rv_pass *p) {
    count(p, "agreed", RV_METRIC_REMOVED);
    count(p, "differed", RV_METRIC_REMOVED);
}

static void compare_group(struct round *r, size_t g) {
    struct memo *m = r->memo;
    int64_t want = plan_target(&r->seen, &r->plan, g), have = r->seen.info[g].replicas, now = r->pass->now;
    int64_t *since = &memo_differs(m, r->seen.n_groups)[g];
    struct rv_str name = r->seen.groups[g].name;
    if (want == have) {
        if (*since != 0) {
            m->agreed++;
            count(r->pass, "agreed", RV_METRIC_COUNTER);
        }
        *since = 0;
        return;
    }
    if (*since == 0) *since = now;
    report_line(r, "group " RV_STR_FMT ": we would have %lld pods, the sidecar has %lld since %lld s", RV_STR_ARG(name),
                (long long)want, (long long)have, (long long)((now - *since) / SECOND));
    if (now - *since < PATIENCE_S * SECOND) return;
    *since = now;
    m->differed++;
    count(r->pass, "differed", RV_METRIC_COUNTER);
    rv_pass_event(r->pass, false, "ShadowDiffers", "Compare",
                  "Group " RV_STR_FMT ": the sidecar keeps %lld pods, the plugin would have %lld", RV_STR_ARG(name),
                  (long long)have, (long long)want);
}

void shadow_compare(struct round *r) {
    for (size_t g = 0; g < r->seen.n_groups; g++) compare_group(r, g);
    report_line(r, "beside the sidecar, since the plugin was started: agreed %llu times, differed %llu times",
                (unsigned long long)r->memo->agreed, (unsigned long long)r->memo->differed);
}
