/* api.h - asks the API server with the user's own kubeconfig. Each call waits for its answer.
 *
 * It is the supervisor's client (supervisor/kube) on a loop of its own. Only api_send() changes anything. */
#ifndef CTL_API_H
#define CTL_API_H

#include "command.h"
#include "rayvisor/json.h"

struct api;
enum { API_MS = 30000, API_COMPLETION_MS = 1500 };

/* Uses --kubeconfig and --context, otherwise what kubectl would use. Returns NULL and sets c->err on an error. */
struct api *api_open(struct ctl_context *c, unsigned timeout_ms);
struct api *api_close(struct api *a);
void api_closep(struct api **a);
#define api_auto __attribute__((cleanup(api_closep)))
const char *api_server(const struct api *a);
/* --namespace, otherwise that of the context. */
const char *api_namespace(const struct api *a);

struct api_what {
    const char *api_version, *resource; /* "v1", "pods" */
    const char *ns;                     /* NULL or "": all namespaces */
    const char *labels, *fields;        /* selectors of a list; may be NULL */
};
/* The value is in the context's arena. An error says in a sentence what could not be read. Returns RV_E_NOT_FOUND if
 * the object does not exist, or if its kind is not served. */
int api_get(struct api *a, const struct api_what *what, struct rv_str name, struct rv_val *ret, struct rv_error *err);
/* All objects, page after page. */
struct api_list {
    struct rv_val *items;
    size_t n;
};
int api_list(struct api *a, const struct api_what *what, struct api_list *ret, struct rv_error *err);
/* Sends a request with a JSON body (absent: none), once. `doing` is what an error says: "cannot DOING: ...". The answer
 * is in the context's arena; absent if it is empty. */
struct api_request {
    const char *method, *path, *content_type, *doing;
    struct rv_val body;
};
int api_send(struct api *a, const struct api_request *q, struct rv_val *ret, struct rv_error *err);
/* The path of the object, or without a name of all of them, in the context's arena. */
const char *api_path(struct api *a, const struct api_what *what, struct rv_str name);
/* The answer to a GET of any path, as it is (at most max bytes). `subject` is what an error names. */
int api_text(struct api *a, const char *path, size_t max, const char *subject, struct rv_str *ret,
             struct rv_error *err);

#endif
