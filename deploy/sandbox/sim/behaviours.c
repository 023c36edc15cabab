/* behaviours.c - rules that change the behaviour of pods, made with the control API or with an annotation of the
 * pod. */
#include "pods.h"

#include "json.h"
#include "rayvisor/json.h"
#include "ruleset.h"

#include <stdlib.h>

#define ANNOTATION_BEHAVIOUR "sandbox.rayvisor.io/behavior"

struct rule {
    struct sim_rule rule;
    int64_t left; /* how many more pods it may take; -1 means any number */
    char *ns, *prefix;
    struct rv_selector *labels;
    struct sim_effect *effect;
};
static const char *const kinds[EFFECT_N] = {
    [EFFECT_NEVER_SCHEDULE] = "never-schedule",
    [EFFECT_IMAGE_PULL_ERROR] = "image-pull-error",
    [EFFECT_CRASH] = "crash",
    [EFFECT_FAIL] = "fail",
    [EFFECT_SUCCEED] = "succeed",
    [EFFECT_NOT_READY] = "not-ready",
    [EFFECT_STUCK_TERMINATING] = "stuck-terminating",
    [EFFECT_DELAY] = "delay",
};

/* ---- effects ---- */

struct sim_effect *sim_effect_unref(struct sim_effect *e) {
    if (e == NULL || --e->refs > 0) return NULL;
    free(e->container);
    free(e->reason);
    free(e->message);
    free(e);
    return NULL;
}

int sim_rule_effect(struct rv_str kind, struct rv_val args, struct sim_effect **ret, struct rv_error *err) {
    unsigned k = 0;
    while (k < EFFECT_N && !rv_str_is(kind, kinds[k])) k++;
    if (k == EFFECT_N) {
        rv_autobuf struct rv_buf known = {0};
        for (size_t i = 0; i < EFFECT_N; i++) rv_buf_addf(&known, "%s%s", i != 0 ? ", " : "", kinds[i]);
        return rv_error_set(err, RV_E_INVALID, "unknown behavior \"" RV_STR_FMT "\"; known are %s", RV_STR_ARG(kind),
                            rv_buf_cstr(&known));
    }
    struct sim_effect *e = rv_alloc(sizeof *e);
    e->refs = 1;
    e->kind = (enum sim_effect_kind)k;
    e->container = sim_rule_text(args, "match.container");
    if (e->container == NULL) e->container = sim_rule_text(args, "container");
    e->reason = sim_rule_text(args, "reason");
    e->message = sim_rule_text(args, "message");
    e->exit_code = (int)rv_path_int(args, "exitCode", 1);
    int64_t times = rv_path_int(args, "times", 0);
    e->times = times > 0 && times < 1000000 ? (unsigned)times : 0;
    e->after_ms = rv_path_int(args, "afterMs", 0);
    e->schedule_ms = rv_path_int(args, "scheduleMs", -1);
    e->start_ms = rv_path_int(args, "startMs", -1);
    e->ready_ms = rv_path_int(args, "readyMs", -1);
    e->terminate_ms = rv_path_int(args, "terminateMs", -1);
    *ret = e;
    return 0;
}

const struct sim_effect *sim_effect_of(const struct sim_pod *p, enum sim_effect_kind kind, struct rv_str container) {
    for (size_t i = 0; i < p->n_effects; i++) {
        const struct sim_effect *e = p->effects[i];
        bool mine = e->container == NULL || container.n == 0 || rv_str_is(container, e->container);
        if (e->kind == kind && mine) return e;
    }
    return NULL;
}

int64_t sim_delay_of(const struct sim_pod *p, size_t offset, int64_t otherwise) {
    for (size_t i = 0; i < p->n_effects; i++) {
        const struct sim_effect *e = p->effects[i];
        int64_t ms;
        memcpy(&ms, (const char *)e + offset, sizeof ms);
        if (e->kind == EFFECT_DELAY && ms >= 0) return ms;
    }
    return otherwise;
}

static void give(struct sim_pod *p, struct sim_effect *e) {
    p->effects = (struct sim_effect **)rv_realloc_array((void *)p->effects, p->n_effects + 1, sizeof e);
    e->refs++;
    p->effects[p->n_effects++] = e;
}

/* ---- rules ---- */

/* Reads "crash", or as JSON the body of a rule: {"do": "crash", "exitCode": 137}. */
static void annotated(struct sim *m, struct sim_pod *p, struct rv_str text) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_error err = {0};
    struct sim_effect *e = NULL;
    struct rv_val args = RV_VAL_ABSENT;
    struct rv_str kind = text;
    if (rv_str_starts(text, "{") && rv_json_to_mp(text, NULL, &b, &err) == 0) {
        args = (struct rv_val){b.p, b.n};
        kind = rv_path_str(args, "do");
    }
    if (sim_rule_effect(kind, args, &e, &err) == 0) {
        give(p, e);
        sim_effect_unref(e);
        return;
    }
    struct sb_object *o = sim_pod_fresh(m, p);
    if (o != NULL) sim_event(m, o, "Warning", "BadBehavior", "rayvisor-sandbox", "%s", err.text);
}

void sim_rules_claim(struct sim *m, struct sim_pod *p, struct rv_val pod) {
    const struct sim_ruleset *s = sim_pods_of(m)->rules;
    struct rv_val labels = rv_val_path(pod, "metadata.labels");
    struct rv_str own = rv_val_str(rv_val_get(rv_val_path(pod, "metadata.annotations"), ANNOTATION_BEHAVIOUR));
    if (own.n != 0) annotated(m, p, own);
    for (size_t i = 0; i < s->n; i++) {
        struct rule *r = (struct rule *)s->v[i];
        if (r->left == 0 || (r->ns != NULL && !rv_str_is(p->ns, r->ns))) continue;
        if (r->prefix != NULL && !rv_str_starts(p->name, r->prefix)) continue;
        if (r->labels != NULL && !rv_selector_matches(r->labels, labels)) continue;
        if (r->left > 0) r->left--;
        give(p, r->effect);
    }
}

static int rule_read(struct sim_rule *rule, struct rv_val body, struct rv_error *err) {
    struct rule *r = (struct rule *)rule;
    struct rv_val selector = rv_val_path(body, "match.labelSelector");
    r->left = rv_path_int(body, "count", -1);
    r->ns = sim_rule_text(body, "match.namespace");
    r->prefix = sim_rule_text(body, "match.name");
    int e = sim_rule_effect(rv_path_str(body, "do"), body, &r->effect, err);
    if (e != 0 || !rv_val_set(selector)) return e;
    struct rv_str text = rv_val_str(selector);
    r->labels = text.n != 0 ? rv_selector_parse(text, err) : rv_selector_from_val(selector, err);
    return r->labels != NULL ? 0 : RV_E_INVALID;
}

static void rule_write(const struct sim_rule *rule, struct jsonw *w) {
    const struct rule *r = (const struct rule *)rule;
    jsonw_text(w, "do", kinds[r->effect->kind]);
    sim_json_text(w, "namespace", r->ns);
    sim_json_text(w, "name", r->prefix);
    sim_json_text(w, "container", r->effect->container);
    if (r->left >= 0) jsonw_int(w, "left", r->left);
}

static void rule_clear(struct sim_rule *rule) {
    struct rule *r = (struct rule *)rule;
    free(r->ns);
    free(r->prefix);
    rv_selector_free(r->labels);
    sim_effect_unref(r->effect);
}

/* Pods that a rule has taken keep its effect when the rule is deleted. */
const struct sim_rule_type sim_pod_rules = {sizeof(struct rule), rule_read, rule_write, rule_clear};
