/* stage_control.c - the part of stage.h that needs the whole supervisor. */
#include "stage.h"
#include "supervisor/actions/executor.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/control/control.h"
#include "supervisor/proc/plugin.h"

#include <stdio.h>

bool stage_open_control(struct stage *t, int (*reload)(struct supervisor *s, struct rv_error *err)) {
    struct supervisor *s = &t->s;
    struct rv_error err = {0};
    s->feeds = feeds_new(s);
    s->executor = executor_new(s);
    for (size_t i = 0; i < s->config->plugin_n; i++) (void)plugin_new(s, &s->config->plugins[i]);
    s->control = control_new(s, reload, &err);
    if (s->control == NULL) fprintf(stderr, "stage: %s\n", err.text);
    return s->control != NULL;
}

void stage_close_control(struct stage *t) {
    struct supervisor *s = &t->s;
    s->control = (control_free(s->control), NULL);
    s->executor = executor_free(s->executor);
    while (s->plugins != NULL) plugin_free(s->plugins);
    s->feeds = feeds_free(s->feeds);
}
