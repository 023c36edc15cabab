/* http.h - requests and answers as the handlers (http/handlers.c) see them. http/server.c speaks HTTP. */
#ifndef RV_SANDBOX_HTTP_H
#define RV_SANDBOX_HTTP_H

#include "deploy/sandbox/rules/view.h"
#include "deploy/sandbox/storage_internal.h"
#include "ipc/base/json_writer.h"

struct sb_server;
struct sb_request {
    struct sb_storage *storage;
    const char *method;
    struct rv_str path, body, accept, content_type, user_agent;
    struct rv_arena *arena;
    const char *(*query)(void *arg, const char *name); /* returns NULL if the parameter was not given */
    void *query_arg;
};
struct sb_response {
    int http;
    const char *type;
    struct rv_buf body;
    struct rv_buf warnings; /* one line for each Warning header */
    int retry_after;        /* for the Retry-After header */
    /* For a watch: what is selected, from which version, and in which form it is shown. */
    const struct sb_resource *watch, *served;
    struct rv_str ns;
    struct sb_log *log; /* on the heap; the watch is shown as the lines of a container (http/logs.h) */
};
/* Where a path leads: the stored resource, and the served one (the same except for views). */
struct sb_route {
    const struct sb_resource *resource, *served;
    struct rv_str ns, name, sub;
};
/* ---- http/request.c ---- */

bool sb_is_true(struct sb_request *q, const char *name); /* a query parameter */
/* Returns 0, or -1 if the path names no resource. */
int sb_route(struct sb_storage *s, struct rv_str path, struct sb_route *ret);
const char *sb_verb(const struct sb_request *q, const struct sb_route *r);
/* The body as a tree, for any encoding. On an error it returns NULL and fills the answer. */
struct rv_node *sb_read_body(struct sb_request *q, struct sb_response *r);

void sb_handle(struct sb_request *q, struct sb_response *r);
void sb_respond_status(struct sb_response *r, const struct sb_status *st);
void sb_fail(struct sb_response *r, int http, const char *reason, const char *message);
/* Writes an object as JSON, in the form that `served` has. */
void sb_write_object(const struct sb_resource *served, const struct sb_object *o, struct rv_buf *out);
bool sb_discovery(struct sb_request *q, struct sb_response *r);

/* http/openapi.c */
bool sb_openapi(struct sb_request *q, struct sb_response *r);
bool sb_openapi2(struct sb_request *q, struct sb_response *r); /* http/openapi2.c */

/* http/access.c: resources that only answer. */
bool sb_access(struct sb_request *q, struct sb_response *r);
bool sb_access_group(size_t i, const char **ret_group);
void sb_access_list(struct rv_str group, struct rv_str version, struct jsonw *w);

/* The label and field selectors of a list or watch (http/filter.c). */
struct sb_filter {
    struct rv_selector *labels;
    struct sb_field *fields;
    size_t n_fields;
};
int sb_filter_init(struct sb_filter *f, const struct sb_resource *served, const char *labels, const char *fields,
                   struct rv_error *err);
bool sb_filter_matches(const struct sb_filter *f, const struct sb_object *o);
void sb_filter_free(struct sb_filter *f);

/* http/list.c */
void sb_handle_list(struct sb_request *q, const struct sb_route *t, struct sb_response *r);

/* A connection that waits for its answer. `cancel` is called if it is closed before. */
struct sb_later;
void sb_later_hold(struct sb_later *l, void (*cancel)(void *arg), void *arg);
void sb_later_answer(struct sb_later *l, int status, struct rv_str body); /* call it once */

struct sb_server_opts {
    const char *bind, *token, *cert_pem, *key_pem;
    uint16_t port;
    /* Another handler, by the URI as it was sent (the simulation's paths). It returns false if the path is not its own.
     * *ret_status 0 means that it answers later (sb_later_hold was called). May be NULL. */
    bool (*other)(void *arg, struct rv_str method, struct rv_str uri, struct rv_bytes body, struct sb_later *later,
                  int *ret_status, struct rv_buf *out);
    void *other_arg;
};
/* The options outlive the server. */
struct sb_server *sb_server_new(struct loop *l, struct sb_storage *s, const struct sb_server_opts *o,
                                struct rv_error *err);
struct sb_server *sb_server_free(struct sb_server *v);
uint16_t sb_server_port(const struct sb_server *v);

#endif
