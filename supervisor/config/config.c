/* config.c - reads and checks the configuration (see config.h). */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "grants.h"
#include "ipc/base/file.h"
#include "ipc/base/nearest.h"
#include "rayvisor/k8s.h"

static const char *const mode_names[] = {"operate", "twin", NULL};
static const char *const sandbox_names[] = {"off", "best-effort", "enforce", NULL};
static const char *const format_names[] = {"text", "json", NULL};
static const char *const level_names[] = {"debug", "info", "warn", "error", NULL};

struct top {
    struct yaml_pos *kubernetes, *log, *http, *requests, *plugins, *heartbeat, *lead, *other, *twin, *history, *tap,
        *admission;
};

#define STRUCT struct config
#define K(member, name, type, ...)                                                                                     \
    { name, type, offsetof(STRUCT, member), __VA_ARGS__ }
static const struct schema_key kubernetes_keys[] = {K(kubeconfig, "kubeconfig", S_TEXT, 0, 0, NULL, false),
                                                    K(context, "context", S_TEXT, 0, 0, NULL, false),
                                                    K(namespaces, "namespaces", S_TEXTS, 0, 0, NULL, false),
                                                    K(max_connections, "maxConnections", S_INT, 1, 1024, NULL, false),
                                                    K(qps, "qps", S_INT, 0, 1000000, NULL, false),
                                                    K(burst, "burst", S_INT, 0, 1000000, NULL, false),
                                                    K(max_in_flight, "maxInFlight", S_INT, 1, 4096, NULL, false),
                                                    K(watch_stall_s, "watchStallSeconds", S_INT, 1, 3600, NULL, false),
                                                    K(page_size, "listPageSize", S_INT, 1, 10000, NULL, false),
                                                    K(proxy_http, "proxyHttp", S_BOOL, 0, 0, NULL, false),
                                                    SCHEMA_END};
static const struct schema_key log_keys[] = {K(log_format, "format", S_CHOICE, 0, 0, format_names, false),
                                             K(log_level, "level", S_CHOICE, 0, 0, level_names, false), SCHEMA_END};
static const struct schema_key http_keys[] = {K(bind, "bind", S_TEXT, 0, 0, NULL, false),
                                              K(probe_bind, "probeBind", S_TEXT, 0, 0, NULL, false), SCHEMA_END};
static const struct schema_key requests_keys[] = {K(allow_addresses, "allowAddresses", S_TEXTS, 0, 0, NULL, false),
                                                  SCHEMA_END};
static const struct schema_key heartbeat_keys[] = {
    K(heartbeat_ms, "intervalMs", S_INT, 50, 60000, NULL, false),
    K(heartbeat_timeout_ms, "timeoutMs", S_INT, 200, 600000, NULL, false), SCHEMA_END};
static const struct schema_key lead_keys[] = {K(lead.enabled, "enabled", S_BOOL, 0, 0, NULL, false),
                                              K(lead.ns, "namespace", S_TEXT, 0, 0, NULL, false),
                                              K(lead.name, "name", S_TEXT, 0, 0, NULL, false),
                                              K(lead.duration_s, "leaseSeconds", S_INT, 2, 3600, NULL, false),
                                              K(lead.renew_s, "renewSeconds", S_INT, 1, 3600, NULL, false),
                                              K(lead.retry_s, "retrySeconds", S_INT, 1, 3600, NULL, false),
                                              SCHEMA_END};
static const char *const other_actions[] = {"standBy", "warn", "ignore", NULL};
static const struct schema_key other_keys[] = {
    K(other.action, "action", S_CHOICE, 0, 0, other_actions, false), K(other.lease, "lease", S_TEXT, 0, 0, NULL, false),
    K(other.namespaces, "namespaces", S_TEXTS, 0, 0, NULL, false), SCHEMA_END};
static const struct schema_key twin_keys[] = {K(twin_grace_s, "graceSeconds", S_INT, 1, 3600, NULL, false), SCHEMA_END};
static const struct schema_key history_keys[] = {
    K(history_object, "perObject", S_BYTES, 0, 0, NULL, false), K(history_total, "total", S_BYTES, 0, 0, NULL, false),
    K(history_keep_s, "keepSeconds", S_INT, 0, 604800, NULL, false), SCHEMA_END};
