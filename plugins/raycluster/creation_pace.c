/* creation_pace.c - see creation_pace.h. */
#include "creation_pace.h"

#include <stdlib.h>

#include "ipc/base/utf8.h"
#include "pass.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"

enum { BATCH_FIRST = 16, BATCH_MAX = 512, WAIT_MAX_S = 60, EARLY_S = 600, TEXT_MAX = 2048 };

/* ---- one for each group ------------------------------------------------------------------------------------------ */

void pace_free(struct creation_pace *pace) {
    while (pace->unfinished != NULL) pace_finished(pace, rv_str(pace->unfinished->replica));
    free(pace->group);
    free(pace->why);
    free(pace->end_name);
    free(pace->end_text);
    free(pace->end_phase);
    free(pace);
}

struct creation_pace *pace_of(struct cluster_pass *p, struct rv_str group) {
    struct cluster_memo *m = p->memo;
    struct creation_pace *last = m->last_pace, *found = last;
    if (found != NULL && !rv_str_is(group, found->group)) found = found->next;
    if (found != NULL && !rv_str_is(group, found->group)) found = NULL;
    if (found == NULL)
        for (found = m->paces; found != NULL && !rv_str_is(group, found->group);) found = found->next;
    if (found == NULL) {
        struct creation_pace **at = last != NULL ? &last->next : &m->paces;
        found = rv_alloc(sizeof *found);
        *found =
            (struct creation_pace){.next = *at, .group = rv_strdup(group), .id = ++m->pace_ids, .batch = BATCH_FIRST};
        *at = found;
    }
    return m->last_pace = found;
}

struct creation_pace *pace_by_id(struct cluster_pass *p, uint32_t id) {
    for (struct creation_pace *pace = p->memo->paces; pace != NULL; pace = pace->next)
        if (pace->id == id) return pace;
    return NULL;
}

static bool in_spec(struct cluster_pass *p, const char *group) {
    return strcmp(group, RC_HEAD_GROUP) == 0 || rv_val_present(cluster_group(p, rv_str(group)));
}

/* Drops the paces of groups that are gone. An edit of the spec may correct what failed, so creations are tried at once.
 * A change of sizes alone does not count, because an autoscaler makes it all the time. */
static void after_edit(struct cluster_pass *p) {
    struct cluster_memo *m = p->memo;
    bool edited = !rv_str_is(cluster_spec_hash(p), m->paced_hash);
    m->last_pace = NULL;
    for (struct creation_pace **at = &m->paces; *at != NULL;) {
        struct creation_pace *pace = *at;
        if (!in_spec(p, pace->group)) {
            *at = pace->next;
            pace_free(pace);
            continue;
        }
        if (edited) {
            pace->creation.after = 0;
            pace->ends = 0;
        }
        at = &pace->next;
    }
    m->paced = p->c->generation;
    memcpy(m->paced_hash, cluster_spec_hash(p).p, sizeof m->paced_hash);
}

void pace_begin(struct cluster_pass *p) {
    if (p->memo->paced != p->c->generation || p->memo->paced_hash[0] == 0) after_edit(p);
    for (struct creation_pace *pace = p->memo->paces; pace != NULL; pace = pace->next) {
        pace->requested = pace->made = 0;
        pace->failed = false;
    }
}

