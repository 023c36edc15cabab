/* plan_read.h - what a plan reads: the configuration, the manifest, the namespace, the schema. */
#ifndef CTL_PLAN_READ_H
#define CTL_PLAN_READ_H

#include "api.h"
#include "kinds.h"
#include "plan.h"
#include "supervisor/config/places.h"

struct plan_reading {
    struct ctl_context *c;
    struct api *api;
    struct config_places places;
    struct config *config;
    struct plan_state state;
    struct rv_val schemas[CTL_KIND_N]; /* OpenAPI; absent: not served */
    struct plan_document *documents, **documents_last;
    struct rv_str *namespaces; /* in which objects are read; one that is empty: all */
    size_t namespace_n;
    struct rv_buf notes; /* lines: what could not be read, or is not planned */
};

/* One object of the file. */
struct plan_document {
    struct plan_document *next;
    const struct ctl_kind *kind;
    struct rv_node *node;
    struct rv_str ns, name;
    struct rv_str refused; /* why the API server would not take it; empty if it would */
};

/* --config FILE, otherwise our own controllers of the four kinds with their default settings. */
int plan_read_config(struct plan_reading *r);
/* The file ("-": standard input). */
int plan_read_file(struct plan_reading *r, const char *path);
/* Objects, schemas, and the file's objects in their places. */
int plan_read_objects(struct plan_reading *r);
/* Adds an object that was read to the snapshot. No value of a Secret is kept. */
struct plan_thing *plan_read_keep(struct plan_reading *r, struct rv_str api_version, struct rv_str resource,
                                  struct rv_str kind, struct rv_val v);
/* For plan_state_fold(): the object with the defaults of its kind. arg is the reading. */
struct rv_val plan_read_fix(void *arg, struct rv_str resource, struct rv_val value);
void plan_reading_end(struct plan_reading *r);

#endif
