/* sync.c - see sync.h. It has at most one request in flight: Secret, then ValidatingWebhookConfiguration, then a pause.
 */
#include "sync.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "ipc/base/base64.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/k8s.h"
#include "supervisor/leadership.h"

enum { LOOK_MS = 60000, SOON_MS = 100, AGAIN_MS = 3000, LARGEST = 1 << 20 };
#define WEBHOOK "validate.rayvisor.io"

struct admission_sync {
    struct supervisor *s;
    void (*on_keys)(void *arg, const struct keyring *k);
    void *arg;
    char *names; /* what the certificate is for */
    char *secret, *secrets, *webhook;
    char *ns;
    struct keyring keys;
    char *version; /* of the Secret that was read last; NULL: there is none */
    char *said;    /* the last problem that was logged; NULL: there is none */
    struct kube_request *request;
    struct loop_timer *tick;
};

static const struct config_admission *config(const struct admission_sync *y) { return &y->s->config->admission; }
static int64_t period_s(const struct admission_sync *y) { return config(y)->rotate_min * 60; }

static void later(struct admission_sync *y, int64_t ms) { loop_timer_arm(y->tick, ms); }

/* Each problem once, until another one comes or it is over. */
static void problem(struct admission_sync *y, const char *what, struct rv_str why) {
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "%s: " RV_STR_FMT, what, RV_STR_ARG(why));
    later(y, AGAIN_MS);
    if (y->said != NULL && strcmp(y->said, rv_buf_cstr(&text)) == 0) return;
    free(y->said);
    y->said = rv_strdup(rv_buf_str(&text));
    log_warn("the webhook is not complete; it is tried again", "reason", y->said);
}

static void complete(struct admission_sync *y) {
    int64_t ms = period_s(y) * 1000 / 10;
    if (y->said != NULL) log_info("the webhook is complete");
    free(y->said);
    y->said = NULL;
    later(y, ms < LOOK_MS ? ms : LOOK_MS);
}

static void request(struct admission_sync *y, const char *method, const char *path, const char *type,
                    const struct rv_buf *body, kube_done_fn done) {
    y->request = kube_send(y->s->client,
                           &(struct kube_request_opts){.method = method,
                                                       .path = path,
                                                       .content_type = type,
                                                       .body = body != NULL ? rv_buf_bytes(body) : (struct rv_bytes){0},
                                                       .timeout_ms = 10000,
                                                       .max_body = LARGEST},
                           done, y);
}

static bool parse(const struct kube_response *r, struct rv_buf *out) {
    return rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, out, NULL) == 0;
}

/* ---- the ValidatingWebhookConfiguration ----------------------------------------------------------------- */

static void add_op(struct jsonw *w, const char *op, size_t at, const char *field, struct rv_str value) {
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "op", op);
    jsonw_fmt(w, "path", "/webhooks/%zu/%s", at, field);
    jsonw_str(w, "value", value);
    jsonw_end_object(w);
}

/* The name is tested first, because somebody may change the list in between. Returns true if something differs. */
static bool patch_one(struct jsonw *w, size_t at, struct rv_val hook, struct rv_str bundle, struct rv_str path,
                      struct rv_str url) {
    struct rv_val client = rv_val_get(hook, "clientConfig");
    bool by_service = rv_val_set(rv_val_get(client, "service")),
         other_ca = !rv_str_eq(rv_path_str(client, "caBundle"), bundle);
    rv_autobuf struct rv_buf whole = {0};
    rv_buf_addf(&whole, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(url), RV_STR_ARG(path));
    struct rv_str want = by_service ? path : rv_buf_str(&whole);
    bool other_way = (by_service || url.n != 0) &&
                     !rv_str_eq(by_service ? rv_path_str(client, "service.path") : rv_path_str(client, "url"), want);
    if (!other_ca && !other_way) return false;
    add_op(w, "test", at, "name", RV_STR(WEBHOOK));
    if (other_ca) add_op(w, "add", at, "clientConfig/caBundle", bundle);
    if (other_way) add_op(w, "add", at, by_service ? "clientConfig/service/path" : "clientConfig/url", want);
    return true;
}

bool admission_patch(struct rv_val configuration, struct rv_str bundle, struct rv_str token, struct rv_str url,
                     bool *ret_ours, struct rv_buf *out) {
    rv_autobuf struct rv_buf encoded = {0}, path = {0};
    struct jsonw w = {.out = out};
    size_t at = 0;
    bool differs = false;
    base64_encode((struct rv_bytes){(const uint8_t *)bundle.p, bundle.n}, BASE64_STANDARD, &encoded);
    rv_buf_addf(&path, "/validate/" RV_STR_FMT, RV_STR_ARG(token));
    *ret_ours = false;
    jsonw_begin_array(&w, NULL);
    for (struct rv_iter it = rv_iter(rv_val_get(configuration, "webhooks")); rv_iter_next(&it); at++) {
        if (!rv_str_is(rv_path_str(it.val, "name"), WEBHOOK)) continue;
        *ret_ours = true;
        differs |= patch_one(&w, at, it.val, rv_buf_str(&encoded), rv_buf_str(&path), url);
    }
    jsonw_end_array(&w);
    return differs;
}

