/* object_op.c - actions on objects of the API server (see executor_internal.h). */
#include <stdlib.h>

#include "conflict.h"
#include "contest.h"
#include "event_queue.h"
#include "executor_internal.h"
#include "failures.h"
#include "generate.h"
#include "ipc/base/backoff.h"
#include "ipc/base/random.h"
#include "owners.h"
#include "request_body.h"
#include "undone.h"

enum { RETRIES_MAX = 4, RETRY_AFTER_MAX_MS = 10000 };
static const struct backoff_pause retry_pause = {.first = 100, .most = 100 << RETRIES_MAX, .above = 100};

/* ---- bodies and paths ----------------------------------------------------------------------------------- */

static struct rv_val body_of(const struct op *op) { return (struct rv_val){op->m.a.body.p, op->m.a.body.n}; }

/* Returns true if the action may be repeated when nobody knows whether it was carried out. */
static bool repeatable(const struct op *op) {
    const struct rv_action *a = &op->m.a;
    switch (a->verb) {
    case RV_VERB_CREATE:
        return a->name.n != 0;
    case RV_VERB_JSON_PATCH:
        return a->pre_version.n != 0;
    case RV_VERB_DELETE: /* without a uid it might delete a new object of the same name */
        return a->pre_uid.n != 0 || a->pre_version.n != 0;
    case RV_VERB_DELETE_COLLECTION:
        return false;
    default:
        return true;
    }
}

static void on_response(void *arg, const struct kube_response *r);

static void send_object(struct op *op) {
    static const struct {
        const char *method, *type;
    } how[] = {{NULL, NULL},
               {"POST", "application/json"},
               {"PATCH", "application/apply-patch+yaml"},
               {"PATCH", "application/merge-patch+json"},
               {"PATCH", "application/json-patch+json"},
               {"DELETE", "application/json"},
               {"DELETE", "application/json"},
               {"GET", NULL}};
    const struct rv_action *a = &op->m.a;
    rv_autobuf struct rv_buf json = {0};
    rv_autofree char *path = request_path(a, op->plugin_name);
    if (a->verb == RV_VERB_DELETE || a->verb == RV_VERB_DELETE_COLLECTION)
        request_body_delete(a, &json);
    else if (a->verb == RV_VERB_APPLY || a->verb == RV_VERB_MERGE_PATCH || a->verb == RV_VERB_JSON_PATCH)
        request_body_patch(a, &json);
    else if (a->verb != RV_VERB_GET)
        rv_json_write(body_of(op), &json);
    bool secret = generate_tokens(a, &json);
    struct kube_request_opts o = {.method = how[a->verb].method,
                                  .path = path,
                                  .content_type = how[a->verb].type,
                                  .body = rv_buf_bytes(&json),
                                  .timeout_ms = a->timeout_ms,
                                  .urgent = a->verb == RV_VERB_DELETE,
                                  .once = !repeatable(op)};
    op->request = kube_send(op->x->s->client, &o, on_response, op);
    if (secret) explicit_bzero(json.p, json.n);
}

