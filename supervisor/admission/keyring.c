/* keyring.c - see keyring.h. */
#include "keyring.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "ipc/base/base64.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/random.h"

enum { TOKEN_BYTES = 32, TOKEN_TEXT = 43, EARLY_S = 300 /* clocks differ */ };

static const char names_of_pairs[2][3][16] = {{"ca.crt", "tls.crt", "tls.key"},
                                              {"next-ca.crt", "next.crt", "next.key"}};

/* ---- making --------------------------------------------------------------------------------------------- */

static bool extend(X509 *x, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool good = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return good;
}

static X509 *new_certificate(EVP_PKEY *key, const char *name, int64_t now, int64_t ends) {
    X509 *x = X509_new();
    uint64_t serial;
    if (x == NULL) return NULL;
    random_bytes(&serial, sizeof serial);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), (serial >> 1) | 1);
    ASN1_TIME_set(X509_getm_notBefore(x), now - EARLY_S);
    ASN1_TIME_set(X509_getm_notAfter(x), ends);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    return x;
}

static void add_pem(BIO *b, struct rv_buf *out) {
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    rv_buf_clear(out);
    rv_buf_add(out, p, n > 0 ? (size_t)n : 0);
}

static bool write_certificate(X509 *x, struct rv_buf *out) {
    BIO *b = BIO_new(BIO_s_mem());
    bool good = b != NULL && PEM_write_bio_X509(b, x) == 1;
    if (good) add_pem(b, out);
    BIO_free(b);
    return good;
}

static bool write_key(EVP_PKEY *key, struct rv_buf *out) {
    BIO *b = BIO_new(BIO_s_secmem());
    bool good = b != NULL && PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (good) add_pem(b, out);
    BIO_free(b);
    return good;
}

static bool issue(X509 *ca, EVP_PKEY *ca_key, X509 *x, const char *names) {
    return X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
           extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           extend(ca, ca, NID_key_usage, "critical,keyCertSign") &&
           extend(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, ca_key, EVP_sha256()) > 0 &&
           X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
           extend(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           extend(x, ca, NID_key_usage, "critical,digitalSignature") &&
           extend(x, ca, NID_ext_key_usage, "serverAuth") && extend(x, ca, NID_subject_alt_name, names) &&
           extend(x, ca, NID_authority_key_identifier, "keyid") && X509_sign(x, ca_key, EVP_sha256()) > 0;
}

static int make_pair(struct keyring_pair *p, const char *names, int64_t now, int64_t ends, struct rv_error *err) {
    char name[64]; /* each CA has a name of its own, because a bundle has several */
    uint32_t which;
    random_bytes(&which, sizeof which);
    snprintf(name, sizeof name, "rayvisor-admission-ca-%08x", (unsigned)which);
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key != NULL ? new_certificate(ca_key, name, now, ends) : NULL,
         *x = key != NULL ? new_certificate(key, "rayvisor-admission", now, ends) : NULL;
    bool good = ca != NULL && x != NULL && issue(ca, ca_key, x, names) && write_certificate(ca, &p->ca) &&
                write_certificate(x, &p->certificate) && write_key(key, &p->key);
    p->ends = ends;
    X509_free(ca);
    X509_free(x);
    EVP_PKEY_free(ca_key); /* wiped: it signs nothing else */
    EVP_PKEY_free(key);
    ERR_clear_error();
    return good ? 0 : rv_error_set(err, RV_E_INVALID, "OpenSSL cannot make a certificate for %s", names);
}

int keyring_make(struct keyring *k, const char *names, int64_t now_s, int64_t period_s, struct rv_error *err) {
    uint8_t token[TOKEN_BYTES];
    keyring_free(k);
    random_bytes(token, sizeof token);
    base64_encode((struct rv_bytes){token, sizeof token}, BASE64_URL, &k->token);
    explicit_bzero(token, sizeof token);
    int r = make_pair(&k->now, names, now_s, now_s + 2 * period_s, err);
    return r != 0 ? r : make_pair(&k->next, names, now_s, now_s + 3 * period_s, err);
}

static void pair_free(struct keyring_pair *p) {
    if (p->key.n != 0) explicit_bzero(p->key.p, p->key.n);
    rv_buf_free(&p->ca);
    rv_buf_free(&p->certificate);
    rv_buf_free(&p->key);
    *p = (struct keyring_pair){0};
}

int keyring_rotate(struct keyring *k, const char *names, int64_t now_s, int64_t period_s, struct rv_error *err) {
    struct keyring_pair fresh = {0};
    if (k->now.ends - now_s > period_s) return 0;
    /* An operator that did not run for a long time: the next pair has ended as well, and nothing is served by either.
     */
    if (k->next.ends - now_s <= period_s) {
        int made = keyring_make(k, names, now_s, period_s, err);
        return made == 0 ? 1 : made;
    }
    int r = make_pair(&fresh, names, now_s, now_s + 3 * period_s, err);
    if (r != 0) return r;
    rv_buf_free(&k->before);
    k->before = k->now.ca;
    k->now.ca = (struct rv_buf){0};
    pair_free(&k->now);
    k->now = k->next;
    k->next = fresh;
    return 1;
}

void keyring_free(struct keyring *k) {
    pair_free(&k->now);
    pair_free(&k->next);
    rv_buf_free(&k->before);
    rv_buf_free(&k->token);
    *k = (struct keyring){0};
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static X509 *certificate_of(const struct rv_buf *pem) {
    BIO *b = BIO_new_mem_buf(pem->n != 0 ? (const void *)pem->p : "", (int)pem->n);
    X509 *x = b != NULL ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
    BIO_free(b);
    ERR_clear_error();
    return x;
}

/* Unix seconds, or -1. */
static int64_t end_of(const struct rv_buf *pem) {
    X509 *x = certificate_of(pem);
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    int64_t ends = -1;
    if (x != NULL && epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(x)) == 1)
        ends = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(epoch);
    X509_free(x);
    return ends;
}

/* The key is that of the certificate. */
static bool belong_together(const struct keyring_pair *p) {
    X509 *x = certificate_of(&p->certificate);
    BIO *b = BIO_new_mem_buf(p->key.n != 0 ? (const void *)p->key.p : "", (int)p->key.n);
    EVP_PKEY *key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
    bool good = x != NULL && key != NULL && X509_check_private_key(x, key) == 1;
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(b);
    ERR_clear_error();
    return good;
}

static bool take(struct rv_val data, const char *key, struct rv_buf *out) {
    rv_buf_clear(out);
    return base64_decode(rv_val_str(rv_val_get(data, key)), BASE64_STANDARD, out) == 0 && out->n != 0 && out->n < 65536;
}

static bool token_good(const struct rv_buf *token) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < token->n; i++)
        if (memchr(letters, token->p[i], sizeof letters - 1) == NULL) return false;
    return token->n == TOKEN_TEXT;
}

