/* engine_internal.h - what engine.c and api.c share. */
#ifndef HOST_ENGINE_INTERNAL_H
#define HOST_ENGINE_INTERNAL_H

#include "engine.h"
#include "ipc/base/rate_limit.h"
#include "ipc/base/table.h"
#include "mirror.h"
#include "queue.h"

/* An action without a result. It gets its id when it is sent, because the supervisor wants the ids in order. */
struct open_action {
    struct hash_table_link link; /* by id */
    struct queue_key *key;       /* NULL if no key waits for it (it is detached, or was requested outside of a pass) */
    uint64_t id, tag;
    uint32_t verb, resource_n, ns_n;
    char text[]; /* resource and namespace */
};

/* An action that waits for a free slot. It is encoded, so it owns its bytes. */
struct held_action {
    struct held_action *next;
    struct open_action *action;
    struct rv_buf header, body, payload;
};

/* How many actions of one sort may be in flight, and the actions that wait for a free slot. */
struct action_slots {
    uint32_t limit, sent;
    struct held_action *held, **held_last;
};

/* An object of a secondary kind on which the plugin died. map() is not called for it. */
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
    struct rv_plugin plugin; /* a copy, as far as this host knows the struct */
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
    struct rv_buf welcome; /* owns the kinds and the time zones */
    struct rv_val kinds, settings, time_zones;
    struct rv_buf settings_bytes;
    uint32_t kind_flags[64];
    size_t kind_n;
    /* about the present pass */
    struct queue_key *current;
    const struct rv_result **results;
    size_t results_n;
    uint32_t key_actions; /* non-detached actions of this pass */
    uint32_t submitted;   /* all actions of this pass */
    struct rv_buf explain;
    const struct rv_object *mapped; /* the change whose keys are being looked for; NULL if none is */
    bool mapped_gone;
    struct rv_arena *scratch; /* for keep(); valid until the next callback */
    bool judging;             /* validate() runs, which may request nothing */
    /* about actions */
    uint64_t next_id;
    struct hash_table open;       /* actions that were sent */
    size_t open_n;                /* actions that were sent or that wait */
    struct action_slots slots[2]; /* [1] is for actions that wait for others than the API server (msg_verb_waits) */
    struct kept_off *kept_off;
    /* limits how many secondary changes are handled at once */
    struct rate_limit soon;
    struct coalesce coalesce;
    /* credit that must be returned */
    uint32_t used_messages, used_bytes, credit_messages, credit_bytes;
    size_t result_bytes; /* bytes of bodies that no pass has read yet; their credit is not returned */
};

void api_fill(struct rv_host_api *api);
void verdict_answer(struct engine *e, const struct msg *m); /* to VALIDATE (verdict.c) */
uint64_t engine_random(struct engine *e);
int64_t engine_due(const struct engine *e, int64_t delay_ms); /* monotonic, ns */
void engine_send(struct engine *e, struct msg *m);
/* Registers an open action. Sends it, or stores it until a slot is free. */
void engine_submit(struct engine *e, struct msg *m, bool detached, uint64_t tag);

#endif
