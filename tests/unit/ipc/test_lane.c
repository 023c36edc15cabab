/* test_lane.c - both ends of lanes in one process and on one loop. */
#include "ipc/protocol/batch.h"
#include "ipc/protocol/lane.h"
#include "ipc/protocol/zmtp_proxy.h"
#include "tests/unit/sdk/suite.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

struct end {
    struct lane *lane;
    uint64_t got, bytes, bad, last_id;
    bool in_order, free_on_message;
    struct end *echo_to; /* sends an answer on this lane from within the callback */
    char why[256];
};

struct fixture {
    char dir[64], path[2][96];
    struct loop *loop;
    struct lane_context *context;
};

static void on_message(void *arg, const struct msg *m) {
    struct end *e = arg;
    e->got++;
    e->bytes += m->payload.n;
    if (m->type == MSG_PING || m->type == MSG_PONG) {
        if (m->ping.t != e->last_id + 1) e->in_order = false;
        e->last_id = m->ping.t;
    }
    if (e->echo_to != NULL) lane_send(e->echo_to->lane, &(struct msg){.type = MSG_PONG, .ping = {.t = m->ping.t}});
    if (e->free_on_message) e->lane = lane_free(e->lane);
}

static void on_bad(void *arg, const struct rv_error *err) {
    struct end *e = arg;
    e->bad++;
    snprintf(e->why, sizeof e->why, "%.250s", err->text);
}

