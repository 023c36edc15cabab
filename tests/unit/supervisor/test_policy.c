/* Grants: what a plugin may do, and above all what it may not. */
#include "supervisor/actions/policy.h"

#include "supervisor/config/url.h"
#include "tests/unit/sdk/suite.h"

#define S(text)                                                                                                        \
    { text, sizeof(text) - 1 }

static struct rv_str pod_verbs[] = {S("create"), S("delete")}, status_verbs[] = {S("patch"), S("own")},
                     namespaces[] = {S("team-a"), S("team-b")}, urls[] = {S("http://*.svc.cluster.local:8265/api/*")};
static struct manifest_write grants[] = {
    {.api_version = S("v1"), .resource = S("pods"), .verbs = {pod_verbs, 2, true}},
    {.api_version = S("ray.io/v1"),
     .resource = S("rayclusters"),
     .subresource = S("status"),
     .verbs = {status_verbs, 2, true},
     .namespaces = {namespaces, 2, true}},
};

static struct rv_str token_names[] = {S("token"), S("ray-*")}, token_keys[] = {S("auth_token")}, any[] = {S("*")},
                     own_key[] = {S("key-*")}, own_ns[] = {S("team-b"), S("dev-*")};
static struct manifest_secret secret_grants[] = {
    {.names = {token_names, 2, true}, .keys = {token_keys, 1, true}},
    {.names = {any, 1, true}, .keys = {own_key, 1, true}, .namespaces = {own_ns, 2, true}},
};

static struct config_plugin plugin(bool secrets) {
    struct config_plugin p = {.name = RV_STR("toy"),
                              .grants = grants,
                              .grant_n = RV_ARRAY_LEN(grants),
                              .secrets = secret_grants,
                              .secret_n = secrets ? RV_ARRAY_LEN(secret_grants) : 0};
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
        if (rows[i].verb != RV_VERB_CREATE && rows[i].verb != RV_VERB_DELETE_COLLECTION) m.a.name = RV_STR("x");
        if (rows[i].verb == RV_VERB_DELETE_COLLECTION) m.a.selector = RV_STR("a=b");
        int r = policy_check(&p, &m, &err);
        CHECK_ROW(r == (rows[i].may ? 0 : RV_E_DENIED), rows[i].row);
        CHECK_ROW(rows[i].may || strstr(err.text, "toy") != NULL, rows[i].row);
    }
}

