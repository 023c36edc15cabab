/* list.c - LIST: selection, paging on a consistent snapshot, the meaning of resourceVersion.
 *
 * The state at an older version is made from the newest one by undoing the history after it. If that history was
 * dropped, the answer is 410 with a token to continue inconsistently, as in a real API server. */
#include "http.h"
#include "ipc/base/base64.h"
#include "ipc/base/json_writer.h"
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- snapshots ---- */

struct snapshot {
    struct sb_object **v; /* sorted by (namespace, name), with references */
    size_t n, cap;
};

static int compare(const struct sb_object *o, struct rv_str ns, struct rv_str name) {
    int c = rv_str_cmp(o->ns, ns);
    return c != 0 ? c : rv_str_cmp(o->name, name);
}

static size_t lower_bound(const struct snapshot *p, struct rv_str ns, struct rv_str name) {
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(p->v[mid], ns, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void snapshot_free(struct snapshot *p) {
    for (size_t i = 0; i < p->n; i++) sb_object_unref(p->v[i]);
    free(p->v);
    *p = (struct snapshot){0};
}

static bool take(void *arg, struct sb_object *o) {
    struct snapshot *p = arg;
    if (p->n == p->cap) {
        p->cap = p->cap != 0 ? p->cap * 2 : 64;
        p->v = rv_realloc_array(p->v, p->cap, sizeof(struct sb_object *));
    }
    p->v[p->n++] = sb_object_ref(o);
    return true;
}

/* If prev is NULL, the object did not exist before. */
static void undo(struct snapshot *p, struct sb_object *o, struct sb_object *prev) {
    size_t i = lower_bound(p, o->ns, o->name);
    bool there = i < p->n && compare(p->v[i], o->ns, o->name) == 0;
    if (there) sb_object_unref(p->v[i]);
    if (there && prev != NULL) {
        p->v[i] = sb_object_ref(prev);
    } else if (there) {
        memmove(p->v + i, p->v + i + 1, (--p->n - i) * sizeof(struct sb_object *));
    } else if (prev != NULL) {
        take(p, prev); /* the array grows, and the object is moved to its place */
        memmove(p->v + i + 1, p->v + i, (p->n - 1 - i) * sizeof(struct sb_object *));
        p->v[i] = prev;
    }
}

struct changes {
    struct sb_object **v; /* pairs: object, prev */
    size_t n;
};

static void note_change(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev) {
    struct changes *c = arg;
    (void)type;
    c->v = rv_realloc_array(c->v, c->n + 2, sizeof(struct sb_object *));
    c->v[c->n++] = o;
    c->v[c->n++] = prev;
}

static int snapshot(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, uint64_t version,
                    struct snapshot *ret) {
    struct changes c = {0};
    int e = version < sb_version(s) ? sb_history(s, r, version, note_change, &c) : 0;
    if (e == 0) {
        sb_each(s, r, c.n != 0 ? RV_STR("") : ns, take, ret);
        for (size_t i = c.n; i > 0; i -= 2) undo(ret, c.v[i - 2], c.v[i - 1]);
    }
    free(c.v);
    return e;
}

/* ---- continue tokens: "version_namespace/name" in base64url; the name is where to go on. Version 0: whatever is ----
 */

static void encode_token(uint64_t version, const struct sb_object *next, struct rv_buf *out) {
    rv_autobuf struct rv_buf t = {0};
    rv_buf_addf(&t, "%llu_" RV_STR_FMT "/" RV_STR_FMT, (unsigned long long)version, RV_STR_ARG(next->ns),
                RV_STR_ARG(next->name));
    base64_encode(rv_buf_bytes(&t), BASE64_URL, out);
}

static bool decode_token(const char *token, struct rv_buf *out, uint64_t *ret_version, struct rv_str *ret_ns,
                         struct rv_str *ret_name) {
    if (base64_decode(rv_str(token), BASE64_URL, out) != 0) return false;
    struct rv_str t = rv_buf_str(out);
    const char *bar = t.n != 0 ? memchr(t.p, '_', t.n) : NULL;
    const char *slash = bar != NULL ? memchr(bar, '/', t.n - (size_t)(bar - t.p)) : NULL;
    int64_t version = 0;
    if (slash == NULL || rv_str_to_int((struct rv_str){t.p, (size_t)(bar - t.p)}, 0, INT64_MAX, &version) != 0)
        return false;
    *ret_version = (uint64_t)version;
    *ret_ns = (struct rv_str){bar + 1, (size_t)(slash - bar) - 1};
    *ret_name = (struct rv_str){slash + 1, t.n - (size_t)(slash + 1 - t.p)};
    return true;
}

/* ---- the request ---- */

struct query {
    struct sb_filter filter;
    struct sb_form form;
    int64_t limit;
    bool exact; /* at exactly this version */
    uint64_t version;
    struct rv_buf token;
    struct rv_str from_ns, from_name;
};

static void query_free(struct query *l) {
    sb_filter_free(&l->filter);
    rv_buf_free(&l->token);
}

static const char *param(struct sb_request *q, const char *name) { return q->query(q->query_arg, name); }

/* True if the requested version does not exist yet. */
static bool too_new(struct sb_request *q, int64_t version, struct sb_response *r) {
    if ((uint64_t)version <= sb_version(q->storage)) return false;
    struct sb_status st = {0};
    sb_status_set(&st, 504, "Timeout", "Too large resource version: %lld, current: %llu", (long long)version,
                  (unsigned long long)sb_version(q->storage));
    st.details = rv_strdup(
        RV_STR("\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}]"));
    st.retry_after = 1;
    sb_respond_status(r, &st);
    sb_status_clear(&st);
    return true;
}

static bool read_version(struct sb_request *q, struct query *l, struct sb_response *r) {
    const char *version = param(q, "resourceVersion"), *match = param(q, "resourceVersionMatch");
    int64_t n = 0;
    if (match != NULL && strcmp(match, "Exact") != 0 && strcmp(match, "NotOlderThan") != 0) {
        sb_fail(r, 422, "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: supported values: "
                "\"Exact\", \"NotOlderThan\"");
        return false;
    }
    if (version == NULL || version[0] == '\0') return true;
    if (rv_str_to_int(rv_str(version), 0, INT64_MAX, &n) != 0) {
        sb_fail(r, 400, "BadRequest", "invalid resource version: it is a number that the server gave");
        return false;
    }
    if (too_new(q, n, r)) return false;
    l->exact = match != NULL && strcmp(match, "Exact") == 0 && n != 0;
    if (l->exact) l->version = (uint64_t)n;
    return true;
}

static bool read_query(struct sb_request *q, const struct sb_route *t, struct query *l, struct sb_response *r) {
    struct rv_error err = {0};
    const char *limit = param(q, "limit"), *token = param(q, "continue");
    l->form = sb_form_of(q->accept, param(q, "includeObject"));
    l->version = sb_version(q->storage);
    if (sb_filter_init(&l->filter, t->served, param(q, "labelSelector"), param(q, "fieldSelector"), &err) != 0) {
        sb_fail(r, 400, "BadRequest", err.text);
        return false;
    }
    if (limit != NULL && limit[0] != '\0' && rv_str_to_int(rv_str(limit), 0, INT64_MAX, &l->limit) != 0) {
        sb_fail(r, 400, "BadRequest", "limit is a number that is not negative");
        return false;
    }
    if (token == NULL || token[0] == '\0') return read_version(q, l, r);
    if (!decode_token(token, &l->token, &l->version, &l->from_ns, &l->from_name)) {
        sb_fail(r, 400, "BadRequest", "continue key is not valid");
        return false;
    }
    l->exact = l->version != 0;
    if (!l->exact) l->version = sb_version(q->storage);
    return true;
}

static void expired(struct query *l, struct sb_response *r) {
    r->http = 410;
    rv_buf_adds(&r->body, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
    struct sb_object at = {.ns = l->from_ns, .name = l->from_name};
    if (l->from_name.n != 0) {
        rv_buf_adds(&r->body, "\"continue\":\"");
        encode_token(0, &at, &r->body);
        rv_buf_addc(&r->body, '"');
    }
    rv_buf_adds(&r->body, "},\"status\":\"Failure\",\"message\":\"");
    rv_buf_adds(&r->body,
                l->from_name.n != 0
                    ? "The provided continue parameter is too old to display a consistent list result. You can "
                      "start a new list without the continue parameter, or use the continue token in this "
                      "response to retrieve the remainder of the results. Continuing with the provided token "
                      "results in an inconsistent list - objects that were created, modified, or deleted "
                      "between the time the first chunk was returned and now may show up in the list."
                    : "The resourceVersion for the provided list is too old.");
    rv_buf_adds(&r->body, "\",\"reason\":\"Expired\",\"code\":410}");
}

static void write_page(const struct query *l, const struct sb_route *t, const struct snapshot *p,
                       struct sb_response *r) {
    rv_autobuf struct rv_buf items = {0}, token = {0};
    struct sb_list_meta meta = {.version = l->version};
    struct jsonw w = {.out = &items};
    int64_t n = 0;
    for (size_t i = lower_bound(p, t->ns.n != 0 && l->from_ns.n == 0 ? t->ns : l->from_ns, l->from_name); i < p->n;
         i++) {
        const struct sb_object *o = p->v[i];
        if (t->ns.n != 0 && !rv_str_eq(o->ns, t->ns)) break;
        if (!sb_filter_matches(&l->filter, o)) continue;
        if (l->limit > 0 && n >= l->limit) { /* the rest is only counted */
            if (n++ == l->limit) encode_token(l->version, o, &token);
            continue;
        }
        n++;
        sb_form_item(l->form, t->served, o, jsonw_value(&w, NULL));
    }
    if (token.n != 0) {
        meta.cont = rv_buf_cstr(&token);
        meta.remaining = n - l->limit;
    }
    sb_form_open(l->form, t->served, &meta, &r->body);
    rv_buf_add_str(&r->body, rv_buf_str(&items));
    sb_form_close(&r->body);
    r->http = 200;
}

void sb_handle_list(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct query l = {0};
    struct snapshot p = {0};
    if (read_query(q, t, &l, r)) {
        if (snapshot(q->storage, t->resource, t->ns, l.version, &p) == -ESTALE)
            expired(&l, r);
        else
            write_page(&l, t, &p, r);
    }
    snapshot_free(&p);
    query_free(&l);
}