int keyring_read(struct keyring *k, struct rv_val data, struct rv_error *err) {
    struct keyring_pair *const pairs[] = {&k->now, &k->next};
    keyring_free(k);
    for (size_t i = 0; i < RV_ARRAY_LEN(pairs); i++) {
        const char(*names)[16] = names_of_pairs[i];
        bool good = take(data, names[0], &pairs[i]->ca) && take(data, names[1], &pairs[i]->certificate) &&
                    take(data, names[2], &pairs[i]->key);
        pairs[i]->ends = good ? end_of(&pairs[i]->certificate) : -1;
        if (pairs[i]->ends < 0 || end_of(&pairs[i]->ca) < 0 || !belong_together(pairs[i]))
            return rv_error_set(err, RV_E_PARSE, "the Secret's %s, %s and %s are no pair of ours", names[0], names[1],
                                names[2]);
    }
    if (!take(data, "token", &k->token) || !token_good(&k->token))
        return rv_error_set(err, RV_E_PARSE, "the Secret's token is not ours");
    (void)take(data, "previous-ca.crt", &k->before);
    return 0;
}

bool keyring_serves(const struct keyring *k, const char *names) {
    X509 *x = certificate_of(&k->now.certificate);
    bool all = x != NULL;
    rv_autofree char *copy = rv_strdup(rv_str(names));
    char *rest = NULL;
    for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        if (strncmp(one, "IP:", 3) == 0)
            all = all && X509_check_ip_asc(x, one + 3, 0) == 1;
        else
            all = all && strncmp(one, "DNS:", 4) == 0 && X509_check_host(x, one + 4, 0, 0, NULL) == 1;
    }
    X509_free(x);
    return all;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put(struct jsonw *w, const char *key, const struct rv_buf *value) {
    rv_autobuf struct rv_buf text = {0};
    base64_encode(rv_buf_bytes(value), BASE64_STANDARD, &text);
    jsonw_str(w, key, rv_buf_str(&text));
    if (text.n != 0) explicit_bzero(text.p, text.n);
}

void keyring_write(const struct keyring *k, struct rv_buf *out) {
    const struct keyring_pair *const pairs[] = {&k->now, &k->next};
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(pairs); i++) {
        put(&w, names_of_pairs[i][0], &pairs[i]->ca);
        put(&w, names_of_pairs[i][1], &pairs[i]->certificate);
        put(&w, names_of_pairs[i][2], &pairs[i]->key);
    }
    put(&w, "previous-ca.crt", &k->before);
    put(&w, "token", &k->token);
    jsonw_end_object(&w);
}

void keyring_bundle(const struct keyring *k, struct rv_buf *out) {
    rv_buf_add(out, k->now.ca.p, k->now.ca.n);
    rv_buf_add(out, k->next.ca.p, k->next.ca.n);
    rv_buf_add(out, k->before.p, k->before.n);
}
