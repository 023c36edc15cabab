/* history_line.c - see history_line.h. */
#include "history_line.h"

static void add_ms(struct rv_val e, const char *key, struct rv_buf *out) {
    double ms = rv_val_float(rv_val_get(e, key), 0);
    if (ms < 1000)
        rv_buf_addf(out, "%.1f ms", ms);
    else
        rv_buf_addf(out, "%.1f s", ms / 1000);
}

static void add_related(struct rv_val e, struct rv_buf *out) {
    struct rv_val r = rv_val_get(e, "related");
    int64_t more = rv_path_int(r, "changes", 1) - 1;
    rv_buf_addf(out, RV_STR_FMT " " RV_STR_FMT "%s", RV_STR_ARG(rv_path_str(r, "kind")),
                RV_STR_ARG(rv_path_str(r, "name")), rv_path_bool(r, "deleted", false) ? " deleted" : " changed");
    if (more > 0) rv_buf_addf(out, " and %lld more change%s", (long long)more, more == 1 ? "" : "s");
}

static void add_cause(struct rv_val e, struct rv_str word, struct rv_buf *out) {
    static const struct {
        const char *word, *text;
    } texts[] = {{"start", "first look"},          {"changed", "the object changed"}, {"results", "results are there"},
                 {"planned", "its time had come"}, {"backoff", "tried again"},        {"settings", "new settings"},
                 {"released", "released"},         {"plugin", "the plugin wanted it"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
        if (rv_str_is(word, texts[i].word)) rv_buf_adds(out, texts[i].text);
    if (rv_str_is(word, "related")) add_related(e, out);
}

static void add_said(struct rv_val lines, struct rv_buf *out) {
    for (struct rv_iter it = rv_iter(lines); rv_iter_next(&it);)
        rv_buf_addf(out, "                - " RV_STR_FMT "\n", RV_STR_ARG(rv_val_str(it.val)));
}

static void add_pass(struct rv_val e, struct rv_buf *out) {
    const char *sep = "because ";
    int64_t actions = rv_path_int(e, "actions", 0), quiet = rv_path_int(e, "quietBefore", 0),
            next = rv_path_int(e, "nextMs", 0);
    rv_buf_adds(out, "reconciled ");
    for (struct rv_iter it = rv_iter(rv_val_get(e, "causes")); rv_iter_next(&it); sep = "; ") {
        rv_buf_adds(out, sep);
        add_cause(e, rv_val_str(it.val), out);
    }
    rv_buf_addf(out, ": %lld action%s", (long long)actions, actions == 1 ? "" : "s");
    struct rv_str outcome = rv_path_str(e, "outcome");
    if (rv_str_is(outcome, "retry")) rv_buf_adds(out, ", failed");
    if (rv_str_is(outcome, "terminal")) rv_buf_adds(out, ", given up until it changes");
    if (next > 0) rv_buf_addf(out, ", again in %.1f s", (double)next / 1000);
    rv_buf_adds(out, ", waited ");
    add_ms(e, "waitedMs", out);
    if (quiet > 0) rv_buf_addf(out, " (%lld passes before it changed nothing)", (long long)quiet);
}

static void add_action(struct rv_val e, struct rv_buf *out) {
    struct rv_str resource = rv_path_str(e, "resource"), target = rv_path_str(e, "target"),
                  code = rv_path_str(e, "code"), text = rv_path_str(e, "text");
    int64_t status = rv_path_int(e, "httpStatus", 0), retries = rv_path_int(e, "retries", 0);
    bool event = rv_str_is(rv_path_str(e, "verb"), "event");
    rv_buf_addf(out, RV_STR_FMT "%s" RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(rv_path_str(e, "verb")),
                resource.n != 0 ? " " : "", RV_STR_ARG(resource), target.n != 0 && !event ? " " : "",
                RV_STR_ARG(event ? RV_STR("") : target));
    if (code.n != 0 && !event) {
        rv_buf_addf(out, ": " RV_STR_FMT, RV_STR_ARG(code));
        if (status != 0) rv_buf_addf(out, " (%lld)", (long long)status);
        rv_buf_adds(out, " in ");
        add_ms(e, "tookMs", out);
        rv_buf_adds(out, ", waited ");
        add_ms(e, "waitedMs", out);
        if (retries > 0) rv_buf_addf(out, ", sent %lld times", (long long)retries + 1);
    }
    if (text.n != 0) rv_buf_addf(out, "%s" RV_STR_FMT, event ? " " : ": ", RV_STR_ARG(text));
}

static void add_change(struct rv_val e, struct rv_buf *out) {
    struct rv_str version = rv_path_str(e, "resourceVersion");
    rv_buf_adds(out, rv_path_bool(e, "deleted", false) ? "deleted" : "changed");
    if (version.n != 0) rv_buf_addf(out, " (version " RV_STR_FMT ")", RV_STR_ARG(version));
}

void history_line(struct rv_val e, bool with_object, struct rv_buf *out) {
    struct rv_str time = rv_path_str(e, "time"), what = rv_path_str(e, "what"), plugin = rv_path_str(e, "plugin");
    /* The time of day is enough where a day is not over: "12:34:56.789". */
    struct rv_str shown = time.n > 23 ? (struct rv_str){time.p + 11, 12} : time;
    rv_buf_addf(out, RV_STR_FMT "  %-13.*s ", RV_STR_ARG(shown), (int)plugin.n, plugin.n != 0 ? plugin.p : "");
    if (with_object)
        rv_buf_addf(out, RV_STR_FMT " " RV_STR_FMT "/" RV_STR_FMT ": ", RV_STR_ARG(rv_path_str(e, "kind")),
                    RV_STR_ARG(rv_path_str(e, "namespace")), RV_STR_ARG(rv_path_str(e, "name")));
    if (rv_str_is(what, "pass"))
        add_pass(e, out);
    else if (rv_str_is(what, "change"))
        add_change(e, out);
    else
        add_action(e, out);
    rv_buf_addc(out, '\n');
    if (rv_str_is(what, "pass")) add_said(rv_val_get(e, "said"), out);
}
