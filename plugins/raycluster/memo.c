/* memo.c - see memo.h. */
#include "memo.h"

#include <stdlib.h>

void cluster_memo_begin(struct cluster_memo *m) { m->warned = m->claim_warned = m->account_known = -1; }

void cluster_memo_end(struct cluster_memo *m) {
    for (struct creation_pace *pace = m->paces, *next; pace != NULL; pace = next) {
        next = pace->next;
        pace_free(pace);
    }
    leak_memo_free(&m->leak);
    free(m->owner_kind);
    free(m->invalid);
    free(m->problem.text);
    rv_buf_free(&m->redis);
}

void problem_begins(struct cluster_memo *m, size_t of, const char *reason, struct rv_str text) {
    struct memo_problem *t = &m->problem;
    if (t->reason != NULL && t->of != of) return;
    free(t->text);
    *t = (struct memo_problem){of, reason, rv_strdup(text)};
}

void problem_ends(struct cluster_memo *m, size_t of) {
    if (!problem_is(m, of)) return;
    free(m->problem.text);
    m->problem = (struct memo_problem){0};
}

bool problem_is(const struct cluster_memo *m, size_t of) { return m->problem.reason != NULL && m->problem.of == of; }