static const struct schema_key tap_keys[] = {K(tap, "enabled", S_BOOL, 0, 0, NULL, false),
                                             K(tap_endpoint, "endpoint", S_TEXT, 0, 0, NULL, false),
                                             K(tap_queue, "queue", S_INT, 1, 100000, NULL, false), SCHEMA_END};
static const char *const failure_policies[] = {"Ignore", "Fail", NULL};
static const struct schema_key admission_keys[] = {
    K(admission.enabled, "enabled", S_BOOL, 0, 0, NULL, false),
    K(admission.bind, "bind", S_TEXT, 0, 0, NULL, false),
    K(admission.ns, "namespace", S_TEXT, 0, 0, NULL, false),
    K(admission.name, "name", S_TEXT, 0, 0, NULL, false),
    K(admission.url, "url", S_TEXT, 0, 0, NULL, false),
    K(admission.failure_policy, "failurePolicy", S_CHOICE, 0, 0, failure_policies, false),
    K(admission.timeout_s, "timeoutSeconds", S_INT, 2, 30, NULL, false),
    K(admission.rotate_min, "rotateMinutes", S_INT, 1, 525600, NULL, false),
    SCHEMA_END};
static const struct schema_key plain_keys[] = {K(mode, "mode", S_CHOICE, 0, 0, mode_names, false),
                                               K(runtime_dir, "runtimeDir", S_TEXT, 0, 0, NULL, false),
                                               K(plugin_dirs, "pluginDirs", S_TEXTS, 0, 0, NULL, false),
                                               K(host_binary, "hostBinary", S_TEXT, 0, 0, NULL, false),
                                               K(host_sandbox, "hostSandbox", S_CHOICE, 0, 0, sandbox_names, false),
                                               SCHEMA_END};
#undef STRUCT
#define STRUCT struct top
static const struct schema_key part_keys[] = {K(kubernetes, "kubernetes", S_ANY, 0, 0, NULL, false),
                                              K(log, "log", S_ANY, 0, 0, NULL, false),
                                              K(http, "http", S_ANY, 0, 0, NULL, false),
                                              K(requests, "requests", S_ANY, 0, 0, NULL, false),
                                              K(heartbeat, "heartbeat", S_ANY, 0, 0, NULL, false),
                                              K(lead, "leaderElection", S_ANY, 0, 0, NULL, false),
                                              K(other, "otherOperator", S_ANY, 0, 0, NULL, false),
                                              K(twin, "twin", S_ANY, 0, 0, NULL, false),
                                              K(history, "history", S_ANY, 0, 0, NULL, false),
                                              K(tap, "tap", S_ANY, 0, 0, NULL, false),
                                              K(admission, "admission", S_ANY, 0, 0, NULL, false),
                                              K(plugins, "plugins", S_LIST, 0, 0, NULL, false),
                                              SCHEMA_END};
#undef STRUCT
#define STRUCT struct config_plugin
static const struct schema_key plugin_keys[] = {K(name, "name", S_TEXT, 0, 0, NULL, true),
                                                K(enabled, "enabled", S_BOOL, 0, 0, NULL, false),
                                                K(manifest_path, "manifest", S_TEXT, 0, 0, NULL, false),
                                                K(settings_node, "settings", S_MAP, 0, 0, NULL, false),
                                                K(grants_node, "grants", S_ANY, 0, 0, NULL, false),
                                                K(http, "http", S_TEXTS, 0, 0, NULL, false),
                                                K(secrets_node, "secrets", S_ANY, 0, 0, NULL, false),
                                                K(record, "record", S_TEXT, 0, 0, NULL, false),
                                                K(limits_node, "limits", S_MAP, 0, 0, NULL, false),
                                                SCHEMA_END};
static const struct schema_key limit_keys[] = {
    K(memory, "memory", S_BYTES, 0, 0, NULL, false),
    K(recording, "recording", S_BYTES, 0, 0, NULL, false),
    K(max_in_flight, "maxInFlight", S_INT, 1, 65536, NULL, false),
    K(max_http, "maxHttp", S_INT, 1, 65536, NULL, false),
    K(actions_per_second, "actionsPerSecond", S_INT, 0, 1000000, NULL, false),
    SCHEMA_END};

