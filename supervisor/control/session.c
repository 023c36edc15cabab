/* session.c - see session.h. Requests are small and answers are written whole. A client that does not read is
 * disconnected. */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rayvisor/json.h"

enum { REQUEST_MAX = 64 << 10, CLIENT_MS = 5000, ANSWER_MS = 30000, CLIENTS_MAX = 32, BACKLOG = 128 };

struct control_socket {
    struct clients *clients;
    control_request_fn on_request;
    void *arg;
    char *path;
    bool listens;
};

/* ---- answers -------------------------------------------------------------------------------------------- */

void control_session_answer(struct client *s, struct rv_str json) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_add_str(&b, json);
    rv_buf_addc(&b, '\n');
    client_answer(s, rv_buf_str(&b));
}

void control_session_fail(struct client *s, const char *why, const char *what) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    jsonw_begin_object(&w, NULL);
    jsonw_fmt(&w, "error", "%s%s%s", why, what != NULL ? ": " : "", what != NULL ? what : "");
    jsonw_end_object(&w);
    control_session_answer(s, rv_buf_str(&b));
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static size_t whole_line(void *arg, struct rv_str text) {
    (void)arg;
    const char *nl = memchr(text.p, '\n', text.n);
    return nl != NULL ? (size_t)(nl - text.p) + 1 : 0;
}

static void on_line(void *arg, struct client *c, struct rv_str line) {
    struct control_socket *socket = arg;
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    if (rv_json_to_mp((struct rv_str){line.p, line.n - 1}, NULL, &mp, &err) != 0)
        control_session_fail(c, "the request is not JSON", err.text);
    else
        socket->on_request(socket->arg, c, (struct rv_val){mp.p, mp.n});
}

/* ---- the socket ----------------------------------------------------------------------------------------- */

/* Returns true if a process answers on that socket. The socket of a crashed process refuses connections. */
static bool is_served(const struct sockaddr_un *un) {
    rv_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && (connect(fd, (const struct sockaddr *)un, sizeof *un) == 0 || errno == EAGAIN);
}

static int listen_on(struct control_socket *c, const struct sockaddr_un *un, struct rv_error *err) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(c->path);
    mode_t old = umask(0177);
    int r = fd >= 0 ? bind(fd, (const struct sockaddr *)un, sizeof *un) : -1;
    umask(old);
    if (r == 0 && listen(fd, BACKLOG) == 0) return fd;
    rv_error_set(err, -errno, "cannot listen on %s: %s", c->path, strerror(errno));
    rv_closep(&fd);
    return err->code;
}

struct control_socket *control_socket_new(struct loop *l, const char *path, control_request_fn on_request, void *arg,
                                          struct rv_error *err) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof un.sun_path) {
        rv_error_set(err, -ENAMETOOLONG, "runtimeDir is too long for a socket in it: %s", path);
        return NULL;
    }
    memcpy(un.sun_path, path, strlen(path));
    if (is_served(&un)) {
        rv_error_set(err, -EADDRINUSE,
                     "another rayvisord serves %s: stop it, or give this one a runtimeDir of its own (--runtime-dir)",
                     path);
        return NULL;
    }
    struct control_socket *c = rv_alloc(sizeof *c);
    *c = (struct control_socket){.on_request = on_request, .arg = arg, .path = rv_strdup(rv_str(path))};
    int fd = listen_on(c, &un, err);
    if (fd < 0) return control_socket_free(c);
    c->listens = true;
    c->clients = clients_new(fd, &(struct clients_opts){.loop = l,
                                                        .max = CLIENTS_MAX,
                                                        .request_max = REQUEST_MAX,
                                                        .ask_ms = CLIENT_MS,
                                                        .answer_ms = ANSWER_MS,
                                                        .stall_ms = CLIENT_MS,
                                                        .whole = whole_line,
                                                        .on_request = on_line,
                                                        .arg = c});
    return c;
}

struct control_socket *control_socket_free(struct control_socket *c) {
    if (c == NULL) return NULL;
    clients_free(c->clients);
    if (c->listens) unlink(c->path);
    free(c->path);
    free(c);
    return NULL;
}