static struct fixture begin(void) {
    struct fixture w = {.dir = "/tmp/rv-lane-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(w.dir));
    for (int i = 0; i < 2; i++) snprintf(w.path[i], sizeof w.path[i], "%s/lane%d", w.dir, i);
    w.loop = loop_new(NULL);
    w.context = lane_context_new();
    return w;
}

static void finish(struct fixture *w) {
    lane_context_free(w->context);
    loop_free(w->loop);
    CU_ASSERT_EQUAL(rmdir(w->dir), 0); /* the socket files are removed */
}

static void open_end(struct fixture *w, struct end *e, bool server, int lane) {
    struct lane_callbacks cb = {on_message, on_bad, e};
    e->in_order = true;
    e->lane = server ? lane_bind(w->context, w->loop, w->path[lane], &cb, NULL)
                     : lane_connect(w->context, w->loop, w->path[lane], &cb, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e->lane);
}

/* Sleeps between turns as a real loop does. A lost wake-up shows as a hang, which the test's time limit ends. */
static void turn_until(struct fixture *w, const uint64_t *counter, uint64_t want) {
    while (*counter < want) loop_turn(w->loop, -1);
}

static void ping(struct end *e, uint64_t t) { lane_send(e->lane, &(struct msg){.type = MSG_PONG, .ping = {.t = t}}); }
static void order(struct end *e, uint64_t t) { lane_send(e->lane, &(struct msg){.type = MSG_PING, .ping = {.t = t}}); }

static void many_in_order(void) {
    enum { MANY = 100000 };
    struct fixture w = begin();
    struct end s = {0}, h = {0};
    open_end(&w, &s, true, 0);
    open_end(&w, &h, false, 0);
    CU_ASSERT_TRUE(lane_wait_connected(h.lane, 10000));
    for (uint64_t t = 1; t <= MANY; t++) ping(&h, t);
    CU_ASSERT_TRUE(lane_queued(h.lane) > 0); /* more than ZeroMQ takes at once */
    turn_until(&w, &s.got, MANY);
    for (uint64_t t = 1; t <= MANY; t++) order(&s, t);
    turn_until(&w, &h.got, MANY);
    CU_ASSERT_TRUE(s.in_order && h.in_order && s.bad == 0 && h.bad == 0);
    CU_ASSERT_EQUAL(lane_queued(h.lane) + lane_queued(s.lane), 0);
    lane_free(h.lane);
    lane_free(s.lane);
    finish(&w);
}

/* A send from inside another lane's callback consumes that lane's edge. No message may be left unread. */
static void echo_across_lanes(void) {
    enum { ROUNDS = 5000 };
    struct fixture w = begin();
    struct end s[2] = {{0}}, h[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        open_end(&w, &s[i], true, i);
        open_end(&w, &h[i], false, i);
        CU_ASSERT_TRUE(lane_wait_connected(h[i].lane, 10000));
        ping(&h[i], 1);
        turn_until(&w, &s[i].got, 1);
    }
    s[0].echo_to = &h[1];
    s[1].echo_to = &h[0];
    ping(&h[0], 2);
    turn_until(&w, &s[0].got, ROUNDS);
    CU_ASSERT_TRUE(s[0].bad + s[1].bad == 0);
    s[0].echo_to = s[1].echo_to = NULL;
    for (int i = 0; i < 2; i++) {
        lane_free(h[i].lane);
        lane_free(s[i].lane);
    }
    finish(&w);
}

/* One peer never reads, because its loop does not turn. The other lane is not affected. */
static void stalled_peer(void) {
    enum { MANY = 300000 };
    struct fixture w = begin(), asleep = begin();
    struct end s[2] = {{0}}, awake = {0}, stalled = {0};
    open_end(&w, &s[0], true, 0);
    open_end(&w, &s[1], true, 1);
    struct lane_callbacks cb = {on_message, on_bad, &stalled};
    stalled.lane = lane_connect(asleep.context, asleep.loop, w.path[0], &cb, NULL);
    open_end(&w, &awake, false, 1);
    CU_ASSERT_TRUE(lane_wait_connected(awake.lane, 10000));
    while (!lane_wait_connected(stalled.lane, 0)) loop_turn(w.loop, 5);
    ping(&stalled, 1);
    lane_push(stalled.lane); /* its loop does not turn */
    ping(&awake, 1);
    turn_until(&w, &s[0].got, 1);
    turn_until(&w, &s[1].got, 1);
    for (uint64_t t = 1; t <= MANY; t++) {
        order(&s[0], t);
        order(&s[1], t);
    }
    turn_until(&w, &awake.got, MANY);
    CU_ASSERT_TRUE(awake.in_order && stalled.got == 0 && lane_queued(s[0].lane) > 0);
    CU_ASSERT_FALSE(lane_flush(s[0].lane, 1));
    stalled.in_order = true; /* when its loop turns, all messages are there */
    while (stalled.got < MANY) {
        loop_turn(asleep.loop, 1);
        loop_turn(w.loop, 0);
    }
    CU_ASSERT_TRUE(stalled.in_order);
    lane_free(stalled.lane);
    lane_free(awake.lane);
    lane_free(s[0].lane);
    lane_free(s[1].lane);
    finish(&asleep);
    finish(&w);
}

/* Sends raw frames from a bare socket. Each row is one message. */
static void refusals(void) {
    static const struct {
        const char *what;
        unsigned frames; /* the batch and the frames after it */
        uint64_t seq;
        const char *why;
    } rows[] = {
        {"a frame too many", 2, 1, "more frames"},
        {"three frames", 3, 1, "more frames"},
        {"four frames", 4, 1, "more frames"},
        {"a gap", 1, 3, "expected 1"},
        {"good", 1, 1, NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct end s = {0};
        open_end(&w, &s, true, 0);
        void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_DEALER);
        char url[128];
        snprintf(url, sizeof url, "ipc://%s", w.path[0]);
        CU_ASSERT_EQUAL_FATAL(zmq_connect(socket, url), 0);
        rv_autobuf struct rv_buf header = {0}, body = {0};
        msg_encode(&(struct msg){.type = MSG_SYNCED, .seq = rows[i].seq}, &header, &body);
        rv_autobuf struct rv_buf batch = {0};
        batch_add(&batch, rv_buf_bytes(&header), rv_buf_bytes(&body), &(struct rv_bytes){NULL, 0});
        for (unsigned f = 0; f < rows[i].frames; f++)
            zmq_send(socket, f == 0 ? batch.p : body.p, f == 0 ? batch.n : body.n,
                     f + 1 < rows[i].frames ? ZMQ_SNDMORE : 0);
        turn_until(&w, rows[i].why != NULL ? &s.bad : &s.got, 1);
        CHECK_ROW(s.got + s.bad == 1, rows[i].what);
        if (rows[i].why != NULL) CHECK_ROW(strstr(s.why, rows[i].why) != NULL, rows[i].what);
        zmq_close(socket);
        zmq_ctx_term(zmq);
        lane_free(s.lane);
        finish(&w);
    }
}

/* Reads the greeting and the READY command of the lane. A ZeroMQ peer waits for both before it sends a message, and
 * ZeroMQ closes a connection whose messages come before its own READY has been sent. */
static void await_ready(struct fixture *w, int fd) {
    enum { GREETING = 64 };
    char bytes[256];
    size_t got = 0;
    while (got <= GREETING) {
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            got += (size_t)n;
        else
            loop_turn(w->loop, 1);
    }
}

/* A message that never ends, with many frames or with large ones. The sender speaks ZMTP itself, because ZeroMQ sends a
 * message only when its end is known. It is refused before it is complete. */
static void without_end(void) {
    static const uint8_t hello[] = {0xff, 0,   0,   0,   0,        0,   0,   0,   1,   0x7f, 3,   0,
                                    'N',  'U', 'L', 'L', [64] = 4, 28,  5,   'R', 'E', 'A',  'D', 'Y',
                                    11,   'S', 'o', 'c', 'k',      'e', 't', '-', 'T', 'y',  'p', 'e',
                                    0,    0,   0,   6,   'D',      'E', 'A', 'L', 'E', 'R'};
    static const struct {
        const char *what;
        uint8_t head[9]; /* of each frame; the bytes of the frame are zeros */
        size_t n;
        size_t most; /* the limit on the bytes that are accepted */
    } rows[] = {{"many empty ones", {1, 0}, 2, 200000},
                {"many", {1, 100}, 2, 200000},
                {"large ones", {3, 0, 0, 0, 0, 0, 16, 0, 0}, 9, 10 << 20},
                {"a frame of 2^63 bytes", {3, 0x80}, 9, 200000}};
    static const uint8_t zeros[4096];
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct end s = {0};
        open_end(&w, &s, true, 0);
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        memcpy(a.sun_path, w.path[0], strlen(w.path[0]));
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        CU_ASSERT_EQUAL(send(fd, hello, sizeof hello, 0), sizeof hello);
        await_ready(&w, fd);
        size_t taken = 0, left = 0;
        for (int64_t end = clock_monotonic() + INT64_C(10000000000); s.bad == 0 && clock_monotonic() < end;) {
            bool head = left == 0;
            size_t n = head ? rows[i].n : left < sizeof zeros ? left : sizeof zeros;
            ssize_t sent = send(fd, head ? rows[i].head : zeros, n, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0) {
                loop_turn(w.loop, 1);
                continue;
            }
            CU_ASSERT_TRUE_FATAL(!head || (size_t)sent == n);
            taken += (size_t)sent;
            if (!head)
                left -= (size_t)sent;
            else if (rows[i].n == 2)
                left = rows[i].head[1];
            else
                left = rows[i].head[1] != 0 ? SIZE_MAX : 1 << 20;
        }
        CHECK_ROW(s.got == 0 && s.bad == 1 && taken < rows[i].most, rows[i].what);
        close(fd);
        lane_free(s.lane);
        finish(&w);
    }
}

