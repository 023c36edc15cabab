/* keyring.h - the keys of the webhook's server, as they are kept in a Secret, and when they change. No I/O.
 *
 * A pair is a serving certificate with its key, signed by a CA of its own whose key is thrown away at once: nobody can
 * sign anything else with it. There are always two: the present pair, and the next one, which the API server trusts
 * already. When the present one ends soon the next one takes its place and another one is made. So no moment exists in
 * which a replica serves what the API server does not trust yet, whoever reads the Secret first.
 *
 * The token is a part of the path under which the API server asks: only it and who may read the Secret or the
 * ValidatingWebhookConfiguration know it. */
#ifndef ADMISSION_KEYRING_H
#define ADMISSION_KEYRING_H

#include "rayvisor/value.h"

struct keyring_pair {
    struct rv_buf ca, certificate, key; /* PEM */
    int64_t ends;                       /* Unix seconds */
};

struct keyring {
    struct keyring_pair now, next;
    struct rv_buf before; /* the CA of the pair before, which a replica may still use; or empty */
    struct rv_buf token;
};

/* names: what the certificate is for, as OpenSSL writes it ("DNS:x,IP:127.0.0.1"). A pair serves about `period_s`; it
 * is valid three times as long. */
int keyring_make(struct keyring *k, const char *names, int64_t now_s, int64_t period_s, struct rv_error *err);
/* The present pair ends within the period: the next one takes its place. Returns 1 if it did. */
int keyring_rotate(struct keyring *k, const char *names, int64_t now_s, int64_t period_s, struct rv_error *err);
void keyring_free(struct keyring *k);

/* From the `data` of a Secret. RV_E_PARSE: it is not ours, or somebody has changed it. */
int keyring_read(struct keyring *k, struct rv_val data, struct rv_error *err);
/* Whether the present certificate is for this name or address. */
bool keyring_serves(const struct keyring *k, const char *names);
/* Appends the `data` of a Secret as JSON. */
void keyring_write(const struct keyring *k, struct rv_buf *out);
/* The CAs that the API server must trust, as PEM. */
void keyring_bundle(const struct keyring *k, struct rv_buf *out);

#endif
