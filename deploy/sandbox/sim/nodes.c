/* nodes.c - creates the nodes and keeps account of their resources. */
#include "nodes.h"

#include <stdlib.h>

enum { ID_PODS, ID_CPU, ID_MEMORY };

struct sim_node *sim_node_find(struct sim *m, struct rv_str name) {
    return sim_map_get(&sim_nodes_of(m)->map, name);
}

const char *sim_resource_name(struct sim *m, unsigned id) { return sim_nodes_of(m)->names[id]; }

static unsigned resource_id(struct sim_nodes *s, struct rv_str name) {
    for (size_t i = 0; i < s->n_names; i++)
        if (rv_str_is(name, s->names[i])) return (unsigned)i;
    s->names = rv_realloc_array(s->names, s->n_names + 1, sizeof(char *));
    s->names[s->n_names] = rv_strdup(name);
    return (unsigned)s->n_names++;
}

static int64_t amount(unsigned id, struct rv_quantity q) {
    if (id == ID_CPU) rv_quantity_mul(&q, 1000);
    int64_t n = rv_quantity_ceil(q);
    return n < INT64_MAX / 4 ? n : INT64_MAX / 4; /* so that the sum of a few cannot overflow */
}

/* ---- what a pod asks for ---- */

struct sum {
    int64_t *v;
    size_t n;
};

static int64_t *sum_at(struct sum *s, unsigned id) {
    if (id >= s->n) {
        s->v = rv_realloc_array(s->v, id + 1, sizeof *s->v);
        memset(s->v + s->n, 0, (id + 1 - s->n) * sizeof *s->v);
        s->n = id + 1;
    }
    return &s->v[id];
}

static int64_t add_capped(int64_t a, int64_t b) { return a > INT64_MAX / 4 - b ? INT64_MAX / 4 : a + b; }

static void sum_add(struct sim_nodes *t, struct sum *s, struct rv_val list) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) {
        struct rv_quantity q;
        if (rv_quantity_from_val(it.val, &q) != 0 || q.nano <= 0) continue;
        unsigned id = resource_id(t, it.key);
        int64_t *at = sum_at(s, id);
        *at = add_capped(*at, amount(id, q));
    }
}

/* Init containers run one after the other, together with the sidecars that were started before them. */
static void sum_inits(struct sim_nodes *t, struct sum *all, struct rv_val inits) {
    struct sum sidecars = {0}, peak = {0};
    for (struct rv_iter it = rv_iter(inits); rv_iter_next(&it);) {
        struct rv_val list = rv_val_path(it.val, "resources.requests");
        if (sim_is(it.val, "restartPolicy", "Always")) {
            sum_add(t, &sidecars, list);
            continue;
        }
        struct sum one = {0};
        sum_add(t, &one, list);
        for (unsigned i = 0; i < one.n || i < sidecars.n; i++) {
            int64_t need = add_capped(*sum_at(&one, i), *sum_at(&sidecars, i));
            if (need > *sum_at(&peak, i)) *sum_at(&peak, i) = need;
        }
        free(one.v);
    }
    for (unsigned i = 0; i < sidecars.n; i++) *sum_at(all, i) = add_capped(*sum_at(all, i), sidecars.v[i]);
    for (unsigned i = 0; i < peak.n; i++)
        if (peak.v[i] > *sum_at(all, i)) *sum_at(all, i) = peak.v[i];
    free(sidecars.v);
    free(peak.v);
}

struct sim_ask *sim_ask_new(struct sim *m, struct rv_val spec) {
    struct sim_nodes *t = sim_nodes_of(m);
    struct sum all = {0};
    for (struct rv_iter it = rv_iter(rv_val_get(spec, "containers")); rv_iter_next(&it);)
        sum_add(t, &all, rv_val_path(it.val, "resources.requests"));
    sum_inits(t, &all, rv_val_get(spec, "initContainers"));
    sum_add(t, &all, rv_val_get(spec, "overhead"));
    *sum_at(&all, ID_PODS) = 1;
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) n += all.v[i] > 0;
    struct sim_ask *ask = rv_alloc(sizeof *ask + n * sizeof ask->v[0]);
    for (unsigned i = 0; i < all.n; i++)
        if (all.v[i] > 0) ask->v[ask->n++] = (struct sim_amount){i, all.v[i]};
    free(all.v);
    return ask;
}

