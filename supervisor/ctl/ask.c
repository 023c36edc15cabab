/* ask.c - see ask.h. */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/visible.h"
#include "sandbox.h"

const char *ask_socket(struct ctl_context *c) {
    const char *runtime = getenv("RAYVISOR_RUNTIME_DIR");
    if (c->socket != NULL) return c->socket;
    if (runtime != NULL && runtime[0] != 0) return rv_arena_fmt(c->arena, "%s/control.sock", runtime).p;
    const char *sandbox = rv_arena_fmt(c->arena, "%s/run/control.sock", sandbox_dir(c->arena).p).p;
    return access(sandbox, F_OK) == 0 ? sandbox : "/run/rayvisor/control.sock";
}

int ask_supervisor(struct ctl_context *c, const char *request, struct rv_val *ret) {
    rv_autobuf struct rv_buf out = {0};
    int r = ctl_ask(ask_socket(c), rv_str(request), &out, &c->err);
    if (r != 0) return r;
    rv_autobuf struct rv_buf shown = {0}; /* for a terminal; print_json() escapes JSON in its own way */
    if (!ctl_is_json(c)) visible_value((struct rv_val){out.p, out.n}, &shown);
    struct rv_str kept = rv_arena_str(c->arena, rv_buf_str(ctl_is_json(c) ? &out : &shown));
    *ret = (struct rv_val){(const uint8_t *)kept.p, kept.n};
    return 0;
}

bool print_json(struct ctl_context *c, struct rv_val v) {
    if (!ctl_is_json(c) || !rv_val_present(v)) return false;
    rv_autobuf struct rv_buf b = {0}, shown = {0};
    rv_json_write_pretty(v, &b);
    visible_text(rv_buf_str(&b), VISIBLE_LINES, &shown);
    fwrite(shown.p, 1, shown.n, stdout);
    return true;
}

int print_text(const struct ctl_context *c, const char *field, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    if (ctl_is_json(c)) {
        struct jsonw w = {.out = &b};
        jsonw_begin_object(&w, NULL);
        jsonw_text(&w, field, text);
        jsonw_end_object(&w);
    } else {
        rv_buf_adds(&b, text);
    }
    return puts(rv_buf_cstr(&b)) < 0;
}
