/* why_pods.c - the pods below an object: those that block, each with its newest warning, and how many others there
 * are. */
#include <stdlib.h>

#include "ipc/base/utf8.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/timestamp.h"
#include "why.h"

enum { SHOWN_MAX = 8, EVENT_MAX = 300 };

struct pod {
    struct rv_val value;
    struct rv_str name, created;
    struct say say;
    bool head;
};

static int rank(const struct pod *p) {
    int state = p->say.state == SAY_FAULTY ? 0 : p->say.state == SAY_WAITS ? 1 : 2;
    return state * 2 + !p->head;
}

/* The head first among equals, then the oldest. */
static bool before(const struct pod *a, const struct pod *b) {
    int ra = rank(a), rb = rank(b), c = rv_str_cmp(a->created, b->created);
    return ra != rb ? ra < rb : c != 0 ? c < 0 : rv_str_cmp(a->name, b->name) < 0;
}

static int compare(const void *x, const void *y) {
    const struct pod *a = x, *b = y;
    return before(a, b) ? -1 : before(b, a) ? 1 : 0;
}

static int64_t event_time(struct rv_val e) {
    static const char *const paths[] = {"series.lastObservedTime", "lastTimestamp", "eventTime",
                                        "metadata.creationTimestamp"};
    int64_t at = 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(paths) && at == 0; i++) at = rc_time(rv_path_str(e, paths[i]));
    return at;
}

/* A warning about this very pod, which says what the sentence does not. */
static bool says_more(const struct why_node *n, struct rv_val e, struct rv_str uid) {
    struct rv_str message = rv_path_str(e, "message");
    return rv_str_is(rv_path_str(e, "type"), "Warning") && rv_str_eq(rv_path_str(e, "involvedObject.uid"), uid) &&
           message.n != 0 && memmem(n->say.text.p, n->say.text.n, message.p, message.n) == NULL;
}

/* Events are for reading only; without the right to read them the rest is still true. */
static void add_event(struct why *w, struct why_node *n, struct rv_val pod) {
    struct api_list events;
    struct rv_val newest = RV_VAL_ABSENT;
    const struct api_what what = {
        .api_version = "v1",
        .resource = "events",
        .ns = w->ns,
        .fields = rv_arena_fmt(w->c->arena, "involvedObject.name=" RV_STR_FMT, RV_STR_ARG(n->name)).p};
    struct rv_str uid = rv_path_str(pod, "metadata.uid");
    if (api_list(w->api, &what, &events, NULL) != 0) return;
    for (size_t i = 0; i < events.n; i++)
        if (says_more(n, events.items[i], uid) && event_time(events.items[i]) >= event_time(newest))
            newest = events.items[i];
    struct rv_str message = utf8_clip(rv_path_str(newest, "message"), EVENT_MAX);
    if (message.n == 0) return;
    n->event = rv_arena_fmt(w->c->arena, RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(rv_path_str(newest, "reason")),
                            RV_STR_ARG(message));
    n->event_at = event_time(newest);
}

static const char *pod_kind(const struct pod *p) {
    struct rv_str type = rv_path_str(p->value, "metadata.labels[" RC_LABEL_NODE_TYPE "]");
    return p->head ? "head pod" : rv_str_is(type, "worker") ? "worker pod" : "pod";
}

/* The pods that are not shown, by what they do. */
static void add_rest(struct why *w, struct why_node *above, const struct pod *pods, size_t n, size_t shown) {
    static const char *const does[][2] = {[SAY_WELL] = {"is ready", "are ready"},
                                          [SAY_WAITS] = {"is not ready", "are not ready"},
                                          [SAY_FAULTY] = {"is faulty", "are faulty"},
                                          [SAY_RESTS] = {"has ended", "have ended"}};
    size_t counts[RV_ARRAY_LEN(does)] = {0};
    rv_autobuf struct rv_buf b = {0};
    if (shown == n) return;
    for (size_t i = shown; i < n; i++) counts[pods[i].say.state]++;
    const char *other = shown == 0 ? "" : n - shown == 1 ? "other " : "others ";
    for (size_t s = 0; s < RV_ARRAY_LEN(does); s++) {
        if (counts[s] == 0) continue;
        rv_buf_addf(&b, "%s%zu %s%s", b.n != 0 ? ", " : "", counts[s], b.n != 0 ? "" : other, does[s][counts[s] > 1]);
    }
    struct why_node *rest = why_add(w, above, "pods", RV_STR(""));
    rest->say.state = counts[SAY_FAULTY] > 0 ? SAY_FAULTY : counts[SAY_WAITS] > 0 ? SAY_WAITS : SAY_WELL;
    rest->say.text = rv_arena_str(w->c->arena, rv_buf_str(&b));
}

void why_add_pods(struct why *w, struct why_node *above, const char *labels) {
    struct api_list list;
    struct rv_error err = {0};
    const struct api_what what = {.api_version = "v1", .resource = "pods", .ns = w->ns, .labels = labels};
    if (api_list(w->api, &what, &list, &err) != 0) {
        struct why_node *n = why_add(w, above, "pods", RV_STR(""));
        n->say = (struct say){.state = SAY_RESTS, .text = rv_arena_str(w->c->arena, rv_str(err.text))};
        return;
    }
    struct pod *pods = rv_arena_alloc(w->c->arena, list.n * sizeof *pods);
    for (size_t i = 0; i < list.n; i++) {
        struct rv_val v = list.items[i];
        pods[i] = (struct pod){.value = v,
                               .name = rv_path_str(v, "metadata.name"),
                               .created = rv_path_str(v, "metadata.creationTimestamp"),
                               .say = say_pod(w->c->arena, v, w->now),
                               .head = rv_str_is(rv_path_str(v, "metadata.labels[" RC_LABEL_NODE_TYPE "]"), "head")};
    }
    qsort(pods, list.n, sizeof *pods, compare);
    size_t shown = 0;
    for (; shown < list.n && shown < SHOWN_MAX && rank(&pods[shown]) < 4; shown++) {
        struct why_node *n = why_add(w, above, pod_kind(&pods[shown]), pods[shown].name);
        n->say = pods[shown].say;
        add_event(w, n, pods[shown].value);
    }
    add_rest(w, above, pods, list.n, shown);
}