void pace_grow(struct cluster_pass *p) {
    for (struct creation_pace *pace = p->memo->paces; pace != NULL; pace = pace->next) {
        if (pace->made == 0 || pace->failed) continue;
        pace->creation.tries = 0;
        if (pace->batch < BATCH_MAX) pace->batch *= 2;
    }
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void replace_text(char **at, struct rv_str text) {
    free(*at);
    *at = rv_strdup(utf8_clip(text, TEXT_MAX));
}

void pace_failed(struct cluster_pass *p, struct creation_pace *pace, struct rv_str why) {
    pace->failed = true;
    pace->batch = 1;
    replace_text(&pace->why, why);
    rc_backoff_failed(&pace->creation, ctx_now(&p->ctx), WAIT_MAX_S);
}

void pace_content(struct creation_pace *pace) { pace->creation = (struct rc_backoff){0}; }

bool pace_waits(struct cluster_pass *p, struct creation_pace *pace) {
    int64_t left = pace->creation.after - ctx_now(&p->ctx), seconds = left / RC_SECOND + 1;
    if (left <= 0) return false;
    ctx_explain(&p->ctx, "group %s: %s; the next try is in %lld s", pace->group,
                pace->creation.tries > 0 ? "the last creation failed" : "its pods end soon after their start",
                (long long)seconds);
    ctx_wake(&p->ctx, pace->creation.after);
    return true;
}

static void report_failure(struct cluster_pass *p, struct rv_str group, const char *marker) {
    const struct creation_pace *pace = pace_of(p, group);
    if (pace->creation.tries == 0) return;
    p->failure = marker;
    p->failure_text = rv_arena_str(p->arena, rv_str(pace->why));
}

void pace_report_failure(struct cluster_pass *p) {
    if (p->failure == NULL) report_failure(p, RV_STR(RC_HEAD_GROUP), "FailedCreateHeadPod");
    for (struct rv_iter g = rv_iter(rc_groups(p->c)); p->failure == NULL && rv_iter_next(&g);)
        report_failure(p, rv_path_str(g.val, "groupName"), "FailedCreateWorkerPod");
}

/* ---- pods that end ----------------------------------------------------------------------------------------------- */

void pace_pod_ended(struct cluster_pass *p, struct creation_pace *pace, const struct observed_pod *pod) {
    int64_t now = ctx_now(&p->ctx), wait = 0;
    replace_text(&pace->end_name, pod->name);
    replace_text(&pace->end_text, pod_end_text(p, pod));
    replace_text(&pace->end_phase, rv_path_str(pod->value, "status.phase"));
    if (pod->made + RC_SECOND <= pace->ended) return; /* it belongs to a batch that was already counted */
    if (now - pace->ended > EARLY_S * RC_SECOND) pace->ends = 0;
    pace->ends = now - pod->made < EARLY_S * RC_SECOND ? pace->ends + 1 : 0;
    pace->ended = now;
    /* After the first end the pod is replaced at once. */
    if (pace->ends > 1) wait = INT64_C(1) << (pace->ends < 8 ? pace->ends - 2 : 6);
    if (wait > WAIT_MAX_S) wait = WAIT_MAX_S;
    if (now + wait * RC_SECOND > pace->creation.after) pace->creation.after = now + wait * RC_SECOND;
}

static bool group_is_complete(const struct cluster_pass *p, struct rv_str group, int64_t desired) {
    struct pod_range r = observed_group(p, group);
    int64_t ready = 0;
    for (size_t i = 0; i < r.n; i++) ready += r.list[i]->ready && !r.list[i]->deleting;
    return ready >= desired;
}

static struct blocker crash_loop(struct cluster_pass *p, struct creation_pace *pace, bool head, int64_t desired) {
    const struct observed_pod *there = head ? observed_head(p) : NULL;
    if (pace->ends < 2 || ctx_now(&p->ctx) - pace->ended > EARLY_S * RC_SECOND) return (struct blocker){0};
    if (head ? there != NULL && there->ready && !there->deleting : group_is_complete(p, rv_str(pace->group), desired))
        return (struct blocker){0};
    struct rv_str text = rv_arena_fmt(
        p->arena, "%s%s: %u in a row ended soon after their start, the last was %s; %s. Its log may say why",
        head ? "head pods" : "worker pods of group ", head ? "" : pace->group, pace->ends, pace->end_name,
        pace->end_text);
    return (struct blocker){RV_STR("CrashLoop"), text, true};
}

struct blocker pace_blocker(struct cluster_pass *p) {
    struct blocker b = crash_loop(p, pace_of(p, RV_STR(RC_HEAD_GROUP)), true, 1);
    for (struct rv_iter g = rv_iter(rc_groups(p->c)); b.reason.n == 0 && rv_iter_next(&g);)
        b = crash_loop(p, pace_of(p, rv_path_str(g.val, "groupName")), false, rc_group_desired(g.val));
    return b;
}

/* ---- replicas that are being made -------------------------------------------------------------------------------- */

static struct unfinished_replica **find(struct creation_pace *pace, struct rv_str replica) {
    struct unfinished_replica **u = &pace->unfinished;
    while (*u != NULL && !rv_str_is(replica, (*u)->replica)) u = &(*u)->next;
    return u;
}

void pace_unfinished(struct creation_pace *pace, struct rv_str replica) {
    struct unfinished_replica **u = find(pace, replica);
    if (*u != NULL) return;
    *u = rv_alloc(sizeof **u);
    **u = (struct unfinished_replica){.replica = rv_strdup(replica)};
}

void pace_finished(struct creation_pace *pace, struct rv_str replica) {
    struct unfinished_replica **u = find(pace, replica), *gone = *u;
    if (gone == NULL) return;
    *u = gone->next;
    free(gone->replica);
    free(gone);
}

bool pace_is_unfinished(const struct creation_pace *pace, struct rv_str replica) {
    for (const struct unfinished_replica *u = pace->unfinished; u != NULL; u = u->next)
        if (rv_str_is(replica, u->replica)) return true;
    return false;
}
