/* outcome.c - what became of the last pass's actions: events, the reason of ReplicaFailure, and the pace. Batches of
 * creations double while all goes well; the first failure makes them small again and the key backs off, so that a quota
 * is not hammered. */
#include "fields.h"
#include "pass.h"

enum { BATCH_MAX = 512, CREATE_WAIT_MAX_S = 60, NAMES_BYTES = 800 /* an event's note has room for 1024 */ };

static const struct outcome_text {
    const char *did, *failed, *marker, *action, *did_note, *failed_note;
} texts[] = {
    [TAG_HEAD_POD] = {"CreatedHeadPod", "FailedToCreateHeadPod", "FailedCreateHeadPod", "Create", "Created head Pod",
                      "Failed to create the head Pod"},
    [TAG_WORKER_POD] = {"CreatedWorkerPod", "FailedToCreateWorkerPod", "FailedCreateWorkerPod", "Create",
                        "Created worker Pod", "Failed to create worker Pod"},
    [TAG_DELETE_HEAD] = {"DeletedHeadPod", "FailedToDeleteHeadPod", "FailedDeleteHeadPod", "Delete", "Deleted head Pod",
                         "Failed to delete the head Pod"},
    [TAG_DELETE_WORKER] = {"DeletedWorkerPod", "FailedToDeleteWorkerPod", "FailedDeleteWorkerPod", "Delete",
                           "Deleted worker Pod", "Failed to delete worker Pod"},
    [TAG_DELETE_ALL] = {NULL, "FailedToDeletePodCollection", "FailedDeleteAllPods", "Delete", "",
                        "Failed to delete Pod"},
};

/* Successes of one kind. One event tells of all: a batch of five hundred pods is one piece of news. */
struct tally {
    unsigned n;
    bool cut;
    struct rv_buf names;
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

static void tally_tell(struct pass *p, const struct tally *t, const struct outcome_text *text) {
    struct rv_str names = rv_buf_str(&t->names);
    if (t->n == 0 || text->did == NULL) return;
    struct rv_str note = t->n == 1 ? rv_arena_fmt(p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT, text->did_note,
                                                  RV_STR_ARG(p->c->ns), RV_STR_ARG(names))
                                   : rv_arena_fmt(p->arena, "%ss %u in namespace " RV_STR_FMT ": " RV_STR_FMT,
                                                  text->did_note, t->n, RV_STR_ARG(p->c->ns), RV_STR_ARG(names));
    pass_event(p, false, text->did, text->action, note);
}

/* The reason without what is drawn anew for each try, so that equal failures read equal. */
static struct rv_str without_suffix(struct pass *p, struct rv_str text, struct rv_str name) {
    const char *at = name.n > 5 && text.n > 0 ? memmem(text.p, text.n, name.p, name.n) : NULL;
    if (at == NULL) return text;
    size_t before = (size_t)(at - text.p), after = text.n - before - name.n;
    return rv_arena_fmt(p->arena, "%.*s*%.*s", (int)(before + name.n - 5), text.p, (int)after, at + name.n);
}

void pass_hold_creations(struct pass *p) {
    struct memo *m = p->memo;
    int64_t seconds = INT64_C(1) << (m->create_failures < 6 ? m->create_failures : 6);
    if (seconds > CREATE_WAIT_MAX_S) seconds = CREATE_WAIT_MAX_S;
    m->create_failures++;
    m->create_after = p->api->now(p->host) + seconds * INT64_C(1000000000);
    m->batch = 1;
}

static void take_failure(struct pass *p, const struct rv_result *r, const struct outcome_text *t) {
    struct rv_str why = r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code));
    struct rv_str note = rv_arena_fmt(p->arena, "%s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->failed_note,
                                      RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    bool create = r->verb == RV_VERB_CREATE;
    if (p->failure_text.n != 0) return; /* the others failed for the same reason */
    pass_event(p, true, t->failed, t->action, note);
    p->failure = t->marker;
    p->failure_text =
        create ? rv_arena_fmt(p->arena, "%s: " RV_STR_FMT, t->failed_note, RV_STR_ARG(without_suffix(p, why, r->name)))
               : note;
    if (create)
        pass_hold_creations(p);
    else
        p->retry = true;
}

static void status_result(struct pass *p, const struct rv_result *r) {
    if (r->code == 0) return;
    /* Gone or replaced meanwhile is no failure: the next event brings the newer object. */
    if (r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT) p->retry = true;
}

void pass_take_results(struct pass *p) {
    const struct rv_result *results;
    struct tally tallies[RV_ARRAY_LEN(texts)] = {0};
    uint64_t n = p->api->results(p->host, &results);
    for (uint64_t i = 0; i < n; i++) {
        const struct rv_result *r = &results[i];
        bool gone = r->verb == RV_VERB_DELETE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT);
        if (r->tag == TAG_STATUS)
            status_result(p, r);
        else if (r->tag == TAG_FINALIZER || r->tag == TAG_CLEANUP_JOB)
            teardown_result(p, r);
        else if (r->tag >= RV_ARRAY_LEN(texts))
            sub_result(p, r);
        else if (r->tag == TAG_OTHER || gone)
            continue;
        else if (r->code != 0)
            take_failure(p, r, &texts[r->tag]);
        else
            tally_add(&tallies[r->tag], r->name);
    }
    bool grew = tallies[TAG_HEAD_POD].n + tallies[TAG_WORKER_POD].n > 0 && p->failure == NULL;
    if (grew) p->memo->create_failures = 0;
    if (grew && p->memo->batch < BATCH_MAX) p->memo->batch *= 2;
    for (size_t i = 0; i < RV_ARRAY_LEN(tallies); i++) {
        tally_tell(p, &tallies[i], &texts[i]);
        rv_buf_free(&tallies[i].names);
    }
}
