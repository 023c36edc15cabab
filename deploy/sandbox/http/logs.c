#include "logs.h"
#include "rayvisor/json.h"

#include <stdlib.h>

struct line {
    struct rv_str time, text;
};
enum { LINES = 4 }; /* for one run of a container */

struct sb_log *sb_log_free(struct sb_log *l) {
    if (l == NULL) return NULL;
    free(l->pod);
    free(l->container);
    free(l);
    return NULL;
}

static struct rv_val by_name(struct rv_val pod, const char *const lists[], size_t n, struct rv_str name) {
    for (size_t i = 0; i < n; i++)
        for (struct rv_iter it = rv_iter(rv_val_path(pod, lists[i])); rv_iter_next(&it);)
            if (rv_str_eq(rv_path_str(it.val, "name"), name)) return it.val;
    return RV_VAL_ABSENT;
}

static struct rv_val container_of(struct rv_val pod, struct rv_str name) {
    static const char *const lists[] = {"spec.containers", "spec.initContainers", "spec.ephemeralContainers"};
    return by_name(pod, lists, RV_ARRAY_LEN(lists), name);
}
static struct rv_val status_of(struct rv_val pod, struct rv_str name) {
    static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
    return by_name(pod, lists, RV_ARRAY_LEN(lists), name);
}

static size_t add_line(struct line *lines, size_t n, struct rv_str time, struct rv_str text) {
    lines[n] = (struct line){time, text};
    return n + 1;
}

/* The lines about one run of a container, as far as its status shows it. The texts are in the arena and in the pod. */
static size_t life(struct rv_arena *a, struct rv_val pod, struct rv_str name, bool previous, struct line lines[LINES]) {
    struct rv_val c = container_of(pod, name), s = status_of(pod, name);
    struct rv_val end = rv_val_path(s, previous ? "lastState.terminated" : "state.terminated");
    struct rv_val run = previous ? RV_VAL_ABSENT : rv_val_path(s, "state.running");
    struct rv_str from = rv_path_str(rv_val_set(end) ? end : run, "startedAt");
    size_t n = 0;
    if (!rv_val_set(end) && !rv_val_set(run)) return 0;
    n = add_line(lines, n, from,
                 rv_arena_fmt(a, "simulated: " RV_STR_FMT " of " RV_STR_FMT "/" RV_STR_FMT " runs " RV_STR_FMT,
                              RV_STR_ARG(name), RV_STR_ARG(rv_path_str(pod, "metadata.namespace")),
                              RV_STR_ARG(rv_path_str(pod, "metadata.name")), RV_STR_ARG(rv_path_str(c, "image"))));
    static const char *const parts[] = {"command", "args"};
    rv_autobuf struct rv_buf command = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++)
        for (struct rv_iter it = rv_iter(rv_val_get(c, parts[i])); rv_iter_next(&it);)
            rv_buf_addf(&command, "%s" RV_STR_FMT, command.n != 0 ? " " : "", RV_STR_ARG(rv_val_str(it.val)));
    for (size_t i = 0; i < command.n; i++) /* all on one line */
        if (command.p[i] == '\n') command.p[i] = ';';
    if (command.n != 0)
        n = add_line(lines, n, from, rv_arena_fmt(a, "+ " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&command))));
    struct rv_val ready = rv_condition_find(rv_val_path(pod, "status.conditions"), "ContainersReady");
    if (rv_val_set(run) && rv_path_bool(s, "ready", false))
        n = add_line(lines, n, rv_path_str(ready, "lastTransitionTime"), RV_STR("ready"));
    if (rv_val_set(end))
        n = add_line(lines, n, rv_path_str(end, "finishedAt"),
                     rv_arena_fmt(a, "exit code %lld " RV_STR_FMT, (long long)rv_path_int(end, "exitCode", 0),
                                  RV_STR_ARG(rv_path_str(end, "reason"))));
    return n;
}

static void write_line(const struct line *l, bool timestamps, struct rv_buf *out) {
    if (timestamps) rv_buf_addf(out, RV_STR_FMT " ", RV_STR_ARG(l->time));
    rv_buf_add_str(out, l->text);
    rv_buf_addc(out, '\n');
}

void sb_log_more(struct sb_log *l, const struct sb_object *pod, bool deleted, struct rv_buf *out, bool *ret_over) {
    if (!rv_str_is(pod->name, l->pod)) return;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct line lines[LINES];
    size_t n = life(a, pod->value, rv_str(l->container), false, lines), from = l->lines;
    bool ended = rv_val_set(rv_val_path(status_of(pod->value, rv_str(l->container)), "state.terminated"));
    if (ended && n != 0) from = n - 1; /* the line about the start was sent before, so only that about the end is new */
    for (size_t i = from; i < n; i++) write_line(&lines[i], l->timestamps, out);
    if (n > l->lines) l->lines = n;
    if (deleted || ended) *ret_over = true;
}

/* ---- the request ---- */

static void fail(struct sb_response *r, struct rv_str text) { sb_fail(r, 400, "BadRequest", text.p); }

