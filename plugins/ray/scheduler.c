/* scheduler.c - see scheduler.h. A new scheduler is one row of `schedulers` and its two functions. */
#include "scheduler.h"

#include "fields.h"
#include "objects.h"
#include "rayvisor/json.h"

/* ---- what a gang needs ------------------------------------------------------------------------------------------ */

static struct rv_str label(const struct rc_cluster *c, const char *key) {
    return rv_val_str(rv_val_get(rv_val_get(c->meta, "labels"), key));
}

static bool has_label(const struct rc_cluster *c, const char *key) {
    return rv_val_present(rv_val_get(rv_val_get(c->meta, "labels"), key));
}

struct sum {
    struct rv_str name;
    struct rv_quantity q;
    struct sum *next;
};

struct sums {
    struct rv_arena *arena;
    struct sum *first;
};

static void add(void *arg, struct rv_str resource, struct rv_quantity q) {
    struct sums *s = arg;
    struct sum **at = &s->first;
    while (*at != NULL && !rv_str_eq((*at)->name, resource)) at = &(*at)->next;
    if (*at == NULL) {
        *at = rv_arena_alloc(s->arena, sizeof **at);
        (*at)->name = resource;
    }
    rv_quantity_add(&(*at)->q, q);
}

/* A group without pods names no resource. */
static void add_group(struct sums *s, struct rv_val group, int64_t pods) {
    if (pods != 0) rc_each_request(group, pods, add, s);
}

static struct rv_node *sum_node(struct rv_arena *a, const struct sum *s) {
    struct rv_node *n = rv_node_map(a);
    for (; s != NULL; s = s->next) {
        char text[48];
        rv_quantity_format(s->q, text);
        rv_node_setn(a, n, s->name, rv_node_str(a, rv_str(text)));
    }
    return n;
}

/* How many workers of one group the gang must have. With an autoscaler that is the least number of the group. */
static int64_t gang_workers(const struct rc_cluster *c, struct rv_val group) {
    if (!c->f.autoscaling) return rc_group_desired(group);
    if (rv_path_bool(group, "suspend", false)) return 0;
    return rc_group_least(group);
}

static int64_t gang_size(const struct rc_cluster *c) {
    int64_t n = 1;
    for (struct rv_iter g = rv_iter(rc_groups(c)); rv_iter_next(&g);) n += gang_workers(c, g.val);
    return n > INT32_MAX ? INT32_MAX : n;
}

static struct rv_node *gang_resources(struct rv_arena *a, const struct rc_cluster *c) {
    struct sums sums = {a, NULL};
    add_group(&sums, rv_val_get(c->spec, "headGroupSpec"), 1);
    for (struct rv_iter g = rv_iter(rc_groups(c)); rv_iter_next(&g);) add_group(&sums, g.val, gang_workers(c, g.val));
    add_group(&sums, c->submitter, 1);
    return sum_node(a, sums.first);
}

/* ---- writing to pods
 * ------------------------------------------------------------------------------------------------- */

static struct rv_node *pod_labels(struct rv_arena *a, struct rv_node *pod) {
    return rv_node_ensure_map(a, rv_node_get(pod, "metadata"), "labels");
}

static struct rv_node *pod_notes(struct rv_arena *a, struct rv_node *pod) {
    return rv_node_ensure_map(a, rv_node_get(pod, "metadata"), "annotations");
}

static void scheduled_by(struct rv_arena *a, struct rv_node *pod, const char *name) {
    rv_node_set_cstr(a, rv_node_get(pod, "spec"), "schedulerName", name);
}

static void copy_label(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, const char *from,
                       const char *to) {
    struct rv_str value = label(c, from);
    if (value.n != 0) rv_node_set_str(a, pod_labels(a, pod), to, value);
}

/* ---- Volcano
 * --------------------------------------------------------------------------------------------------------- */

#define VOLCANO_QUEUE "volcano.sh/queue-name"
#define VOLCANO_TOPOLOGY_MODE "volcano.sh/network-topology-mode"
#define VOLCANO_TOPOLOGY_TIER "volcano.sh/network-topology-highest-tier-allowed"

static bool from_rayjob(const struct rc_cluster *c) { return rv_str_is(c->creator, "RayJob"); }

