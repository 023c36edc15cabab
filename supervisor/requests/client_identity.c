/* client_identity.c - see client_identity.h. */
#include "client_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/base/base64.h"
#include "recent.h"

enum { CHAIN_MAX = 16, PEM_MAX = 256 << 10, AGAIN_LEAST_S = 60 };

struct client_identity {
    size_t refs;
    X509 *cert;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    X509_STORE *trusted;
    unsigned char digest[EVP_MAX_MD_SIZE]; /* of what the Secret has */
    unsigned digest_n;
    int64_t from, until; /* the certificate's life, seconds of the wall clock */
    int64_t read_again;  /* the same, while it is in the cache */
};

struct client_identity *client_identity_ref(struct client_identity *i) {
    if (i != NULL) i->refs++;
    return i;
}

struct client_identity *client_identity_free(struct client_identity *i) {
    if (i == NULL || --i->refs != 0) return NULL;
    X509_free(i->cert);
    sk_X509_pop_free(i->chain, X509_free);
    EVP_PKEY_free(i->key);
    X509_STORE_free(i->trusted);
    free(i);
    return NULL;
}

void client_identity_use(const struct client_identity *i, SSL *ssl) {
    if (SSL_use_certificate(ssl, i->cert) != 1 || SSL_set1_chain(ssl, i->chain) != 1 ||
        SSL_use_PrivateKey(ssl, i->key) != 1 || SSL_set1_verify_cert_store(ssl, i->trusted) != 1)
        rv_oom(); /* they were checked when they were read */
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* A private key is never asked for its pass phrase at the terminal. */
static int no_phrase(char *to, int n, int writes, void *arg) {
    (void)to, (void)n, (void)writes, (void)arg;
    return -1;
}

static bool read_key(struct client_identity *i, BIO *b) {
    i->key = PEM_read_bio_PrivateKey(b, NULL, no_phrase, NULL);
    return i->key != NULL;
}

static bool read_chain(struct client_identity *i, BIO *b) {
    i->cert = PEM_read_bio_X509(b, NULL, no_phrase, NULL);
    if (i->cert == NULL) return false;
    for (X509 *x; sk_X509_num(i->chain) < CHAIN_MAX && (x = PEM_read_bio_X509(b, NULL, no_phrase, NULL)) != NULL;)
        if (sk_X509_push(i->chain, x) == 0) rv_oom();
    return true;
}

static bool read_issuers(struct client_identity *i, BIO *b) {
    int n = 0;
    for (X509 *x; n < CHAIN_MAX && (x = PEM_read_bio_X509(b, NULL, no_phrase, NULL)) != NULL; n++) {
        bool added = X509_STORE_add_cert(i->trusted, x) == 1;
        X509_free(x);
        if (!added) return false;
    }
    return n != 0;
}

static bool read_part(struct client_identity *i, struct rv_val data, const char *name, EVP_MD_CTX *md,
                      bool (*read)(struct client_identity *i, BIO *b)) {
    struct rv_buf pem = {0};
    bool ok =
        base64_decode(rv_val_str(rv_val_get(data, name)), BASE64_STANDARD, &pem) == 0 && pem.n != 0 && pem.n <= PEM_MAX;
    if (ok) {
        BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
        if (b == NULL || EVP_DigestUpdate(md, &pem.n, sizeof pem.n) != 1 || EVP_DigestUpdate(md, pem.p, pem.n) != 1)
            rv_oom();
        ok = read(i, b);
        BIO_free(b);
    }
    if (pem.p != NULL) explicit_bzero(pem.p, pem.cap);
    rv_buf_free(&pem);
    return ok;
}

static int64_t seconds_of(const ASN1_TIME *t) {
    int days, seconds;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    if (epoch == NULL) rv_oom();
    bool ok = ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;
    ASN1_TIME_free(epoch);
    return ok ? (int64_t)days * 86400 + seconds : 0;
}

static const char *read_all(struct client_identity *i, struct rv_val data, EVP_MD_CTX *md) {
    if (!read_part(i, data, "tls.crt", md, read_chain)) return "its tls.crt is missing or is no certificate";
    if (!read_part(i, data, "tls.key", md, read_key)) return "its tls.key is missing or is no private key";
    if (!read_part(i, data, "ca.crt", md, read_issuers)) return "its ca.crt is missing or is no certificate";
    if (X509_check_private_key(i->cert, i->key) != 1) return "its tls.key is not the key of its tls.crt";
    i->from = seconds_of(X509_get0_notBefore(i->cert));
    i->until = seconds_of(X509_get0_notAfter(i->cert));
    return NULL;
}

struct client_identity *client_identity_read(struct rv_val secret, const char **ret_why) {
    struct client_identity *i = rv_alloc(sizeof *i);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    i->refs = 1;
    i->chain = sk_X509_new_null();
    i->trusted = X509_STORE_new();
    if (md == NULL || i->chain == NULL || i->trusted == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        rv_oom();
    X509_STORE_set_flags(i->trusted, X509_V_FLAG_PARTIAL_CHAIN); /* an issuer need not be a root, as with gRPC */
    *ret_why = read_all(i, rv_val_get(secret, "data"), md);
    if (EVP_DigestFinal_ex(md, i->digest, &i->digest_n) != 1) rv_oom();
    EVP_MD_CTX_free(md);
    ERR_clear_error(); /* the end of each PEM text is an error to OpenSSL */
    return *ret_why == NULL ? i : client_identity_free(i);
}

/* ---- the cache ------------------------------------------------------------------------------------------ */

struct client_identities {
    struct recent *kept;
};

static void drop(void *value) { client_identity_free(value); }

struct client_identities *client_identities_new(void) {
    struct client_identities *c = rv_alloc(sizeof *c);
    c->kept = recent_new(CLIENT_IDENTITIES_MAX, drop);
    return c;
}

struct client_identities *client_identities_free(struct client_identities *c) {
    if (c == NULL) return NULL;
    recent_free(c->kept);
    free(c);
    return NULL;
}

static void name_of(struct rv_buf *out, struct rv_str ns, struct rv_str name) {
    rv_buf_addf(out, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(ns), RV_STR_ARG(name));
}

struct client_identity *client_identities_find(struct client_identities *c, struct rv_str ns, struct rv_str name,
                                               int64_t now) {
    rv_autobuf struct rv_buf key = {0};
    name_of(&key, ns, name);
    struct client_identity *i = recent_find(c->kept, rv_buf_str(&key));
    return i != NULL && now < i->read_again ? i : NULL;
}

/* Once two thirds of its life are over, it is read again after each tenth of what is left. */
static int64_t read_again(const struct client_identity *i, int64_t now) {
    int64_t due = i->from + (i->until - i->from) / 3 * 2, wait = (i->until - now) / 10;
    if (now < due) return due;
    return now + (wait > AGAIN_LEAST_S ? wait : AGAIN_LEAST_S);
}

struct client_identity *client_identities_put(struct client_identities *c, struct rv_str ns, struct rv_str name,
                                              struct client_identity *i, int64_t now) {
    rv_autobuf struct rv_buf key = {0};
    name_of(&key, ns, name);
    struct client_identity *had = recent_find(c->kept, rv_buf_str(&key));
    if (had != NULL && had->digest_n == i->digest_n && memcmp(had->digest, i->digest, i->digest_n) == 0) {
        client_identity_free(i);
        i = had;
    } else {
        recent_put(c->kept, rv_buf_str(&key), i);
    }
    i->read_again = read_again(i, now);
    return i;
}

void client_identities_remove(struct client_identities *c, struct rv_str ns, struct rv_str name) {
    rv_autobuf struct rv_buf key = {0};
    name_of(&key, ns, name);
    recent_remove(c->kept, rv_buf_str(&key));
}
