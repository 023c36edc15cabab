/* script_server.c - see script_server.h. */
#include "script_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWERS_MAX = 64, REQUESTS_MAX = 1024 };

struct peer {
    struct script_server *server;
    struct peer *next, **back;
    int fd;
    struct loop_watch *watch;
    struct rv_buf in, out;
    bool stream, silent, close_after;
};

struct script_server {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    char url[64];
    struct peer *peers; /* the newest comes first */
    struct script_answer answers[ANSWERS_MAX];
    size_t answer_n;
    struct script_request requests[REQUESTS_MAX];
    size_t request_n, unexpected;
};

static void peer_free(struct peer *p) {
    *p->back = p->next;
    if (p->next != NULL) p->next->back = p->back;
    loop_watch_free(p->watch);
    close(p->fd);
    rv_buf_free(&p->in);
    rv_buf_free(&p->out);
    free(p);
}

/* Returns false if the peer is gone. */
static bool flush(struct peer *p) {
    while (p->out.n > 0) {
        ssize_t n = send(p->fd, p->out.p, p->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            loop_watch_set(p->watch, LOOP_READ | LOOP_WRITE);
            return true;
        }
        if (n <= 0) {
            peer_free(p);
            return false;
        }
        rv_buf_consume(&p->out, (size_t)n);
    }
    loop_watch_set(p->watch, LOOP_READ);
    if (!p->close_after) return true;
    peer_free(p);
    return false;
}

static void add_chunk(struct peer *p, const char *text) {
    size_t n = text != NULL ? strlen(text) : 0;
    if (n != 0) rv_buf_addf(&p->out, "%zx\r\n%s\r\n", n, text);
}

static bool matches(const struct script_answer *a, const struct script_request *r) {
    return a->when == NULL || strstr(r->line, a->when) != NULL;
}

static const struct script_answer *take_answer(struct script_server *s, const struct script_request *r) {
    static const struct script_answer none = {.status = 500, .body = "{\"message\":\"not in the script\"}"};
    for (size_t i = 0; i < s->answer_n; i++) {
        struct script_answer *a = &s->answers[i];
        if (a->times == 0 || !matches(a, r)) continue;
        a->times--;
        return a;
    }
    s->unexpected++;
    return &none;
}

static bool answer(struct peer *p, const struct script_request *r) {
    const struct script_answer *a = take_answer(p->server, r);
    const char *body = a->body != NULL ? a->body : "", *headers = a->headers != NULL ? a->headers : "";
    p->silent = a->how == SCRIPT_SILENT;
    p->close_after = a->how == SCRIPT_CUT || a->how == SCRIPT_HANGUP;
    p->stream = a->how == SCRIPT_STREAM;
    if (a->how != SCRIPT_SILENT && a->how != SCRIPT_HANGUP) {
        const char *type = strstr(headers, "Content-Type:") == NULL ? "Content-Type: application/json\r\n" : "";
        rv_buf_addf(&p->out, "HTTP/1.1 %u X\r\n%s%s", a->status != 0 ? a->status : 200, type, headers);
        if (p->stream)
            rv_buf_adds(&p->out, "Transfer-Encoding: chunked\r\n\r\n");
        else
            rv_buf_addf(&p->out, "Content-Length: %zu\r\n\r\n%s", strlen(body) + (p->close_after ? 100 : 0), body);
        if (p->stream) add_chunk(p, body);
    }
    return flush(p);
}

static struct script_request *note(struct script_server *s, struct rv_str head, struct rv_str body) {
    if (s->request_n == REQUESTS_MAX) abort();
    struct script_request *r = &s->requests[s->request_n++];
    r->headers = rv_strdup(head);
    r->body = rv_strdup(body);
    size_t n = strcspn(r->headers, "\r");
    r->line = rv_strdup((struct rv_str){r->headers, n});
    char *version = strstr(r->line, " HTTP/");
    if (version != NULL) *version = 0;
    return r;
}

