/* internal.h - what the simulated controllers share: the work loop (changes, timers, queues), helpers for writing, and
 * the table of pods.
 *
 * A controller is a row of sim_modules in sim.c. It gets every change in order. run() is called when there was work,
 * until it says that nothing is left. All controllers also get the changes that a controller makes. */
#ifndef RV_SANDBOX_SIM_INTERNAL_H
#define RV_SANDBOX_SIM_INTERNAL_H

#include "ipc/base/table.h"
#include "sim.h"

enum { SIM_BATCH = 1000 }; /* how many changes, timers or queued keys one turn handles */

/* ---- timers: a heap of our own under one loop_timer; embedded in what they wake ---- */
struct sim_timer {
    int64_t due; /* monotonic, ms */
    uint64_t order;
    size_t at; /* index in the heap + 1; 0 means not armed */
    void (*fn)(struct sim *m, struct sim_timer *t);
};
void sim_timer_arm(struct sim *m, struct sim_timer *t, int64_t delay_ms);
void sim_timer_disarm(struct sim *m, struct sim_timer *t);

/* ---- a map from text to pointer; the key's bytes are the entry's own and outlive it ---- */
struct sim_map {
    struct hash_table table;
};
struct sim_entry { /* first member of the entry's struct */
    struct hash_table_link link;
    struct rv_str key;
};
void *sim_map_get(const struct sim_map *map, struct rv_str key);
void sim_map_put(struct sim_map *map, struct sim_entry *e); /* the key must be absent */
void sim_map_remove(struct sim_map *map, struct sim_entry *e);
/* Returns any entry, or NULL if the map is empty. For emptying a map. */
void *sim_map_any(const struct sim_map *map);
/* Visits each; fn may not change the map. */
void sim_map_each(const struct sim_map *map, void (*fn)(void *arg, void *entry), void *arg);
void sim_map_free(struct sim_map *map); /* frees only the slots */

/* A queue of map entries, each at most once: see sim_queue_push. */
struct sim_link {
    struct sim_link *next;
    bool queued;
};
struct sim_queue {
    struct sim_link *first, *last;
};
void sim_queue_push(struct sim_queue *q, struct sim_link *l); /* does nothing if it is already queued */
struct sim_link *sim_queue_pop(struct sim_queue *q);
void sim_queue_remove(struct sim_queue *q, struct sim_link *l);
#define SIM_OWNER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* First member of a pending answer. cancel() frees it. Whoever answers frees it after fn. */
struct sim_pending {
    sim_answer_fn fn;
    void *arg;
    void (*cancel)(struct sim_pending *p);
};

/* ---- the context ---- */
enum sim_module_id {
    SIM_NODES,
    SIM_PODS,
    SIM_GC,
    SIM_NAMESPACES,
    SIM_ENDPOINTS,
    SIM_JOBS,
    SIM_VOLUMES,
    SIM_RAY,
    SIM_RAYHTTP,
    SIM_GATEWAY,
    SIM_N
};

struct sim_change {
    enum sb_event type;
    struct sb_object *o, *prev; /* references to the objects */
};

struct sim_resources { /* resources of the storage, which are looked up once */
    const struct sb_resource *nodes, *pods, *services, *endpoints, *slices, *namespaces, *jobs, *events, *configmaps,
        *secrets, *claims, *volumes;
};

struct sim {
    struct loop *loop;
    struct sb_storage *storage;
    struct sb_listener *listener;
    struct sim_opts opts;
    struct sim_resources r;
    struct loop_prepare *prepare;
    struct loop_timer *wake;
    int64_t now_ms;
    struct sim_timer **heap;
    size_t heap_n, heap_cap;
    uint64_t order;
    struct sim_change *changes;
    size_t changes_first, changes_n, changes_cap; /* entries from changes_first on wait */
    bool dirty;                                   /* a module may have something to run */
    void *modules[SIM_N];
    uint64_t random;
    char **texts; /* for sim_intern */
    size_t n_texts;
};

struct sim_module {
    void *(*make)(struct sim *m, struct rv_error *err); /* returns NULL on failure; err has the reason */
    void (*free)(struct sim *m, void *module);
    void (*change)(struct sim *m, const struct sim_change *c);
    bool (*run)(struct sim *m); /* runs one batch; returns true if more is waiting; may be NULL */
};
extern const struct sim_module sim_nodes_module, sim_pods_module, sim_gc_module, sim_namespaces_module,
    sim_endpoints_module, sim_jobs_module, sim_volumes_module, sim_ray_module, sim_rayhttp_module, sim_gateway_module;

/* Call it if something was put into a module's queue outside of change() and run(). */
void sim_poke(struct sim *m);
/* A copy that lives as long as the simulation. Equal texts share one copy. NULL stays NULL. */
const char *sim_intern(struct sim *m, const char *text);
uint64_t sim_random(struct sim *m);
int64_t sim_wall_s(void);

/* ---- writing ---- */
struct sim_ref {
    const struct sb_resource *r;
    struct rv_str ns, name;
};
/* The newest version of an object. NULL if it was deleted or another has its name. Borrowed until the next write. */
struct sb_object *sim_fresh(struct sim *m, struct sim_ref ref, struct rv_str uid);
/* Stores a tree that was made from the newest version. Returns 0 or the storage's code. */
int sim_write(struct sim *m, struct sim_ref ref, struct rv_arena *a, struct rv_node *tree, bool status);
/* Creates an object. *ret_name (in a) is its name; ret_name may be NULL. */
int sim_create(struct sim *m, const struct sb_resource *r, struct rv_str ns, struct rv_arena *a, struct rv_node *tree,
               struct rv_str *ret_name);
int sim_delete(struct sim *m, struct sim_ref ref, struct rv_str uid, int64_t grace, const char *propagation);
/* {apiVersion, kind, metadata: {name, namespace}} */
struct rv_node *sim_object(struct rv_arena *a, const struct sb_resource *r, struct rv_str ns, struct rv_str name);
void sim_set_time(struct rv_arena *a, struct rv_node *map, const char *key, int64_t wall_s);
/* Writes an Event about an object. The same text about the same object increases its count. type is "Normal" or
 * "Warning". */
void sim_event(struct sim *m, struct sb_object *about, const char *type, const char *reason, const char *component,
               const char *fmt, ...) RV_PRINTF(6, 7);
bool sim_is(struct rv_val v, const char *path, const char *text);

/* The spec of a route as the Gateway's controller last saw it, which is what requests meet. Absent: it has not seen it.
 * Borrowed until it sees another. */
struct rv_val sim_gateway_spec(struct sim *m, const struct sb_object *route);

#endif
