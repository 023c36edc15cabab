/* manifest.c - reads the manifests of plugins and checks settings against them (see manifest.h). */
#include "manifest.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/file.h"
#include "ipc/base/nearest.h"
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"
#include "url.h"

enum { KIND_NAME_MAX = 63, METRIC_HELP_MAX = 500 };

static const char *const map_names[] = {"owner", "label", "plugin", NULL};
static const char *const setting_types[] = {"boolean", "integer", "number", "string", "list", "map", NULL};

#define K(member, name, type, ...)                                                                                     \
    { name, type, offsetof(STRUCT, member), __VA_ARGS__ }

#define STRUCT struct manifest_kind
static const struct schema_key kind_keys[] = {K(name, "name", S_TEXT, 0, 0, NULL, false),
                                              K(api_version, "apiVersion", S_TEXT, 0, 0, NULL, true),
                                              K(resource, "resource", S_TEXT, 0, 0, NULL, true),
                                              K(kind, "kind", S_TEXT, 0, 0, NULL, true),
                                              K(selector, "selector", S_TEXT, 0, 0, NULL, false),
                                              K(fields, "fields", S_TEXTS, 0, 0, NULL, false),
                                              K(map, "map", S_CHOICE, 0, 0, map_names, false),
                                              K(index_label, "indexLabel", S_TEXT, 0, 0, NULL, false),
                                              K(optional, "optional", S_BOOL, 0, 0, NULL, false),
                                              K(when, "when", S_TEXTS, 0, 0, NULL, false),
                                              SCHEMA_END};
#undef STRUCT
#define STRUCT struct manifest_write
static const struct schema_key grant_keys[] = {
    K(api_version, "apiVersion", S_TEXT, 0, 0, NULL, true),   K(resource, "resource", S_TEXT, 0, 0, NULL, true),
    K(subresource, "subresource", S_TEXT, 0, 0, NULL, false), K(verbs, "verbs", S_TEXTS, 0, 0, NULL, true),
    K(namespaces, "namespaces", S_TEXTS, 0, 0, NULL, false),  SCHEMA_END};
static const struct schema_key write_keys[] = {K(api_version, "apiVersion", S_TEXT, 0, 0, NULL, true),
                                               K(resource, "resource", S_TEXT, 0, 0, NULL, true),
                                               K(subresource, "subresource", S_TEXT, 0, 0, NULL, false),
                                               K(verbs, "verbs", S_TEXTS, 0, 0, NULL, true),
                                               K(namespaces, "namespaces", S_TEXTS, 0, 0, NULL, false),
                                               K(when, "when", S_TEXTS, 0, 0, NULL, false),
                                               SCHEMA_END};
#undef STRUCT
#define STRUCT struct manifest_secret
static const struct schema_key secret_keys[] = {K(names, "names", S_TEXTS, 0, 0, NULL, true),
                                                K(keys, "keys", S_TEXTS, 0, 0, NULL, true),
                                                K(namespaces, "namespaces", S_TEXTS, 0, 0, NULL, false), SCHEMA_END};
#undef STRUCT
#define STRUCT struct manifest_expectation
static const struct schema_key expect_keys[] = {K(plugin, "plugin", S_TEXT, 0, 0, NULL, true),
                                                K(when, "when", S_TEXTS, 0, 0, NULL, false), SCHEMA_END};
#undef STRUCT
#define STRUCT struct manifest_deliberate
static const struct schema_key deliberate_keys[] = {
    K(resource, "resource", S_TEXT, 0, 0, NULL, true), K(field, "field", S_TEXT, 0, 0, NULL, true),
    K(reason, "reason", S_TEXT, 0, 0, NULL, true), K(ours, "ours", S_TEXT, 0, 0, NULL, false), SCHEMA_END};
#undef STRUCT
#define STRUCT struct manifest_setting
static const struct schema_key setting_keys[] = {K(name, "name", S_TEXT, 0, 0, NULL, true),
                                                 K(type, "type", S_CHOICE, 0, 0, setting_types, true),
                                                 K(help, "help", S_TEXT, 0, 0, NULL, true),
                                                 K(fallback, "default", S_ANY, 0, 0, NULL, false),
                                                 K(min, "min", S_INT, INT64_MIN, INT64_MAX, NULL, false),
                                                 K(max, "max", S_INT, INT64_MIN, INT64_MAX, NULL, false),
                                                 K(choices, "choices", S_TEXTS, 0, 0, NULL, false),
                                                 SCHEMA_END};
