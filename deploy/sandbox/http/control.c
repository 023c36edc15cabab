/* control.c - the paths of /sandbox/v1 as a table (see control.h). */
#include "control.h"
#include "rayvisor/json.h"

static void fail(struct sb_response *r, int http, const char *reason, const char *message) {
    struct sb_status st = {0};
    sb_status_set(&st, http, reason, "%s", message);
    sb_respond_status(r, &st);
    sb_status_clear(&st);
}

/* Reads the body into the request's arena. An empty body is an empty object. */
static bool read_body(struct sb_request *q, struct sb_response *r, struct rv_val *ret) {
    struct rv_error err = {0};
    rv_autobuf struct rv_buf mp = {0};
    if (rv_json_to_mp(q->body.n != 0 ? q->body : RV_STR("{}"), NULL, &mp, &err) != 0) {
        fail(r, 400, "BadRequest", err.text);
        return false;
    }
    struct rv_str kept = rv_arena_str(q->arena, rv_buf_str(&mp));
    *ret = (struct rv_val){(const uint8_t *)kept.p, kept.n};
    return true;
}

static void done(struct sb_response *r) { rv_buf_adds(&r->body, "{}"); }

static void count_objects(void *arg, const struct sb_resource *r) {
    struct jsonw *w = arg;
    size_t n = sb_table_of(r)->n;
    if (n == 0) return;
    rv_autobuf struct rv_buf name = {0};
    sb_qualified(r, &name);
    jsonw_uint(w, rv_buf_cstr(&name), n);
}

static void get_stats(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)q;
    (void)rest;
    struct jsonw w = {.out = &r->body};
    jsonw_begin_object(&w, NULL);
    sb_stats_write(c->stats, &w);
    jsonw_begin_object(&w, "history");
    jsonw_uint(&w, "changes", c->storage->history_n);
    jsonw_uint(&w, "bytes", c->storage->history_bytes);
    jsonw_end_object(&w);
    jsonw_uint(&w, "resourceVersion", sb_version(c->storage));
    jsonw_begin_object(&w, "objects");
    sb_resource_each(c->storage, count_objects, &w);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
}

static void reset_stats(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)q;
    (void)rest;
    sb_stats_reset(c->stats);
    done(r);
}

static void add_fault(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)rest;
    struct rv_error err = {0};
    struct rv_val rule;
    unsigned id = 0;
    if (!read_body(q, r, &rule)) return;
    if (sb_faults_add(c->faults, rule, &id, &err) != 0)
        fail(r, 400, "BadRequest", err.text);
    else
        rv_buf_addf(&r->body, "{\"id\":%u}", id);
}

static void get_faults(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)q;
    (void)rest;
    sb_faults_write(c->faults, &r->body);
}

static void clear_faults(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)q;
    int64_t id = 0;
    if (rest.n == 0)
        sb_faults_clear(c->faults);
    else if (rv_str_to_int(rest, 1, INT32_MAX, &id) != 0 || !sb_faults_remove(c->faults, (unsigned)id)) {
        fail(r, 404, "NotFound", "there is no rule of this number");
        return;
    }
    c->release(c->arg);
    done(r);
}

static void pause_server(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)rest;
    struct rv_val body;
    if (!read_body(q, r, &body)) return;
    int64_t ms = rv_path_int(body, "ms", 0);
    if (ms < 1 || ms > 3600000) {
        fail(r, 400, "BadRequest", "ms: must be from 1 to 3600000");
        return;
    }
    c->pause(c->arg, ms);
    done(r);
}

static void compact(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)q;
    (void)rest;
    sb_compact(c->storage);
    done(r);
}

static void drop_watches(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest) {
    (void)q;
    (void)rest;
    c->drop_watches(c->arg);
    done(r);
}

static const struct {
    const char *method, *path;
    bool more; /* "/ID" may follow */
    void (*fn)(const struct sb_control *c, struct sb_request *q, struct sb_response *r, struct rv_str rest);
} routes[] = {
    {"GET", "stats", false, get_stats},       {"DELETE", "stats", false, reset_stats},
    {"POST", "faults", false, add_fault},     {"GET", "faults", false, get_faults},
    {"DELETE", "faults", true, clear_faults}, {"POST", "pause", false, pause_server},
    {"POST", "compact", false, compact},      {"POST", "drop-watches", false, drop_watches},
};

bool sb_control(const struct sb_control *c, struct sb_request *q, struct sb_response *r) {
    static const char prefix[] = "/sandbox/v1/";
    if (!rv_str_starts(q->path, prefix)) return false;
    struct rv_str head = {q->path.p + sizeof prefix - 1, q->path.n - (sizeof prefix - 1)}, rest = {0};
    const char *slash = head.n != 0 ? memchr(head.p, '/', head.n) : NULL;
    if (slash != NULL) {
        rest = (struct rv_str){slash + 1, head.n - (size_t)(slash - head.p) - 1};
        head.n = (size_t)(slash - head.p);
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(routes); i++) {
        if (!rv_str_is(head, routes[i].path) || strcmp(q->method, routes[i].method) != 0) continue;
        if (slash != NULL && !routes[i].more) continue;
        r->http = 200;
        routes[i].fn(c, q, r, rest);
        return true;
    }
    return false;
}
