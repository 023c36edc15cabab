/* health.c - see health.h. */
#include "health.h"

#include "supervisor/bus/feeds.h"
#include "supervisor/leadership.h"
#include "supervisor/proc/plugin.h"

const char *health_not_ready(const struct supervisor *s, struct rv_buf *scratch) {
    if (s->stopping) return "shutting down";
    const char *waits = feeds_waits_for(s->feeds, scratch);
    if (waits != NULL) return waits;
    const char *nobody = leadership_not_ready(s, scratch);
    if (nobody != NULL) return nobody;
    for (const struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) {
        struct plugin_info i;
        plugin_info(p, &i);
        if (!i.enabled || i.ready) continue;
        rv_buf_clear(scratch);
        rv_buf_addf(scratch, "plugin " RV_STR_FMT " is %s%s%s", RV_STR_ARG(i.config->name), i.state,
                    i.why[0] != 0 ? ": " : "", i.why);
        return rv_buf_cstr(scratch);
    }
    return NULL;
}

const char *health_config_refused(const struct supervisor *s) {
    const char *why = s->config_refused;
    for (const struct plugin *p = s->plugins; p != NULL && why == NULL; p = plugin_next(p)) {
        struct plugin_info i;
        plugin_info(p, &i);
        why = i.settings_refused != NULL ? i.settings_refused : i.library_refused;
    }
    return why;
}
