/* twin.c - rayvisorctl twin: the differences that a twin sees. */
#include <stdio.h>

#include "ask.h"
#include "ipc/base/json_writer.h"
#include "kinds.h"

/* Without a name, of all objects. */
static int ask(struct ctl_context *c, struct rv_val *ret) {
    rv_autobuf struct rv_buf q = {0};
    struct jsonw w = {.out = &q};
    struct rv_str kind = {0};
    const char *name = NULL;
    int r = c->argc != 0 ? ctl_object_argument(c, "compare", &kind, &name) : 0;
    const struct ctl_kind *known = r == 0 && kind.n != 0 ? ctl_kind_find(kind) : NULL;
    if (r != 0) return r;
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "cmd", "twin");
    jsonw_str(&w, "kind", known != NULL ? rv_str(known->kind) : kind);
    jsonw_text(&w, "namespace", c->ns != NULL ? c->ns : name != NULL ? "default" : "");
    jsonw_text(&w, "name", name);
    jsonw_end_object(&w);
    return ask_supervisor(c, rv_buf_cstr(&q), ret);
}

static void print_line(struct rv_val d) {
    struct rv_str sub = rv_path_str(d, "subresource"), reason = rv_path_str(d, "reason"),
                  state = rv_path_str(d, "state");
    printf("%-11.*s " RV_STR_FMT " " RV_STR_FMT "/" RV_STR_FMT "  " RV_STR_FMT " " RV_STR_FMT "%s" RV_STR_FMT
           "/" RV_STR_FMT "  " RV_STR_FMT "\n            ours:   " RV_STR_FMT "\n            theirs: " RV_STR_FMT "\n",
           (int)state.n, state.p, RV_STR_ARG(rv_path_str(d, "kind")), RV_STR_ARG(rv_path_str(d, "namespace")),
           RV_STR_ARG(rv_path_str(d, "name")), RV_STR_ARG(rv_path_str(d, "verb")),
           RV_STR_ARG(rv_path_str(d, "resource")), sub.n != 0 ? "/" : "", RV_STR_ARG(sub),
           RV_STR_ARG(rv_path_str(d, "object")), RV_STR_ARG(rv_path_str(d, "field")),
           RV_STR_ARG(rv_path_str(d, "ours")), RV_STR_ARG(rv_path_str(d, "theirs")));
    if (reason.n != 0) printf("            reason: " RV_STR_FMT "\n", RV_STR_ARG(reason));
}

static void print_summary(struct rv_val v) {
    struct rv_str last = rv_path_str(v, "lastUnexplained"), since = rv_path_str(v, "cleanSince");
    long long left_out = rv_path_int(v, "leftOut", 0), hidden = rv_path_int(v, "notShown", 0);
    if (hidden != 0) printf("%lld more differences are not shown: name an object\n", hidden);
    printf("%lld compared, %lld explained, %lld unexplained, %lld younger than %lld s; last unexplained "
           "difference " RV_STR_FMT "; %s" RV_STR_FMT "%s\n",
           (long long)rv_path_int(v, "compared", 0), (long long)rv_path_int(v, "explained", 0),
           (long long)rv_path_int(v, "unexplained", 0), (long long)rv_path_int(v, "young", 0),
           (long long)rv_path_int(v, "graceSeconds", 0), RV_STR_ARG(last.n != 0 ? last : RV_STR("never")),
           since.n != 0 ? "clean since " : "not clean", RV_STR_ARG(since), left_out != 0 ? "; not complete:" : "");
    if (left_out != 0) printf("%lld comparisons were left out, for lack of room or because a read failed\n", left_out);
}

int ctl_twin(struct ctl_context *c) {
    struct rv_val v = RV_VAL_ABSENT;
    int r = ask(c, &v);
    if (r != 0) return r;
    long long unexplained = (long long)rv_path_int(v, "unexplained", 0);
    if (unexplained != 0) r = rv_error_set(&c->err, RV_E_CONFLICT, "%lld differences are unexplained", unexplained);
    if (print_json(c, v)) return r;
    for (struct rv_iter it = rv_iter(rv_val_get(v, "differences")); rv_iter_next(&it);) print_line(it.val);
    print_summary(v);
    return r;
}