/* What the ZMTP proxy accepts, byte by byte and in one piece. */
static void framing(void) {
    static const uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'N', 'U', 'L', 'L'};
    static const struct {
        const char *what;
        uint8_t bytes[24];
        /* `from` is the position of the bytes in the greeting; 64 means after it. */
        size_t n, from;
        bool good;
    } rows[] = {
        {"a short frame", {0, 2, 'a', 'b'}, 4, 64, true},
        {"two frames", {1, 1, 'a', 0, 0}, 5, 64, true},
        {"and again two", {1, 1, 'a', 0, 0, 1, 0, 0, 0}, 9, 64, true},
        {"three", {1, 1, 'a', 1, 0, 0, 0}, 7, 64, false},
        {"a long form", {2, 0, 0, 0, 0, 0, 0, 0, 2, 'a', 'b'}, 11, 64, true},
        {"too long", {2, 0, 0, 0, 0, 0, 0, 1, 1}, 9, 64, false},
        {"far too long", {2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, 64, false},
        {"a command", {4, 1, 'x', 0, 0}, 5, 64, true},
        {"a command between frames", {1, 0, 4, 0, 0, 0}, 6, 64, true},
        {"two commands", {4, 0, 4, 0}, 4, 64, false},
        {"unknown flags", {8, 0}, 2, 64, false},
        {"ZMTP 1", {1}, 1, 0, false},
        {"ZMTP 2", {1}, 1, 10, false},
    };
    const struct zmtp_bounds bounds = {2, 256, 1};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (int whole = 0; whole < 2; whole++) {
            uint8_t all[sizeof greeting + sizeof rows[i].bytes];
            struct zmtp_reader r = {0};
            struct rv_error err = {0};
            memcpy(all, greeting, sizeof greeting);
            memcpy(all + rows[i].from, rows[i].bytes, rows[i].n);
            size_t n = rows[i].from + rows[i].n;
            int code = 0;
            for (size_t k = 0; k < n && code == 0; k += whole != 0 ? n : 1)
                code = zmtp_read(&r, &bounds, all + k, whole != 0 ? n : 1, &err);
            CHECK_ROW(code == (rows[i].good ? 0 : RV_E_PROTOCOL), rows[i].what);
        }
}

