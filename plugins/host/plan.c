/* plan.c - see plan.h. */
#include "plan.h"

#include <stdlib.h>

#include "engine.h"
#include "ipc/base/json_writer.h"
#include "pretend.h"
#include "rayvisor/k8s.h"

/* QUIET_NS: when nothing has changed for so long, the rest is waiting. LONGEST_NS: a plugin that never comes to rest.
 */
#define QUIET_NS INT64_C(3000000000)
#define LONGEST_NS INT64_C(600000000000)
enum { ACTIONS_MAX = 50000, TICKS_MAX = 200000, KINDS_MAX = 64, IN_FLIGHT = 256, HTTP_IN_FLIGHT = 2048 };

struct asked { /* an action that has not been answered */
    struct asked *next;
    char *bytes;
    struct msg m;
};

struct plan {
    struct rv_arena *arena;
    struct engine *engine;
    struct engine_time now;
    struct pretend *objects;
    struct rv_val given, kinds;
    struct rv_selector *selectors[KINDS_MAX];
    size_t kind_n, action_n;
    struct asked *asked, **asked_last;
    uint64_t rev;
    int64_t changed; /* when anything last changed, monotonic */
    struct jsonw actions, said, unread;
    struct rv_error err;
};

/* ---- messages to the engine -------------------------------------------------------------------------------- */

static void tell(struct plan *p, const struct msg *m) {
    if (p->err.code == 0) (void)engine_message(p->engine, p->now, m, &p->err);
}

static bool is_of(const struct plan *p, size_t kind, const struct pretend_object *o, struct rv_val value) {
    struct msg_kind k;
    if (!rv_val_present(value) || !msg_kind_at(p->kinds, kind, &k)) return false;
    return rv_str_eq(k.resource, o->resource) && rv_str_eq(k.api_version, o->api_version) &&
           (p->selectors[kind] == NULL ||
            rv_selector_matches(p->selectors[kind], rv_val_path(value, "metadata.labels")));
}

static void tell_object(struct plan *p, const struct pretend_object *o, struct rv_val before) {
    for (size_t k = 0; k < p->kind_n; k++) {
        bool was = is_of(p, k, o, before), is = !o->gone && is_of(p, k, o, o->value);
        if (!was && !is) continue;
        struct msg m = {.type = is ? MSG_OBJECT : MSG_DELETED,
                        .object = {(uint32_t)k, o->ns, o->name, o->uid, o->version, ++p->rev}};
        if (is) m.payload = (struct rv_bytes){o->value.p, o->value.n};
        tell(p, &m);
    }
}

static void on_change(void *arg, const struct pretend_object *o, struct rv_val before) {
    struct plan *p = arg;
    p->changed = p->now.mono;
    tell_object(p, o, before);
}

static bool is_wanted(const struct plan *p, const struct rv_key *key) {
    struct rv_val keys = rv_val_get(p->given, "keys");
    for (struct rv_iter it = rv_iter(keys); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(rv_val_at(it.val, 0)), key->ns) &&
            rv_str_eq(rv_val_str(rv_val_at(it.val, 1)), key->name))
            return true;
    return false;
}

/* ---- what is written down ---------------------------------------------------------------------------------- */

static void write_key(struct jsonw *w, const struct rv_key *key) {
    jsonw_begin_object(w, "key");
    jsonw_str(w, "namespace", key->ns);
    jsonw_str(w, "name", key->name);
    jsonw_end_object(w);
}

static void write_names(struct jsonw *w, const struct rv_action *a) {
    jsonw_str(w, "apiVersion", a->api_version);
    jsonw_str(w, "resource", a->resource);
    if (a->subresource.n != 0) jsonw_str(w, "subresource", a->subresource);
    jsonw_str(w, "namespace", a->ns);
}

