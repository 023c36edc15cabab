/* rayrules.c - rules for Ray clusters, made with the control API. */
#include "rayrules.h"
#include "json.h"
#include "ruleset.h"

#include <stdlib.h>

static const char *const text_names[RULE_TEXTS] = {
    [RULE_DASHBOARD] = "dashboard", [RULE_CONSTRUCTOR_ERROR] = "constructorError",
    [RULE_STATUS] = "status",       [RULE_MESSAGE] = "message",
    [RULE_PROXY] = "proxy",         [RULE_PATH] = "path",
};
static const char *const number_names[RULE_NUMBERS] = {
    [RULE_CONSTRUCTOR_MS] = "constructorMs", [RULE_REQUEST_MS] = "requestMs", [RULE_MS] = "ms",
    [RULE_HTTP_STATUS] = "status",           [RULE_BYTES] = "bytes",          [RULE_COUNT] = "count",
};

static const struct rayrule *at(const struct sim_ruleset *s, size_t i) { return (const struct rayrule *)s->v[i]; }

static bool matches(const struct rayrule *r, const struct ray_head *h, const char *app) {
    if (r->ns != NULL && strcmp(r->ns, h->ns) != 0) return false;
    if (r->prefix != NULL && !rv_str_starts(rv_str(h->cluster), r->prefix)) return false;
    return r->app == NULL || (app != NULL && strcmp(r->app, app) == 0);
}

const char *rayrules_text(const struct ray_head *h, const char *app, enum rayrule_text what) {
    const struct sim_ruleset *s = ray_of(h->m)->rules;
    for (size_t i = s->n; i-- > 0;)
        if (at(s, i)->texts[what] != NULL && matches(at(s, i), h, app)) return at(s, i)->texts[what];
    return NULL;
}

int64_t rayrules_number(const struct ray_head *h, const char *app, enum rayrule_number what, int64_t otherwise) {
    const struct sim_ruleset *s = ray_of(h->m)->rules;
    for (size_t i = s->n; i-- > 0;)
        if (at(s, i)->numbers[what] >= 0 && matches(at(s, i), h, app)) return at(s, i)->numbers[what];
    return otherwise;
}

const struct rayrule *rayrules_dashboard(struct ray_head *h, struct rv_str path) {
    const struct sim_ruleset *s = ray_of(h->m)->rules;
    for (size_t i = s->n; i-- > 0;) {
        struct rayrule *r = (struct rayrule *)s->v[i];
        if (r->texts[RULE_DASHBOARD] == NULL || r->numbers[RULE_COUNT] == 0 || !matches(r, h, NULL)) continue;
        if (r->texts[RULE_PATH] != NULL && !rv_str_starts(path, r->texts[RULE_PATH])) continue;
        if (r->numbers[RULE_COUNT] > 0) r->numbers[RULE_COUNT]--;
        return r;
    }
    return NULL;
}

/* ---- control ---- */

static bool known_word(const char *word, const char *const *words) {
    while (*words != NULL && strcmp(word, *words) != 0) words++;
    return *words != NULL;
}

static int check(const struct rayrule *r, struct rv_error *err) {
    static const char *const dashboards[] = {"hang", "late", "error", "garbage", "huge", NULL};
    static const char *const proxies[] = {"unhealthy", "hang", "dead", NULL};
    const char *dashboard = r->texts[RULE_DASHBOARD], *proxy = r->texts[RULE_PROXY];
    if (dashboard != NULL && !known_word(dashboard, dashboards))
        return rv_error_set(err, RV_E_INVALID, "dashboard is hang, late, error, garbage or huge, not \"%s\"",
                            dashboard);
    if (proxy != NULL && !known_word(proxy, proxies))
        return rv_error_set(err, RV_E_INVALID, "proxy is unhealthy, hang or dead, not \"%s\"", proxy);
    return 0;
}

static bool known_member(struct rv_str key) {
    bool known = rv_str_is(key, "match");
    for (size_t i = 0; i < RULE_TEXTS; i++) known = known || rv_str_is(key, text_names[i]);
    for (size_t i = 0; i < RULE_NUMBERS; i++) known = known || rv_str_is(key, number_names[i]);
    return known;
}

static int rule_read(struct sim_rule *rule, struct rv_val body, struct rv_error *err) {
    struct rayrule *r = (struct rayrule *)rule;
    for (struct rv_iter it = rv_iter(body); rv_iter_next(&it);)
        if (!known_member(it.key))
            return rv_error_set(err, RV_E_INVALID, "a rule of Ray has no member \"" RV_STR_FMT "\"",
                                RV_STR_ARG(it.key));
    for (size_t i = 0; i < RULE_TEXTS; i++) r->texts[i] = sim_rule_text(body, text_names[i]);
    for (size_t i = 0; i < RULE_NUMBERS; i++) r->numbers[i] = rv_path_int(body, number_names[i], -1);
    r->ns = sim_rule_text(body, "match.namespace");
    r->prefix = sim_rule_text(body, "match.cluster");
    r->app = sim_rule_text(body, "match.app");
    return check(r, err);
}

static void rule_write(const struct sim_rule *rule, struct jsonw *w) {
    const struct rayrule *r = (const struct rayrule *)rule;
    sim_json_text(w, "namespace", r->ns);
    sim_json_text(w, "cluster", r->prefix);
    sim_json_text(w, "app", r->app);
    for (size_t k = 0; k < RULE_TEXTS; k++) sim_json_text(w, text_names[k], r->texts[k]);
    for (size_t k = 0; k < RULE_NUMBERS; k++)
        if (r->numbers[k] >= 0) jsonw_int(w, number_names[k], r->numbers[k]);
}

static void rule_clear(struct sim_rule *rule) {
    struct rayrule *r = (struct rayrule *)rule;
    free(r->ns);
    free(r->prefix);
    free(r->app);
    for (size_t i = 0; i < RULE_TEXTS; i++) free(r->texts[i]);
}

const struct sim_rule_type rayrules_type = {sizeof(struct rayrule), rule_read, rule_write, rule_clear};
