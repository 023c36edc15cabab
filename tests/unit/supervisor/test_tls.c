/* Whom the client trusts on a TLS connection, and which certificate it shows: it may change at any time. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/kube/transfer.h"
#include "tests/support/script_server.h"
#include "tests/support/tls_server.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct loop *loop;
    struct tls_pair ca, other_ca, server_cert;
    struct tls_server *server;
    struct kube_config *config;
    struct kube_client *client;
    char dir[64];
};

struct answer {
    unsigned times, http;
    int code;
    char message[256];
};

static void on_done(void *arg, const struct kube_response *r) {
    struct answer *a = arg;
    a->times++;
    a->code = r->code;
    a->http = r->http_status;
    snprintf(a->message, sizeof a->message, "%.*s", RV_STR_ARG(r->message));
}

static void write_file(const struct fixture *w, const char *name, const void *p, size_t n) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/%s", w->dir, name);
    FILE *f = fopen(rv_buf_cstr(&path), "we");
    if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0 || chmod(rv_buf_cstr(&path), 0700) != 0) abort();
}

static void begin(struct fixture *w, bool ask_clients) {
    *w = (struct fixture){.loop = loop_new(NULL)};
    snprintf(w->dir, sizeof w->dir, "/tmp/rv-tls-XXXXXX");
    if (mkdtemp(w->dir) == NULL) abort();
    tls_pair_make(&w->ca, "ca", NULL, NULL);
    tls_pair_make(&w->other_ca, "other", NULL, NULL);
    tls_pair_make(&w->server_cert, "server", "DNS:api.example,IP:127.0.0.1", &w->ca);
    w->server = tls_server_new(w->loop, &w->server_cert, ask_clients ? &w->ca : NULL);
    write_file(w, "ca", w->ca.cert.p, w->ca.cert.n);
    write_file(w, "other", w->other_ca.cert.p, w->other_ca.cert.n);
}

static void disconnect(struct fixture *w) {
    w->client = kube_client_free(w->client);
    w->config = kube_config_free(w->config);
}

static void end(struct fixture *w) {
    static const char *const files[] = {"ca", "other", "cert", "key", "plugin", "calls", "config"};
    disconnect(w);
    tls_server_free(w->server);
    tls_pair_free(&w->ca);
    tls_pair_free(&w->other_ca);
    tls_pair_free(&w->server_cert);
    loop_free(w->loop);
    for (size_t i = 0; i < RV_ARRAY_LEN(files); i++) {
        rv_autobuf struct rv_buf path = {0};
        rv_buf_addf(&path, "%s/%s", w->dir, files[i]);
        (void)unlink(rv_buf_cstr(&path));
    }
    (void)rmdir(w->dir);
}

/* cluster: what stands beside the server's URL; user: likewise. Both in YAML's flow style. */
static void connect_to(struct fixture *w, const char *host, const char *cluster, const char *user) {
    rv_autobuf struct rv_buf b = {0}, name = {0};
    struct rv_error err = {0};
    disconnect(w);
    rv_buf_addf(&b,
                "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                "clusters: [{name: k, cluster: {server: \"https://%s:%u\", %s}}]\nusers: [{name: u, user: {%s}}]\n",
                host, tls_server_port(w->server), cluster, user);
    rv_buf_addf(&name, "%s/config", w->dir);
    w->config = kube_config_parse(rv_buf_str(&b), rv_buf_cstr(&name), NULL, &err);
    if (w->config == NULL) printf("\n    %s", err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->config);
    w->client = kube_client_new(w->loop, w->config, &(struct kube_client_opts){0}, &err);
    if (w->client == NULL) printf("\n    %s", err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->client);
}

static struct kube_request *send(struct fixture *w, struct answer *a) {
    *a = (struct answer){0};
    return kube_send(w->client, &(struct kube_request_opts){.method = "GET", .path = "/x"}, on_done, a);
}

static int ask(struct fixture *w, struct answer *a) {
    send(w, a);
    SCRIPT_UNTIL(w->loop, a->times == 1);
    return a->code;
}

static void trust(void) {
    static const struct {
        const char *row, *host, *cluster;
        int code;
        const char *says;
    } rows[] = {
        {"our CA", "127.0.0.1", "certificate-authority: ca", 0, ""},
        {"another CA", "127.0.0.1", "certificate-authority: other", RV_E_UNAUTHORIZED, "certificate"},
        {"nobody's CA", "127.0.0.1", "namespace: x", RV_E_UNAUTHORIZED, "certificate"},
        {"another host's certificate", "localhost", "certificate-authority: ca", RV_E_UNAUTHORIZED, "localhost"},
        {"under its own name", "localhost", "certificate-authority: ca, tls-server-name: api.example", 0, ""},
        {"under another name", "127.0.0.1", "certificate-authority: ca, tls-server-name: else.example",
         RV_E_UNAUTHORIZED, "else.example"},
        {"whoever it is", "localhost", "insecure-skip-tls-verify: true", 0, ""},
    };
    struct fixture w;
    begin(&w, false);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct answer a;
        size_t before = tls_server_count(w.server);
        connect_to(&w, rows[i].host, rows[i].cluster, "token: t");
        CHECK_ROW(ask(&w, &a) == rows[i].code && strstr(a.message, rows[i].says) != NULL, rows[i].row);
        CHECK_ROW(tls_server_count(w.server) == before + (rows[i].code == 0),
                  rows[i].row); /* the token did not go out */
        if (a.code != rows[i].code) printf("\n    %d %s", a.code, a.message);
    }
    end(&w);
}

static void give_pair(const struct fixture *w, const char *name) {
    struct tls_pair p;
    tls_pair_make(&p, name, NULL, &w->ca);
    write_file(w, "cert", p.cert.p, p.cert.n);
    write_file(w, "key", p.key.p, p.key.n);
    tls_pair_free(&p);
}

static const char *last_client(const struct fixture *w) {
    return tls_server_client(w->server, tls_server_count(w->server) - 1);
}

/* Files that are renewed (as kubelets and cert-manager do) are read again when TLS fails with the old ones. */
static void files_change(void) {
    struct fixture w;
    struct answer a;
    begin(&w, true);
    give_pair(&w, "first");
    connect_to(&w, "127.0.0.1", "certificate-authority: ca", "client-certificate: cert, client-key: key");
    CU_ASSERT_EQUAL(ask(&w, &a), 0);
    CU_ASSERT_STRING_EQUAL(last_client(&w), "first");
    /* The server's own CA changes as well: the next handshake fails, and what was read anew serves from then on. */
    struct tls_pair own;
    tls_pair_make(&own, "server", "IP:127.0.0.1", &w.other_ca);
    rv_autobuf struct rv_buf both = {0};
    rv_buf_add(&both, w.ca.cert.p, w.ca.cert.n);
    rv_buf_add(&both, w.other_ca.cert.p, w.other_ca.cert.n);
    tls_server_free(w.server);
    w.server = tls_server_new(w.loop, &own, &w.ca);
    connect_to(&w, "127.0.0.1", "certificate-authority: ca", "client-certificate: cert, client-key: key");
    give_pair(&w, "second");
    write_file(&w, "ca", both.p, both.n);
    CU_ASSERT_EQUAL(ask(&w, &a), RV_E_UNAUTHORIZED);
    CU_ASSERT_EQUAL(ask(&w, &a), 0);
    CU_ASSERT_STRING_EQUAL(last_client(&w), "second");
    tls_pair_free(&own);
    end(&w);
}

/* The plugin gives what is in "cert" and "key", as JSON strings, and counts its calls. */
static void write_plugin(const struct fixture *w) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b,
                "#!/bin/sh\ncd %s\necho x >> calls\n"
                "text() { awk '{ printf \"%%s\\\\n\", $0 }' $1; }\n"
                "printf '{\"status\":{\"clientCertificateData\":\"%%s\",\"clientKeyData\":\"%%s\"}}' \"$(text cert)\" "
                "\"$(text key)\"\n",
                w->dir);
    write_file(w, "plugin", b.p, b.n);
}

