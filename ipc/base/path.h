/* path.h - reads a path such as "spec.containers[0].image" one step at a time. Internal.
 *
 * A step is a field name or the text in brackets. The caller decides what brackets mean: an index, a key or every
 * element. */
#ifndef RV_IPC_BASE_PATH_H
#define RV_IPC_BASE_PATH_H

#include "rayvisor/base.h"

struct path_step {
    struct rv_str text;
    bool bracket;
    bool bad; /* true for an unclosed bracket, an empty field name, or text directly after a bracket */
};

/* Takes the next step off *path. Returns false at its end. After a bad step the path is at its end. */
bool path_next(const char **path, struct path_step *ret);

#endif
