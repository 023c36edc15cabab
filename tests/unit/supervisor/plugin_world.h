/* plugin_world.h - one plugin under a real supervisor, whose host this test is.
 *
 * The supervisor starts this test's own executable as the host (see puppet_main()). That process only notes its
 * arguments and its token, and waits to be killed. The test speaks on the lane in its place, so it decides each message
 * and each death. */
#ifndef TESTS_SUPERVISOR_PLUGIN_WORLD_H
#define TESTS_SUPERVISOR_PLUGIN_WORLD_H

#include <signal.h>

#include "ipc/protocol/flight_recorder.h"
#include "supervisor/proc/plugin.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

enum { RECEIVED_MAX = 256, PUPPET_FAILS = SIGUSR1 /* it exits with 3 */, PUPPET_MISFIT = SIGUSR2 /* ... with 78 */ };

struct received_msg {
    struct msg m;
    void *own; /* what m lends */
};

struct plugin_world {
    char dir[64]; /* manifest, library, and what the process notes */
    struct stage *stage;
    struct supervisor *s;
    struct script_server *server;
    struct plugin *p;
    struct config *other; /* a newer configuration */
    /* the host's side */
    struct lane_context *context;
    struct lane *lane;
    struct received_msg heard[RECEIVED_MAX];
    size_t received_n, at;
};

/* As the host's process: true when the arguments are a host's. It never returns then. */
void puppet_main(int argc, char **argv);

/* more: further lines of the plugin's entry, as flow YAML, such as ", limits: {memory: 64Mi}". */
struct plugin_world *plugin_world_new(const char *more);
void plugin_world_free(struct plugin_world *w);
/* The same plugin with other lines, which another configuration has. */
const struct config_plugin *plugin_world_edit(struct plugin_world *w, const char *more);
struct plugin_info world_info(const struct plugin_world *w);
bool world_state(const struct plugin_world *w, const char *state);
#define UNTIL(w, condition) SCRIPT_UNTIL((w)->s->loop, condition)

/* Starts it, waits for its process, and connects to its lane. */
void world_spawn(struct plugin_world *w);
/* Connects to the process that the supervisor started by itself. */
void world_connect(struct plugin_world *w);
/* The arguments of the process, one a line. */
const char *world_arguments(struct plugin_world *w, struct rv_buf *room);
void world_send(struct plugin_world *w, struct msg m);
/* The next message of that type, waiting for it; those before it are passed over. */
const struct msg *world_receive(struct plugin_world *w, unsigned type);
/* A right HELLO. */
struct msg world_hello(struct plugin_world *w, struct rv_buf *token);
/* HELLO, WELCOME, a snapshot, SYNCED: it is ready. */
void world_greet(struct plugin_world *w);
void world_ready(struct plugin_world *w);
/* The process is in the middle of that call and gets the signal; waits until the supervisor knows. */
void world_die(struct plugin_world *w, int signo, uint32_t call, const char *name);
/* The newest death. */
struct death_info world_death(const struct plugin_world *w);

#endif