/* Without `plugins`, whose entries are read with the tables above. */
const struct config_section config_sections[] = {
    {NULL, plain_keys},
    {"kubernetes", kubernetes_keys},
    {"log", log_keys},
    {"http", http_keys},
    {"requests", requests_keys},
    {"heartbeat", heartbeat_keys},
    {"leaderElection", lead_keys},
    {"otherOperator", other_keys},
    {"twin", twin_keys},
    {"history", history_keys},
    {"tap", tap_keys},
    {"admission", admission_keys},
    {NULL, NULL},
};

/* The top level has two tables: values of the configuration itself, and sections with tables of their own. */
static int read_top(const struct schema_reader *r, struct config *c, struct top *t) {
    struct schema_key all[RV_ARRAY_LEN(plain_keys) + RV_ARRAY_LEN(part_keys)];
    size_t n = 0;
    struct {
        struct config c;
        struct top t;
    } into = {.c = *c};
    for (const struct schema_key *k = plain_keys; k->name != NULL; k++) all[n++] = *k;
    for (const struct schema_key *k = part_keys; k->name != NULL; k++) {
        all[n] = *k;
        all[n++].offset += offsetof(__typeof__(into), t);
    }
    all[n] = (struct schema_key)SCHEMA_END;
    int code = schema_read(r, r->doc->root, "the configuration", all, &into);
    *c = into.c;
    *t = into.t;
    return code;
}

/* ---- plugins -------------------------------------------------------------------------------------------- */

/* Returns NULL if there is none. *denied is then the path of a manifest that this process may not read, if any; the
 * caller frees it. */
static char *find_manifest(const struct config *c, const struct config_env *env, const struct config_plugin *p,
                           bool *ret_ours, char **denied) {
    rv_autobuf struct rv_buf b = {0};
    const char *own[] = {env->build_plugins, env->install_plugins};
    *ret_ours = false;
    if (p->manifest_path.n != 0) return rv_strdup(p->manifest_path);
    for (size_t i = 0; i < c->plugin_dirs.n + RV_ARRAY_LEN(own); i++) {
        struct rv_str dir = i < c->plugin_dirs.n ? c->plugin_dirs.list[i] : rv_str(own[i - c->plugin_dirs.n]);
        if (dir.n == 0) continue;
        rv_buf_clear(&b);
        rv_buf_addf(&b, RV_STR_FMT "/" RV_STR_FMT ".yaml", RV_STR_ARG(dir), RV_STR_ARG(p->name));
        if (access(rv_buf_cstr(&b), R_OK) != 0) {
            if (errno == EACCES && *denied == NULL) *denied = rv_strdup(rv_buf_str(&b));
            continue;
        }
        bool own_dir = false;
        for (size_t k = 0; k < RV_ARRAY_LEN(own); k++) own_dir = own_dir || rv_str_eq(dir, rv_str(own[k]));
        *ret_ours = own_dir && grants_own_name(env, p->name);
        return rv_strdup(rv_buf_str(&b));
    }
    return NULL;
}

/* Offers the names of the manifests in a folder. The arena keeps them. */
static void offer_folder(struct rv_arena *a, struct rv_str dir, struct nearest *near) {
    rv_autofree char *path = rv_strdup(dir);
    DIR *d = opendir(path);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (rv_str_ends(rv_str(e->d_name), ".yaml"))
            nearest_offer(near, rv_arena_str(a, (struct rv_str){e->d_name, strlen(e->d_name) - strlen(".yaml")}));
    if (d != NULL) closedir(d);
}

static int no_manifest(const struct schema_reader *r, const struct config *c, const struct config_env *env,
                       const struct config_plugin *p) {
    rv_autobuf struct rv_buf hint = {0};
    struct nearest near = nearest_begin(p->name);
    for (size_t i = 0; i < c->plugin_dirs.n; i++) offer_folder(r->doc->arena, c->plugin_dirs.list[i], &near);
    offer_folder(r->doc->arena, rv_str(env->build_plugins), &near);
    offer_folder(r->doc->arena, rv_str(env->install_plugins), &near);
    nearest_hint(&near, &hint);
    return schema_fail(r, p->node, "there is no manifest " RV_STR_FMT ".yaml in pluginDirs or the installation%s",
                       RV_STR_ARG(p->name),
                       hint.n != 0 ? rv_buf_cstr(&hint) : ": check the name, or add its folder to pluginDirs");
}

