/* Configuration and manifests: every mistake is refused with its place and the way out; the rest means what it says. */
#include "supervisor/config/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

/* The rest of a test makes no sense without it. */
#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        CU_ASSERT_TRUE(condition);                                                                                     \
        if (!(condition)) return;                                                                                      \
    } while (0)

static char ours[64], theirs[64]; /* folders of manifests: the installation's, a vendor's */

static const char manifest_text[] =
    "name: toy\nversion: 1.0.0\nabi: 1\ndescription: d\n"
    "primary: {apiVersion: v1, resource: configmaps, kind: ConfigMap}\n"
    "reads:\n"
    "  - {apiVersion: v1, resource: pods, kind: Pod, selector: \"a=b\", fields: [metadata.name], "
    "map: label, indexLabel: a}\n"
    "writes:\n"
    "  - {apiVersion: v1, resource: pods, verbs: [create, apply]}\n"
    "http: [\"http://*.svc.{mode}:8265/*\"]\n"
    "secrets: [{names: [token], keys: [\"*\"]}]\n"
    "expects: [{plugin: vendor, when: [mode=safe, map.x=true]}]\n"
    "settings:\n"
    "  - {name: seconds, type: integer, default: 300, min: 1, max: 900, help: h}\n"
    "  - {name: mode, type: string, default: fast, choices: [fast, safe], help: h}\n"
    "  - {name: list, type: list, help: h}\n"
    "  - {name: on, type: boolean, default: true, help: h}\n"
    "  - {name: ratio, type: number, help: h}\n"
    "  - {name: map, type: map, help: h}\n";

#define READS "[{apiVersion: v1, resource: configmaps, verbs: [read]}, {apiVersion: v1, resource: pods, verbs: [read]}]"

static void write_manifest_with(const char *dir, const char *name, const char *more) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/%s.yaml", dir, name);
    FILE *f = fopen(rv_buf_cstr(&path), "we");
    if (f == NULL || fprintf(f, "name: %s\n%s%s", name, more, strchr(manifest_text, '\n') + 1) < 0 || fclose(f) != 0)
        exit(2);
}

static void write_manifest(const char *dir, const char *name) { write_manifest_with(dir, name, ""); }
static void make_dir(char *dir, size_t size, const char *name) {
    snprintf(dir, size, "/tmp/rayvisor-config-XXXXXX");
    if (mkdtemp(dir) == NULL) exit(2);
    write_manifest(dir, name);
}

static void remove_manifest(const char *dir, const char *name) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/%s.yaml", dir, name);
    unlink(rv_buf_cstr(&path));
}

static struct config *parse(const char *text, struct rv_error *err) {
    const struct config_env env = {ours, "/nonexistent", "raycluster toy"};
    rv_autobuf struct rv_buf all = {0};
    rv_buf_adds(&all, text);
    rv_buf_addf(&all, "\npluginDirs: [%s]\n", theirs);
    return config_parse(rv_buf_str(&all), "f.yaml", &env, err);
}

