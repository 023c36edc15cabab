/* clients.h - those who connect to us: one listening socket, and a bound on what everybody together and each of them
 * may hold of it. One request and one answer to a connection.
 *
 * A client has a while to ask its whole question and a while to take its whole answer, however busily it sends single
 * bytes. When all places are taken the newcomer is let in and another one goes: of the peer that holds most places the
 * client that keeps nobody busy, and of these the one that has been there longest. So a peer that opens connections
 * without end shuts out itself. A peer is an address (of IPv6 a /64); on a Unix socket all are one peer.
 *
 * An answer of any length costs a chunk of memory: it is made as the client takes it. */
#ifndef SUPERVISOR_CLIENTS_H
#define SUPERVISOR_CLIENTS_H

#include "ipc/base/loop.h"
#include "tls_server.h"

struct clients;
struct client;

struct clients_opts {
    struct loop *loop;
    size_t max;                /* at once */
    size_t max_of_peer;        /* of one peer; 0: as many */
    size_t request_max;        /* bytes */
    int64_t ask_ms, answer_ms; /* from connecting until all is asked; to take the answer */
    int64_t stall_ms;          /* to take anything of it */
    struct tls_server *tls;    /* NULL: in clear text; borrowed */
    size_t per_second;         /* who comes in; more wait for a moment. 0: any number */
    size_t bytes_max;          /* of all requests that are being asked; who brings more is cut off. 0: any */
    /* How many bytes of the text, which is all that came so far, are the first request; 0: more has to come. */
    size_t (*whole)(void *arg, struct rv_str text);
    /* It asked; the text is lent. Answered at once, or later after client_wait(). */
    void (*on_request)(void *arg, struct client *c, struct rv_str request);
    void (*on_too_long)(void *arg, struct client *c); /* more than request_max; NULL: it is cut off */
    void *arg;
};
/* The socket listens already; it is taken. */
struct clients *clients_new(int listening_fd, const struct clients_opts *o);
struct clients *clients_free(struct clients *c); /* all are cut off */
struct clients_stats {
    size_t open;
    uint64_t accepted, cut_off; /* cut_off: to make room, or because it took too long */
};
void clients_stats(const struct clients *c, struct clients_stats *ret);

/* Says it and ends. */
void client_answer(struct client *c, struct rv_str text);
/* Says the text and then what more() adds, a chunk at a time, until it returns false. gone: with arg, when the client
 * is served or gone. */
struct client_source {
    bool (*more)(void *arg, struct rv_buf *out);
    void (*gone)(void *arg);
    void *arg;
};
void client_stream(struct client *c, struct rv_str text, const struct client_source *source);

struct client_wait {
    void (*late)(void *arg); /* after the given time without an answer; answers now */
    void (*gone)(void *arg); /* the client is answered or gone: nothing may be answered any more */
    void *arg;
};
/* The answer comes later. */
void client_wait(struct client *c, int64_t ms, const struct client_wait *w);

#endif