#undef STRUCT

struct raw {
    struct rv_str name, version, description;
    int64_t abi;
    struct yaml_pos *primary, *reads, *writes, *settings, *secrets, *expects, *deliberate;
    struct yaml_pos *metric_help;
    struct schema_texts http, metrics;
    bool time_zones, validates;
};
#define STRUCT struct raw
static const struct schema_key top_keys[] = {K(name, "name", S_TEXT, 0, 0, NULL, true),
                                             K(version, "version", S_TEXT, 0, 0, NULL, true),
                                             K(abi, "abi", S_INT, 1, 1000, NULL, true),
                                             K(description, "description", S_TEXT, 0, 0, NULL, true),
                                             K(primary, "primary", S_MAP, 0, 0, NULL, true),
                                             K(reads, "reads", S_LIST, 0, 0, NULL, false),
                                             K(writes, "writes", S_LIST, 0, 0, NULL, false),
                                             K(http, "http", S_TEXTS, 0, 0, NULL, false),
                                             K(secrets, "secrets", S_ANY, 0, 0, NULL, false),
                                             K(expects, "expects", S_LIST, 0, 0, NULL, false),
                                             K(deliberate, "deliberate", S_LIST, 0, 0, NULL, false),
                                             K(settings, "settings", S_LIST, 0, 0, NULL, false),
                                             K(metrics, "metrics", S_TEXTS, 0, 0, NULL, false),
                                             K(metric_help, "metricHelp", S_MAP, 0, 0, NULL, false),
                                             K(time_zones, "timeZones", S_BOOL, 0, 0, NULL, false),
                                             K(validates, "validates", S_BOOL, 0, 0, NULL, false),
                                             SCHEMA_END};
#undef STRUCT

static int check_kind(const struct schema_reader *r, const struct yaml_pos *at, const struct manifest_kind *k) {
    struct rv_error e = {0};
    struct rv_selector *s = rv_selector_parse(k->selector, &e);
    if (s == NULL) return schema_fail(r, at, "%s", e.text);
    rv_selector_free(s);
    if (k->map == 1 && k->index_label.n == 0) return schema_fail(r, at, "map: label needs indexLabel");
    for (size_t i = 0; i < k->fields.n; i++) {
        rv_autofree char *path = rv_strdup(k->fields.list[i]);
        const char *const one[] = {path};
        struct rv_projection *p = rv_projection_new(one, 1, &e);
        if (p == NULL) return schema_fail(r, at, "%s", e.text);
        rv_projection_free(p);
    }
    return 0;
}

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* "RayCluster" -> "ray_cluster", "HTTPRoute" -> "http_route". The CMake function that makes constants from the names
 * does the same (plugins/sdk/cmake/kinds.cmake). */
static struct rv_str snake_case(struct rv_arena *a, struct rv_str kind) {
    char *out = rv_arena_alloc(a, 2 * kind.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < kind.n; i++) {
        bool word =
            i > 0 && is_upper(kind.p[i]) && (!is_upper(kind.p[i - 1]) || (i + 1 < kind.n && !is_upper(kind.p[i + 1])));
        if (word) out[n++] = '_';
        out[n++] = (char)(is_upper(kind.p[i]) ? kind.p[i] - 'A' + 'a' : kind.p[i]);
    }
    return (struct rv_str){out, n};
}

/* The names become constants in the plugin's code, so they must be valid there. */
static bool kind_name_ok(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = c >= 'a' && c <= 'z', other = (c >= '0' && c <= '9') || c == '_';
        if (!letter && (!other || i == 0)) return false;
    }
    return s.n > 0 && s.n <= KIND_NAME_MAX;
}

static int name_kinds(const struct schema_reader *r, struct manifest *m) {
    for (size_t i = 0; i < m->kind_n; i++) {
        struct manifest_kind *k = &m->kinds[i];
        if (k->name.n == 0) k->name = snake_case(m->doc.arena, k->kind);
        if (!kind_name_ok(k->name))
            return schema_fail(r, m->doc.root,
                               "a kind has the name \"" RV_STR_FMT
                               "\"; accepted are a lower-case letter and up to %d more letters, digits or '_'",
                               RV_STR_ARG(k->name), KIND_NAME_MAX - 1);
        for (size_t n = 0; n < i; n++)
            if (rv_str_eq(m->kinds[n].name, k->name))
                return schema_fail(r, m->doc.root,
                                   "two kinds have the name \"" RV_STR_FMT "\": give one of them another with name:",
                                   RV_STR_ARG(k->name));
    }
    return 0;
}

