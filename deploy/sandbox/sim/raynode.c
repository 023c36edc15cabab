/* raynode.c - finds Ray clusters and their nodes, and writes answers. */
#include "raynode.h"

/* ---- nodes ---- */

struct ray_node *ray_head_node(const struct ray_head *h) {
    struct ray_node *n = h->nodes;
    while (n != NULL && !(n->head && n->alive)) n = n->next;
    return n;
}

struct ray_node *ray_node_of(const struct ray_head *h, struct rv_str uid) {
    struct ray_node *n = h->nodes;
    while (n != NULL && !rv_str_is(uid, n->uid)) n = n->next;
    return n;
}

struct rv_str ray_key(struct rv_buf *b, struct rv_str ns, struct rv_val labels) {
    rv_buf_clear(b);
    rv_buf_addf(b, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(ns),
                RV_STR_ARG(rv_val_str(rv_val_get(labels, SIM_LABEL_CLUSTER))));
    return rv_buf_str(b);
}

struct ray_node *ray_node_find(struct sim *m, struct rv_str ns, struct rv_str pod, struct ray_head **ret_head) {
    struct sb_object *o = sb_get(m->storage, m->r.pods, ns, pod);
    rv_autobuf struct rv_buf b = {0};
    *ret_head = NULL;
    if (o == NULL) return NULL;
    *ret_head = sim_map_get(&ray_of(m)->heads, ray_key(&b, ns, rv_val_path(o->value, "metadata.labels")));
    return *ret_head != NULL ? ray_node_of(*ret_head, o->uid) : NULL;
}

/* ---- answers ---- */

int64_t ray_now_ms(void) { return clock_wall() / 1000000; }

int ray_text(const struct ray_call *c, int status, const char *text) {
    rv_buf_adds(c->out, text);
    return status;
}

int ray_json(const struct ray_call *c, int status, struct rv_node *tree) {
    rv_json_write(rv_node_freeze(c->a, tree), c->out);
    return status;
}

struct rv_val ray_body(const struct ray_call *c) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = {(const char *)c->body.p, c->body.n};
    if (text.n == 0 || rv_json_to_mp(text, NULL, &b, NULL) != 0) return RV_VAL_ABSENT;
    struct rv_str copy = rv_arena_str(c->a, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}
