/* events.c - events are stored as core/v1 and also served as events.k8s.io/v1. Both have the same data under different
 * names. The newer API has more required fields. */
#include "internal.h"
#include "view.h"

enum { NOTE_MAX = 1024 };

static const char *const renames[][2] = {/* stored name, served name */
                                         {"involvedObject", "regarding"},
                                         {"message", "note"},
                                         {"source", "deprecatedSource"},
                                         {"firstTimestamp", "deprecatedFirstTimestamp"},
                                         {"lastTimestamp", "deprecatedLastTimestamp"},
                                         {"count", "deprecatedCount"},
                                         {"reportingComponent", "reportingController"}};

static const char *const field_names[][2] = {/* served name, stored name */
                                             {"regarding.kind", "involvedObject.kind"},
                                             {"regarding.namespace", "involvedObject.namespace"},
                                             {"regarding.name", "involvedObject.name"},
                                             {"regarding.uid", "involvedObject.uid"},
                                             {"regarding.apiVersion", "involvedObject.apiVersion"},
                                             {"regarding.resourceVersion", "involvedObject.resourceVersion"},
                                             {"regarding.fieldPath", "involvedObject.fieldPath"},
                                             {"reportingController", "reportingComponent"},
                                             {"reason", "reason"},
                                             {"type", "type"},
                                             {NULL, NULL}};

static void rename_field(struct rv_arena *a, struct rv_node *o, const char *from, const char *to) {
    struct rv_node *v = rv_node_get(o, from);
    if (v == NULL) return;
    rv_node_remove(o, from);
    rv_node_set(a, o, to, v);
}

static void show(struct rv_arena *a, struct rv_node *o) {
    for (size_t i = 0; i < RV_ARRAY_LEN(renames); i++) rename_field(a, o, renames[i][0], renames[i][1]);
    rv_node_set_cstr(a, o, "apiVersion", "events.k8s.io/v1");
}

static struct rv_str text_of(struct rv_node *o, const char *key) { return rv_node_text(rv_node_get(o, key)); }

/* Checks an event that was written through the new API: it has required fields, and the old API's fields are not
 * allowed. */
static void check_new(struct rv_arena *a, struct rv_node *o, struct rv_node *causes) {
    static const char *const required[] = {"reportingController", "reportingInstance", "action", "reason"};
    static const char *const unset[] = {"deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount",
                                        "deprecatedSource"};
    static const char *const unset_names[] = {"firstTimestamp", "lastTimestamp", "count", "source"};
    if (text_of(o, "eventTime").n == 0) sb_cause(a, causes, "eventTime: Required value");
    for (size_t i = 0; i < RV_ARRAY_LEN(required); i++)
        if (text_of(o, required[i]).n == 0) sb_cause(a, causes, "%s: Required value", required[i]);
    struct rv_str type = text_of(o, "type");
    if (!rv_str_is(type, "Normal") && !rv_str_is(type, "Warning"))
        sb_cause(a, causes, "type: Invalid value: \"" RV_STR_FMT "\": has invalid value: " RV_STR_FMT, RV_STR_ARG(type),
                 RV_STR_ARG(type));
    if (text_of(o, "note").n > NOTE_MAX)
        sb_cause(a, causes, "message: Invalid value: \"\": can have at most %d characters", NOTE_MAX);
    for (size_t i = 0; i < RV_ARRAY_LEN(unset); i++) {
        struct rv_node *v = rv_node_get(o, unset[i]);
        bool map = rv_node_type(v) == RV_MAP;
        if (v != NULL && rv_node_type(v) != RV_NULL && !(map && rv_node_len(v) == 0))
            sb_cause(a, causes, "%s: Invalid value: \"\": needs to be unset", unset_names[i]);
    }
}

/* An event of the new API may only get a longer series. Its other fields must not change. */
static void check_change(struct rv_arena *a, struct rv_val now, struct rv_val old, struct rv_node *causes) {
    static const char *const fixed[] = {"involvedObject",   "reason", "message", "type",
                                        "eventTime",        "action", "related", "reportingComponent",
                                        "reportingInstance"};
    if (rv_val_type(rv_val_get(old, "eventTime")) != RV_STRING) return;
    for (size_t i = 0; i < RV_ARRAY_LEN(fixed); i++)
        if (!rv_val_equal(rv_val_get(now, fixed[i]), rv_val_get(old, fixed[i])))
            sb_cause(a, causes, "%s: Invalid value: \"\": field is immutable", fixed[i]);
}

static void take(struct rv_arena *a, struct rv_node *o, struct rv_val old, struct rv_node *causes) {
    if (!rv_val_present(old)) check_new(a, o, causes);
    for (size_t i = 0; i < RV_ARRAY_LEN(renames); i++) rename_field(a, o, renames[i][1], renames[i][0]);
    rv_node_set_cstr(a, o, "apiVersion", "v1");
    if (rv_val_present(old)) check_change(a, rv_node_freeze(a, o), old, causes);
}

const struct sb_view sb_events_view = {"events.k8s.io", "v1", "events", show, take, field_names};

/* Fields that the API server always writes, even if they are empty. */
void sb_default_event(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    static const char *const times[] = {"firstTimestamp", "lastTimestamp", "eventTime"};
    static const char *const texts[] = {"reportingComponent", "reportingInstance"};
    for (size_t i = 0; i < RV_ARRAY_LEN(times); i++)
        if (rv_node_get(object, times[i]) == NULL) rv_node_set(a, object, times[i], rv_node_null(a));
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
        if (rv_node_get(object, texts[i]) == NULL) rv_node_set_cstr(a, object, texts[i], "");
    rv_node_ensure_map(a, object, "source");
    rv_node_ensure_map(a, object, "involvedObject");
}

void sb_validate_event(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                       struct rv_node *causes) {
    (void)s;
    (void)old;
    struct rv_str ns = rv_node_text(rv_node_path(object, "metadata.namespace"));
    struct rv_str about = rv_node_text(rv_node_path(object, "involvedObject.namespace"));
    if (about.n == 0 ? !rv_str_is(ns, "default") : !rv_str_eq(about, ns))
        sb_cause(a, causes,
                 "involvedObject.namespace: Invalid value: \"" RV_STR_FMT "\": does not match event.namespace",
                 RV_STR_ARG(about));
}
