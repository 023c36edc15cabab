/* why.c - builds the tree (why.h), and the command `why`. */
#include "why.h"

#include <stdio.h>

#include "colour.h"
#include "document.h"
#include "hint.h"
#include "ipc/base/loop.h"
#include "plugins/ray/fields.h"
#include "rayvisor/k8s.h"
#include "rayvisor/tree.h"

#define RAY "ray.io/v1"

struct why_node *why_add(struct why *w, struct why_node *above, const char *kind, struct rv_str name) {
    struct why_node *n = rv_arena_alloc(w->c->arena, sizeof *n);
    *n = (struct why_node){.kind = kind, .ns = rv_str(w->ns), .name = rv_arena_str(w->c->arena, name)};
    n->last = &n->kids;
    if (above != NULL) {
        *above->last = n;
        above->last = &n->next;
    }
    return n;
}

bool why_blocks(const struct why_node *n) { return n->say.state == SAY_WAITS || n->say.state == SAY_FAULTY; }

const struct why_node *why_blocker(const struct why_node *root) {
    const struct why_node *best = NULL;
    bool serves = root->say.state == SAY_WELL && strcmp(root->kind, ctl_kinds[CTL_RAYSERVICE].kind) == 0;
    if (root->say.state == SAY_RESTS) return NULL;
    for (const struct why_node *kid = root->kids; kid != NULL; kid = kid->next) {
        const struct why_node *b = why_blocker(kid);
        /* A service that serves does not wait for workers without replicas, which are not ready. */
        if (b != NULL && serves && b->say.state == SAY_WAITS) continue;
        if (b != NULL && (best == NULL || (best->say.state == SAY_WAITS && b->say.state == SAY_FAULTY))) best = b;
    }
    return best != NULL ? best : why_blocks(root) ? root : NULL;
}

/* ---- what is below each kind ------------------------------------------------------------------------------------ */

static int add_object(struct why *w, struct why_node *above, const struct ctl_kind *k, struct rv_str name,
                      struct why_node **ret, struct rv_error *err);

static const char *label(struct why *w, const char *key, struct rv_str value) {
    return rv_arena_fmt(w->c->arena, "%s=" RV_STR_FMT, key, RV_STR_ARG(value)).p;
}

/* An object that another one names. That it cannot be read is told in its place. */
static void add_named(struct why *w, struct why_node *above, int kind, struct rv_str name) {
    struct rv_error err = {0};
    struct why_node *n = NULL;
    if (name.n == 0) return;
    int r = add_object(w, above, &ctl_kinds[kind], name, &n, &err);
    if (r == 0) return;
    n = why_add(w, above, ctl_kinds[kind].kind, name);
    n->say = (struct say){.state = r == RV_E_NOT_FOUND ? SAY_WAITS : SAY_FAULTY,
                          .text = r == RV_E_NOT_FOUND ? RV_STR("it does not exist")
                                                      : rv_arena_str(w->c->arena, rv_str(err.text))};
}

static void below_cluster(struct why *w, struct why_node *n, struct rv_val object) {
    (void)object;
    why_add_pods(w, n, label(w, RC_LABEL_CLUSTER, n->name));
}

/* The Job that submits a RayJob has the RayJob's name. */
static void add_submitter(struct why *w, struct why_node *n, struct rv_val object) {
    struct rv_str mode = rv_path_str(object, "spec.submissionMode");
    struct rv_val job;
    const struct api_what jobs = {.api_version = "batch/v1", .resource = "jobs", .ns = w->ns};
    if (mode.n != 0 && !rv_str_is(mode, "K8sJobMode")) return;
    if (api_get(w->api, &jobs, n->name, &job, NULL) != 0) return;
    struct rv_val failed = rv_condition_find(rv_val_path(job, "status.conditions"), "Failed");
    struct why_node *s = why_add(w, n, "submitter Job", n->name);
    bool over = rv_path_int(job, "status.succeeded", 0) > 0;
    s->say = (struct say){.state = over ? SAY_RESTS : SAY_WELL,
                          .text = over ? RV_STR("it has submitted the job and ended") : RV_STR("it goes on")};
    if (rv_str_is(rv_path_str(failed, "status"), "True"))
        s->say = (struct say){.state = SAY_FAULTY,
                              .text = rv_arena_fmt(w->c->arena, "it has failed: " RV_STR_FMT,
                                                   RV_STR_ARG(rv_path_str(failed, "message")))};
    if (!over) why_add_pods(w, s, label(w, "job-name", n->name));
}

