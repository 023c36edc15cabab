/* babbling_host.c - a host that greets correctly and then sends one malformed message. It pretends to have the toy
 * plugin; for any other plugin it becomes the real host. The name by which it is run (a link to it) says what it sends:
 * random, truncated, oversized, unknown, gap, frames, batch. With twice, token and early, its HELLO is wrong. With
 * late, it sends a correct HELLO when a file "go" appears beside that link. After its mistake it requests a
 * ConfigMap. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "ipc/protocol/batch.h"
#include "ipc/protocol/msg.h"
#include "rayvisor/json.h"

enum { OVERSIZED = 2 << 20 };

static void put(void *socket, const struct rv_buf *frame, bool more) {
    if (zmq_send(socket, frame->p, frame->n, more ? ZMQ_SNDMORE : 0) < 0) abort();
}

static void put_message(void *socket, const struct rv_buf *header, const struct rv_buf *body, bool more) {
    rv_autobuf struct rv_buf batch = {0};
    batch_add(&batch, rv_buf_bytes(header), rv_buf_bytes(body), &(struct rv_bytes){NULL, 0});
    put(socket, &batch, more);
}

/* seq is the number that the receiver expects, 2, unless the test is about it. */
static void babble(void *socket, const char *what) {
    rv_autobuf struct rv_buf header = {0}, body = {0};
    struct msg m = {.type = MSG_CREDIT, .seq = strcmp(what, "gap") == 0 ? 7 : 2, .credit = {1, 1}};
    msg_encode(&m, &header, &body);
    if (strcmp(what, "batch") == 0) { /* a map */
        put(socket, &body, false);
        return;
    }
    if (strcmp(what, "random") == 0) {
        for (size_t i = 0; i < body.n; i++) body.p[i] = (uint8_t)(0xC1 + i * 37); /* 0xC1 is never valid msgpack */
    } else if (strcmp(what, "truncated") == 0) {
        body.n--;
    } else if (strcmp(what, "oversized") == 0) {
        rv_buf_reserve(&body, OVERSIZED);
        memset(body.p + body.n, 0, OVERSIZED);
        body.n += OVERSIZED;
    } else if (strcmp(what, "unknown") == 0) { /* [1, 99, 2, 1]: an unknown type that must be understood */
        rv_buf_clear(&header);
        rv_buf_add(&header, "\x94\x01\x63\x02\x01", 5);
    }
    bool frames = strcmp(what, "frames") == 0;
    put_message(socket, &header, &body, frames);
    if (frames) put(socket, &body, false);
}

static void send_message(void *socket, struct msg *m, uint64_t seq) {
    rv_autobuf struct rv_buf header = {0}, body = {0}, batch = {0};
    m->seq = seq;
    msg_encode(m, &header, &body);
    batch_add(&batch, rv_buf_bytes(&header), rv_buf_bytes(&body), &m->payload);
    put(socket, &batch, false);
}

/* Uses every number that the receiver might expect next. */
static void ask_all_the_same(void *socket) {
    for (uint64_t seq = 1; seq <= 9; seq++) {
        rv_autobuf struct rv_buf body = {0}, json = {0};
        rv_buf_addf(&json,
                    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"behind-%d\","
                    "\"namespace\":\"default\"}}",
                    (int)seq);
        if (rv_json_to_mp(rv_buf_str(&json), NULL, &body, NULL) != 0) abort();
        struct msg m = {.type = MSG_ACTION,
                        .action = {.id = seq,
                                   .a = {.verb = RV_VERB_CREATE,
                                         .api_version = RV_STR("v1"),
                                         .resource = RV_STR("configmaps"),
                                         .ns = RV_STR("default")}},
                        .payload = rv_buf_bytes(&body)};
        send_message(socket, &m, seq);
    }
}

/* Sends HELLO with the mistake that the name says, if any. */
static void greet(void *socket, const char *path, uint8_t token[32]) {
    rv_autofree char *copy = rv_strdup(rv_str(path)), *dir = rv_strdup(rv_str(path));
    const char *what = basename(copy);
    rv_autobuf struct rv_buf go = {0};
    rv_buf_addf(&go, "%s/go", dirname(dir));
    while (strcmp(what, "late") == 0 && access(rv_buf_cstr(&go), F_OK) != 0) usleep(10000);
    if (strcmp(what, "token") == 0) token[5] ^= 1;
    struct msg hello = {
        .type = MSG_HELLO,
        .hello = {{token, 32}, MSG_VERSION, RV_ABI_MAJOR, 0, RV_STR("toy"), RV_STR("1.0.0"), getpid(), 0}};
    if (strcmp(what, "early") == 0) send_message(socket, &(struct msg){.type = MSG_SYNCED}, 1);
    send_message(socket, &hello, strcmp(what, "early") == 0 ? 2 : 1);
    if (strcmp(what, "twice") == 0) send_message(socket, &hello, 2);
}

static void become_the_real_one(char **argv) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) abort();
    self[n] = 0;
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/rayvisor-host", dirname(self));
    argv[0] = (char *)(uintptr_t)rv_buf_cstr(&path);
    execv(argv[0], argv);
    abort();
}

static const char *option(char **argv, const char *name) {
    for (; argv[0] != NULL && argv[1] != NULL; argv++)
        if (strcmp(argv[0], name) == 0) return argv[1];
    return "";
}

int main(int argc, char **argv) {
    (void)argc;
    if (strstr(option(argv, "--plugin"), "/toy.so") == NULL) become_the_real_one(argv);
    uint8_t token[32];
    if (read(3, token, sizeof token) != sizeof token) return 64;
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "ipc://%s", option(argv, "--lane"));
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    if (zmq_connect(socket, rv_buf_cstr(&url)) != 0) return 69;
    greet(socket, argv[0], token);
    const char *what = basename(argv[0]);
    static const char *const in_hello = "twice token early late";
    if (strstr(in_hello, what) == NULL) babble(socket, what);
    if (strcmp(what, "late") != 0) ask_all_the_same(socket);
    for (;;) pause(); /* the supervisor ends it */
}
