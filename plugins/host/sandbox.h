/* sandbox.h - confines the host process, so that a plugin cannot do harm.
 *
 * It has three steps, because loading needs files, and the lane needs a socket and threads:
 *   1. sandbox_before_load() gives up privileges and the file system, except for libraries.
 *   2. When the lane is connected, sandbox_for_load() takes from all threads what a constructor of the plugin must not
 *      have: sockets, processes, everything but loading. From the calling thread, on which the plugin runs later, it
 * takes all but what computing, the lane and logging need.
 *   3. The plugin is loaded in another thread (loader.h), which first calls sandbox_loading_thread(): after that, no
 *      filter can be added in it.
 * So no code of the plugin runs before everything is in force. sandbox_verify() then tests it.
 *
 * ZeroMQ's threads and the loading thread may still read files that loading needs, and map them as executable. Each
 * step reports what is in force. In enforce mode a missing part is an error. */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <sys/types.h>

#include "rayvisor/base.h"

enum sandbox_mode { SANDBOX_OFF, SANDBOX_BEST_EFFORT, SANDBOX_ENFORCE };
int sandbox_mode_parse(const char *text, enum sandbox_mode *ret); /* returns -EINVAL for an unknown mode */

struct sandbox_opts {
    enum sandbox_mode mode;
    uint64_t max_memory;     /* RLIMIT_DATA, and RLIMIT_AS with a reserve; 0 for none */
    uint64_t max_file;       /* RLIMIT_FSIZE; 0 for none */
    const char *plugin_path; /* its folder stays readable */
    const char *lane_path;   /* its folder stays readable as well */
    pid_t parent;            /* this process must not outlive it; 0 if unknown */
};
/* Enters a view of the file system that contains only libraries and the two folders, read-only, and a network namespace
 * without interfaces (view.c). Returns -errno if the kernel does not allow that; then nothing has changed. */
int sandbox_enter_view(const struct sandbox_opts *o);
/* Appends the names of the protections to in_force, separated by commas. */
int sandbox_before_load(const struct sandbox_opts *o, struct rv_buf *in_force, struct rv_error *err);
int sandbox_for_load(const struct sandbox_opts *o, struct rv_buf *in_force, struct rv_error *err);
int sandbox_loading_thread(const struct sandbox_opts *o, struct rv_error *err);
/* Tests that forbidden calls fail, if the last filter is reported as in force. Returns RV_E_CONFIG if they do not. */
int sandbox_verify(const struct rv_buf *in_force, struct rv_error *err);

#endif