/* ---- books ---- */

static void node_know(struct sim_node *n, size_t ids) {
    if (ids <= n->n_known) return;
    n->total = rv_realloc_array(n->total, ids, sizeof *n->total);
    n->used = rv_realloc_array(n->used, ids, sizeof *n->used);
    memset(n->total + n->n_known, 0, (ids - n->n_known) * sizeof *n->total);
    memset(n->used + n->n_known, 0, (ids - n->n_known) * sizeof *n->used);
    n->n_known = ids;
}

size_t sim_node_lacks(const struct sim_node *n, const struct sim_ask *ask, unsigned *ids, size_t max) {
    size_t lacks = 0;
    for (size_t i = 0; i < ask->n && lacks < max; i++) {
        unsigned id = ask->v[i].id;
        int64_t free_now = id < n->n_known ? n->total[id] - n->used[id] : 0;
        if (ask->v[i].q > free_now) ids[lacks++] = id;
    }
    return lacks;
}

void sim_node_take(struct sim_node *n, const struct sim_ask *ask) {
    for (size_t i = 0; i < ask->n; i++) {
        node_know(n, ask->v[i].id + 1);
        n->used[ask->v[i].id] += ask->v[i].q;
    }
    n->n_pods++;
}

static void node_destroy(struct sim_node *n) {
    sb_object_unref(n->o);
    free((void *)(uintptr_t)n->entry.key.p);
    free(n->total);
    free(n->used);
    free(n);
}

void sim_node_give_back(struct sim_node *n, const struct sim_ask *ask) {
    for (size_t i = 0; i < ask->n; i++) n->used[ask->v[i].id] -= ask->v[i].q;
    if (--n->n_pods == 0 && n->gone) node_destroy(n);
}

static double share(const struct sim_node *n, unsigned id) {
    if (id >= n->n_known || n->total[id] <= 0) return 1;
    return (double)n->used[id] / (double)n->total[id];
}

double sim_node_load(const struct sim_node *n) { return share(n, ID_CPU) + share(n, ID_MEMORY); }

/* ---- objects ---- */

static void node_read(struct sim_nodes *t, struct sim_node *n, struct sb_object *o) {
    sb_object_unref(n->o);
    n->o = sb_object_ref(o);
    if (n->n_known != 0) memset(n->total, 0, n->n_known * sizeof *n->total);
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "status.allocatable")); rv_iter_next(&it);) {
        struct rv_quantity q;
        if (rv_quantity_from_val(it.val, &q) != 0) continue;
        unsigned id = resource_id(t, it.key);
        node_know(n, id + 1);
        n->total[id] = amount(id, q);
    }
    n->ready = rv_condition_is(rv_val_path(o->value, "status.conditions"), "Ready", "True");
    t->epoch++;
}

static void node_add(struct sim_nodes *t, struct sb_object *o) {
    char *name = rv_strdup(o->name);
    struct sim_node *n = rv_alloc(sizeof *n);
    n->entry.key = (struct rv_str){name, o->name.n};
    n->index = t->n;
    t->v = rv_realloc_array(t->v, t->n + 1, sizeof(struct sim_node *));
    t->v[t->n++] = n;
    sim_map_put(&t->map, &n->entry);
    node_read(t, n, o);
}

static void node_free(struct sim_nodes *t, struct sim_node *n) {
    sim_map_remove(&t->map, &n->entry);
    t->v[n->index] = t->v[--t->n];
    t->v[n->index]->index = n->index;
    n->gone = true;
    if (n->n_pods == 0) node_destroy(n);
    t->epoch++;
}

static void condition(struct rv_arena *a, struct rv_node *list, const char *type, const char *status,
                      const char *reason, const char *message) {
    struct rv_node *c = rv_node_map(a);
    rv_node_set_cstr(a, c, "type", type);
    rv_node_set_cstr(a, c, "status", status);
    sim_set_time(a, c, "lastHeartbeatTime", sim_wall_s());
    sim_set_time(a, c, "lastTransitionTime", sim_wall_s());
    rv_node_set_cstr(a, c, "reason", reason);
    rv_node_set_cstr(a, c, "message", message);
    rv_node_append(a, list, c);
}

