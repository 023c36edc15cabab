/* fields.c - the differences of one want (see twin_internal.h). */
#include <stdlib.h>

#include "rayvisor/k8s.h"
#include "supervisor/config/url.h"
#include "twin_internal.h"

enum { FIELDS_MAX = 64, TEXT_MAX = 160 };

static size_t field_bytes(const struct twin_field *f) {
    return sizeof *f + strlen(f->path) + strlen(f->ours) + strlen(f->theirs) + 3;
}

static void free_field(struct twin *t, struct twin_field *f) {
    t->bytes -= field_bytes(f);
    free(f->path);
    free(f->ours);
    free(f->theirs);
    free(f->reason);
}

void fields_free(struct twin *t, struct want *w) {
    for (size_t i = 0; i < w->field_n; i++) free_field(t, &w->fields[i]);
    free(w->fields);
    w->fields = NULL;
    w->field_n = 0;
}

static char *reason_of(const struct want *w, struct rv_str path, struct rv_str ours) {
    const struct manifest *m = w->key->plugin->manifest;
    for (size_t i = 0; i < m->deliberate_n; i++) {
        const struct manifest_deliberate *d = &m->deliberate[i];
        if (glob_matches(d->resource, rv_str(w->resource)) && glob_matches(d->field, path) &&
            (d->ours.n == 0 || glob_matches(d->ours, ours)))
            return rv_strdup(d->reason);
    }
    return NULL;
}

static struct twin_field *find_field(struct want *w, struct rv_str path) {
    for (size_t i = 0; i < w->field_n; i++)
        if (rv_str_is(path, w->fields[i].path)) return &w->fields[i];
    return NULL;
}

/* A difference that stays keeps its age. */
static void set_field(struct twin *t, struct want *w, struct rv_str path, struct rv_str ours, struct rv_str theirs) {
    struct twin_field *f = find_field(w, path);
    if (f == NULL && w->field_n == FIELDS_MAX) {
        t->stats.left_out++;
        return;
    }
    if (f == NULL) {
        w->fields = rv_realloc_array(w->fields, w->field_n + 1, sizeof *w->fields);
        f = &w->fields[w->field_n++];
        *f = (struct twin_field){.path = rv_strdup(path), .since = clock_monotonic()};
    } else {
        t->bytes -= field_bytes(f);
    }
    rv_str_store(&f->ours, ours);
    rv_str_store(&f->theirs, theirs);
    free(f->reason);
    f->reason = reason_of(w, path, ours);
    f->seen = true;
    t->bytes += field_bytes(f);
}

struct noting {
    struct twin *t;
    struct want *w;
};

/* The values of Secrets are never shown, nor compared: they are drawn. */
static void note(void *arg, struct rv_str path, struct rv_val ours, struct rv_val theirs) {
    const struct noting *n = arg;
    rv_autobuf struct rv_buf a = {0}, b = {0};
    bool secret = strcmp(n->w->resource, "secrets") == 0;
    if (secret && (rv_str_starts(path, "data") || rv_str_starts(path, "stringData"))) return;
    compare_show(ours, theirs, TEXT_MAX, &a);
    compare_show(theirs, ours, TEXT_MAX, &b);
    set_field(n->t, n->w, path, rv_buf_str(&a), rv_buf_str(&b));
}

static void begin(struct want *w) {
    for (size_t i = 0; i < w->field_n; i++) w->fields[i].seen = false;
}

static void end(struct twin *t, struct want *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->field_n; i++)
        if (w->fields[i].seen)
            w->fields[kept++] = w->fields[i];
        else
            free_field(t, &w->fields[i]);
    w->field_n = kept;
}

static void compare_delete(struct twin *t, struct want *w, const struct rv_action *a, struct rv_val theirs) {
    struct rv_str uid = rv_path_str(theirs, "metadata.uid");
    bool there = a->verb == RV_VERB_DELETE_COLLECTION || (rv_val_present(theirs) && !rv_meta_deleting(theirs) &&
                                                          (a->pre_uid.n == 0 || rv_str_eq(a->pre_uid, uid)));
    if (there) set_field(t, w, RV_STR("(object)"), RV_STR("deleted"), RV_STR("there"));
}

void fields_compare(struct twin *t, struct want *w, uint32_t verb, struct rv_val ours, const struct rv_action *a,
                    struct rv_val theirs) {
    struct noting n = {t, w};
    bool makes = verb == RV_VERB_CREATE || verb == RV_VERB_APPLY;
    t->stats.compared++;
    begin(w);
    if (verb == RV_VERB_DELETE || verb == RV_VERB_DELETE_COLLECTION)
        compare_delete(t, w, a, theirs);
    else if (makes && !rv_val_present(theirs))
        set_field(t, w, RV_STR("(object)"), RV_STR("made"), RV_STR("not there"));
    else if (makes)
        compare_objects(verb == RV_VERB_CREATE ? COMPARE_CREATE : COMPARE_APPLY, ours, theirs, note, &n);
    else if (rv_val_present(theirs) && verb == RV_VERB_JSON_PATCH)
        compare_json_patch(ours, theirs, note, &n);
    else if (rv_val_present(theirs))
        compare_objects(COMPARE_PATCH, ours, theirs, note, &n);
    end(t, w);
}

void fields_note_request(struct twin *t, struct want *w, struct rv_str request) {
    begin(w);
    set_field(t, w, RV_STR("(request)"), request, RV_STR("-"));
    end(t, w);
}
