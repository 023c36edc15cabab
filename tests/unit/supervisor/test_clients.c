/* Those who connect to us and behave badly: who holds places, who goes, and what an answer costs. The test plays
 * several peers, each with an address of its own, and moves no clock: pauses are short. */
#include "supervisor/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

enum { MAX = 8, OF_PEER = 6 };

struct scenario {
    struct loop *loop;
    struct clients *clients;
    struct sockaddr_in at;
    unsigned asked, too_long, chunks, most; /* most: chunks that it may make; then it has no end */
    size_t chunk, gone;
    struct client *waits;
};

static size_t whole(void *arg, struct rv_str text) {
    (void)arg;
    const char *nl = memchr(text.p, '\n', text.n);
    return nl != NULL ? (size_t)(nl - text.p) + 1 : 0;
}

static bool more(void *arg, struct rv_buf *out) {
    struct scenario *s = arg;
    rv_buf_reserve(out, s->chunk);
    memset(out->p + out->n, 'x', s->chunk);
    out->n += s->chunk;
    return ++s->chunks < s->most;
}

static void gone(void *arg) { ((struct scenario *)arg)->gone++; }

static void on_request(void *arg, struct client *c, struct rv_str line) {
    struct scenario *s = arg;
    s->asked++;
    if (rv_str_is(line, "stream\n")) {
        client_stream(c, RV_STR("begin "), &(struct client_source){more, gone, s});
    } else if (rv_str_is(line, "wait\n")) {
        s->waits = c;
        client_wait(c, 60000, &(struct client_wait){NULL, gone, s});
    } else {
        client_answer(c, line);
    }
}

static void on_too_long(void *arg, struct client *c) {
    ((struct scenario *)arg)->too_long++;
    client_answer(c, RV_STR("too long\n"));
}

static struct scenario *begin(void) {
    struct scenario *s = rv_alloc(sizeof *s);
    socklen_t size = sizeof s->at;
    s->loop = loop_new(NULL);
    s->at = (struct sockaddr_in){.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&s->at, size) != 0 || listen(fd, 256) != 0 ||
        getsockname(fd, (struct sockaddr *)&s->at, &size) != 0)
        abort();
    s->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->clients = clients_new(fd, &(struct clients_opts){.loop = s->loop,
                                                        .max = MAX,
                                                        .max_of_peer = OF_PEER,
                                                        .request_max = 1000,
                                                        .ask_ms = 300,
                                                        .answer_ms = 1500,
                                                        .stall_ms = 300,
                                                        .whole = whole,
                                                        .on_request = on_request,
                                                        .on_too_long = on_too_long,
                                                        .arg = s});
    return s;
}

static void end(struct scenario *s) {
    clients_free(s->clients);
    loop_free(s->loop);
    free(s);
}

static void turn(struct scenario *s, int n) {
    while (n-- > 0) loop_turn(s->loop, 2);
}

/* A connection from 127.0.0.PEER. */
static int dial(struct scenario *s, unsigned peer) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + peer)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (struct sockaddr *)&s->at, sizeof s->at) != 0)
        abort();
    return fd;
}

static void say(int fd, const char *text) { (void)send(fd, text, strlen(text), MSG_NOSIGNAL); }

/* Whether it ended within ms, and what came. */
static bool ends(struct scenario *s, int fd, int64_t ms, struct rv_buf *out) {
    int64_t until = clock_monotonic() + ms * 1000000;
    while (clock_monotonic() < until) {
        rv_buf_reserve(out, 65536);
        ssize_t n = recv(fd, out->p + out->n, 65536, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return true;
        if (n > 0) out->n += (size_t)n;
        loop_turn(s->loop, 2);
    }
    return false;
}

static bool is_answered(struct scenario *s, unsigned peer, const char *line) {
    rv_autobuf struct rv_buf out = {0};
    int fd = dial(s, peer);
    say(fd, line);
    bool ended = ends(s, fd, 2000, &out);
    close(fd);
    return ended && rv_str_is(rv_buf_str(&out), line);
}

static size_t open_now(const struct scenario *s) {
    struct clients_stats st;
    clients_stats(s->clients, &st);
    return st.open;
}

/* However many connect and say nothing, whoever asks is answered: the same peer, and all the more another one. */
static void idle_ones_shut_out_nobody(void) {
    struct scenario *s = begin();
    int fds[200];
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) {
        fds[i] = dial(s, 2);
        turn(s, 1);
        CU_ASSERT_TRUE(open_now(s) <= OF_PEER);
        if (i % 20 == 0) CU_ASSERT_TRUE(is_answered(s, 1, "hello\n") && is_answered(s, 2, "self\n"));
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) close(fds[i]);
    for (unsigned i = 0; i < 100; i++) { /* from ever other addresses */
        fds[i] = dial(s, 10 + i);
        turn(s, 1);
        CU_ASSERT_TRUE(open_now(s) <= MAX);
        if (i % 20 == 0) CU_ASSERT_TRUE(is_answered(s, 1, "hello\n"));
    }
    for (size_t i = 0; i < 100; i++) close(fds[i]);
    turn(s, 20);
    CU_ASSERT_EQUAL(open_now(s), 0);
    end(s);
}

