/* conflict.c - see conflict.h. */
#include "conflict.h"

/* Returns true if the plugin has got a newer state of the object than it knew, or gets one before the result. */
static bool knows_better(struct store *s, const struct rv_action *a) {
    struct rv_val body = {a->body.p, a->body.n};
    struct rv_str version = a->pre_version.n != 0 ? a->pre_version : rv_path_str(body, "metadata.resourceVersion");
    if (version.n == 0 && a->pre_uid.n == 0) return true;
    return store_refused(s, a->api_version, a->resource, a->ns, a->name, a->pre_uid, version);
}

char *conflict_path(struct store *s, const struct rv_action *a) {
    bool object = a->name.n != 0 && a->verb != RV_VERB_CREATE && a->verb != RV_VERB_GET;
    if (!object || knows_better(s, a)) return NULL;
    return kube_path(a->api_version, a->ns, a->resource, a->name, RV_STR(""), NULL);
}

void conflict_read(struct store *s, const struct rv_action *a, const struct kube_response *r) {
    rv_autobuf struct rv_buf mp = {0};
    if (r->code == RV_E_NOT_FOUND)
        store_written_deleted(s, a->api_version, a->resource, a->ns, a->name, a->pre_uid);
    else if (r->code == 0 && rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &mp, NULL) == 0)
        store_written(s, a->api_version, a->resource, (struct rv_val){mp.p, mp.n}, NULL);
    (void)knows_better(s, a); /* the newer state may differ in nothing but its version */
}
