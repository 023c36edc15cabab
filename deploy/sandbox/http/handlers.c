/* handlers.c - requests on resources: the verbs. */
#include "deploy/sandbox/rules/apply.h"
#include "deploy/sandbox/rules/patch.h"
#include "deploy/sandbox/rules/rules.h"
#include "deploy/sandbox/rules/strict.h"
#include "http.h"
#include "logs.h"
#include "rayvisor/json.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>

static void respond_object(struct sb_request *q, const struct sb_route *t, struct sb_response *r, int http,
                           struct sb_object *o) {
    r->http = http;
    struct sb_form f = sb_form_of(q->accept, q->query(q->query_arg, "includeObject"));
    sb_form_object(f, t->served, o, true, &r->body);
}

/* ---- writes ---- */

/* Field ownership needs a name. If a client gives none, the name of its program is used. */
static const char *manager_of(struct sb_request *q) {
    const char *given = q->query(q->query_arg, "fieldManager");
    if (given != NULL && given[0] != '\0') return given;
    size_t n = 0;
    while (n < q->user_agent.n && q->user_agent.p[n] != '/') n++;
    return n != 0 ? rv_arena_str(q->arena, (struct rv_str){q->user_agent.p, n}).p : "unknown";
}

static struct sb_write_opts write_opts(struct sb_request *q, const struct sb_route *t) {
    const char *dry = q->query(q->query_arg, "dryRun");
    return (struct sb_write_opts){.status = rv_str_is(t->sub, "status"),
                                  .dry_run = dry != NULL && strcmp(dry, "All") == 0,
                                  .manager = manager_of(q)};
}

static void respond(struct sb_request *q, const struct sb_route *t, struct sb_response *r, int e, int http,
                    struct sb_object *o, struct sb_status *st) {
    if (e != 0 || o == NULL)
        sb_respond_status(r, st);
    else
        respond_object(q, t, r, http, o);
    sb_object_unref(o);
    sb_status_clear(st);
}

static bool check_type(struct sb_request *q, const struct sb_route *t, struct rv_node *body, struct sb_response *r) {
    const struct sb_resource *k = t->served;
    struct rv_str api = rv_arena_fmt(q->arena, "%s%s%s", k->group, k->group[0] != '\0' ? "/" : "", k->version);
    struct rv_node *have_api = rv_node_get(body, "apiVersion"), *have_kind = rv_node_get(body, "kind");
    if (rv_node_type(body) != RV_MAP) {
        sb_fail(r, 400, "BadRequest", "the body must be a JSON object");
        return false;
    }
    if (have_api == NULL) rv_node_set_str(q->arena, body, "apiVersion", api);
    if (have_kind == NULL) rv_node_set_cstr(q->arena, body, "kind", k->kind);
    if (rv_str_eq(rv_node_text(rv_node_get(body, "apiVersion")), api) &&
        rv_str_is(rv_node_text(rv_node_get(body, "kind")), k->kind))
        return true;
    sb_fail(r, 400, "BadRequest",
            "the API version and kind in the data do not match the expected ones of the resource");
    return false;
}

/* A field that the type does not have is dropped, refused or reported in a warning. An apply is always typed, so there
 * it is refused. */
static bool decode(struct sb_request *q, const struct sb_route *t, struct rv_node *body, struct sb_response *r) {
    const char *how = q->query(q->query_arg, "fieldValidation");
    const struct sb_resource *k = t->served;
    bool strict = how != NULL && strcmp(how, "Strict") == 0,
         apply = rv_str_starts(q->content_type, "application/apply-patch");
    struct sb_strict found;
    sb_strict_decode(q->arena, k->type, body, k->custom, &found);
    rv_autobuf struct rv_buf list = {0}, text = {0};
    for (size_t i = 0; i < rv_node_len(found.unknown); i++) {
        struct rv_str path = rv_node_text(rv_node_at(found.unknown, i));
        rv_buf_addf(&list, "%sunknown field \"" RV_STR_FMT "\"", i != 0 ? ", " : "", RV_STR_ARG(path));
        if (!strict && (how == NULL || strcmp(how, "Warn") == 0))
            rv_buf_addf(&r->warnings, "unknown field \"" RV_STR_FMT "\"\n", RV_STR_ARG(path));
    }
    if (apply && list.n != 0) {
        rv_buf_addf(&text,
                    "failed to create typed patch object (" RV_STR_FMT "/" RV_STR_FMT "; %s, Kind=%s): ." RV_STR_FMT
                    ": field not declared in schema",
                    RV_STR_ARG(t->ns), RV_STR_ARG(t->name), k->version, k->kind,
                    RV_STR_ARG(rv_node_text(rv_node_at(found.unknown, 0))));
        sb_fail(r, 500, "InternalError", rv_buf_cstr(&text));
        return false;
    }
    if (found.mismatch.n == 0 && (!strict || list.n == 0)) return true;
    rv_buf_addf(&text, "%s in version \"%s\" cannot be handled as a %s: ", k->kind, k->version, k->kind);
    if (found.mismatch.n != 0)
        rv_buf_add_str(&text, found.mismatch);
    else
        rv_buf_addf(&text, "strict decoding error: " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&list)));
    sb_fail(r, 400, "BadRequest", rv_buf_cstr(&text));
    return false;
}

