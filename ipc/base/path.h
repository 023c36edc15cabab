/* path.h - steps of a path such as "spec.containers[0].image", one at a time. Internal.
 *
 * A step is a field name or the text in brackets; what brackets mean (index, key, every element) is the reader's. */
#ifndef RV_IPC_BASE_PATH_H
#define RV_IPC_BASE_PATH_H

#include "rayvisor/base.h"

struct path_step {
    struct rv_str text;
    bool bracket;
    bool bad; /* a bracket that never closes, an empty field name, or text straight after a bracket */
};

/* Takes the next step off *path; false at its end. After a bad step the path is at its end. */
bool path_next(const char **path, struct path_step *ret);

#endif