static int read_kinds(const struct schema_reader *r, struct manifest *m, const struct raw *raw) {
    size_t n = 1 + (raw->reads != NULL ? raw->reads->n : 0);
    m->kinds = rv_arena_alloc(m->doc.arena, n * sizeof *m->kinds);
    int code = schema_read(r, raw->primary, "primary", kind_keys, &m->kinds[0]);
    if (code == 0) code = check_kind(r, raw->primary, &m->kinds[0]);
    m->kind_n = 1;
    for (struct yaml_pos *k = raw->reads != NULL ? raw->reads->kids : NULL; code == 0 && k != NULL; k = k->next) {
        char what[32];
        snprintf(what, sizeof what, "reads[%zu]", m->kind_n - 1);
        code = schema_read(r, k, what, kind_keys, &m->kinds[m->kind_n]);
        if (code == 0) code = check_kind(r, k, &m->kinds[m->kind_n]);
        m->kind_n++;
    }
    if (code == 0 && n > 64)
        code = schema_fail(r, raw->reads, "a plugin reads at most 63 kinds beside its primary one");
    return code != 0 ? code : name_kinds(r, m);
}

/* The last verb is for grants only. A manifest lists what it reads in `primary` and `reads`. */
static const char *const verbs[] = {"create", "patch", "apply", "own", "delete", "deletecollection", "get", "read"};

static int check_verb(const struct schema_reader *r, const struct yaml_pos *at, const char *what, struct rv_str verb,
                      size_t accepted_n) {
    rv_autobuf struct rv_buf accepted = {0}, hint = {0};
    struct nearest near = nearest_begin(verb);
    for (size_t i = 0; i < accepted_n; i++) {
        if (rv_str_is(verb, verbs[i])) return 0;
        rv_buf_adds(&accepted, i > 0 ? ", " : "");
        rv_buf_adds(&accepted, verbs[i]);
        nearest_offer(&near, rv_str(verbs[i]));
    }
    nearest_hint(&near, &hint);
    rv_buf_adds(&hint, hint.n != 0 ? " Accepted are " : ". Accepted are ");
    return schema_fail(r, at, "%s.verbs has \"" RV_STR_FMT "\"" RV_STR_FMT RV_STR_FMT, what, RV_STR_ARG(verb),
                       RV_STR_ARG(rv_buf_str(&hint)), RV_STR_ARG(rv_buf_str(&accepted)));
}

static int read_writes(const struct schema_reader *r, const struct yaml_pos *list, const char *what,
                       const struct schema_key *keys, struct manifest_write **ret, size_t *ret_n) {
    size_t n = 0;
    *ret = rv_arena_alloc(r->doc->arena, (list != NULL ? list->n : 0) * sizeof **ret);
    for (struct yaml_pos *k = list != NULL ? list->kids : NULL; k != NULL; k = k->next, n++) {
        char name[64];
        snprintf(name, sizeof name, "%s[%zu]", what, n);
        int code = schema_read(r, k, name, keys, &(*ret)[n]);
        if (code != 0) return code;
        size_t accepted_n = keys == grant_keys ? RV_ARRAY_LEN(verbs) : RV_ARRAY_LEN(verbs) - 1;
        for (size_t v = 0; v < (*ret)[n].verbs.n && code == 0; v++)
            code = check_verb(r, k, name, (*ret)[n].verbs.list[v], accepted_n);
        if (code != 0) return code;
    }
    *ret_n = n;
    return 0;
}

int manifest_read_grants(const struct schema_reader *r, const struct yaml_pos *list, struct manifest_write **ret,
                         size_t *ret_n) {
    return read_writes(r, list, "grants", grant_keys, ret, ret_n); /* a grant has no conditions */
}

int manifest_read_secrets(const struct schema_reader *r, const struct yaml_pos *list, struct manifest_secret **ret,
                          size_t *ret_n) {
    if (list != NULL && list->kind != YAML_POS_LIST)
        return schema_fail(r, list,
                           "secrets is %s; accepted is a list that says which Secrets may be credentials, such as "
                           "[{names: [\"*\"], keys: [auth_token], namespaces: [team-a]}]",
                           yaml_kind_name(list->kind));
    *ret = rv_arena_alloc(r->doc->arena, (list != NULL ? list->n : 0) * sizeof **ret);
    *ret_n = 0;
    for (struct yaml_pos *k = list != NULL ? list->kids : NULL; k != NULL; k = k->next) {
        char name[32];
        snprintf(name, sizeof name, "secrets[%zu]", *ret_n);
        int code = schema_read(r, k, name, secret_keys, &(*ret)[(*ret_n)++]);
        if (code != 0) return code;
    }
    return 0;
}

