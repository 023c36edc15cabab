/* plan.c - see plan.h. */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/utf8.h"
#include "rayvisor/json.h"
#include "supervisor/once/once.h"
#include "supervisor/zoneinfo/zoneinfo.h"

enum { ANSWER_MAX = 512 << 20, REASON_MAX = 1024 };

/* ---- the question -------------------------------------------------------------------------------------------- */

static void add_texts(struct rv_buf *b, const struct rv_str *texts, size_t n) {
    rv_mp_array(b, n);
    for (size_t i = 0; i < n; i++) rv_mp_str(b, texts[i]);
}

static void add_objects(const struct plan_question *q, struct rv_buf *b) {
    rv_mp_cstr(b, "objects");
    rv_mp_array(b, q->object_n);
    for (size_t i = 0; i < q->object_n; i++) {
        rv_mp_array(b, 3);
        rv_mp_str(b, q->objects[i].api_version);
        rv_mp_str(b, q->objects[i].resource);
        rv_mp_val(b, q->objects[i].value);
    }
}

static void add_names(const struct plan_question *q, struct rv_buf *b) {
    rv_mp_cstr(b, "keys");
    rv_mp_array(b, q->key_n);
    for (size_t i = 0; i < q->key_n; i++) {
        const struct rv_str key[] = {q->keys[i].ns, q->keys[i].name};
        add_texts(b, key, RV_ARRAY_LEN(key));
    }
    rv_mp_cstr(b, "absent");
    rv_mp_array(b, q->absent_n);
    for (size_t i = 0; i < q->absent_n; i++) {
        const struct plan_name *n = &q->absent[i];
        const struct rv_str name[] = {n->api_version, n->resource, n->ns, n->name};
        add_texts(b, name, RV_ARRAY_LEN(name));
    }
}

static void add_selectors(const struct manifest *m, struct rv_buf *b) {
    rv_mp_cstr(b, "selectors");
    rv_mp_array(b, m->kind_n);
    for (size_t i = 0; i < m->kind_n; i++) rv_mp_str(b, m->kinds[i].selector);
}

/* Without a database of the machine's the plugin uses the one that it was built with. */
static void add_time_zones(const struct manifest *m, struct rv_buf *b) {
    rv_autobuf struct rv_buf zones = {0};
    rv_mp_cstr(b, "timeZones");
    if (m->time_zones && zoneinfo_pack(ZONEINFO_DIR, &zones, NULL) == 0)
        rv_mp_val(b, (struct rv_val){zones.p, zones.n});
    else
        rv_mp_nil(b);
}

static void write_question(const struct plan_question *q, struct rv_buf *b) {
    const struct manifest *m = q->plugin->manifest;
    rv_mp_map(b, 9);
    rv_mp_cstr(b, "kinds");
    once_encode_kinds(m, b);
    rv_mp_cstr(b, "settings");
    rv_mp_val(b, (struct rv_val){q->plugin->settings.p, q->plugin->settings.n});
    rv_mp_cstr(b, "now");
    rv_mp_int(b, q->now);
    rv_mp_cstr(b, "seed");
    rv_mp_uint(b, q->seed);
    add_time_zones(m, b);
    add_selectors(m, b);
    add_names(q, b);
    add_objects(q, b);
}

/* ---- the answer ---------------------------------------------------------------------------------------------- */

static int read_answer(const struct plan_question *q, struct rv_str line, struct rv_arena *a, struct rv_val *ret,
                       struct rv_error *err) {
    rv_autobuf struct rv_buf json = {0};
    const struct rv_json_limits limits = {.max_bytes = ANSWER_MAX};
    rv_buf_addc(&json, '{');
    rv_buf_add_str(&json, line);
    struct rv_json_reader *r = rv_json_reader_new(NULL, &limits, NULL, NULL);
    struct rv_val v = RV_VAL_ABSENT;
    int code = rv_json_reader_feed(r, json.p, json.n, err);
    if (code == 0) code = rv_json_reader_finish(r, &v, err);
    if (code == 0) {
        struct rv_str kept = rv_arena_str(a, (struct rv_str){(const char *)v.p, v.n});
        *ret = (struct rv_val){(const uint8_t *)kept.p, kept.n};
    }
    rv_json_reader_free(r);
    return code == 0 ? 0
                     : rv_error_wrap(err, code, "the answer of plugin " RV_STR_FMT " cannot be read",
                                     RV_STR_ARG(q->plugin->name));
}

