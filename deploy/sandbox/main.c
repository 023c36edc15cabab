/* rayvisor-sandbox: options, a certificate, a kubeconfig, and the loop. */
#include "deploy/sandbox/api/http.h"
#include "deploy/sandbox/load.h"
#include "deploy/sandbox/sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *dir, *bind, *token;
    int64_t port;
    const char **loads; /* argv's texts */
    size_t n_loads;
    struct sim_opts sim;
};

static char *bio_text(BIO *b) {
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    char *text = rv_strdup((struct rv_str){p, (size_t)n});
    BIO_free(b);
    return text;
}

static void extend(X509 *x, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (e == NULL) return;
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* One self-signed certificate is both authority and server. */
static int make_cert(const char *bind, char **ret_cert, char **ret_key) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    if (key == NULL || x == NULL) return -ENOMEM;
    uint64_t serial = 0;
    sb_random(&serial, sizeof serial);
    X509_set_version(x, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 365L * 86400);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"rayvisor-sandbox", -1, -1, 0);
    X509_set_issuer_name(x, name);
    char san[128];
    snprintf(san, sizeof san, "IP:127.0.0.1,DNS:localhost,IP:%s", bind);
    extend(x, NID_basic_constraints, "critical,CA:TRUE");
    extend(x, NID_subject_alt_name, san);
    extend(x, NID_subject_key_identifier, "hash");
    X509_sign(x, key, EVP_sha256());
    BIO *cert = BIO_new(BIO_s_mem()), *priv = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert, x);
    PEM_write_bio_PrivateKey(priv, key, NULL, NULL, 0, NULL, NULL);
    *ret_cert = bio_text(cert);
    *ret_key = bio_text(priv);
    X509_free(x);
    EVP_PKEY_free(key);
    return 0;
}

static int write_kubeconfig(const struct options *o, const char *path, const char *ca, uint16_t port) {
    size_t n = strlen(ca);
    rv_autofree char *b64 = rv_alloc(4 * ((n + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)b64, (const unsigned char *)ca, (int)n);
    rv_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int w = dprintf(fd,
                    "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n  cluster:\n"
                    "    server: https://%s:%u\n    certificate-authority-data: %s\nusers:\n- name: admin\n  user:\n"
                    "    token: %s\ncontexts:\n- name: sandbox\n  context: {cluster: sandbox, user: admin}\n",
                    o->bind, port, b64, o->token);
    return w < 0 ? -EIO : 0;
}

static void on_signal(void *arg, int signo) {
    (void)signo;
    rv_loop_stop(arg);
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

static bool ask_simulation(void *arg, struct rv_str method, struct rv_str uri, struct rv_bytes body, int *ret_status,
                           struct rv_buf *out) {
    return sim_handle(arg, method, uri, body, ret_status, out);
}

static int run(const struct options *o, struct rv_error *err) {
    static const int signals[] = {SIGTERM, SIGINT};
    static const char *const namespaces[] = {"default", "kube-system", "kube-public", "kube-node-lease"};
    rv_autofree char *cert = NULL, *key = NULL, *path = NULL;
    if (make_cert(o->bind, &cert, &key) != 0) return rv_error_set(err, -ENOMEM, "cannot make a certificate");
    struct rv_loop *l = rv_loop_new(err);
    if (l == NULL) return -1;
    struct sb_storage *s = sb_storage_new(l);
    s->ca_pem = rv_strdup(rv_str(cert));
    for (size_t i = 0; i < RV_ARRAY_LEN(namespaces); i++) make_namespace(s, namespaces[i]);
    int e = rv_loop_signals(l, signals, RV_ARRAY_LEN(signals), on_signal, l, err);
    for (size_t i = 0; e == 0 && i < o->n_loads; i++) e = sb_load(s, o->loads[i], err);
    struct sim *sim = e == 0 ? sim_new(l, s, &o->sim, err) : NULL;
    const struct sb_server_opts so = {.bind = o->bind,
                                      .token = o->token,
                                      .cert_pem = cert,
                                      .key_pem = key,
                                      .port = (uint16_t)o->port,
                                      .other = ask_simulation,
                                      .other_arg = sim};
    struct sb_server *v = sim != NULL ? sb_server_new(l, s, &so, err) : NULL;
    if (v != NULL && asprintf(&path, "%s/kubeconfig", o->dir) > 0) {
        e = write_kubeconfig(o, path, cert, sb_server_port(v));
        if (e != 0)
            rv_error_set(err, e, "cannot write %s: %s", path, rv_error_text(e));
        else {
            printf("ready https://%s:%u kubeconfig=%s\n", o->bind, sb_server_port(v), path);
            fflush(stdout);
            rv_loop_run(l);
        }
    } else
        e = -1;
    sb_server_free(v);
    sim_free(sim);
    sb_storage_free(s);
    rv_loop_free(l);
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
    sb_random(random, sizeof random);
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