static int read_expectations(const struct schema_reader *r, struct manifest *m, const struct yaml_pos *list) {
    m->expects = rv_arena_alloc(m->doc.arena, (list != NULL ? list->n : 0) * sizeof *m->expects);
    for (struct yaml_pos *k = list != NULL ? list->kids : NULL; k != NULL; k = k->next) {
        int code = schema_read(r, k, "expects[]", expect_keys, &m->expects[m->expect_n++]);
        if (code != 0) return code;
    }
    return 0;
}

static int read_deliberate(const struct schema_reader *r, struct manifest *m, const struct yaml_pos *list) {
    m->deliberate = rv_arena_alloc(m->doc.arena, ((list != NULL ? list->n : 0) + 1) * sizeof *m->deliberate);
    for (struct yaml_pos *k = list != NULL ? list->kids : NULL; k != NULL; k = k->next) {
        int code = schema_read(r, k, "deliberate[]", deliberate_keys, &m->deliberate[m->deliberate_n++]);
        if (code != 0) return code;
    }
    return 0;
}

static int check_setting(const struct schema_reader *r, const struct yaml_pos *at, const struct manifest_setting *s,
                         struct rv_node *v);

/* Text that looks like a number, such as "1.10", stays text if text is expected. */
static struct rv_node *value_of(struct rv_arena *a, const struct manifest_setting *s, const struct yaml_pos *at) {
    return s->type == SETTING_STRING && at->kind == YAML_POS_SCALAR ? rv_node_str(a, at->text) : yaml_pos_data(a, at);
}

/* Checks a default like any other value. */
static int check_default(const struct schema_reader *r, const struct manifest_setting *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct yaml_pos *at = s->fallback;
    if (at == NULL) return 0;
    return check_setting(r, at, s, value_of(a, s, at));
}

static int read_settings(const struct schema_reader *r, struct manifest *m, const struct yaml_pos *list) {
    m->settings = rv_arena_alloc(m->doc.arena, (list != NULL ? list->n : 0) * sizeof *m->settings);
    for (struct yaml_pos *k = list != NULL ? list->kids : NULL; k != NULL; k = k->next) {
        struct manifest_setting *s = &m->settings[m->setting_n++];
        s->min = INT64_MIN;
        s->max = INT64_MAX;
        int code = schema_read(r, k, "settings[]", setting_keys, s);
        if (code == 0) code = check_default(r, s);
        if (code != 0) return code;
    }
    return 0;
}

/* ---- conditions ----------------------------------------------------------------------------------------- */

/* Splits "name.key=value" into its three parts. `key` may be empty. */
static bool split_when(struct rv_str text, struct rv_str *name, struct rv_str *key, struct rv_str *value) {
    const char *eq = text.n != 0 ? memchr(text.p, '=', text.n) : NULL;
    if (eq == NULL || eq == text.p) return false;
    *name = (struct rv_str){text.p, (size_t)(eq - text.p)};
    *value = (struct rv_str){eq + 1, (size_t)(text.p + text.n - eq - 1)};
    const char *dot = memchr(name->p, '.', name->n);
    *key = dot != NULL ? (struct rv_str){dot + 1, (size_t)(eq - dot - 1)} : (struct rv_str){NULL, 0};
    if (dot != NULL) name->n = (size_t)(dot - text.p);
    return true;
}

bool manifest_when(const struct schema_texts *when, const struct rv_buf *settings) {
    struct rv_val all = {settings->p, settings->n};
    for (size_t i = 0; i < when->n; i++) {
        struct rv_str name, key, value;
        if (!split_when(when->list[i], &name, &key, &value)) continue;
        struct rv_val v = rv_val_getn(all, name);
        if (key.n != 0) v = rv_val_getn(v, key);
        if (rv_val_type(v) == RV_BOOL ? rv_str_is(value, rv_val_bool(v, false) ? "true" : "false")
                                      : rv_str_eq(rv_val_str(v), value))
            return true;
    }
    return when->n == 0;
}

