/* quota.c - a short list, because there are few plugins (see quota.h). */
#include "quota.h"

#include <stdlib.h>

#include "executor.h"
#include "ipc/base/loop.h"
#include "ipc/protocol/msg.h"

struct quota *quota_of(struct quota **list, const struct executor_client *c) {
    struct quota *a = *list;
    while (a != NULL && a->client != c) a = a->next;
    if (a != NULL || c == NULL) return a;
    a = rv_alloc(sizeof *a);
    *a = (struct quota){*list, c, {(double)c->config->actions_per_second, clock_monotonic()}, {0}, 0, 0};
    *list = a;
    return a;
}

void quota_forget(struct quota **list, const struct executor_client *c) {
    for (struct quota **at = list; *at != NULL; at = &(*at)->next) {
        struct quota *gone = *at;
        if (gone->client != c) continue;
        *at = gone->next;
        free(gone);
        return;
    }
}

void quota_free_all(struct quota **list) {
    for (struct quota *a; (a = *list) != NULL;) {
        *list = a->next;
        free(a);
    }
}

bool quota_bytes_exceeded(const struct quota *a, size_t bytes) {
    return a->bytes > QUOTA_BYTES_MAX && a->bytes > bytes;
}

const char *quota_exceeded(const struct quota *a, uint32_t verb) {
    const struct config_plugin *c = a->client->config;
    bool waits = msg_verb_waits(verb);
    if (a->open[waits] <= (size_t)(waits ? c->max_http : c->max_in_flight)) return NULL;
    return waits ? "more HTTP requests and timers are open than limits.maxHttp allows"
                 : "more actions are open than limits.maxInFlight allows";
}
