/* certs.h - the sandbox's certificates, which are made at every start: one is both authority and server certificate,
 * and it signs the administrator's. */
#ifndef RV_SANDBOX_CERTS_H
#define RV_SANDBOX_CERTS_H

struct sb_certs {
    char *ca, *key;            /* PEM; for the server */
    char *client, *client_key; /* PEM; with CN=admin, O=system:masters */
};
int sb_certs_make(const char *bind, struct sb_certs *ret);
void sb_certs_free(struct sb_certs *c);

#endif