/* What is granted, but says something else than it seems. */
static void malformed(void) {
    static const struct {
        const char *row, *ns, *name, *sub, *selector;
        uint32_t verb;
        bool may;
    } rows[] = {
        {"one object", "x", "p1", "", "", RV_VERB_DELETE, true},
        {"an empty name is the collection", "x", "", "", "", RV_VERB_DELETE, false},
        {"reading it would be a list", "x", "", "", "", RV_VERB_GET, false},
        {"a subresource in the name", "x", "p1/status", "", "", RV_VERB_DELETE, false},
        {"another subresource", "x", "p1/log", "", "", RV_VERB_GET, false},
        {"a proxy", "x", "p1:8265", "", "", RV_VERB_GET, false},
        {"a proxy to somewhere", "x", "p1:8265/proxy/api/version", "", "", RV_VERB_GET, false},
        {"coded", "x", "p1%2fstatus", "", "", RV_VERB_DELETE, false},
        {"the folder above", "x", "..", "", "", RV_VERB_DELETE, false},
        {"this folder", "x", ".", "", "", RV_VERB_DELETE, false},
        {"a parameter", "x", "p1?force=true", "", "", RV_VERB_DELETE, false},
        {"an upper-case name", "x", "P1", "", "", RV_VERB_DELETE, false},
        {"a namespace that is a path", "x/pods/p1", "p1", "", "", RV_VERB_DELETE, false},
        {"a namespace above", "..", "p1", "", "", RV_VERB_DELETE, false},
        {"a namespace with a dot", "x.y", "p1", "", "", RV_VERB_DELETE, false},
        {"a subresource of a deletion", "x", "p1", "status", "", RV_VERB_DELETE, false},
        {"a create is sent to the collection", "x", "", "status", "", RV_VERB_CREATE, false},
        {"a create with a name", "x", "p1", "", "", RV_VERB_CREATE, true},
        {"a create with a path", "x", "p1/binding", "", "", RV_VERB_CREATE, false},
        {"a collection", "x", "", "", "a=b", RV_VERB_DELETE_COLLECTION, true},
        {"of everything", "x", "", "", "", RV_VERB_DELETE_COLLECTION, false},
        {"of everything, by blanks", "x", "", "", " , ", RV_VERB_DELETE_COLLECTION, false},
        {"of everything, by a line end", "x", "", "", "\n", RV_VERB_DELETE_COLLECTION, false},
        {"a collection with a name", "x", "p1", "", "a=b", RV_VERB_DELETE_COLLECTION, false},
    };
    static struct rv_str all[] = {S("create"), S("delete"), S("deletecollection"), S("get"), S("patch")};
    static struct manifest_write every[] = {
        {.api_version = S("v1"), .resource = S("pods"), .verbs = {all, RV_ARRAY_LEN(all), true}},
        {.api_version = S("v1"), .resource = S("pods"), .subresource = S("status"), .verbs = {all, 5, true}}};
    struct config_plugin p = {.name = RV_STR("toy"), .grants = every, .grant_n = RV_ARRAY_LEN(every)};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct msg_action m = {.a = {.verb = rows[i].verb,
                                     .api_version = RV_STR("v1"),
                                     .resource = RV_STR("pods"),
                                     .subresource = rv_str(rows[i].sub),
                                     .selector = rv_str(rows[i].selector),
                                     .ns = rv_str(rows[i].ns),
                                     .name = rv_str(rows[i].name)}};
        CHECK_ROW(policy_check(&p, &m, &err) == (rows[i].may ? 0 : RV_E_DENIED), rows[i].row);
        CHECK_ROW(rows[i].may || strstr(err.text, "malformed") != NULL, rows[i].row);
    }
    struct msg_action keyed = {.a = {.verb = RV_VERB_TIMER}, .key = {RV_STR("x/../kube-system"), RV_STR("a")}};
    CU_ASSERT_EQUAL(policy_check(&p, &keyed, NULL), RV_E_DENIED);
    struct msg_action timer = {.a = {.verb = RV_VERB_TIMER, .body = {(const uint8_t *)"x", 1}}};
    CU_ASSERT_EQUAL(policy_check(&p, &timer, NULL), RV_E_DENIED);
    struct msg_action no_end = {.a = {.verb = RV_VERB_DELETE_COLLECTION,
                                      .api_version = RV_STR("v1"),
                                      .resource = RV_STR("pods"),
                                      .ns = RV_STR("x"),
                                      .selector = {"\0a=b", 4}}}; /* empty, as C texts go */
    CU_ASSERT_EQUAL(policy_check(&p, &no_end, NULL), RV_E_DENIED);
}

