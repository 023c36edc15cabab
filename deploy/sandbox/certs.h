/* certs.h - the sandbox's certificates, made at every start: one that is both authority and server, and one for the
 * administrator, signed by it. */
#ifndef RV_SANDBOX_CERTS_H
#define RV_SANDBOX_CERTS_H

struct sb_certs {
    char *ca, *key;            /* PEM; the server's own */
    char *client, *client_key; /* PEM; CN=admin, O=system:masters */
};
int sb_certs_make(const char *bind, struct sb_certs *ret);
void sb_certs_free(struct sb_certs *c);

#endif
