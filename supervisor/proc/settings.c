/* settings.c - the settings of a plugin: those in force, those that were sent to it, and those that it refused.
 *
 * settings_sync() is level-triggered: it compares the configured settings with those in force and sends the difference,
 * one message at a time. Refused settings are not sent again before the next reload. A process that is started again
 * gets the settings that were in force. So a bad edit does no harm, whenever the plugin dies. */
#include "plugin_internal.h"

#include <stdlib.h>

static bool same(const struct rv_buf *a, const struct rv_buf *b) {
    return rv_val_equal((struct rv_val){a->p, a->n}, (struct rv_val){b->p, b->n});
}

static void copy(struct rv_buf *to, const struct rv_buf *from) {
    rv_buf_clear(to);
    rv_buf_add(to, from->p, from->n);
}

static void forget_refusal(struct plugin_settings *s) {
    rv_buf_clear(&s->refused);
    free(s->refusal);
    s->refusal = NULL;
}

void settings_adopt(struct plugin *p) {
    copy(&p->settings.in_force, &p->config->settings);
    rv_buf_clear(&p->settings.sent);
    forget_refusal(&p->settings);
}

void settings_free(struct plugin *p) {
    rv_buf_free(&p->settings.in_force);
    rv_buf_free(&p->settings.sent);
    rv_buf_free(&p->settings.refused);
    free(p->settings.refusal);
}

void settings_sync(struct plugin *p, bool again) {
    struct plugin_settings *s = &p->settings;
    const struct rv_buf *wanted = &p->config->settings;
    if (again) forget_refusal(s);
    if (!plugin_listens(p) || s->sent.n != 0) return;
    if (same(wanted, &s->in_force)) {
        forget_refusal(s);
        return;
    }
    if (s->refused.n != 0 && same(wanted, &s->refused)) return;
    copy(&s->sent, wanted);
    s->sent_from = p->config;
    lane_send(p->lane, &(struct msg){.type = MSG_SETTINGS, .settings.settings = {s->sent.p, s->sent.n}});
}

const struct yaml_pos *settings_blamed(const struct config_plugin *c, struct rv_str reason) {
    for (const struct yaml_pos *k = c->settings_node != NULL ? c->settings_node->kids : NULL; k != NULL; k = k->next)
        if (memmem(reason.p, reason.n, k->key.p, k->key.n) != NULL) return k;
    return c->settings_node != NULL ? c->settings_node : c->node;
}

static void refuse_settings(struct plugin *p, struct rv_str reason) {
    struct plugin_settings *s = &p->settings;
    rv_autobuf struct rv_buf text = {0};
    const struct yaml_pos *at = settings_blamed(s->sent_from, reason);
    rv_buf_addf(&text, "%s:%zu:%zu: plugin %s does not take these settings, the ones before stay in force: " RV_STR_FMT,
                p->s->config_path, at->line, at->column, plugin_name(p), RV_STR_ARG(reason));
    forget_refusal(s);
    copy(&s->refused, &s->sent);
    s->refusal = rv_strdup(rv_buf_str(&text));
    log_error("settings refused by the plugin", "plugin", plugin_name(p), "reason", s->refusal);
}

void settings_answer(struct plugin *p, const struct msg_text *m) {
    struct plugin_settings *s = &p->settings;
    if (s->sent.n == 0) return; /* an answer without a question */
    if (m->code != 0) {
        refuse_settings(p, m->text);
    } else {
        copy(&s->in_force, &s->sent);
        forget_refusal(s);
        log_info("plugin took new settings", "plugin", plugin_name(p));
        quarantine_clear(p->quarantine); /* with other settings the plugin may behave better */
    }
    rv_buf_clear(&s->sent);
    settings_sync(p, false); /* the settings may have changed again */
}

void settings_process_gone(struct plugin *p, uint32_t call) {
    struct plugin_settings *s = &p->settings;
    if (s->sent.n == 0) return;
    if (call == FLIGHT_SETTINGS) refuse_settings(p, RV_STR("it died while it took them"));
    /* The next process starts with them. */
    else
        copy(&s->in_force, &s->sent);
    rv_buf_clear(&s->sent);
}
