/* auth.c - credentials that change: token files, certificate files and exec plugins (see config.h). Only this file,
 * client.c and auth_exec.c see a token. All memory that held one is wiped.
 *
 * The ExecCredential of an exec plugin says when it expires. Half a minute before that the plugin runs again, while
 * everything else goes on. Until it ends, the old credential is used. Only one run happens at a time, however many
 * requests wait for it. */
#include "config.h"

#include <stdlib.h>

#include "auth_exec.h"
#include "ipc/base/base64.h"
#include "ipc/base/file.h"
#include "rayvisor/k8s.h"

enum { TOKEN_MAX = 64 << 10, PEM_MAX = 1 << 20 };
#define SECOND INT64_C(1000000000)
#define FILES_EACH (60 * SECOND)

struct kept { /* a PEM file */
    const char *path;
    struct rv_bytes first; /* the content when the kubeconfig was read */
    struct rv_buf now;     /* the present content; empty while it is still `first` */
};

struct kube_auth {
    const struct kube_config *config;
    struct loop *loop;
    /* `cert` and `key` come from an exec plugin. */
    struct rv_buf header, cert, key;
    struct kept ca_file, cert_file, key_file;
    int64_t fresh_until; /* wall clock, ns; 0 before the first run */
    int64_t expires, asked_at, files_at;
    unsigned generation, serial;
    bool refused; /* the server has refused the present credentials */
    struct auth_exec *run;
    struct rv_error why; /* the error of the last run; code 0 means none */
    struct kube_auth_listener *listeners;
};

struct kube_auth_listener {
    struct kube_auth *auth;
    void (*fn)(void *arg);
    void *arg;
    struct kube_auth_listener *next;
};

/* The pause between two runs of a plugin that did not help. */
static int64_t pause_of(const struct kube_auth *a) {
    return a->config->exec->pause_ms != 0 ? a->config->exec->pause_ms * 1000000 : 5 * SECOND;
}

static void wipe(struct rv_buf *b) {
    if (b->p != NULL) explicit_bzero(b->p, b->cap);
    rv_buf_free(b);
}

struct kube_auth *kube_auth_new(const struct kube_config *c, struct loop *loop) {
    struct kube_auth *a = rv_alloc(sizeof *a);
    a->config = c;
    a->loop = loop;
    a->ca_file = (struct kept){.path = c->ca_file, .first = rv_buf_bytes(&c->ca)};
    a->cert_file = (struct kept){.path = c->cert_file, .first = rv_buf_bytes(&c->client_cert)};
    a->key_file = (struct kept){.path = c->key_file, .first = rv_buf_bytes(&c->client_key)};
    return a;
}

struct kube_auth *kube_auth_free(struct kube_auth *a) {
    if (a == NULL) return NULL;
    auth_exec_cancel(a->run);
    wipe(&a->header);
    wipe(&a->cert);
    wipe(&a->key);
    wipe(&a->ca_file.now);
    wipe(&a->cert_file.now);
    wipe(&a->key_file.now);
    free(a);
    return NULL;
}

struct kube_auth_listener *kube_auth_listen(struct kube_auth *a, void (*fn)(void *arg), void *arg) {
    struct kube_auth_listener *l = rv_alloc(sizeof *l);
    *l = (struct kube_auth_listener){a, fn, arg, a->listeners};
    a->listeners = l;
    return l;
}

struct kube_auth_listener *kube_auth_unlisten(struct kube_auth_listener *l) {
    for (struct kube_auth_listener **p = l != NULL ? &l->auth->listeners : NULL; p != NULL && *p != NULL;
         p = &(*p)->next)
        if (*p == l) {
            *p = l->next;
            break;
        }
    free(l);
    return NULL;
}

/* ---- files ---------------------------------------------------------------------------------------------- */

/* A line break would begin another header. */
static bool is_token(struct rv_str token) {
    for (size_t i = 0; i < token.n; i++)
        if ((unsigned char)token.p[i] < ' ' || token.p[i] == 0x7f) return false;
    return true;
}