static void below_job(struct why *w, struct why_node *n, struct rv_val object) {
    struct rv_str phase = rv_path_str(object, "status.jobDeploymentStatus");
    if (rv_str_is(phase, "Complete") || n->say.state == SAY_RESTS) return;
    add_named(w, n, CTL_RAYCLUSTER, rv_path_str(object, "status.rayClusterName"));
    add_submitter(w, n, object);
}

static void add_applications(struct why *w, struct why_node *n, struct rv_val served) {
    for (struct rv_iter it = rv_iter(rv_val_get(served, "applicationStatuses")); rv_iter_next(&it);) {
        struct rv_str status = rv_path_str(it.val, "status"), message = rv_path_str(it.val, "message");
        if (rv_str_is(status, "RUNNING")) continue;
        struct why_node *app = why_add(w, n, "application", it.key);
        bool failed = rv_str_is(status, "DEPLOY_FAILED") || rv_str_is(status, "UNHEALTHY");
        app->say.state = failed ? SAY_FAULTY : SAY_WAITS;
        app->say.text = rv_arena_fmt(w->c->arena, "Serve says " RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(status),
                                     message.n != 0 ? ": " : "", RV_STR_ARG(message));
    }
}

static void below_service(struct why *w, struct why_node *n, struct rv_val object) {
    static const char *const sides[] = {"status.activeServiceStatus", "status.pendingServiceStatus"};
    for (size_t i = 0; i < RV_ARRAY_LEN(sides); i++) {
        struct rv_val served = rv_val_path(object, sides[i]);
        add_named(w, n, CTL_RAYCLUSTER, rv_path_str(served, "rayClusterName"));
        add_applications(w, n, served);
    }
}

/* The jobs that go on; without any, the newest one. KubeRay's status does not name them, so the label counts. */
static void below_cron(struct why *w, struct why_node *n, struct rv_val object) {
    struct api_list jobs;
    struct rv_error err = {0};
    struct rv_val newest = RV_VAL_ABSENT;
    bool any = false;
    (void)object;
    const struct api_what what = {.api_version = RAY,
                                  .resource = ctl_kinds[CTL_RAYJOB].resource,
                                  .ns = w->ns,
                                  .labels = label(w, RC_LABEL_CRONJOB, n->name)};
    if (api_list(w->api, &what, &jobs, &err) != 0) return;
    for (size_t i = 0; i < jobs.n; i++) {
        struct rv_str phase = rv_path_str(jobs.items[i], "status.jobDeploymentStatus");
        if (rv_str_cmp(rv_path_str(jobs.items[i], "metadata.creationTimestamp"),
                       rv_path_str(newest, "metadata.creationTimestamp")) >= 0)
            newest = jobs.items[i];
        if (rv_str_is(phase, "Complete") || rv_str_is(phase, "Failed")) continue;
        any = true;
        add_named(w, n, CTL_RAYJOB, rv_path_str(jobs.items[i], "metadata.name"));
    }
    if (!any) add_named(w, n, CTL_RAYJOB, rv_path_str(newest, "metadata.name"));
}

static int add_object(struct why *w, struct why_node *above, const struct ctl_kind *k, struct rv_str name,
                      struct why_node **ret, struct rv_error *err) {
    static void (*const below[])(struct why * w, struct why_node * n,
                                 struct rv_val object) = {[CTL_RAYCLUSTER] = below_cluster,
                                                          [CTL_RAYJOB] = below_job,
                                                          [CTL_RAYSERVICE] = below_service,
                                                          [CTL_RAYCRONJOB] = below_cron};
    struct rv_val object;
    const struct api_what what = {.api_version = RAY, .resource = k->resource, .ns = w->ns};
    int r = api_get(w->api, &what, name, &object, err);
    if (r != 0) return r;
    *ret = why_add(w, above, k->kind, name);
    (*ret)->say = say_object(w->c->arena, k, object, w->now);
    below[k - ctl_kinds](w, *ret, object);
    return 0;
}

struct why_node *why_tree(struct why *w, const struct ctl_kind *k, struct rv_str name) {
    struct why_node *root = NULL;
    return add_object(w, NULL, k, name, &root, &w->c->err) == 0 ? root : NULL;
}

/* ---- printing --------------------------------------------------------------------------------------------------- */

static struct rv_str sentence(struct rv_arena *a, struct rv_str text) {
    bool ends = text.n != 0 && strchr(".?!", text.p[text.n - 1]) != NULL;
    struct rv_str s = rv_arena_fmt(a, RV_STR_FMT "%s", RV_STR_ARG(text), ends ? "" : ".");
    return s;
}

