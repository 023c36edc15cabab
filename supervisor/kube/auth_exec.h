/* auth_exec.h - one run of a credential plugin (users[].user.exec of a kubeconfig), without blocking the loop.
 * Internal.
 *
 * The plugin runs without a shell. It gets our environment and its own, and it has its own process group. The run is
 * over when the process has ended, even if another process still holds its output. A plugin that takes too long or
 * prints too much is killed. */
#ifndef KUBE_AUTH_EXEC_H
#define KUBE_AUTH_EXEC_H

#include <sys/types.h>

#include "config.h"

struct auth_exec;
/* `output` is what the plugin printed; it is wiped after the call. err is NULL if the run succeeded. The run is freed
 * after the call. */
typedef void (*auth_exec_fn)(void *arg, struct rv_str output, const struct rv_error *err);
/* If loop is NULL, only auth_exec_wait() advances the run. `ca` is PEM, for plugins that ask for information about the
 * cluster. Returns NULL and sets err if the plugin cannot be started. */
struct auth_exec *auth_exec_start(struct loop *loop, const struct kube_config *c, struct rv_bytes ca, auth_exec_fn done,
                                  void *arg, struct rv_error *err);
void auth_exec_wait(struct auth_exec *e);   /* blocks until `done` has been called */
void auth_exec_cancel(struct auth_exec *e); /* kills and frees the run without a call of `done` */
pid_t auth_exec_pid(const struct auth_exec *e);

#endif
