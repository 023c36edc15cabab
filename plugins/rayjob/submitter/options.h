/* options.h - what the submitter is told: by the environment, as the operator sets it, and by flags, which are those of
 * the reference's small submitter and a few more. */
#ifndef SUBMITTER_OPTIONS_H
#define SUBMITTER_OPTIONS_H

#include "rayvisor/tree.h"

struct options {
    struct rv_arena *arena;
    struct rv_str host, path; /* path: prefix before /api, or empty */
    uint16_t port;
    bool tls, insecure;
    const char *ca_file;
    struct rv_str id, token;
    struct rv_node *request; /* body of POST /api/jobs/ */
};

/* 0; 1 when help was printed; or an exit status for wrong usage, with the reason on stderr. */
int options_read(struct options *o, int argc, char **argv);

#endif
