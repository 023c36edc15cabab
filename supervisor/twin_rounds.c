/* twin_rounds.c - see twin_rounds.h. */
#include "twin_rounds.h"

#include "health.h"
#include "supervisor/proc/plugin.h"
#include "supervisor/twin/twin.h"

static struct plugin *find_plugin(const struct supervisor *s, struct rv_str name) {
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p))
        if (rv_str_eq(plugin_config(p)->name, name)) return p;
    return NULL;
}

static void on_round(void *arg, const struct msg_explain *e) {
    const struct plugin *p = arg;
    struct twin *twin = plugin_supervisor(p)->twin;
    if (e == NULL || twin == NULL) return;
    bool rests = e->state == MSG_KEY_QUEUED || e->state == MSG_KEY_DELAYED || e->state == MSG_KEY_IDLE;
    twin_round(twin, plugin_config(p)->name, &e->key,
               &(struct twin_round){.known = e->state != MSG_KEY_UNKNOWN, .resting = rests, .began = e->began});
}

static void ask_for_round(void *arg, struct rv_str plugin, const struct rv_key *key) {
    struct plugin *p = find_plugin(arg, plugin);
    if (p == NULL)
        twin_round(((struct supervisor *)arg)->twin, plugin, key, &(struct twin_round){0}); /* nobody wants it */
    else
        plugin_explain(p, key->ns, key->name, on_round, p);
}

static bool sees_everything(void *arg) {
    rv_autobuf struct rv_buf scratch = {0};
    return health_not_ready(arg, &scratch) == NULL;
}

void twin_rounds_start(struct supervisor *s) {
    if (s->config->mode != MODE_TWIN) return;
    s->twin = twin_new(s, &(struct twin_opts){s->config->twin_grace_s * 1000, ask_for_round, sees_everything, s});
    log_info("this operator is a twin: it writes nothing, and compares what it would do with what is there");
}
