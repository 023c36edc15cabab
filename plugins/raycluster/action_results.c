/* action_results.c - handles the results of the previous pass's actions: events, the reason of ReplicaFailure, and the
 * pace of each group. */
#include "ipc/base/utf8.h"
#include "owned_objects.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"
#include "pod_actions.h"
#include "teardown.h"

enum { NAMES_BYTES = 700 /* the note of an event may have 1024 bytes */, TEXT_MAX = 2048, STAMP_WAIT_MAX_S = 300 };

static const struct outcome_text {
    const char *did, *failed, *marker, *action, *did_note, *failed_note;
} texts[] = {
    [TAG_HEAD_POD] = {"CreatedHeadPod", "FailedToCreateHeadPod", "FailedCreateHeadPod", "Create", "Created head Pod",
                      "Failed to create head Pod"},
    [TAG_WORKER_POD] = {"CreatedWorkerPod", "FailedToCreateWorkerPod", "FailedCreateWorkerPod", "Create",
                        "Created worker Pod", "Failed to create worker Pod"},
    [TAG_DELETE_HEAD] = {"DeletedHeadPod", "FailedToDeleteHeadPod", "FailedDeleteHeadPod", "Delete", "Deleted head Pod",
                         "Failed to delete the head Pod"},
    [TAG_DELETE_WORKER] = {"DeletedWorkerPod", "FailedToDeleteWorkerPod", "FailedDeleteWorkerPod", "Delete",
                           "Deleted worker Pod", "Failed to delete worker Pod"},
    [TAG_DELETE_GROUP] = {NULL, "FailedToDeleteWorkerPodCollection", "FailedDeleteWorkerPod", "Delete", "",
                          "Failed to delete worker Pod"},
    [TAG_DELETE_ALL] = {NULL, "FailedToDeletePodCollection", "FailedDeleteAllPods", "Delete", "",
                        "Failed to delete Pod"},
};

/* The successes of one kind. One event reports all of them, because a batch of five hundred pods would otherwise cause
 * five hundred events. */
struct tally {
    unsigned n;
    bool cut;
    uint64_t of; /* the first one's tag: the group and the reason are those of all */
    struct rv_buf names;
    struct rv_str how; /* how the last one that had ended did so */
};

static void tally_add(struct tally *t, struct rv_str name) {
    t->n++;
    if (t->cut) return;
    t->cut = t->names.n + name.n > NAMES_BYTES;
    if (t->cut)
        rv_buf_adds(&t->names, ", ...");
    else
        rv_buf_addf(&t->names, "%s" RV_STR_FMT, t->n > 1 ? ", " : "", RV_STR_ARG(name));
}

/* The reference's words for it. */
static struct rv_str delete_reason_text(struct cluster_pass *p, uint64_t tag) {
    const struct creation_pace *pace = pace_by_id(p, TAG_PACE(tag));
    enum delete_reason why = TAG_REASON(tag);
    static const char *const texts_of[] = {[DELETE_REPLICA_INCOMPLETE] = "cleanup of incomplete multi-host group",
                                           [DELETE_REPLICA_NAMED] = "autoscaler scale-down request",
                                           [DELETE_REPLICA_ENDED] = "one of its hosts has ended",
                                           [DELETE_REPLICA_SURPLUS] = "scaling down"};
    if (why <= DELETE_NAMED || why >= RV_ARRAY_LEN(texts_of) || pace == NULL) return RV_STR("");
    if (why == DELETE_REPLICA_ENDED && pace->end_name != NULL)
        return rv_arena_fmt(p->arena, " for group %s: The worker Pod %s status is %s which is a terminal state",
                            pace->group, pace->end_name, pace->end_phase);
    return rv_arena_fmt(p->arena, " for group %s: %s", pace->group, texts_of[why]);
}

static void tally_report(struct cluster_pass *p, const struct tally *t, const struct outcome_text *text) {
    struct rv_str names = rv_buf_str(&t->names);
    if (t->n == 0 || text->did == NULL) return;
    bool named = text == &texts[TAG_DELETE_WORKER] && TAG_REASON(t->of) == DELETE_NAMED;
    const char *did = named ? "Deleted pod" : text->did_note;
    struct rv_str why = text == &texts[TAG_DELETE_WORKER] ? delete_reason_text(p, t->of) : RV_STR(""),
                  note = t->n == 1 ? rv_arena_fmt(p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT, did, RV_STR_ARG(p->c->ns),
                                                  RV_STR_ARG(names))
                                   : rv_arena_fmt(p->arena, "%ss %u in namespace " RV_STR_FMT ": " RV_STR_FMT, did,
                                                  t->n, RV_STR_ARG(p->c->ns), RV_STR_ARG(names));
    note = rv_arena_fmt(p->arena, RV_STR_FMT RV_STR_FMT "%s", RV_STR_ARG(note), RV_STR_ARG(why),
                        named ? ", which scaleStrategy.workersToDelete names" : "");
    if (t->how.n != 0)
        note = rv_arena_fmt(p->arena, RV_STR_FMT "; %s" RV_STR_FMT, RV_STR_ARG(note), t->n > 1 ? "the last: " : "",
                            RV_STR_ARG(t->how));
    ctx_event(&p->ctx, false, text->did, text->action, note);
}

