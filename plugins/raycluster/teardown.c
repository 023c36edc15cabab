/* teardown.c - a cluster whose fault tolerance keeps its state in Redis leaves that state behind; a finalizer holds the
 * cluster until a Job has removed it (spec section 6).
 *
 *   deleted ─► all pods deleted ─► head gone ─► Job runs ─► finished, or the deadline passed ─► finalizer removed
 *
 * A namespace that is being deleted takes no new Job: there the finalizer goes at once. A finalizer that cannot be
 * written is tried again more and more slowly, and told.
 *
 * Deletion never depends on the spec being valid: what became of it since, the deadline holds from the moment of
 * deletion, so no cluster can stay for ever. The same for one whose options were removed, or whose backend was changed:
 * there is nothing that could be emptied, so the finalizer goes at once. */
#include "pass.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/objects.h"

enum { HEAD_GONE_MS = 10000, JOB_MS = 30000 };
#define SECOND INT64_C(1000000000)

static bool has_finalizer(const struct rc_cluster *c) {
    for (struct rv_iter it = rv_iter(rv_val_get(c->meta, "finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), RC_FINALIZER_REDIS)) return true;
    return false;
}

static bool needs_cleanup(const struct rc_cluster *c) { return c->f.ft_redis && c->settings->redis_cleanup; }

/* The list as it was read, with ours or without: the resourceVersion makes sure that nobody else's is lost. */
static void set_finalizer(struct pass *p, bool present) {
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a), *meta = rv_node_ensure_map(a, body, "metadata"),
                   *list = rv_node_ensure_array(a, meta, "finalizers");
    for (struct rv_iter it = rv_iter(rv_val_get(p->c->meta, "finalizers")); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), RC_FINALIZER_REDIS)) rv_node_append(a, list, rv_node_from(a, it.val));
    if (present) rv_node_append(a, list, rv_node_str(a, RV_STR(RC_FINALIZER_REDIS)));
    rv_node_set_str(a, meta, "resourceVersion", rv_path_str(p->c->meta, "resourceVersion"));
    pass_patch(p, "ray.io/v1", "rayclusters", p->c->name, p->c->uid, body, TAG_FINALIZER);
}

bool teardown_guard(struct pass *p) {
    if (!needs_cleanup(p->c) || has_finalizer(p->c)) {
        pass_trouble_over(p, TROUBLE_FINALIZER);
        return false;
    }
    if (p->sub_retry) return true;
    pass_explain(p, "adding the finalizer that will have Redis emptied when the cluster is deleted");
    set_finalizer(p, true);
    return true;
}

static int64_t deadline(const struct pass *p) {
    int64_t seconds, deleted;
    if (rv_str_to_int(rc_annotation(p->c, RC_ANNOTATION_FT_DELETION_TIMEOUT), 1, INT32_MAX, &seconds) != 0)
        seconds = RC_FT_DELETION_TIMEOUT_S;
    if (rv_time_parse(rv_path_str(p->c->meta, "deletionTimestamp"), &deleted) != 0) return 0;
    return deleted + seconds * SECOND;
}

static bool finished(struct rv_val job) {
    static const char *const ends[] = {"Complete", "Failed", "FailureTarget"};
    for (size_t i = 0; i < RV_ARRAY_LEN(ends); i++)
        if (rv_condition_is(rv_val_path(job, "status.conditions"), ends[i], "True")) return true;
    return false;
}

static void release(struct pass *p, const char *why) {
    pass_explain(p, "removing the finalizer: %s", why);
    set_finalizer(p, false);
}

static bool take_first(void *arg, const struct rv_object *o) {
    rv_object_copy(arg, o);
    return false;
}

/* Ours has another name where somebody else's Job has the usual one: what became of that says nothing of our Redis. */
static struct rv_str job_name(struct pass *p) {
    struct rv_object other = {.size = sizeof other};
    struct rv_str usual = rc_cleanup_job_name(p->arena, p->c);
    bool taken = p->memo->job_name_taken || p->api->get(p->host, KIND_JOB, p->c->ns, usual, &other) == 0;
    return taken ? rc_cleanup_job_other_name(p->arena, p->c) : usual;
}

/* What happens if what is waited for does not. */
static struct rv_str otherwise(struct pass *p) {
    char at[32];
    rv_time_format(deadline(p), at);
    return rv_arena_fmt(p->arena,
                        "; at %s (annotation " RC_ANNOTATION_FT_DELETION_TIMEOUT
                        ") the cluster goes in any case, and its state in Redis may remain",
                        at);
}

static void explain_head(struct pass *p, const struct pass_pod *head) {
    struct blocker b = see_lingering(p);
    struct rv_str what =
        b.reason.n != 0 ? b.text : rv_arena_fmt(p->arena, "head pod " RV_STR_FMT " to be gone", RV_STR_ARG(head->name));
    pass_explain(p, "being deleted: waiting for the " RV_STR_FMT ". Then a Job empties Redis" RV_STR_FMT,
                 RV_STR_ARG(what), RV_STR_ARG(otherwise(p)));
}

