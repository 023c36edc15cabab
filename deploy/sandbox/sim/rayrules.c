/* rayrules.c - rules for Ray clusters, made with the control API. */
#include "rayrules.h"
#include "json.h"

#include <stdlib.h>

struct rules {
    struct rayrule *v;
    size_t n;
    int64_t last_id;
};

static const char *const text_names[RULE_TEXTS] = {
    [RULE_DASHBOARD] = "dashboard", [RULE_CONSTRUCTOR_ERROR] = "constructorError",
    [RULE_STATUS] = "status",       [RULE_MESSAGE] = "message",
    [RULE_PROXY] = "proxy",         [RULE_PATH] = "path",
};
static const char *const number_names[RULE_NUMBERS] = {
    [RULE_CONSTRUCTOR_MS] = "constructorMs", [RULE_REQUEST_MS] = "requestMs", [RULE_MS] = "ms",
    [RULE_HTTP_STATUS] = "status",           [RULE_BYTES] = "bytes",          [RULE_COUNT] = "count",
};

void *rayrules_new(void) { return rv_alloc(sizeof(struct rules)); }

static void rule_clear(struct rayrule *r) {
    free(r->ns);
    free(r->prefix);
    free(r->app);
    for (size_t i = 0; i < RULE_TEXTS; i++) free(r->texts[i]);
}

void rayrules_free(void *rules) {
    struct rules *s = rules;
    for (size_t i = 0; i < s->n; i++) rule_clear(&s->v[i]);
    free(s->v);
    free(s);
}

static bool matches(const struct rayrule *r, const struct ray_head *h, const char *app) {
    if (r->ns != NULL && strcmp(r->ns, h->ns) != 0) return false;
    if (r->prefix != NULL && !rv_str_starts(rv_str(h->cluster), r->prefix)) return false;
    return r->app == NULL || (app != NULL && strcmp(r->app, app) == 0);
}

const char *rayrules_text(const struct ray_head *h, const char *app, enum rayrule_text what) {
    const struct rules *s = ray_of(h->m)->rules;
    for (size_t i = s->n; i-- > 0;)
        if (s->v[i].texts[what] != NULL && matches(&s->v[i], h, app)) return s->v[i].texts[what];
    return NULL;
}

int64_t rayrules_number(const struct ray_head *h, const char *app, enum rayrule_number what, int64_t otherwise) {
    const struct rules *s = ray_of(h->m)->rules;
    for (size_t i = s->n; i-- > 0;)
        if (s->v[i].numbers[what] >= 0 && matches(&s->v[i], h, app)) return s->v[i].numbers[what];
    return otherwise;
}

const struct rayrule *rayrules_dashboard(struct ray_head *h, struct rv_str path) {
    struct rules *s = ray_of(h->m)->rules;
    for (size_t i = s->n; i-- > 0;) {
        struct rayrule *r = &s->v[i];
        if (r->texts[RULE_DASHBOARD] == NULL || r->numbers[RULE_COUNT] == 0 || !matches(r, h, NULL)) continue;
        if (r->texts[RULE_PATH] != NULL && !rv_str_starts(path, r->texts[RULE_PATH])) continue;
        if (r->numbers[RULE_COUNT] > 0) r->numbers[RULE_COUNT]--;
        return r;
    }
    return NULL;
}

/* ---- control ---- */

static char *text_or_null(struct rv_val map, const char *key) {
    struct rv_str s = rv_path_str(map, key);
    return s.n != 0 ? rv_strdup(s) : NULL;
}

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

static int rule_add(struct rules *s, struct rv_val body, struct rv_buf *out, struct rv_error *err) {
    for (struct rv_iter it = rv_iter(body); rv_iter_next(&it);)
        if (!known_member(it.key))
            return rv_error_set(err, RV_E_INVALID, "a rule of Ray has no member \"" RV_STR_FMT "\"",
                                RV_STR_ARG(it.key));
    struct rayrule r = {.id = s->last_id + 1};
    struct rv_val match = rv_val_get(body, "match");
    for (size_t i = 0; i < RULE_TEXTS; i++) r.texts[i] = text_or_null(body, text_names[i]);
    for (size_t i = 0; i < RULE_NUMBERS; i++) r.numbers[i] = rv_path_int(body, number_names[i], -1);
    r.ns = text_or_null(match, "namespace");
    r.prefix = text_or_null(match, "cluster");
    r.app = text_or_null(match, "app");
    int e = check(&r, err);
    if (e != 0) {
        rule_clear(&r);
        return e;
    }
    s->v = rv_realloc_array(s->v, s->n + 1, sizeof *s->v);
    s->v[s->n++] = r;
    s->last_id = r.id;
    sim_json_count(out, "id", (uint64_t)r.id);
    return 0;
}

static void rules_list(const struct rules *s, struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_begin_array(&w, "rules");
    for (size_t i = 0; i < s->n; i++) {
        const struct rayrule *r = &s->v[i];
        jsonw_begin_object(&w, NULL);
        jsonw_int(&w, "id", r->id);
        sim_json_text(&w, "namespace", r->ns);
        sim_json_text(&w, "cluster", r->prefix);
        sim_json_text(&w, "app", r->app);
        for (size_t k = 0; k < RULE_TEXTS; k++) sim_json_text(&w, text_names[k], r->texts[k]);
        for (size_t k = 0; k < RULE_NUMBERS; k++)
            if (r->numbers[k] >= 0) jsonw_int(&w, number_names[k], r->numbers[k]);
        jsonw_end_object(&w);
    }
    jsonw_end_array(&w);
    jsonw_end_object(&w);
}

static int rules_delete(struct rules *s, struct rv_str rest, struct rv_buf *out, struct rv_error *err) {
    int64_t id = 0;
    if (rest.n != 0 && rv_str_to_int(rest, 1, INT64_MAX, &id) != 0)
        return rv_error_set(err, RV_E_INVALID, "\"" RV_STR_FMT "\" is not the id of a rule", RV_STR_ARG(rest));
    size_t kept = 0, before = s->n;
    for (size_t i = 0; i < s->n; i++) {
        if (id == 0 || s->v[i].id == id)
            rule_clear(&s->v[i]);
        else
            s->v[kept++] = s->v[i];
    }
    s->n = kept;
    if (id != 0 && kept == before) return rv_error_set(err, RV_E_NOT_FOUND, "there is no rule %lld", (long long)id);
    sim_json_count(out, "deleted", before - kept);
    return 0;
}

int rayrules_control(struct sim *m, struct rv_str method, struct rv_str rest, struct rv_val body, struct rv_buf *out,
                     struct rv_error *err) {
    struct rules *s = ray_of(m)->rules;
    if (rest.n == 0 && rv_str_is(method, "POST")) return rule_add(s, body, out, err);
    if (rv_str_is(method, "DELETE")) return rules_delete(s, rest, out, err);
    if (rest.n != 0 || !rv_str_is(method, "GET"))
        return rv_error_set(err, RV_E_DENIED, "rules take GET, POST and DELETE, not " RV_STR_FMT, RV_STR_ARG(method));
    rules_list(s, out);
    return 0;
}