static void mistakes(void) {
    static const struct {
        const char *text, *place, *says;
    } rows[] = {
        {"runtimedir: /x", "f.yaml:1:1:", "did you mean \"runtimeDir\""},
        {"log:\n  levle: info", "f.yaml:2:3:", "did you mean \"level\""},
        {"kubernetes:\n  qsp: 5", "f.yaml:2:3:", "did you mean \"qps\""},
        {"log:\n  level: loud", "f.yaml:2:10:", "debug or info or warn or error"},
        {"hostSandbox: maybe", "f.yaml:1:14:", "accepted is off or best-effort or enforce"},
        {"log: [a]", "f.yaml:1:6:", "mapping"},
        {"log: {level: [a]}", "f.yaml:1:14:", "a list"},
        {"kubernetes: {qps: -1}", "f.yaml:1:19:", "from 0 to 1000000"},
        {"kubernetes: {qps: many}", "f.yaml:1:19:", "whole number"},
        {"kubernetes: {maxConnections: 0}", "f.yaml:1:30:", "from 1 to 1024"},
        {"requests: {allowAddresses: [127.0.0.0/8, 10.0.0.0/33]}", "f.yaml:1:42:", "10.0.0.0/33"},
        {"requests: {allowAddresses: 127.0.0.1}", "f.yaml:1:28:", "list of texts"},
        {"kubernetes: {namespaces: a}", "f.yaml:1:26:", "list of texts"},
        {"kubernetes:\n  namespaces:\n  - ok\n  - Team A", "f.yaml:4:5:", "namespaces has \"Team A\""},
        {"kubernetes: {namespaces: [\"\"]}", "f.yaml:1:27:", "namespaces has \"\""},
        {"kubernetes: {maxInFlight: 99999999999999999999}", "f.yaml:1:27:", "from 1 to 4096"},
        {"runtimeDir: /a\nruntimeDir: /b", "f.yaml:2:1:", "second time"},
        {"log: &x {level: info}", "f.yaml:1:6:", "anchors"},
        {"log: *x", "f.yaml:1:6:", "aliases"},
        {"<<: {a: 1}", "f.yaml:1:1:", "merge keys"},
        {"? [a]\n: b", "f.yaml:1:3:", "key"},
        {"log: {level: info", "f.yaml:", ""},
        {"a: 1\n---\nb: 2", "f.yaml:2:1:", "one document"},
        {"http: {bind: localhost}", "f.yaml:1:14:", "127.0.0.1:8082"},
        {"http: {bind: \"a:b\"}", "f.yaml:1:14:", "ADDRESS:PORT"},
        {"heartbeat: {intervalMs: 1000, timeoutMs: 1500}", "f.yaml:1:12:", "at least twice"},
        {"runtimeDir: run", "f.yaml:1:13:", "absolute"},
        {"plugins:\n- name: toy\n  http: [nowhere]", "f.yaml:3:9:", "URL pattern"},
        {"plugins:\n- name: toy\n  http: [\"http://a/../b\"]", "f.yaml:3:9:", "its path"},
        {"plugins:\n- name: toy\n  http: [\"http://{none}/\"]", "f.yaml:3:9:", "its host"},
        {"plugins:\n- name: toy\n  secrets: true", "f.yaml:3:12:", "names: [\"*\"]"},
        {"plugins:\n- name: toy\n  secrets: [{names: [a]}]", "f.yaml:3:13:", "\"keys\""},
        {"plugins: [{enabled: true}]", "f.yaml:1:11:", "needs the key \"name\""},
        {"plugins: {name: toy}", "f.yaml:1:10:", "a list"},
        {"plugins: [{name: nobody}]", "f.yaml:1:11:", "no manifest nobody.yaml"},
        {"plugins: [{name: toy}, {name: toy}]", "f.yaml:1:24:", "second time"},
        {"plugins:\n- name: toy\n  enabled: yes", "f.yaml:3:12:", "true or false"},
        {"leaderElection: {leaseSeconds: 10, renewSeconds: 10}",
         "f.yaml:1:17:", "renewSeconds (10) < leaseSeconds (10)"},
        {"leaderElection: {renewSeconds: 2}", "f.yaml:1:17:", "retrySeconds (2) < renewSeconds (2)"},
        {"leaderElection: {name: Not_A_Name}", "f.yaml:1:24:", "leaderElection.name"},
        {"leaderElection: {leaseSeconds: 1}", "f.yaml:1:32:", "from 2 to 3600"},
        {"plugins:\n- name: toy\n  record: here", "f.yaml:3:11:", "absolute path"},
        {"plugins:\n- name: toy\n  limits: {recording: 1Ki}", "f.yaml:3:23:", "at least 64Ki"},
        {"plugins:\n- name: toy\n  limits: {memory: lots}", "f.yaml:3:20:", "256Mi"},
        {"plugins:\n- name: toy\n  limits: {memory: -1}", "f.yaml:3:20:", "256Mi"},
        {"plugins:\n- name: toy\n  limits: {maxInFlight: 0}", "f.yaml:3:25:", "from 1 to"},
        {"plugins:\n- name: toy\n  grants: some", "f.yaml:3:11:", "\"all\" or a list"},
        {"plugins:\n- name: toy\n  grants: [{apiVersion: v1, resource: pods}]", "f.yaml:3:12:", "verbs"},
        {"plugins:\n- name: toy\n  grants: [{apiVersion: v1, resource: pods, verbs: [eat]}]",
         "f.yaml:3:12:", "deletecollection"},
        {"plugins:\n- name: toy\n  grants: [{apiVersion: v1, resource: pods, verb: [get]}]",
         "f.yaml:3:45:", "did you mean \"verbs\""},
        {"plugins:\n- name: toy\n  grants:\n  - {apiVersion: v1, resource: pods, verbs: [get], when: [\"on=true\"]}",
         "f.yaml:4:52:", "unknown key \"when\" in grants[0]"},
        {"plugins:\n- name: vendr", "f.yaml:2:3:", "or the installation: did you mean \"vendor\"?"},
        {"plugins:\n- name: toy\n  settings: {mode: sefe}",
         "f.yaml:3:20:", "is \"sefe\": did you mean \"safe\"? Accepted are \"fast\", \"safe\""},
        {"plugins:\n- name: toy\n  settings: {mode: bananas}", "f.yaml:3:20:", "is \"bananas\". Accepted are \"fast\""},
        {"plugins:\n- name: toy\n  settings: {second: 5}",
         "f.yaml:3:14:", "has no setting \"second\": did you mean \"seconds\"? Its settings are: seconds, mode"},
        {"plugins:\n- name: toy\n  settings: {seconds: x}", "f.yaml:3:23:", "must be an integer: h"},
        {"log:\n  level: inf", "f.yaml:2:10:", "or error: did you mean \"info\"?"},
        {"plugins:\n- name: vendor", "f.yaml:2:3:", "grants: [...]"},
        /* in the installation's folder, and still not ours */
        {"plugins:\n- name: guest", "f.yaml:2:3:", "plugin guest is not one of Rayvisor's own"},
        {"plugins:\n- name: vendor\n  grants: []", "f.yaml:3:11:",
         "add {apiVersion: v1, resource: configmaps, verbs: [read]}, {apiVersion: v1, resource: pods, verbs: [read]}"},
        {"plugins:\n- name: vendor\n  grants:\n  - {apiVersion: v1, resource: configmaps, verbs: [read]}\n"
         "  - {apiVersion: v1, resource: pods, verbs: [get, create]}",
         "f.yaml:4:3:", "do not cover: add {apiVersion: v1, resource: pods, verbs: [read]} ("},
        {"plugins:\n- name: vendor\n  grants: [{apiVersion: v1, resource: pods, verbs: [raed]}]",
         "f.yaml:3:12:", "did you mean \"read\"? Accepted are create"},
        {"kubernetes: {namespaces: [a]}\nplugins:\n- name: vendor\n  grants:\n"
         "  - {apiVersion: v1, resource: configmaps, verbs: [read], namespaces: [b]}\n"
         "  - {apiVersion: v1, resource: pods, verbs: [read]}",
         "f.yaml:5:3:", "in no namespace of kubernetes.namespaces"},
        {"plugins:\n- name: toy\n  settings: {second: 1}", "f.yaml:3:14:", "seconds, mode"},
        {"plugins:\n- name: toy\n  settings: {seconds: 0}", "f.yaml:3:23:", "between 1 and 900"},
        {"plugins:\n- name: toy\n  settings: {seconds: \"5\"}", "f.yaml:3:23:", "integer"},
        {"plugins:\n- name: toy\n  settings: {mode: slow}", "f.yaml:3:20:", "Accepted are \"fast\", \"safe\""},
        {"plugins:\n- name: toy\n  settings: {list: a}", "f.yaml:3:20:", "list"},
        {"plugins:\n- name: toy\n  settings: {on: 1}", "f.yaml:3:18:", "boolean"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct config *c = parse(rows[i].text, &err);
        CHECK_ROW(c == NULL, rows[i].text);
        CHECK_ROW(err.code == RV_E_CONFIG, rows[i].text);
        bool good =
            strncmp(err.text, rows[i].place, strlen(rows[i].place)) == 0 && strstr(err.text, rows[i].says) != NULL;
        if (!good) printf("\n    said: %s", err.text);
        CHECK_ROW(good, rows[i].text);
        config_free(c);
    }
}

static void nothing_means_defaults(void) {
    struct rv_error err = {0};
    struct config *c = parse("", &err);
    NEED(c != NULL);
    CU_ASSERT_TRUE(rv_str_is(c->runtime_dir, "/run/rayvisor"));
    CU_ASSERT_TRUE(rv_str_is(c->bind, "127.0.0.1:8082"));
    CU_ASSERT_EQUAL(c->qps, 0);
    CU_ASSERT_EQUAL(c->plugin_n, 0);
    CU_ASSERT_STRING_EQUAL(config_sandbox_name(c), "best-effort");
    config_free(c);
    c = parse("log:\nkubernetes:\nplugins:", &err); /* left empty */
    CU_ASSERT_PTR_NOT_NULL(c);
    config_free(c);
}

/* The file that we ship says what would hold without it. */
static void the_default_file(void) {
    struct rv_error err = {0};
    const struct config_env env = {PLUGIN_DIR, PLUGIN_DIR, "raycluster rayjob rayservice autoscaler"};
    struct config *file = config_load("config/rayvisor.yaml", &env, &err), *none = parse("", &err);
    if (file == NULL) printf("\n    said: %s", err.text);
    NEED(file != NULL && none != NULL);
    const int64_t has[] = {file->max_connections, file->qps,          file->burst,
                           file->max_in_flight,   file->heartbeat_ms, file->heartbeat_timeout_ms,
                           file->watch_stall_s,   file->page_size,    file->host_sandbox,
                           file->log_format,      file->log_level};
    const int64_t wants[] = {none->max_connections, none->qps,          none->burst,
                             none->max_in_flight,   none->heartbeat_ms, none->heartbeat_timeout_ms,
                             none->watch_stall_s,   none->page_size,    none->host_sandbox,
                             none->log_format,      none->log_level};
    CU_ASSERT_EQUAL(memcmp(has, wants, sizeof has), 0);
    CU_ASSERT_TRUE(rv_str_eq(file->runtime_dir, none->runtime_dir) && rv_str_eq(file->bind, none->bind));
    CU_ASSERT_TRUE(file->kubeconfig.n == 0 && file->namespaces.n == 0 && file->host_binary.n == 0);
    CU_ASSERT_TRUE(file->plugin_n == 4 && rv_str_is(file->plugins[0].name, "raycluster") &&
                   rv_str_is(file->plugins[1].name, "rayjob") && rv_str_is(file->plugins[2].name, "rayservice") &&
                   rv_str_is(file->plugins[3].name, "autoscaler"));
    config_free(file);
    config_free(none);
}

static bool settings_are(const struct config_plugin *p, const char *json) {
    return json_is((struct rv_val){p->settings.p, p->settings.n}, json);
}

static void values(void) {
    struct rv_error err = {0};
    struct config *c = parse("kubernetes: {namespaces: [a, b], qps: 7, burst: 9}\nlog: {format: text, level: error}\n"
                             "plugins:\n- name: toy\n  enabled: false\n  limits: {memory: 1Gi, maxInFlight: 5, "
                             "maxHttp: 6, actionsPerSecond: 3}\n"
                             "  settings: {seconds: 5, mode: safe, ratio: 2, map: {x: [1, null]}}\n",
                             &err);
    NEED(c != NULL);
    const struct config_plugin *p = &c->plugins[0];
    CU_ASSERT_TRUE(c->namespaces.n == 2 && rv_str_is(c->namespaces.list[1], "b"));
    CU_ASSERT_TRUE(c->qps == 7 && c->burst == 9);
    CU_ASSERT_FALSE(p->enabled);
    CU_ASSERT_TRUE(p->memory == UINT64_C(1) << 30 && p->max_in_flight == 5 && p->max_http == 6 &&
                   p->actions_per_second == 3);
    CU_ASSERT_TRUE(
        settings_are(p, "{\"seconds\":5,\"mode\":\"safe\",\"on\":true,\"ratio\":2,\"map\":{\"x\":[1,null]}}"));
    CU_ASSERT_TRUE(rv_str_ends(rv_str(p->library), "/toy.so"));
    config_free(c);
}

/* A plugin of the installation gets what its manifest asks for unless told otherwise; a vendor's gets what is granted.
 */
static void grants(void) {
    struct rv_error err = {0};
    struct config *c = parse("plugins:\n- name: toy\n- {name: vendor, grants: " READS "}\n", &err);
    NEED(c != NULL);
    CU_ASSERT_EQUAL(c->plugins[0].grant_n, 1);
    CU_ASSERT_TRUE(c->plugins[0].secret_n == 1 && c->plugins[0].http.n == 1);
    CU_ASSERT_TRUE(rv_str_is(c->plugins[0].http.list[0], "http://*.svc.fast:8265/*")); /* its setting filled in */
    CU_ASSERT_EQUAL(c->plugins[1].grant_n, 2);
    CU_ASSERT_TRUE(c->plugins[1].secret_n == 0 && c->plugins[1].http.n == 0);
    config_free(c);
    c = parse("plugins:\n- {name: toy, secrets: [], http: []}\n- {name: vendor, grants: all}\n", &err);
    NEED(c != NULL);
    CU_ASSERT_TRUE(c->plugins[0].secret_n == 0 && c->plugins[0].http.n == 0);
    CU_ASSERT_TRUE(c->plugins[1].grant_n == 1 && c->plugins[1].secret_n == 1);
    config_free(c);
}

/* A read that is granted in some namespaces is of those only; several entries add up. */
static void reads_in_namespaces(void) {
    static const struct {
        const char *before, *pods, *in; /* in: "" is all */
    } rows[] = {
        {"", "{apiVersion: v1, resource: pods, verbs: [read]}", ""},
        {"", "{apiVersion: v1, resource: pods, verbs: [read], namespaces: [a, b]}", "a b"},
        {"",
         "{apiVersion: v1, resource: pods, verbs: [read], namespaces: [a]}, "
         "{apiVersion: v1, resource: pods, verbs: [create, read], namespaces: [b, a]}",
         "a b"},
        {"",
         "{apiVersion: v1, resource: pods, verbs: [read], namespaces: [a]}, "
         "{apiVersion: v1, resource: pods, verbs: [read]}",
         ""},
        {"kubernetes: {namespaces: [b, c]}\n", "{apiVersion: v1, resource: pods, verbs: [read]}", "b c"},
        {"kubernetes: {namespaces: [b, c]}\n", "{apiVersion: v1, resource: pods, verbs: [read], namespaces: [a, b]}",
         "b"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf text = {0}, in = {0};
        rv_buf_addf(&text,
                    "%splugins:\n- name: vendor\n  grants: [{apiVersion: v1, resource: configmaps, verbs: [read]}, %s]",
                    rows[i].before, rows[i].pods);
        struct config *c = parse(rv_buf_cstr(&text), &err);
        if (c == NULL) printf("\n    said: %s", err.text);
        NEED(c != NULL);
        const struct schema_texts *t = config_reads_in(c, &c->plugins[0], 1);
        for (size_t n = 0; n < t->n; n++) rv_buf_addf(&in, "%s" RV_STR_FMT, n > 0 ? " " : "", RV_STR_ARG(t->list[n]));
        rv_buf_adds(&in, "");
        CHECK_ROW(strcmp(rv_buf_cstr(&in), rows[i].in) == 0, rows[i].pods);
        config_free(c);
    }
}

static void comparing(void) {
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"{name: toy}", "{name: toy}", true},
        {"{name: toy}", "{name: toy, enabled: true, grants: all}", true},
        {"{name: toy}", "{name: toy, enabled: false}", false},
        {"{name: toy}", "{name: toy, limits: {memory: 1Gi}}", false},
        {"{name: toy}", "{name: toy, limits: {actionsPerSecond: 5}}", false},
        {"{name: toy}", "{name: toy, record: /r}", false},
        {"{name: toy, record: /r}", "{name: toy, record: /r, limits: {recording: 1Mi}}", false},
        {"{name: toy, record: /r}", "{name: toy, record: /r, limits: {recording: 64Mi}}", true},
        {"{name: toy}", "{name: toy, secrets: []}", false},
        {"{name: toy, secrets: [{names: [a], keys: [b]}]}", "{name: toy, secrets: [{names: [a], keys: [b]}]}", true},
        {"{name: toy, secrets: [{names: [a], keys: [b]}]}", "{name: toy, secrets: [{names: [a], keys: [c]}]}", false},
        {"{name: toy, secrets: [{names: [a], keys: [b]}]}",
         "{name: toy, secrets: [{names: [a], keys: [b], namespaces: [n]}]}", false},
        {"{name: toy}", "{name: toy, http: []}", false},
        {"{name: toy}", "{name: toy, settings: {mode: safe}}", false}, /* it is in a pattern */
        {"{name: toy}", "{name: toy, grants: []}", false},
        {"{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get]}]}",
         "{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get], namespaces: [a]}]}", false},
        {"{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get, patch]}]}",
         "{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get, patch]}]}", true},
        {"{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get]}]}",
         "{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [patch]}]}", false},
        {"{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get]}]}",
         "{name: toy, grants: [{apiVersion: v1, resource: secrets, verbs: [get]}]}", false},
        {"{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [get]}]}",
         "{name: toy, grants: [{apiVersion: v2, resource: pods, verbs: [get]}]}", false},
        {"{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [patch]}]}",
         "{name: toy, grants: [{apiVersion: v1, resource: pods, subresource: status, verbs: [patch]}]}", false},
        {"{name: toy, http: [\"http://a/*\"]}", "{name: toy, http: [\"http://a/*\"]}", true},
        {"{name: toy, http: [\"http://a/*\"]}", "{name: toy, http: [\"http://b/*\"]}", false},
        {"{name: toy}", "{name: toy, limits: {maxInFlight: 5}}", false},
        {"{name: toy}", "{name: toy, limits: {maxHttp: 5}}", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf a = {0}, b = {0};
        rv_buf_addf(&a, "plugins: [%s]", rows[i].a);
        rv_buf_addf(&b, "plugins: [%s]", rows[i].b);
        struct config *x = parse(rv_buf_cstr(&a), &err), *y = parse(rv_buf_cstr(&b), &err);
        NEED(x != NULL && y != NULL);
        CHECK_ROW(config_plugin_same(&x->plugins[0], &y->plugins[0]) == rows[i].same, rows[i].b);
        config_free(x);
        config_free(y);
    }
}

/* A manifest that was edited is another one, whatever version it says; so is what it reads by other settings. */
static void edited_manifests(void) {
    struct rv_error err = {0};
    struct config *a = parse("plugins: [{name: toy}]", &err), *b = parse("plugins: [{name: toy}]", &err);
    NEED(a != NULL && b != NULL);
    CU_ASSERT_TRUE(config_plugin_same(&a->plugins[0], &b->plugins[0]));
    static const char *const edits[][2] = {{"selector: \"a=b\"", "selector: \"a=c\""},
                                           {"fields: [metadata.name]", "fields: [spec]"},
                                           {"map: label", "map: owner"},
                                           {"kind: Pod", "kind: Pox"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(edits); i++) {
        rv_autobuf struct rv_buf text = {0};
        const char *at = strstr(manifest_text, edits[i][0]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        rv_buf_add(&text, manifest_text, (size_t)(at - manifest_text));
        rv_buf_adds(&text, edits[i][1]);
        rv_buf_adds(&text, at + strlen(edits[i][0]));
        struct manifest *was = b->plugins[0].manifest;
        b->plugins[0].manifest = manifest_parse(rv_buf_str(&text), "m.yaml", &err);
        NEED(b->plugins[0].manifest != NULL);
        CHECK_ROW(!config_plugin_same(&a->plugins[0], &b->plugins[0]), edits[i][1]);
        manifest_free(b->plugins[0].manifest);
        b->plugins[0].manifest = was;
    }
    config_free(a);
    config_free(b);
}

static void note_warning(void *arg, const char *text) { rv_buf_addf(arg, "%s\n", text); }

/* What one plugin promises and another one does. */
static void expectations(void) {
    static const struct {
        const char *config, *says; /* NULL: nothing */
    } rows[] = {
        {"plugins:\n- {name: toy}", NULL},
        {"plugins:\n- name: toy\n  settings: {mode: safe}",
         "f.yaml:3:20: plugin toy with mode=safe relies on plugin vendor, which does not run: add \"- name: vendor\""},
        {"plugins:\n- name: toy\n  settings: {seconds: 5, map: {x: true}}", "f.yaml:3:31: plugin toy with map.x=true"},
        {"plugins:\n- name: toy\n  settings: {map: {x: false}}", NULL},
        {"plugins:\n- name: toy\n  settings: {mode: safe}\n- {name: vendor, grants: all}", NULL},
        /* grants that the manifest does not ask for, and needs that nobody grants */
        {"plugins:\n- {name: vendor, grants: " READS "}", "f.yaml:2:26: plugin vendor needs to create, apply pods "
                                                          "(v1), which its grants do not say: it will be refused"},
        {"plugins:\n- name: toy\n  grants:\n  - {apiVersion: v1, resource: pods, verbs: [create, apply]}", NULL},
        {"plugins:\n- name: toy\n  grants:\n  - {apiVersion: v1, resource: pods, verbs: [create, apply]}\n"
         "  - {apiVersion: v1, resource: podz, verbs: [create]}",
         "f.yaml:5:5: grants[1] of plugin toy is of podz (v1), which its manifest does not ask for: did you mean "
         "\"pods\"?"},
        {"plugins:\n- name: toy\n  grants:\n  - {apiVersion: apps/v1, resource: pods, verbs: [create]}",
         "f.yaml:4:5: grants[0] of plugin toy is of pods (apps/v1), which its manifest does not ask for\n"},

        {"plugins:\n- name: toy\n  settings: {mode: safe}\n- {name: vendor, grants: " READS ", enabled: false}",
         "f.yaml:3:20:"},
        {"plugins:\n- name: toy\n  enabled: false\n  settings: {mode: safe}", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf said = {0};
        struct config *c = parse(rows[i].config, &err);
        NEED(c != NULL);
        config_warnings(c, note_warning, &said);
        bool good = rows[i].says == NULL ? said.n == 0 : rv_str_starts(rv_buf_str(&said), rows[i].says);
        if (!good) printf("\n    said: %s", rv_buf_cstr(&said));
        CHECK_ROW(good, rows[i].config);
        config_free(c);
    }
}

static const struct yaml_pos *entry(const struct yaml_pos *list, const char *key, const char *is) {
    for (const struct yaml_pos *k = list != NULL ? list->kids : NULL; k != NULL; k = k->next) {
        const struct yaml_pos *v = yaml_pos_get(k, key);
        if (v != NULL && v->kids != NULL) v = v->kids; /* [pods] */
        if (v != NULL && rv_str_is(v->text, is)) return k;
    }
    return NULL;
}

/* The verbs of a resource in the role of that namespace ("": the ClusterRole); resourceNames follow in brackets. */
static void verbs_in(const char *yaml, const char *ns, const char *resource, struct rv_buf *out) {
    rv_buf_adds(out, "");
    for (const char *at = yaml; (at = strstr(at, "---\n")) != NULL;) {
        struct yaml_doc doc = {0};
        const char *end = strstr(at += 4, "---\n");
        CU_ASSERT_EQUAL_FATAL(
            yaml_doc_parse(&doc, (struct rv_str){at, end != NULL ? (size_t)(end - at) : strlen(at)}, "rbac", NULL), 0);
        const struct yaml_pos *space = yaml_pos_get(yaml_pos_get(doc.root, "metadata"), "namespace"),
                              *rule = entry(yaml_pos_get(doc.root, "rules"), "resources", resource),
                              *verbs = yaml_pos_get(rule, "verbs"), *names = yaml_pos_get(rule, "resourceNames");
        if (rule != NULL && rv_str_is(space != NULL ? space->text : RV_STR(""), ns)) {
            for (const struct yaml_pos *v = verbs->kids; v != NULL; v = v->next)
                rv_buf_addf(out, "%s" RV_STR_FMT, v != verbs->kids ? " " : "", RV_STR_ARG(v->text));
            for (const struct yaml_pos *v = names != NULL ? names->kids : NULL; v != NULL; v = v->next)
                rv_buf_addf(out, " (" RV_STR_FMT ")", RV_STR_ARG(v->text));
        }
        yaml_doc_free(&doc);
    }
}

static void rbac(void) {
    static const struct {
        const char *config, *ns, *resource, *verbs; /* "": no such rule */
    } rows[] = {
        {"plugins: [{name: toy}]", "", "configmaps", "get list watch"},
        {"plugins: [{name: toy}]", "", "pods", "get list watch create patch"}, /* apply makes what is not there */
        {"plugins: [{name: toy}]", "", "configmaps/finalizers", "update"},     /* it owns what it makes */
        {"plugins: [{name: toy, grants: []}]", "", "configmaps/finalizers", ""},
        {"plugins: [{name: toy, grants: [{apiVersion: v1, resource: secrets, verbs: [patch, own]}], secrets: []}]", "",
         "secrets", "patch delete"},
        {"plugins: [{name: toy}]", "", "events", "create patch"},
        {"plugins: [{name: toy}]", "", "secrets", "get (token)"},
        {"plugins: [{name: toy}]", "", "services/proxy", ""},
        {"plugins: [{name: toy}]", "", "leases", "get list (ray-operator-leader)"},
        {"otherOperator: {lease: their}\nplugins: [{name: toy}]", "", "leases", "get list (their)"},
        {"otherOperator: {action: warn, namespaces: [k]}\nplugins: [{name: toy}]", "k", "leases",
         "get list (ray-operator-leader)"},
        {"otherOperator: {namespaces: [k]}\nplugins: [{name: toy}]", "", "leases", ""},
        {"otherOperator: {action: ignore}\nplugins: [{name: toy}]", "", "leases", ""},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "b", "leases", "get list (ray-operator-leader)"},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "home", "leases",
         "get list (ray-operator-leader)"},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "home", "events", "create patch"},
        {"kubernetes: {namespaces: [a, home]}\nplugins: [{name: toy}]", "home", "leases",
         "get list (ray-operator-leader)"},
        {"kubernetes: {namespaces: [a]}\notherOperator: {namespaces: [k]}", "k", "leases",
         "get list (ray-operator-leader)"},
        {"kubernetes: {namespaces: [a]}\notherOperator: {namespaces: [k]}", "k", "events", "create patch"},
        {"kubernetes: {namespaces: [a]}\notherOperator: {namespaces: [k]}", "home", "leases", ""},
        {"kubernetes: {namespaces: [a]}\notherOperator: {namespaces: [k]}", "a", "leases", ""},
        {"kubernetes: {namespaces: [a]}\nleaderElection: {enabled: true, namespace: other}", "home", "leases",
         "get list (ray-operator-leader)"}, /* looked for where it is at home, wherever its own Lease is */
        {"kubernetes: {proxyHttp: true}\nplugins: [{name: toy}]", "", "services/proxy",
         "get create update patch delete"},
        {"kubernetes: {proxyHttp: true}\nplugins: [{name: toy, http: []}]", "", "services/proxy", ""},
        {"plugins: [{name: toy, enabled: false}]", "", "pods", ""},
        {"plugins: [{name: toy}, {name: vendor, enabled: false, grants: all}]", "", "pods",
         "get list watch create patch"},
        {"leaderElection: {enabled: true}\notherOperator: {action: ignore}", "", "leases", ""},
        {"leaderElection: {enabled: true}", "home", "leases", "get create patch"},
        {"leaderElection: {enabled: true, namespace: other}", "other", "leases", "get create patch"},
        /* some namespaces only */
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "", "pods", ""},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "a", "pods", "get list watch create patch"},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "b", "events", "create patch"},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "b", "secrets", "get (token)"},
        {"kubernetes: {namespaces: [a, b]}\nplugins: [{name: toy}]", "b", "configmaps/finalizers", "update"},
        {"plugins: [{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [delete], namespaces: [c]}]}]", "c",
         "pods", "delete"},
        {"plugins: [{name: toy, grants: [{apiVersion: v1, resource: pods, verbs: [delete], namespaces: [c]}]}]", "",
         "pods", "get list watch"},
        /* reads that are granted in some namespaces */
        {"plugins: [{name: vendor, grants: [{apiVersion: v1, resource: configmaps, verbs: [read]}, "
         "{apiVersion: v1, resource: pods, verbs: [read], namespaces: [c]}]}]",
         "c", "pods", "get list watch"},
        {"plugins: [{name: vendor, grants: [{apiVersion: v1, resource: configmaps, verbs: [read]}, "
         "{apiVersion: v1, resource: pods, verbs: [read], namespaces: [c]}]}]",
         "", "pods", ""},
        {"plugins: [{name: toy, secrets: [{names: [\"*\"], keys: [k], namespaces: [c]}]}]", "c", "secrets", "get"},
        {"plugins: [{name: toy, secrets: [{names: [\"*\"], keys: [k], namespaces: [c]}]}]", "", "secrets", ""},
        {"plugins: [{name: toy, secrets: [{names: [x, y], keys: [k], namespaces: [\"c*\"]}]}]", "", "secrets",
         "get (x) (y)"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf out = {0}, verbs = {0};
        struct config *c = parse(rows[i].config, &err);
        NEED(c != NULL);
        config_print_rbac(c, RV_STR("home"), &out);
        CHECK_ROW(rv_str_starts(rv_buf_str(&out), "# Generated by rayvisord --print-rbac "), rows[i].config);
        verbs_in(rv_buf_cstr(&out), rows[i].ns, rows[i].resource, &verbs);
        if (strcmp(rv_buf_cstr(&verbs), rows[i].verbs) != 0) printf("\n    has: %s", rv_buf_cstr(&verbs));
        CHECK_ROW(strcmp(rv_buf_cstr(&verbs), rows[i].verbs) == 0, rows[i].config);
        CHECK_ROW(strstr(rv_buf_cstr(&out), "name: rayvisor\n    namespace: home\n") != NULL, rows[i].config);
        config_free(c);
    }
}