static void on_webhook_written(void *arg, const struct kube_response *r) {
    struct admission_sync *y = arg;
    y->request = NULL;
    if (r->code != 0) {
        problem(y, "the ValidatingWebhookConfiguration cannot be changed", r->message);
        return;
    }
    log_info("the API server was told the webhook's CA and path");
    complete(y);
}

static void on_webhook(void *arg, const struct kube_response *r) {
    struct admission_sync *y = arg;
    rv_autobuf struct rv_buf mp = {0}, bundle = {0}, patch = {0};
    bool ours = false;
    y->request = NULL;
    if (r->code == RV_E_NOT_FOUND) {
        problem(y, "there is no ValidatingWebhookConfiguration of that name (rayvisord --print-webhook prints it)",
                config(y)->name);
        return;
    }
    if (r->code != 0 || !parse(r, &mp)) {
        problem(y, "the ValidatingWebhookConfiguration cannot be read", r->message);
        return;
    }
    keyring_bundle(&y->keys, &bundle);
    bool differs = admission_patch((struct rv_val){mp.p, mp.n}, rv_buf_str(&bundle), rv_buf_str(&y->keys.token),
                                   config(y)->url, &ours, &patch);
    if (!ours)
        problem(y, "the ValidatingWebhookConfiguration has no webhook " WEBHOOK, config(y)->name);
    else if (differs && leadership_acts(y->s))
        request(y, "PATCH", y->webhook, "application/json-patch+json", &patch, on_webhook_written);
    else
        complete(y);
}

/* ---- the Secret ----------------------------------------------------------------------------------------- */

static void on_secret_written(void *arg, const struct kube_response *r) {
    struct admission_sync *y = arg;
    y->request = NULL;
    /* With a conflict another instance was faster: what is there now counts. */
    if (r->code == 0 || r->code == RV_E_CONFLICT || r->code == RV_E_EXISTS)
        later(y, SOON_MS);
    else
        problem(y, "the Secret with the webhook's keys cannot be written", r->message);
}

static void write_secret(struct admission_sync *y, const struct keyring *k) {
    rv_autobuf struct rv_buf body = {0}, data = {0};
    struct jsonw w = {.out = &body};
    keyring_write(k, &data);
    rv_buf_reserve(&body, data.n + 1024); /* no copy of the keys stays behind in memory that a growing buffer freed */
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "apiVersion", "v1");
    jsonw_text(&w, "kind", "Secret");
    jsonw_begin_object(&w, "metadata");
    jsonw_str(&w, "name", config(y)->name);
    if (y->version != NULL) jsonw_text(&w, "resourceVersion", y->version);
    jsonw_end_object(&w);
    if (y->version == NULL) jsonw_text(&w, "type", "Opaque");
    jsonw_raw(&w, "data", rv_buf_str(&data));
    jsonw_end_object(&w);
    if (y->version == NULL)
        request(y, "POST", y->secrets, "application/json", &body, on_secret_written);
    else
        request(y, "PATCH", y->secret, "application/merge-patch+json", &body, on_secret_written);
    explicit_bzero(body.p, body.n);
    explicit_bzero(data.p, data.n);
}

/* Writes the keys of *k, which are new. */
static void write_new(struct admission_sync *y, int made, struct keyring *k, const struct rv_error *err) {
    if (made < 0)
        problem(y, "the webhook's keys cannot be made", rv_str(err->text));
    else if (leadership_acts(y->s))
        write_secret(y, k);
    else
        later(y, AGAIN_MS); /* who acts makes them */
    keyring_free(k);
}

/* They are made once more where they are not ours, or for other names. */
static void make_keys(struct admission_sync *y) {
    struct keyring k = {0};
    struct rv_error err = {0};
    int made = keyring_make(&k, y->names, clock_wall() / INT64_C(1000000000), period_s(y), &err);
    write_new(y, made, &k, &err);
}

