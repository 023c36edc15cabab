/* pod_names.h - the names of pods by their address, as they were last found (proxy.h). It saves a search before each
 * request to the same pod. A name may be outdated: whoever is refused with it forgets it. */
#ifndef REQUESTS_POD_NAMES_H
#define REQUESTS_POD_NAMES_H

#include "ipc/base/table.h"

struct pod_names {
    struct hash_table table;
};

/* An empty text if it is not known. It is valid until the next call. */
struct rv_str pod_names_get(const struct pod_names *n, struct rv_str ns, struct rv_str address);
void pod_names_put(struct pod_names *n, struct rv_str ns, struct rv_str address, struct rv_str name);
void pod_names_forget(struct pod_names *n, struct rv_str ns, struct rv_str address);
void pod_names_free(struct pod_names *n);

#endif