static const struct manifest_setting *find_setting(const struct manifest *m, struct rv_str name);

static int check_when(const struct schema_reader *r, const struct yaml_pos *at, const struct manifest *m,
                      const struct schema_texts *when) {
    for (size_t i = 0; i < when->n; i++) {
        struct rv_str name, key, value;
        if (!split_when(when->list[i], &name, &key, &value))
            return schema_fail(r, at, "when has \"" RV_STR_FMT "\"; accepted is setting=value or setting.key=value",
                               RV_STR_ARG(when->list[i]));
        if (find_setting(m, name) == NULL)
            return schema_fail(r, at, "when names the setting \"" RV_STR_FMT "\", which this manifest does not have",
                               RV_STR_ARG(name));
    }
    return 0;
}

static int check_conditions(const struct schema_reader *r, const struct manifest *m) {
    int code = 0;
    if (m->kinds[0].when.n != 0) return schema_fail(r, m->doc.root, "primary cannot have conditions (when)");
    for (size_t i = 0; i < m->kind_n && code == 0; i++) code = check_when(r, m->doc.root, m, &m->kinds[i].when);
    for (size_t i = 0; i < m->write_n && code == 0; i++) code = check_when(r, m->doc.root, m, &m->writes[i].when);
    for (size_t i = 0; i < m->expect_n && code == 0; i++) code = check_when(r, m->doc.root, m, &m->expects[i].when);
    return code;
}

/* ---- URL patterns --------------------------------------------------------------------------------------- */

/* Finds the setting in the next {}. The text before it is appended to `out`. Returns false at the end. */
static bool next_setting(struct rv_str *rest, struct rv_buf *out, struct rv_str *ret) {
    const char *open = rest->n != 0 ? memchr(rest->p, '{', rest->n) : NULL;
    const char *close = open != NULL ? memchr(open, '}', (size_t)(rest->p + rest->n - open)) : NULL;
    rv_buf_add(out, rest->p, close != NULL ? (size_t)(open - rest->p) : rest->n);
    if (close == NULL) return false;
    *ret = (struct rv_str){open + 1, (size_t)(close - open) - 1};
    *rest = (struct rv_str){close + 1, (size_t)(rest->p + rest->n - close) - 1};
    return true;
}

char *manifest_pattern(struct rv_str pattern, const struct rv_buf *settings, struct rv_error *err) {
    rv_autobuf struct rv_buf out = {0};
    struct rv_str rest = pattern, name;
    while (next_setting(&rest, &out, &name))
        rv_buf_add_str(&out, rv_val_str(rv_val_getn((struct rv_val){settings->p, settings->n}, name)));
    const char *wrong = url_pattern_wrong(rv_buf_str(&out));
    if (wrong == NULL) return rv_strdup(rv_buf_str(&out));
    rv_error_set(err, RV_E_CONFIG, "\"%s\" is not a URL pattern such as http://*.svc.cluster.local:8265/api/*: %s",
                 rv_buf_cstr(&out), wrong);
    return NULL;
}

/* Checks the patterns with any values of the settings, because the settings are read later. */
static int check_patterns(const struct schema_reader *r, const struct manifest *m) {
    for (size_t i = 0; i < m->http.n; i++) {
        rv_autobuf struct rv_buf out = {0};
        struct rv_str rest = m->http.list[i], name;
        while (next_setting(&rest, &out, &name)) {
            const struct manifest_setting *s = find_setting(m, name);
            if (s == NULL || s->type != SETTING_STRING)
                return schema_fail(r, yaml_pos_get(r->doc->root, "http"),
                                   "\"" RV_STR_FMT "\" names \"" RV_STR_FMT "\", which is no setting of type string",
                                   RV_STR_ARG(m->http.list[i]), RV_STR_ARG(name));
            rv_buf_addc(&out, 'x');
        }
        const char *wrong = url_pattern_wrong(rv_buf_str(&out));
        if (wrong != NULL)
            return schema_fail(r, yaml_pos_get(r->doc->root, "http"), "\"" RV_STR_FMT "\" is not a URL pattern: %s",
                               RV_STR_ARG(m->http.list[i]), wrong);
    }
    return 0;
}

/* A prefix must end with an underscore, so that it is not the beginning of another plugin's names. The supervisor's own
 * prefixes are refused, but for one that all who know of leaks share (`rayvisorctl leaks`). */