static struct rv_str volcano_group(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_str owner = from_rayjob(c) ? label(c, RC_LABEL_ORIGIN_NAME) : c->name;
    return rv_arena_fmt(a, "ray-" RV_STR_FMT "-pg", RV_STR_ARG(owner));
}

static void volcano_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group) {
    copy_label(a, c, pod, VOLCANO_QUEUE, VOLCANO_QUEUE);
    copy_label(a, c, pod, RC_LABEL_PRIORITY_CLASS, RC_LABEL_PRIORITY_CLASS);
    rv_node_set_str(a, pod_notes(a, pod), "scheduling.k8s.io/group-name", volcano_group(a, c));
    rv_node_set_str(a, pod_notes(a, pod), "volcano.sh/task-spec", group);
    scheduled_by(a, pod, "volcano");
}

/* A RayJob's group is made by its own controller, because it covers the submitter too. */
static bool volcano_wanted(const struct rc_cluster *c) { return !from_rayjob(c); }

static bool topology_tier(const struct rc_cluster *c, int64_t *ret) {
    return rv_str_to_int(label(c, VOLCANO_TOPOLOGY_TIER), 0, INT32_MAX, ret) == 0;
}

/* Read only where there is a mode. */
static bool volcano_rejects(const struct rc_cluster *c, struct rv_buf *out) {
    struct rv_str tier = label(c, VOLCANO_TOPOLOGY_TIER);
    int64_t n;
    if (label(c, VOLCANO_TOPOLOGY_MODE).n == 0 || tier.n == 0 || topology_tier(c, &n)) return false;
    rv_buf_addf(out,
                "metadata.labels: " VOLCANO_TOPOLOGY_TIER " is \"" RV_STR_FMT
                "\"; accepted is a whole number that is not negative",
                RV_STR_ARG(tier));
    return true;
}

static struct rv_node *volcano_build(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, "scheduling.volcano.sh/v1beta1", "PodGroup", volcano_group(a, c));
    struct rv_node *meta = rv_node_get(n, "metadata"), *spec = rv_node_ensure_map(a, n, "spec");
    struct rv_val notes = rv_val_get(c->meta, "annotations");
    rv_node_set(a, meta, "labels", rc_common_labels(a, c));
    if (rv_val_len(notes) > 0) rv_node_set(a, meta, "annotations", rv_node_from(a, notes));
    rv_node_set_int(a, spec, "minMember", gang_size(c));
    rv_node_set(a, spec, "minResources", gang_resources(a, c));
    struct rv_str queue = label(c, VOLCANO_QUEUE), class = label(c, RC_LABEL_PRIORITY_CLASS),
                  mode = label(c, VOLCANO_TOPOLOGY_MODE);
    int64_t tier;
    rv_node_set_cstr(a, rv_node_ensure_map(a, n, "status"), "phase", "Pending");
    if (queue.n != 0) rv_node_set_str(a, spec, "queue", queue);
    if (class.n != 0) rv_node_set_str(a, spec, "priorityClassName", class);
    if (mode.n != 0) {
        struct rv_node *topology = rv_node_ensure_map(a, spec, "networkTopology");
        rv_node_set_str(a, topology, "mode", mode);
        if (topology_tier(c, &tier)) rv_node_set_int(a, topology, "highestTierAllowed", tier);
    }
    return n;
}

/* ---- YuniKorn
 * -------------------------------------------------------------------------------------------------------- */

#define YUNIKORN_GROUPS "yunikorn.apache.org/task-groups"

static void task_group(struct rv_arena *a, struct rv_node *list, struct rv_val group, struct rv_str name, int64_t min) {
    static const char *const copied[] = {"nodeSelector", "affinity", "tolerations"};
    struct rv_node *n = rv_node_map(a);
    struct sums sums = {a, NULL};
    add_group(&sums, group, 1);
    rv_node_set_str(a, n, "name", name);
    rv_node_set_int(a, n, "minMember", min);
    rv_node_set(a, n, "minResource", sum_node(a, sums.first));
    for (size_t i = 0; i < RV_ARRAY_LEN(copied); i++) {
        struct rv_val v = rv_val_get(rv_val_path(group, "template.spec"), copied[i]);
        if (rv_val_len(v) > 0) rv_node_set(a, n, copied[i], rv_node_from(a, v));
    }
    rv_node_append(a, list, n);
}

