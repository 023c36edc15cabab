/* happening.c - see happening.h. */
#include "happening.h"

#include "rayvisor/k8s.h"

const char *happening_name(enum happening_what w) {
    static const char *const names[HAPPENING_COUNT] = {"change", "pass", "request", "result"};
    return names[w];
}

void happening_each_cause(uint32_t cause, void (*fn)(void *arg, const char *word), void *arg) {
    static const struct {
        uint32_t bit;
        const char *word;
    } words[] = {{MSG_CAUSE_START, "start"},       {MSG_CAUSE_CHANGED, "changed"},   {MSG_CAUSE_RELATED, "related"},
                 {MSG_CAUSE_RESULTS, "results"},   {MSG_CAUSE_PLANNED, "planned"},   {MSG_CAUSE_BACKOFF, "backoff"},
                 {MSG_CAUSE_SETTINGS, "settings"}, {MSG_CAUSE_RELEASED, "released"}, {MSG_CAUSE_PLUGIN, "plugin"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if ((cause & words[i].bit) != 0) fn(arg, words[i].word);
}

static void write_cause(void *arg, const char *word) { jsonw_text(arg, NULL, word); }

static void write_ms(struct jsonw *w, const char *key, uint64_t us) {
    rv_buf_addf(jsonw_value(w, key), "%llu.%03u", (unsigned long long)(us / 1000), (unsigned)(us % 1000));
}

static const char *outcome_name(int32_t code) {
    switch (code) {
    case RV_DONE:
        return "done";
    case RV_AFTER:
        return "after";
    case RV_TERMINAL:
        return "terminal";
    default:
        return "retry";
    }
}

static void write_pass(const struct happening *h, struct jsonw *w) {
    jsonw_begin_array(w, "causes");
    happening_each_cause(h->cause, write_cause, w);
    jsonw_end_array(w);
    if (h->related_kind[0] != 0) {
        jsonw_begin_object(w, "related");
        jsonw_text(w, "kind", h->related_kind);
        jsonw_str(w, "name", h->target);
        jsonw_bool(w, "deleted", (h->cause & MSG_CAUSE_GONE) != 0);
        jsonw_uint(w, "changes", h->changes);
        jsonw_end_object(w);
    }
    write_ms(w, "waitedMs", h->waited_us);
    if (h->quiet != 0) jsonw_uint(w, "quietBefore", h->quiet);
    jsonw_uint(w, "actions", h->actions);
    jsonw_text(w, "outcome", outcome_name(h->outcome));
    if (h->next_ms != 0) jsonw_int(w, "nextMs", h->next_ms);
    if (h->text.n != 0) jsonw_lines(w, "said", h->text);
}

static void write_action(const struct happening *h, struct jsonw *w) {
    jsonw_text(w, "verb", h->verb);
    if (h->resource.n != 0) jsonw_str(w, "resource", h->resource);
    if (h->target_ns.n != 0) jsonw_str(w, "targetNamespace", h->target_ns);
    if (h->target.n != 0) jsonw_str(w, "target", h->target);
    if (h->text.n != 0) jsonw_str(w, "text", h->text);
    if (h->what != HAPPENING_RESULT) return;
    jsonw_text(w, "code", h->code);
    if (h->http_status != 0) jsonw_uint(w, "httpStatus", h->http_status);
    if (h->retries != 0) jsonw_uint(w, "retries", h->retries);
    write_ms(w, "waitedMs", h->waited_us);
    write_ms(w, "tookMs", h->took_us);
}

void happening_write(const struct happening *h, struct jsonw *w) {
    char at[40];
    rv_time_format_micro(h->at, at);
    jsonw_text(w, "time", at);
    jsonw_text(w, "what", happening_name(h->what));
    if (h->plugin[0] != 0) jsonw_text(w, "plugin", h->plugin);
    jsonw_text(w, "kind", h->kind);
    jsonw_str(w, "namespace", h->ns);
    jsonw_str(w, "name", h->name);
    if (h->what == HAPPENING_CHANGE) {
        if (h->version.n != 0) jsonw_str(w, "resourceVersion", h->version);
        jsonw_bool(w, "deleted", h->deleted);
    } else if (h->what == HAPPENING_PASS) {
        write_pass(h, w);
    } else {
        write_action(h, w);
    }
}
