/* object_drift.c - see object_drift.h. */
#include "object_drift.h"

#include "fields.h"

/* ---- the user's keys, on record */

static bool listed(struct rv_str key, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (rv_str_is(key, list[i])) return true;
    return false;
}

static bool own_label(struct rv_str key) {
    static const char *const own[] = {RC_LABEL_CLUSTER,     RC_LABEL_NODE_TYPE,   RC_LABEL_IDENTIFIER,
                                      RC_LABEL_APP_NAME,    RC_LABEL_CREATED_BY,  RC_LABEL_SERVE,
                                      RC_LABEL_ORIGIN_NAME, RC_LABEL_ORIGIN_KIND, RC_LABEL_HEADLESS};
    return listed(key, own, RV_ARRAY_LEN(own));
}

/* Fields of a Service's spec that are compared as a whole, or that the API server fills in. */
static bool own_spec(struct rv_str key) {
    static const char *const own[] = {"ports", "selector", "type", "clusterIP", "clusterIPs"};
    return listed(key, own, RV_ARRAY_LEN(own));
}

static void record(struct rv_buf *list, const char *place, struct rv_node *map, bool (*own)(struct rv_str)) {
    struct rv_str key;
    struct rv_node *value;
    for (size_t i = 0; rv_node_entry(map, i, &key, &value); i++)
        if (own == NULL || !own(key))
            rv_buf_addf(list, "%s%s/" RV_STR_FMT, list->n != 0 ? "," : "", place, RV_STR_ARG(key));
}

void rc_record_user_keys(struct rv_arena *a, struct rv_node *want) {
    rv_autobuf struct rv_buf list = {0};
    struct rv_node *meta = rv_node_get(want, "metadata"), *spec = rv_node_get(want, "spec");
    record(&list, "annotations", rv_node_get(meta, "annotations"), NULL);
    record(&list, "labels", rv_node_get(meta, "labels"), own_label);
    /* A headless service is all ours: it has no key of the user's. */
    if (rv_str_is(rv_node_text(rv_node_get(want, "kind")), "Service") &&
        !rv_str_is(rv_node_text(rv_node_get(spec, "clusterIP")), "None"))
        record(&list, "spec", spec, own_spec);
    if (list.n != 0)
        rv_node_set_str(a, rv_node_ensure_map(a, meta, "annotations"), RC_ANNOTATION_WRITTEN, rv_buf_str(&list));
}

static struct rv_str written_before(struct rv_val have) {
    return rv_val_str(rv_val_get(rv_val_path(have, "metadata.annotations"), RC_ANNOTATION_WRITTEN));
}

/* The patch of a map in which others write too: what differs, and null for keys that were written once and are no
 * longer wanted. */
static struct rv_node *shared_map(struct rv_arena *a, struct rv_val have, struct rv_node *want, struct rv_str written,
                                  const char *place) {
    struct rv_node *patch = rv_node_map(a), *value;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(want, i, &key, &value); i++)
        if (!rv_val_within(rv_node_freeze(a, value), rv_val_getn(have, key))) rv_node_setn(a, patch, key, value);
    for (struct rv_str rest = written, one; rest.n != 0;) {
        const char *comma = memchr(rest.p, ',', rest.n);
        size_t n = comma != NULL ? (size_t)(comma - rest.p) : rest.n, skip = strlen(place);
        one = (struct rv_str){rest.p, n};
        rest = comma != NULL ? (struct rv_str){comma + 1, rest.n - n - 1} : (struct rv_str){NULL, 0};
        if (!rv_str_starts(one, place) || one.n <= skip + 1 || one.p[skip] != '/') continue;
        key = (struct rv_str){one.p + skip + 1, one.n - skip - 1};
        if (rv_node_getn(want, key) == NULL && rv_val_present(rv_val_getn(have, key)))
            rv_node_setn(a, patch, key, rv_node_null(a));
    }
    return rv_node_len(patch) > 0 ? patch : NULL;
}

