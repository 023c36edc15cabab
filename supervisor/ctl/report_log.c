/* report_log.c - see report_log.h. */
#include "report_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ask.h"
#include "sandbox.h"
#include "supervisor/kube/kube.h"

enum { TAIL_BYTES = 256 << 10, LOG_MAX = 4 << 20 };
static const char tail_lines[] = "1000";

/* Appends whole lines from the end of a file. */
static bool add_tail(const char *path, struct rv_buf *out) {
    rv_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (end < 0) return false;
    off_t from = end > TAIL_BYTES ? end - TAIL_BYTES : 0;
    rv_buf_reserve(out, TAIL_BYTES);
    ssize_t n = pread(fd, out->p + out->n, TAIL_BYTES, from);
    if (n < 0) return false;
    size_t begin = out->n;
    out->n += (size_t)n;
    const uint8_t *line = from > 0 ? memchr(out->p + begin, '\n', (size_t)n) : NULL;
    if (line == NULL) return true;
    size_t cut = (size_t)(line + 1 - (out->p + begin));
    memmove(out->p + begin, line + 1, (size_t)n - cut);
    out->n -= cut;
    return true;
}

static int add_pods(struct ctl_context *c, struct api *api, struct rv_buf *out, struct rv_error *err) {
    struct api_list pods;
    const struct api_what what = {.api_version = "v1", .resource = "pods", .labels = "app.kubernetes.io/name=rayvisor"};
    int r = api_list(api, &what, &pods, err);
    for (size_t i = 0; r == 0 && i < pods.n; i++) {
        struct rv_str ns = rv_path_str(pods.items[i], "metadata.namespace"),
                      name = rv_path_str(pods.items[i], "metadata.name"), text = {0};
        rv_autofree char *path =
            kube_path(RV_STR("v1"), ns, RV_STR("pods"), name, RV_STR("log"), "tailLines", tail_lines, NULL);
        const char *subject = rv_arena_fmt(c->arena, "the log of pod " RV_STR_FMT, RV_STR_ARG(name)).p;
        rv_buf_addf(out, "==> pod " RV_STR_FMT "/" RV_STR_FMT " <==\n", RV_STR_ARG(ns), RV_STR_ARG(name));
        if (api_text(api, path, LOG_MAX, subject, &text, err) == 0)
            rv_buf_add_str(out, text);
        else
            rv_buf_addf(out, "%s\n", err->text);
    }
    return r;
}

int report_log(struct ctl_context *c, struct api *api, struct rv_str *ret, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    const char *folder = sandbox_dir(c->arena).p;
    bool own = strcmp(ask_socket(c), rv_arena_fmt(c->arena, "%s/run/control.sock", folder).p) == 0;
    int r = 0;
    if (!own || !add_tail(rv_arena_fmt(c->arena, "%s/operator.log", folder).p, &b))
        r = api != NULL ? add_pods(c, api, &b, err) : RV_E_UNAVAILABLE;
    if (r == 0 && b.n == 0) r = RV_E_NOT_FOUND;
    if (r == RV_E_NOT_FOUND || r == RV_E_UNAVAILABLE)
        return rv_error_set(err, r,
                            "the operator is neither the sandbox's nor in a pod with the label "
                            "app.kubernetes.io/name=rayvisor; where it logs to is not known");
    *ret = rv_arena_str(c->arena, rv_buf_str(&b));
    return r;
}
