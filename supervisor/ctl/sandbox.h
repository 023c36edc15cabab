/* sandbox.h - starts and stops the embedded cluster and an operator on it (`rayvisorctl sandbox ...`). */
#ifndef CTL_SANDBOX_H
#define CTL_SANDBOX_H

#include "rayvisor/base.h"

/* The folder of a sandbox: $RAYVISOR_SANDBOX_DIR, otherwise $XDG_RUNTIME_DIR/rayvisor-sandbox, otherwise
 * /tmp/rayvisor-sandbox-UID. */
struct rv_str sandbox_dir(struct rv_arena *a);
const char *sandbox_kubeconfig(struct rv_arena *a);
/* With `json` the output is a JSON object. */
/* config: NULL means the default configuration. */
int sandbox_up(struct rv_arena *a, const char *config, bool json, struct rv_error *err);
int sandbox_down(struct rv_arena *a, bool json, struct rv_error *err);
/* Prints what runs. Returns an error if not both processes are ready. */
int sandbox_status(struct rv_arena *a, bool json, struct rv_error *err);

#endif