/* What the chart checks values with says the same as the tables and the manifests. */
static void schema(void) {
    static const char *const texts[] = {
        "\"maxInFlight\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":4096}",
        "\"leaderElection\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"enabled\":{"
        "\"type\":\"boolean\"}",
        "\"action\":{\"type\":\"string\",\"enum\":[\"standBy\",\"warn\",\"ignore\"]}",
        "\"pluginDirs\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
        "\"toy\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"seconds\":{\"description\":"
        "\"h\","
        "\"type\":\"integer\",\"minimum\":1,\"maximum\":900}",
        "\"mode\":{\"description\":\"h\",\"type\":\"string\",\"enum\":[\"fast\",\"safe\"]}",
        "\"ratio\":{\"description\":\"h\",\"type\":\"number\"}"};
    const struct config_env env = {"/nonexistent", ours, "toy"};
    const struct config_env unknown = {ours, ours, "toy gone"};
    struct rv_error err = {0};
    rv_autobuf struct rv_buf out = {0}, none = {0};
    int r = config_print_schema(&env, &out, &err);
    NEED(r == 0);
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) CHECK_ROW(strstr(rv_buf_cstr(&out), texts[i]) != NULL, texts[i]);
    rv_autobuf struct rv_buf mp = {0};
    r = rv_json_to_mp(rv_buf_str(&out), NULL, &mp, &err);
    NEED(r == 0);
    static const struct {
        const char *path, *type;
    } types[] = {{"config", "object"},
                 {"config.properties.mode", "string"},
                 {"config.properties.leaderElection.properties.enabled", "boolean"},
                 {"config.properties.pluginDirs", "array"},
                 {"settings", "object"},
                 {"settings.properties.toy", "object"},
                 {"settings.properties.toy.properties.ratio", "number"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(types); i++) {
        struct rv_val v = rv_val_path((struct rv_val){mp.p, mp.n}, types[i].path);
        CHECK_ROW(rv_str_is(rv_path_str(v, "type"), types[i].type), types[i].path);
    }
    CU_ASSERT_TRUE(config_print_schema(&unknown, &none, &err) != 0 && strstr(err.text, "gone.yaml") != NULL);
}

