/* drift.c - see drift.h. */
#include "drift.h"

#include "plugins/ray/fields.h"
#include "plugins/ray/objects.h"
#include "plugins/ray/scheduler.h"

/* ---- the user's keys, on record
 * ----------------------------------------------------------------------------------------- */

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

void drift_record(struct rv_arena *a, struct rv_node *want) {
    rv_autobuf struct rv_buf list = {0};
    struct rv_node *meta = rv_node_get(want, "metadata"), *spec = rv_node_get(want, "spec");
    record(&list, "annotations", rv_node_get(meta, "annotations"), NULL);
    record(&list, "labels", rv_node_get(meta, "labels"), own_label);
    /* A headless service of our own making has nothing of the user's. */
    if (rv_str_is(rv_node_text(rv_node_get(want, "kind")), "Service") &&
        !rv_str_is(rv_node_text(rv_node_get(spec, "clusterIP")), "None"))
        record(&list, "spec", spec, own_spec);
    if (list.n != 0)
        rv_node_set_str(a, rv_node_ensure_map(a, meta, "annotations"), RC_ANNOTATION_WRITTEN, rv_buf_str(&list));
}

static struct rv_str written_before(struct rv_val have) {
    return rv_val_str(rv_val_get(rv_val_path(have, "metadata.annotations"), RC_ANNOTATION_WRITTEN));
}

/* Into the patch: what differs of a map in which others write too, and null for what we wrote once and want no more. */
static struct rv_node *shared_map(struct pass *p, struct rv_val have, struct rv_node *want, struct rv_str written,
                                  const char *place) {
    struct rv_node *patch = rv_node_map(p->arena), *value;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(want, i, &key, &value); i++)
        if (!rv_val_within(rv_node_freeze(p->arena, value), rv_val_getn(have, key)))
            rv_node_setn(p->arena, patch, key, value);
    for (struct rv_str rest = written, one; rest.n != 0;) {
        const char *comma = memchr(rest.p, ',', rest.n);
        size_t n = comma != NULL ? (size_t)(comma - rest.p) : rest.n, skip = strlen(place);
        one = (struct rv_str){rest.p, n};
        rest = comma != NULL ? (struct rv_str){comma + 1, rest.n - n - 1} : (struct rv_str){NULL, 0};
        if (!rv_str_starts(one, place) || one.n <= skip + 1 || one.p[skip] != '/') continue;
        key = (struct rv_str){one.p + skip + 1, one.n - skip - 1};
        if (rv_node_getn(want, key) == NULL && rv_val_present(rv_val_getn(have, key)))
            rv_node_setn(p->arena, patch, key, rv_node_null(p->arena));
    }
    return rv_node_len(patch) > 0 ? patch : NULL;
}

/* Labels and annotations, the record among them. */
static struct rv_node *meta_patch(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const maps[] = {"labels", "annotations"};
    struct rv_node *meta = rv_node_get(want, "metadata"), *out = NULL;
    struct rv_val live = rv_val_get(have, "metadata");
    struct rv_str written = written_before(have);
    for (size_t i = 0; i < RV_ARRAY_LEN(maps); i++) {
        struct rv_node *wanted = rv_node_get(meta, maps[i]),
                       *map = shared_map(p, rv_val_get(live, maps[i]), wanted, written, maps[i]);
        if (i == 1 && written.n != 0 && rv_node_get(wanted, RC_ANNOTATION_WRITTEN) == NULL) {
            if (map == NULL) map = rv_node_map(p->arena);
            rv_node_set(p->arena, map, RC_ANNOTATION_WRITTEN, rv_node_null(p->arena));
        }
        if (map == NULL) continue;
        if (out == NULL) out = rv_node_map(p->arena);
        rv_node_set(p->arena, out, maps[i], map);
    }
    return out;
}

static struct rv_node *both(struct pass *p, struct rv_node *spec, struct rv_node *meta) {
    if (rv_node_len(spec) == 0 && meta == NULL) return NULL;
    struct rv_node *n = rv_node_map(p->arena);
    if (rv_node_len(spec) > 0) rv_node_set(p->arena, n, "spec", spec);
    if (meta != NULL) rv_node_set(p->arena, n, "metadata", meta);
    return n;
}

