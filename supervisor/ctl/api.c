/* api.c - see api.h. */
#include "api.h"

#include <stdlib.h>

#include "supervisor/kube/kube.h"

enum { PAGE_BYTES = 256 << 20 };
static const char page_size[] = "250";

struct api {
    struct ctl_context *c;
    struct loop *loop;
    struct kube_config *config;
    struct kube_client *client;
    unsigned timeout_ms;
};

struct api *api_open(struct ctl_context *c, unsigned timeout_ms) {
    struct api *a = rv_alloc(sizeof *a);
    *a = (struct api){.c = c, .timeout_ms = timeout_ms, .loop = loop_new(&c->err)};
    const struct kube_config_opts which = {.kubeconfig = c->kubeconfig, .context = c->kube_context};
    const struct kube_client_opts how = {.max_connections = 1, .user_agent = "rayvisorctl/" RV_VERSION};
    if (a->loop != NULL) a->config = kube_config_load(&which, &c->err);
    if (a->config != NULL) a->client = kube_client_new(a->loop, a->config, &how, &c->err);
    return a->client != NULL ? a : api_close(a);
}

struct api *api_close(struct api *a) {
    if (a == NULL) return NULL;
    kube_client_free(a->client);
    kube_config_free(a->config);
    loop_free(a->loop);
    free(a);
    return NULL;
}

void api_closep(struct api **a) { *a = api_close(*a); }

const char *api_server(const struct api *a) { return kube_config_server(a->config); }

const char *api_namespace(const struct api *a) {
    return a->c->ns != NULL ? a->c->ns : kube_config_namespace(a->config);
}

/* ---- one request ------------------------------------------------------------------------------------------------ */

struct answer {
    struct rv_arena *arena;
    bool done;
    int code;
    struct rv_str body, message;
};

static void on_done(void *arg, const struct kube_response *r) {
    struct answer *x = arg;
    x->done = true;
    x->code = r->code;
    x->body = rv_arena_str(x->arena, (struct rv_str){(const char *)r->body.p, r->body.n});
    x->message = rv_arena_str(x->arena, r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code)));
}

static void wait_for_answer(struct api *a, const struct kube_request_opts *o, struct answer *x) {
    (void)kube_send(a->client, o, on_done, x);
    while (!x->done) loop_turn(a->loop, -1);
}

int api_text(struct api *a, const char *path, size_t max, const char *subject, struct rv_str *ret,
             struct rv_error *err) {
    struct answer x = {.arena = a->c->arena};
    const struct kube_request_opts o = {
        .method = "GET", .path = path, .timeout_ms = a->timeout_ms, .max_body = max, .once = true};
    wait_for_answer(a, &o, &x);
    if (x.code != 0)
        return rv_error_set(err, x.code, "cannot read %s from %s: " RV_STR_FMT, subject, api_server(a),
                            RV_STR_ARG(x.message));
    *ret = x.body;
    return 0;
}

static int parse(struct api *a, struct rv_str text, struct rv_val *ret, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    int r = rv_json_to_mp(text, NULL, &b, err);
    if (r != 0) return r;
    struct rv_str kept = rv_arena_str(a->c->arena, rv_buf_str(&b));
    *ret = (struct rv_val){(const uint8_t *)kept.p, kept.n};
    return 0;
}

static int read_json(struct api *a, const char *path, const char *subject, struct rv_val *ret, struct rv_error *err) {
    struct rv_str text = {0};
    int r = api_text(a, path, PAGE_BYTES, subject, &text, err);
    return r == 0 ? parse(a, text, ret, err) : r;
}

int api_send(struct api *a, const struct api_request *q, struct rv_val *ret, struct rv_error *err) {
    struct answer x = {.arena = a->c->arena};
    rv_autobuf struct rv_buf body = {0};
    if (rv_val_present(q->body)) rv_json_write(q->body, &body);
    const struct kube_request_opts o = {.method = q->method,
                                        .path = q->path,
                                        .content_type = q->content_type,
                                        .body = rv_buf_bytes(&body),
                                        .timeout_ms = a->timeout_ms,
                                        .once = true};
    wait_for_answer(a, &o, &x);
    *ret = RV_VAL_ABSENT;
    if (x.code != 0) return rv_error_set(err, x.code, "cannot %s: " RV_STR_FMT, q->doing, RV_STR_ARG(x.message));
    return x.body.n != 0 ? parse(a, x.body, ret, err) : 0;
}

const char *api_path(struct api *a, const struct api_what *what, struct rv_str name) {
    rv_autofree char *path =
        kube_path(rv_str(what->api_version), rv_str(what->ns), rv_str(what->resource), name, RV_STR(""), NULL);
    return rv_arena_str(a->c->arena, rv_str(path)).p;
}

int api_get(struct api *a, const struct api_what *what, struct rv_str name, struct rv_val *ret, struct rv_error *err) {
    const char *path = api_path(a, what, name);
    const char *subject = rv_arena_fmt(a->c->arena, "%s/" RV_STR_FMT, what->resource, RV_STR_ARG(name)).p;
    return read_json(a, path, subject, ret, err);
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static char *list_path(const struct api_what *what, const char *next) {
    const char *words[9] = {"limit", page_size};
    size_t n = 2;
    const char *const more[][2] = {
        {"labelSelector", what->labels}, {"fieldSelector", what->fields}, {"continue", next}};
    for (size_t i = 0; i < RV_ARRAY_LEN(more); i++) {
        if (more[i][1] == NULL || more[i][1][0] == 0) continue;
        words[n++] = more[i][0];
        words[n++] = more[i][1];
    }
    return kube_path(rv_str(what->api_version), rv_str(what->ns), rv_str(what->resource), RV_STR(""), RV_STR(""),
                     words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], NULL);
}

static void add_page(struct rv_arena *arena, struct api_list *list, struct rv_val items) {
    size_t n = rv_val_len(items), at = list->n;
    struct rv_val *all = rv_arena_alloc(arena, (list->n + n) * sizeof *all);
    if (list->n > 0) memcpy(all, list->items, list->n * sizeof *all);
    for (struct rv_iter it = rv_iter(items); rv_iter_next(&it);) all[at++] = it.val;
    *list = (struct api_list){all, at};
}

int api_list(struct api *a, const struct api_what *what, struct api_list *ret, struct rv_error *err) {
    const char *next = NULL;
    *ret = (struct api_list){0};
    do {
        rv_autofree char *path = list_path(what, next);
        struct rv_val page;
        int r = read_json(a, path, what->resource, &page, err);
        if (r != 0) return r;
        add_page(a->c->arena, ret, rv_val_get(page, "items"));
        next = rv_arena_str(a->c->arena, rv_path_str(page, "metadata.continue")).p;
    } while (next[0] != 0);
    return 0;
}
