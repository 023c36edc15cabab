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
    free(m->trouble.text);
    rv_buf_free(&m->redis);
}

void trouble_begins(struct cluster_memo *m, size_t of, const char *reason, struct rv_str text) {
    struct memo_trouble *t = &m->trouble;
    if (t->reason != NULL && t->of != of) return;
    free(t->text);
    *t = (struct memo_trouble){of, reason, rv_strdup(text)};
}

void trouble_ends(struct cluster_memo *m, size_t of) {
    if (!trouble_is(m, of)) return;
    free(m->trouble.text);
    m->trouble = (struct memo_trouble){0};
}

bool trouble_is(const struct cluster_memo *m, size_t of) { return m->trouble.reason != NULL && m->trouble.of == of; }
