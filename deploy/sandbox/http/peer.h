/* peer.h - authentication by client certificate. */
#ifndef RV_SANDBOX_PEER_H
#define RV_SANDBOX_PEER_H

#include <microhttpd.h>
#include <stdbool.h>

bool sb_peer_certified(struct MHD_Connection *c);

#endif