/* Half a request, a byte now and then, nothing: each has its time and no more. */
static void slow_askers_are_cut_off(void) {
    struct scenario *s = begin();
    rv_autobuf struct rv_buf out = {0};
    int silent = dial(s, 1), half = dial(s, 2), drip = dial(s, 3);
    say(half, "hal");
    int64_t until = clock_monotonic() + INT64_C(700000000);
    while (clock_monotonic() < until) {
        say(drip, "d");
        turn(s, 5);
    }
    CU_ASSERT_EQUAL(open_now(s), 0);
    CU_ASSERT_TRUE(ends(s, silent, 10, &out) && ends(s, half, 10, &out) && ends(s, drip, 10, &out) && out.n == 0);
    close(silent);
    close(half);
    close(drip);
    CU_ASSERT_EQUAL(s->asked, 0);
    end(s);
}

static void requests(void) {
    struct scenario *s = begin();
    rv_autobuf struct rv_buf out = {0};
    char big[1500];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = 0;
    int fd = dial(s, 1); /* one that does not end */
    say(fd, big);
    CU_ASSERT_TRUE(ends(s, fd, 1000, &out) && rv_str_is(rv_buf_str(&out), "too long\n") && s->too_long == 1);
    close(fd);
    rv_buf_clear(&out);
    fd = dial(s, 1); /* several at once: the first is answered, the others are read and dropped */
    say(fd, "one\ntwo\nthree\n");
    CU_ASSERT_TRUE(ends(s, fd, 1000, &out) && rv_str_is(rv_buf_str(&out), "one\n") && s->asked == 1);
    say(fd, "four\n");
    turn(s, 5);
    CU_ASSERT_EQUAL(s->asked, 1);
    close(fd);
    rv_buf_clear(&out);
    fd = dial(s, 1); /* who shuts his side still gets the answer */
    say(fd, "five\n");
    shutdown(fd, SHUT_WR);
    CU_ASSERT_TRUE(ends(s, fd, 1000, &out) && rv_str_is(rv_buf_str(&out), "five\n"));
    close(fd);
    fd = dial(s, 1); /* gone while his answer is made */
    say(fd, "wait\n");
    turn(s, 10);
    CU_ASSERT_TRUE(s->waits != NULL && s->gone == 0);
    close(fd); /* that he does not wait any more is not seen: he might only have shut his side */
    turn(s, 20);
    CU_ASSERT_TRUE(open_now(s) == 1 && s->gone == 0);
    client_answer(s->waits, RV_STR("late\n"));
    turn(s, 20);
    CU_ASSERT_TRUE(open_now(s) == 0 && s->gone == 1);
    end(s);
}

/* An answer without end: a chunk is made when the last one has gone, whoever takes none stops its making and is cut
 * off, and whoever takes a little all the time is, too. */
static void slow_readers(void) {
    struct scenario *s = begin();
    rv_autobuf struct rv_buf out = {0};
    s->chunk = 64 << 10;
    s->most = 20;
    int fd = dial(s, 1);
    say(fd, "stream\n");
    CU_ASSERT_TRUE(ends(s, fd, 2000, &out) && out.n == 6 + 20 * s->chunk && s->gone == 1);
    close(fd);
    s->most = UINT32_MAX;
    s->chunks = 0;
    fd = dial(s, 1);
    int small = 4096;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    say(fd, "stream\n");
    unsigned made = 0;
    do { /* until the sockets are full */
        made = s->chunks;
        turn(s, 100);
    } while (s->chunks != made && made < 200);
    turn(s, 20);
    CU_ASSERT_TRUE(s->chunks == made && made < 200); /* what the sockets hold, and one */
    int64_t until = clock_monotonic() + INT64_C(2500000000);
    while (open_now(s) > 0 && clock_monotonic() < until) turn(s, 5);
    CU_ASSERT_TRUE(open_now(s) == 0 && s->gone == 2);
    close(fd);
    fd = dial(s, 1);
    say(fd, "stream\n");
    until = clock_monotonic() + INT64_C(4000000000);
    char some[4096];
    while ((open_now(s) > 0 || s->gone == 2) && clock_monotonic() < until) {
        (void)recv(fd, some, sizeof some, MSG_DONTWAIT);
        turn(s, 10);
    }
    CU_ASSERT_TRUE(open_now(s) == 0 && s->gone == 3);
    close(fd);
    end(s);
}

/* Who is being worked for is not cut off for a newcomer of his own address; of a peer that has most places he is. */
static void busy_ones(void) {
    struct scenario *s = begin();
    rv_autobuf struct rv_buf out = {0};
    int fds[OF_PEER];
    for (size_t i = 0; i < OF_PEER; i++) {
        fds[i] = dial(s, 2);
        say(fds[i], "wait\n");
        turn(s, 5);
    }
    CU_ASSERT_EQUAL(s->asked, OF_PEER);
    int late = dial(s, 2);
    CU_ASSERT_TRUE(ends(s, late, 100, &out) && out.n == 0 && open_now(s) == OF_PEER);
    close(late);
    int others[3];
    for (size_t i = 0; i < 3; i++) {
        others[i] = dial(s, 3);
        say(others[i], "wait\n");
        turn(s, 5);
    }
    CU_ASSERT_TRUE(open_now(s) == MAX && s->gone == 1 && s->asked == OF_PEER + 3);
    CU_ASSERT_TRUE(ends(s, fds[0], 100, &out));
    for (size_t i = 0; i < OF_PEER; i++) close(fds[i]);
    for (size_t i = 0; i < 3; i++) close(others[i]);
    end(s);
    rv_buf_clear(&out);
}

static const struct suite_test tests[] = {{"idle ones shut out nobody", idle_ones_shut_out_nobody},
                                          {"slow askers are cut off", slow_askers_are_cut_off},
                                          {"requests", requests},
                                          {"slow readers", slow_readers},
                                          {"busy ones", busy_ones}};
SUITE_MAIN("clients", tests)
