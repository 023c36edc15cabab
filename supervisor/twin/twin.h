/* twin.h - the comparison of a twin: what the plugins ask for, and which is withheld, with what is there.
 *
 * A want is an action of a plugin that was withheld. It has a line for each field in which the object differs from what
 * the action would make of it (compare.h), and lives as long as the plugin's last completed round for its key asked for
 * it. The supervisor does not see rounds, so it asks the host from time to time when the last one began.
 *
 * When a plugin no longer wants an object to be made, another operator has made it. Then that object is compared with
 * the one that the plugin would have made; its differences live as long as the object.
 *
 * A difference counts when it is older than the grace, because the other operator needs a moment, too. Those that a
 * plugin's manifest declares (`deliberate`) are explained. All of this is bounded in number and bytes; what has no room
 * is counted. */
#ifndef TWIN_TWIN_H
#define TWIN_TWIN_H

#include "ipc/base/json_writer.h"
#include "supervisor/supervisor.h"

struct twin_opts {
    int64_t grace_ms;
    /* Asks the host of the plugin about the key: twin_round() gets the answer, if there is one. */
    void (*ask)(void *arg, struct rv_str plugin, const struct rv_key *key);
    /* Whether everything is seen: without that, the time does not count as clean. */
    bool (*ready)(void *arg);
    void *arg;
};
struct twin *twin_new(struct supervisor *s, const struct twin_opts *o);
struct twin *twin_free(struct twin *t);
/* Once a second, by itself; tests call it. */
void twin_tick(struct twin *t, int64_t now);

/* A withheld action. All is lent. */
struct twin_action {
    const struct config_plugin *plugin;
    struct rv_key key;
    const struct rv_action *a;
    struct rv_str request; /* of an HTTP action: "PUT /path" */
};
void twin_asked(struct twin *t, const struct twin_action *a);
/* The object that is there; absent: none is. */
void twin_compare(struct twin *t, const struct twin_action *a, struct rv_val theirs);
/* What the host says about a key. known: the plugin has it; resting: its last round has ended, and began then
 * (monotonic, ns). */
struct twin_round {
    bool known, resting;
    int64_t began;
};
void twin_round(struct twin *t, struct rv_str plugin, const struct rv_key *key, const struct twin_round *r);

struct twin_stats {
    uint64_t compared, left_out, became_unexplained;
    size_t explained, unexplained, young; /* differences now */
    int64_t last_unexplained;             /* wall clock, ns; 0 never */
    int64_t clean_since;                  /* the same; 0: it is not clean */
};
void twin_stats(const struct twin *t, struct twin_stats *ret);
/* Which differences to write; an empty text is any. */
struct twin_filter {
    struct rv_str kind, ns, name;
};
/* Members of the object that is open: the figures, and "differences". */
void twin_write(const struct twin *t, const struct twin_filter *f, struct jsonw *w);
/* Calls fn for each kind of difference that counts, with how many there are; with none twice. */
typedef void (*twin_count_fn)(void *arg, struct rv_str plugin, struct rv_str resource, struct rv_str field,
                              bool explained, uint64_t n);
void twin_each_count(const struct twin *t, twin_count_fn fn, void *arg);

#endif