/* No value of a Secret leaves this process. */
static struct rv_val shown(struct plan *p, const struct pretend_object *o) {
    if (!rv_str_is(o->resource, "secrets")) return o->value;
    struct rv_node *n = rv_node_from(p->arena, o->value);
    (void)rv_node_remove(n, "data");
    (void)rv_node_remove(n, "stringData");
    return rv_node_freeze(p->arena, n);
}

static void note_write(struct plan *p, const struct msg_action *m, int code, const struct pretend_object *o) {
    static const char *const verbs[] = {
        [RV_VERB_CREATE] = "create",    [RV_VERB_APPLY] = "apply",   [RV_VERB_MERGE_PATCH] = "patch",
        [RV_VERB_JSON_PATCH] = "patch", [RV_VERB_DELETE] = "delete", [RV_VERB_DELETE_COLLECTION] = "deletecollection"};
    struct jsonw *w = &p->actions;
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "verb", verbs[m->a.verb]);
    write_names(w, &m->a);
    jsonw_str(w, "name", o != NULL ? o->name : m->a.name);
    if (m->a.selector.n != 0) jsonw_str(w, "selector", m->a.selector);
    write_key(w, &m->key);
    if (code != 0) {
        jsonw_text(w, "code", rv_error_name(code));
        jsonw_text(w, "reason", rv_error_text(code));
    }
    if (o != NULL && code == 0 && !o->gone) jsonw_val(w, "object", shown(p, o));
    jsonw_end_object(w);
}

static void note_event(struct plan *p, const struct msg_action *m) {
    struct jsonw *w = &p->actions;
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "verb", "event");
    jsonw_bool(w, "warning", m->event.warning != 0);
    jsonw_str(w, "reason", m->event.reason);
    jsonw_str(w, "action", m->event.action);
    jsonw_str(w, "note", m->event.note);
    jsonw_str(w, "kind", m->event.kind);
    jsonw_str(w, "namespace", m->event.ns);
    jsonw_str(w, "name", m->event.name);
    write_key(w, &m->key);
    jsonw_end_object(w);
}

static void note_http(struct plan *p, const struct msg_action *m) {
    struct jsonw *w = &p->actions;
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "verb", "http");
    jsonw_str(w, "method", m->http.method);
    jsonw_str(w, "url", m->http.url);
    write_key(w, &m->key);
    jsonw_end_object(w);
}

static void on_explained(void *arg, const struct rv_key *key, struct rv_str lines) {
    struct plan *p = arg;
    struct jsonw *w = &p->said;
    if (!is_wanted(p, key)) return;
    jsonw_begin_object(w, NULL);
    jsonw_str(w, "namespace", key->ns);
    jsonw_str(w, "name", key->name);
    jsonw_lines(w, "lines", lines);
    jsonw_end_object(w);
}

/* ---- actions ----------------------------------------------------------------------------------------------- */

/* Answers come after the pass: the engine does not expect them while it calls the plugin. */
static void on_send(void *arg, struct msg *m) {
    struct plan *p = arg;
    if (m->type == MSG_FAILED) rv_error_set(&p->err, m->text.code, RV_STR_FMT, RV_STR_ARG(m->text.text));
    if (m->type != MSG_ACTION) return;
    struct asked *q = rv_alloc(sizeof *q);
    q->m = *m;
    q->bytes = msg_own(&q->m);
    *p->asked_last = q;
    p->asked_last = &q->next;
}

static bool is_absent(const struct plan *p, const struct rv_action *a) {
    for (struct rv_iter it = rv_iter(rv_val_get(p->given, "absent")); rv_iter_next(&it);)
        if (rv_str_eq(rv_val_str(rv_val_at(it.val, 0)), a->api_version) &&
            rv_str_eq(rv_val_str(rv_val_at(it.val, 1)), a->resource) &&
            rv_str_eq(rv_val_str(rv_val_at(it.val, 2)), a->ns) && rv_str_eq(rv_val_str(rv_val_at(it.val, 3)), a->name))
            return true;
    return false;
}

