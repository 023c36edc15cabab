/* hint.c - see hint.h. */
#include "hint.h"

#include "ipc/base/nearest.h"

static void add(struct ctl_context *c, struct rv_error *err, struct rv_str hint) {
    struct rv_str before = rv_arena_str(c->arena, rv_str(err->text));
    rv_error_set(err, err->code, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(before), RV_STR_ARG(hint));
}

void hint_object(struct ctl_context *c, struct api *api, const struct ctl_kind *k, const char *ns, struct rv_str name,
                 struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    struct api_list list;
    struct nearest near = nearest_begin(name);
    struct api_what what = {.api_version = "ray.io/v1", .resource = k->resource, .ns = ns};
    if (api_list(api, &what, &list, NULL) != 0) return;
    for (size_t i = 0; i < list.n; i++) nearest_offer(&near, rv_path_str(list.items[i], "metadata.name"));
    nearest_hint(&near, &b);
    what.ns = NULL;
    what.fields = rv_arena_fmt(c->arena, "metadata.name=" RV_STR_FMT, RV_STR_ARG(name)).p;
    if (b.n == 0 && api_list(api, &what, &list, NULL) == 0 && list.n > 0)
        rv_buf_addf(&b, "; there is one in namespace " RV_STR_FMT,
                    RV_STR_ARG(rv_path_str(list.items[0], "metadata.namespace")));
    if (b.n != 0) add(c, err, rv_buf_str(&b));
}