static void send_get(struct op *op) {
    const struct rv_action *a = &op->m.a;
    rv_autofree char *path = kube_path(a->api_version, a->ns, a->resource, a->name, RV_STR(""), NULL);
    struct kube_request_opts o = {.method = "GET", .path = path, .timeout_ms = a->timeout_ms};
    op->looked = true;
    op->request = kube_send(op->x->s->client, &o, on_response, op);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static bool transient(int code) { return code == RV_E_THROTTLED || code == RV_E_UNAVAILABLE || code == RV_E_TIMEOUT; }

static void on_retry(void *arg) {
    struct op *op = arg;
    op->looked = false;
    start_op(op);
}

/* Returns true if nobody knows whether the request was carried out: the answer is lost, or the server failed and did
 * not say "not now". */
static bool unknown_outcome(const struct kube_response *r) {
    bool failed = r->http_status >= 500 || r->http_status == 408;
    return r->maybe_sent || (failed && r->retry_after_ms == 0);
}

static bool retry_op(struct op *op, const struct kube_response *r) {
    if (!transient(r->code) || op->retries >= RETRIES_MAX || op->x->s->stopping) return false;
    if (unknown_outcome(r) && !repeatable(op)) return false;
    int64_t ms = backoff_pause(retry_pause, op->retries + 1, random_u32());
    int64_t asked = r->retry_after_ms < RETRY_AFTER_MAX_MS ? r->retry_after_ms : RETRY_AFTER_MAX_MS;
    op->retries++;
    op->x->stats.retries++;
    if (op->timer == NULL) op->timer = loop_timer(op->x->s->loop, on_retry, op);
    if (asked > ms) ms = asked;
    loop_timer_arm(op->timer, op->x->pause != NULL ? op->x->pause(op->x->pause_arg, ms) : ms);
    return true;
}

/* Adapts the number of requests in flight to the server. It is halved when the server throttles, and one is added after
 * each success. */
static void adapt(struct executor *x, int code) {
    size_t most = (size_t)x->s->config->max_in_flight;
    if (code == RV_E_THROTTLED)
        x->limit = x->limit > 2 ? x->limit / 2 : 1;
    else if (code == 0 && x->limit < most)
        x->limit++;
    if (x->limit > most) x->limit = most; /* a reload has lowered it */
}

/* With which projection an answer is read. For a change of an object it is the cache's; otherwise everything is
 * read. */
static const struct rv_projection *reads_with(const struct op *op) {
    const struct rv_action *a = &op->m.a;
    bool change = a->verb == RV_VERB_CREATE || a->verb == RV_VERB_APPLY || a->verb == RV_VERB_MERGE_PATCH ||
                  a->verb == RV_VERB_JSON_PATCH;
    return change && !op->looked ? store_reads_with(op->x->s->store, a->api_version, a->resource, a->ns) : NULL;
}

static void write_through(struct op *op, struct rv_val object, const struct rv_projection *read_with) {
    const struct rv_action *a = &op->m.a;
    struct store *store = op->x->s->store;
    if (a->verb == RV_VERB_DELETE && rv_str_is(rv_path_str(object, "kind"), "Status"))
        store_written_deleted(store, a->api_version, a->resource, a->ns, a->name, a->pre_uid);
    /* The answer is a Scale or an Eviction: it has the same name but another kind. */
    else if (a->subresource.n != 0 && !rv_str_is(a->subresource, "status"))
        return;
    else if (a->verb != RV_VERB_DELETE_COLLECTION && rv_path_str(object, "metadata.resourceVersion").n != 0)
        store_written(store, a->api_version, a->resource, object, read_with);
}

/* Of the object that the plugin works on. */
static int64_t generation_of(const struct op *op) {
    const struct executor_client *c = op->client;
    return c != NULL && c->generation != NULL ? c->generation(c->arg, op->m.key.ns, op->m.key.name) : 0;
}

/* As a member of another object: a document of its own is read without its managedFields. */
static bool read_with_managers(struct rv_bytes json, struct rv_buf *mp) {
    rv_autobuf struct rv_buf text = {0};
    rv_buf_adds(&text, "{\"it\":");
    rv_buf_add(&text, json.p, json.n);
    rv_buf_addc(&text, '}');
    return rv_json_to_mp(rv_buf_str(&text), NULL, mp, NULL) == 0;
}

/* For what others may undo. */
static void note_written(struct op *op, const struct kube_response *r, struct rv_val object) {
    const struct rv_action *a = &op->m.a;
    int64_t generation = generation_of(op), now = clock_monotonic(), wall = clock_wall();
    undone_written(op->x->undone, a, object, generation, now, wall);
    bool applied = a->verb == RV_VERB_APPLY && r->http_status == 201;
    if (a->subresource.n == 0 && (a->verb == RV_VERB_CREATE || applied))
        contest_made(op->x->contest, a, object, generation, now);
    if (a->verb != RV_VERB_DELETE || !contest_is_young(object, wall)) return;
    rv_autobuf struct rv_buf mp = {0};
    if (read_with_managers(r->body, &mp))
        contest_deleted(op->x->contest, a, rv_val_get((struct rv_val){mp.p, mp.n}, "it"), generation, now, wall);
}

static void on_success(struct op *op, const struct kube_response *r, struct rv_val object,
                       const struct rv_projection *read_with) {
    bool found = op->looked && op->m.a.verb == RV_VERB_CREATE;
    if (found && !owners_same(&op->m.a, object)) {
        end_op(op, &(struct rv_result){
                       .code = RV_E_EXISTS,
                       .http_status = 409,
                       .reason = RV_STR("AlreadyExists"),
                       .message = RV_STR("an object of that name is there already and belongs to somebody else")});
        return;
    }
    write_through(op, object, read_with);
    if (op->client != NULL) note_written(op, r, object);
    struct rv_val meta = rv_val_get(object, "metadata");
    struct rv_result out = {.http_status = r->http_status,
                            .name = rv_path_str(meta, "name"),
                            .uid = rv_path_str(meta, "uid"),
                            .resource_version = rv_path_str(meta, "resourceVersion")};
    if (op->m.a.verb == RV_VERB_GET) {
        out.body = (struct rv_bytes){object.p, object.n};
        out.json = 1;
    }
    end_op(op, &out);
}

static void on_failure(struct op *op, const struct kube_response *r) {
    bool unknown = unknown_outcome(r) && !repeatable(op);
    /* It existed when we created, and was deleted before we read it. */
    bool went = op->looked && r->code == RV_E_NOT_FOUND;
    if (r->code == RV_E_NOT_FOUND && op->m.a.verb == RV_VERB_DELETE)
        store_written_deleted(op->x->s->store, op->m.a.api_version, op->m.a.resource, op->m.a.ns, op->m.a.name,
                              op->m.a.pre_uid);
    struct rv_result out = {.code = unknown ? RV_E_UNKNOWN
                                    : went  ? RV_E_CONFLICT
                                            : r->code,
                            .http_status = r->http_status,
                            .reason = r->reason,
                            .message = r->message,
                            .retry_after_ms = r->retry_after_ms};
    end_op(op, &out);
}

static void on_newest(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    op->request = NULL;
    conflict_read(op->x->s->store, &op->m.a, r);
    end_op(op, &(struct rv_result){.code = RV_E_CONFLICT,
                                   .http_status = 409,
                                   .reason = RV_STR("Conflict"),
                                   .message = rv_str(op->conflict)});
}

/* Returns true if the object is read before the result is sent. */
static bool read_newest(struct op *op, const struct kube_response *r) {
    rv_autofree char *path = r->code == RV_E_CONFLICT ? conflict_path(op->x->s->store, &op->m.a) : NULL;
    if (path == NULL) return false;
    op->conflict = rv_strdup(r->message);
    op->request =
        kube_send(op->x->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_newest, op);
    return true;
}

static void on_response(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    op->request = NULL;
    event_queue_measure(op->x->events, clock_monotonic() - op->sent, clock_monotonic());
    adapt(op->x, r->code);
    if (r->code == RV_E_EXISTS && op->m.a.verb == RV_VERB_CREATE && op->m.a.name.n != 0 && !op->looked) {
        send_get(op);
        return;
    }
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    struct kube_response shown = *r;
    const struct rv_projection *p = reads_with(op);
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    if (r->code == 0 && rv_json_to_mp(text, p, &mp, &err) != 0) { /* carried out, but the answer is damaged */
        shown.code = RV_E_UNAVAILABLE;
        shown.maybe_sent = true;
        shown.message = rv_str(err.text);
    }
    failures_answer(op->x->failures, &op->m.a, &shown, transient(shown.code));
    if (shown.code == 0)
        on_success(op, r, (struct rv_val){mp.p, mp.n}, p);
    else if (!retry_op(op, &shown) && !read_newest(op, &shown))
        on_failure(op, &shown);
}

/* ---- owners --------------------------------------------------------------------------------------------- */

static void on_owner(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    op->request = NULL;
    int code = owners_check_answer(op->x->owners, &op->m.a, r);
    struct kube_response shown = {.code = code, .message = r->message, .retry_after_ms = r->retry_after_ms};
    if (code == RV_E_NOT_FOUND) shown.message = RV_STR("its owner is gone: nothing is made for it");
    op->owned = code == 0;
    if (op->owned)
        send_object(op);
    else if (!retry_op(op, &shown))
        on_failure(op, &shown);
}

/* ---- writes that others undo ---------------------------------------------------------------------------- */

static void end_undone(struct op *op, const char *text, int64_t wait_ms) {
    end_op(op, &(struct rv_result){.code = RV_E_THROTTLED,
                                   .reason = RV_STR("WriteUndone"),
                                   .message = rv_str(text),
                                   .retry_after_ms = wait_ms});
}

static void report_undone(struct op *op, const struct undone_finding *s, struct rv_buf *text) {
    const struct rv_action *a = &op->m.a;
    rv_autofree char *ns = rv_strdup(a->ns), *name = rv_strdup(a->name), *resource = rv_strdup(a->resource),
                     *manager = rv_strdup(rv_buf_str(&s->manager)), *field = rv_strdup(rv_buf_str(&s->field));
    rv_buf_addf(text,
                "another manager%s%s%s undoes what is written to " RV_STR_FMT
                " %s again and again (%s): it is tried again "
                "in %lld s, and then more and more rarely",
                manager[0] != 0 ? ", " : "", manager, manager[0] != 0 ? "," : "", RV_STR_ARG(a->resource), name, field,
                (long long)(s->pause_ms / 1000));
    op->x->stats.undone++;
    if (!s->first) return;
    log_warn(
        "another manager undoes a write again and again: it is tried more and more rarely. Does another operator or "
        "tool manage this object, too?",
        "plugin", op->plugin_name, "resource", resource, "namespace", ns, "name", name, "field", field, "manager",
        manager);
    event_about_key(op, "WriteUndone", rv_buf_cstr(text));
}

static void on_looked(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    rv_autobuf struct rv_buf mp = {0}, text = {0};
    struct undone_finding s = {0};
    op->request = NULL;
    op->judged = true;
    bool read = r->code == 0 && read_with_managers(r->body, &mp);
    struct rv_val object = rv_val_get((struct rv_val){mp.p, mp.n}, "it");
    if (!read || !undone_look(op->x->undone, &op->m.a, object, clock_monotonic(), &s)) {
        start_object_op(op);
        return;
    }
    report_undone(op, &s, &text);
    rv_buf_free(&s.manager);
    rv_buf_free(&s.field);
    end_undone(op, rv_buf_cstr(&text), s.pause_ms);
}

/* The text is the same each time, so that the events that plugins make of it are one. */
static void report_contest(struct op *op, const struct contest_finding *s) {
    const struct rv_action *a = &op->m.a;
    bool deletes = a->verb == RV_VERB_DELETE;
    struct rv_str drawn = deletes ? RV_STR("") : rv_path_str(body_of(op), "metadata.generateName"),
                  asked = drawn.n != 0 ? drawn : a->name;
    rv_autofree char *ns = rv_strdup(a->ns), *name = rv_strdup(asked), *resource = rv_strdup(a->resource),
                     *manager = rv_strdup(s->manager);
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text,
                deletes
                    ? "another manager%s%s%s makes %s %s anew each time that it is deleted: it is deleted again "
                      "after a pause, which grows"
                    : "another manager%s%s%s deletes %s %s again and again, soon after it is made: it is made again "
                      "after a pause, which grows",
                manager[0] != 0 ? ", " : "", manager, manager[0] != 0 ? "," : "", resource, name);
    if (s->first) {
        op->x->stats.undone++;
        log_warn(deletes ? "another manager makes anew what is deleted, again and again: it is deleted more and more "
                           "rarely. Does another operator or tool manage this object, too?"
                         : "another manager deletes what is made, again and again: it is made more and more rarely. "
                           "Does another operator or tool manage this object, too?",
                 "plugin", op->plugin_name, "resource", resource, "namespace", ns, "name", name, "manager", manager);
        event_about_key(op, "WriteUndone", rv_buf_cstr(&text));
    }
    end_undone(op, rv_buf_cstr(&text), s->pause_ms);
}

