/* served.c - see served.h. */
#include "served.h"

#include <stdlib.h>

#include "ipc/base/nearest.h"

enum { ASK_MS = 5000, ANSWER_BYTES = 4 << 20 };

/* One API group and version that something is wanted of. */
struct group {
    struct served *check;
    struct group *next;
    char *api_version;
    struct kube_request *request;
    struct rv_buf resources; /* msgpack: the list of the answer; empty: not served, or not known */
    bool known;
};

struct served {
    struct served_opts o;
    struct kube_client *client;
    struct group *groups;
    struct loop_timer *end; /* done is called from the loop, also where nothing had to be asked */
    struct rv_buf why;
    size_t open;
};

/* ---- what is wanted ------------------------------------------------------------------------------------- */

/* A thing that a plugin of the configuration is granted or reads. */
struct wanted {
    const struct config_plugin *plugin;
    const struct yaml_pos *at;
    struct rv_str api_version, resource, subresource;
    bool read;
};
typedef void (*wanted_fn)(struct served *s, const struct wanted *w);

static void each_of_plugin(struct served *s, const struct config_plugin *p, wanted_fn fn) {
    const struct yaml_pos *at = p->grants_node != NULL ? p->grants_node->kids : NULL;
    for (size_t i = 0; i < p->grant_n && !p->all_grants && at != NULL; i++, at = at->next)
        fn(s,
           &(struct wanted){p, at, p->grants[i].api_version, p->grants[i].resource, p->grants[i].subresource, false});
    for (size_t i = 0; i < p->manifest->kind_n && s->o.reads; i++) {
        const struct manifest_kind *k = &p->manifest->kinds[i];
        if (!k->optional && manifest_when(&k->when, &p->settings))
            fn(s, &(struct wanted){p, p->node, k->api_version, k->resource, {NULL, 0}, true});
    }
}

static void each_wanted(struct served *s, wanted_fn fn) {
    for (size_t i = 0; i < s->o.config->plugin_n; i++)
        if (s->o.config->plugins[i].enabled) each_of_plugin(s, &s->o.config->plugins[i], fn);
}

static struct group *group_of(struct served *s, struct rv_str api_version) {
    for (struct group *g = s->groups; g != NULL; g = g->next)
        if (rv_str_is(api_version, g->api_version)) return g;
    return NULL;
}

static void add_group(struct served *s, const struct wanted *w) {
    if (group_of(s, w->api_version) != NULL) return;
    struct group *g = rv_alloc(sizeof *g);
    *g = (struct group){.check = s, .next = s->groups, .api_version = rv_strdup(w->api_version)};
    s->groups = g;
}

/* ---- what is served ------------------------------------------------------------------------------------- */

static struct rv_val list_of(const struct group *g) { return (struct rv_val){g->resources.p, g->resources.n}; }

static void judge(struct served *s, const struct wanted *w) {
    const struct group *g = group_of(s, w->api_version);
    rv_autobuf struct rv_buf name = {0}, line = {0};
    if (g == NULL || !g->known) return;
    rv_buf_addf(&name, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(w->resource), w->subresource.n != 0 ? "/" : "",
                RV_STR_ARG(w->subresource));
    struct nearest near = nearest_begin(rv_buf_str(&name));
    for (struct rv_iter it = rv_iter(list_of(g)); rv_iter_next(&it);) {
        struct rv_str served = rv_path_str(it.val, "name");
        if (rv_str_eq(served, rv_buf_str(&name))) return;
        nearest_offer(&near, served);
    }
    rv_buf_addf(&line,
                "%s:%zu:%zu: plugin " RV_STR_FMT " %s " RV_STR_FMT " (" RV_STR_FMT
                "), which the API server does not serve",
                s->o.config->doc.file, w->at->line, w->at->column, RV_STR_ARG(w->plugin->name),
                w->read ? "reads" : "is granted", RV_STR_ARG(rv_buf_str(&name)), RV_STR_ARG(w->api_version));
    nearest_hint(&near, &line);
    if (near.best.n == 0)
        rv_buf_addf(&line, ": install its CustomResourceDefinition%s",
                    rv_str_starts(w->api_version, "ray.io/") ? " (deploy/crds)" : "");
    s->o.warn(s->o.arg, rv_buf_cstr(&line));
}

static void judge_all(void *arg) {
    struct served *s = arg;
    each_wanted(s, judge);
    s->o.done(s->o.arg, s->why.n != 0 ? rv_buf_cstr(&s->why) : NULL);
}

static void on_answer(void *arg, const struct kube_response *r) {
    struct group *g = arg;
    struct served *s = g->check;
    rv_autobuf struct rv_buf all = {0};
    g->request = NULL;
    g->known = r->http_status == 404;
    if (r->code == 0 && rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &all, NULL) == 0) {
        struct rv_val list = rv_val_get((struct rv_val){all.p, all.n}, "resources");
        g->known = rv_val_type(list) == RV_ARRAY;
        if (g->known) rv_mp_val(&g->resources, list);
    }
    if (!g->known)
        rv_buf_addf(&s->why, "%s%s: " RV_STR_FMT, s->why.n != 0 ? "; " : "", g->api_version,
                    RV_STR_ARG(r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code))));
    if (--s->open == 0) loop_timer_arm(s->end, 0);
}

static void ask(struct served *s, struct group *g) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/%s", strchr(g->api_version, '/') != NULL ? "/apis" : "/api", g->api_version);
    s->open++;
    g->request =
        kube_send(s->client,
                  &(struct kube_request_opts){
                      .method = "GET", .path = rv_buf_cstr(&path), .timeout_ms = ASK_MS, .max_body = ANSWER_BYTES},
                  on_answer, g);
}

struct served *served_begin(struct loop *l, struct kube_client *c, const struct served_opts *o) {
    struct served *s = rv_alloc(sizeof *s);
    *s = (struct served){.o = *o, .client = c};
    s->end = loop_timer(l, judge_all, s);
    each_wanted(s, add_group);
    for (struct group *g = s->groups; g != NULL; g = g->next) ask(s, g);
    if (s->open == 0) loop_timer_arm(s->end, 0);
    return s;
}

struct served *served_free(struct served *s) {
    if (s == NULL) return NULL;
    for (struct group *g = s->groups, *next; g != NULL; g = next) {
        next = g->next;
        if (g->request != NULL) kube_cancel(g->request);
        rv_buf_free(&g->resources);
        free(g->api_version);
        free(g);
    }
    loop_timer_free(s->end);
    rv_buf_free(&s->why);
    free(s);
    return NULL;
}
