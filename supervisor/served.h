/* served.h - compares what plugins are granted and read with the resources that the API server serves, by discovery.
 *
 * A grant on a resource that does not exist permits nothing, and nothing else would say so. It is a warning and no
 * refusal, because a CustomResourceDefinition may come later. */
#ifndef SUPERVISOR_SERVED_H
#define SUPERVISOR_SERVED_H

#include "supervisor/config/config.h"
#include "supervisor/kube/kube.h"

struct served;
struct served_opts {
    const struct config *config; /* must live until done */
    bool reads;                  /* what plugins read as well: once they run, their watches say so themselves */
    config_warning_fn warn;      /* a line for each difference, with file:line:column */
    /* Once, never from within served_begin(). why: which API groups could not be asked for, and the reason; NULL: all
     * were. The check may be freed in it. */
    void (*done)(void *arg, const char *why);
    void *arg;
};
struct served *served_begin(struct loop *l, struct kube_client *c, const struct served_opts *o);
struct served *served_free(struct served *s); /* done is not called any more */

#endif
