/* kinds.c - see kinds.h. */
#include "kinds.h"

#include "ipc/base/nearest.h"

const struct ctl_kind ctl_kinds[CTL_KIND_N] = {[CTL_RAYCLUSTER] = {"RayCluster", "rayclusters", "raycluster", "rc"},
                                               [CTL_RAYJOB] = {"RayJob", "rayjobs", "rayjob", "rj"},
                                               [CTL_RAYSERVICE] = {"RayService", "rayservices", "rayservice", "rs"},
                                               [CTL_RAYCRONJOB] = {"RayCronJob", "raycronjobs", "raycronjob", "rcj"}};

const struct ctl_kind *ctl_kind_find(struct rv_str name) {
    const char *dot = name.n != 0 ? memchr(name.p, '.', name.n) : NULL;
    if (dot != NULL) {
        struct rv_str group = {dot + 1, name.n - (size_t)(dot + 1 - name.p)};
        if (!rv_str_ieq(group, "ray.io") && !rv_str_ieq(group, "v1.ray.io")) return NULL;
        name.n = (size_t)(dot - name.p);
    }
    for (const struct ctl_kind *k = ctl_kinds; k < ctl_kinds + CTL_KIND_N; k++)
        if (rv_str_ieq(name, k->resource) || rv_str_ieq(name, k->singular) || rv_str_ieq(name, k->short_name)) return k;
    return NULL;
}

const struct ctl_kind *ctl_kind_need(struct rv_str name, struct rv_error *err) {
    const struct ctl_kind *found = ctl_kind_find(name);
    if (found != NULL) return found;
    rv_autobuf struct rv_buf names = {0}, hint = {0};
    struct nearest near = nearest_begin(name);
    for (const struct ctl_kind *k = ctl_kinds; k < ctl_kinds + CTL_KIND_N; k++) {
        nearest_offer(&near, rv_str(k->singular));
        nearest_offer(&near, rv_str(k->resource));
        nearest_offer(&near, rv_str(k->short_name));
        rv_buf_addf(&names, "%s%s (%s)", k == ctl_kinds ? "" : ", ", k->singular, k->short_name);
    }
    nearest_hint(&near, &hint);
    rv_error_set(err, -CTL_USAGE, "there is no kind \"" RV_STR_FMT "\"%s%s accepted are %s", RV_STR_ARG(name),
                 rv_buf_cstr(&hint), hint.n != 0 ? "" : ";", rv_buf_cstr(&names));
    return NULL;
}

int ctl_object_argument(struct ctl_context *c, const char *purpose, struct rv_str *ret_kind, const char **ret_name) {
    const char *slash = c->argc > 0 ? strchr(c->argv[0], '/') : NULL;
    bool apart = c->argc == 2 && slash == NULL && strchr(c->argv[1], '/') == NULL;
    if (apart || (c->argc == 1 && slash != NULL && slash[1] != 0 && slash != c->argv[0])) {
        *ret_kind = apart ? rv_str(c->argv[0]) : (struct rv_str){c->argv[0], (size_t)(slash - c->argv[0])};
        *ret_name = apart ? c->argv[1] : slash + 1;
        return 0;
    }
    return rv_error_set(&c->err, -CTL_USAGE,
                        "say what to %s as KIND/NAME, for example: %s %s raycluster/demo -n default", purpose,
                        c->program, purpose);
}