/* Labels and annotations, the record among them. */
static struct rv_node *meta_patch(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    static const char *const maps[] = {"labels", "annotations"};
    struct rv_node *meta = rv_node_get(want, "metadata"), *out = NULL;
    struct rv_val live = rv_val_get(have, "metadata");
    struct rv_str written = written_before(have);
    for (size_t i = 0; i < RV_ARRAY_LEN(maps); i++) {
        struct rv_node *wanted = rv_node_get(meta, maps[i]),
                       *map = shared_map(a, rv_val_get(live, maps[i]), wanted, written, maps[i]);
        if (i == 1 && written.n != 0 && rv_node_get(wanted, RC_ANNOTATION_WRITTEN) == NULL) {
            if (map == NULL) map = rv_node_map(a);
            rv_node_set(a, map, RC_ANNOTATION_WRITTEN, rv_node_null(a));
        }
        if (map == NULL) continue;
        if (out == NULL) out = rv_node_map(a);
        rv_node_set(a, out, maps[i], map);
    }
    return out;
}

static struct rv_node *patch_of(struct rv_arena *a, struct rv_node *spec, struct rv_node *meta) {
    if (rv_node_len(spec) == 0 && meta == NULL) return NULL;
    struct rv_node *n = rv_node_map(a);
    if (rv_node_len(spec) > 0) rv_node_set(a, n, "spec", spec);
    if (meta != NULL) rv_node_set(a, n, "metadata", meta);
    return n;
}

/* Takes over into the patch a field that must be exactly so. */
static void exact(struct rv_arena *a, struct rv_node *patch, struct rv_val have, struct rv_node *want,
                  const char *field) {
    struct rv_node *part = rv_node_get(want, field);
    if (part == NULL || rv_val_equal(rv_node_freeze(a, part), rv_val_get(have, field))) return;
    rv_node_set(a, patch, field, part);
}

/* ---- services */

/* Compares a port with what the API server completes. A node port counts only where one was asked for. */
static bool same_port(struct rv_node *want, struct rv_val have) {
    static const char *const texts[] = {"name", "appProtocol"};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
        if (!rv_str_eq(rv_node_text(rv_node_get(want, texts[i])), rv_path_str(have, texts[i]))) return false;
    struct rv_str protocol = rv_node_text(rv_node_get(want, "protocol")),
                  target = rv_node_text(rv_node_get(want, "targetPort"));
    int64_t port = rv_node_to_int(rv_node_get(want, "port"), 0),
            number = rv_node_to_int(rv_node_get(want, "targetPort"), target.n != 0 ? 0 : port),
            node = rv_node_to_int(rv_node_get(want, "nodePort"), 0);
    return rv_str_eq(protocol.n != 0 ? protocol : RV_STR("TCP"), rv_val_str_or(rv_val_get(have, "protocol"), "TCP")) &&
           port == rv_path_int(have, "port", 0) && rv_str_eq(target, rv_path_str(have, "targetPort")) &&
           number == rv_path_int(have, "targetPort", target.n != 0 ? 0 : port) &&
           (node == 0 || node == rv_path_int(have, "nodePort", 0));
}

static bool same_ports(struct rv_node *want, struct rv_val have) {
    size_t n = rv_node_len(want);
    if (n != rv_val_len(have)) return false;
    for (size_t i = 0; i < n; i++)
        if (!same_port(rv_node_at(want, i), rv_val_at(have, i))) return false;
    return true;
}

/* A node port that the API server drew stays with its port. */
static void keep_node_ports(struct rv_arena *a, struct rv_node *ports, struct rv_val have) {
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *port = rv_node_at(ports, i);
        if (rv_node_get(port, "nodePort") != NULL) continue;
        for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);) {
            int64_t number = rv_path_int(it.val, "nodePort", 0);
            if (number != 0 && rv_str_eq(rv_path_str(it.val, "name"), rv_node_text(rv_node_get(port, "name"))))
                rv_node_set_int(a, port, "nodePort", number);
        }
    }
}

static struct rv_str type_of(struct rv_str type) { return type.n != 0 ? type : RV_STR("ClusterIP"); }

static bool has_node_ports(struct rv_str type) {
    return rv_str_is(type, "NodePort") || rv_str_is(type, "LoadBalancer");
}

static struct rv_node *others_of(struct rv_arena *a, struct rv_node *spec) {
    struct rv_node *n = rv_node_map(a), *value;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(spec, i, &key, &value); i++)
        if (!own_spec(key)) rv_node_setn(a, n, key, value);
    return n;
}

