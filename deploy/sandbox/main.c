/* main.c - rayvisor-sandbox: options, certificates, a kubeconfig, and the loop. */
#include "certs.h"
#include "deploy/sandbox/http/http.h"
#include "deploy/sandbox/rules/rules.h"
#include "deploy/sandbox/sim/sim.h"
#include "ipc/base/base64.h"
#include "ipc/base/random.h"
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *dir, *bind, *token;
    int64_t port;
    const char **loads; /* pointers into argv */
    size_t n_loads;
    struct sim_opts sim;
};

static void base64(const char *text, struct rv_buf *out) {
    base64_encode((struct rv_bytes){(const uint8_t *)text, strlen(text)}, BASE64_STANDARD, out);
}

static int write_file(const char *path, struct rv_buf *text) {
    rv_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    return write(fd, text->p, text->n) == (ssize_t)text->n ? 0 : -EIO;
}

/* certified: uses the administrator's certificate instead of the token. */
static int write_kubeconfig(const struct options *o, const char *path, const struct sb_certs *c, uint16_t port,
                            bool certified) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b,
                "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n  cluster:\n"
                "    server: https://%s:%u\n    certificate-authority-data: ",
                o->bind, port);
    base64(c->ca, &b);
    rv_buf_adds(&b, "\nusers:\n- name: admin\n  user:\n");
    if (certified) {
        rv_buf_adds(&b, "    client-certificate-data: ");
        base64(c->client, &b);
        rv_buf_adds(&b, "\n    client-key-data: ");
        base64(c->client_key, &b);
        rv_buf_adds(&b, "\n");
    } else {
        rv_buf_addf(&b, "    token: %s\n", o->token);
    }
    rv_buf_adds(&b, "contexts:\n- name: sandbox\n  context: {cluster: sandbox, user: admin}\n");
    return write_file(path, &b);
}

static void on_signal(void *arg, int signo) {
    (void)signo;
    loop_stop(arg);
}

static void make_namespace(struct sb_storage *s, const char *name) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *o = rv_node_map(a);
    rv_node_set_cstr(a, o, "apiVersion", "v1");
    rv_node_set_cstr(a, o, "kind", "Namespace");
    rv_node_set_cstr(a, rv_node_ensure_map(a, o, "metadata"), "name", name);
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    sb_create(s, sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("namespaces")), RV_STR(""), o, a, NULL, &made,
              &st);
    sb_object_unref(made);
    sb_status_clear(&st);
}

static void on_answer(void *arg, int status, struct rv_str body) { sb_later_answer(arg, status, body); }
static void on_gone(void *arg) { sim_pending_cancel(arg); }

static bool ask_simulation(void *arg, struct rv_str method, struct rv_str uri, struct rv_bytes body,
                           struct sb_later *later, int *ret_status, struct rv_buf *out) {
    struct sim_pending *pending = NULL;
    if (!sim_handle(arg, &(struct sim_request){method, uri, body}, ret_status, out, &pending)) return false;
    if (pending == NULL) return true;
    sim_pending_await(pending, on_answer, later);
    sb_later_hold(later, on_gone, pending);
    return true;
}