static int check_metrics(const struct schema_reader *r, const struct manifest *m) {
    for (size_t i = 0; i < m->metrics.n; i++) {
        struct rv_str p = m->metrics.list[i];
        bool ok = p.n > 1 && p.n < 64 && p.p[0] >= 'a' && p.p[p.n - 1] == '_' &&
                  (!rv_str_starts(p, "rayvisor_") || rv_str_is(p, "rayvisor_leaked_"));
        for (size_t k = 0; k < p.n && ok; k++)
            ok = (p.p[k] >= 'a' && p.p[k] <= 'z') || (p.p[k] >= '0' && p.p[k] <= '9') || p.p[k] == '_';
        if (!ok)
            return schema_fail(r, yaml_pos_get(r->doc->root, "metrics"),
                               "\"" RV_STR_FMT "\" is not a prefix of names of metrics such as kuberay_cluster_",
                               RV_STR_ARG(p));
    }
    return 0;
}

/* The text stands in one line of the page of metrics. */
static bool help_ok(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == '\\') return false;
    return s.n > 0 && s.n <= METRIC_HELP_MAX;
}

static int read_metric_help(const struct schema_reader *r, struct manifest *m, const struct yaml_pos *map) {
    m->metric_help = rv_arena_alloc(m->doc.arena, (map != NULL ? map->n : 0) * sizeof *m->metric_help);
    for (struct yaml_pos *k = map != NULL ? map->kids : NULL; k != NULL; k = k->next) {
        if (k->kind != YAML_POS_SCALAR || !help_ok(k->text))
            return schema_fail(r, k, "metricHelp." RV_STR_FMT " is not one line of text without a backslash",
                               RV_STR_ARG(k->key));
        m->metric_help[m->metric_help_n++] = (struct manifest_metric_help){k->key, k->text};
    }
    return 0;
}

static bool name_ok(struct rv_str s) {
    if (s.n == 0 || s.n > 31 || s.p[0] < 'a' || s.p[0] > 'z') return false;
    return rv_name_dns1123_label(s) == NULL;
}

struct manifest *manifest_parse(struct rv_str text, const char *path, struct rv_error *err) {
    struct manifest *m = rv_alloc(sizeof *m);
    struct raw raw = {0};
    m->path = rv_strdup(rv_str(path));
    int code = yaml_doc_parse(&m->doc, text, path, err);
    struct schema_reader r = {&m->doc, err};
    if (code == 0) code = schema_read(&r, m->doc.root, "the manifest", top_keys, &raw);
    if (code == 0 && !name_ok(raw.name))
        code = schema_fail(&r, m->doc.root,
                           "name is \"" RV_STR_FMT
                           "\"; accepted are a lower-case letter and up to 30 more letters, digits or '-'",
                           RV_STR_ARG(raw.name));
    if (m->doc.arena != NULL) m->text = rv_arena_str(m->doc.arena, text);
    m->name = raw.name;
    m->version = raw.version;
    m->description = raw.description;
    m->abi = raw.abi;
    m->http = raw.http;
    m->metrics = raw.metrics;
    m->time_zones = raw.time_zones;
    m->validates = raw.validates;
    if (code == 0) code = read_kinds(&r, m, &raw);
    if (code == 0) code = read_writes(&r, raw.writes, "writes", write_keys, &m->writes, &m->write_n);
    if (code == 0) code = read_settings(&r, m, raw.settings);
    if (code == 0) code = read_expectations(&r, m, raw.expects);
    if (code == 0) code = read_deliberate(&r, m, raw.deliberate);
    if (code == 0) code = check_conditions(&r, m);
    if (code == 0) code = manifest_read_secrets(&r, raw.secrets, &m->secrets, &m->secret_n);
    if (code == 0) code = check_patterns(&r, m);
    if (code == 0) code = check_metrics(&r, m);
    if (code == 0) code = read_metric_help(&r, m, raw.metric_help);
    return code == 0 ? m : manifest_free(m);
}

struct manifest *manifest_load(const char *path, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    if (file_read(path, 1 << 20, &text, err) != 0) return NULL;
    return manifest_parse(rv_buf_str(&text), path, err);
}

struct manifest *manifest_free(struct manifest *m) {
    if (m == NULL) return NULL;
    yaml_doc_free(&m->doc);
    free(m->path);
    free(m);
    return NULL;
}

/* ---- settings ------------------------------------------------------------------------------------------- */