struct rv_node *rc_drift_service(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_node *wanted = rv_node_get(want, "spec"), *ports = rv_node_get(wanted, "ports"),
                   *selector = rv_node_get(wanted, "selector");
    struct rv_val live = rv_val_get(have, "spec"), select = rv_val_get(live, "selector");
    struct rv_str type = type_of(rv_node_text(rv_node_get(wanted, "type")));
    struct rv_node *spec = shared_map(a, live, others_of(a, wanted), written_before(have), "spec");
    if (spec == NULL) spec = rv_node_map(a);
    if (ports != NULL && !same_ports(ports, rv_val_get(live, "ports"))) {
        if (has_node_ports(type)) keep_node_ports(a, ports, rv_val_get(live, "ports"));
        rv_node_set(a, spec, "ports", ports);
    }
    /* Without a selector its endpoints are made by whoever wants it so, and he takes a selector away himself. */
    struct rv_node *repair =
        selector != NULL ? rv_node_merge_patch(a, select, rv_node_freeze(a, selector)) : (struct rv_node *)NULL;
    if (repair != NULL) rv_node_set(a, spec, "selector", repair);
    if (!rv_str_eq(type, type_of(rv_path_str(live, "type")))) rv_node_set_str(a, spec, "type", type);
    return patch_of(a, spec, meta_patch(a, have, want));
}

/* A type with node ports needs an address, and a headless service cannot get one. An address cannot be exchanged for
 * the one that the user names either. The other way, a service that has an address and would not need it keeps it: its
 * name works as well. */
bool rc_service_needs_replacing(struct rv_val have, struct rv_node *want, struct rv_str user_address) {
    struct rv_str live = rv_path_str(have, "spec.clusterIP"), type = rv_node_text(rv_node_path(want, "spec.type")),
                  wanted = rv_node_text(rv_node_path(want, "spec.clusterIP"));
    if (live.n == 0) return false;
    if (rv_str_is(live, "None") && has_node_ports(type)) return true;
    return user_address.n != 0 && rv_str_eq(user_address, wanted) && !rv_str_eq(user_address, live);
}

/* ---- ingress */

struct rv_node *rc_drift_ingress(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_node *wanted = rv_node_get(want, "spec"), *spec = rv_node_map(a);
    struct rv_val live = rv_val_get(have, "spec");
    exact(a, spec, live, wanted, "ingressClassName"); /* without a wish the cluster's default stays */
    exact(a, spec, live, wanted, "rules");
    exact(a, spec, live, wanted, "tls");
    if (rv_node_get(wanted, "tls") == NULL && rv_val_len(rv_val_get(live, "tls")) > 0)
        rv_node_set(a, spec, "tls", rv_node_null(a));
    return patch_of(a, spec, meta_patch(a, have, want));
}

/* ---- others: routes, gateways, slices of endpoints */

struct rv_node *rc_drift_object(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    static const char *const not_compared[] = {"apiVersion", "kind", "metadata", "status"};
    struct rv_node *patch = rv_node_map(a), *meta = meta_patch(a, have, want), *part;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(want, i, &key, &part); i++) {
        struct rv_val live = rv_val_getn(have, key);
        if (listed(key, not_compared, RV_ARRAY_LEN(not_compared))) continue;
        if (rv_node_type(part) == RV_MAP)
            part = shared_map(a, live, part, RV_STR(""), "");
        else if (rv_val_within(rv_node_freeze(a, part), live))
            part = NULL;
        if (part != NULL) rv_node_setn(a, patch, key, part);
    }
    if (meta != NULL) rv_node_set(a, patch, "metadata", meta);
    return rv_node_len(patch) > 0 ? patch : NULL;
}

/* ---- roles */

static struct rv_node *list_drift(struct rv_arena *a, struct rv_val have, struct rv_node *want, const char *field,
                                  bool same) {
    struct rv_node *meta = meta_patch(a, have, want), *n = rv_node_map(a);
    if (!same) rv_node_set(a, n, field, rv_node_get(want, field));
    if (meta != NULL) rv_node_set(a, n, "metadata", meta);
    return rv_node_len(n) > 0 ? n : NULL;
}

struct rv_node *rc_drift_role(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_val rules = rv_node_freeze(a, rv_node_get(want, "rules"));
    return list_drift(a, have, want, "rules", rv_val_equal(rules, rv_val_get(have, "rules")));
}

struct rv_node *rc_drift_role_binding(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_val subjects = rv_node_freeze(a, rv_node_get(want, "subjects"));
    return list_drift(a, have, want, "subjects", rv_val_within(subjects, rv_val_get(have, "subjects")));
}
