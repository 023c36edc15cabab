/* auth_exec.h - one run of a credential plugin (users[].user.exec of a kubeconfig), beside the loop. Internal.
 *
 * It runs without a shell, with our environment plus its own, in a process group of its own. The run is over when the
 * process has ended, whoever else may still hold its output; what takes too long or says too much is killed. */
#ifndef KUBE_AUTH_EXEC_H
#define KUBE_AUTH_EXEC_H

#include <sys/types.h>

#include "config.h"

struct auth_exec;
/* output: what it printed, wiped after the call. err: NULL when it ended well. The run is freed after that. */
typedef void (*auth_exec_fn)(void *arg, struct rv_str output, const struct rv_error *err);
/* loop NULL: only auth_exec_wait() brings it forward. ca: PEM, told to plugins that want to know the cluster. NULL when
 * it cannot be started. */
struct auth_exec *auth_exec_start(struct rv_loop *loop, const struct kube_config *c, struct rv_bytes ca,
                                  auth_exec_fn done, void *arg, struct rv_error *err);
void auth_exec_wait(struct auth_exec *e);   /* blocks until done has been called */
void auth_exec_cancel(struct auth_exec *e); /* killed, reaped and freed without a call of done */
pid_t auth_exec_pid(const struct auth_exec *e);

#endif
