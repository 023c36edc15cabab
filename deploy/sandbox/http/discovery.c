/* What clients ask before they ask for anything: versions, groups, resources, schemas, health. */
#include "http.h"
#include "rayvisor/json.h"

#include <stdio.h>

struct listing {
    struct rv_buf *out;
    struct rv_str group, version;
    struct rv_str seen[64];
    size_t n, n_seen;
};

/* What "kubectl get all" means. */
static void add_categories(const struct sb_resource *r, struct rv_buf *out) {
    static const char *const all[] = {"pods", "services", "deployments", "replicasets", "jobs", "cronjobs"};
    for (size_t i = 0; !r->custom && i < RV_ARRAY_LEN(all); i++)
        if (strcmp(r->plural, all[i]) == 0) rv_buf_adds(out, ",\"categories\":[\"all\"]");
    for (size_t i = 0; r->categories != NULL && r->categories[i] != NULL; i++)
        rv_buf_addf(out, "%s\"%s\"%s", i == 0 ? ",\"categories\":[" : ",", r->categories[i],
                    r->categories[i + 1] == NULL ? "]" : "");
}

static void add_subresources(const struct sb_resource *r, struct rv_buf *out) {
    static const struct {
        const char *plural, *sub, *kind, *verbs;
    } subs[] = {{"pods", "log", "Pod", "\"get\""},
                {"pods", "proxy", "PodProxyOptions", "\"create\",\"delete\",\"get\",\"patch\",\"update\""},
                {"services", "proxy", "ServiceProxyOptions", "\"create\",\"delete\",\"get\",\"patch\",\"update\""}};
    for (size_t i = 0; r->group[0] == '\0' && i < RV_ARRAY_LEN(subs); i++)
        if (strcmp(r->plural, subs[i].plural) == 0)
            rv_buf_addf(
                out, ",{\"name\":\"%s/%s\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"%s\",\"verbs\":[%s]}",
                subs[i].plural, subs[i].sub, subs[i].kind, subs[i].verbs);
}

static void add_resource(void *arg, const struct sb_resource *r) {
    struct listing *l = arg;
    if (!rv_str_is(l->group, r->group) || !rv_str_is(l->version, r->version)) return;
    static const char VERBS[] =
        "[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]";
    const char *ns = r->namespaced ? "true" : "false";
    rv_buf_addf(l->out, "%s{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":%s",
                l->n++ > 0 ? "," : "", r->plural, r->singular, ns, r->kind, VERBS);
    for (size_t i = 0; r->short_names != NULL && r->short_names[i] != NULL; i++)
        rv_buf_addf(l->out, "%s\"%s\"", i == 0 ? ",\"shortNames\":[" : ",", r->short_names[i]);
    rv_buf_adds(l->out, r->short_names != NULL ? "]" : "");
    add_categories(r, l->out);
    rv_buf_adds(l->out, "}");
    add_subresources(r, l->out);
    if (r->has_status)
        rv_buf_addf(l->out,
                    ",{\"name\":\"%s/status\",\"singularName\":\"\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":"
                    "[\"get\",\"patch\",\"update\"]}",
                    r->plural, ns, r->kind);
}

static void add_group(void *arg, const struct sb_resource *r) {
    struct listing *l = arg;
    for (size_t i = 0; i < l->n_seen; i++)
        if (rv_str_is(l->seen[i], r->group)) return;
    if (r->group[0] == '\0' || l->n_seen == RV_ARRAY_LEN(l->seen)) return;
    l->seen[l->n_seen++] = rv_str(r->group);
    rv_buf_addf(l->out,
                "%s{\"name\":\"%s\",\"versions\":[{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}],"
                "\"preferredVersion\":{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}}",
                l->n++ > 0 ? "," : "", r->group, r->group, r->version, r->version, r->group, r->version, r->version);
}

static bool resource_list(struct sb_request *q, struct rv_str group, struct rv_str version, struct sb_response *r) {
    struct listing l = {.out = &r->body, .group = group, .version = version};
    rv_buf_addf(&r->body,
                "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"" RV_STR_FMT "%s" RV_STR_FMT
                "\",\"resources\":[",
                RV_STR_ARG(group), group.n != 0 ? "/" : "", RV_STR_ARG(version));
    sb_resource_each(q->storage, add_resource, &l);
    l.n = sb_access_list(group, version, l.n, &r->body);
    rv_buf_adds(&r->body, "]}");
    if (l.n == 0) rv_buf_clear(&r->body);
    return l.n != 0;
}

static const struct {
    const char *path, *type, *body;
} constant_answers[] = {
    {"/api", "application/json", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"},
    {"/version", "application/json",
     "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"v1.36.0-sandbox\",\"gitCommit\":\"\",\"gitTreeState\":"
     "\"clean\","
     "\"buildDate\":\"1970-01-01T00:00:00Z\",\"goVersion\":\"none\",\"compiler\":\"cc\",\"platform\":\"linux/amd64\"}"},
    {"/healthz", "text/plain", "ok"},
    {"/readyz", "text/plain", "ok"},
    {"/livez", "text/plain", "ok"},
};

bool sb_discovery(struct sb_request *q, struct sb_response *r) {
    r->http = 200;
    for (size_t i = 0; i < RV_ARRAY_LEN(constant_answers); i++)
        if (rv_str_is(q->path, constant_answers[i].path)) {
            r->type = constant_answers[i].type;
            rv_buf_adds(&r->body, constant_answers[i].body);
            return true;
        }
    if (sb_openapi(q, r) || sb_openapi2(q, r)) return true;
    if (rv_str_is(q->path, "/apis")) {
        struct listing l = {.out = &r->body};
        char group[64], version[] = "v1";
        const char *name = NULL;
        rv_buf_adds(&r->body, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
        sb_resource_each(q->storage, add_group, &l);
        for (size_t i = 0; sb_access_group(i, &name); i++) {
            snprintf(group, sizeof group, "%s", name);
            add_group(&l, &(struct sb_resource){.group = group, .version = version});
        }
        rv_buf_adds(&r->body, "]}");
        return true;
    }
    if (rv_str_is(q->path, "/api/v1")) return resource_list(q, RV_STR(""), RV_STR("v1"), r);
    if (!rv_str_starts(q->path, "/apis/")) return false;
    struct rv_str rest = {q->path.p + 6, q->path.n - 6};
    const char *slash = memchr(rest.p, '/', rest.n);
    if (slash == NULL) return false;
    struct rv_str group = {rest.p, (size_t)(slash - rest.p)}, version = {slash + 1, rest.n - group.n - 1};
    return memchr(version.p, '/', version.n) == NULL && resource_list(q, group, version, r);
}
