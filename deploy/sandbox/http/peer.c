/* peer.c - authentication of a client: a certificate that our authority has signed is as good as the token. */
#include "peer.h"

#include <gnutls/gnutls.h>

bool sb_peer_certified(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info != NULL ? info->tls_session : NULL;
    unsigned n = 0, problems = 0;
    if (session == NULL || gnutls_certificate_get_peers(session, &n) == NULL || n == 0) return false;
    return gnutls_certificate_verify_peers2(session, &problems) == 0 && problems == 0;
}