static int read_object(struct plan *p, const struct rv_action *a, const struct pretend_object **ret) {
    *ret = pretend_find(p->objects, a->api_version, a->resource, a->ns, a->name);
    if (*ret != NULL) return 0;
    if (is_absent(p, a)) return RV_E_NOT_FOUND;
    jsonw_begin_object(&p->unread, NULL);
    write_names(&p->unread, a);
    jsonw_str(&p->unread, "name", a->name);
    jsonw_end_object(&p->unread);
    return MSG_WITHHELD;
}

/* Returns the code of the result. */
static int answer(struct plan *p, const struct msg_action *m, const struct pretend_object **o, struct rv_bytes *body) {
    if (!is_wanted(p, &m->key) || ++p->action_n > ACTIONS_MAX) return MSG_WITHHELD;
    int code;
    switch (m->a.verb) {
    case RV_VERB_EVENT:
        note_event(p, m);
        return 0;
    case RV_VERB_HTTP:
        note_http(p, m);
        return MSG_WITHHELD;
    case RV_VERB_TIMER:
        return MSG_WITHHELD;
    case RV_VERB_GET:
        code = read_object(p, &m->a, o);
        if (code == 0) *body = (struct rv_bytes){(*o)->value.p, (*o)->value.n};
        return code;
    default:
        code = pretend_do(p->objects, &m->a, o);
        note_write(p, m, code, *o);
        return code;
    }
}

static uint32_t status_of(int code) {
    return code == 0                                      ? 200
           : code == RV_E_NOT_FOUND                       ? 404
           : code == RV_E_EXISTS || code == RV_E_CONFLICT ? 409
           : code == RV_E_INVALID                         ? 422
                                                          : 0;
}

static void answer_all(struct plan *p) {
    while (p->asked != NULL) {
        struct asked *q = p->asked;
        const struct pretend_object *o = NULL;
        struct rv_bytes body = {NULL, 0};
        p->asked = q->next;
        if (p->asked == NULL) p->asked_last = &p->asked;
        int code = answer(p, &q->m.action, &o, &body);
        struct rv_result r = {.size = sizeof r, .code = code, .http_status = status_of(code), .body = body};
        if (o != NULL) {
            r.name = o->name;
            r.uid = o->uid;
            r.resource_version = o->version;
        }
        if (code != 0 && code != MSG_WITHHELD) r.message = rv_str(rv_error_text(code));
        tell(p, &(struct msg){.type = MSG_RESULT, .result = {q->m.action.id, r}, .payload = body});
        free(q->bytes);
        free(q);
    }
}

/* ---- the run ----------------------------------------------------------------------------------------------- */

static void welcome(struct plan *p) {
    uint64_t drawn = (uint64_t)rv_path_int(p->given, "seed", 0) + UINT64_C(0x9e3779b97f4a7c15), words[4];
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++) {
        drawn = (drawn ^ drawn >> 31) * UINT64_C(0xbf58476d1ce4e5b9) + i;
        words[i] = drawn ^ drawn >> 29;
    }
    tell(p, &(struct msg){.type = MSG_WELCOME,
                          .welcome = {.epoch = 1,
                                      .instance = 1,
                                      .credit_messages = UINT32_MAX,
                                      .credit_bytes = UINT32_MAX,
                                      .seed = {(const uint8_t *)words, sizeof words},
                                      .kinds = p->kinds,
                                      .settings = rv_val_get(p->given, "settings"),
                                      .time_zones = rv_val_get(p->given, "timeZones"),
                                      .max_in_flight = IN_FLIGHT,
                                      .max_http = HTTP_IN_FLIGHT}});
}

static void give_objects(struct plan *p) {
    for (struct rv_iter it = rv_iter(rv_val_get(p->given, "objects")); rv_iter_next(&it);)
        (void)pretend_add(p->objects, rv_val_str(rv_val_at(it.val, 0)), rv_val_str(rv_val_at(it.val, 1)),
                          rv_val_at(it.val, 2));
    tell(p, &(struct msg){.type = MSG_SNAP_BEGIN});
    for (const struct pretend_object *o = pretend_first(p->objects); o != NULL; o = o->next)
        tell_object(p, o, RV_VAL_ABSENT);
    tell(p, &(struct msg){.type = MSG_SNAP_END, .snap = {p->rev}});
}