static void set_bearer(struct kube_auth *a, struct rv_str token) {
    while (token.n > 0 && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r' || token.p[token.n - 1] == ' '))
        token.n--;
    wipe(&a->header);
    if (token.n == 0 || !is_token(token)) return;
    rv_buf_adds(&a->header, "Bearer ");
    rv_buf_add_str(&a->header, token);
    (void)rv_buf_cstr(&a->header);
}

static int from_file(struct kube_auth *a, int64_t now, struct rv_error *err) {
    struct rv_buf b = {0};
    int r = file_read(a->config->token_file, TOKEN_MAX, &b, err);
    if (r == 0) set_bearer(a, rv_buf_str(&b));
    wipe(&b);
    if (r != 0 && a->header.n == 0 && a->config->token != NULL) set_bearer(a, rv_str(a->config->token));
    if (r != 0 && a->header.n != 0) r = 0; /* keep the old token; the server decides */
    a->fresh_until = now + FILES_EACH;
    return r;
}

static struct rv_bytes content(const struct kept *k) { return k->now.n != 0 ? rv_buf_bytes(&k->now) : k->first; }

/* If the file is missing or half written, the old content stays. */
static bool read_again(struct kept *k) {
    static const char begin[] = "-----BEGIN ";
    struct rv_buf b = {0};
    bool changed = k->path != NULL && file_read(k->path, PEM_MAX, &b, NULL) == 0 && b.n != 0 &&
                   memmem(b.p, b.n, begin, sizeof begin - 1) != NULL &&
                   !(b.n == content(k).n && memcmp(b.p, content(k).p, b.n) == 0);
    if (changed) {
        wipe(&k->now);
        k->now = b;
    } else {
        wipe(&b);
    }
    return changed;
}

static void check_files(struct kube_auth *a, int64_t now) {
    if (a->files_at == 0) a->files_at = now; /* the files have just been read */
    if (now - a->files_at < FILES_EACH) return;
    a->files_at = now;
    bool ca = read_again(&a->ca_file), cert = read_again(&a->cert_file), key = read_again(&a->key_file);
    if (ca || cert || key) a->generation++;
}

void kube_auth_distrust_files(struct kube_auth *a) { a->files_at = -FILES_EACH; }

/* ---- exec plugins --------------------------------------------------------------------------------------- */

static void set_if_different(struct kube_auth *a, struct rv_buf *b, struct rv_str s) {
    if (rv_str_eq(rv_buf_str(b), s)) return;
    wipe(b);
    rv_buf_add_str(b, s);
    a->generation++;
}

/* A credential that lives less than half a minute is used for half of its life. One that has already expired by our
 * clock is used for a short time, because the clocks may differ. */
static int64_t short_life(const struct kube_auth *a, int64_t now) {
    int64_t half = a->expires > now ? (a->expires - now) / 2 : 0;
    return half <= 0 ? pause_of(a) : half < SECOND ? SECOND : half;
}

int kube_auth_take_exec(struct kube_auth *a, struct rv_str json, int64_t now, struct rv_error *err) {
    const char *name = a->config->exec->argv[0];
    struct rv_buf mp = {0};
    int r = rv_json_to_mp(json, NULL, &mp, err);
    if (r != 0) return rv_error_wrap(err, r, "credential plugin %s", name);
    struct rv_val v = {mp.p, mp.n}, status = rv_val_get(v, "status");
    struct rv_str token = rv_path_str(status, "token"), expires = rv_path_str(status, "expirationTimestamp");
    set_bearer(a, token);
    set_if_different(a, &a->cert, rv_path_str(status, "clientCertificateData"));
    set_if_different(a, &a->key, rv_path_str(status, "clientKeyData"));
    if (rv_time_parse(expires, &a->expires) != 0) a->expires = INT64_MAX;
    a->fresh_until = a->expires == INT64_MAX ? INT64_MAX : a->expires > now ? a->expires - 30 * SECOND : now;
    if (a->fresh_until <= now) a->fresh_until = now + short_life(a, now);
    bool empty = a->header.n == 0 && a->cert.n == 0, broken = token.n != 0 && a->header.n == 0;
    wipe(&mp);
    if (broken)
        return rv_error_set(err, RV_E_CONFIG, "credential plugin %s gave a token that cannot be a header", name);
    return empty ? rv_error_set(err, RV_E_CONFIG, "credential plugin %s gave neither a token nor a certificate", name)
                 : 0;
}

static void failed(struct kube_auth *a, int64_t now, const struct rv_error *err) {
    a->why = *err;
    a->fresh_until = now + pause_of(a); /* prevents a busy loop */
}

static void on_run(void *arg, struct rv_str output, const struct rv_error *err) {
    struct kube_auth *a = arg;
    struct rv_error own = {0};
    int64_t now = a->loop != NULL ? clock_wall() : a->asked_at;
    a->run = NULL;
    a->why = (struct rv_error){0};
    if (err == NULL && kube_auth_take_exec(a, output, now, &own) != 0) err = &own;
    if (err != NULL) {
        failed(a, now, err);
    } else {
        a->serial++;
        a->refused = false;
    }
    for (struct kube_auth_listener *l = a->listeners, *next; l != NULL; l = next) {
        next = l->next;
        l->fn(l->arg);
    }
}

static bool start_run(struct kube_auth *a, struct loop *loop, int64_t now) {
    struct rv_error err = {0};
    a->asked_at = now;
    a->run = auth_exec_start(loop, a->config, content(&a->ca_file), on_run, a, &err);
    if (a->run == NULL) failed(a, now, &err);
    return a->run != NULL;
}

/* Runs the plugin and blocks until it ends. Used when the process starts. */
static int from_exec(struct kube_auth *a, int64_t now, struct rv_error *err) {
    struct loop *loop = a->loop;
    a->loop = NULL;
    if (start_run(a, NULL, now)) auth_exec_wait(a->run);
    a->loop = loop;
    if (a->why.code != 0 && err != NULL) *err = a->why;
    return a->why.code;
}

pid_t kube_auth_child(const struct kube_auth *a) { return a->run != NULL ? auth_exec_pid(a->run) : 0; }

/* ---- what to use now ------------------------------------------------------------------------------------ */

static void set_basic(struct kube_auth *a) {
    struct rv_bytes basic = {(const uint8_t *)a->config->basic, strlen(a->config->basic)};
    rv_buf_adds(&a->header, "Basic ");
    base64_encode(basic, BASE64_STANDARD, &a->header);
    (void)rv_buf_cstr(&a->header);
}

int kube_auth_refresh(struct kube_auth *a, int64_t now_ns, bool rejected, struct rv_error *err) {
    const struct kube_config *c = a->config;
    check_files(a, now_ns);
    if (!rejected && a->fresh_until != 0 && now_ns < a->fresh_until) return 0;
    if (c->exec != NULL) return from_exec(a, now_ns, err);
    if (c->token_file != NULL) return from_file(a, now_ns, err);
    a->fresh_until = INT64_MAX;
    if (a->header.n != 0) return 0;
    if (c->token != NULL)
        set_bearer(a, rv_str(c->token));
    else if (c->basic != NULL)
        set_basic(a);
    return 0;
}

static bool usable(const struct kube_auth *a, int64_t now) {
    return (a->header.n != 0 || a->cert.n != 0) && now < a->expires && !a->refused;
}

enum kube_auth_state kube_auth_check(struct kube_auth *a, int64_t now_ns, struct rv_error *err) {
    if (a->config->exec == NULL) {
        int r = kube_auth_refresh(a, now_ns, false, err);
        return r == 0 || a->header.n != 0 ? KUBE_AUTH_READY : KUBE_AUTH_FAILED;
    }
    check_files(a, now_ns);
    if (a->run == NULL && now_ns >= a->fresh_until) (void)start_run(a, a->loop, now_ns);
    if (usable(a, now_ns)) return KUBE_AUTH_READY;
    if (a->run != NULL) return KUBE_AUTH_WAIT;
    /* The plugin's credential lives only a short time; the server decides. */
    if (a->why.code == 0) return KUBE_AUTH_READY;
    *err = a->why;
    return KUBE_AUTH_FAILED;
}

bool kube_auth_rejected(struct kube_auth *a, unsigned serial, int64_t now_ns) {
    if (a->config->exec == NULL) {
        (void)kube_auth_refresh(a, now_ns, true, NULL);
        return true;
    }
    if (serial != a->serial) return true; /* the credentials have been replaced in the meantime */
    if (a->run == NULL && (now_ns - a->asked_at < pause_of(a) || !start_run(a, a->loop, now_ns))) return false;
    a->refused = true;
    return true;
}

const char *kube_auth_header(const struct kube_auth *a) { return a->header.n != 0 ? (const char *)a->header.p : NULL; }
struct rv_bytes kube_auth_ca(const struct kube_auth *a) {
    return content(&a->ca_file);
}
struct rv_bytes kube_auth_cert(const struct kube_auth *a) {
    return a->cert.n != 0 ? rv_buf_bytes(&a->cert) : content(&a->cert_file);
}
struct rv_bytes kube_auth_key(const struct kube_auth *a) {
    return a->cert.n != 0 ? rv_buf_bytes(&a->key) : content(&a->key_file);
}
unsigned kube_auth_generation(const struct kube_auth *a) { return a->generation; }
unsigned kube_auth_serial(const struct kube_auth *a) { return a->serial; }
