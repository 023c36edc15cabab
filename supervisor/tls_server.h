/* tls_server.h - TLS for those who connect to us: one certificate at a time, which may be replaced, and the bytes of
 * one connection over a socket that does not block. No client is asked for a certificate. */
#ifndef SUPERVISOR_TLS_SERVER_H
#define SUPERVISOR_TLS_SERVER_H

#include <sys/types.h>

#include "rayvisor/base.h"

struct tls_server;
struct tls_server *tls_server_new(void); /* without a certificate no handshake succeeds */
struct tls_server *tls_server_free(struct tls_server *t);
/* The texts are PEM. Connections that are open keep theirs. On an error the certificate before stays. */
int tls_server_use(struct tls_server *t, struct rv_str certificate, struct rv_str key, struct rv_error *err);

struct tls_socket;
struct tls_socket *tls_socket_new(struct tls_server *t, int fd);
struct tls_socket *tls_socket_free(struct tls_socket *s);
/* As read() and send(): the number of bytes, 0 at the end, or -1 with errno. With EAGAIN *ret_events says what the
 * socket is waited for (LOOP_READ or LOOP_WRITE). */
ssize_t tls_socket_read(struct tls_socket *s, void *to, size_t n, unsigned *ret_events);
ssize_t tls_socket_write(struct tls_socket *s, const void *from, size_t n, unsigned *ret_events);
bool tls_socket_pending(const struct tls_socket *s); /* bytes were received that are not read */
void tls_socket_end(struct tls_socket *s);           /* tells the peer that nothing follows */

#endif