/* Takes complete requests, one after the other. */
static void take_requests(struct peer *p) {
    for (;;) {
        char *end = memmem(p->in.p, p->in.n, "\r\n\r\n", 4);
        if (end == NULL) return;
        size_t head = (size_t)(end - (char *)p->in.p) + 4, length = 0;
        const char *field = strcasestr(rv_buf_cstr(&p->in), "\r\ncontent-length:");
        if (field != NULL && field < end) length = strtoul(field + sizeof "\r\ncontent-length:" - 1, NULL, 10);
        if (p->in.n < head + length) return;
        struct rv_str all = rv_buf_str(&p->in);
        const struct script_request *r =
            note(p->server, (struct rv_str){all.p, head}, (struct rv_str){all.p + head, length});
        rv_buf_consume(&p->in, head + length);
        if (!answer(p, r) || p->stream) return;
    }
}

static void on_peer(void *arg, int fd, unsigned events) {
    struct peer *p = arg;
    if ((events & LOOP_WRITE) != 0 && !flush(p)) return;
    if ((events & (LOOP_READ | LOOP_ERROR)) == 0) return;
    rv_buf_reserve(&p->in, 65536);
    ssize_t n = recv(fd, p->in.p + p->in.n, 65536, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        peer_free(p);
        return;
    }
    p->in.n += (size_t)n;
    take_requests(p);
}

static void on_accept(void *arg, int fd, unsigned events) {
    struct script_server *s = arg;
    (void)events;
    int peer_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer_fd < 0) return;
    struct peer *p = rv_alloc(sizeof *p);
    p->server = s;
    p->fd = peer_fd;
    p->next = s->peers;
    if (p->next != NULL) p->next->back = &p->next;
    p->back = &s->peers;
    s->peers = p;
    p->watch = loop_fd(s->loop, peer_fd, LOOP_READ, on_peer, p);
}

struct script_server *script_new(struct loop *l) {
    struct script_server *s = rv_alloc(sizeof *s);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    s->loop = l;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&in, size) != 0 || listen(s->fd, 1024) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&in, &size) != 0)
        abort();
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", (unsigned)ntohs(in.sin_port));
    s->watch = loop_fd(l, s->fd, LOOP_READ, on_accept, s);
    return s;
}

struct script_server *script_free(struct script_server *s) {
    if (s == NULL) return NULL;
    while (s->peers != NULL) peer_free(s->peers);
    loop_watch_free(s->watch);
    close(s->fd);
    for (size_t i = 0; i < s->request_n; i++) {
        free(s->requests[i].line);
        free(s->requests[i].headers);
        free(s->requests[i].body);
    }
    free(s);
    return NULL;
}

const char *script_url(const struct script_server *s) { return s->url; }

void script_on(struct script_server *s, const struct script_answer *a) {
    if (s->answer_n == ANSWERS_MAX) abort();
    s->answers[s->answer_n] = *a;
    if (a->times == 0) s->answers[s->answer_n].times = 1;
    s->answer_n++;
}

size_t script_count(const struct script_server *s) { return s->request_n; }
size_t script_unexpected(const struct script_server *s) { return s->unexpected; }

size_t script_count_of(const struct script_server *s, const char *when) {
    size_t n = 0;
    for (size_t i = 0; i < s->request_n; i++) n += strstr(s->requests[i].line, when) != NULL;
    return n;
}

const struct script_request *script_at(const struct script_server *s, size_t i) {
    static const struct script_request none = {(char *)(uintptr_t) "", (char *)(uintptr_t) "", (char *)(uintptr_t) ""};
    return i < s->request_n ? &s->requests[i] : &none;
}

const struct script_request *script_last(const struct script_server *s) { return script_at(s, s->request_n - 1); }

static struct peer *stream_of(const struct script_server *s) {
    struct peer *p = s->peers;
    while (p != NULL && !p->stream) p = p->next;
    return p;
}

bool script_streaming(const struct script_server *s) { return stream_of(s) != NULL; }

void script_say(struct script_server *s, const char *text) {
    struct peer *p = stream_of(s);
    if (p == NULL) abort();
    add_chunk(p, text);
    (void)flush(p);
}

void script_end_with(struct script_server *s, const char *trailers) {
    struct peer *p = stream_of(s);
    if (p == NULL) abort();
    p->stream = false;
    rv_buf_addf(&p->out, "0\r\n%s\r\n", trailers);
    (void)flush(p);
}

void script_end(struct script_server *s) { script_end_with(s, ""); }

void script_cut(struct script_server *s) {
    struct peer *p = stream_of(s);
    if (p == NULL) abort();
    p->stream = false;
    p->close_after = true;
    rv_buf_adds(&p->out, "40\r\n{\"type\":\"ADD");
    (void)flush(p);
}
