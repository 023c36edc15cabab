/* sandbox.h - starting and stopping the embedded cluster and an operator on it (`rayvisorctl sandbox ...`). */
#ifndef CTL_SANDBOX_H
#define CTL_SANDBOX_H

#include "rayvisor/base.h"

/* Where a sandbox keeps everything: $RAYVISOR_SANDBOX_DIR, else $XDG_RUNTIME_DIR/rayvisor-sandbox, else
 * /tmp/rayvisor-sandbox-UID. */
struct rv_str sandbox_dir(struct rv_arena *a);
const char *sandbox_kubeconfig(struct rv_arena *a);
/* json: what is printed is a JSON object. */
/* config: NULL is the default one. */
int sandbox_up(struct rv_arena *a, const char *config, bool json, struct rv_error *err);
int sandbox_down(struct rv_arena *a, bool json, struct rv_error *err);
/* Prints what runs; an error when not both parts are ready. */
int sandbox_status(struct rv_arena *a, bool json, struct rv_error *err);

#endif