static int fill_patterns(const struct schema_reader *r, struct config_plugin *p) {
    struct rv_str *list = rv_arena_alloc(r->doc->arena, p->http.n * sizeof *list);
    const struct yaml_pos *given = yaml_pos_get(p->node, "http");
    for (size_t i = 0; i < p->http.n; i++) {
        struct rv_error e = {0};
        rv_autofree char *text = manifest_pattern(p->http.list[i], &p->settings, &e);
        if (text == NULL) return schema_fail(r, given != NULL ? given : p->node, "%s", e.text);
        list[i] = rv_arena_str(r->doc->arena, rv_str(text));
    }
    p->http.list = list;
    return 0;
}

static int resolve_plugin(const struct schema_reader *r, struct config *c, const struct config_env *env,
                          struct config_plugin *p) {
    bool ours;
    rv_autofree char *denied = NULL, *path = find_manifest(c, env, p, &ours, &denied);
    if (path == NULL && denied != NULL)
        return schema_fail(r, p->node,
                           "user %u may not read the manifest %s, or not enter a folder above it: give this user the "
                           "permission, or add another folder to pluginDirs",
                           (unsigned)geteuid(), denied);
    if (path == NULL) return no_manifest(r, c, env, p);
    p->manifest = manifest_load(path, r->err);
    if (p->manifest == NULL) return RV_E_CONFIG;
    if (!rv_str_eq(p->manifest->name, p->name))
        return schema_fail(r, p->node, "the manifest %s is of plugin \"" RV_STR_FMT "\", not \"" RV_STR_FMT "\"", path,
                           RV_STR_ARG(p->manifest->name), RV_STR_ARG(p->name));
    size_t stem = strlen(path) - strlen(".yaml");
    rv_autobuf struct rv_buf so = {0};
    rv_buf_add(&so, path, rv_str_ends(rv_str(path), ".yaml") ? stem : strlen(path));
    rv_buf_adds(&so, ".so");
    p->library = rv_strdup(rv_buf_str(&so));
    int code = schema_read(r, p->limits_node, "limits", limit_keys, p);
    if (code == 0 && p->record.n != 0 && p->record.p[0] != '/')
        code = schema_fail(r, yaml_pos_get(p->node, "record"),
                           "record is \"" RV_STR_FMT "\"; accepted is the absolute path of a folder",
                           RV_STR_ARG(p->record));
    if (code == 0 && p->recording < 65536)
        code = schema_fail(r, yaml_pos_get(p->limits_node, "recording"),
                           "limits.recording is too small for a recording: at least 64Ki");
    if (code == 0) code = manifest_settings(p->manifest, r, p->settings_node, &p->settings);
    if (code == 0) code = manifest_read_secrets(r, p->secrets_node, &p->secrets, &p->secret_n);
    if (code == 0) code = grants_read(r, c, p, ours);
    return code != 0 ? code : fill_patterns(r, p);
}

