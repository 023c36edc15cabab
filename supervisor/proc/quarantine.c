/* quarantine.c - counts deaths of objects and puts objects into quarantine (see quarantine.h). */
#include "quarantine.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BLAMES = 2, BLAMED_MAX = 1024 };
#define HOUR (INT64_C(3600) * 1000000000)

struct blamed {
    struct blamed *next;
    /* `version` is the state of the object when it went into quarantine. */
    char *ns, *name, *uid, *how, *version;
    uint32_t kind;
    unsigned times;
    int64_t last;  /* monotonic, ns */
    int64_t since; /* wall clock, ns; 0 means not in quarantine */
};

struct quarantine {
    const struct config_plugin *config;
    struct quarantine_callbacks on;
    struct blamed *list;
    size_t n;
};

struct quarantine *quarantine_new(const struct config_plugin *c, const struct quarantine_callbacks *on) {
    struct quarantine *q = rv_alloc(sizeof *q);
    *q = (struct quarantine){c, *on, NULL, 0};
    return q;
}

static void report_key(const struct quarantine *q, const struct blamed *b, bool on) {
    q->on.key(q->on.arg, b->kind, rv_str(b->ns), rv_str(b->name), on);
}

static void blamed_free(struct blamed *b) {
    free(b->ns);
    free(b->name);
    free(b->uid);
    free(b->how);
    free(b->version);
    free(b);
}

void quarantine_clear(struct quarantine *q) {
    while (q->list != NULL) {
        struct blamed *b = q->list;
        q->list = b->next;
        if (b->since != 0) report_key(q, b, false);
        blamed_free(b);
    }
    q->n = 0;
}

struct quarantine *quarantine_free(struct quarantine *q) {
    if (q == NULL) return NULL;
    for (struct blamed *b = q->list, *next; b != NULL; b = next) {
        next = b->next;
        blamed_free(b);
    }
    free(q);
    return NULL;
}

static void drop_blamed(struct quarantine *q, struct blamed **p) {
    struct blamed *b = *p;
    *p = b->next;
    q->n--;
    blamed_free(b);
}

/* A manifest may read less than before. An object that is not read cannot kill the plugin. */
void quarantine_reconfigure(struct quarantine *q, const struct config_plugin *c) {
    q->config = c;
    for (struct blamed **p = &q->list; *p != NULL;)
        if ((*p)->kind >= c->manifest->kind_n)
            drop_blamed(q, p);
        else
            p = &(*p)->next;
}

static struct blamed **find_blamed(struct quarantine *q, uint32_t kind, struct rv_str ns, struct rv_str name) {
    struct blamed **p = &q->list;
    while (*p != NULL && !((*p)->kind == kind && rv_str_is(ns, (*p)->ns) && rv_str_is(name, (*p)->name)))
        p = &(*p)->next;
    return p;
}

static void put_away(struct quarantine *q, struct blamed *b) {
    const struct manifest_kind *k = &q->config->manifest->kinds[b->kind];
    rv_autobuf struct rv_buf note = {0};
    b->since = clock_wall();
    rv_buf_addf(&note,
                "Plugin " RV_STR_FMT " died %u times while it worked on this object (%s). It is left alone until it "
                "changes, or until: rayvisorctl release " RV_STR_FMT " %s/%s",
                RV_STR_ARG(q->config->name), b->times, b->how, RV_STR_ARG(q->config->name), b->ns, b->name);
    log_error("object quarantined: its plugin died twice while working on it", "plugin", q->config->name.p, "namespace",
              b->ns, "name", b->name, "how", b->how);
    struct rv_event e = {.size = sizeof e,
                         .warning = 1,
                         .reason = RV_STR("Quarantined"),
                         .action = RV_STR("Reconcile"),
                         .note = rv_buf_str(&note),
                         .api_version = k->api_version,
                         .kind = k->kind,
                         .ns = rv_str(b->ns),
                         .name = rv_str(b->name),
                         .uid = rv_str(b->uid),
                         .controller = RV_STR("rayvisor")};
    q->on.event(q->on.arg, &e);
    report_key(q, b, true);
}

/* Returns true if the kind's manifest entry names parts of this member of the metadata. An entry without fields reads
 * everything. */
static bool reads_metadata(const struct manifest_kind *k, const char *member) {
    for (size_t i = 0; i < k->fields.n; i++)
        if (rv_str_starts(k->fields.list[i], member) || rv_str_is(k->fields.list[i], "metadata")) return true;
    return k->fields.n == 0;
}

/* A text that changes when the object changes. It is the generation, if the object has one, so that a write of the
 * status does not count. It includes the labels, which every plugin gets, and the annotations, if the plugin reads any.
 * Without a generation it is the resourceVersion. */