static bool pick_container(struct sb_request *q, struct rv_val pod, struct sb_response *r, struct rv_str *ret) {
    struct rv_str asked = rv_str(q->query(q->query_arg, "container")), name = rv_path_str(pod, "metadata.name");
    struct rv_val list = rv_val_path(pod, "spec.containers");
    if (asked.n == 0 && rv_val_len(list) != 1) {
        rv_autobuf struct rv_buf names = {0};
        for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
            rv_buf_addf(&names, "%s" RV_STR_FMT, names.n != 0 ? " " : "", RV_STR_ARG(rv_path_str(it.val, "name")));
        fail(r,
             rv_arena_fmt(q->arena,
                          "a container name must be specified for pod " RV_STR_FMT ", choose one of: [" RV_STR_FMT "]",
                          RV_STR_ARG(name), RV_STR_ARG(rv_buf_str(&names))));
        return false;
    }
    *ret = asked.n != 0 ? asked : rv_path_str(rv_val_at(list, 0), "name");
    if (rv_val_present(container_of(pod, *ret))) return true;
    fail(r, rv_arena_fmt(q->arena, "container " RV_STR_FMT " is not valid for pod " RV_STR_FMT, RV_STR_ARG(*ret),
                         RV_STR_ARG(name)));
    return false;
}

static bool number(struct sb_request *q, const char *name, int64_t *ret, struct sb_response *r) {
    const char *text = q->query(q->query_arg, name);
    if (text == NULL || rv_str_to_int(rv_str(text), 0, INT64_MAX, ret) == 0) return true;
    fail(r, rv_arena_fmt(q->arena, "%s must be a number that is not negative", name));
    return false;
}

/* The time from which lines are wanted, in ns. */
static bool since(struct sb_request *q, int64_t *ret, struct sb_response *r) {
    int64_t seconds = -1;
    const char *time = q->query(q->query_arg, "sinceTime");
    if (!number(q, "sinceSeconds", &seconds, r)) return false;
    if (seconds >= 0) *ret = clock_wall() - seconds * 1000000000;
    if (time == NULL || rv_time_parse(rv_str(time), ret) == 0) return true;
    fail(r, RV_STR("sinceTime must be an RFC 3339 time"));
    return false;
}

static bool has_started(struct sb_request *q, struct rv_val pod, struct rv_str name, bool previous, size_t n,
                        struct sb_response *r) {
    struct rv_str pod_name = rv_path_str(pod, "metadata.name");
    struct rv_str why = rv_path_str(status_of(pod, name), "state.waiting.reason");
    if (n != 0) return true;
    if (previous)
        fail(r, rv_arena_fmt(q->arena,
                             "previous terminated container \"" RV_STR_FMT "\" in pod \"" RV_STR_FMT "\" not found",
                             RV_STR_ARG(name), RV_STR_ARG(pod_name)));
    else
        fail(r, rv_arena_fmt(q->arena,
                             "container \"" RV_STR_FMT "\" in pod \"" RV_STR_FMT "\" is waiting to start: " RV_STR_FMT,
                             RV_STR_ARG(name), RV_STR_ARG(pod_name),
                             RV_STR_ARG(why.n != 0 ? why : RV_STR("ContainerCreating"))));
    return false;
}

void sb_handle_log(struct sb_request *q, const struct sb_route *t, struct sb_response *r) {
    struct sb_object *o = sb_get(q->storage, t->resource, t->ns, t->name);
    struct sb_status st = {0};
    if (o == NULL) {
        sb_fail_object(&st, 404, "NotFound", t->resource, t->name, "not found");
        sb_respond_status(r, &st);
        sb_status_clear(&st);
        return;
    }
    struct line lines[LINES];
    struct rv_str name;
    int64_t tail = INT64_MAX, limit = INT64_MAX, from = INT64_MIN, at = 0;
    bool previous = sb_is_true(q, "previous"), stamps = sb_is_true(q, "timestamps");
    if (!pick_container(q, o->value, r, &name) || !number(q, "tailLines", &tail, r) ||
        !number(q, "limitBytes", &limit, r) || !since(q, &from, r))
        return;
    size_t n = life(q->arena, o->value, name, previous, lines);
    if (!has_started(q, o->value, name, previous, n, r)) return;
    r->http = 200;
    r->type = "text/plain";
    for (size_t i = tail < (int64_t)n ? n - (size_t)tail : 0; i < n; i++)
        if (rv_time_parse(lines[i].time, &at) != 0 || at >= from) write_line(&lines[i], stamps, &r->body);
    if ((int64_t)r->body.n > limit) r->body.n = (size_t)limit;
    bool over = rv_val_set(rv_val_path(status_of(o->value, name), "state.terminated"));
    if (!sb_is_true(q, "follow") || previous || over) return;
    r->log = rv_alloc(sizeof *r->log);
    *r->log = (struct sb_log){rv_strdup(t->name), rv_strdup(name), stamps, n};
    r->watch = r->served = t->resource;
    r->ns = t->ns;
}
