/* verdict.c - asks a plugin about objects that somebody wants to create or to change (see plugin.h).
 *
 * Whoever may write such an object can make the plugin compute, and would find it if it crashed. So few questions wait
 * for one plugin, and one that died of a question is not asked for a while: its work goes on. */
#include <stdlib.h>

#include "plugin_internal.h"

enum { WAITING_MAX = 64, UNSENT_MAX = 8 << 20, REST_MS = 600000 };

const char *plugin_validate(struct plugin *p, const struct msg_validate *about, struct rv_bytes pair,
                            plugin_verdict_fn done, void *arg) {
    size_t n = 0;
    if (!plugin_listens(p) || !p->welcome) return "does not run";
    if (!p->judges) return "was built before it could be asked";
    if (clock_monotonic() < p->judges_from) return "died of such a question a moment ago";
    for (const struct pending_verdict *v = p->verdicts; v != NULL; v = v->next) n++;
    if (n >= WAITING_MAX || lane_queued_bytes(p->lane) > UNSENT_MAX) return "is busy";
    struct pending_verdict *v = rv_alloc(sizeof *v);
    *v = (struct pending_verdict){p->verdicts, ++p->corr, done, arg};
    p->verdicts = v;
    struct msg m = {.type = MSG_VALIDATE, .validate = *about, .payload = pair};
    m.validate.corr = v->corr;
    lane_send(p->lane, &m);
    return NULL;
}

void plugin_validate_cancel(struct plugin *p, const void *arg) {
    for (struct pending_verdict **at = &p->verdicts; *at != NULL;) {
        struct pending_verdict *v = *at;
        if (v->arg != arg) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        free(v);
    }
}

void verdict_arrived(struct plugin *p, const struct msg_verdict *m) {
    for (struct pending_verdict **at = &p->verdicts; *at != NULL; at = &(*at)->next) {
        struct pending_verdict *v = *at;
        if (v->corr != m->corr) continue;
        *at = v->next;
        v->done(v->arg, m);
        free(v);
        return;
    }
}

void verdicts_fail(struct plugin *p) {
    p->judges = false;
    while (p->verdicts != NULL) {
        struct pending_verdict *v = p->verdicts;
        p->verdicts = v->next;
        v->done(v->arg, NULL);
        free(v);
    }
}

void verdict_deadly(struct plugin *p) {
    p->judges_from = clock_monotonic() + REST_MS * MS;
    log_error("a plugin died while it judged an object for the webhook: it is not asked for ten minutes", "plugin",
              plugin_name(p));
}