static char *version_of(const struct quarantine *q, uint32_t kind, const struct store_object *o) {
    struct rv_bytes b = blob_bytes(o->blob);
    struct rv_val metadata = rv_val_get((struct rv_val){b.p, b.n}, "metadata");
    int64_t generation = rv_path_int(metadata, "generation", -1);
    if (generation < 0) return rv_strdup(o->resource_version);
    struct rv_hash labels = rv_val_hash(rv_val_get(metadata, "labels")), annotations = {0};
    if (reads_metadata(&q->config->manifest->kinds[kind], "metadata.annotations"))
        annotations = rv_val_hash(rv_val_get(metadata, "annotations"));
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "g%" PRId64 " %" PRIx64 "%" PRIx64 " %" PRIx64 "%" PRIx64, generation, labels.hi, labels.lo,
                annotations.hi, annotations.lo);
    return rv_strdup(rv_buf_str(&text));
}

enum blame quarantine_blame(struct quarantine *q, uint32_t kind, const struct store_object *o, const char *how) {
    struct rv_str ns = o->ns, name = o->name, uid = o->uid;
    int64_t now = clock_monotonic();
    struct blamed **p = find_blamed(q, kind, ns, name), *b = *p;
    if (b != NULL && (!rv_str_is(uid, b->uid) || now - b->last > HOUR) && b->since == 0) {
        drop_blamed(q, p);
        b = NULL;
    }
    if (b == NULL) {
        if (q->n >= BLAMED_MAX) return BLAME_NOBODY;
        b = rv_alloc(sizeof *b);
        *b = (struct blamed){.next = q->list,
                             .kind = kind,
                             .ns = rv_strdup(ns),
                             .name = rv_strdup(name),
                             .uid = rv_strdup(uid),
                             .version = version_of(q, kind, o)};
        q->list = b;
        q->n++;
    }
    free(b->how);
    b->how = rv_strdup(rv_str(how));
    b->last = now;
    if (++b->times < BLAMES || b->since != 0) return BLAME_NOTED;
    put_away(q, b);
    return BLAME_PUT_AWAY;
}

void quarantine_object_changed(struct quarantine *q, uint32_t kind, const struct store_object *o, bool deleted) {
    if (q->list == NULL) return;
    struct blamed **p = find_blamed(q, kind, o->ns, o->name), *b = *p;
    if (b == NULL) return;
    if (!deleted && rv_str_is(o->uid, b->uid)) {
        rv_autofree char *version = version_of(q, kind, o);
        if (strcmp(version, b->version) == 0) return;
    }
    *p = b->next;
    q->n--;
    if (b->since != 0) {
        log_info("quarantine ended: the object changed", "plugin", q->config->name.p, "namespace", b->ns, "name",
                 b->name);
        report_key(q, b, false);
    }
    blamed_free(b);
}

void quarantine_refresh(struct quarantine *q,
                        const struct store_object *(*lookup)(void *arg, uint32_t kind, struct rv_str ns,
                                                             struct rv_str name),
                        void *arg) {
    for (struct blamed *b = q->list, *next; b != NULL; b = next) {
        next = b->next;
        const struct store_object *o = lookup(arg, b->kind, rv_str(b->ns), rv_str(b->name));
        if (o != NULL)
            quarantine_object_changed(q, b->kind, o, false);
        else
            quarantine_object_changed(q, b->kind, &(struct store_object){.ns = rv_str(b->ns), .name = rv_str(b->name)},
                                      true);
    }
}

bool quarantine_release(struct quarantine *q, struct rv_str ns, struct rv_str name) {
    bool any = false;
    for (uint32_t kind = 0; kind < q->config->manifest->kind_n; kind++) {
        struct blamed **p = find_blamed(q, kind, ns, name);
        if (*p == NULL || (*p)->since == 0) continue;
        log_info("quarantine ended: released by hand", "plugin", q->config->name.p, "namespace", (*p)->ns, "name",
                 (*p)->name);
        drop_blamed(q, p);
        q->on.key(q->on.arg, kind, ns, name, false);
        any = true;
    }
    return any;
}

void quarantine_each(const struct quarantine *q, void (*fn)(void *arg, const struct quarantine_info *i), void *arg) {
    for (const struct blamed *b = q->list; b != NULL; b = b->next)
        if (b->since != 0)
            fn(arg, &(struct quarantine_info){q->config->manifest->kinds[b->kind].kind, b->kind, b->ns, b->name, b->how,
                                              b->since});
}

void quarantine_each_key(const struct quarantine *q, quarantine_key_fn fn, void *arg) {
    for (const struct blamed *b = q->list; b != NULL; b = b->next)
        if (b->since != 0) fn(arg, b->kind, rv_str(b->ns), rv_str(b->name), true);
}
