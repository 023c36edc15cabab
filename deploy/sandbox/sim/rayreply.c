/* rayreply.c - answers of the simulated Ray. */
#include "ray.h"

int64_t ray_now_ms(void) { return rv_wall_now() / 1000000; }

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
