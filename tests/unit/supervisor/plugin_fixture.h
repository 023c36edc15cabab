/* plugin_fixture.h - one plugin under a real supervisor, whose host this test is.
 *
 * The supervisor starts this test's own executable as the host (see puppet_main()). That process only notes its
 * arguments and its token, and waits to be killed. The test speaks on the lane in its place, so it decides each message
 * and each death. */
#ifndef TESTS_SUPERVISOR_PLUGIN_FIXTURE_H
#define TESTS_SUPERVISOR_PLUGIN_FIXTURE_H

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

struct plugin_fixture {
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
struct plugin_fixture *plugin_fixture_new(const char *more);
void plugin_fixture_free(struct plugin_fixture *w);
/* The same plugin with other lines, which another configuration has. */
const struct config_plugin *plugin_fixture_edit(struct plugin_fixture *w, const char *more);
struct plugin_info fixture_info(const struct plugin_fixture *w);
bool fixture_state(const struct plugin_fixture *w, const char *state);
#define UNTIL(w, condition) SCRIPT_UNTIL((w)->s->loop, condition)

/* Starts it, waits for its process, and connects to its lane. */
void fixture_spawn(struct plugin_fixture *w);
/* Connects to the process that the supervisor started by itself. */
void fixture_connect(struct plugin_fixture *w);
/* The arguments of the process, one a line. */
const char *fixture_arguments(struct plugin_fixture *w, struct rv_buf *room);
void fixture_send(struct plugin_fixture *w, struct msg m);
/* The next message of that type, waiting for it; those before it are passed over. */
const struct msg *fixture_receive(struct plugin_fixture *w, unsigned type);
/* A right HELLO. */
struct msg fixture_hello(struct plugin_fixture *w, struct rv_buf *token);
/* HELLO, WELCOME, a snapshot, SYNCED: it is ready. */
void fixture_greet(struct plugin_fixture *w);
void fixture_ready(struct plugin_fixture *w);
/* The process is in the middle of that call and gets the signal; waits until the supervisor knows. */
void fixture_die(struct plugin_fixture *w, int signo, uint32_t call, const char *name);
/* The newest death. */
struct death_info fixture_death(const struct plugin_fixture *w);

#endif
