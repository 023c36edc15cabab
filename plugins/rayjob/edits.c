/* edits.c - see edits.h. Marks of two versions of the operator cannot be compared, because the defaults of the schema
 * may differ. A mark of another version is ignored. */
#include "edits.h"

#define VERSION "v" RV_VERSION "/"

static const char *const of_cluster[] = {"rayClusterSpec", "clusterSelector"}, *const of_submission[] = {
                                                                                   "entrypoint",
                                                                                   "runtimeEnvYAML",
                                                                                   "metadata",
                                                                                   "jobId",
                                                                                   "entrypointNumCpus",
                                                                                   "entrypointNumGpus",
                                                                                   "entrypointResources",
                                                                                   "submissionMode",
                                                                                   "submitterPodTemplate",
                                                                                   "submitterConfig"};

static struct rv_str mark(struct job_pass *p, const char *const *fields, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct rv_val v = rv_val_get(p->j->spec, fields[i]);
        sum = sum * UINT64_C(1099511628211) + i + 1;
        if (rv_val_set(v)) sum ^= rv_val_hash(v).hi;
    }
    return rv_arena_fmt(p->arena, VERSION "%016llx", (unsigned long long)sum);
}

static struct rv_str cluster_mark(struct job_pass *p) { return mark(p, of_cluster, RV_ARRAY_LEN(of_cluster)); }

static struct rv_str submission_mark(struct job_pass *p) { return mark(p, of_submission, RV_ARRAY_LEN(of_submission)); }

void edits_mark(struct job_pass *p, bool cluster, bool submission) {
    if (cluster || p->now.made_cluster.n == 0) p->now.made_cluster = cluster_mark(p);
    if (submission || p->now.made_submission.n == 0) p->now.made_submission = submission_mark(p);
}

static bool differs(struct rv_str was, struct rv_str is) { return rv_str_starts(was, VERSION) && !rv_str_eq(was, is); }

bool edits_of_submission(struct job_pass *p) { return differs(p->now.made_submission, submission_mark(p)); }

struct rv_str edits_not_followed(struct job_pass *p) {
    enum rj_phase phase = p->now.phase;
    bool over = rj_phase_ended(phase);
    if (!over && phase != RJ_INITIALIZING && phase != RJ_WAITING && phase != RJ_RUNNING)
        return (struct rv_str){NULL, 0};
    bool cluster = differs(p->now.made_cluster, cluster_mark(p)), submission = edits_of_submission(p);
    if (!cluster && !submission) return (struct rv_str){NULL, 0};
    const char *what = cluster && submission ? "spec.rayClusterSpec, and what is submitted, were"
                       : cluster             ? "spec.rayClusterSpec was"
                                             : "What is submitted (entrypoint, ...) was";
    return rv_arena_fmt(p->arena, "%s changed after this attempt was made: %s", what,
                        over ? "the RayJob has ended, so the edit has no effect"
                             : "the edit takes effect with the next attempt, or after a suspension");
}
