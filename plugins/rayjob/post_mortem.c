/* post_mortem.c - see post_mortem.h. */
#include "post_mortem.h"

#include <stdlib.h>

#include "ipc/base/utf8.h"
#include "job_requests.h"
#include "observe.h"
#include "plugins/ray/dashboard.h"
#include "plugins/ray/obstacle.h"

/* The note of an Event has 1 KiB. */
enum { NOTE_MAX = 1000, WHY_MAX = 240, SAID_MAX = 160, CONTAINERS_MAX = 4 };

/* What the container wrote into its termination message, if it did. */
static void add_end(struct job_pass *p, struct rv_str pod, struct rv_val container, struct rv_buf *out) {
    struct rv_val end = rv_val_path(container, "state.terminated");
    if (!rv_val_set(end)) end = rv_val_path(container, "lastState.terminated");
    if (!rv_val_set(end)) return;
    struct rv_str said = utf8_clip(rv_path_str(end, "message"), SAID_MAX);
    int64_t restarts = rv_path_int(container, "restartCount", 0);
    rv_buf_addf(out, "; container " RV_STR_FMT " of " RV_STR_FMT " ended with " RV_STR_FMT,
                RV_STR_ARG(rv_path_str(container, "name")), RV_STR_ARG(pod), RV_STR_ARG(rc_terminated(p->arena, end)));
    if (restarts > 0) rv_buf_addf(out, " (restarted %lld times)", (long long)restarts);
    if (said.n != 0) rv_buf_addf(out, ": " RV_STR_FMT, RV_STR_ARG(said));
}

static void add_ends(struct job_pass *p, struct rv_str pod, struct rv_val value, struct rv_buf *out) {
    int left = CONTAINERS_MAX;
    for (struct rv_iter it = rv_iter(rv_val_path(value, "status.containerStatuses")); left-- > 0 && rv_iter_next(&it);)
        add_end(p, pod, it.val, out);
}

struct ends {
    struct job_pass *p;
    struct rv_buf *out;
};

static bool add_submitter(void *arg, const struct rv_object *pod) {
    const struct ends *e = arg;
    add_ends(e->p, pod->name, pod->value, e->out);
    return e->out->n < NOTE_MAX;
}

static void describe(struct job_pass *p, struct rv_buf *out) {
    struct rv_str why = utf8_clip(p->now.message, WHY_MAX);
    struct rv_query of_submitter = {.size = sizeof of_submitter, .kind = KIND_SUBMITTER_POD, .ns = p->ctx.ns};
    rv_buf_addf(out, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(p->now.reason), why.n != 0 ? ": " : "", RV_STR_ARG(why));
    add_ends(p, rv_path_str(p->head_value, "metadata.name"), p->head_value, out);
    of_submitter.owner_uid = p->submitter.uid;
    if (of_submitter.owner_uid.n != 0)
        (void)p->ctx.api->list(p->ctx.host, &of_submitter, add_submitter, &(struct ends){p, out});
    if (head_end(p).n != 0) rv_buf_addf(out, "; the head: " RV_STR_FMT, RV_STR_ARG(head_end(p)));
}

/* The end of it: whole lines, as far as there is room. */
static struct rv_str last_lines(struct rv_str log, size_t room) {
    while (log.n > 0 && log.p[log.n - 1] == '\n') log.n--;
    if (log.n <= room) return log;
    struct rv_str end = {log.p + (log.n - room), room};
    const char *nl = memchr(end.p, '\n', end.n);
    size_t skip = nl != NULL ? (size_t)(nl - end.p) + 1 : 0;
    if (skip == 0) /* one long line: from the beginning of a character on */
        while (skip < end.n && ((unsigned char)end.p[skip] & 0xc0) == 0x80) skip++;
    return (struct rv_str){end.p + skip, end.n - skip};
}

static void tell(struct job_pass *p, struct rv_str log) {
    rv_autobuf struct rv_buf note = {0};
    rv_buf_add_str(&note, utf8_clip(rv_str(p->memo->post_mortem), NOTE_MAX));
    if (log.n != 0 && note.n + 40 < NOTE_MAX) {
        rv_buf_adds(&note, "; the last lines of its log:\n");
        rv_buf_add_str(&note, last_lines(log, NOTE_MAX - note.n));
    }
    ctx_event(&p->ctx, true, "PostMortem", "Inspect", rv_buf_str(&note));
    free(p->memo->post_mortem);
    p->memo->post_mortem = NULL;
}

void post_mortem(struct job_pass *p) {
    enum rj_phase was = p->was.phase, now = p->now.phase;
    bool failed = was != now && (now == RJ_FAILED || now == RJ_RETRYING) && !rj_phase_ended(was) && was != RJ_RETRYING;
    rv_autobuf struct rv_buf text = {0};
    if (!p->settings->post_mortem || !failed) return;
    describe(p, &text);
    free(p->memo->post_mortem);
    p->memo->post_mortem = rv_strdup(rv_buf_str(&text));
    bool can_ask = p->now.job_id.n != 0 && p->now.dashboard.n != 0 && has_cluster(p) && !cannot_ask_ray(p) &&
                   !rv_meta_deleting(p->cluster.value);
    if (!can_ask || !request_job_log(p)) tell(p, RV_STR(""));
}

void post_mortem_take_log(struct job_pass *p, const struct rv_result *r) {
    struct rv_val v = {r->body.p, r->body.n};
    if (p->memo->post_mortem != NULL) tell(p, rc_dashboard_ok(r) && r->json ? rv_path_str(v, "logs") : RV_STR(""));
}