static int run(const struct options *o, struct rv_error *err) {
    static const int signals[] = {SIGTERM, SIGINT};
    static const char *const namespaces[] = {"default", "kube-system", "kube-public", "kube-node-lease"};
    rv_autofree char *path = NULL, *cert_path = NULL;
    struct sb_certs certs = {0};
    if (sb_certs_make(o->bind, &certs) != 0) return rv_error_set(err, -ENOMEM, "cannot make a certificate");
    struct loop *l = loop_new(err);
    if (l == NULL) return -1;
    struct sb_storage *s = sb_storage_new(l, &sb_kubernetes_rules);
    s->ca_pem = rv_strdup(rv_str(certs.ca));
    for (size_t i = 0; i < RV_ARRAY_LEN(namespaces); i++) make_namespace(s, namespaces[i]);
    int e = loop_signals(l, signals, RV_ARRAY_LEN(signals), on_signal, l, err);
    for (size_t i = 0; e == 0 && i < o->n_loads; i++) e = sb_load(s, o->loads[i], err);
    struct sim *sim = e == 0 ? sim_new(l, s, &o->sim, err) : NULL;
    const struct sb_server_opts so = {.bind = o->bind,
                                      .token = o->token,
                                      .cert_pem = certs.ca,
                                      .key_pem = certs.key,
                                      .port = (uint16_t)o->port,
                                      .other = ask_simulation,
                                      .other_arg = sim};
    struct sb_server *v = sim != NULL ? sb_server_new(l, s, &so, err) : NULL;
    if (v != NULL && asprintf(&path, "%s/kubeconfig", o->dir) > 0 &&
        asprintf(&cert_path, "%s/kubeconfig.cert", o->dir) > 0) {
        e = write_kubeconfig(o, path, &certs, sb_server_port(v), false);
        if (e == 0) e = write_kubeconfig(o, cert_path, &certs, sb_server_port(v), true);
        if (e != 0)
            rv_error_set(err, e, "cannot write %s: %s", path, rv_error_text(e));
        else {
            printf("ready https://%s:%u kubeconfig=%s\n", o->bind, sb_server_port(v), path);
            fflush(stdout);
            loop_run(l);
        }
    } else
        e = -1;
    sb_server_free(v);
    sim_free(sim);
    sb_storage_free(s);
    loop_free(l);
    sb_certs_free(&certs);
    return e;
}

static bool sim_options(struct sim_opts *o, const char *text) {
    struct rv_error err = {0};
    if (sim_opts_parse(o, rv_str(text), &err) == 0) return true;
    fprintf(stderr, "rayvisor-sandbox: --sim-opts: %s\n", err.text);
    return false;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"dir", 1, NULL, 'd'},   {"bind", 1, NULL, 'b'},  {"port", 1, NULL, 'p'},
                                          {"token", 1, NULL, 't'}, {"load", 1, NULL, 'l'},  {"load", 1, NULL, 'l'},
                                          {"help", 0, NULL, 'h'},  {"nodes", 1, NULL, 'n'}, {"sim-opts", 1, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    static const char USAGE[] =
        "usage: rayvisor-sandbox --dir DIR [--port 0] [--bind 127.0.0.1] [--token T] [--load FILE_OR_DIR]...\n"
        "  [--nodes N] [--sim-opts node_cpu=64,node_memory=256Gi,start_ms=20,...]\n";
    char token[33];
    uint8_t random[16];
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) snprintf(token + 2 * i, 3, "%02x", random[i]);
    struct options o = {.bind = "127.0.0.1", .token = token};
    sim_opts_init(&o.sim);
    rv_autofree const char **loads = rv_alloc_array((size_t)argc, sizeof *loads);
    o.loads = loads;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        bool ok = true;
        if (c == 'd')
            o.dir = optarg;
        else if (c == 'b')
            o.bind = optarg;
        else if (c == 't')
            o.token = optarg;
        else if (c == 'l')
            o.loads[o.n_loads++] = optarg;
        else if (c == 'p')
            ok = rv_str_to_int(rv_str(optarg), 0, 65535, &o.port) == 0;
        else if (c == 'n')
            ok = rv_str_to_int(rv_str(optarg), 0, 10000, &o.sim.nodes) == 0;
        else if (c == 's')
            ok = sim_options(&o.sim, optarg);
        else
            ok = false;
        if (ok) continue;
        sim_opts_free(&o.sim);
        fputs(USAGE, c == 'h' ? stdout : stderr);
        return c == 'h' ? 0 : 2;
    }
    if (o.dir == NULL) {
        sim_opts_free(&o.sim);
        fputs(USAGE, stderr);
        return 2;
    }
    mkdir(o.dir, 0700);
    struct rv_error err = {0};
    int e = run(&o, &err);
    sim_opts_free(&o.sim);
    if (e == 0) return 0;
    fprintf(stderr, "rayvisor-sandbox: %s\n", err.text);
    return 1;
}
