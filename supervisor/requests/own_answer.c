/* own_answer.c - see own_answer.h. */
#include "own_answer.h"

#include <stdlib.h>

#include "ipc/base/loop.h"

bool own_answer_is(unsigned status, struct rv_str content_type) {
    return status == 421 && rv_str_is(content_type, OWN_ANSWER_TYPE);
}

bool own_answer_begins(struct rv_bytes bytes) {
    static const char head[] = "HTTP/1.1 " OWN_ANSWER_STATUS "\r\nContent-Type: " OWN_ANSWER_TYPE "\r\n";
    return bytes.n >= sizeof head - 1 && memcmp(bytes.p, head, sizeof head - 1) == 0;
}

static struct held_target *find(const struct held_targets *h, const char *name, const struct kube_peer *peer) {
    for (size_t i = 0; i < h->n; i++) {
        struct held_target *t = &h->list[i];
        if (t->peer.port == peer->port && memcmp(&t->peer.address, &peer->address, sizeof peer->address) == 0 &&
            strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

bool held_targets_have(const struct held_targets *h, const char *name, const struct kube_peer *peer) {
    const struct held_target *t = find(h, name, peer);
    return t != NULL && clock_monotonic() < t->until;
}

void held_targets_add(struct held_targets *h, const char *name, const struct kube_peer *peer) {
    struct held_target *t = find(h, name, peer);
    if (t == NULL && h->n < OWN_ANSWER_HELD_MAX) {
        h->list = rv_realloc_array(h->list, h->n + 1, sizeof *h->list);
        t = &h->list[h->n++];
        *t = (struct held_target){0};
    } else if (t == NULL) {
        t = &h->list[h->oldest++ % OWN_ANSWER_HELD_MAX];
    }
    if (t->name == NULL || strcmp(t->name, name) != 0) {
        free(t->name);
        t->name = rv_strdup(rv_str(name));
    }
    t->peer = *peer;
    t->until = clock_monotonic() + OWN_ANSWER_HOLD_MS * INT64_C(1000000);
}

void held_targets_free(struct held_targets *h) {
    for (size_t i = 0; i < h->n; i++) free(h->list[i].name);
    free(h->list);
    *h = (struct held_targets){0};
}
