/* question.c - see question.h. */
#include "question.h"

#include <stdlib.h>

#include "rayvisor/k8s.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/proc/plugin.h"

struct question {
    struct supervisor *s;
    struct client *client;
    uint64_t *counts;
    struct rv_buf uid, refusal, warnings, unjudged;
    unsigned asked; /* plugins whose answer is outstanding */
};

void question_http(const char *status, const char *type, struct rv_str body, struct rv_buf *out) {
    rv_buf_addf(out,
                "HTTP/1.1 %s\r\nContent-Type: %s\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
                "Content-Length: %zu\r\n\r\n",
                status, type, body.n);
    rv_buf_add_str(out, body);
}

static void send_answer(struct client *c, struct rv_str uid, const struct review_answer *a) {
    rv_autobuf struct rv_buf body = {0}, http = {0};
    review_answer(uid, a, &body);
    question_http("200 OK", "application/json", rv_buf_str(&body), &http);
    client_answer(c, rv_buf_str(&http));
}

static void add_line(struct rv_buf *b, struct rv_str line) {
    if (line.n != 0) rv_buf_addf(b, "%s" RV_STR_FMT, b->n != 0 ? "\n" : "", RV_STR_ARG(line));
}

/* Nobody could judge. The configuration decides, and the answer says so, which the API server's own failure policy
 * would not. */
static void judge_unjudged(struct question *q, struct review_answer *a, struct rv_buf *text) {
    bool fail = q->s->config->admission.failure_policy == ADMISSION_FAIL;
    rv_buf_addf(text, "rayvisor cannot check this object now, because " RV_STR_FMT "%s",
                RV_STR_ARG(rv_buf_str(&q->unjudged)), fail ? ". Try again." : ". It is accepted without a check.");
    q->counts[ADMISSION_UNJUDGED]++;
    if (fail) {
        a->refused = true;
        a->status = 503;
        a->message = rv_buf_str(text);
    } else {
        add_line(&q->warnings, rv_buf_str(text));
    }
}

static void answer(struct question *q) {
    rv_autobuf struct rv_buf text = {0};
    struct review_answer a = {.refused = q->refusal.n != 0, .status = 422, .message = rv_buf_str(&q->refusal)};
    if (a.refused)
        q->counts[ADMISSION_REFUSED]++;
    else if (q->unjudged.n != 0)
        judge_unjudged(q, &a, &text);
    else
        q->counts[ADMISSION_ALLOWED]++;
    a.warnings = rv_buf_str(&q->warnings);
    send_answer(q->client, rv_buf_str(&q->uid), &a);
}

static void say_unjudged(struct question *q, struct rv_str plugin, const char *why) {
    if (q->unjudged.n == 0) rv_buf_addf(&q->unjudged, "the controller " RV_STR_FMT " %s", RV_STR_ARG(plugin), why);
}

static void on_verdict(void *arg, const struct msg_verdict *v) {
    struct question *q = arg;
    q->asked--;
    if (v == NULL) {
        if (q->unjudged.n == 0) rv_buf_adds(&q->unjudged, "its controller ended while it judged");
    } else {
        if (v->refused != 0 && q->refusal.n == 0) rv_buf_add_str(&q->refusal, v->message);
        add_line(&q->warnings, v->warnings);
    }
    if (q->asked == 0) answer(q);
}

static void cancel(struct question *q) {
    for (struct plugin *p = q->s->plugins; p != NULL; p = plugin_next(p)) plugin_validate_cancel(p, q);
    q->asked = 0;
}

static void on_late(void *arg) {
    struct question *q = arg;
    cancel(q);
    if (q->unjudged.n == 0) rv_buf_adds(&q->unjudged, "its controller did not answer in time");
    answer(q);
}

static void on_gone(void *arg) {
    struct question *q = arg;
    cancel(q);
    rv_buf_free(&q->uid);
    rv_buf_free(&q->refusal);
    rv_buf_free(&q->warnings);
    rv_buf_free(&q->unjudged);
    free(q);
}

static void ask_plugin(struct question *q, struct plugin *p, const struct review *r) {
    const struct manifest_kind *k = &plugin_config(p)->manifest->kinds[0];
    rv_autobuf struct rv_buf pair = {0};
    struct rv_projection *fields = feed_projection(k, NULL);
    int code = review_pair(r, fields, &pair);
    rv_projection_free(fields);
    const struct msg_validate about = {.ns = r->ns, .name = r->name, .uid = rv_path_str(r->object, "metadata.uid")};
    const char *why =
        code != 0 ? "cannot be told so much at once" : plugin_validate(p, &about, rv_buf_bytes(&pair), on_verdict, q);
    if (why != NULL)
        say_unjudged(q, plugin_config(p)->name, why);
    else
        q->asked++;
}

/* What the selector leaves out is not the plugin's. */
static bool selected(const struct manifest_kind *k, struct rv_val object) {
    if (k->selector.n == 0) return true;
    struct rv_selector *s = rv_selector_parse(k->selector, NULL);
    bool in = s != NULL && rv_selector_matches(s, rv_val_path(object, "metadata.labels"));
    rv_selector_free(s);
    return in;
}

static bool judges(const struct plugin *p, const struct review *r) {
    const struct config_plugin *c = plugin_config(p);
    return selected(&c->manifest->kinds[0], r->object) && c->enabled && c->manifest->validates &&
           rv_str_eq(c->manifest->kinds[0].api_version, r->api_version) &&
           rv_str_eq(c->manifest->kinds[0].resource, r->resource);
}

void question_ask(struct supervisor *s, struct client *c, struct review *r, uint64_t *counts) {
    if (review_passes(r)) {
        counts[ADMISSION_PASSED]++;
        send_answer(c, r->uid, &(struct review_answer){0});
        review_free(r);
        return;
    }
    struct question *q = rv_alloc(sizeof *q);
    *q = (struct question){.s = s, .client = c, .counts = counts};
    rv_buf_add_str(&q->uid, r->uid);
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p))
        if (judges(p, r)) ask_plugin(q, p, r);
    review_free(r);
    /* A quarter of the API server's patience is left for the way. */
    client_wait(c, s->config->admission.timeout_s * 750, &(struct client_wait){on_late, on_gone, q});
    if (q->asked == 0) answer(q);
}