static int failed(const struct plan_question *q, const struct rv_buf *said, const struct once_end *end,
                  struct rv_error *err) {
    struct rv_str reason = utf8_clip(once_last_line(said, "rayvisor-host: "), REASON_MAX);
    if (!end->ended)
        return rv_error_set(err, RV_E_TIMEOUT, "plugin " RV_STR_FMT " did not answer within %d s",
                            RV_STR_ARG(q->plugin->name), PLAN_MS / 1000);
    if (reason.n != 0)
        return rv_error_set(err, RV_E_CONFIG, "plugin " RV_STR_FMT " cannot plan: " RV_STR_FMT,
                            RV_STR_ARG(q->plugin->name), RV_STR_ARG(reason));
    return rv_error_set(err, RV_E_UNAVAILABLE, "the process of plugin " RV_STR_FMT " died while it planned (%s %d)",
                        RV_STR_ARG(q->plugin->name), WIFSIGNALED(end->status) ? "signal" : "exit status",
                        WIFSIGNALED(end->status) ? WTERMSIG(end->status) : WEXITSTATUS(end->status));
}

int plan_ask(const struct plan_question *q, struct rv_arena *a, struct rv_val *ret, struct rv_error *err) {
    rv_autobuf struct rv_buf given = {0}, said = {0};
    struct once_end end;
    if (access(q->plugin->library, R_OK) != 0)
        return rv_error_set(err, -errno, "cannot read %s: %s", q->plugin->library, strerror(errno));
    write_question(q, &given);
    const char *const words[] = {"--plan", q->plugin->library, NULL};
    const struct once o = {.host = q->host,
                           .words = words,
                           .sandbox = config_sandbox_name(q->config),
                           .given = rv_buf_bytes(&given),
                           .timeout_ms = PLAN_MS,
                           .most = ANSWER_MAX};
    int r = once_run(&o, &said, &end, err);
    if (r != 0) return r;
    struct rv_str line = once_last_line(&said, "{");
    if (!end.ended || !WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0 || line.n == 0)
        return failed(q, &said, &end, err);
    return read_answer(q, line, a, ret, err);
}

/* ---- remarks -------------------------------------------------------------------------------------------------- */

struct remarks {
    struct rv_val actions;
    const struct rv_key *key;
    plan_remark_fn fn;
    void *arg;
};

static bool is_about(const struct remarks *v, struct rv_val action) {
    return rv_str_eq(rv_path_str(action, "key.name"), v->key->name) &&
           rv_str_eq(rv_path_str(action, "key.namespace"), v->key->ns);
}

/* Conditions that a controller only sets to say that something does not go as one might expect. */
static bool is_warning(struct rv_val condition) {
    static const char *const reasons[] = {"SpecChanged", "BlockedByQuota"};
    struct rv_str reason = rv_path_str(condition, "reason");
    for (size_t i = 0; i < RV_ARRAY_LEN(reasons); i++)
        if (rv_str_is(reason, reasons[i]) && rv_str_is(rv_path_str(condition, "status"), "True")) return true;
    return false;
}

/* The newest status that the controller would write. */
static struct rv_val last_status(const struct remarks *v) {
    struct rv_val last = RV_VAL_ABSENT;
    for (struct rv_iter it = rv_iter(v->actions); rv_iter_next(&it);)
        if (is_about(v, it.val) && rv_str_is(rv_path_str(it.val, "subresource"), "status"))
            last = rv_val_path(it.val, "object.status");
    return last;
}

/* Whether an event before `until` has said the same. */
static bool said_before(const struct remarks *v, size_t until, struct rv_str note) {
    size_t i = 0;
    for (struct rv_iter it = rv_iter(v->actions); i < until && rv_iter_next(&it); i++)
        if (is_about(v, it.val) && rv_str_eq(rv_path_str(it.val, "note"), note)) return true;
    return false;
}

void plan_remarks(struct rv_val answer, const struct rv_key *key, plan_remark_fn fn, void *arg) {
    struct remarks v = {rv_val_get(answer, "actions"), key, fn, arg};
    size_t i = 0;
    for (struct rv_iter it = rv_iter(v.actions); rv_iter_next(&it); i++) {
        if (!is_about(&v, it.val) || !rv_path_bool(it.val, "warning", false)) continue;
        struct rv_str note = rv_path_str(it.val, "note");
        if (said_before(&v, i, note)) continue;
        fn(arg, rv_str_starts(rv_path_str(it.val, "reason"), "Invalid") ? PLAN_REFUSES : PLAN_WARNS, note);
    }
    for (struct rv_iter it = rv_iter(rv_val_get(last_status(&v), "conditions")); rv_iter_next(&it);)
        if (is_warning(it.val)) fn(arg, PLAN_WARNS, rv_path_str(it.val, "message"));
}
