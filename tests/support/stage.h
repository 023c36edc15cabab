/* stage.h - the parts of a supervisor for a test, put together as in main.c but without processes: plugins are known
 * and never started. */
#ifndef TESTS_SUPPORT_STAGE_H
#define TESTS_SUPPORT_STAGE_H

#include "supervisor/supervisor.h"

struct stage {
    struct supervisor s; /* loop, config, kube_config, client, store */
    char dir[64];        /* its runtime folder, which is removed at the end */
};
/* config is YAML without runtimeDir. server is the URL of the API server. Returns NULL after printing the reason if
 * they are wrong. */
struct stage *stage_new(const char *config, const char *server);
/* Opens what needs the rest of the supervisor: feeds, executor, plugins, control socket. */
bool stage_open_control(struct stage *t, int (*reload)(struct supervisor *s, struct rv_error *err));
void stage_close_control(struct stage *t);
struct stage *stage_free(struct stage *t);
/* Connects the stage to another server. The previous one must not have been used. */
bool stage_connect(struct stage *t, const char *server);

#endif
