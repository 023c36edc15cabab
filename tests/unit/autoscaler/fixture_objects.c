/* fixture_objects.c - the fixture's objects as the mirror shows them: the RayCluster, pods, machines. */
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"
#include "tests/unit/autoscaler/fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- objects as the mirror shows them --------------------------------------------------------------------- */

struct rv_val fixture_json(struct rv_arena *a, const struct rv_buf *b) {
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    if (rv_json_to_mp(rv_buf_str(b), NULL, &mp, &err) != 0) {
        fprintf(stderr, "%s in %.*s\n", err.text, (int)b->n, (const char *)b->p);
        abort();
    }
    struct rv_str copy = rv_arena_str(a, rv_buf_str(&mp));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

static struct rv_str time_text(struct rv_arena *a, int64_t ms) {
    char text[40];
    rv_time_format(ms * 1000000, text);
    return rv_arena_str(a, rv_str(text));
}

int fixture_hosts(const struct fixture_group *g) { return g->hosts > 1 ? g->hosts : 1; }

static void write_group(const struct fixture_group *g, struct rv_buf *b, const char *comma, bool absurd) {
    rv_buf_addf(b,
                "%s{\"groupName\":\"%s\",\"numOfHosts\":%d,\"replicas\":%d,\"minReplicas\":%d,\"maxReplicas\":%d,"
                "\"template\":{\"spec\":{"
                "\"containers\":[{\"name\":\"r\",\"image\":\"i\",\"resources\":{\"limits\":{\"cpu\":\"%d\"}}}]}},"
                "\"scaleStrategy\":{\"workersToDelete\":[",
                comma, g->name, fixture_hosts(g), absurd ? INT32_MAX : g->replicas, g->min, absurd ? INT32_MAX : g->max,
                g->cpu);
    for (int i = 0; i < g->n_to_delete; i++) rv_buf_addf(b, "%s\"%s\"", i != 0 ? "," : "", g->to_delete[i]);
    rv_buf_adds(b, "]}}");
}

void fixture_make_cluster(struct fixture *w) {
    rv_autobuf struct rv_buf b = {0};
    rv_arena_reset(w->object_arena);
    rv_buf_addf(
        &b,
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"ns\",\"uid\":\"u\",\"generation\":%d,\"annotations\":{%s}},"
        "\"spec\":{\"enableInTreeAutoscaling\":true,\"suspend\":%s,\"autoscalerOptions\":{\"idleTimeoutSeconds\":%lld},"
        "\"headGroupSpec\":{\"rayStartParams\":{%s},\"template\":{\"spec\":{\"containers\":[{\"name\":\"h\",\"image\":"
        "\"i\"}]}}},\"workerGroupSpecs\":[",
        w->generation, w->plain ? "" : "\"rayvisor.io/autoscaler\":\"operator\"", w->suspended ? "true" : "false",
        (long long)w->idle_ms / 1000, w->edited_head ? "\"port\":\"7000\"" : "");
    const char *comma = "";
    for (int g = 0; g < w->n_groups; g++) {
        if (w->groups[g].gone) continue;
        write_group(&w->groups[g], &b, comma, w->absurd);
        comma = ",";
    }
    rv_buf_adds(&b, "]},\"status\":{\"conditions\":[{\"type\":\"HeadPodReady\",\"status\":\"True\"}");
    if (w->ready.status[0] != 0)
        rv_buf_addf(&b, ",{\"type\":\"AutoscalerReady\",\"status\":\"%s\",\"reason\":\"%s\",\"message\":\"%s\"}",
                    w->ready.status, w->ready.reason, w->ready.message);
    rv_buf_adds(&b, "]}}");
    w->object =
        (struct rv_object){.size = sizeof w->object, .ns = RV_STR("ns"), .name = RV_STR("c"), .uid = RV_STR("u")};
    w->object.value = fixture_json(w->object_arena, &b);
    w->object_of = w->generation;
}

/* What a pod's object is made of, apart from its name; two that are equal have the same object. */
struct fixture_face {
    int64_t made, gone_at, disrupted_at;
    int number, grace_s; /* number: of the name */
    bool run, begun, ended, disrupted, unschedulable, sidecar;
};

static struct fixture_face face_of(const struct fixture *w, const struct fixture_pod *p) {
    struct fixture_face f;
    memset(&f, 0, sizeof f); /* it is compared by its bytes */
    f.made = p->made;
    f.gone_at = p->gone_at;
    f.disrupted_at = p->disrupted_at;
    f.number = p->name_number;
    f.grace_s = p->grace_s;
    f.run = p->node || (p->head && p->joins_at <= w->now);
    f.begun = f.run || p->joins_at <= w->now + 1000;
    f.ended = p->ended;
    f.disrupted = p->disrupted;
    f.unschedulable = p->unschedulable;
    f.sidecar = p->head && w->sidecar;
    return f;
}

static void write_pod(struct fixture *w, const struct fixture_pod *p, const struct fixture_face *f, struct rv_buf *b) {
    struct rv_arena *a = w->pass_arena;
    rv_buf_addf(b, "{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\",\"creationTimestamp\":\"%s\",", p->name, p->uid,
                time_text(a, p->made).p);
    if (p->gone_at != NEVER) rv_buf_addf(b, "\"deletionTimestamp\":\"%s\",", time_text(a, p->gone_at).p);
    rv_buf_addf(
        b,
        "\"labels\":{\"ray.io/node-type\":\"%s\",\"ray.io/"
        "group\":\"%s\"%s}},\"spec\":{\"restartPolicy\":\"Never\",\"nodeName\":\"m-%s\",%s"
        "\"containers\":[{\"name\":\"r\",\"env\":[{\"name\":\"KUBERAY_GEN_RAY_START_CMD\",\"value\":\"ray start --head "
        "\"}]}%s]},",
        p->head ? "head" : "worker", p->head ? "headgroup" : w->groups[p->group].name,
        p->replica != 0
            ? rv_arena_fmt(a, ",\"ray.io/worker-group-replica-name\":\"%s-r%d\"", w->groups[p->group].name, p->replica)
                  .p
            : "",
        p->name, p->grace_s != 0 ? rv_arena_fmt(a, "\"terminationGracePeriodSeconds\":%d,", p->grace_s).p : "",
        f->sidecar ? ",{\"name\":\"autoscaler\"}" : "");
    rv_buf_addf(b, "\"status\":{\"phase\":\"%s\",\"conditions\":[",
                p->ended   ? "Failed"
                : f->begun ? "Running"
                           : "Pending");
    if (p->disrupted)
        rv_buf_addf(b,
                    "{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"EvictionByEvictionAPI\","
                    "\"message\":\"evicted\"%s},",
                    p->disrupted_at != 0
                        ? rv_arena_fmt(a, ",\"lastTransitionTime\":\"%s\"", time_text(a, p->disrupted_at).p).p
                        : "");
    if (p->unschedulable)
        rv_buf_addf(
            b,
            "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"no room\","
            "\"lastTransitionTime\":\"%s\"},",
            time_text(a, p->made).p);
    rv_buf_addf(b, "{\"type\":\"Ready\",\"status\":\"%s\"}]}}", f->run && !p->ended ? "True" : "False");
}

/* Made anew only when the pod looks different than before: most of a history's time would go into it. */
static struct rv_val pod_value(struct fixture *w, const struct fixture_pod *p) {
    size_t at = (size_t)(p - w->pods);
    struct fixture_face f = face_of(w, p);
    struct rv_buf *kept = &w->pod_objects[at];
    if (kept->n == 0 || memcmp(kept->p, &f, sizeof f) != 0) {
        rv_autobuf struct rv_buf b = {0};
        write_pod(w, p, &f, &b);
        struct rv_val v = fixture_json(w->pass_arena, &b);
        rv_buf_clear(kept);
        rv_buf_add(kept, &f, sizeof f);
        rv_buf_add(kept, v.p, v.n);
    }
    return (struct rv_val){kept->p + sizeof f, kept->n - sizeof f};
}

struct rv_object fixture_object(struct fixture *w, const struct fixture_pod *p, uint32_t kind) {
    struct rv_object o = {
        .size = sizeof o, .kind = kind, .ns = RV_STR("ns"), .name = rv_str(p->name), .uid = rv_str(p->uid)};
    o.value = pod_value(w, p);
    return o;
}

void fixture_write_machine(struct fixture *w, const struct fixture_pod *p, struct rv_buf *b) {
    rv_buf_adds(b, "{\"spec\":{\"taints\":[{\"key\":\"other\"}");
    if (p->tainted && p->evicts_from != 0)
        rv_buf_addf(b, ",{\"key\":\"karpenter.sh/disrupted\",\"effect\":\"NoExecute\",\"timeAdded\":\"%s\"}",
                    time_text(w->pass_arena, p->evicts_from).p);
    else if (p->tainted)
        rv_buf_adds(b, ",{\"key\":\"karpenter.sh/disrupted\",\"effect\":\"NoSchedule\"}");
    rv_buf_adds(b, "]}}");
}
