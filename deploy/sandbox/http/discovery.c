/* discovery.c - what clients ask first: versions, groups, resources, schemas, health. */
#include "http.h"
#include "ipc/base/json_writer.h"

#include <stdio.h>

struct listing {
    struct jsonw w;
    struct rv_str group, version;
    struct rv_str seen[64];
    size_t n_seen;
};

static void write_texts(struct jsonw *w, const char *key, const char *const *texts) {
    jsonw_begin_array(w, key);
    for (; *texts != NULL; texts++) jsonw_text(w, NULL, *texts);
    jsonw_end_array(w);
}

/* "kubectl get all" reads the kinds of the category "all". */
static void add_categories(const struct sb_resource *r, struct jsonw *w) {
    static const char *const all[] = {"pods", "services", "deployments", "replicasets", "jobs", "cronjobs"};
    static const char *const category_all[] = {"all", NULL};
    for (size_t i = 0; !r->custom && i < RV_ARRAY_LEN(all); i++)
        if (strcmp(r->plural, all[i]) == 0) write_texts(w, "categories", category_all);
    if (r->categories != NULL && r->categories[0] != NULL)
        write_texts(w, "categories", (const char *const *)r->categories);
}

/* sub is NULL for the resource itself. The JSON object stays open. */
static void begin_resource(struct jsonw *w, const struct sb_resource *r, const char *sub, const char *kind,
                           const char *const *verbs) {
    jsonw_begin_object(w, NULL);
    jsonw_fmt(w, "name", "%s%s%s", r->plural, sub != NULL ? "/" : "", sub != NULL ? sub : "");
    jsonw_text(w, "singularName", sub != NULL ? "" : r->singular);
    jsonw_bool(w, "namespaced", r->namespaced);
    jsonw_text(w, "kind", kind);
    write_texts(w, "verbs", verbs);
}

static void add_subresource(struct jsonw *w, const struct sb_resource *r, const char *sub, const char *kind,
                            const char *const *verbs) {
    begin_resource(w, r, sub, kind, verbs);
    jsonw_end_object(w);
}

static void add_subresources(const struct sb_resource *r, struct jsonw *w) {
    static const struct {
        const char *plural, *sub, *kind, *verbs[6];
    } subs[] = {{"pods", "log", "Pod", {"get", NULL}},
                {"pods", "proxy", "PodProxyOptions", {"create", "delete", "get", "patch", "update", NULL}},
                {"services", "proxy", "ServiceProxyOptions", {"create", "delete", "get", "patch", "update", NULL}}};
    for (size_t i = 0; r->group[0] == '\0' && i < RV_ARRAY_LEN(subs); i++)
        if (strcmp(r->plural, subs[i].plural) == 0) add_subresource(w, r, subs[i].sub, subs[i].kind, subs[i].verbs);
}

static void add_resource(void *arg, const struct sb_resource *r) {
    static const char *const verbs[] = {"create", "delete", "deletecollection", "get", "list", "patch", "update",
                                        "watch",  NULL},
                             *const status_verbs[] = {"get", "patch", "update", NULL};
    struct listing *l = arg;
    if (!rv_str_is(l->group, r->group) || !rv_str_is(l->version, r->version)) return;
    begin_resource(&l->w, r, NULL, r->kind, verbs);
    if (r->short_names != NULL) write_texts(&l->w, "shortNames", (const char *const *)r->short_names);
    add_categories(r, &l->w);
    jsonw_end_object(&l->w);
    add_subresources(r, &l->w);
    if (r->has_status) add_subresource(&l->w, r, "status", r->kind, status_verbs);
}

static void write_version(struct jsonw *w, const char *key, const struct sb_resource *r) {
    jsonw_begin_object(w, key);
    jsonw_fmt(w, "groupVersion", "%s/%s", r->group, r->version);
    jsonw_text(w, "version", r->version);
    jsonw_end_object(w);
}

static void add_group(void *arg, const struct sb_resource *r) {
    struct listing *l = arg;
    for (size_t i = 0; i < l->n_seen; i++)
        if (rv_str_is(l->seen[i], r->group)) return;
    if (r->group[0] == '\0' || l->n_seen == RV_ARRAY_LEN(l->seen)) return;
    l->seen[l->n_seen++] = rv_str(r->group);
    jsonw_begin_object(&l->w, NULL);
    jsonw_text(&l->w, "name", r->group);
    jsonw_begin_array(&l->w, "versions");
    write_version(&l->w, NULL, r);
    jsonw_end_array(&l->w);
    write_version(&l->w, "preferredVersion", r);
    jsonw_end_object(&l->w);
}

static bool resource_list(struct sb_request *q, struct rv_str group, struct rv_str version, struct sb_response *r) {
    struct listing l = {.w = {.out = &r->body}, .group = group, .version = version};
    jsonw_begin_object(&l.w, NULL);
    jsonw_text(&l.w, "kind", "APIResourceList");
    jsonw_text(&l.w, "apiVersion", "v1");
    jsonw_fmt(&l.w, "groupVersion", RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(group), group.n != 0 ? "/" : "",
              RV_STR_ARG(version));
    jsonw_begin_array(&l.w, "resources");
    sb_resource_each(q->storage, add_resource, &l);
    sb_access_list(group, version, &l.w);
    bool any = l.w.comma; /* after a value, and not after the opening bracket */
    jsonw_end_array(&l.w);
    jsonw_end_object(&l.w);
    if (!any) rv_buf_clear(&r->body);
    return any;
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
        struct listing l = {.w = {.out = &r->body}};
        char group[64], version[] = "v1";
        const char *name = NULL;
        jsonw_begin_object(&l.w, NULL);
        jsonw_text(&l.w, "kind", "APIGroupList");
        jsonw_text(&l.w, "apiVersion", "v1");
        jsonw_begin_array(&l.w, "groups");
        sb_resource_each(q->storage, add_group, &l);
        for (size_t i = 0; sb_access_group(i, &name); i++) {
            snprintf(group, sizeof group, "%s", name);
            add_group(&l, &(struct sb_resource){.group = group, .version = version});
        }
        jsonw_end_array(&l.w);
        jsonw_end_object(&l.w);
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