static struct rv_str task_groups(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_str own = rc_annotation(c, YUNIKORN_GROUPS);
    if (own.n != 0) return own;
    struct rv_node *list = rv_node_array(a);
    task_group(a, list, rv_val_get(c->spec, "headGroupSpec"), RV_STR(RC_HEAD_GROUP), 1);
    for (struct rv_iter g = rv_iter(rc_groups(c)); rv_iter_next(&g);)
        task_group(a, list, g.val, rv_path_str(g.val, "groupName"), rc_group_least(g.val));
    if (rv_val_present(c->submitter)) task_group(a, list, c->submitter, RV_STR(RC_SUBMITTER_GROUP), 1);
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(rv_node_freeze(a, list), &json);
    return rv_arena_str(a, rv_buf_str(&json));
}

static void yunikorn_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group) {
    copy_label(a, c, pod, "yunikorn.apache.org/app-id", "applicationId");
    copy_label(a, c, pod, "yunikorn.apache.org/queue", "queue");
    scheduled_by(a, pod, "yunikorn");
    if (!has_label(c, RC_LABEL_GANG)) return;
    rv_node_set_str(a, pod_notes(a, pod), YUNIKORN_GROUPS, task_groups(a, c));
    if (group.n != 0) rv_node_set_str(a, pod_notes(a, pod), "yunikorn.apache.org/task-group-name", group);
}

/* ---- KAI
 * ------------------------------------------------------------------------------------------------------------- */

static void kai_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group) {
    (void)group;
    copy_label(a, c, pod, "kai.scheduler/queue", "kai.scheduler/queue");
    scheduled_by(a, pod, "kai-scheduler");
}

/* ---- scheduler-plugins
 * ----------------------------------------------------------------------------------------------- */

static bool gang_asked(const struct rc_cluster *c) { return has_label(c, RC_LABEL_GANG); }

static void plugins_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group) {
    (void)group;
    scheduled_by(a, pod, "scheduler-plugins-scheduler");
    if (gang_asked(c)) rv_node_set_str(a, pod_labels(a, pod), "scheduling.x-k8s.io/pod-group", c->name);
}

static struct rv_node *plugins_build(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, "scheduling.x-k8s.io/v1alpha1", "PodGroup", c->name),
                   *spec = rv_node_ensure_map(a, n, "spec");
    rv_node_set(a, rv_node_get(n, "metadata"), "labels", rc_common_labels(a, c));
    rv_node_set_int(a, spec, "minMember", gang_size(c));
    rv_node_set(a, spec, "minResources", gang_resources(a, c));
    return n;
}

/* ---- Kubernetes workload-aware scheduling
 * ---------------------------------------------------------------------------- */

#define WAS_API "scheduling.k8s.io/v1alpha2"
#define WAS_TEMPLATE "cluster"

/* A gang that may grow is no gang to this API. */
static bool was_wanted(const struct rc_cluster *c) {
    return rv_str_ieq(label(c, RC_LABEL_GANG), "true") && !c->f.autoscaling;
}

static struct rv_str was_group(struct rv_arena *a, const struct rc_cluster *c) {
    return rv_arena_fmt(a, RV_STR_FMT "-" WAS_TEMPLATE, RV_STR_ARG(c->name));
}

static void was_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group) {
    (void)group;
    if (!was_wanted(c)) return;
    rv_node_set_str(a, rv_node_ensure_map(a, rv_node_get(pod, "spec"), "schedulingGroup"), "podGroupName",
                    was_group(a, c));
    scheduled_by(a, pod, "default-scheduler");
}

static void was_policy(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *into) {
    struct rv_node *gang = rv_node_ensure_map(a, rv_node_ensure_map(a, into, "schedulingPolicy"), "gang");
    rv_node_set_int(a, gang, "minCount", gang_size(c));
}

static struct rv_node *was_workload(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, WAS_API, "Workload", c->name), *spec = rv_node_ensure_map(a, n, "spec"),
                   *ref = rv_node_ensure_map(a, spec, "controllerRef"), *template = rv_node_map(a);
    rv_node_set(a, rv_node_get(n, "metadata"), "labels", rc_common_labels(a, c));
    rv_node_set_cstr(a, ref, "apiGroup", "ray.io");
    rv_node_set_cstr(a, ref, "kind", "RayCluster");
    rv_node_set_str(a, ref, "name", c->name);
    rv_node_set_cstr(a, template, "name", WAS_TEMPLATE);
    was_policy(a, c, template);
    rv_node_append(a, rv_node_ensure_array(a, spec, "podGroupTemplates"), template);
    return n;
}

