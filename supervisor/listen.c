/* listen.c - see listen.h. */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 128 };

/* Parses "127.0.0.1:8082", "[::1]:8082" or ":8082". */
static struct addrinfo *parse_bind(const char *key, struct rv_str bind, struct rv_error *err) {
    const char *colon = bind.n != 0 ? memrchr(bind.p, ':', bind.n) : NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    if (colon == NULL) {
        rv_error_set(err, RV_E_CONFIG, "%s is \"" RV_STR_FMT "\"; accepted is ADDRESS:PORT such as 127.0.0.1:8082", key,
                     RV_STR_ARG(bind));
        return NULL;
    }
    struct rv_str host_text = {bind.p, (size_t)(colon - bind.p)};
    if (host_text.n > 1 && host_text.p[0] == '[') host_text = (struct rv_str){host_text.p + 1, host_text.n - 2};
    rv_autofree char *host = rv_strdup(host_text),
                     *port = rv_strdup((struct rv_str){colon + 1, bind.n - (size_t)(colon - bind.p) - 1});
    int r = getaddrinfo(host[0] != 0 ? host : NULL, port, &hints, &found);
    if (r == 0) return found;
    rv_error_set(err, RV_E_CONFIG, "%s is \"" RV_STR_FMT "\": %s", key, RV_STR_ARG(bind), gai_strerror(r));
    return NULL;
}

static unsigned port_of(int fd) {
    struct sockaddr_storage a = {0};
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    socklen_t size = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &size) != 0) return 0;
    memcpy(&in, &a, sizeof in);
    memcpy(&in6, &a, sizeof in6);
    return a.ss_family == AF_INET6 ? ntohs(in6.sin6_port) : ntohs(in.sin_port);
}

int listen_on(const char *key, struct rv_str bind_to, unsigned *ret_port, struct rv_error *err) {
    struct addrinfo *a = parse_bind(key, bind_to, err);
    if (a == NULL) return -1;
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool listens = fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int why = errno;
    freeaddrinfo(a);
    if (listens) {
        *ret_port = port_of(fd);
        return fd;
    }
    rv_closep(&fd);
    rv_error_set(err, -why, "cannot listen on " RV_STR_FMT " (%s): %s", RV_STR_ARG(bind_to), key, strerror(why));
    return -1;
}
