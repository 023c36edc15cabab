#include "certs.h"
#include "ipc/base/random.h"
#include "storage_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

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

static X509 *new_cert(EVP_PKEY *key, const char *name, const char *group) {
    X509 *x = X509_new();
    uint64_t serial = 0;
    if (x == NULL) return NULL;
    random_bytes(&serial, sizeof serial);
    X509_set_version(x, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 365L * 86400);
    X509_set_pubkey(x, key);
    X509_NAME *n = X509_get_subject_name(x);
    if (group != NULL) X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC, (const unsigned char *)group, -1, -1, 0);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    return x;
}

static void write_pem(X509 *x, EVP_PKEY *key, char **ret_cert, char **ret_key) {
    BIO *cert = BIO_new(BIO_s_mem()), *priv = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert, x);
    PEM_write_bio_PrivateKey(priv, key, NULL, NULL, 0, NULL, NULL);
    *ret_cert = bio_text(cert);
    *ret_key = bio_text(priv);
}

int sb_certs_make(const char *bind, struct sb_certs *ret) {
    EVP_PKEY *key = EVP_EC_gen("P-256"), *client_key = EVP_EC_gen("P-256");
    X509 *ca = key != NULL ? new_cert(key, "rayvisor-sandbox", NULL) : NULL;
    X509 *client = client_key != NULL ? new_cert(client_key, "admin", "system:masters") : NULL;
    bool made = ca != NULL && client != NULL;
    if (made) {
        char san[128];
        snprintf(san, sizeof san, "IP:127.0.0.1,DNS:localhost,IP:%s", bind);
        X509_set_issuer_name(ca, X509_get_subject_name(ca));
        extend(ca, NID_basic_constraints, "critical,CA:TRUE");
        extend(ca, NID_subject_alt_name, san);
        extend(ca, NID_subject_key_identifier, "hash");
        X509_sign(ca, key, EVP_sha256());
        X509_set_issuer_name(client, X509_get_subject_name(ca));
        extend(client, NID_ext_key_usage, "clientAuth");
        X509_sign(client, key, EVP_sha256());
        write_pem(ca, key, &ret->ca, &ret->key);
        write_pem(client, client_key, &ret->client, &ret->client_key);
    }
    X509_free(ca);
    X509_free(client);
    EVP_PKEY_free(key);
    EVP_PKEY_free(client_key);
    return made ? 0 : -ENOMEM;
}

void sb_certs_free(struct sb_certs *c) {
    free(c->ca);
    free(c->key);
    free(c->client);
    free(c->client_key);
    *c = (struct sb_certs){0};
}