static int check_choice(const struct schema_reader *r, const struct yaml_pos *at, const struct manifest_setting *s) {
    rv_autobuf struct rv_buf text = {0}, choices = {0};
    struct nearest near = nearest_begin(at->text);
    for (size_t i = 0; i < s->choices.n; i++) {
        if (rv_str_eq(s->choices.list[i], at->text)) return 0;
        nearest_offer(&near, s->choices.list[i]);
        rv_buf_addf(&choices, "%s\"" RV_STR_FMT "\"", i > 0 ? ", " : "", RV_STR_ARG(s->choices.list[i]));
    }
    rv_buf_addf(&text, "settings." RV_STR_FMT " is \"" RV_STR_FMT "\"", RV_STR_ARG(s->name), RV_STR_ARG(at->text));
    nearest_hint(&near, &text);
    return schema_fail(r, at, RV_STR_FMT "%s Accepted are " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&text)),
                       near.best.n != 0 ? "" : ".", RV_STR_ARG(rv_buf_str(&choices)));
}

static int check_setting(const struct schema_reader *r, const struct yaml_pos *at, const struct manifest_setting *s,
                         struct rv_node *v) {
    static const enum rv_type types[] = {RV_BOOL, RV_INT, RV_FLOAT, RV_STRING, RV_ARRAY, RV_MAP};
    enum rv_type have = rv_node_type(v);
    bool fits = have == types[s->type] || (s->type == SETTING_NUMBER && have == RV_INT) ||
                (s->type == SETTING_STRING && at->kind == YAML_POS_SCALAR);
    if (!fits)
        return schema_fail(r, at, "settings." RV_STR_FMT " must be %s %s: " RV_STR_FMT, RV_STR_ARG(s->name),
                           s->type == SETTING_INTEGER ? "an" : "a", setting_types[s->type], RV_STR_ARG(s->help));
    if (have == RV_INT && (rv_node_to_int(v, 0) < s->min || rv_node_to_int(v, 0) > s->max))
        return schema_fail(r, at, "settings." RV_STR_FMT " must lie between %lld and %lld", RV_STR_ARG(s->name),
                           (long long)s->min, (long long)s->max);
    return s->choices.n != 0 ? check_choice(r, at, s) : 0;
}

static const struct manifest_setting *find_setting(const struct manifest *m, struct rv_str name) {
    for (size_t i = 0; i < m->setting_n; i++)
        if (rv_str_eq(m->settings[i].name, name)) return &m->settings[i];
    return NULL;
}

static int refuse_setting(const struct manifest *m, const struct schema_reader *r, const struct yaml_pos *k) {
    rv_autobuf struct rv_buf text = {0}, names = {0};
    struct nearest near = nearest_begin(k->key);
    for (size_t i = 0; i < m->setting_n; i++) {
        nearest_offer(&near, m->settings[i].name);
        rv_buf_addf(&names, "%s" RV_STR_FMT, i > 0 ? ", " : "", RV_STR_ARG(m->settings[i].name));
    }
    struct yaml_pos at = {.line = k->key_line, .column = k->key_column};
    rv_buf_addf(&text, "plugin " RV_STR_FMT " has no setting \"" RV_STR_FMT "\"", RV_STR_ARG(m->name),
                RV_STR_ARG(k->key));
    nearest_hint(&near, &text);
    return schema_fail(r, &at, RV_STR_FMT "%s Its settings are: %s", RV_STR_ARG(rv_buf_str(&text)),
                       near.best.n != 0 ? "" : ".", names.n != 0 ? rv_buf_cstr(&names) : "none");
}

int manifest_settings(const struct manifest *m, const struct schema_reader *r, const struct yaml_pos *given,
                      struct rv_buf *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *map = rv_node_map(a);
    for (size_t i = 0; i < m->setting_n; i++)
        if (m->settings[i].fallback != NULL)
            rv_node_setn(a, map, m->settings[i].name, value_of(a, &m->settings[i], m->settings[i].fallback));
    for (const struct yaml_pos *k = given != NULL ? given->kids : NULL; k != NULL; k = k->next) {
        const struct manifest_setting *s = find_setting(m, k->key);
        if (s == NULL) return refuse_setting(m, r, k);
        struct rv_node *v = value_of(a, s, k);
        int code = check_setting(r, k, s, v);
        if (code != 0) return code;
        rv_node_setn(a, map, s->name, v);
    }
    rv_node_encode(map, out);
    return 0;
}