/* Returns whether it came to rest. Time passes only where the engine waits. */
static bool run(struct plan *p) {
    int64_t end = p->now.mono + LONGEST_NS;
    p->changed = p->now.mono;
    for (int i = 0; i < TICKS_MAX && p->err.code == 0; i++) {
        int64_t due = engine_deadline(p->engine);
        if (due > end || due > p->changed + QUIET_NS) return p->action_n <= ACTIONS_MAX;
        if (due > p->now.mono) {
            p->now.wall += due - p->now.mono;
            p->now.mono = due;
        }
        engine_tick(p->engine, p->now);
        answer_all(p);
    }
    return false;
}

static int read_kinds(struct plan *p, struct rv_error *err) {
    p->kinds = rv_val_get(p->given, "kinds");
    p->kind_n = rv_val_len(p->kinds);
    if (p->kind_n == 0 || p->kind_n > KINDS_MAX) return rv_error_set(err, RV_E_PROTOCOL, "%zu kinds", p->kind_n);
    for (size_t i = 0; i < p->kind_n; i++) {
        struct rv_str text = rv_val_str(rv_val_at(rv_val_get(p->given, "selectors"), i));
        if (text.n == 0) continue;
        p->selectors[i] = rv_selector_parse(text, err);
        if (p->selectors[i] == NULL) return err->code;
    }
    return 0;
}

static void begin_lists(struct plan *p, struct rv_buf *actions, struct rv_buf *said, struct rv_buf *unread) {
    p->actions.out = actions;
    p->said.out = said;
    p->unread.out = unread;
    struct jsonw *const all[] = {&p->actions, &p->said, &p->unread};
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) jsonw_begin_array(all[i], NULL);
}

static void write_all(struct plan *p, bool rests, struct rv_buf *out) {
    struct jsonw w = {.out = out}, *const all[] = {&p->actions, &p->said, &p->unread};
    static const char *const names[] = {"actions", "said", "unread"};
    jsonw_begin_object(&w, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) {
        jsonw_end_array(all[i]);
        jsonw_raw(&w, names[i], rv_buf_str(all[i]->out));
    }
    jsonw_bool(&w, "rests", rests);
    jsonw_end_object(&w);
}

static void free_all(struct plan *p) {
    engine_free(p->engine);
    for (size_t i = 0; i < p->kind_n && i < KINDS_MAX; i++) rv_selector_free(p->selectors[i]);
    while (p->asked != NULL) {
        struct asked *next = p->asked->next;
        free(p->asked->bytes);
        free(p->asked);
        p->asked = next;
    }
}

int plan_run(const struct rv_plugin *plugin, struct rv_val given, struct rv_buf *out, struct rv_error *err) {
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    rv_autobuf struct rv_buf actions = {0}, said = {0}, unread = {0};
    struct plan p = {.arena = arena, .given = given, .now = {INT64_C(1000000000), rv_path_int(given, "now", 0)}};
    p.asked_last = &p.asked;
    begin_lists(&p, &actions, &said, &unread);
    int r = read_kinds(&p, err);
    if (r == 0) {
        p.objects = pretend_new(arena, p.now.wall, on_change, &p);
        p.engine =
            engine_new(&(struct engine_opts){.plugin = plugin, .send = on_send, .explained = on_explained, .arg = &p});
        engine_start(p.engine, p.now, (struct rv_bytes){NULL, 0}, 0);
        welcome(&p);
        if (p.err.code == 0) give_objects(&p);
        write_all(&p, run(&p), out);
        r = p.err.code;
        if (r != 0 && err != NULL) *err = p.err;
    }
    free_all(&p);
    return r;
}
