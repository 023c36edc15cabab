/* scale.c - the command `scale`: the number of replicas of a worker group. */
#include <stdio.h>

#include "follow.h"
#include "hint.h"
#include "ipc/base/loop.h"
#include "say.h"
#include "scale_plan.h"

enum { WAIT_MS = 300000 };

struct scaling {
    struct ctl_context *c;
    const struct scale_plan *plan;
    int64_t generation; /* that has the change */
};

/* ---- the command line ------------------------------------------------------------------------------------------- */

/* [raycluster/]NAME [GROUP [N]]. The cluster's name may have any name of its kind before it. */
static int read_arguments(struct ctl_context *c, struct rv_str *ret_name, struct scale_wish *w) {
    const char *slash = c->argc > 0 ? strchr(c->argv[0], '/') : NULL;
    const char *group = ctl_value(c, "worker-group");
    if (c->argc < 1 || c->argc > 3 || (c->argc > 1 && group != NULL) ||
        (c->argc > 2 && ctl_value(c, "replicas") != NULL))
        return rv_error_set(&c->err, -CTL_USAGE,
                            "say what to scale as CLUSTER GROUP N, for example: %s scale demo workers 3", c->program);
    *ret_name = rv_str(slash != NULL ? slash + 1 : c->argv[0]);
    if (slash != NULL) {
        const struct ctl_kind *k = ctl_kind_need((struct rv_str){c->argv[0], (size_t)(slash - c->argv[0])}, &c->err);
        if (k == NULL) return -CTL_USAGE;
        if (k != &ctl_kinds[CTL_RAYCLUSTER])
            return rv_error_set(&c->err, -CTL_USAGE,
                                "only a RayCluster is scaled; the clusters of a %s have the numbers of its spec",
                                k->kind);
    }
    w->group = rv_str(c->argc > 1 ? c->argv[1] : group);
    int r = ctl_number(c, "replicas", 0, INT32_MAX, SCALE_UNSET, &w->replicas);
    if (r == 0) r = ctl_number(c, "min-replicas", 0, INT32_MAX, SCALE_UNSET, &w->min);
    if (r == 0) r = ctl_number(c, "max-replicas", 0, INT32_MAX, SCALE_UNSET, &w->max);
    if (r == 0 && c->argc == 3 && rv_str_to_int(rv_str(c->argv[2]), 0, INT32_MAX, &w->replicas) != 0)
        r = rv_error_set(&c->err, -CTL_USAGE, "\"%s\" is not a number of replicas", c->argv[2]);
    return r;
}

/* ---- what is printed -------------------------------------------------------------------------------------------- */

static void add_change(struct rv_buf *b, const char *what, int64_t before, int64_t after, bool always) {
    if (before == after && !always) return;
    rv_buf_addf(b, "%s%s %lld", b->n != 0 ? ", " : "", what, (long long)before);
    if (before != after) rv_buf_addf(b, " -> %lld", (long long)after);
}

static void print_plan(const struct scale_plan *p, struct rv_str name) {
    rv_autobuf struct rv_buf b = {0};
    add_change(&b, "replicas", p->before, p->after, true);
    add_change(&b, "minReplicas", p->min_before, p->min, false);
    add_change(&b, "maxReplicas", p->max_before, p->max, false);
    printf("RayCluster " RV_STR_FMT ", worker group " RV_STR_FMT ": %s: " RV_STR_FMT ".\n", RV_STR_ARG(name),
           RV_STR_ARG(p->group), rv_buf_cstr(&b), RV_STR_ARG(p->pods));
    if (p->note.n != 0) printf("Note: " RV_STR_FMT ".\n", RV_STR_ARG(p->note));
    (void)fflush(stdout);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static enum follow_answer look(void *arg, struct rv_val cluster, struct progress *p, struct rv_buf *line) {
    const struct scaling *s = arg;
    struct rv_val status = rv_val_get(cluster, "status");
    int64_t ready = rv_path_int(status, "readyWorkerReplicas", 0),
            wanted = rv_path_int(status, "desiredWorkerReplicas", 0),
            there = rv_path_int(status, "availableWorkerReplicas", 0);
    (void)p;
    if (rv_path_int(status, "observedGeneration", 0) < s->generation) {
        rv_buf_adds(line, "the operator has not taken it up yet");
        return FOLLOW_ON;
    }
    if (ready == wanted && there <= wanted) {
        printf("%lld of %lld workers of the cluster are ready.\n", (long long)ready, (long long)wanted);
        return FOLLOW_DONE;
    }
    rv_buf_addf(line, "%lld of %lld workers are ready", (long long)ready, (long long)wanted);
    struct say say = say_object(s->c->arena, &ctl_kinds[CTL_RAYCLUSTER], cluster, clock_wall());
    if (say.state == SAY_WAITS || say.state == SAY_FAULTY) rv_buf_addf(line, ": " RV_STR_FMT, RV_STR_ARG(say.text));
    return FOLLOW_ON;
}

static int change(struct ctl_context *c, struct api *api, const struct api_what *what, struct rv_str name,
                  const struct scale_plan *p) {
    struct rv_val now;
    struct scaling s = {.c = c, .plan = p};
    int64_t wait_ms;
    int r = ctl_duration(c, "timeout", WAIT_MS, &wait_ms);
    const struct api_request q = {.method = "PATCH",
                                  .path = api_path(api, what, name),
                                  .content_type = "application/json-patch+json",
                                  .doing = rv_arena_fmt(c->arena, "scale raycluster/" RV_STR_FMT, RV_STR_ARG(name)).p,
                                  .body = p->patch};
    if (r == 0) r = api_send(api, &q, &now, &c->err);
    if (r != 0 || !p->waits || ctl_value(c, "no-wait") != NULL) return r;
    s.generation = rv_path_int(now, "metadata.generation", 0);
    const struct follow f = {.kind = &ctl_kinds[CTL_RAYCLUSTER],
                             .ns = what->ns,
                             .name = name,
                             .timeout_ms = wait_ms,
                             .look = look,
                             .arg = &s};
    return follow_object(c, api, &f);
}

int ctl_scale(struct ctl_context *c) {
    struct rv_str name = {0};
    struct scale_wish wish = {0};
    struct scale_plan plan;
    struct rv_val cluster;
    int r = read_arguments(c, &name, &wish);
    if (r != 0) return r;
    api_auto struct api *api = api_open(c, API_MS);
    if (api == NULL) return c->err.code;
    const struct api_what what = {
        .api_version = "ray.io/v1", .resource = ctl_kinds[CTL_RAYCLUSTER].resource, .ns = api_namespace(api)};
    r = api_get(api, &what, name, &cluster, &c->err);
    if (r == RV_E_NOT_FOUND) hint_object(c, api, &ctl_kinds[CTL_RAYCLUSTER], what.ns, name, &c->err);
    if (r == 0) r = scale_plan(c->arena, cluster, &wish, &plan, &c->err);
    if (r != 0) return r;
    print_plan(&plan, name);
    if (plan.nothing) puts("It is so already.");
    return plan.nothing || ctl_value(c, "dry-run") != NULL ? 0 : change(c, api, &what, name, &plan);
}
