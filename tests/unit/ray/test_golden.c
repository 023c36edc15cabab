/* test_golden.c - for public sample clusters: the pods and the head service that we build against recordings of what
 * the reference operator made of the same manifest. The recordings are not part of the project: RAYVISOR_GOLDEN names
 * their folder (otherwise the shared/golden next to the source tree); without them the test counts as skipped.
 */
#include <stdlib.h>
#include <unistd.h>

#include "plugins/ray/cluster.h"
#include "plugins/ray/fields.h"
#include "same.h"
#include "tests/unit/sdk/suite.h"

#define GATES "{\"RayClusterHistoryServer\":true,\"RayClusterNetworkPolicy\":true}"
enum { SKIPPED = 77, UID_BYTES = 36 };

/* Of which the reference made pods; the others are compared in tests/integration/test_golden.py. */
static const char *const samples[] = {
    "ray-cluster.sample",
    "ray-cluster.complete",
    "ray-cluster.sandbox",
    "ray-cluster.py-spy",
    "ray-cluster.fluentbit",
    "ray-cluster.separate-ingress",
    "ray-cluster.tpu-v4-singlehost",
    "ray-cluster-resource-isolation.gke",
    "ray-cluster.kubernetes.auth-manual",
    "ray-cluster.auth",
    "ray-cluster.auth.secret-ref",
    "ray-cluster.autoscaler-v2",
    "ray-cluster.autoscaler",
    "ray-cluster.deprecate-gcs-ft",
    "ray-cluster.external-redis",
    "ray-cluster.historyserver.gates",
    "ray-cluster.kai-scheduler",
    "ray-cluster.network-policy-deny-all.gates",
    "ray-cluster.persistent-redis-sidecar",
    "ray-cluster.scheduler-plugins",
    "ray-cluster.tpu-v6e-256-multihost",
    "ray-cluster.tpu-v6e-singlehost",
    "ray-cluster.volcano-scheduler-queue",
    "ray-cluster.yunikorn-scheduler",
};

static const struct rc_settings settings = {
    .init_container_injection = true, .probes_injection = true, .cluster_domain = {"cluster.local", 13}};

static const char *folder(void) {
    const char *given = getenv("RAYVISOR_GOLDEN");
    return given != NULL && given[0] != 0 ? given : "../shared/golden";
}

struct recording {
    struct rv_arena *arena;
    struct rc_cluster cluster;
    struct rv_val objects;
    struct rc_settings settings;
};

static void close_file(FILE **f) {
    if (*f != NULL) fclose(*f);
}

static bool read_json(const char *path, struct rv_buf *mp) {
    rv_autobuf struct rv_buf text = {0};
    rv_cleanup(close_file) FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    char chunk[8192];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) rv_buf_add(&text, chunk, n);
    return ferror(f) == 0 && rv_json_to_mp(rv_buf_str(&text), NULL, mp, NULL) == 0;
}

/* Recordings call every uid the same, but not where it is the namespace in a Redis. */
static struct rv_str uid_of(struct rv_val objects) {
    for (struct rv_iter it = rv_iter(rv_val_get(objects, "pods")); rv_iter_next(&it);) {
        struct rv_val notes = rv_val_path(it.val, "metadata.annotations");
        struct rv_str ns = rv_val_str(rv_val_get(notes, RC_ANNOTATION_STORAGE_NAMESPACE));
        if (ns.n == UID_BYTES) return ns;
    }
    return RV_STR("00000000-0000-0000-0000-000000000001");
}

/* The RayCluster of a recording as the API server would hand it to us, with the names that the recordings use. */
static bool open_recording(struct recording *r, const char *sample) {
    rv_autobuf struct rv_buf mp = {0};
    struct rv_str path = rv_arena_fmt(r->arena, "%s/%s.json", folder(), sample);
    if (!read_json(path.p, &mp)) return false;
    struct rv_str kept = rv_arena_str(r->arena, rv_buf_str(&mp));
    struct rv_val all = {(const uint8_t *)kept.p, kept.n};
    r->objects = rv_val_get(all, "objects");
    for (struct rv_iter it = rv_iter(rv_val_get(all, "input")); rv_iter_next(&it);) {
        if (!rv_str_is(rv_path_str(it.val, "kind"), "RayCluster")) continue;
        struct rv_node *n = rv_node_from(r->arena, it.val), *meta = rv_node_get(n, "metadata");
        rv_node_set_cstr(r->arena, meta, "namespace", "NS");
        rv_node_set_str(r->arena, meta, "uid", uid_of(r->objects));
        r->settings = settings;
        if (strstr(sample, ".gates") != NULL) r->settings.gates = from_json(r->arena, GATES);
        rc_cluster_read(&r->cluster, rv_node_freeze(r->arena, n), &r->settings);
        return true;
    }
    return false;
}

static struct rv_val group_named(const struct rc_cluster *c, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rc_groups(c)); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "groupName"), name)) return it.val;
    return RV_VAL_ABSENT;
}

