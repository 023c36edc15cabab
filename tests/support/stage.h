/* stage.h - a supervisor's parts put together for a test, as main.c does it, but without processes: plugins are known
 * and never started. */
#ifndef TESTS_SUPPORT_STAGE_H
#define TESTS_SUPPORT_STAGE_H

#include "supervisor/supervisor.h"

struct stage {
    struct supervisor s; /* loop, config, kube_config, client, store */
    char dir[64];        /* its runtime folder, removed at the end */
};
/* config: YAML without runtimeDir. server: URL of the API server. NULL, with the reason printed, when that is wrong. */
struct stage *stage_new(const char *config, const char *server);
/* What needs the rest of the supervisor: feeds, executor, plugins, control socket. */
bool stage_open_control(struct stage *t, int (*reload)(struct supervisor *s, struct rv_error *err));
void stage_close_control(struct stage *t);
struct stage *stage_free(struct stage *t);
/* Points the stage at another server: the one before must have been without traffic. */
bool stage_connect(struct stage *t, const char *server);

#endif
