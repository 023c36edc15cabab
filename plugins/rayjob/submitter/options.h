/* options.h - the options of the submitter: from the environment, which the operator sets, and from flags. The flags
 * are those of the reference's small submitter and a few more. */
#ifndef SUBMITTER_OPTIONS_H
#define SUBMITTER_OPTIONS_H

#include "rayvisor/tree.h"

struct options {
    struct rv_arena *arena;
    /* `path` is a prefix before /api, or empty. */
    struct rv_str host, path;
    uint16_t port;
    bool tls, insecure;
    const char *ca_file;
    struct rv_str id, token;
    struct rv_node *request; /* the body of POST /api/jobs/ */
};

/* Returns 0, 1 if it has printed the help, or an exit status for wrong usage after printing the reason. */
int options_read(struct options *o, int argc, char **argv);

#endif
