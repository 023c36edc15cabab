/* service_limits.c - see service_limits.h. */
#include "service_limits.h"

#define SETTING "; the setting allowExternalServices allows it"

static bool bad_type(const char *path, struct rv_str type, struct rv_buf *out) {
    static const char *const accepted[] = {"", "ClusterIP", "NodePort", "LoadBalancer"};
    for (size_t i = 0; i < RV_ARRAY_LEN(accepted); i++)
        if (rv_str_is(type, accepted[i])) return false;
    rv_buf_addf(out, "%s: " RV_STR_FMT " is refused, accepted are ClusterIP, NodePort and LoadBalancer" SETTING, path,
                RV_STR_ARG(type));
    return true;
}

bool rc_service_refused(const struct rc_settings *s, const char *path, struct rv_val spec, struct rv_buf *out) {
    static const char *const fields[] = {"externalIPs", "externalName"};
    rv_autobuf struct rv_buf at = {0};
    if (s->external_services) return false;
    rv_buf_addf(&at, "%s.type", path);
    if (bad_type(rv_buf_cstr(&at), rv_path_str(spec, "type"), out)) return true;
    for (size_t i = 0; i < RV_ARRAY_LEN(fields); i++) {
        struct rv_val v = rv_val_get(spec, fields[i]);
        bool empty =
            rv_val_type(v) == RV_ARRAY ? rv_val_len(v) == 0 : rv_val_str(v).n == 0 && rv_val_type(v) == RV_STRING;
        if (!rv_val_set(v) || empty) continue;
        rv_buf_addf(out, "%s.%s is refused, accepted is to leave it out" SETTING, path, fields[i]);
        return true;
    }
    return false;
}

bool rc_head_service_refused(const struct rc_cluster *c, struct rv_buf *out) {
    if (c->settings->external_services) return false;
    return rc_service_refused(c->settings, "spec.headGroupSpec.headService.spec",
                              rv_val_path(c->spec, "headGroupSpec.headService.spec"), out) ||
           bad_type("spec.headGroupSpec.serviceType", rv_path_str(c->spec, "headGroupSpec.serviceType"), out);
}