/* Converts the client's form of an object to the stored form. */
static bool stored(struct sb_request *q, const struct sb_route *t, struct rv_node *body, struct rv_val old,
                   struct sb_response *r) {
    struct sb_status st = {0};
    if (!decode(q, t, body, r)) return false;
    int e = sb_view_take(q->storage, t->served, q->arena, body, old, &st);
    if (e != 0) sb_respond_status(r, &st);
    sb_status_clear(&st);
    return e == 0;
}

static void handle_create(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct rv_node *body = sb_read_body(q, r);
    if (body == NULL || !check_type(q, t, body, r) || !stored(q, t, body, RV_VAL_ABSENT, r)) return;
    struct sb_write_opts o = write_opts(q, t);
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    int e = sb_create(q->storage, t->resource, t->ns, body, q->arena, &o, &made, &st);
    respond(q, t, r, e, 201, made, &st);
}

static void handle_update(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct rv_node *body = sb_read_body(q, r);
    if (body == NULL || !check_type(q, t, body, r)) return;
    struct sb_object *old = sb_get(q->storage, t->resource, t->ns, t->name), *made = NULL;
    struct rv_str name = rv_node_text(rv_node_path(body, "metadata.name"));
    if (name.n != 0 && !rv_str_eq(name, t->name)) {
        sb_fail(r, 400, "BadRequest",
                rv_arena_fmt(q->arena,
                             "the name of the object (" RV_STR_FMT ") does not match the name on the URL (" RV_STR_FMT
                             ")",
                             RV_STR_ARG(name), RV_STR_ARG(t->name))
                    .p);
        return;
    }
    if (!stored(q, t, body, old != NULL ? old->value : RV_VAL_ABSENT, r)) return;
    struct sb_write_opts o = write_opts(q, t);
    struct sb_status st = {0};
    struct rv_str version = rv_node_text(rv_node_path(body, "metadata.resourceVersion"));
    if (old != NULL && sb_needs_version(t->resource) && (version.n == 0 || rv_str_is(version, "0"))) {
        struct rv_node *causes = rv_node_array(q->arena);
        sb_cause(q->arena, causes, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update");
        respond(q, t, r, sb_fail_causes(&st, t->resource, t->name, causes), 200, NULL, &st);
        return;
    }
    int e = sb_update(q->storage, t->resource, t->ns, t->name, body, q->arena, &o, &made, &st);
    respond(q, t, r, e, 200, made, &st);
}

static int patched(struct sb_request *q, const struct sb_route *t, struct rv_node *patch, struct rv_node **tree,
                   struct sb_response *r) {
    struct rv_error err = {0};
    if (rv_str_starts(q->content_type, "application/json-patch")) {
        int e = sb_patch_json(q->arena, tree, patch, &err);
        if (e != 0) sb_fail(r, 422, "Invalid", err.text);
        return e;
    }
    bool strategic = rv_str_starts(q->content_type, "application/strategic-merge-patch");
    *tree = strategic ? sb_patch_strategic(q->arena, t->served->type, *tree, patch)
                      : sb_patch_merge(q->arena, *tree, patch);
    return 0;
}

static void handle_apply(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    const char *manager = q->query(q->query_arg, "fieldManager");
    if (manager == NULL || manager[0] == '\0') {
        sb_fail(r, 422, "Invalid",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
        return;
    }
    struct rv_node *config = sb_read_body(q, r);
    struct sb_object *old = sb_get(q->storage, t->resource, t->ns, t->name), *made = NULL;
    if (config == NULL || !check_type(q, t, config, r) ||
        !stored(q, t, config, old != NULL ? old->value : RV_VAL_ABSENT, r))
        return;
    struct sb_apply_opts o = {.write = write_opts(q, t), .force = sb_is_true(q, "force")};
    struct sb_status st = {0};
    bool created = false;
    int e = sb_apply(q->storage, t->resource, t->ns, t->name, config, q->arena, &o, &made, &created, &st);
    respond(q, t, r, e, created ? 201 : 200, made, &st);
}

static bool known_patch(const struct sb_request *q, const struct sb_route *t) {
    static const char *const types[] = {"application/json-patch+json", "application/merge-patch+json",
                                        "application/apply-patch+yaml", "application/strategic-merge-patch+json"};
    struct rv_str type = q->content_type;
    const char *end = type.n != 0 ? memchr(type.p, ';', type.n) : NULL;
    if (end != NULL) type.n = (size_t)(end - type.p);
    while (type.n > 0 && type.p[type.n - 1] == ' ') type.n--;
    for (size_t i = 0; i < RV_ARRAY_LEN(types) - t->resource->custom; i++)
        if (rv_str_is(type, types[i])) return true;
    return false;
}

static void handle_patch(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    if (!known_patch(q, t)) {
        sb_fail(r, 415, "UnsupportedMediaType",
                t->resource->custom
                    ? "the body of the request was in an unknown format - accepted media types include: "
                      "application/json-patch+json, application/merge-patch+json, "
                      "application/apply-patch+yaml"
                    : "the body of the request was in an unknown format - accepted media types include: "
                      "application/json-patch+json, application/merge-patch+json, "
                      "application/strategic-merge-patch+json, application/apply-patch+yaml");
        return;
    }
    if (rv_str_starts(q->content_type, "application/apply-patch")) {
        handle_apply(q, t, r);
        return;
    }
    if (q->query(q->query_arg, "force") != NULL) {
        sb_fail(r, 422, "Invalid",
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch");
        return;
    }
    struct rv_node *patch = sb_read_body(q, r);
    if (patch == NULL) return;
    struct sb_object *old = sb_get(q->storage, t->resource, t->ns, t->name), *made = NULL;
    struct sb_status st = {0};
    if (old == NULL) {
        int e = sb_fail_object(&st, 404, "NotFound", t->resource, t->name, "not found");
        respond(q, t, r, e, 200, NULL, &st);
        return;
    }
    struct rv_node *tree = rv_node_from(q->arena, old->value);
    sb_view_show(t->served, q->arena, tree);
    if (patched(q, t, patch, &tree, r) != 0 || !stored(q, t, tree, old->value, r)) return;
    struct sb_write_opts o = write_opts(q, t);
    int e = sb_update(q->storage, t->resource, t->ns, t->name, tree, q->arena, &o, &made, &st);
    respond(q, t, r, e, 200, made, &st);
}

static int delete_opts(struct sb_request *q, struct sb_response *r, struct sb_delete_opts *ret) {
    struct rv_node *body = NULL;
    if (q->body.n != 0 && (body = sb_read_body(q, r)) == NULL) return -1;
    const char *p = q->query(q->query_arg, "propagationPolicy"), *g = q->query(q->query_arg, "gracePeriodSeconds");
    *ret = (struct sb_delete_opts){.pre_uid = rv_node_text(rv_node_path(body, "preconditions.uid")),
                                   .pre_version = rv_node_text(rv_node_path(body, "preconditions.resourceVersion")),
                                   .propagation = rv_node_text(rv_node_get(body, "propagationPolicy")),
                                   .grace_seconds = rv_node_to_int(rv_node_get(body, "gracePeriodSeconds"), -1),
                                   .dry_run = rv_node_len(rv_node_get(body, "dryRun")) != 0 ||
                                              q->query(q->query_arg, "dryRun") != NULL};
    if (p != NULL) ret->propagation = rv_str(p);
    if (g != NULL && rv_str_to_int(rv_str(g), 0, INT32_MAX, &ret->grace_seconds) != 0) {
        sb_fail(r, 400, "BadRequest", "gracePeriodSeconds must be a number that is not negative");
        return -1;
    }
    return 0;
}

static void handle_delete(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct sb_delete_opts o;
    if (delete_opts(q, r, &o) != 0) return;
    struct sb_object *last = NULL;
    struct sb_status st = {0};
    int e = sb_delete(q->storage, t->resource, t->ns, t->name, &o, &last, &st);
    respond(q, t, r, e, 200, last, &st);
}

struct sweep {
    struct sb_request *q;
    const struct sb_delete_opts *opts;
    const struct sb_filter *filter;
};

static bool sweep_one(void *arg, struct sb_object *o) {
    struct sweep *w = arg;
    struct sb_object *last = NULL;
    struct sb_status st = {0};
    if (sb_filter_matches(w->filter, o)) sb_delete(w->q->storage, o->resource, o->ns, o->name, w->opts, &last, &st);
    sb_object_unref(last);
    sb_status_clear(&st);
    return true;
}

static void handle_sweep(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct sb_delete_opts o;
    struct sb_filter f;
    struct rv_error err = {0};
    if (delete_opts(q, r, &o) != 0) return;
    if (sb_filter_init(&f, t->served, q->query(q->query_arg, "labelSelector"), q->query(q->query_arg, "fieldSelector"),
                       &err) != 0) {
        sb_fail(r, 400, "BadRequest", err.text);
        return;
    }
    struct sweep w = {q, &o, &f};
    sb_each(q->storage, t->resource, t->ns, sweep_one, &w);
    sb_filter_free(&f);
    r->http = 200;
    rv_buf_adds(&r->body, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\"}");
}

static void handle_get(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct sb_object *o = sb_get(q->storage, t->resource, t->ns, t->name);
    struct sb_status st = {0};
    if (o != NULL) sb_object_ref(o);
    int e = o != NULL ? 0 : sb_fail_object(&st, 404, "NotFound", t->resource, t->name, "not found");
    respond(q, t, r, e, 200, o, &st);
}

static void handle_watch(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    const char *match = q->query(q->query_arg, "resourceVersionMatch");
    struct rv_error err = {0};
    struct sb_filter f;
    if (sb_filter_init(&f, t->served, q->query(q->query_arg, "labelSelector"), q->query(q->query_arg, "fieldSelector"),
                       &err) != 0) {
        sb_fail(r, 400, "BadRequest", err.text);
        return;
    }
    sb_filter_free(&f);
    bool initial = sb_is_true(q, "sendInitialEvents"), given = q->query(q->query_arg, "sendInitialEvents") != NULL;
    if (given != (match != NULL) || (given && strcmp(match, "NotOlderThan") != 0) ||
        (initial && !sb_is_true(q, "allowWatchBookmarks"))) {
        sb_fail(
            r, 422, "Invalid",
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents needs resourceVersionMatch=NotOlderThan and "
            "allowWatchBookmarks=true, and the other way round");
        return;
    }
    r->http = 200;
    r->watch = t->resource;
    r->served = t->served;
    r->ns = t->ns;
}

void sb_handle(struct sb_request *q, struct sb_response *r) {
    static const struct {
        const char *verb;
        void (*fn)(struct sb_request *, const struct sb_route *, struct sb_response *);
    } verbs[] = {{"get", handle_get},       {"list", sb_handle_list},          {"watch", handle_watch},
                 {"create", handle_create}, {"update", handle_update},         {"patch", handle_patch},
                 {"delete", handle_delete}, {"deletecollection", handle_sweep}};
    struct sb_route t;
    r->type = "application/json";
    if (sb_discovery(q, r) || sb_access(q, r)) return;
    if (sb_route(q->storage, q->path, &t) != 0) {
        sb_fail(r, 404, "NotFound", "the server could not find the requested resource");
        return;
    }
    bool sub_ok = t.sub.n == 0 || (rv_str_is(t.sub, "status") && t.resource->has_status) ||
                  (rv_str_is(t.sub, "finalize") && strcmp(t.resource->plural, "namespaces") == 0);
    bool log = rv_str_is(t.sub, "log") && strcmp(t.resource->plural, "pods") == 0 && strcmp(q->method, "GET") == 0;
    if (log) {
        sb_handle_log(q, &t, r);
        return;
    }
    if (!sub_ok || (sb_is_true(q, "watch") && t.name.n != 0)) {
        sb_fail(r, 404, "NotFound", "the server could not find the requested resource");
        return;
    }
    const char *verb = sb_verb(q, &t);
    for (size_t i = 0; i < RV_ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].verb) == 0) verbs[i].fn(q, &t, r);
}