/* A kind has a controller if an enabled plugin writes its status; one that only reads it is none. */
static void unattended(void) {
    static const char text[] =
        "name: keeper\nversion: 1.0.0\nabi: 1\ndescription: d\n"
        "primary: {apiVersion: v1, resource: configmaps, kind: ConfigMap}\n"
        "writes:\n  - {apiVersion: v1, resource: configmaps, subresource: status, verbs: [patch]}\n";
    static const struct {
        const char *config;
        size_t n;
    } rows[] = {{"", 1},
                {"plugins: [{name: toy}]", 1},
                {"plugins: [{name: keeper, enabled: false}, {name: toy}]", 1},
                {"plugins: [{name: keeper}]", 0},
                {"plugins: [{name: keeper, grants: []}]", 1}};
    char folder[64];
    rv_autobuf struct rv_buf path = {0};
    make_dir(folder, sizeof folder, "toy");
    rv_buf_addf(&path, "%s/keeper.yaml", folder);
    FILE *f = fopen(rv_buf_cstr(&path), "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) exit(2);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        const struct config_env env = {"/nonexistent", folder, "toy keeper gone"};
        struct rv_error err = {0};
        rv_autobuf struct rv_buf rbac_text = {0};
        struct config *c = config_parse(rv_str(rows[i].config), "f.yaml", &env, &err);
        NEED(c != NULL);
        CHECK_ROW(c->unattended_n == rows[i].n, rows[i].config);
        if (rows[i].n == 1) CHECK_ROW(rv_str_is(c->unattended[0].plugin, "keeper"), rows[i].config);
        config_print_rbac(c, RV_STR("home"), &rbac_text);
        if (i == 0)
            CHECK_ROW(strstr(rv_buf_cstr(&rbac_text), "resources: [\"configmaps\"]\n    verbs: [get, list, watch]") !=
                          NULL,
                      "rbac");
        config_free(c);
    }
    remove_manifest(folder, "keeper");
    remove_manifest(folder, "toy");
    rmdir(folder);
}

