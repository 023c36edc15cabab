/* memo.c - what is remembered of a cluster between two passes. */
#include "plugins/autoscaler/round.h"

#include <stdlib.h>

static struct noted *find(const struct noted_list *l, struct rv_str uid) {
    for (uint32_t i = 0; i < l->n; i++)
        if (rv_str_is(uid, l->items[i].uid)) return &l->items[i];
    return NULL;
}

bool noted_has(const struct noted_list *l, struct rv_str uid) { return find(l, uid) != NULL; }

int64_t noted_at(const struct noted_list *l, struct rv_str uid) {
    const struct noted *found = find(l, uid);
    return found != NULL ? found->at : 0;
}

void noted_add(struct noted_list *l, struct rv_str uid, int64_t at) {
    struct noted *found = find(l, uid);
    if (found != NULL) {
        found->at = at;
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 8 : l->cap * 2;
        l->items = rv_realloc_array(l->items, l->cap, sizeof *l->items);
    }
    l->items[l->n++] = (struct noted){rv_strdup(uid), at};
}

void noted_drop(struct noted_list *l, struct rv_str uid) {
    struct noted *found = find(l, uid);
    if (found == NULL) return;
    free(found->uid);
    *found = l->items[--l->n];
}

void noted_keep(struct noted_list *l, const struct seen *s) {
    for (uint32_t i = 0; i < l->n;) {
        bool there = false;
        for (size_t j = 0; j < s->n_pods && !there; j++) there = rv_str_is(s->pods[j].uid, l->items[i].uid);
        if (there) {
            i++;
            continue;
        }
        free(l->items[i].uid);
        l->items[i] = l->items[--l->n];
    }
}

static void noted_free(struct noted_list *l) {
    for (uint32_t i = 0; i < l->n; i++) free(l->items[i].uid);
    free(l->items);
    *l = (struct noted_list){0};
}

/* Few clusters have drains under way, and few are in shadow mode: the others keep no room for that. */
void memo_new_drains(struct memo *m, size_t room) {
    for (uint32_t i = 0; i < m->n_draining; i++) free(m->draining[i]);
    free(m->draining);
    m->n_draining = 0;
    m->draining = room != 0 ? rv_alloc_array(room, sizeof *m->draining) : NULL;
}

int64_t *memo_differs(struct memo *m, size_t groups) {
    if (groups > m->n_differs) {
        m->differs_since = rv_realloc_array(m->differs_since, groups, sizeof *m->differs_since);
        memset(m->differs_since + m->n_differs, 0, (groups - m->n_differs) * sizeof *m->differs_since);
        m->n_differs = groups;
    }
    return m->differs_since;
}

void memo_forget(struct memo *m) {
    free(m->session);
    m->session = NULL;
    m->good = 0;
    m->version = 0;
    m->usage = m->reported = 0;
    m->joined = 0;
    m->waits_since = m->met_at = m->demand_since = m->next_poll = 0;
    noted_free(&m->drained);
    noted_free(&m->preempted);
    noted_free(&m->polled_leaving);
    noted_free(&m->busy);
    memo_new_drains(m, 0);
}

void memo_release(void *memo) {
    struct memo *m = memo;
    memo_forget(m);
    leak_memo_free(&m->leak);
    free(m->differs_since);
    rv_buf_free(&m->said);
}