/* A violation among good messages, in one batch and in the next. Messages before it are delivered and messages after it
 * are not. It is reported once. The same holds if the caller found the violation. */
static void violation_drops_the_rest(void) {
    static const uint64_t seqs[][3] = {{1, 2, 9}, {3, 9, 4}, {3, 4, 5}};
    struct fixture w = begin();
    struct end s = {0}, h = {0};
    open_end(&w, &s, true, 0);
    void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_DEALER);
    char url[128];
    snprintf(url, sizeof url, "ipc://%s", w.path[0]);
    CU_ASSERT_EQUAL_FATAL(zmq_connect(socket, url), 0);
    for (size_t b = 0; b < RV_ARRAY_LEN(seqs); b++) {
        rv_autobuf struct rv_buf batch = {0};
        for (size_t i = 0; i < 3; i++) {
            rv_autobuf struct rv_buf header = {0}, body = {0};
            msg_encode(&(struct msg){.type = MSG_SYNCED, .seq = seqs[b][i]}, &header, &body);
            batch_add(&batch, rv_buf_bytes(&header), rv_buf_bytes(&body), &(struct rv_bytes){NULL, 0});
        }
        zmq_send(socket, batch.p, batch.n, 0);
    }
    turn_until(&w, &s.bad, 1);
    for (int i = 0; i < 20; i++) loop_turn(w.loop, 5);
    CU_ASSERT_TRUE(s.got == 2 && s.bad == 1 && strstr(s.why, "expected 3") != NULL);
    zmq_close(socket);
    zmq_ctx_term(zmq);
    lane_free(s.lane);
    s = (struct end){0};
    open_end(&w, &s, true, 1);
    open_end(&w, &h, false, 1);
    ping(&h, 1);
    turn_until(&w, &s.got, 1);
    lane_drop_input(s.lane);
    ping(&h, 2);
    CU_ASSERT_TRUE(lane_flush(h.lane, 10000));
    for (int i = 0; i < 20; i++) loop_turn(w.loop, 5);
    CU_ASSERT_TRUE(s.got == 1 && s.bad == 0);
    order(&s, 1); /* it can still send the reason */
    turn_until(&w, &h.got, 1);
    lane_free(h.lane);
    lane_free(s.lane);
    finish(&w);
}