#define EXEC_USER "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}"

/* A plugin gives another certificate while handles with the one before are on their way. */
static void plugin_rotates(void) {
    struct fixture w;
    struct answer a, silent[4];
    struct kube_request *held[4];
    begin(&w, true);
    give_pair(&w, "first");
    write_plugin(&w);
    connect_to(&w, "127.0.0.1", "certificate-authority: ca", EXEC_USER);
    CU_ASSERT_EQUAL(ask(&w, &a), 0);
    CU_ASSERT_STRING_EQUAL(last_client(&w), "first");
    for (size_t i = 0; i < RV_ARRAY_LEN(held); i++) {
        tls_server_next(w.server, 0);
        held[i] = send(&w, &silent[i]);
        SCRIPT_UNTIL(w.loop, tls_server_count(w.server) == 2 + i);
    }
    give_pair(&w, "second");
    w.config->exec->pause_ms = 1;
    tls_server_next(w.server, 401);
    CU_ASSERT_EQUAL(ask(&w, &a), 0);
    CU_ASSERT_STRING_EQUAL(last_client(&w), "second");
    for (size_t i = 0; i < RV_ARRAY_LEN(held); i++) kube_cancel(held[i]); /* their handles come back */
    for (size_t i = 0; i < 6; i++) {
        struct answer many[6];
        for (size_t k = 0; k < 6; k++) send(&w, &many[k]);
        SCRIPT_UNTIL(
            w.loop, many[0].times + many[1].times + many[2].times + many[3].times + many[4].times + many[5].times == 6);
        CU_ASSERT_STRING_EQUAL(last_client(&w), "second");
    }
    for (size_t i = 7; i < tls_server_count(w.server); i++)
        CU_ASSERT_STRING_EQUAL(tls_server_client(w.server, i), "second");
    end(&w);
}

static const struct suite_test tests[] = {
    {"trust", trust}, {"files change", files_change}, {"plugin rotates", plugin_rotates}};
SUITE_MAIN("tls", tests)
