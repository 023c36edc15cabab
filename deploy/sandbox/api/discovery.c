/* What clients ask before they ask for anything: versions, groups, resources, schemas, health. And tables. */
#include "deploy/sandbox/api/http.h"
#include "rayvisor/json.h"

struct listing {
    struct rv_buf *out;
    struct rv_str group, version;
    struct rv_str seen[64];
    size_t n, n_seen;
};

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
    rv_buf_adds(l->out, r->short_names != NULL ? "]}" : "}");
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
    rv_buf_adds(&r->body, "]}");
    if (l.n == 0) rv_buf_clear(&r->body);
    return l.n != 0;
}

static const struct {
    const char *path, *type, *body;
} fixed[] = {
    {"/api", "application/json", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"},
    {"/version", "application/json",
     "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"v1.36.0-sandbox\",\"gitCommit\":\"\",\"gitTreeState\":"
     "\"clean\","
     "\"buildDate\":\"1970-01-01T00:00:00Z\",\"goVersion\":\"none\",\"compiler\":\"cc\",\"platform\":\"linux/amd64\"}"},
    {"/healthz", "text/plain", "ok"},
    {"/readyz", "text/plain", "ok"},
    {"/livez", "text/plain", "ok"},
    {"/openapi/v3", "application/json", "{\"paths\":{}}"},
};

bool sb_discovery(struct sb_request *q, struct sb_response *r) {
    r->http = 200;
    for (size_t i = 0; i < RV_ARRAY_LEN(fixed); i++)
        if (rv_str_is(q->path, fixed[i].path)) {
            r->type = fixed[i].type;
            rv_buf_adds(&r->body, fixed[i].body);
            return true;
        }
    if (rv_str_is(q->path, "/openapi/v2")) { /* an empty protobuf message is a valid Document */
        r->type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        return true;
    }
    if (rv_str_is(q->path, "/apis")) {
        struct listing l = {.out = &r->body};
        rv_buf_adds(&r->body, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
        sb_resource_each(q->storage, add_group, &l);
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

/* ---- tables ---- */

bool sb_wants_table(struct rv_str accept) { return accept.n != 0 && memmem(accept.p, accept.n, "as=Table", 8) != NULL; }

struct column {
    const char *plural, *name, *type, *path;
};
static const struct column columns[] = {
    {"pods", "Status", "string", "status.phase"},
    {"pods", "IP", "string", "status.podIP"},
    {"pods", "Node", "string", "spec.nodeName"},
    {"services", "Type", "string", "spec.type"},
    {"services", "Cluster-IP", "string", "spec.clusterIP"},
    {"namespaces", "Status", "string", "status.phase"},
    {"jobs", "Succeeded", "integer", "status.succeeded"},
    {"events", "Type", "string", "type"},
    {"events", "Reason", "string", "reason"},
    {"events", "Message", "string", "message"},
    {"customresourcedefinitions", "Created At", "string", "metadata.creationTimestamp"},
};

static void add_column(struct rv_buf *out, struct rv_str name, struct rv_str type, int64_t priority) {
    rv_buf_adds(out, ",{\"name\":");
    rv_json_quote(name, out);
    rv_buf_adds(out, ",\"type\":");
    rv_json_quote(type, out);
    rv_buf_addf(out, ",\"format\":\"\",\"description\":\"\",\"priority\":%lld}", (long long)priority);
}

static bool has_age(struct rv_val list) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(rv_val_get(it.val, "jsonPath")), ".metadata.creationTimestamp")) return true;
    return false;
}

void sb_table_open(const struct sb_resource *r, uint64_t version, struct rv_buf *out) {
    rv_buf_addf(
        out,
        "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"resourceVersion\":\"%llu\"},"
        "\"columnDefinitions\":[{\"name\":\"Name\",\"type\":\"string\",\"format\":\"name\",\"description\":\"\","
        "\"priority\":0}",
        (unsigned long long)version);
    struct rv_val list = r->custom ? sb_schema_columns(r->schema) : RV_VAL_ABSENT;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        add_column(out, rv_val_str(rv_val_get(it.val, "name")), rv_val_str(rv_val_get(it.val, "type")),
                   rv_val_int(rv_val_get(it.val, "priority"), 0));
    for (size_t i = 0; !r->custom && i < RV_ARRAY_LEN(columns); i++)
        if (strcmp(columns[i].plural, r->plural) == 0)
            add_column(out, rv_str(columns[i].name), rv_str(columns[i].type), 0);
    if (!has_age(list)) add_column(out, RV_STR("Age"), RV_STR("string"), 0);
    rv_buf_adds(out, "],\"rows\":[");
}

static void age(struct rv_val created, struct rv_buf *out) {
    int64_t t = 0;
    if (rv_time_parse(rv_val_str(created), &t) != 0) {
        rv_buf_adds(out, "\"<unknown>\"");
        return;
    }
    int64_t s = (rv_wall_now() - t) / 1000000000;
    static const struct {
        int64_t below, unit;
        char letter;
    } steps[] = {{120, 1, 's'}, {7200, 60, 'm'}, {172800, 3600, 'h'}, {INT64_MAX, 86400, 'd'}};
    for (size_t i = 0; i < RV_ARRAY_LEN(steps); i++)
        if (s < steps[i].below) {
            rv_buf_addf(out, "\"%lld%c\"", (long long)(s > 0 ? s / steps[i].unit : 0), steps[i].letter);
            return;
        }
}

static void cell(struct rv_val v, struct rv_str type, struct rv_buf *out) {
    rv_buf_addc(out, ',');
    if (rv_str_is(type, "date"))
        age(v, out);
    else if (rv_val_present(v))
        rv_json_write(v, out);
    else
        rv_buf_adds(out, rv_str_is(type, "integer") ? "null" : "\"\"");
}

void sb_table_row(const struct sb_object *o, struct rv_buf *out) {
    const struct sb_resource *r = o->resource;
    rv_buf_adds(out, "{\"cells\":[");
    rv_json_quote(o->name, out);
    struct rv_val list = r->custom ? sb_schema_columns(r->schema) : RV_VAL_ABSENT;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) {
        struct rv_str path = rv_val_str(rv_val_get(it.val, "jsonPath"));
        rv_autofree char *text = rv_strdup((struct rv_str){path.p + 1, path.n > 0 ? path.n - 1 : 0});
        cell(rv_val_path(o->value, text), rv_val_str(rv_val_get(it.val, "type")), out);
    }
    for (size_t i = 0; !r->custom && i < RV_ARRAY_LEN(columns); i++)
        if (strcmp(columns[i].plural, r->plural) == 0)
            cell(rv_val_path(o->value, columns[i].path), rv_str(columns[i].type), out);
    if (!has_age(list)) cell(rv_val_path(o->value, "metadata.creationTimestamp"), RV_STR("date"), out);
    rv_buf_adds(out, "],\"object\":");
    rv_json_write(o->value, out);
    rv_buf_addc(out, '}');
}
