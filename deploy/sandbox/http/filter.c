/* filter.c - label and field selectors of lists, watches and collection deletes. A table says which fields may be
 * selected, as in a real API server. Other fields are refused by name. */
#include "http.h"

#include <stdlib.h>

struct sb_field {
    char *path, *want; /* the path in the stored object */
    bool differs;
};

static const struct {
    const char *plural; /* NULL for every kind */
    const char *field;
} selectable[] = {
    {NULL, "metadata.name"},
    {NULL, "metadata.namespace"},
    {"pods", "spec.nodeName"},
    {"pods", "spec.restartPolicy"},
    {"pods", "spec.schedulerName"},
    {"pods", "spec.serviceAccountName"},
    {"pods", "spec.hostNetwork"},
    {"pods", "status.phase"},
    {"pods", "status.podIP"},
    {"pods", "status.nominatedNodeName"},
    {"events", "involvedObject.kind"},
    {"events", "involvedObject.namespace"},
    {"events", "involvedObject.name"},
    {"events", "involvedObject.uid"},
    {"events", "involvedObject.apiVersion"},
    {"events", "involvedObject.resourceVersion"},
    {"events", "involvedObject.fieldPath"},
    {"events", "reason"},
    {"events", "reportingComponent"},
    {"events", "source"},
    {"events", "type"},
    {"nodes", "spec.unschedulable"},
    {"namespaces", "status.phase"},
    {"secrets", "type"},
    {"services", "spec.clusterIP"},
    {"services", "spec.type"},
    {"jobs", "status.successful"},
    {"replicasets", "status.replicas"},
};

static bool known(const struct sb_resource *r, struct rv_str field) {
    for (size_t i = 0; i < RV_ARRAY_LEN(selectable); i++)
        if ((selectable[i].plural == NULL || (!r->custom && strcmp(selectable[i].plural, r->plural) == 0)) &&
            rv_str_is(field, selectable[i].field))
            return true;
    return false;
}

/* True if the resource has selectable fields of its own. */
static bool has_own(const struct sb_resource *r) {
    for (size_t i = 0; i < RV_ARRAY_LEN(selectable); i++)
        if (selectable[i].plural != NULL && strcmp(selectable[i].plural, r->plural) == 0) return true;
    return r->view != NULL;
}

/* The stored name of a field. Empty if it cannot be selected. */
static struct rv_str stored_name(const struct sb_resource *r, struct rv_str field) {
    if (r->view == NULL || rv_str_starts(field, "metadata.")) return known(r, field) ? field : RV_STR("");
    for (size_t i = 0; r->view->fields[i][0] != NULL; i++)
        if (rv_str_is(field, r->view->fields[i][0])) return rv_str(r->view->fields[i][1]);
    return RV_STR("");
}

static int add_field(struct sb_filter *f, const struct sb_resource *r, struct rv_str term, struct rv_error *err) {
    size_t eq = 0;
    while (eq < term.n && term.p[eq] != '=' && term.p[eq] != '!') eq++;
    bool differs = eq < term.n && term.p[eq] == '!';
    size_t from = eq + 1;
    if (differs && (from >= term.n || term.p[from] != '=')) eq = term.n;
    if (eq >= term.n)
        return rv_error_set(err, RV_E_INVALID, "invalid selector: '" RV_STR_FMT "'; can't understand '" RV_STR_FMT "'",
                            RV_STR_ARG(term), RV_STR_ARG(term));
    if (from < term.n && term.p[from] == '=') from++;
    struct rv_str name = {term.p, eq}, path = stored_name(r, name);
    if (path.n == 0)
        return r->custom || has_own(r)
                   ? rv_error_set(err, RV_E_INVALID, "field label not supported: " RV_STR_FMT, RV_STR_ARG(name))
                   : rv_error_set(err, RV_E_INVALID,
                                  "\"" RV_STR_FMT
                                  "\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                                  RV_STR_ARG(name));
    f->fields = rv_realloc_array(f->fields, f->n_fields + 1, sizeof *f->fields);
    f->fields[f->n_fields++] =
        (struct sb_field){rv_strdup(path), rv_strdup((struct rv_str){term.p + from, term.n - from}), differs};
    return 0;
}

int sb_filter_init(struct sb_filter *f, const struct sb_resource *served, const char *labels, const char *fields,
                   struct rv_error *err) {
    *f = (struct sb_filter){0};
    if (labels != NULL && labels[0] != '\0') {
        f->labels = rv_selector_parse(rv_str(labels), err);
        if (f->labels == NULL) return RV_E_INVALID;
    }
    for (const char *p = fields != NULL ? fields : ""; *p != '\0';) {
        size_t n = strcspn(p, ",");
        int e = n != 0 ? add_field(f, served, (struct rv_str){p, n}, err) : 0;
        if (e != 0) {
            sb_filter_free(f);
            return e;
        }
        p += n + (p[n] == ',');
    }
    return 0;
}

void sb_filter_free(struct sb_filter *f) {
    rv_selector_free(f->labels);
    for (size_t i = 0; i < f->n_fields; i++) {
        free(f->fields[i].path);
        free(f->fields[i].want);
    }
    free(f->fields);
    *f = (struct sb_filter){0};
}

/* Compares a field, as the text that selectors use. */
static bool field_is(struct rv_val object, const struct sb_field *f) {
    struct rv_str want = rv_str(f->want);
    if (strcmp(f->path, "source") == 0) { /* the source of an event may be in two places */
        struct rv_str old = rv_path_str(object, "source.component");
        return rv_str_eq(old.n != 0 ? old : rv_path_str(object, "reportingComponent"), want);
    }
    const char *path = strcmp(f->path, "status.successful") == 0 ? "status.succeeded" : f->path;
    struct rv_val v = rv_val_path(object, path);
    enum rv_type t = rv_val_type(v);
    if (t == RV_STRING) return rv_str_eq(rv_val_str(v), want);
    if (t == RV_INT) {
        int64_t n = 0;
        return rv_str_to_int(want, INT64_MIN, INT64_MAX, &n) == 0 && n == rv_val_int(v, 0);
    }
    if (t == RV_BOOL) return rv_str_is(want, rv_val_bool(v, false) ? "true" : "false");
    return want.n == 0 || rv_str_is(want, "false") || rv_str_is(want, "0");
}

bool sb_filter_matches(const struct sb_filter *f, const struct sb_object *o) {
    if (f->labels != NULL && !rv_selector_matches(f->labels, rv_val_path(o->value, "metadata.labels"))) return false;
    for (size_t i = 0; i < f->n_fields; i++)
        if (field_is(o->value, &f->fields[i]) == f->fields[i].differs) return false;
    return true;
}
