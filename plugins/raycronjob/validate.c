/* validate.c - checks whether a RayCronJob is valid (spec section 7.5, in its order; the first failure is reported). */
#include "pass.h"
#include "plugins/ray/field_rules.h"
#include "rayvisor/k8s.h"

static void reject(struct cron_pass *p, struct rv_str what) {
    p->stalled_reason = RV_STR(CRON_REASON_INVALID);
    p->stalled = what;
}

/* The name becomes a part of the RayJobs' names, which must be labels that begin with a letter. */
static void check_name(struct cron_pass *p) {
    const char *why = rv_name_dns1035_label(p->ctx.name);
    if (!field_rule_allows(RULE_CRONJOB_NAME, p->ctx.name))
        reject(p, rv_arena_fmt(p->arena, "metadata.name: at most %d characters, it has %zu", CRON_NAME_MAX,
                               p->ctx.name.n));
    else if (why != NULL)
        reject(p, rv_arena_fmt(p->arena, "metadata.name: RayJobs are named after it: %s", why));
}

static void check_schedule(struct cron_pass *p) {
    struct rv_str line = rv_path_str(p->spec, "schedule");
    struct rv_error err = {0};
    if (line.n != 0 && memmem(line.p, line.n, "TZ", 2) != NULL)
        reject(p, RV_STR("spec.schedule must not contain TZ: spec.timeZone names the time zone"));
    else if (schedule_parse(line, &p->schedule, &err) != 0)
        reject(p, rv_arena_fmt(p->arena, "spec.schedule: %s", err.text));
}

static void check_zone(struct cron_pass *p) {
    struct rv_val zone = rv_val_get(p->spec, "timeZone");
    struct rv_str name = rv_val_str(zone);
    bool own = rv_val_set(zone) && !rv_str_is(name, "Local"); /* the reference's library uses that word */
    p->zone = own ? cron_zone(p->k, p->arena, name) : p->k->zone;
    if (p->zone == NULL)
        reject(p, rv_arena_fmt(p->arena,
                               "spec.timeZone \"" RV_STR_FMT
                               "\" is no time zone; names are like Europe/Berlin, America/New_York or UTC",
                               RV_STR_ARG(name)));
}

/* Checks the template as a RayJob with some name. */
static void check_template(struct cron_pass *p) {
    struct rv_node *n = rv_node_map(p->arena), *meta = rv_node_ensure_map(p->arena, n, "metadata");
    rv_autobuf struct rv_buf why = {0};
    struct rj_job j;
    rv_node_set_cstr(p->arena, meta, "name", "template");
    rv_node_set_str(p->arena, meta, "namespace", p->ctx.ns);
    rv_node_set(p->arena, n, "spec", rv_node_from(p->arena, rv_val_get(p->spec, "jobTemplate")));
    rj_job_read(&j, rv_node_freeze(p->arena, n), &p->k->shared);
    if (rj_validate_spec(&j, &why) != NULL)
        reject(p, rv_arena_fmt(p->arena, "spec.jobTemplate: " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why))));
}

/* ---- annotations ------------------------------------------------------------------------------------------ */

static struct rv_str annotation(const struct cron_pass *p, const char *key) {
    return rv_val_str(rv_val_get(rv_val_get(p->meta, "annotations"), key));
}

static void read_number(struct cron_pass *p, const char *key, int64_t *ret) {
    struct rv_str text = annotation(p, key);
    *ret = -1;
    if (text.p == NULL || rv_str_to_int(text, 0, INT32_MAX, ret) == 0) return;
    reject(p, rv_arena_fmt(p->arena, "metadata.annotations[%s] \"" RV_STR_FMT "\": a whole number from 0 to %d", key,
                           RV_STR_ARG(text), INT32_MAX));
}

static void read_concurrency(struct cron_pass *p) {
    static const char *const words[] = {[ALLOW] = "Allow", [FORBID] = "Forbid", [REPLACE] = "Replace"};
    struct rv_str text = annotation(p, CRON_CONCURRENCY);
    if (text.p == NULL) return;
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (rv_str_is(text, words[i])) {
            p->policy.concurrency = (enum concurrency)i;
            return;
        }
    reject(p,
           rv_arena_fmt(p->arena,
                        "metadata.annotations[" CRON_CONCURRENCY "] \"" RV_STR_FMT "\": one of Allow, Forbid, Replace",
                        RV_STR_ARG(text)));
}

static void check_annotations(struct cron_pass *p) {
    read_number(p, CRON_KEEP_FAILED, &p->policy.keep_failed);
    read_number(p, CRON_KEEP_SUCCEEDED, &p->policy.keep_succeeded);
    read_number(p, CRON_DEADLINE, &p->policy.deadline);
    read_concurrency(p);
}

bool cron_valid(struct cron_pass *p) {
    static void (*const checks[])(struct cron_pass *) = {check_name, check_schedule, check_zone, check_template,
                                                         check_annotations};
    for (size_t i = 0; i < RV_ARRAY_LEN(checks) && p->stalled.n == 0; i++) checks[i](p);
    return p->stalled.n == 0;
}