/* Takes over into the patch a field that must be exactly so. */
static void exact(struct pass *p, struct rv_node *patch, struct rv_val have, struct rv_node *want, const char *field) {
    struct rv_node *part = rv_node_get(want, field);
    if (part == NULL || rv_val_equal(rv_node_freeze(p->arena, part), rv_val_get(have, field))) return;
    rv_node_set(p->arena, patch, field, part);
}

/* ---- services
 * ------------------------------------------------------------------------------------------------------------ */

/* As the API server completes it. A node port counts only where one was asked for. */
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
static void keep_node_ports(struct pass *p, struct rv_node *ports, struct rv_val have) {
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *port = rv_node_at(ports, i);
        if (rv_node_get(port, "nodePort") != NULL) continue;
        for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);) {
            int64_t number = rv_path_int(it.val, "nodePort", 0);
            if (number != 0 && rv_str_eq(rv_path_str(it.val, "name"), rv_node_text(rv_node_get(port, "name"))))
                rv_node_set_int(p->arena, port, "nodePort", number);
        }
    }
}

static struct rv_str type_of(struct rv_str type) { return type.n != 0 ? type : RV_STR("ClusterIP"); }

static bool has_node_ports(struct rv_str type) {
    return rv_str_is(type, "NodePort") || rv_str_is(type, "LoadBalancer");
}

static struct rv_node *others_of(struct pass *p, struct rv_node *spec) {
    struct rv_node *n = rv_node_map(p->arena), *value;
    struct rv_str key;
    for (size_t i = 0; rv_node_entry(spec, i, &key, &value); i++)
        if (!own_spec(key)) rv_node_setn(p->arena, n, key, value);
    return n;
}

struct rv_node *drift_service(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_node *wanted = rv_node_get(want, "spec"), *ports = rv_node_get(wanted, "ports"),
                   *selector = rv_node_get(wanted, "selector");
    struct rv_val live = rv_val_get(have, "spec"), select = rv_val_get(live, "selector");
    struct rv_str type = type_of(rv_node_text(rv_node_get(wanted, "type")));
    struct rv_node *spec = shared_map(p, live, others_of(p, wanted), written_before(have), "spec");
    if (spec == NULL) spec = rv_node_map(p->arena);
    if (ports != NULL && !same_ports(ports, rv_val_get(live, "ports"))) {
        if (has_node_ports(type)) keep_node_ports(p, ports, rv_val_get(live, "ports"));
        rv_node_set(p->arena, spec, "ports", ports);
    }
    struct rv_node *repair = rv_node_merge_patch(p->arena, select, rv_node_freeze(p->arena, selector));
    if (repair != NULL) rv_node_set(p->arena, spec, "selector", repair);
    if (!rv_str_eq(type, type_of(rv_path_str(live, "type")))) rv_node_set_str(p->arena, spec, "type", type);
    return both(p, spec, meta_patch(p, have, want));
}

/* A type with node ports needs an address, and a headless service cannot get one; nor can an address be exchanged for
 * the one that the user names. The other way, what has an address that it would not need keeps it: names work as well.
 */
bool drift_readdress(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_str live = rv_path_str(have, "spec.clusterIP"), type = rv_node_text(rv_node_path(want, "spec.type")),
                  wanted = rv_node_text(rv_node_path(want, "spec.clusterIP")),
                  user = rv_path_str(p->c->spec, "headGroupSpec.headService.spec.clusterIP");
    if (live.n == 0) return false;
    if (rv_str_is(live, "None") && has_node_ports(type)) return true;
    return user.n != 0 && rv_str_eq(user, wanted) && !rv_str_eq(user, live);
}

/* ---- ingress and route
 * ------------------------------------------------------------------------------------------------ */

struct rv_node *drift_ingress(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_node *wanted = rv_node_get(want, "spec"), *spec = rv_node_map(p->arena);
    struct rv_val live = rv_val_get(have, "spec");
    exact(p, spec, live, wanted, "ingressClassName"); /* without a wish the cluster's default stays */
    exact(p, spec, live, wanted, "rules");
    exact(p, spec, live, wanted, "tls");
    if (rv_node_get(wanted, "tls") == NULL && rv_val_len(rv_val_get(live, "tls")) > 0)
        rv_node_set(p->arena, spec, "tls", rv_node_null(p->arena));
    return both(p, spec, meta_patch(p, have, want));
}

