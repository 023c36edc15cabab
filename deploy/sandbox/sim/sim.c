/* sim.c - the work loop of the simulation: it handles changes and timers and runs the modules, with a bound on each
 * turn. */
#include "internal.h"

#include <stdlib.h>

static const struct sim_module *const sim_modules[SIM_N] = {
    [SIM_NODES] = &sim_nodes_module,
    [SIM_PODS] = &sim_pods_module,
    [SIM_GC] = &sim_gc_module,
    [SIM_NAMESPACES] = &sim_namespaces_module,
    [SIM_ENDPOINTS] = &sim_endpoints_module,
    [SIM_JOBS] = &sim_jobs_module,
    [SIM_VOLUMES] = &sim_volumes_module,
    [SIM_RAY] = &sim_ray_module,
    [SIM_RAYHTTP] = &sim_rayhttp_module,
    [SIM_GATEWAY] = &sim_gateway_module,
};

uint64_t sim_random(struct sim *m) {
    m->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = m->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

const char *sim_intern(struct sim *m, const char *text) {
    if (text == NULL) return NULL;
    for (size_t i = 0; i < m->n_texts; i++)
        if (strcmp(m->texts[i], text) == 0) return m->texts[i];
    m->texts = rv_realloc_array(m->texts, m->n_texts + 1, sizeof(char *));
    m->texts[m->n_texts] = rv_strdup(rv_str(text));
    return m->texts[m->n_texts++];
}

int64_t sim_wall_s(void) { return clock_wall() / 1000000000; }

/* ---- timers ---- */

static bool before(const struct sim_timer *a, const struct sim_timer *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct sim *m, size_t i, struct sim_timer *t) {
    m->heap[i] = t;
    t->at = i + 1;
}

static void sift(struct sim *m, size_t i) {
    struct sim_timer *t = m->heap[i];
    for (; i > 0 && before(t, m->heap[(i - 1) / 2]); i = (i - 1) / 2) put(m, i, m->heap[(i - 1) / 2]);
    for (size_t child; (child = 2 * i + 1) < m->heap_n; i = child) {
        if (child + 1 < m->heap_n && before(m->heap[child + 1], m->heap[child])) child++;
        if (!before(m->heap[child], t)) break;
        put(m, i, m->heap[child]);
    }
    put(m, i, t);
}

void sim_timer_disarm(struct sim *m, struct sim_timer *t) {
    if (t->at == 0) return;
    size_t i = t->at - 1;
    struct sim_timer *last = m->heap[--m->heap_n];
    t->at = 0;
    if (last == t) return;
    put(m, i, last);
    sift(m, i);
}

void sim_timer_arm(struct sim *m, struct sim_timer *t, int64_t delay_ms) {
    sim_timer_disarm(m, t);
    if (m->heap_n == m->heap_cap) {
        m->heap_cap = m->heap_cap != 0 ? 2 * m->heap_cap : 64;
        m->heap = rv_realloc_array(m->heap, m->heap_cap, sizeof(struct sim_timer *));
    }
    t->due = clock_monotonic() / 1000000 + (delay_ms > 0 ? delay_ms : 0);
    t->order = m->order++;
    m->heap[m->heap_n++] = t;
    t->at = m->heap_n;
    sift(m, m->heap_n - 1);
    sim_poke(m);
}

/* ---- changes ---- */

void sim_poke(struct sim *m) { m->dirty = true; }

static void on_change(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev) {
    struct sim *m = arg;
    if (o->resource == m->r.events) return;
    if (m->changes_n == m->changes_cap) {
        m->changes_cap = m->changes_cap != 0 ? 2 * m->changes_cap : 256;
        m->changes = rv_realloc_array(m->changes, m->changes_cap, sizeof *m->changes);
    }
    m->changes[m->changes_n++] = (struct sim_change){type, sb_object_ref(o), prev != NULL ? sb_object_ref(prev) : NULL};
    sim_poke(m);
}

static void change_clear(struct sim_change *c) {
    c->o = sb_object_unref(c->o);
    c->prev = sb_object_unref(c->prev);
}

static bool run_changes(struct sim *m) {
    for (size_t done = 0; m->changes_first < m->changes_n; done++) {
        if (done == SIM_BATCH) return true;
        struct sim_change c = m->changes[m->changes_first++]; /* the array may move below */
        for (size_t i = 0; i < SIM_N; i++) sim_modules[i]->change(m, &c);
        change_clear(&c);
        /* Drops the handled half, so that a steady stream of changes does not grow the array. */
        if (m->changes_first >= SIM_BATCH && m->changes_first * 2 > m->changes_n) {
            m->changes_n -= m->changes_first;
            memmove(m->changes, m->changes + m->changes_first, m->changes_n * sizeof *m->changes);
            m->changes_first = 0;
        }
    }
    m->changes_first = m->changes_n = 0;
    return false;
}

static bool run_timers(struct sim *m) {
    for (size_t done = 0; m->heap_n > 0 && m->heap[0]->due <= m->now_ms; done++) {
        if (done == SIM_BATCH) return true;
        struct sim_timer *t = m->heap[0];
        sim_timer_disarm(m, t);
        t->fn(m, t);
    }
    return false;
}

/* One bounded round of all work. The loop calls it again before it sleeps if there is more. */
static bool work(void *arg) {
    struct sim *m = arg;
    m->now_ms = clock_monotonic() / 1000000;
    bool due = m->heap_n > 0 && m->heap[0]->due <= m->now_ms;
    if (!m->dirty && !due) return false;
    m->dirty = false;
    bool more = run_changes(m);
    more = run_timers(m) || more;
    for (size_t i = 0; i < SIM_N; i++)
        if (sim_modules[i]->run != NULL) more = sim_modules[i]->run(m) || more;
    if (more || m->changes_first < m->changes_n) m->dirty = true;
    if (m->dirty) return true;
    if (m->heap_n > 0)
        loop_timer_arm(m->wake, m->heap[0]->due > m->now_ms ? m->heap[0]->due - m->now_ms : 1);
    else
        loop_timer_disarm(m->wake);
    return due; /* a timer may have answered a request whose server ran before it */
}

static void on_wake(void *arg) { (void)arg; /* the prepare hook checks the heap before the loop sleeps again */ }

/* ---- answers that come later ---- */

void sim_pending_await(struct sim_pending *p, sim_answer_fn fn, void *arg) {
    p->fn = fn;
    p->arg = arg;
}

void sim_pending_cancel(struct sim_pending *p) { p->cancel(p); }

/* ---- life ---- */

static bool replay(void *arg, struct sb_object *o) {
    on_change(arg, SB_ADDED, o, NULL);
    return true;
}

static void replay_resource(void *arg, const struct sb_resource *r) {
    struct sim *m = arg;
    sb_each(m->storage, r, RV_STR(""), replay, m);
}

static void find_resources(struct sim *m) {
    const struct {
        const struct sb_resource **slot;
        const char *group, *plural;
    } wanted[] = {
        {&m->r.nodes, "", "nodes"},
        {&m->r.pods, "", "pods"},
        {&m->r.services, "", "services"},
        {&m->r.endpoints, "", "endpoints"},
        {&m->r.slices, "discovery.k8s.io", "endpointslices"},
        {&m->r.namespaces, "", "namespaces"},
        {&m->r.jobs, "batch", "jobs"},
        {&m->r.events, "", "events"},
        {&m->r.configmaps, "", "configmaps"},
        {&m->r.secrets, "", "secrets"},
        {&m->r.claims, "", "persistentvolumeclaims"},
        {&m->r.volumes, "", "persistentvolumes"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(wanted); i++)
        *wanted[i].slot = sb_resource_find(m->storage, rv_str(wanted[i].group), RV_STR("v1"), rv_str(wanted[i].plural));
}

struct sim *sim_new(struct loop *l, struct sb_storage *s, const struct sim_opts *o, struct rv_error *err) {
    struct sim *m = rv_alloc(sizeof *m);
    m->loop = l;
    m->storage = s;
    m->opts = *o;
    m->opts.node_memory = rv_strdup(rv_str(o->node_memory));
    m->random = (uint64_t)o->seed;
    m->now_ms = clock_monotonic() / 1000000;
    find_resources(m);
    m->listener = sb_listen(s, on_change, m);
    m->prepare = loop_prepare(l, work, m);
    m->wake = loop_timer(l, on_wake, m);
    sb_resource_each(s, replay_resource, m); /* objects that were loaded before */
    for (size_t i = 0; i < SIM_N; i++) {
        m->modules[i] = sim_modules[i]->make(m, err);
        if (m->modules[i] == NULL) return sim_free(m);
    }
    return m;
}

struct sim *sim_free(struct sim *m) {
    if (m == NULL) return NULL;
    sb_unlisten(m->listener);
    for (size_t i = SIM_N; i-- > 0;)
        if (m->modules[i] != NULL) sim_modules[i]->free(m, m->modules[i]);
    for (; m->changes_first < m->changes_n; m->changes_first++) change_clear(&m->changes[m->changes_first]);
    loop_prepare_free(m->prepare);
    loop_timer_free(m->wake);
    sim_opts_free(&m->opts);
    for (size_t i = 0; i < m->n_texts; i++) free(m->texts[i]);
    free(m->texts);
    free(m->changes);
    free(m->heap);
    free(m);
    return NULL;
}