/* What a kind is called where the manifest does not say. */
static void kind_names(void) {
    static const struct {
        const char *kind, *name;
    } rows[] = {{"kind: Pod", "pod"},
                {"kind: RayCluster", "ray_cluster"},
                {"kind: HTTPRoute", "http_route"},
                {"kind: PodGroupV2", "pod_group_v2"},
                {"kind: Pod, name: head", "head"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf text = {0};
        const char *at = strstr(manifest_text, "kind: Pod");
        rv_buf_add(&text, manifest_text, (size_t)(at - manifest_text));
        rv_buf_adds(&text, rows[i].kind);
        rv_buf_adds(&text, at + strlen("kind: Pod"));
        struct manifest *m = manifest_parse(rv_buf_str(&text), "toy.yaml", NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(m);
        CHECK_ROW(rv_str_is(m->kinds[0].name, "config_map") && rv_str_is(m->kinds[1].name, rows[i].name), rows[i].kind);
        manifest_free(m);
    }
}

static void manifests(void) {
    static const struct {
        const char *from, *to, *says;
    } rows[] = {
        {"name: toy", "name: Toy", "lower-case letter"},
        {"abi: 1", "abi: 0", "from 1"},
        {"abi: 1", "abi: 1\nmetrics: [Load_]", "is not a prefix"},
        {"abi: 1", "abi: 1\nmetrics: [rayvisor_]", "is not a prefix"},
        {"abi: 1", "abi: 1\nmetrics: [rayvisor_leaked_gpus_]", "is not a prefix"},
        {"abi: 1", "abi: 1\nmetrics: [load]", "is not a prefix"},
        {"abi: 1", "abi: 1\nmetricHelp: {load: \"a\\nb\"}", "metricHelp.load is not one line"},
        {"abi: 1", "abi: 1\nmetricHelp: {load: \"\"}", "metricHelp.load is not one line"},
        {"abi: 1", "abi: 1\nmetricHelp: {load: [a]}", "metricHelp.load is not one line"},
        {"abi: 1", "abi: 1\nmetricHelp: [load]", "metricHelp"},
        {"abi: 1", "abi: 1\nextra: 1", "unknown key \"extra\""},
        {"description: d\n", "", "needs the key \"description\""},
        {"kind: Pod", "kind: ConfigMap", "two kinds have the name \"config_map\""},
        {"kind: Pod", "kind: Pod, name: config_map", "two kinds have the name"},
        {"kind: Pod", "kind: Pod, name: the-pod", "a kind has the name \"the-pod\""},
        {"kind: Pod", "kind: Pod, name: 1st", "lower-case letter"},
        {"kind: ConfigMap}", "kind: ConfigMap, fields: [\"a[\"]}", ":"},
        {"selector: \"a=b\"", "selector: \"a in (\"", ":"},
        {", indexLabel: a", "", "needs indexLabel"},
        {"map: label", "map: somewhere", "owner or label or plugin"},
        {"[create, apply]", "[create, watch]", "\"watch\""},
        {"type: integer", "type: int", "boolean or integer"},
        {"default: 300", "default: 3000", "between 1 and 900"},
        {"default: fast", "default: slow", "Accepted are \"fast\", \"safe\""},
        {"*.svc.{mode}", "*.svc.{seconds}", "no setting of type string"},
        {"*.svc.{mode}", "*.svc.{none}", "no setting of type string"},
        {"*.svc.{mode}", "*.svc.?", "not a URL pattern"},
        {"[{names: [token], keys: [\"*\"]}]", "true", "which Secrets"},
        {"names: [token], ", "", "\"names\""},
        {"plugin: vendor, ", "", "\"plugin\""},
        {"mode=safe", "moody=safe", "\"moody\""},
        {"type: boolean, default: true", "type: boolean, default: 1", "boolean"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf text = {0};
        const char *at = strstr(manifest_text, rows[i].from);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        rv_buf_add(&text, manifest_text, (size_t)(at - manifest_text));
        rv_buf_adds(&text, rows[i].to);
        rv_buf_adds(&text, at + strlen(rows[i].from));
        struct manifest *m = manifest_parse(rv_buf_str(&text), "m.yaml", &err);
        CHECK_ROW(m == NULL, rows[i].to);
        if (strstr(err.text, rows[i].says) == NULL) printf("\n    said: %s", err.text);
        CHECK_ROW(strncmp(err.text, "m.yaml:", 7) == 0 && strstr(err.text, rows[i].says) != NULL, rows[i].to);
        manifest_free(m);
    }
    struct manifest *m = manifest_parse(rv_str(manifest_text), "m.yaml", NULL);
    NEED(m != NULL);
    CU_ASSERT_TRUE(m->kind_n == 2 && m->kinds[1].map == 1 && rv_str_is(m->kinds[1].index_label, "a"));
    manifest_free(m);
}

/* A text cut anywhere, or with a byte changed, is a config or an error, never something else. */
static void damaged(void) {
    static const char text[] = "kubernetes: {namespaces: [a], qps: 1}\nlog: {level: info}\nplugins:\n- name: toy\n"
                               "  settings: {seconds: 5}\n";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        rv_autofree char *cut = rv_strdup((struct rv_str){text, sizeof text - 1});
        cut[n] = "{}[]:,&*!\"'\n\t#-x"[n % 16];
        struct rv_error err = {0};
        const struct config_env env = {ours, theirs, "toy"};
        struct config *c = config_parse((struct rv_str){cut, sizeof text - 1}, "f", &env, &err);
        CU_ASSERT_TRUE(c != NULL || err.text[0] != 0);
        config_free(c);
        err.text[0] = 0;
        c = config_parse((struct rv_str){text, n}, "f", &env, &err);
        CU_ASSERT_TRUE(c != NULL || err.text[0] != 0);
        config_free(c);
    }
}

/* Their samples do not say which plugin they are from. */
static void names_of_metrics(void) {
    static const struct {
        const char *toy, *vendor, *plugins, *says; /* says NULL: accepted */
    } rows[] = {
        {"metrics: [kuberay_x_]\n", "metrics: [vendor_]\n", "[{name: toy}, {name: vendor, grants: all}]", NULL},
        {"", "metrics: [kuberay_x_]\n", "[{name: vendor, grants: " READS "}]", "say grants: all"},
        {"", "metrics: [kuberay_x_]\n", "[{name: vendor, grants: all}]", NULL},
        {"metrics: [rayvisor_leaked_]\n", "metrics: [rayvisor_leaked_]\n", "[{name: toy}, {name: vendor, grants: all}]",
         NULL},
        {"", "metrics: [rayvisor_leaked_]\n", "[{name: vendor, grants: " READS "}]", "say grants: all"},
        {"metrics: [kuberay_x_]\n", "metrics: [kuberay_x_]\n", "[{name: toy}, {name: vendor, grants: all}]",
         "the same names of metrics"},
        {"metrics: [a_, b_]\n", "metrics: [b_c_]\n", "[{name: toy}, {name: vendor, grants: " READS "}]",
         "b_* and b_c_*"},
        {"metrics: [b_c_]\n", "metrics: [b_]\n", "[{name: toy}, {name: vendor, grants: " READS "}]", "b_c_* and b_*"},
        {"metrics: [b_]\n", "metrics: [b_]\n", "[{name: toy, enabled: false}, {name: vendor, grants: all}]", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf text = {0};
        write_manifest_with(ours, "toy", rows[i].toy);
        write_manifest_with(theirs, "vendor", rows[i].vendor);
        rv_buf_addf(&text, "plugins: %s", rows[i].plugins);
        struct config *c = parse(rv_buf_cstr(&text), &err);
        CHECK_ROW((c != NULL) == (rows[i].says == NULL), rows[i].plugins);
        CHECK_ROW(rows[i].says == NULL || strstr(err.text, rows[i].says) != NULL, rows[i].says);
        config_free(c);
    }
    write_manifest(ours, "toy");
    write_manifest(theirs, "vendor");
}

static const struct suite_test tests[] = {{"mistakes", mistakes},
                                          {"defaults", nothing_means_defaults},
                                          {"the default file", the_default_file},
                                          {"values", values},
                                          {"grants", grants},
                                          {"reads in namespaces", reads_in_namespaces},
                                          {"comparing", comparing},
                                          {"edited manifests", edited_manifests},
                                          {"expectations", expectations},
                                          {"rbac", rbac},
                                          {"unattended", unattended},
                                          {"schema", schema},
                                          {"manifests", manifests},
                                          {"names of kinds", kind_names},
                                          {"names of metrics", names_of_metrics},
                                          {"damaged", damaged}};

int main(void) {
    make_dir(ours, sizeof ours, "toy");
    write_manifest(ours, "guest"); /* as a vendor's installation puts it there */
    make_dir(theirs, sizeof theirs, "vendor");
    int r = suite_run("config", tests, RV_ARRAY_LEN(tests));
    remove_manifest(ours, "toy");
    remove_manifest(ours, "guest");
    remove_manifest(theirs, "vendor");
    rmdir(ours);
    rmdir(theirs);
    return r;
}