static int read_plugins(const struct schema_reader *r, struct config *c, const struct config_env *env,
                        struct yaml_pos *list) {
    c->plugins = rv_alloc_array(list != NULL ? list->n : 0, sizeof *c->plugins);
    for (struct yaml_pos *n = list != NULL ? list->kids : NULL; n != NULL; n = n->next) {
        struct config_plugin *p = &c->plugins[c->plugin_n++];
        *p = (struct config_plugin){.enabled = true,
                                    .memory = 256 << 20,
                                    .recording = 64 << 20,
                                    .max_in_flight = 256,
                                    .max_http = 2048,
                                    .node = n};
        char what[32];
        snprintf(what, sizeof what, "plugins[%zu]", c->plugin_n - 1);
        int code = schema_read(r, n, what, plugin_keys, p);
        for (size_t i = 0; code == 0 && i + 1 < c->plugin_n; i++)
            if (rv_str_eq(c->plugins[i].name, p->name))
                code = schema_fail(r, n, "plugin " RV_STR_FMT " stands here for the second time", RV_STR_ARG(p->name));
        if (code == 0) code = resolve_plugin(r, c, env, p);
        if (code != 0) return code;
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static void set_defaults(struct config *c) {
    c->runtime_dir = RV_STR("/run/rayvisor");
    c->bind = RV_STR("127.0.0.1:8082");
    c->max_connections = 16;
    c->max_in_flight = 32;
    c->watch_stall_s = 150;
    c->page_size = 500;
    c->heartbeat_ms = 1000;
    c->heartbeat_timeout_ms = 10000;
    c->lead = (struct config_lead){false, {NULL, 0}, RV_STR("rayvisor"), 15, 10, 2};
    c->history_object = 4 << 10;
    c->history_total = 4 << 20;
    c->history_keep_s = 3600;
    c->tap_queue = 1000;
    c->other = (struct config_other){.action = OTHER_STAND_BY, .lease = RV_STR("ray-operator-leader")};
    c->twin_grace_s = 15;
    c->admission = (struct config_admission){
        .bind = RV_STR("0.0.0.0:9443"), .name = RV_STR("rayvisor-admission"), .timeout_s = 5, .rotate_min = 43200};
    c->host_sandbox = 1;
    c->log_format = 1;
    c->log_level = 1;
}

/* A watch of a namespace that cannot exist would seem to work and never see anything. */
static int check_namespaces(const struct schema_reader *r, const struct yaml_pos *section) {
    const struct yaml_pos *list = section != NULL ? yaml_pos_get(section, "namespaces") : NULL;
    for (const struct yaml_pos *n = list != NULL ? list->kids : NULL; n != NULL; n = n->next) {
        const char *wrong = rv_name_dns1123_label(n->text);
        if (wrong != NULL)
            return schema_fail(r, n, "namespaces has \"" RV_STR_FMT "\": %s", RV_STR_ARG(n->text), wrong);
    }
    return 0;
}

static int check_bind(const struct schema_reader *r, const struct yaml_pos *section, const char *key,
                      struct rv_str bind) {
    const char *colon = bind.n != 0 ? memrchr(bind.p, ':', bind.n) : NULL;
    struct rv_str port =
        colon != NULL ? (struct rv_str){colon + 1, (size_t)(bind.p + bind.n - colon) - 1} : (struct rv_str){NULL, 0};
    int64_t number;
    if (rv_str_to_int(port, 0, 65535, &number) == 0) return 0;
    return schema_fail(r, yaml_pos_get(section, key),
                       "%s is \"" RV_STR_FMT "\"; accepted is ADDRESS:PORT such as 127.0.0.1:8082", key,
                       RV_STR_ARG(bind));
}

int config_allow_address(struct config *c, struct rv_str text, struct rv_error *err) {
    c->allowed = rv_realloc_array(c->allowed, c->allowed_n + 1, sizeof *c->allowed);
    if (address_range_parse(text, &c->allowed[c->allowed_n])) {
        c->allowed_n++;
        return 0;
    }
    return rv_error_set(err, RV_E_CONFIG,
                        "\"" RV_STR_FMT "\" is no range of addresses; accepted is one such as 10.0.0.0/8, fd00::/8 or "
                        "192.0.2.7",
                        RV_STR_ARG(text));
}

static int read_addresses(const struct schema_reader *r, struct config *c, const struct yaml_pos *requests) {
    const struct yaml_pos *list = requests != NULL ? yaml_pos_get(requests, "allowAddresses") : NULL;
    for (const struct yaml_pos *n = list != NULL ? list->kids : NULL; n != NULL; n = n->next) {
        struct rv_error e = {0};
        if (config_allow_address(c, n->text, &e) != 0) return schema_fail(r, n, "requests.allowAddresses: %s", e.text);
    }
    return 0;
}

/* The address is that of a URL of which the path is ours. */
static bool is_https_host(struct rv_str url) {
    static const char scheme[] = "https://";
    if (!rv_str_starts(url, scheme) || url.n == sizeof scheme - 1) return false;
    for (size_t i = sizeof scheme - 1; i < url.n; i++)
        if (memchr("/?#@\\ \"", url.p[i], 8) != NULL) return false;
    return true;
}

static int check_admission(const struct schema_reader *r, const struct config_admission *a,
                           const struct yaml_pos *section) {
    const char *wrong = rv_name_dns1035_label(a->name);
    if (section == NULL) return 0;
    if (wrong != NULL)
        return schema_fail(r, yaml_pos_get(section, "name"), "admission.name is \"" RV_STR_FMT "\": %s",
                           RV_STR_ARG(a->name), wrong);
    if (a->ns.n != 0 && rv_name_dns1123_label(a->ns) != NULL)
        return schema_fail(r, yaml_pos_get(section, "namespace"), "admission.namespace is \"" RV_STR_FMT "\": %s",
                           RV_STR_ARG(a->ns), rv_name_dns1123_label(a->ns));
    if (a->url.n != 0 && !is_https_host(a->url))
        return schema_fail(r, yaml_pos_get(section, "url"),
                           "admission.url is \"" RV_STR_FMT
                           "\"; accepted is https://HOST or https://HOST:PORT, without a path",
                           RV_STR_ARG(a->url));
    return check_bind(r, section, "bind", a->bind);
}

/* Checks what no table can express. */
static int check_values(const struct schema_reader *r, const struct config *c, const struct top *t) {
    int wrong = check_bind(r, t->http, "bind", c->bind);
    if (wrong == 0 && c->probe_bind.n != 0) wrong = check_bind(r, t->http, "probeBind", c->probe_bind);
    if (wrong == 0) wrong = check_admission(r, &c->admission, t->admission);
    if (wrong != 0) return wrong;
    if (c->heartbeat_timeout_ms < 2 * c->heartbeat_ms)
        return schema_fail(r, t->heartbeat, "heartbeat.timeoutMs must be at least twice intervalMs (%lld)",
                           (long long)c->heartbeat_ms);
    if (c->lead.renew_s >= c->lead.duration_s || c->lead.retry_s >= c->lead.renew_s)
        return schema_fail(r, t->lead,
                           "leaderElection needs retrySeconds (%lld) < renewSeconds (%lld) < leaseSeconds (%lld)",
                           (long long)c->lead.retry_s, (long long)c->lead.renew_s, (long long)c->lead.duration_s);
    if (rv_name_dns1123_subdomain(c->lead.name) != NULL)
        return schema_fail(r, yaml_pos_get(t->lead, "name"), "leaderElection.name is \"" RV_STR_FMT "\": %s",
                           RV_STR_ARG(c->lead.name), rv_name_dns1123_subdomain(c->lead.name));
    if (rv_name_dns1123_subdomain(c->other.lease) != NULL)
        return schema_fail(r, yaml_pos_get(t->other, "lease"), "otherOperator.lease is \"" RV_STR_FMT "\": %s",
                           RV_STR_ARG(c->other.lease), rv_name_dns1123_subdomain(c->other.lease));
    if (c->runtime_dir.n == 0 || c->runtime_dir.p[0] != '/')
        return schema_fail(r, yaml_pos_get(r->doc->root, "runtimeDir"),
                           "runtimeDir is \"" RV_STR_FMT "\"; accepted is an absolute path",
                           RV_STR_ARG(c->runtime_dir));
    if (c->tap_endpoint.n != 0 && !rv_str_starts(c->tap_endpoint, "ipc:///") &&
        !rv_str_starts(c->tap_endpoint, "tcp://"))
        return schema_fail(r, yaml_pos_get(t->tap, "endpoint"),
                           "tap.endpoint is \"" RV_STR_FMT
                           "\"; accepted are ipc:///PATH, tcp://ADDRESS:PORT, and empty for a socket in runtimeDir",
                           RV_STR_ARG(c->tap_endpoint));
    if (check_namespaces(r, t->other) != 0) return r->err->code;
    return check_namespaces(r, t->kubernetes);
}

struct config *config_parse(struct rv_str text, const char *path, const struct config_env *env, struct rv_error *err) {
    struct config *c = rv_alloc(sizeof *c);
    struct top t = {0};
    set_defaults(c);
    int code = yaml_doc_parse(&c->doc, text, path, err);
    struct schema_reader r = {&c->doc, err};
    if (code == 0) code = read_top(&r, c, &t);
    if (code == 0) code = schema_read(&r, t.kubernetes, "kubernetes", kubernetes_keys, c);
    if (code == 0) code = schema_read(&r, t.log, "log", log_keys, c);
    if (code == 0) code = schema_read(&r, t.http, "http", http_keys, c);
    if (code == 0) code = schema_read(&r, t.requests, "requests", requests_keys, c);
    if (code == 0) code = read_addresses(&r, c, t.requests);
    if (code == 0) code = schema_read(&r, t.heartbeat, "heartbeat", heartbeat_keys, c);
    if (code == 0) code = schema_read(&r, t.lead, "leaderElection", lead_keys, c);
    if (code == 0) code = schema_read(&r, t.other, "otherOperator", other_keys, c);
    if (code == 0) code = schema_read(&r, t.twin, "twin", twin_keys, c);
    if (code == 0) code = schema_read(&r, t.history, "history", history_keys, c);
    if (code == 0) code = schema_read(&r, t.tap, "tap", tap_keys, c);
    if (code == 0) code = schema_read(&r, t.admission, "admission", admission_keys, c);
    if (code == 0) code = check_values(&r, c, &t);
    if (code == 0) code = read_plugins(&r, c, env, t.plugins);
    if (code == 0) code = grants_check_metrics(&r, c);
    if (code == 0) config_find_unattended(c, env);
    return code == 0 ? c : config_free(c);
}

struct config *config_load(const char *path, const struct config_env *env, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    if (file_read(path, 1 << 20, &text, err) != 0) return NULL;
    return config_parse(rv_buf_str(&text), path, env, err);
}

size_t config_other_namespaces(const struct config *c, struct rv_str own, struct rv_str **ret) {
    const struct schema_texts *in = c->other.namespaces.n != 0 ? &c->other.namespaces : &c->namespaces;
    size_t n = in->n;
    bool has_own = n == 0 || c->other.namespaces.n != 0;
    *ret = rv_alloc_array(n + 1, sizeof **ret);
    for (size_t i = 0; i < n; i++) {
        (*ret)[i] = in->list[i];
        has_own |= rv_str_eq(in->list[i], own);
    }
    if (!has_own) (*ret)[n++] = own;
    return n;
}

struct config *config_free(struct config *c) {
    if (c == NULL) return NULL;
    for (size_t i = 0; i < c->plugin_n; i++) {
        manifest_free(c->plugins[i].manifest);
        free(c->plugins[i].library);
        rv_buf_free(&c->plugins[i].settings);
    }
    for (size_t i = 0; i < c->absent_n; i++) manifest_free(c->absent[i]);
    free(c->absent);
    free(c->unattended);
    free(c->plugins);
    free(c->allowed);
    yaml_doc_free(&c->doc);
    free(c);
    return NULL;
}

const char *config_sandbox_name(const struct config *c) { return sandbox_names[c->host_sandbox]; }

static bool texts_same(const struct schema_texts *a, const struct schema_texts *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!rv_str_eq(a->list[i], b->list[i])) return false;
    return true;
}

static bool secrets_same(const struct config_plugin *a, const struct config_plugin *b) {
    bool same = a->secret_n == b->secret_n;
    for (size_t i = 0; same && i < a->secret_n; i++)
        same = texts_same(&a->secrets[i].names, &b->secrets[i].names) &&
               texts_same(&a->secrets[i].keys, &b->secrets[i].keys) &&
               texts_same(&a->secrets[i].namespaces, &b->secrets[i].namespaces);
    return same;
}

bool config_plugin_same(const struct config_plugin *a, const struct config_plugin *b) {
    if (a->enabled != b->enabled || a->memory != b->memory || a->recording != b->recording ||
        !rv_str_eq(a->record, b->record) || a->max_in_flight != b->max_in_flight || a->max_http != b->max_http ||
        a->actions_per_second != b->actions_per_second || a->grant_n != b->grant_n ||
        strcmp(a->library, b->library) != 0 || !texts_same(&a->http, &b->http) || !secrets_same(a, b) ||
        !rv_str_eq(a->manifest->text, b->manifest->text))
        return false;
    for (size_t i = 0; i < a->manifest->kind_n && i < b->manifest->kind_n; i++) /* settings that change what is read */
        if (manifest_when(&a->manifest->kinds[i].when, &a->settings) !=
            manifest_when(&b->manifest->kinds[i].when, &b->settings))
            return false;
    for (size_t i = 0; i < a->grant_n; i++) {
        const struct manifest_write *x = &a->grants[i], *y = &b->grants[i];
        if (!rv_str_eq(x->api_version, y->api_version) || !rv_str_eq(x->resource, y->resource) ||
            !rv_str_eq(x->subresource, y->subresource) || !texts_same(&x->verbs, &y->verbs) ||
            !texts_same(&x->namespaces, &y->namespaces))
            return false;
    }
    return true;
}

/* ---- what is strange but no mistake --------------------------------------------------------------------- */

static bool runs(const struct config *c, struct rv_str name) {
    for (size_t i = 0; i < c->plugin_n; i++)
        if (rv_str_eq(c->plugins[i].name, name)) return c->plugins[i].enabled;
    return false;
}

/* The setting that a condition names, if the file has it. */
static const struct yaml_pos *setting_node(const struct config_plugin *p, struct rv_str condition) {
    for (const struct yaml_pos *k = p->settings_node != NULL ? p->settings_node->kids : NULL; k != NULL; k = k->next)
        if (condition.n > k->key.n && memcmp(condition.p, k->key.p, k->key.n) == 0 &&
            (condition.p[k->key.n] == '.' || condition.p[k->key.n] == '='))
            return k;
    return p->node;
}

static void warn_of(const struct config *c, const struct config_plugin *p, const struct manifest_expectation *e,
                    config_warning_fn fn, void *arg) {
    for (size_t i = 0; i < e->when.n; i++) {
        const struct schema_texts one = {&e->when.list[i], 1, true};
        if (!manifest_when(&one, &p->settings)) continue;
        rv_autobuf struct rv_buf text = {0};
        const struct yaml_pos *at = setting_node(p, e->when.list[i]);
        rv_buf_addf(&text,
                    "%s:%zu:%zu: plugin " RV_STR_FMT " with " RV_STR_FMT " relies on plugin " RV_STR_FMT
                    ", which does not run: add \"- name: " RV_STR_FMT "\" to plugins",
                    c->doc.file, at->line, at->column, RV_STR_ARG(p->name), RV_STR_ARG(e->when.list[i]),
                    RV_STR_ARG(e->plugin), RV_STR_ARG(e->plugin));
        fn(arg, rv_buf_cstr(&text));
        return;
    }
}

static void warn_of_tap(const struct config *c, config_warning_fn fn, void *arg) {
    static const char *const local[] = {"ipc:", "tcp://127.", "tcp://[::1]", "tcp://lo:"};
    rv_autobuf struct rv_buf text = {0};
    bool is_local = !c->tap || c->tap_endpoint.n == 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(local) && !is_local; i++) is_local = rv_str_starts(c->tap_endpoint, local[i]);
    if (is_local) return;
    const struct yaml_pos *at = yaml_pos_get(yaml_pos_get(c->doc.root, "tap"), "endpoint");
    rv_buf_addf(&text,
                "%s:%zu:%zu: whoever reaches " RV_STR_FMT
                " sees the names of all objects and what is done with them: the tap asks nobody who he is",
                c->doc.file, at->line, at->column, RV_STR_ARG(c->tap_endpoint));
    fn(arg, rv_buf_cstr(&text));
}

void config_warnings(const struct config *c, config_warning_fn fn, void *arg) {
    warn_of_tap(c, fn, arg);
    for (size_t i = 0; i < c->plugin_n; i++) {
        const struct config_plugin *p = &c->plugins[i];
        grants_warnings(c, p, fn, arg);
        for (size_t k = 0; p->enabled && k < p->manifest->expect_n; k++)
            if (!runs(c, p->manifest->expects[k].plugin)) warn_of(c, p, &p->manifest->expects[k], fn, arg);
    }
}