static void run_job(struct pass *p) {
    struct rv_object job = {.size = sizeof job};
    struct rv_query q = {.size = sizeof q, .kind = KIND_JOB, .ns = p->c->ns, .owner_uid = p->c->uid};
    if (p->api->list(p->host, &q, take_first, &job) <= 0) {
        struct rv_str name = job_name(p);
        pass_explain(p, "being deleted: creating the Job " RV_STR_FMT " that empties Redis" RV_STR_FMT,
                     RV_STR_ARG(name), RV_STR_ARG(otherwise(p)));
        struct rv_node *fresh = rc_cleanup_job(p->arena, p->c);
        rv_node_set_str(p->arena, rv_node_get(fresh, "metadata"), "name", name);
        pass_create(p, "batch/v1", "jobs", fresh, TAG_CLEANUP_JOB);
    } else if (finished(job.value)) {
        release(p, "the Job that empties Redis has finished");
    } else {
        pass_explain(p,
                     "being deleted: waiting for the Job " RV_STR_FMT
                     ", which empties Redis, to finish. Then the finalizer " RC_FINALIZER_REDIS
                     " is removed and the cluster goes" RV_STR_FMT,
                     RV_STR_ARG(job.name), RV_STR_ARG(otherwise(p)));
        p->after_ms = JOB_MS;
    }
}

static void step(struct pass *p) {
    int64_t left = deadline(p) - p->api->now(p->host);
    if (!needs_cleanup(p->c)) {
        release(p, "the spec no longer says where the state of the GCS is kept");
        return;
    }
    pass_delete_pods(p);
    if (left <= 0) {
        pass_event(p, true, "ForceDeletedStuckCluster", "Cleanup",
                   RV_STR("Redis was not emptied in time (annotation " RC_ANNOTATION_FT_DELETION_TIMEOUT
                          " sets how long that may take): the cluster goes, its state in Redis may remain"));
        release(p, "its time is up");
    } else if (p->memo->namespace_ends) {
        pass_event(p, true, "ForceDeletedStuckCluster", "Cleanup",
                   RV_STR("The namespace is being deleted and takes no Job any more: the cluster goes, its state in "
                          "Redis may remain"));
        release(p, "its namespace is being deleted");
    } else if (see_head(p) != NULL) {
        explain_head(p, see_head(p));
        p->after_ms = HEAD_GONE_MS;
    } else {
        run_job(p);
    }
    if (left > 0 && p->after_ms > left / 1000000) p->after_ms = left / 1000000 + 1;
}

/* As the admission of the API server words it; the code is that of any refusal. */
static bool namespace_ends(const struct rv_result *r) {
    static const char words[] = "because it is being terminated";
    return r->code == RV_E_FORBIDDEN && r->message.n != 0 &&
           memmem(r->message.p, r->message.n, words, sizeof words - 1) != NULL;
}

static void job_result(struct pass *p, const struct rv_result *r, struct rv_str why) {
    if (r->code == 0)
        pass_event(p, false, "CreatedRedisCleanupJob", "Create",
                   rv_arena_fmt(p->arena, "Created Redis cleanup Job " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(p->c->ns),
                                RV_STR_ARG(r->name)));
    bool another = r->code == RV_E_EXISTS && !p->memo->job_name_taken; /* under another name it may go */
    if (r->code == RV_E_EXISTS) p->memo->job_name_taken = true;
    if (namespace_ends(r)) p->memo->namespace_ends = true;
    if (r->code == 0 || another || p->memo->namespace_ends) return;
    p->sub_retry = true;
    pass_event(p, true, "FailedToCreateRedisCleanupJob", "Create",
               rv_arena_fmt(p->arena,
                            "Failed to create the Redis cleanup Job " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                            RV_STR_ARG(p->c->ns), RV_STR_ARG(r->name), RV_STR_ARG(why)));
}

static void finalizer_result(struct pass *p, const struct rv_result *r, struct rv_str why) {
    if (r->code == 0 || r->code == RV_E_NOT_FOUND) return;
    p->sub_retry = true;
    if (r->code == RV_E_CONFLICT) return; /* it changed meanwhile: the newer one is on its way */
    struct rv_str text =
        rv_arena_fmt(p->arena, "Failed to %s the finalizer " RC_FINALIZER_REDIS ": " RV_STR_FMT "; %s",
                     rv_meta_deleting(p->c->value) ? "remove" : "add", RV_STR_ARG(why),
                     rv_meta_deleting(p->c->value) ? "the cluster stays until it can be"
                                                   : "without it no pods are made, for nothing would empty Redis");
    pass_event(p, true, "FailedToUpdateFinalizer", "Update", text);
    pass_trouble(p, TROUBLE_FINALIZER, "FailedToUpdateFinalizer", text);
}

void teardown_result(struct pass *p, const struct rv_result *r) {
    struct rv_str why = r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code));
    if (r->tag == TAG_CLEANUP_JOB)
        job_result(p, r, why);
    else
        finalizer_result(p, r, why);
}

void teardown(struct pass *p, struct rv_outcome *out) {
    if (!has_finalizer(p->c)) {
        pass_explain(p, "being deleted: its pods and services go with it");
        return;
    }
    pass_take_results(p);
    see(p);
    bool late = deadline(p) <= p->api->now(p->host); /* then nothing that fails holds it any longer */
    if (late || (!p->retry && !p->sub_retry))
        step(p);
    else
        pass_explain(p, "being deleted: what failed is tried again" RV_STR_FMT, RV_STR_ARG(otherwise(p)));
    out->code = p->retry || p->sub_retry ? RV_RETRY : p->after_ms > 0 ? RV_AFTER : RV_DONE;
    out->after_ms = p->after_ms;
}
