/* session.c - see session.h. Requests are small and answers are written whole; a client that does not read is cut off.
 */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rayvisor/json.h"

enum { REQUEST_MAX = 64 << 10, CLIENT_MS = 5000, CLIENTS_MAX = 16, READ_SIZE = 4096 };

struct control_session {
    struct control_socket *socket;
    struct control_session *next, **back;
    int fd;
    struct rv_watch *watch;
    struct rv_timer *timeout;
    struct rv_buf in, out;
    bool asked;
    struct control_wait wait;
};

struct control_socket {
    struct rv_loop *loop;
    control_request_fn on_request;
    void *arg;
    int fd;
    char *path;
    struct rv_watch *watch;
    struct control_session *sessions;
    size_t n;
};

static void session_close(struct control_session *s) {
    *s->back = s->next;
    if (s->next != NULL) s->next->back = s->back;
    s->socket->n--;
    if (s->wait.gone != NULL) s->wait.gone(s->wait.arg);
    rv_watch_free(s->watch);
    rv_timer_free(s->timeout);
    rv_closep(&s->fd);
    rv_buf_free(&s->in);
    rv_buf_free(&s->out);
    free(s);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static void flush(struct control_session *s) {
    while (s->out.n > 0) {
        ssize_t n = send(s->fd, s->out.p, s->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            rv_watch_set(s->watch, RV_LOOP_WRITE);
            return;
        }
        if (n <= 0) break;
        rv_buf_consume(&s->out, (size_t)n);
    }
    session_close(s);
}

void control_session_answer(struct control_session *s, struct rv_str json) {
    s->wait.late = NULL;
    rv_timer_arm(s->timeout, CLIENT_MS);
    rv_buf_add(&s->out, json.p, json.n);
    rv_buf_addc(&s->out, '\n');
    flush(s);
}

void control_session_fail(struct control_session *s, const char *why, const char *what) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    jsonw_begin_object(&w, NULL);
    jsonw_fmt(&w, "error", "%s%s%s", why, what != NULL ? ": " : "", what != NULL ? what : "");
    jsonw_end_object(&w);
    control_session_answer(s, rv_buf_str(&b));
}

void control_session_wait(struct control_session *s, int64_t ms, const struct control_wait *w) {
    s->wait = *w;
    rv_timer_arm(s->timeout, ms);
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static void on_line(struct control_session *s) {
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    s->asked = true;
    rv_watch_set(s->watch, 0); /* a client that shuts its sending side down still gets its answer */
    if (rv_json_to_mp(rv_buf_str(&s->in), NULL, &mp, &err) != 0)
        control_session_fail(s, "the request is not JSON", err.text);
    else
        s->socket->on_request(s->socket->arg, s, (struct rv_val){mp.p, mp.n});
}

static void on_client(void *arg, int fd, unsigned events) {
    struct control_session *s = arg;
    if (s->asked) {
        if ((events & RV_LOOP_WRITE) != 0)
            flush(s);
        else
            session_close(s);
        return;
    }
    rv_buf_reserve(&s->in, READ_SIZE);
    ssize_t n = read(fd, s->in.p + s->in.n, READ_SIZE);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || s->in.n + (size_t)n > REQUEST_MAX) {
        session_close(s);
        return;
    }
    s->in.n += (size_t)n;
    uint8_t *nl = memchr(s->in.p, '\n', s->in.n);
    if (nl == NULL) return;
    s->in.n = (size_t)(nl - s->in.p);
    on_line(s);
}

static void on_timeout(void *arg) {
    struct control_session *s = arg;
    void (*late)(void *) = s->wait.late;
    s->wait.late = NULL;
    if (late != NULL)
        late(s->wait.arg);
    else
        session_close(s);
}

/* ---- the socket ----------------------------------------------------------------------------------------- */

static void on_connect(void *arg, int fd, unsigned events) {
    struct control_socket *c = arg;
    (void)events;
    int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client_fd < 0) return;
    if (c->n >= CLIENTS_MAX) {
        close(client_fd);
        return;
    }
    struct control_session *s = rv_alloc(sizeof *s);
    s->socket = c;
    s->fd = client_fd;
    s->next = c->sessions;
    if (s->next != NULL) s->next->back = &s->next;
    s->back = &c->sessions;
    c->sessions = s;
    c->n++;
    s->watch = rv_loop_fd(c->loop, client_fd, RV_LOOP_READ, on_client, s);
    s->timeout = rv_loop_timer(c->loop, on_timeout, s);
    rv_timer_arm(s->timeout, CLIENT_MS);
}

/* Does somebody answer on that socket? A leftover of a crash refuses the connection. */
static bool is_served(const struct sockaddr_un *un) {
    rv_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof *un) == 0;
}

static int listen_on(struct control_socket *c, const struct sockaddr_un *un, struct rv_error *err) {
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(c->path);
    mode_t old = umask(0177);
    int r = c->fd >= 0 ? bind(c->fd, (const struct sockaddr *)un, sizeof *un) : -1;
    umask(old);
    if (r == 0 && listen(c->fd, 8) == 0) return 0;
    return rv_error_set(err, -errno, "cannot listen on %s: %s", c->path, strerror(errno));
}

struct control_socket *control_socket_new(struct rv_loop *l, const char *path, control_request_fn on_request, void *arg,
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
    c->loop = l;
    c->on_request = on_request;
    c->arg = arg;
    c->path = rv_strdup(rv_str(path));
    if (listen_on(c, &un, err) != 0) return control_socket_free(c);
    c->watch = rv_loop_fd(l, c->fd, RV_LOOP_READ, on_connect, c);
    return c;
}

struct control_socket *control_socket_free(struct control_socket *c) {
    if (c == NULL) return NULL;
    while (c->sessions != NULL) session_close(c->sessions); /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
    rv_watch_free(c->watch);
    if (c->watch != NULL) unlink(c->path);
    rv_closep(&c->fd);
    free(c->path);
    free(c);
    return NULL;
}
