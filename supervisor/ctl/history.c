/* history.c - rayvisorctl history: what the operator still knows of what happened to one object. */
#include <stdio.h>

#include "ask.h"
#include "history_line.h"
#include "ipc/base/json_writer.h"
#include "kinds.h"

static int ask(struct ctl_context *c, struct rv_str kind, const char *ns, const char *name, struct rv_val *ret) {
    rv_autobuf struct rv_buf q = {0};
    struct jsonw w = {.out = &q};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "cmd", "history");
    jsonw_str(&w, "kind", kind);
    jsonw_text(&w, "namespace", ns);
    jsonw_text(&w, "name", name);
    jsonw_end_object(&w);
    return ask_supervisor(c, rv_buf_cstr(&q), ret);
}

int ctl_history(struct ctl_context *c) {
    struct rv_str kind;
    const char *name, *ns = c->ns != NULL ? c->ns : "default";
    int r = ctl_object_argument(c, "look at", &kind, &name);
    if (r != 0) return r;
    const struct ctl_kind *known = ctl_kind_find(kind);
    struct rv_val v;
    r = ask(c, known != NULL ? rv_str(known->singular) : kind, ns, name, &v);
    if (r != 0 || print_json(c, v)) return r;
    rv_autobuf struct rv_buf b = {0};
    int64_t gone = rv_path_int(v, "deletedSecondsAgo", -1);
    rv_buf_addf(&b, RV_STR_FMT " " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(rv_path_str(v, "kind")),
                RV_STR_ARG(rv_path_str(v, "namespace")), RV_STR_ARG(rv_path_str(v, "name")));
    if (gone >= 0) rv_buf_addf(&b, ", deleted %lld s ago", (long long)gone);
    rv_buf_adds(&b, "\n");
    for (struct rv_iter it = rv_iter(rv_val_get(v, "entries")); rv_iter_next(&it);) history_line(it.val, false, &b);
    fwrite(b.p, 1, b.n, stdout);
    return 0;
}