static struct rv_node *was_pod_group(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_node *n = rc_new_object(a, c, WAS_API, "PodGroup", was_group(a, c)),
                   *spec = rv_node_ensure_map(a, n, "spec"),
                   *ref = rv_node_ensure_map(a, rv_node_ensure_map(a, spec, "podGroupTemplateRef"), "workload");
    rv_node_set(a, rv_node_get(n, "metadata"), "labels", rc_common_labels(a, c));
    rv_node_set_str(a, ref, "workloadName", c->name);
    rv_node_set_cstr(a, ref, "podGroupTemplateName", WAS_TEMPLATE);
    was_policy(a, c, spec);
    return n;
}

/* ---- the table
 * ------------------------------------------------------------------------------------------------------- */

#define SCHEDULER_WAS "kubernetes-was"

static const struct rc_scheduler schedulers[] = {
    {"volcano",
     volcano_pod,
     volcano_rejects,
     {{"scheduling.volcano.sh/v1beta1", "podgroups", volcano_wanted, volcano_build, false}}},
    {"yunikorn", yunikorn_pod, NULL, {{0}}},
    {"kai-scheduler", kai_pod, NULL, {{0}}},
    {"scheduler-plugins",
     plugins_pod,
     NULL,
     {{"scheduling.x-k8s.io/v1alpha1", "podgroups", gang_asked, plugins_build, false}}},
    {SCHEDULER_WAS,
     was_pod,
     NULL,
     {{WAS_API, "workloads", was_wanted, was_workload, true}, {WAS_API, "podgroups", was_wanted, was_pod_group, true}}},
};

int rc_settings_choose_scheduler(struct rc_settings *s, struct rv_error *err) {
    bool gate = rc_gate(s, RC_GATE_WAS, false), named = rv_str_is(s->scheduler, SCHEDULER_WAS);
    if (gate && s->scheduler.n != 0 && !named)
        return rv_error_set(err, RV_E_CONFIG,
                            "settings.featureGates." RC_GATE_WAS " excludes settings.batchScheduler " RV_STR_FMT,
                            RV_STR_ARG(s->scheduler));
    if (named && !gate)
        return rv_error_set(err, RV_E_CONFIG,
                            "settings.batchScheduler " SCHEDULER_WAS " needs settings.featureGates." RC_GATE_WAS
                            ": true; its API is alpha");
    if (gate) s->scheduler = RV_STR(SCHEDULER_WAS);
    return 0;
}

bool rc_scheduler_rejects(const struct rc_cluster *c, struct rv_buf *out) {
    const struct rc_scheduler *s = rc_scheduler_of(c);
    return s != NULL && s->rejects != NULL && s->rejects(c, out);
}

struct rv_node *rc_gang_patch(struct rv_arena *a, struct rv_val have, struct rv_val want) {
    static const char *const fields[] = {"minMember", "minResources"};
    struct rv_node *old = rv_node_map(a), *new = rv_node_map(a), *body = rv_node_map(a);
    for (size_t i = 0; i < RV_ARRAY_LEN(fields); i++) {
        struct rv_val from = rv_val_get(rv_val_get(have, "spec"), fields[i]),
                      to = rv_val_get(rv_val_get(want, "spec"), fields[i]);
        if (rv_val_set(from)) rv_node_set(a, old, fields[i], rv_node_from(a, from));
        if (rv_val_set(to)) rv_node_set(a, new, fields[i], rv_node_from(a, to));
    }
    struct rv_node *patch = rv_node_merge_patch(a, rv_node_freeze(a, old), rv_node_freeze(a, new));
    if (patch == NULL) return NULL;
    rv_node_set(a, body, "spec", patch);
    return body;
}

const struct rc_scheduler *rc_scheduler_of(const struct rc_cluster *c) {
    for (size_t i = 0; i < RV_ARRAY_LEN(schedulers); i++)
        if (rv_str_is(c->settings->scheduler, schedulers[i].name)) return &schedulers[i];
    return NULL;
}

void rc_schedule_pod(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod, struct rv_str group) {
    const struct rc_scheduler *s = rc_scheduler_of(c);
    if (s != NULL) s->pod(a, c, pod, group);
}
