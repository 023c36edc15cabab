/* follow.c - see follow.h. */
#include "follow.h"

#include <time.h>
#include <unistd.h>

#include "ipc/base/loop.h"
#include "ipc/base/visible.h"

enum { LOOK_MS = 1000 };

struct progress progress_on(FILE *to) {
    return (struct progress){.to = to, .terminal = isatty(fileno(to)) != 0};
}

void progress_clear(struct progress *p) {
    if (p->open) fputs("\r\033[K", p->to);
    if (p->open) (void)fflush(p->to);
    p->open = false;
}

void progress_say(struct progress *p, struct rv_str line) {
    rv_autobuf struct rv_buf shown = {0};
    visible_text(line, VISIBLE_LINE, &shown);
    bool same = rv_str_eq(rv_buf_str(&shown), rv_buf_str(&p->last));
    if (same && (p->open || !p->terminal)) return;
    rv_buf_clear(&p->last);
    rv_buf_add(&p->last, shown.p, shown.n);
    /* A line that is longer than the terminal's could not be taken back. */
    if (p->terminal)
        fprintf(p->to, "\r\033[K\033[?7l%s\033[?7h", rv_buf_cstr(&shown));
    else
        fprintf(p->to, "%s\n", rv_buf_cstr(&shown));
    p->open = p->terminal;
    (void)fflush(p->to);
}

void progress_end(struct progress *p) {
    progress_clear(p);
    rv_buf_free(&p->last);
}

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* One look, in an arena that ends with it: a job may take days. */
static enum follow_answer look(struct ctl_context *c, struct api *api, const struct follow *f, struct progress *p,
                               struct rv_buf *line, struct rv_error *err) {
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_arena *kept = c->arena;
    struct rv_val object = RV_VAL_ABSENT;
    const struct api_what what = {.api_version = "ray.io/v1", .resource = f->kind->resource, .ns = f->ns};
    c->arena = arena;
    int r = api_get(api, &what, f->name, &object, err);
    enum follow_answer answer = r == 0 ? f->look(f->arg, object, p, line) : FOLLOW_ON;
    if (r != 0) rv_buf_adds(line, err->text);
    c->arena = kept;
    return r == RV_E_NOT_FOUND ? FOLLOW_FAILED : answer;
}

int follow_object(struct ctl_context *c, struct api *api, const struct follow *f) {
    progress_auto struct progress p = progress_on(stderr);
    const int64_t began = clock_monotonic();
    for (;;) {
        rv_autobuf struct rv_buf line = {0};
        struct rv_error err = {0};
        enum follow_answer answer = look(c, api, f, &p, &line, &err);
        if (answer == FOLLOW_DONE) return 0;
        if (answer == FOLLOW_FAILED && err.code == RV_E_NOT_FOUND) c->err = err;
        if (answer == FOLLOW_FAILED) return c->err.code;
        int64_t waited = (clock_monotonic() - began) / 1000000;
        if (f->timeout_ms != 0 && waited >= f->timeout_ms)
            return rv_error_set(&c->err, RV_E_TIMEOUT, "after %lld s it is not done, and goes on: " RV_STR_FMT,
                                (long long)(waited / 1000), RV_STR_ARG(rv_buf_str(&line)));
        if (line.n != 0) progress_say(&p, rv_buf_str(&line));
        pause_ms(LOOK_MS);
    }
}