/* An event without a namespace is written in "default". */
static void event_namespace(void) {
    static struct rv_str create[] = {S("create")}, home[] = {S("team-a")};
    static struct manifest_write grant[] = {{.api_version = S("events.k8s.io/v1"),
                                             .resource = S("events"),
                                             .verbs = {create, 1, true},
                                             .namespaces = {home, 1, true}}};
    static const struct {
        const char *ns, *name;
        bool may;
    } rows[] = {{"team-a", "x", true},       {"", "x", false},      {"default", "x", false},
                {"kube-system", "x", false}, {"team-a", "", false}, {"team-a", "x/y", false},
                {"team-a/../x", "x", false}};
    struct config_plugin p = {.name = RV_STR("toy"), .grants = grant, .grant_n = 1};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct msg_action m = {.a = {.verb = RV_VERB_EVENT},
                               .event = {.ns = rv_str(rows[i].ns), .name = rv_str(rows[i].name)}};
        CHECK_ROW((policy_check(&p, &m, NULL) == 0) == rows[i].may, rows[i].ns);
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
        /* a star never reaches into another domain */
        {"http://*.svc.*/api/*", "http://a.n.svc.evil.com/api/x", false},
        {"http://*.svc.*/api/*", "http://a.n.svc.evil/api/x", true},
        {"http://*.*.svc/*", "http://a.n.svc/x", true},
        {"http://*.*.svc/*", "http://n.svc/x", false},
        {"http://*.*.svc/*", "http://svc/x", false},
        {"http://a.*/*", "http://a.b.c/x", false},
        {"http://a*/*", "http://a.b/x", false},
        {"http://*a/*", "http://b.a/x", false},
        {"http://*.a/*", "http://.a/x", false},
        {"http://*.a/*", "http://b..a/x", false},
        {"http://*.a/*", "http://b.a./x", false},
        {"http://*.a/*", "http://b%2ea/x", false},
        {"http://*.a/*", "http://evil%2f.a/x", false},
        {"http://10.*/*", "http://10.1.2.3/x", true},
        {"http://10.*/*", "http://10.evil.com/x", false},
        {"http://10.*/*", "http://110.1.2.3/x", false},
        {"http://[fd00:*]/*", "http://[fd00::1]/x", true},
        {"http://[fd00:*]/*", "http://[fe80::1]/x", false},
        {"http://[fd00:*]/*", "http://[fd00::1/x", false},
        {"http://*/*", "http://[fd00::1]/x", true},
        {"http://*/*", "http://a.b.c/x", true},
        /* nor into the port, nor is one port another */
        {"http://a/*", "http://a:80/x", false},
        {"http://a/*", "http://a:/x", false},
        {"http://a:8*/*", "http://a:/x", false},
        {"http://[fd00:*]/*", "http://[fd00::1]x/x", false},
        {"http://[fd00:*]:80/*", "http://[fd00::1]:80/x", true},
        {"http://[fd00:*]:80/*", "http://[fd00::1]880/x", false},
        {"http://[fd00:*]:80/*", "http://[fd00::1]:/x", false},
        {"http://a:*/*", "http://a:80/x", true},
        {"http://a:*/*", "http://a/x", false},
        {"http://a:*/*", "http://a:0/x", false},
        {"http://a:*/*", "http://a:70000/x", false},
        {"http://a:*/*", "http://a:80@evil.com/x", false},
        {"http://a*:80/*", "http://a:80:80/x", false},
        {"http://a:8*/*", "http://a:80/x", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(url_matches(rv_str(rows[i].pattern), rv_str(rows[i].url)) == rows[i].match, rows[i].url);
}

/* What the writer of an object of namespace "n" makes the plugin ask. */
static void other_namespaces(void) {
    static const struct {
        const char *pattern, *url;
        bool own;
    } rows[] = {
        {"http://*.svc.cluster.local:*/api/*", "http://a.n.svc.cluster.local:8265/api/x", true},
        {"http://*.svc.cluster.local:*/api/*", "http://a.m.svc.cluster.local:8265/api/x", false},
        {"http://*.svc.cluster.local:*/api/*", "http://a.m.svc.cluster.local:8265/api/x?.n.svc.cluster.local:8265/",
         false},
        {"http://*.svc.cluster.local:*/api/*", "http://pod.a.m.svc.cluster.local:8265/api/x", false},
        {"http://*.svc.cluster.local:*/api/*", "http://n.svc.m.svc.cluster.local:8265/api/x", false},
        {"http://*.svc.cluster.local:*/api/*", "http://a.n.m.svc.cluster.local:8265/api/x", false},
        {"http://*.svc.cluster.local:*/api/*", "http://n.a.n.svc.cluster.local:8265/api/x", true},
        {"http://*.svc.cluster.local:*/api/*", "http://m.svc.cluster.local:8265/api/x", false},
        {"http://*.*.svc:*/api/*", "http://a.n.svc:8265/api/x", true},
        {"http://*.*.svc:*/api/*", "http://a.m.svc:8265/api/x", false},
        {"http://*.m.svc:*/api/*", "http://a.m.svc:8265/api/x", true},
        {"http://a.m*.svc:*/api/*", "http://a.mm.svc:8265/api/x", false},
        {"http://*.svc.*:*/api/*", "http://a.n.svc.x:8265/api/x", true},
        {"http://*.svc.*:*/api/*", "http://a.m.svc.x:8265/api/x", false},
        {"http://*.example.org:*/api/*", "http://a.m.example.org:8265/api/x", true},
        {"http://10.*:*/api/*", "http://10.1.2.3:8265/api/x", true},
        {"http://[fd00:*]:*/api/*", "http://[fd00::1]:8265/api/x", true},
        {"http://*:*/api/*", "http://a.m.svc.cluster.local:8265/api/x", true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_str list[] = {rv_str(rows[i].pattern)};
        struct config_plugin p = {.name = RV_STR("toy"), .http = {list, 1, true}};
        struct msg_action m = {.a = {.verb = RV_VERB_HTTP},
                               .key = {.ns = RV_STR("n"), .name = RV_STR("x")},
                               .http = {.method = RV_STR("GET"), .url = rv_str(rows[i].url)}};
        struct rv_error err = {0};
        CHECK_ROW(policy_check(&p, &m, &err) == (rows[i].own ? 0 : RV_E_DENIED), rows[i].url);
        CHECK_ROW(rows[i].own || strstr(err.text, "for an object of namespace n: a '*' in the place") != NULL,
                  rows[i].url);
        m.key.ns = RV_STR(""); /* it asks for no object */
        CHECK_ROW(policy_check(&p, &m, NULL) == 0, rows[i].url);
    }
}

static void http(void) {
    static const struct {
        const char *row, *method, *url, *type, *header, *secret;
        bool secrets, may;
    } rows[] = {
        {"plain", "GET", "http://a.svc.cluster.local:8265/api/x", "", "", "", false, true},
        {"elsewhere", "GET", "http://10.0.0.1/api/x", "", "", "", false, false},
        {"a secret without the grant", "GET", "http://a.b.svc.cluster.local:8265/api/x", "", "", "token", false, false},
        {"a secret", "GET", "http://a.b.svc.cluster.local:8265/api/x", "", "", "token", true, true},
        {"no method", "", "http://a.svc.cluster.local:8265/api/x", "", "", "", false, false},
        {"a method with a line end", "GET / HTTP/1.1\r\nX", "http://a.svc.cluster.local:8265/api/x", "", "", "", false,
         false},
        {"a type with a line end", "PUT", "http://a.svc.cluster.local:8265/api/x", "a\r\nX: y", "", "", false, false},
        {"Ray's header", "PUT", "http://a.b.svc.cluster.local:8265/api/x", "", "X-Ray-Authorization", "token", true,
         true},
        {"another server", "PUT", "http://a.b.svc.cluster.local:8265/api/x", "", "Host", "token", true, false},
        {"two headers", "PUT", "http://a.b.svc.cluster.local:8265/api/x", "", "X: 1; Y", "token", true, false},
        {"a header without a value", "PUT", "http://a.b.svc.cluster.local:8265/api/x", "", "Authorization;", "token",
         true, false},
        {"a header with a line end", "PUT", "http://a.b.svc.cluster.local:8265/api/x", "", "A\nB", "token", true,
         false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct config_plugin p = plugin(rows[i].secrets);
        struct msg_action m = {.a = {.verb = RV_VERB_HTTP},
                               .http = {.method = rv_str(rows[i].method),
                                        .url = rv_str(rows[i].url),
                                        .content_type = rv_str(rows[i].type),
                                        .auth_header = rv_str(rows[i].header),
                                        .secret_ns = RV_STR("b"),
                                        .secret_name = rv_str(rows[i].secret),
                                        .secret_key = RV_STR("auth_token")}};
        if (rows[i].secret[0] == 0) m.http.secret_ns = m.http.secret_key = RV_STR("");
        CHECK_ROW(policy_check(&p, &m, NULL) == (rows[i].may ? 0 : RV_E_DENIED), rows[i].row);
    }
}

/* All three keys must be granted, and the Secret is for Services of its own namespace, over TLS and HTTP/2. */
static void client_certificate(void) {
    static const struct {
        const char *row, *url, *ns, *secret;
        uint32_t http2;
        size_t keys;
        bool token, may;
    } rows[] = {{"granted", "https://a.b.svc.cluster.local:6379/x", "b", "worker-1", 1, 3, false, true},
                {"beside a token", "https://a.b.svc.cluster.local:6379/x", "b", "worker-1", 1, 3, true, true},
                {"beside a token that is not granted", "https://a.b.svc.cluster.local:6379/x", "b", "worker-1", 1, 3,
                 true, false},
                {"not the issuer", "https://a.b.svc.cluster.local:6379/x", "b", "worker-1", 1, 2, false, false},
                {"another Secret", "https://a.b.svc.cluster.local:6379/x", "b", "head-1", 1, 3, false, false},
                {"another namespace", "https://a.c.svc.cluster.local:6379/x", "b", "worker-1", 1, 3, false, false},
                {"no namespace", "https://a.b.svc.cluster.local:6379/x", "", "worker-1", 1, 3, false, false},
                {"without TLS", "http://a.b.svc.cluster.local:6379/x", "b", "worker-1", 1, 3, false, false},
                {"over HTTP/1.1", "https://a.b.svc.cluster.local:6379/x", "b", "worker-1", 0, 3, false, false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_str keys[] = {RV_STR("tls.crt"), RV_STR("tls.key"), RV_STR("ca.crt"), RV_STR("auth_token")},
                      of_workers[] = {RV_STR("worker-*")},
                      both[] = {RV_STR("http://*.*.svc.cluster.local:*/*"),
                                RV_STR("https://*.*.svc.cluster.local:*/*")};
        struct manifest_secret may_name[] = {{.names = {of_workers, 1, true}, .keys = {keys, rows[i].keys, true}},
                                             {.names = {any, 1, true}, .keys = {&keys[3], 1, true}}};
        struct config_plugin p = {.name = RV_STR("toy"),
                                  .http = {both, 2, true},
                                  .secrets = may_name,
                                  .secret_n = rows[i].token && !rows[i].may ? 1 : 2};
        struct msg_action m = {.a = {.verb = RV_VERB_HTTP},
                               .http = {.method = RV_STR("POST"),
                                        .url = rv_str(rows[i].url),
                                        .http2 = rows[i].http2,
                                        .secret_ns = rv_str(rows[i].ns),
                                        .client_secret = rv_str(rows[i].secret)}};
        if (rows[i].token) m.http.secret_name = RV_STR("token"), m.http.secret_key = RV_STR("auth_token");
        struct rv_error why = {0};
        CHECK_ROW(policy_check(&p, &m, &why) == (rows[i].may ? 0 : RV_E_DENIED), rows[i].row);
        if (rows[i].may && why.text[0] != 0) printf("\n    %s", why.text);
    }
}

/* ---- whole tables: every combination, judged here by what is listed as granted ------------------------- */

static bool among(const char *what, const char *list) { /* of words between blanks */
    rv_autobuf struct rv_buf word = {0};
    rv_buf_addf(&word, " %s ", what);
    return strstr(list, rv_buf_cstr(&word)) != NULL;
}

static const char granted[] =
    " create|v1|pods|| create|v1|pods||a create|v1|pods||team-a create|v1|pods||team-aa "
    "delete|v1|pods|| delete|v1|pods||a delete|v1|pods||team-a delete|v1|pods||team-aa "
    "patch|ray.io/v1|rayclusters|status|team-a json-patch|ray.io/v1|rayclusters|status|team-a ";

static void every_action(void) {
    static const struct {
        uint32_t verb;
        const char *name;
    } verbs[] = {{RV_VERB_CREATE, "create"},
                 {RV_VERB_APPLY, "apply"},
                 {RV_VERB_MERGE_PATCH, "patch"},
                 {RV_VERB_JSON_PATCH, "json-patch"},
                 {RV_VERB_DELETE, "delete"},
                 {RV_VERB_DELETE_COLLECTION, "deletecollection"},
                 {RV_VERB_GET, "get"},
                 {RV_VERB_EVENT, "event"},
                 {0, "none"},
                 {200, "unknown"}};
    static const char *const apis[] = {"", "v1", "ray.io/v1", "v1beta1"},
                             *const resources[] = {"", "pods", "rayclusters", "secrets", "pod"},
                             *const subs[] = {"", "status", "exec"}, *const spaces[] = {"", "a", "team-a", "team-aa"};
    struct config_plugin p = plugin(true), none = {.name = RV_STR("none")};
    const struct config_plugin *const plugins[] = {&p, &none};
    enum {
        V = RV_ARRAY_LEN(verbs),
        A = RV_ARRAY_LEN(apis),
        R = RV_ARRAY_LEN(resources),
        U = RV_ARRAY_LEN(subs),
        N = RV_ARRAY_LEN(spaces)
    };
    unsigned allowed = 0;
    for (size_t i = 0; i < (size_t)2 * V * A * R * U * N; i++) {
        size_t v = i % V, a = i / V % A, r = i / V / A % R, u = i / V / A / R % U, n = i / V / A / R / U % N;
        const struct config_plugin *who = plugins[i / V / A / R / U / N];
        rv_autobuf struct rv_buf row = {0};
        rv_buf_addf(&row, "%s|%s|%s|%s|%s", verbs[v].name, apis[a], resources[r], subs[u], spaces[n]);
        struct msg_action m = {.a = {.verb = verbs[v].verb,
                                     .api_version = rv_str(apis[a]),
                                     .resource = rv_str(resources[r]),
                                     .subresource = rv_str(subs[u]),
                                     .ns = rv_str(spaces[n])}};
        if (m.a.verb != RV_VERB_CREATE && m.a.verb != RV_VERB_DELETE_COLLECTION) m.a.name = RV_STR("x");
        bool may = who == &p && among(rv_buf_cstr(&row), granted);
        allowed += may;
        CHECK_ROW((policy_check(who, &m, NULL) == 0) == may, rv_buf_cstr(&row));
    }
    CU_ASSERT_EQUAL(allowed, 10); /* the list is reached */
}

/* A request with a credential: where to, and which. */
static void every_credential(void) {
    static const struct {
        const char *url, *home; /* home: whose Service it is, as far as the pattern says so */
    } urls_[] = {{"http://s.team-a.svc.cluster.local:8265/api/x", "team-a"},
                 {"http://s.team-b.svc.cluster.local:8265/api/x", "team-b"},
                 {"http://s.dev-1.svc.cluster.local:8265/api/x", "dev-1"},
                 {"http://t.s.team-a.svc.cluster.local:8265/api/x", "-"}, /* a pod of a headless Service: too deep */
                 {"http://team-a.svc.cluster.local:8265/api/x", "-"},
                 {"http://s.team-a.svc.evil.com:8265/api/x", NULL},
                 {"http://s.team-a.svc.cluster.local.evil.com:8265/api/x", NULL},
                 {"http://s.team-a.svc.corp:8265/api/x", "-"}, /* granted, but by a star for the domain */
                 {"http://s.team-a.svc:8000/x", "team-a"},
                 {"http://s.team-a.pod.cluster.local:8000/x", "-"},
                 {"http://s.team-a.svc.cluster.local:8265/other", NULL},
                 {"https://s.team-a.svc.cluster.local:8265/api/x", NULL},
                 {"http://10.1.2.3:8265/api/x", "-"},
                 {"http://169.254.169.254/latest", NULL}};
    static struct rv_str patterns_[] = {S("http://*.svc.cluster.local:8265/api/*"), S("http://*.svc.*:8265/api/*"),
                                        S("http://*.*.svc:8000/*"), S("http://*.pod.cluster.local:8000/*"),
                                        S("http://10.*:8265/api/*")};
    static const char *const spaces[] = {"", "team-a", "team-b", "dev-1", "*", "a/b"},
                             *const names[] = {"", "token", "ray-head", "tokens", "kube-root", "../x"},
                             *const keys[] = {"", "auth_token", "key-x", "password"};
    static const char may_use[] = " token|auth_token|team-a ray-head|auth_token|team-a token|auth_token|team-b "
                                  "ray-head|auth_token|team-b token|auth_token|dev-1 ray-head|auth_token|dev-1 "
                                  "token|key-x|team-b ray-head|key-x|team-b tokens|key-x|team-b kube-root|key-x|team-b "
                                  "token|key-x|dev-1 ray-head|key-x|dev-1 tokens|key-x|dev-1 kube-root|key-x|dev-1 ";
    enum { L = RV_ARRAY_LEN(urls_), P = RV_ARRAY_LEN(spaces), M = RV_ARRAY_LEN(names), K = RV_ARRAY_LEN(keys) };
    struct config_plugin with = plugin(true), without = plugin(false);
    with.http = without.http = (struct schema_texts){patterns_, RV_ARRAY_LEN(patterns_), true};
    unsigned allowed = 0;
    for (size_t i = 0; i < (size_t)2 * L * P * M * K; i++) {
        size_t l = i % L, n = i / L % P, s = i / L / P % M, k = i / L / P / M % K;
        const struct config_plugin *who = i / L / P / M / K == 0 ? &with : &without;
        rv_autobuf struct rv_buf use = {0}, row = {0};
        rv_buf_addf(&use, "%s|%s|%s", names[s], keys[k], spaces[n]);
        rv_buf_addf(&row, "%s %s", rv_buf_cstr(&use), urls_[l].url);
        struct msg_action m = {.a = {.verb = RV_VERB_HTTP},
                               .http = {.method = RV_STR("GET"),
                                        .url = rv_str(urls_[l].url),
                                        .secret_ns = rv_str(spaces[n]),
                                        .secret_name = rv_str(names[s]),
                                        .secret_key = rv_str(keys[k])}};
        bool plain = strcmp(rv_buf_cstr(&use), "||") == 0,
             may = urls_[l].home != NULL && (plain || (who == &with && strcmp(urls_[l].home, spaces[n]) == 0 &&
                                                       among(rv_buf_cstr(&use), may_use)));
        allowed += may && !plain;
        CHECK_ROW((policy_check(who, &m, NULL) == 0) == may, rv_buf_cstr(&row));
    }
    CU_ASSERT_EQUAL(allowed, 2 * 2 + 6 + 6); /* team-a by two URLs, team-b and dev-1 by one each */
}

static const struct suite_test tests[] = {{"resources and verbs", resources},
                                          {"malformed", malformed},
                                          {"the namespace of an event", event_namespace},
                                          {"url patterns", patterns},
                                          {"namespaces of others", other_namespaces},
                                          {"http", http},
                                          {"a client certificate", client_certificate},
                                          {"every action", every_action},
                                          {"every credential", every_credential}};
SUITE_MAIN("policy", tests)