/* True if they were changed, which is the next step. */
static bool rotate(struct admission_sync *y) {
    struct keyring k = {0};
    struct rv_error err = {0};
    rv_autobuf struct rv_buf json = {0}, mp = {0};
    if (!leadership_acts(y->s)) return false;
    keyring_write(&y->keys, &json); /* a copy: the keys in use stay until the Secret has the new ones */
    int code = rv_json_to_mp(rv_buf_str(&json), NULL, &mp, NULL);
    if (code == 0) code = keyring_read(&k, (struct rv_val){mp.p, mp.n}, &err);
    if (code == 0) code = keyring_rotate(&k, y->names, clock_wall() / INT64_C(1000000000), period_s(y), &err);
    explicit_bzero(json.p, json.n);
    explicit_bzero(mp.p, mp.n);
    if (code == 0) {
        keyring_free(&k);
        return false;
    }
    if (code > 0) log_info("the webhook's certificate ends soon: the next one takes its place");
    write_new(y, code, &k, &err);
    return true;
}

static bool take_keys(struct admission_sync *y, struct rv_val secret, struct rv_error *err) {
    struct rv_str version = rv_path_str(secret, "metadata.resourceVersion");
    bool same = y->version != NULL && rv_str_is(version, y->version) && y->keys.token.n != 0;
    rv_str_store(&y->version, version);
    if (same) return true;
    if (keyring_read(&y->keys, rv_val_get(secret, "data"), err) != 0) {
        keyring_free(&y->keys);
        return false;
    }
    y->on_keys(y->arg, &y->keys);
    return true;
}

static void on_secret(void *arg, const struct kube_response *r) {
    struct admission_sync *y = arg;
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    y->request = NULL;
    if (r->code == RV_E_NOT_FOUND) {
        free(y->version);
        y->version = NULL;
        make_keys(y);
        return;
    }
    if (r->code != 0 || !parse(r, &mp)) {
        problem(y, "the Secret with the webhook's keys cannot be read", r->message);
        return;
    }
    bool good = take_keys(y, (struct rv_val){mp.p, mp.n}, &err);
    explicit_bzero(mp.p, mp.n);
    if (!good) log_warn("the webhook's keys are made once more", "reason", err.text);
    if (!good || !keyring_serves(&y->keys, y->names))
        make_keys(y);
    else if (!rotate(y))
        request(y, "GET", y->webhook, NULL, NULL, on_webhook);
}

static void on_tick(void *arg) {
    struct admission_sync *y = arg;
    if (y->request == NULL && !y->s->stopping) request(y, "GET", y->secret, NULL, NULL, on_secret);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

/* Under which names the API server finds us: the Service's, and the host of the URL. */
static char *names_of(const struct config_admission *c, const char *ns) {
    rv_autobuf struct rv_buf b = {0};
    struct in6_addr address;
    rv_buf_addf(&b, "DNS:" RV_STR_FMT ".%s.svc,DNS:" RV_STR_FMT ".%s.svc.cluster.local", RV_STR_ARG(c->name), ns,
                RV_STR_ARG(c->name), ns);
    if (c->url.n == 0) return rv_strdup(rv_buf_str(&b));
    static const char scheme[] = "https://";
    rv_autofree char *host = rv_strdup((struct rv_str){c->url.p + sizeof scheme - 1, c->url.n - (sizeof scheme - 1)});
    char *begin = host[0] == '[' ? host + 1 : host, *end = host[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
    if (end != NULL) *end = 0;
    bool is_address = inet_pton(AF_INET, begin, &address) == 1 || inet_pton(AF_INET6, begin, &address) == 1;
    rv_buf_addf(&b, ",%s:%s", is_address ? "IP" : "DNS", begin);
    return rv_strdup(rv_buf_str(&b));
}

struct admission_sync *admission_sync_new(struct supervisor *s, void (*on_keys)(void *arg, const struct keyring *k),
                                          void *arg) {
    struct admission_sync *y = rv_alloc(sizeof *y);
    const struct config_admission *c = &s->config->admission;
    struct rv_str none = {NULL, 0}, core = RV_STR("v1"), secrets = RV_STR("secrets");
    *y = (struct admission_sync){.s = s, .on_keys = on_keys, .arg = arg};
    y->ns = rv_strdup(c->ns.n != 0 ? c->ns : rv_str(kube_config_namespace(s->kube_config)));
    y->names = names_of(c, y->ns);
    y->secrets = kube_path(core, rv_str(y->ns), secrets, none, none, NULL);
    y->secret = kube_path(core, rv_str(y->ns), secrets, c->name, none, NULL);
    y->webhook = kube_path(RV_STR("admissionregistration.k8s.io/v1"), none, RV_STR("validatingwebhookconfigurations"),
                           c->name, none, NULL);
    y->tick = loop_timer(s->loop, on_tick, y);
    later(y, 0);
    return y;
}

struct admission_sync *admission_sync_free(struct admission_sync *y) {
    if (y == NULL) return NULL;
    if (y->request != NULL) kube_cancel(y->request);
    loop_timer_free(y->tick);
    keyring_free(&y->keys);
    char *const texts[] = {y->names, y->secret, y->secrets, y->webhook, y->ns, y->version, y->said};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) free(texts[i]);
    free(y);
    return NULL;
}
