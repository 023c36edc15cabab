/* sandbox.h - what a plugin cannot do, whatever it tries.
 *
 * Three steps, because loading needs files and the lane needs a socket and threads. sandbox_before_load() drops
 * privileges and the file system but for libraries. When the lane stands, sandbox_for_load() takes from all threads
 * what a constructor of the plugin must not have: sockets, processes, everything but loading; and from the calling
 * thread, on which the plugin runs later, all but what computing, talking on the lane and logging need. The plugin is
 * loaded in another thread (loader.h), which first calls sandbox_loading_thread(): no filter can be added there. So no
 * code of the plugin runs before all is in force. sandbox_verify() then tries it.
 *
 * ZeroMQ's threads and the loading one may still read what loading reads, and map it to run. Each step reports what is
 * in force; in enforce mode a missing part is an error.
 */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <sys/types.h>

#include "rayvisor/base.h"

enum sandbox_mode { SANDBOX_OFF, SANDBOX_BEST_EFFORT, SANDBOX_ENFORCE };
int sandbox_mode_parse(const char *text, enum sandbox_mode *ret); /* -EINVAL */

struct sandbox_opts {
    enum sandbox_mode mode;
    uint64_t max_memory;     /* RLIMIT_DATA, and RLIMIT_AS with room beside; 0 = none */
    const char *plugin_path; /* its folder stays readable */
    const char *lane_path;   /* so does the lane's */
    pid_t parent;            /* whom this process must not outlive; 0: whoever it is */
};
/* A view of the file system that holds nothing but libraries and the two folders, read-only, and a network with nothing
 * in it (view.c). -errno where the kernel does not allow that; then nothing changed. */
int sandbox_enter_view(const struct sandbox_opts *o);
/* in_force gets the names of the protections, comma-separated. */
int sandbox_before_load(const struct sandbox_opts *o, struct rv_buf *in_force, struct rv_error *err);
int sandbox_for_load(const struct sandbox_opts *o, struct rv_buf *in_force, struct rv_error *err);
int sandbox_loading_thread(const struct sandbox_opts *o, struct rv_error *err);
/* Tries what must be refused, if the last filter is said to be in force. RV_E_CONFIG when it is not. */
int sandbox_verify(const struct rv_buf *in_force, struct rv_error *err);

#endif