static void strangers(void) {
    struct fixture w = begin();
    struct end s = {0}, h = {0}, stranger = {0};
    open_end(&w, &s, true, 0);
    open_end(&w, &h, false, 0);
    ping(&h, 1);
    turn_until(&w, &s.got, 1);
    open_end(&w, &stranger, false, 0);
    CU_ASSERT_TRUE(lane_wait_connected(stranger.lane, 10000));
    ping(&stranger, 1);
    CU_ASSERT_TRUE(lane_flush(stranger.lane, 10000));
    for (uint64_t t = 2; t <= 200; t++) ping(&h, t);
    turn_until(&w, &s.got, 200);
    order(&s, 1); /* and the answer goes to the right peer */
    turn_until(&w, &h.got, 1);
    CU_ASSERT_TRUE(s.in_order && s.bad == 0 && stranger.got == 0);
    lane_free(stranger.lane);
    lane_free(h.lane);
    lane_free(s.lane);
    finish(&w);
}

static void blobs_and_death(void) {
    enum { SIZE = 1 << 20, TIMES = 8 };
    struct fixture w = begin();
    struct end s = {0}, h = {0};
    open_end(&w, &s, true, 0);
    open_end(&w, &h, false, 0);
    ping(&h, 1);
    turn_until(&w, &s.got, 1);
    rv_autobuf struct rv_buf big = {0};
    uint8_t *zeros = rv_alloc(SIZE);
    rv_mp_bin(&big, (struct rv_bytes){zeros, SIZE});
    free(zeros);
    struct blob *blob = blob_new(rv_buf_bytes(&big));
    for (uint64_t i = 0; i < TIMES; i++)
        lane_send_blob(s.lane, &(struct msg){.type = MSG_OBJECT, .object = {.rev = i}}, blob);
    blob_unref(blob);
    turn_until(&w, &h.got, TIMES);
    CU_ASSERT_EQUAL(h.bytes, TIMES * big.n);
    h.free_on_message = true; /* a callback frees its own lane while more messages are waiting */
    for (uint64_t i = 0; i < 10; i++) order(&s, i + 1);
    turn_until(&w, &h.got, TIMES + 1);
    loop_turn(w.loop, 0);
    CU_ASSERT_TRUE(h.lane == NULL && h.got == TIMES + 1);
    lane_free(s.lane); /* with a queue that nobody will read */
    finish(&w);
}

static void paths(void) {
    struct fixture w = begin();
    struct rv_error err = {0};
    struct lane_callbacks cb = {on_message, on_bad, NULL};
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    CU_ASSERT_PTR_NULL(lane_bind(w.context, w.loop, path, &cb, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "longer than"));
    CU_ASSERT_PTR_NULL(lane_bind(w.context, w.loop, "/nonexistent/dir/lane", &cb, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/dir/lane"));
    struct end h = {0};
    open_end(&w, &h, false, 0);
    CU_ASSERT_FALSE(lane_wait_connected(h.lane, 1)); /* no peer is there */
    lane_free(h.lane);
    finish(&w);
}

static const struct suite_test tests[] = {
    {"many messages in order", many_in_order},
    {"echo across lanes", echo_across_lanes},
    {"a stalled peer", stalled_peer},
    {"refusals", refusals},
    {"a message without end", without_end},
    {"framing", framing},
    {"a violation drops the rest", violation_drops_the_rest},
    {"strangers", strangers},
    {"blobs and death", blobs_and_death},
    {"paths", paths},
};
SUITE_MAIN("lane", tests)
