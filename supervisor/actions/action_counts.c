/* action_counts.c - see action_counts.h. */
#include "action_counts.h"

#include <stdlib.h>

enum { COUNTS_MAX = 512 };

struct counts {
    struct {
        char *plugin;
        const char *verb, *code;
        uint64_t n;
    } list[COUNTS_MAX];
    size_t n;
};

struct counts *action_counts_new(void) {
    return rv_alloc(sizeof(struct counts));
}

struct counts *action_counts_free(struct counts *c) {
    for (size_t i = 0; c != NULL && i < c->n; i++) free(c->list[i].plugin);
    free(c);
    return NULL;
}

void action_counts_add(struct counts *c, const char *plugin, const char *verb, const char *code) {
    size_t i = 0;
    while (i < c->n && !(c->list[i].verb == verb && c->list[i].code == code && strcmp(c->list[i].plugin, plugin) == 0))
        i++;
    if (i == COUNTS_MAX) return;
    if (i == c->n) {
        c->list[c->n].plugin = rv_strdup(rv_str(plugin));
        c->list[c->n].verb = verb;
        c->list[c->n++].code = code;
    }
    c->list[i].n++;
}

void action_counts_each(const struct counts *c,
                        void (*fn)(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n),
                        void *arg) {
    for (size_t i = 0; i < c->n; i++) fn(arg, c->list[i].plugin, c->list[i].verb, c->list[i].code, c->list[i].n);
}