/* The text of a failure without the random suffix of the name, so that equal failures have equal texts. */
static struct rv_str without_suffix(struct cluster_pass *p, struct rv_str text, struct rv_str name) {
    const char *at = name.n > 5 && text.n > 0 ? memmem(text.p, text.n, name.p, name.n) : NULL;
    if (at == NULL) return text;
    size_t before = (size_t)(at - text.p), after = text.n - before - name.n;
    return rv_arena_fmt(p->arena, "%.*s*%.*s", (int)(before + name.n - 5), text.p, (int)after, at + name.n);
}

/* Reports one failure of a group. The others failed for the same reason. */
static void creation_failed(struct cluster_pass *p, const struct rv_result *r, const struct outcome_text *t,
                            struct rv_str why) {
    struct creation_pace *pace = pace_by_id(p, TAG_PACE(r->tag));
    if (pace == NULL || pace->failed) return;
    struct rv_str text = without_suffix(p, why, r->name); /* what failed again is a series of the same event */
    ctx_event(&p->ctx, true, t->failed, t->action,
              rv_arena_fmt(p->arena, "%s for the cluster " RV_STR_FMT "/" RV_STR_FMT ", " RV_STR_FMT, t->failed_note,
                           RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name), RV_STR_ARG(text)));
    pace_failed(p, pace, rv_arena_fmt(p->arena, "%s: " RV_STR_FMT, t->failed_note, RV_STR_ARG(text)));
}

static void take_failure(struct cluster_pass *p, const struct rv_result *r, const struct outcome_text *t) {
    struct rv_str why = utf8_clip(rc_result_text(r), TEXT_MAX);
    if (r->verb == RV_VERB_CREATE) {
        creation_failed(p, r, t, why);
        return;
    }
    struct rv_str note = rv_arena_fmt(p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->failed_note,
                                      RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    p->ctx.retry = true;
    if (p->failure_text.n != 0) return;
    ctx_event(&p->ctx, true, t->failed, t->action, note);
    p->failure = t->marker;
    p->failure_text = note;
}

/* The result of updating a pod's annotation (outdated.c). A failure delays only further updates. */
static void stamp_result(struct cluster_pass *p, const struct rv_result *r) {
    struct rc_backoff *b = &p->memo->stamping;
    int64_t now = ctx_now(&p->ctx);
    if (r->code == 0 && b->after <= now) b->tries = 0;
    if (r->code == 0 || r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT || b->after > now) return;
    rc_backoff_failed(b, now, STAMP_WAIT_MAX_S);
    const struct rv_field fields[] = {{RV_STR("pod"), r->name}, {RV_STR("reason"), r->message}};
    p->ctx.api->log(p->ctx.host, RV_LOG_WARN, RV_STR("cannot note on a pod which spec it was made of"), fields,
                    RV_ARRAY_LEN(fields));
}

static void status_result(struct cluster_pass *p, const struct rv_result *r) {
    if (r->code == 0) return;
    /* If the object is gone or was replaced, this is no failure: the next event brings the newer object. */
    if (r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT) p->ctx.retry = true;
}

static void take_success(struct cluster_pass *p, const struct rv_result *r, struct tally *t) {
    struct creation_pace *pace = pace_by_id(p, TAG_PACE(r->tag));
    if (TAG_KIND(r->tag) == TAG_DELETE_WORKER && t->n > 0 && t->of != r->tag) { /* another group or reason */
        tally_report(p, t, &texts[TAG_DELETE_WORKER]);
        rv_buf_free(&t->names);
        *t = (struct tally){0};
    }
    if (pace != NULL && r->verb == RV_VERB_CREATE) pace->made++;
    /* The event about the deletion says how the pod ended. */
    if (pace != NULL && r->verb == RV_VERB_DELETE && pace->end_name != NULL && rv_str_is(r->name, pace->end_name))
        t->how = rv_arena_str(p->arena, rv_str(pace->end_text));
    if (t->n == 0) t->of = r->tag;
    tally_add(t, r->name);
}

static void take_result(struct cluster_pass *p, const struct rv_result *r, struct tally *tallies) {
    /* Such a namespace is never usable again. */
    if (r->verb == RV_VERB_CREATE && rc_namespace_ends(r)) p->memo->namespace_ends = true;
    bool gone = r->verb == RV_VERB_DELETE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT);
    uint32_t tag = TAG_KIND(r->tag);
    if (tag == TAG_STATUS)
        status_result(p, r);
    else if (tag == TAG_STAMP)
        stamp_result(p, r);
    else if (tag == TAG_FINALIZER || tag == TAG_CLEANUP_JOB)
        teardown_take_result(p, r);
    else if (tag >= RV_ARRAY_LEN(texts))
        owned_objects_take_result(p, r);
    else if (tag == TAG_OTHER || gone)
        return;
    else if (r->code != 0)
        take_failure(p, r, &texts[tag]);
    else
        take_success(p, r, &tallies[tag]);
}

void action_results_take(struct cluster_pass *p) {
    const struct rv_result *r;
    struct tally tallies[RV_ARRAY_LEN(texts)] = {0};
    for (uint64_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++) take_result(p, r, tallies);
    pace_grow(p);
    for (size_t i = 0; i < RV_ARRAY_LEN(tallies); i++) {
        tally_report(p, &tallies[i], &texts[i]);
        rv_buf_free(&tallies[i].names);
    }
}