/* The pod that we would have made in place of a stored one. */
static struct rv_val counterpart(struct recording *r, struct rv_val stored) {
    struct rv_val labels = rv_val_path(stored, "metadata.labels");
    struct rv_str group = rv_val_str(rv_val_get(labels, RC_LABEL_GROUP));
    struct rc_place place = {.index = -1, .replica = rv_val_str(rv_val_get(labels, RC_LABEL_REPLICA_NAME))};
    if (rv_str_is(group, RC_HEAD_GROUP)) {
        char hash[33];
        rc_spec_hash(&r->cluster, hash);
        return rv_node_freeze(r->arena, rc_head_pod(r->arena, &r->cluster, "RAND", rv_str(hash)));
    }
    rv_str_to_int(rv_val_str(rv_val_get(labels, RC_LABEL_REPLICA_INDEX)), 0, INT32_MAX, &place.index);
    rv_str_to_int(rv_val_str(rv_val_get(labels, RC_LABEL_HOST_INDEX)), 0, INT32_MAX, &place.host);
    return rv_node_freeze(
        r->arena, rc_worker_pod(r->arena, &r->cluster, group_named(&r->cluster, group), &place, "RAND", RV_STR("")));
}

static void compare_pods(struct recording *r, const char *sample) {
    size_t want = 1, n = 0;
    for (struct rv_iter it = rv_iter(rc_groups(&r->cluster)); rv_iter_next(&it);)
        want += (size_t)rc_group_desired(it.val);
    for (struct rv_iter it = rv_iter(rv_val_get(r->objects, "pods")); rv_iter_next(&it);) {
        if (!rv_str_is(rv_path_str(it.val, "metadata.ownerReferences[0].kind"), "RayCluster")) continue;
        CHECK_ROW(same_differences(sample, counterpart(r, it.val), it.val) == 0, sample);
        n++;
    }
    CHECK_ROW(n == want, sample);
}

static void compare_service(struct recording *r, const char *sample) {
    struct rv_val ours = rv_node_freeze(r->arena, rc_head_service(r->arena, &r->cluster));
    unsigned found = 0;
    for (struct rv_iter it = rv_iter(rv_val_get(r->objects, "services")); rv_iter_next(&it);) {
        if (!rv_str_eq(rv_path_str(it.val, "metadata.name"), rv_path_str(ours, "metadata.name"))) continue;
        found++;
        CHECK_ROW(same_differences(sample, ours, it.val) == 0, sample);
    }
    CHECK_ROW(found == 1, sample);
}

static void recordings(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(samples); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct recording r = {.arena = a};
        bool there = open_recording(&r, samples[i]);
        CHECK_ROW(there, samples[i]);
        if (!there) continue;
        compare_pods(&r, samples[i]);
        compare_service(&r, samples[i]);
    }
}

/* The comparison itself: it must see what is missing, what is too much and what is wrong. */
static void comparison(void) {
    static const struct {
        const char *ours, *stored;
        unsigned want;
    } rows[] = {
        {"{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1,\"priority\":0},\"status\":{}}", 0},
        {"{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":2}}", 1},
        {"{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1,\"priority\":7}}", 1},
        {"{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1,\"b\":1}}", 1},
        {"{\"spec\":{\"a\":1,\"b\":1}}", "{\"spec\":{\"a\":1}}", 1},
        {"{\"spec\":{\"a\":[]}}", "{\"spec\":{}}", 0},
        {"{\"env\":[{\"name\":\"x\"},{\"name\":\"y\"}]}", "{\"env\":[{\"name\":\"y\"},{\"name\":\"x\"}]}", 2},
        {"{\"env\":[{\"name\":\"x\"}]}", "{\"env\":[]}", 1},
        {"{}", "{\"m\":[{\"name\":\"kube-api-access-RAND\"}]}", 0},
        {"{\"m\":[]}", "{\"m\":[{\"name\":\"kube-api-access-RAND\"}]}", 0},
        {"{\"resources\":{\"limits\":{\"cpu\":\"1000m\"}}}", "{\"resources\":{\"limits\":{\"cpu\":\"1\"}}}", 0},
        {"{\"v\":\"v" RV_VERSION ";x\"}", "{\"v\":\"v1.7.0;x\"}", 0},
        {"{\"v\":\"v1.6.0\"}", "{\"v\":\"v1.7.0\"}", 1},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        unsigned got = same_differences(NULL, from_json(a, rows[i].ours), from_json(a, rows[i].stored));
        CHECK_ROW(got == rows[i].want, rows[i].ours);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"the comparison sees differences", comparison},
        {"pods and head service are those of the recordings", recordings},
    };
    if (access(folder(), R_OK | X_OK) != 0) {
        printf("skipped: no recordings in %s (RAYVISOR_GOLDEN)\n", folder());
        return SKIPPED;
    }
    return suite_run("raycluster golden", tests, RV_ARRAY_LEN(tests));
}
