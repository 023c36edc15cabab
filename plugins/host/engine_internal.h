/* engine_internal.h - what engine.c and api.c share. */
#ifndef HOST_ENGINE_INTERNAL_H
#define HOST_ENGINE_INTERNAL_H

#include "engine.h"
#include "ipc/base/rate_limit.h"
#include "ipc/base/table.h"
#include "mirror.h"
#include "queue.h"

/* An action that has no result yet. Its id is given when it is sent: the supervisor wants them in order. */
struct open_action {
    struct rv_table_link link; /* by id */
    struct queue_key *key;     /* NULL: nobody waits (detached, or asked for outside a pass) */
    uint64_t id, tag;
    uint32_t verb, resource_n, ns_n;
    char text[]; /* resource, ns */
};

/* An action that waits for room: encoded, so that it owns its bytes. */
struct held_action {
    struct held_action *next;
    struct open_action *action;
    struct rv_buf header, body, payload;
};

/* How many actions of a sort may be under way, and those that wait for room. */
struct action_room {
    uint32_t limit, sent;
    struct held_action *held, **held_last;
};

/* An object of a secondary kind on which the plugin died: map() is not called for it. */
struct kept_off {
    struct kept_off *next;
    uint32_t kind;
    char *ns, *name;
};

struct rv_host {
    struct engine *engine;
};

struct engine {
    struct engine_opts o;
    struct rv_plugin plugin; /* a copy, as long as this host knows it */
    struct rv_host host;
    struct rv_host_api api;
    enum engine_state state;
    struct rv_error failure;
    struct engine_time now;
    struct mirror *mirror;
    struct queue *queue;
    void *plugin_state;
    bool plugin_running; /* init succeeded */
    uint64_t rng[4];
    struct rv_buf welcome; /* owns kinds and time zones */
    struct rv_val kinds, settings, time_zones;
    struct rv_buf settings_bytes;
    uint32_t kind_flags[64];
    size_t kind_n;
    /* the pass that is going on */
    struct queue_key *current;
    const struct rv_result **results;
    size_t results_n;
    uint32_t asked;     /* non-detached actions of this pass */
    uint32_t submitted; /* all of them */
    struct rv_buf explain;
    struct rv_arena *scratch; /* keep(): until the next callback */
    /* actions */
    uint64_t next_id;
    struct rv_table open;        /* sent */
    size_t open_n;               /* sent, and held back */
    struct action_room rooms[2]; /* [1]: of what waits for others than the API server (msg_verb_waits) */
    struct kept_off *kept_off;
    /* how many more secondary changes are looked at at once, and since when that is so */
    struct rv_rate_limit soon;
    struct rv_coalesce coalesce;
    /* credit to give back */
    uint32_t used_messages, used_bytes, credit_messages, credit_bytes;
    size_t result_bytes; /* of bodies that no pass has taken yet: their credit is held back */
};

void api_fill(struct rv_host_api *api);
uint64_t engine_random(struct engine *e);
int64_t engine_due(const struct engine *e, int64_t delay_ms); /* mono ns */
void engine_send(struct engine *e, struct msg *m);
/* Registers an open action and sends it, or holds it back. */
void engine_submit(struct engine *e, struct msg *m, bool detached, uint64_t tag);

#endif