/* True: it is not sent now, or not yet. */
static bool hold_back(struct op *op) {
    const struct rv_action *a = &op->m.a;
    int64_t wait_ms = 0;
    struct contest_finding finding;
    if (op->judged || op->client == NULL) return false;
    if (contest_judge(op->x->contest, a, generation_of(op), clock_monotonic(), &finding)) {
        report_contest(op, &finding);
        return true;
    }
    enum undone_verdict v = undone_judge(op->x->undone, a, generation_of(op), clock_monotonic(), &wait_ms);
    if (v == UNDONE_SEND) {
        op->judged = true;
    } else if (v == UNDONE_WAIT) {
        end_undone(op, "another manager undoes this write again and again: it is tried again after a pause", wait_ms);
    } else {
        rv_autofree char *path = kube_path(a->api_version, a->ns, a->resource, a->name, RV_STR(""), NULL);
        op->request =
            kube_send(op->x->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_looked, op);
    }
    return v != UNDONE_SEND;
}

void start_object_op(struct op *op) {
    if (hold_back(op)) return;
    rv_autofree char *path = op->owned ? NULL : owners_check_path(op->x->owners, &op->m.a);
    if (path != NULL)
        op->request =
            kube_send(op->x->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_owner, op);
    else
        send_object(op);
}