static void print_line(struct why *w, const struct why_node *n, int depth) {
    struct rv_arena *a = w->c->arena;
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%s%s" RV_STR_FMT " (%s): " RV_STR_FMT, n->kind, n->name.n != 0 ? " " : "", RV_STR_ARG(n->name),
                say_state_word(n->say.state), RV_STR_ARG(sentence(a, n->say.text)));
    if (why_blocks(n) && n->say.since != 0)
        rv_buf_addf(&b, " Since " RV_STR_FMT ".", RV_STR_ARG(say_duration(a, w->now - n->say.since)));
    colour_line(stdout, depth * 2, colour_of(n->say.state), rv_buf_str(&b));
    rv_buf_clear(&b);
    if (n->event.n != 0)
        rv_buf_addf(&b, "event: " RV_STR_FMT " Last " RV_STR_FMT ".", RV_STR_ARG(sentence(a, n->event)),
                    RV_STR_ARG(say_time(a, n->event_at, w->now)));
    if (b.n != 0) colour_line(stdout, depth * 2 + 4, COLOUR_NONE, rv_buf_str(&b));
    rv_buf_clear(&b);
    if (n->say.next != 0)
        rv_buf_addf(&b, "next: " RV_STR_FMT " " RV_STR_FMT ".", RV_STR_ARG(say_time(a, n->say.next, w->now)),
                    RV_STR_ARG(n->say.then));
    if (b.n != 0) colour_line(stdout, depth * 2 + 4, COLOUR_NONE, rv_buf_str(&b));
}

static void print_tree(struct why *w, const struct why_node *n, int depth) {
    print_line(w, n, depth);
    for (const struct why_node *kid = n->kids; kid != NULL; kid = kid->next) print_tree(w, kid, depth + 1);
}

static void set_time(struct rv_arena *a, struct rv_node *m, const char *key, int64_t at) {
    char text[32];
    if (at == 0) return;
    rv_time_format(at, text);
    rv_node_set_cstr(a, m, key, text);
}

static struct rv_node *describe(struct rv_arena *a, const struct why_node *n, bool kids) {
    struct rv_node *m = rv_node_map(a);
    rv_node_set_cstr(a, m, "kind", n->kind);
    rv_node_set_str(a, m, "namespace", n->ns);
    rv_node_set_str(a, m, "name", n->name);
    rv_node_set_cstr(a, m, "state", say_state_word(n->say.state));
    rv_node_set_str(a, m, "text", n->say.text);
    set_time(a, m, "since", n->say.since);
    if (n->event.n != 0) rv_node_set_str(a, m, "event", n->event);
    if (n->say.next != 0) {
        struct rv_node *next = rv_node_ensure_map(a, m, "next");
        set_time(a, next, "at", n->say.next);
        rv_node_set_str(a, next, "then", n->say.then);
    }
    if (!kids || n->kids == NULL) return m;
    struct rv_node *list = rv_node_ensure_array(a, m, "below");
    for (const struct why_node *kid = n->kids; kid != NULL; kid = kid->next)
        rv_node_append(a, list, describe(a, kid, true));
    return m;
}

struct rv_val why_document(struct rv_arena *a, const struct why_node *root) {
    const struct why_node *b = why_blocker(root);
    struct rv_node *m = describe(a, root, true);
    if (b != NULL) rv_node_set(a, m, "blockedBy", describe(a, b, false));
    return rv_node_freeze(a, m);
}

static void print_blocker(const struct why_node *root) {
    const struct why_node *b = why_blocker(root);
    rv_autobuf struct rv_buf line = {0};
    if (b == NULL) return;
    rv_buf_addf(&line, "blocked by: %s " RV_STR_FMT, b->kind, RV_STR_ARG(b->name));
    puts("");
    colour_line(stdout, 0, COLOUR_NONE, rv_buf_str(&line));
}

int ctl_why(struct ctl_context *c) {
    struct rv_str kind;
    const char *name;
    int r = ctl_object_argument(c, "why", &kind, &name);
    const struct ctl_kind *k = r == 0 ? ctl_kind_need(kind, &c->err) : NULL;
    if (k == NULL) return -CTL_USAGE;
    api_auto struct api *api = api_open(c, API_MS);
    if (api == NULL) return c->err.code;
    struct why w = {.c = c, .api = api, .ns = api_namespace(api), .now = clock_wall()};
    const struct why_node *root = why_tree(&w, k, rv_str(name));
    if (root == NULL && c->err.code == RV_E_NOT_FOUND) hint_object(c, api, k, w.ns, rv_str(name), &c->err);
    if (root == NULL) return c->err.code;
    if (document_print(c, why_document(c->arena, root))) return 0;
    print_tree(&w, root, 0);
    print_blocker(root);
    return 0;
}