static void capacity(const struct sim *m, struct rv_arena *a, struct rv_node *list) {
    rv_node_set_fmt(a, list, "cpu", "%lld", (long long)m->opts.node_cpu);
    rv_node_set_cstr(a, list, "memory", m->opts.node_memory);
    if (m->opts.node_storage > 0)
        rv_node_set_fmt(a, list, "ephemeral-storage", "%lldTi", (long long)m->opts.node_storage);
    rv_node_set_fmt(a, list, "pods", "%lld", (long long)m->opts.node_pods);
    if (m->opts.node_gpu > 0) rv_node_set_fmt(a, list, "nvidia.com/gpu", "%lld", (long long)m->opts.node_gpu);
}

static void make_node(struct sim *m, int64_t index) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str name = rv_arena_fmt(a, "sandbox-node-%lld", (long long)index);
    struct rv_node *o = sim_object(a, m->r.nodes, RV_STR(""), name);
    struct rv_node *labels = rv_node_ensure_map(a, rv_node_get(o, "metadata"), "labels");
    static const char *const fixed[][2] = {{"kubernetes.io/arch", "amd64"}, {"kubernetes.io/os", "linux"}};
    rv_node_set_str(a, labels, "kubernetes.io/hostname", name);
    for (size_t i = 0; i < RV_ARRAY_LEN(fixed); i++) rv_node_set_cstr(a, labels, fixed[i][0], fixed[i][1]);
    rv_node_ensure_map(a, o, "spec");
    struct rv_node *status = rv_node_ensure_map(a, o, "status"), *address = rv_node_map(a);
    capacity(m, a, rv_node_ensure_map(a, status, "capacity"));
    capacity(m, a, rv_node_ensure_map(a, status, "allocatable"));
    struct rv_node *list = rv_node_ensure_array(a, status, "conditions");
    condition(a, list, "MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory");
    condition(a, list, "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure");
    condition(a, list, "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PIDs");
    condition(a, list, "Ready", "True", "KubeletReady", "kubelet is posting ready status");
    rv_node_set_cstr(a, address, "type", "InternalIP");
    rv_node_set_fmt(a, address, "address", "10.0.%lld.%lld", (long long)(index >> 8 & 255), (long long)(index & 255));
    rv_node_append(a, rv_node_ensure_array(a, status, "addresses"), address);
    struct rv_node *info = rv_node_ensure_map(a, status, "nodeInfo");
    rv_node_set_cstr(a, info, "architecture", "amd64");
    rv_node_set_cstr(a, info, "operatingSystem", "linux");
    rv_node_set_cstr(a, info, "kubeletVersion", "v1.36.0-sandbox");
    rv_node_set_cstr(a, info, "osImage", "sandbox");
    rv_node_set_cstr(a, info, "kernelVersion", "simulated");
    rv_node_set_cstr(a, info, "containerRuntimeVersion", "simulated://1");
    sim_create(m, m->r.nodes, RV_STR(""), a, o, NULL);
}

static void *nodes_make(struct sim *m, struct rv_error *err) {
    (void)err;
    struct sim_nodes *t = rv_alloc(sizeof *t);
    m->modules[SIM_NODES] = t;
    resource_id(t, RV_STR("pods"));
    resource_id(t, RV_STR("cpu"));
    resource_id(t, RV_STR("memory"));
    for (int64_t i = 0; i < m->opts.nodes; i++) make_node(m, i);
    return t;
}

static void nodes_free(struct sim *m, void *module) {
    (void)m;
    struct sim_nodes *t = module;
    while (t->n > 0) node_free(t, t->v[0]);
    for (size_t i = 0; i < t->n_names; i++) free(t->names[i]);
    free(t->names);
    sim_map_free(&t->map);
    free(t->v);
    free(t);
}

static void nodes_change(struct sim *m, const struct sim_change *c) {
    struct sim_nodes *t = sim_nodes_of(m);
    if (c->o->resource != m->r.nodes) return;
    struct sim_node *n = sim_map_get(&t->map, c->o->name);
    if (c->type == SB_DELETED) {
        if (n != NULL) node_free(t, n);
    } else if (n == NULL) {
        node_add(t, c->o);
    } else {
        node_read(t, n, c->o);
    }
}

const struct sim_module sim_nodes_module = {nodes_make, nodes_free, nodes_change, NULL};
