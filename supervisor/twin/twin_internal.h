/* twin_internal.h - what the files of the twin share: its keys, their wants, and the fields of these.
 *
 *   twin.c        wants come and go
 *   pair.c        which object is the one that a plugin would have made
 *   fields.c      the differences of one want
 *   documents.c   documents and counts */
#ifndef TWIN_TWIN_INTERNAL_H
#define TWIN_TWIN_INTERNAL_H

#include "compare.h"
#include "ipc/base/table.h"
#include "twin.h"

enum { TWIN_PAIRED_MAX = 4096 };

struct twin_field {
    char *path, *ours, *theirs, *reason; /* reason: NULL where nothing explains it */
    int64_t since;                       /* monotonic, ns */
    bool counted, seen;
};

struct want {
    struct want *next;
    struct twin_key *key;
    uint32_t verb;
    char *api_version, *resource, *subresource, *ns;
    char *base;     /* the name without what was drawn for it */
    char *name;     /* the newest */
    char *made_uid; /* the object that another operator has made; NULL: it is wanted */
    int64_t asked, since;
    int64_t since_wall;
    struct rv_buf body;           /* of an object that is to be made, if there is room for it */
    struct kube_request *request; /* reads the object that was made */
    struct twin_field *fields;
    size_t field_n;
};

struct twin_key {
    struct hash_table_link link;
    struct twin *twin;
    const struct config_plugin *plugin; /* as it was when it was last asked for something */
    char *plugin_name, *kind, *ns, *name;
    struct want *wants;
};

struct twin {
    struct supervisor *s;
    struct twin_opts o;
    struct loop_timer *timer;
    struct hash_table keys;
    size_t want_n, bytes;
    uint64_t paired[TWIN_PAIRED_MAX]; /* hashes of uids */
    struct twin_stats stats;
    int64_t told_at; /* for the limit of log lines */
    unsigned told;
};

/* twin.c */
void want_free(struct twin *t, struct want *w);

/* fields.c: compares, and notes what differs. theirs: absent where there is none. */
void fields_compare(struct twin *t, struct want *w, uint32_t verb, struct rv_val ours, const struct rv_action *a,
                    struct rv_val theirs);
void fields_note_request(struct twin *t, struct want *w, struct rv_str request);
void fields_free(struct twin *t, struct want *w);

/* pair.c: reads the object that answers to the want, and compares. Returns false if there is none. */
bool pair_begin(struct twin *t, struct want *w);
struct rv_str pair_base(struct rv_str name);

#endif
