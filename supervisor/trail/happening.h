/* happening.h - one thing that happened to an object that a plugin reconciles: what the history keeps and the tap
 * tells.
 *
 * It never has what an object contains: of objects only kind, name and version, of requests to Ray only method, path
 * and status. The texts that an API server or Ray gave for a failure may quote a value, so there are none for Secrets.
 */
#ifndef TRAIL_HAPPENING_H
#define TRAIL_HAPPENING_H

#include "ipc/base/json_writer.h"
#include "ipc/protocol/msg.h"

enum happening_what {
    HAPPENING_CHANGE,  /* an object in the cache has another state, or is gone */
    HAPPENING_PASS,    /* a plugin has reconciled a key, and decided something */
    HAPPENING_REQUEST, /* a plugin has asked for an action */
    HAPPENING_RESULT,  /* the action has ended */
    HAPPENING_COUNT
};
const char *happening_name(enum happening_what w); /* "change", ... */

/* Texts are lent. */
struct happening {
    enum happening_what what;
    int64_t at;               /* wall clock, ns; of a RESULT: when the action was asked for */
    const char *plugin;       /* "" for a CHANGE */
    const char *kind;         /* of the key: the plugin's primary kind; of a CHANGE: the object's */
    struct rv_str ns, name;   /* the key; of a CHANGE the object */
    struct rv_str version;    /* CHANGE: its resourceVersion */
    bool deleted;             /* CHANGE */
    uint32_t cause;           /* PASS: MSG_CAUSE_* */
    uint32_t changes, quiet;  /* PASS: as in struct msg_pass */
    uint32_t actions;         /* PASS */
    int32_t outcome;          /* PASS: RV_DONE, ... */
    int64_t next_ms;          /* PASS: until the next planned one; 0: none is planned */
    const char *related_kind; /* PASS: of the first changed object; "" if there is none */
    const char *verb;         /* REQUEST, RESULT: a literal */
    const char *code;         /* RESULT: a literal, as rv_error_name() gives it */
    uint32_t http_status;     /* RESULT */
    uint32_t retries;         /* RESULT */
    uint64_t waited_us;       /* PASS: from the cause; RESULT: for its turn */
    uint64_t took_us;         /* RESULT: from the first request to the answer */
    struct rv_str resource;   /* REQUEST, RESULT: "pods", "rayclusters/status", "" */
    struct rv_str target_ns;  /* REQUEST, RESULT: the object's namespace */
    struct rv_str target;     /* REQUEST, RESULT: its name, or method and URL; PASS: name of the changed object */
    struct rv_str text;       /* PASS: what it said; RESULT: why it failed; of an event: reason and note */
};

/* Writes members into the object that is open. */
void happening_write(const struct happening *h, struct jsonw *w);
/* The causes of a pass as words: "changed", "results", ... Calls fn for each. */
void happening_each_cause(uint32_t cause, void (*fn)(void *arg, const char *word), void *arg);

#endif