struct rv_node *drift_route(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_node *spec = shared_map(p, rv_val_get(have, "spec"), rv_node_get(want, "spec"), RV_STR(""), "spec");
    return both(p, spec, meta_patch(p, have, want));
}

/* ---- roles
 * ----------------------------------------------------------------------------------------------------------- */

static struct rv_node *list_drift(struct pass *p, struct rv_val have, struct rv_node *want, const char *field,
                                  bool same) {
    struct rv_node *meta = meta_patch(p, have, want), *n = rv_node_map(p->arena);
    if (!same) rv_node_set(p->arena, n, field, rv_node_get(want, field));
    if (meta != NULL) rv_node_set(p->arena, n, "metadata", meta);
    return rv_node_len(n) > 0 ? n : NULL;
}

struct rv_node *drift_role(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val rules = rv_node_freeze(p->arena, rv_node_get(want, "rules"));
    return list_drift(p, have, want, "rules", rv_val_equal(rules, rv_val_get(have, "rules")));
}

struct rv_node *drift_binding(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val subjects = rv_node_freeze(p->arena, rv_node_get(want, "subjects"));
    return list_drift(p, have, want, "subjects", rv_val_within(subjects, rv_val_get(have, "subjects")));
}

/* ---- the volume claim
 * ------------------------------------------------------------------------------------------------ */

static bool same_amount(struct rv_val a, struct rv_val b) {
    struct rv_quantity x, y;
    return rv_quantity_from_val(a, &x) == 0 && rv_quantity_from_val(b, &y) == 0 && rv_quantity_cmp(x, y) == 0;
}

/* A claim's size and class cannot be changed behind its pod's back: said, once for each edit. Its owner can. */
static void claim_differs(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val wanted = rv_node_freeze(p->arena, rv_node_get(want, "spec")), live = rv_val_get(have, "spec"),
                  class = rv_val_get(wanted, "storageClassName");
    const char *what = NULL;
    if (!same_amount(rv_val_path(wanted, "resources.requests.storage"),
                     rv_val_path(live, "resources.requests.storage")))
        what = "size";
    else if (rv_val_set(class) && !rv_val_equal(class, rv_val_get(live, "storageClassName")))
        what = "storageClassName";
    else if (!rv_val_within(rv_val_get(wanted, "accessModes"), rv_val_get(live, "accessModes")))
        what = "accessModes";
    if (what == NULL || p->memo->claim_said == p->c->generation) return;
    p->memo->claim_said = p->c->generation;
    pass_event(p, true, "FailedToCreatePVC", "Update",
               rv_arena_fmt(p->arena,
                            "spec.gcsFaultToleranceOptions.storage.%s differs from that of the PersistentVolumeClaim "
                            "that exists; it is not changed",
                            what));
}

/* Our reference comes or goes; those of others stay. The resourceVersion makes sure that none is lost. */
struct rv_node *drift_claim(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val owners = rv_val_path(have, "metadata.ownerReferences");
    bool ours = false, retained = rc_claim_retained(p->c);
    struct rv_node *list = rv_node_array(p->arena), *meta = rv_node_map(p->arena);
    claim_differs(p, have, want);
    for (struct rv_iter it = rv_iter(owners); rv_iter_next(&it);) {
        bool mine = rv_str_eq(rv_path_str(it.val, "uid"), p->c->uid);
        ours |= mine;
        if (!mine) rv_node_append(p->arena, list, rv_node_from(p->arena, it.val));
    }
    if (ours != retained) return NULL;
    if (!retained) rv_node_append(p->arena, list, rv_node_at(rv_node_path(want, "metadata.ownerReferences"), 0));
    rv_node_set(p->arena, meta, "ownerReferences", list);
    rv_node_set_str(p->arena, meta, "resourceVersion", rv_path_str(have, "metadata.resourceVersion"));
    return both(p, NULL, meta);
}

/* ---- groups of a scheduler
 * -------------------------------------------------------------------------------------------- */

struct rv_node *drift_gang(struct pass *p, struct rv_val have, struct rv_node *want) {
    return rc_gang_patch(p->arena, have, rv_node_freeze(p->arena, want));
}

struct rv_node *drift_fixed_gang(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_node *part = rv_node_get(want, "spec");
    if (part == NULL || rv_val_within(rv_node_freeze(p->arena, part), rv_val_get(have, "spec"))) return NULL;
    return both(p, part, NULL);
}
