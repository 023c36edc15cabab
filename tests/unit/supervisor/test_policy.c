/* Grants: what a plugin may do, and above all what it may not. */
#include "supervisor/actions/policy.h"

#include "tests/unit/sdk/suite.h"

#define S(text)                                                                                                        \
    { text, sizeof(text) - 1 }

static struct rv_str pod_verbs[] = {S("create"), S("delete")}, status_verbs[] = {S("patch")},
                     namespaces[] = {S("team-a"), S("team-b")}, urls[] = {S("http://*.svc.cluster.local:8265/api/*")};
static struct manifest_write grants[] = {
    {.api_version = S("v1"), .resource = S("pods"), .verbs = {pod_verbs, 2, true}},
    {.api_version = S("ray.io/v1"),
     .resource = S("rayclusters"),
     .subresource = S("status"),
     .verbs = {status_verbs, 1, true},
     .namespaces = {namespaces, 2, true}},
};

static struct config_plugin plugin(bool secrets) {
    struct config_plugin p = {
        .name = RV_STR("toy"), .grants = grants, .grant_n = RV_ARRAY_LEN(grants), .secrets = secrets};
    p.http = (struct schema_texts){urls, 1, true};
    return p;
}

static void resources(void) {
    static const struct {
        const char *row, *api, *resource, *sub, *ns;
        uint32_t verb;
        bool may;
    } rows[] = {
        {"granted", "v1", "pods", "", "x", RV_VERB_CREATE, true},
        {"granted too", "v1", "pods", "", "y", RV_VERB_DELETE, true},
        {"another verb", "v1", "pods", "", "x", RV_VERB_DELETE_COLLECTION, false},
        {"patch is not create", "v1", "pods", "", "x", RV_VERB_MERGE_PATCH, false},
        {"reading is a verb as well", "v1", "pods", "", "x", RV_VERB_GET, false},
        {"apply is not patch", "ray.io/v1", "rayclusters", "status", "team-a", RV_VERB_APPLY, false},
        {"another resource", "v1", "secrets", "", "x", RV_VERB_CREATE, false},
        {"another group", "evil/v1", "pods", "", "x", RV_VERB_CREATE, false},
        {"a subresource is not the resource", "v1", "pods", "eviction", "x", RV_VERB_CREATE, false},
        {"subresource granted", "ray.io/v1", "rayclusters", "status", "team-b", RV_VERB_MERGE_PATCH, true},
        {"json patch likewise", "ray.io/v1", "rayclusters", "status", "team-a", RV_VERB_JSON_PATCH, true},
        {"the resource is not its subresource", "ray.io/v1", "rayclusters", "", "team-a", RV_VERB_MERGE_PATCH, false},
        {"another namespace", "ray.io/v1", "rayclusters", "status", "team-c", RV_VERB_MERGE_PATCH, false},
        {"no namespace", "ray.io/v1", "rayclusters", "status", "", RV_VERB_MERGE_PATCH, false},
        {"a verb that does not exist", "v1", "pods", "", "x", 99, false},
        {"verb zero", "v1", "pods", "", "x", 0, false},
        {"timers are free", "", "", "", "", RV_VERB_TIMER, true},
        {"events need a grant", "", "", "", "", RV_VERB_EVENT, false},
    };
    struct config_plugin p = plugin(false);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct msg_action m = {.a = {.verb = rows[i].verb,
                                     .api_version = rv_str(rows[i].api),
                                     .resource = rv_str(rows[i].resource),
                                     .subresource = rv_str(rows[i].sub),
                                     .ns = rv_str(rows[i].ns)}};
        int r = policy_check(&p, &m, &err);
        CHECK_ROW(r == (rows[i].may ? 0 : RV_E_DENIED), rows[i].row);
        CHECK_ROW(rows[i].may || strstr(err.text, "toy") != NULL, rows[i].row);
    }
}

static void patterns(void) {
    static const struct {
        const char *pattern, *url;
        bool match;
    } rows[] = {
        {"http://*.svc.cluster.local:8265/api/*", "http://a.b.svc.cluster.local:8265/api/jobs/", true},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/api/", true},
        {"http://*.svc.cluster.local:8265/api/*", "https://a.svc.cluster.local:8265/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8266/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/other", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://evil.com/x.svc.cluster.local:8265/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://evil.com?.svc.cluster.local:8265/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://evil.com#.svc.cluster.local:8265/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://evil.com\\.svc.cluster.local:8265/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://user@a.svc.cluster.local:8265/api/jobs", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/api/../secret", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/api/%2e%2E/secret", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/api/.%2e/secret", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/api/x\r\nHost: evil", false},
        {"http://*.svc.cluster.local:8265/api/*", "http://a.svc.cluster.local:8265/api/a b", false},
        {"http://ray/", "http://ray", true},
        {"http://ray", "http://ray/", true},
        {"http://ray", "http://ray/x", false},
        {"http://ray/*", "http:///x", false},
        {"http://ray/*", "file://ray/etc/passwd", false},
        {"http://ray/*", "http://RAY/x", false},
        {"nonsense", "nonsense", false},
        {"http://ray/*", "", false},
        {"http://a*b*c/*", "http://axxbyybzzc/", true},
        {"http://a*b*c/*", "http://axxbyybzz/", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(policy_url_matches(rv_str(rows[i].pattern), rv_str(rows[i].url)) == rows[i].match, rows[i].url);
}

static void http(void) {
    static const struct {
        const char *row, *method, *url, *type, *header, *secret;
        bool secrets, may;
    } rows[] = {
        {"plain", "GET", "http://a.svc.cluster.local:8265/api/x", "", "", "", false, true},
        {"elsewhere", "GET", "http://10.0.0.1/api/x", "", "", "", false, false},
        {"a secret without the grant", "GET", "http://a.svc.cluster.local:8265/api/x", "", "", "token", false, false},
        {"a secret", "GET", "http://a.svc.cluster.local:8265/api/x", "", "", "token", true, true},
        {"no method", "", "http://a.svc.cluster.local:8265/api/x", "", "", "", false, false},
        {"a method with a line end", "GET / HTTP/1.1\r\nX", "http://a.svc.cluster.local:8265/api/x", "", "", "", false,
         false},
        {"a type with a line end", "PUT", "http://a.svc.cluster.local:8265/api/x", "a\r\nX: y", "", "", false, false},
        {"a header with a line end", "PUT", "http://a.svc.cluster.local:8265/api/x", "", "A\nB", "token", true, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct config_plugin p = plugin(rows[i].secrets);
        struct msg_action m = {.a = {.verb = RV_VERB_HTTP},
                               .http = {.method = rv_str(rows[i].method),
                                        .url = rv_str(rows[i].url),
                                        .content_type = rv_str(rows[i].type),
                                        .auth_header = rv_str(rows[i].header),
                                        .secret_name = rv_str(rows[i].secret)}};
        CHECK_ROW(policy_check(&p, &m, NULL) == (rows[i].may ? 0 : RV_E_DENIED), rows[i].row);
    }
}

static const struct suite_test tests[] = {
    {"resources and verbs", resources}, {"url patterns", patterns}, {"http", http}};
SUITE_MAIN("policy", tests)
