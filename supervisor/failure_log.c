/* failure_log.c - one line for many failures (see failure_log.h). */
#include "failure_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/log.h"
#include "ipc/base/utf8.h"

/* LONGEST_MS is the longest pause between two lines about the same problem. */
enum { COALESCE_MS = 300, QUIET_MS = 5000, LONGEST_MS = 60000, NAMES_MAX = 8, NAMED = 4, REASON_MAX = 200 };

struct name {
    char *text;
    uint64_t n;
};

struct tally {
    struct name names[NAMES_MAX];
    size_t n;
    bool more; /* there are others that are not named */
};

struct failure_log {
    struct failure_log_opts o;
    struct loop_timer *timer;
    struct tally of, reasons;
    /* How often since it began, and how often the log knows of. */
    uint64_t times, logged;
    int64_t began, last; /* monotonic, ns; 0 if there is none */
    int64_t pause_ms;    /* the pause until the next line */
    int64_t next;        /* monotonic, ns */
};

static void tally_add(struct tally *t, struct rv_str text) {
    for (size_t i = 0; i < t->n; i++)
        if (rv_str_is(text, t->names[i].text)) {
            t->names[i].n++;
            return;
        }
    if (t->n == NAMES_MAX)
        t->more = true;
    else
        t->names[t->n++] = (struct name){rv_strdup(text), 1};
}

static void tally_clear(struct tally *t) {
    for (size_t i = 0; i < t->n; i++) free(t->names[i].text);
    *t = (struct tally){0};
}

static void tally_print(const struct tally *t, bool counts, struct rv_buf *out) {
    for (size_t i = 0; i < t->n && i < NAMED; i++) {
        rv_buf_addf(out, "%s%s", i == 0 ? "" : ", ", t->names[i].text);
        if (counts && t->n > 1) rv_buf_addf(out, " (%" PRIu64 ")", t->names[i].n);
    }
    if (t->n > NAMED || t->more) rv_buf_adds(out, " and others");
}

static void log_failures(struct failure_log *t, int64_t now) {
    rv_autobuf struct rv_buf of = {0}, reasons = {0};
    char times[24];
    tally_print(&t->of, false, &of);
    tally_print(&t->reasons, true, &reasons);
    snprintf(times, sizeof times, "%" PRIu64, t->times - t->logged);
    log_warn(t->logged == 0 ? t->o.begins : t->o.lasts, "#times", times, "of", rv_buf_cstr(&of), "reason",
             rv_buf_cstr(&reasons));
    tally_clear(&t->of);
    tally_clear(&t->reasons);
    t->logged = t->times;
    t->pause_ms = t->pause_ms == 0 ? t->o.quiet_ms * 2 : t->pause_ms * 2 < LONGEST_MS ? t->pause_ms * 2 : LONGEST_MS;
    t->next = now + t->pause_ms * INT64_C(1000000);
}

static void log_end(struct failure_log *t, int64_t now) {
    char times[24], after[24];
    snprintf(times, sizeof times, "%" PRIu64, t->times);
    snprintf(after, sizeof after, "%.1f s", (double)(t->last - t->began) / 1e9);
    log_info(t->o.over, "after", after, "#times", times);
    tally_clear(&t->of); /* failures since the last line are counted in this one */
    tally_clear(&t->reasons);
    t->times = t->logged = 0;
    t->began = t->pause_ms = 0;
    t->next = now;
}

static void on_timer(void *arg) {
    struct failure_log *t = arg;
    int64_t now = clock_monotonic();
    bool lasts = t->o.persists != NULL && t->o.persists(t->o.arg);
    if (lasts) t->last = now;
    if (t->times > t->logged && now >= t->next) log_failures(t, now);
    if (!lasts && now - t->last >= t->o.quiet_ms * INT64_C(1000000))
        log_end(t, now);
    else
        loop_timer_arm(t->timer, t->o.quiet_ms);
}

struct failure_log *failure_log_new(const struct failure_log_opts *o) {
    struct failure_log *t = rv_alloc(sizeof *t);
    t->o = *o;
    if (t->o.coalesce_ms == 0) t->o.coalesce_ms = COALESCE_MS;
    if (t->o.quiet_ms == 0) t->o.quiet_ms = QUIET_MS;
    t->timer = loop_timer(o->loop, on_timer, t);
    return t;
}

struct failure_log *failure_log_free(struct failure_log *t) {
    if (t == NULL) return NULL;
    if (t->times > t->logged) log_failures(t, clock_monotonic());
    loop_timer_free(t->timer);
    tally_clear(&t->of);
    tally_clear(&t->reasons);
    free(t);
    return NULL;
}

void failure_log_report(struct failure_log *t, struct rv_str of, struct rv_str reason) {
    t->last = clock_monotonic();
    if (t->began == 0) {
        t->began = t->last;
        t->next = 0;
        loop_timer_arm(t->timer, t->o.coalesce_ms);
    }
    t->times++;
    tally_add(&t->of, of);
    tally_add(&t->reasons, utf8_clip(reason, REASON_MAX));
}
