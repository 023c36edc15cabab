/* hostile_host.c - a host that tries to make the supervisor keep, write or do as much as it can. It passes for the toy
 * plugin; for any other it becomes the real host. The name that it is run by (a link to it) says what it does:
 *
 *   frame     batches of a megabyte with thousands of actions each
 *   giant     one batch of 16 MiB
 *   unread    actions, whose results it never reads; as fast as it can
 *   talker    messages that cost nothing, and no PONG
 *   bodies    timers with bodies of 16 MiB
 *   timers    timers without end, as many as it can
 *   endless   a message of ever more frames
 *   large     creates with bodies of 16 MiB
 *   events    events with notes of 8 KiB, each another one
 *   refused   what was not granted, each time for another object
 *   metrics   series with labels as long as they may be, each another one
 *   logs      log lines of 100 KiB
 *   pages     nothing in memory, but page tables
 *   repeated  actions that all have the id of the first
 *   failed    that it cannot run, again and again, in 8 KiB
 *   stacked   a batch full of small messages before each body of 16 MiB
 *   collide   series whose names and labels have one hash of 32 bits (FNV-1a), if no secret is in it
 *
 * It reads nothing, ever. Where silence alone would end it, it answers the PINGs that it did not read. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "ipc/base/loop.h"
#include "ipc/protocol/batch.h"
#include "ipc/protocol/msg.h"
#include "rayvisor/json.h"

enum {
    FULL = 1 << 20,
    GIANT = 15 << 20,
    LARGE = 15 << 20,
    LINE = 100 << 10,
    NOTE = 8000,
    BLOCK = 6,
    BLOCKS = 17,
    TRIED = 1 << 18
};
#define FNV 16777619u

struct hostile {
    void *socket;
    struct rv_buf batch;
    uint64_t seq, id, n;
    int64_t pong;                     /* mono ns: when the last one was sent */
    char pairs[BLOCKS][2][BLOCK + 1]; /* of collide() */
    char *text;                       /* LINE letters, with a number at the beginning */
    struct rv_buf object;
};

static void flush(struct hostile *h) {
    if (h->batch.n != 0 && zmq_send(h->socket, h->batch.p, h->batch.n, 0) < 0) exit(70);
    rv_buf_clear(&h->batch);
}

static void add(struct hostile *h, struct msg *m) {
    rv_autobuf struct rv_buf header = {0}, body = {0};
    m->seq = ++h->seq;
    msg_encode(m, &header, &body);
    bool behind = m->payload.n > MSG_MAX_BODY;
    batch_add(&h->batch, rv_buf_bytes(&header), rv_buf_bytes(&body), behind ? NULL : &m->payload);
    if (!behind) return;
    if (zmq_send(h->socket, h->batch.p, h->batch.n, ZMQ_SNDMORE) < 0 ||
        zmq_send(h->socket, m->payload.p, m->payload.n, 0) < 0)
        exit(70);
    rv_buf_clear(&h->batch);
}

static void act(struct hostile *h, struct msg *m) {
    m->type = MSG_ACTION;
    m->action.id = ++h->id;
    add(h, m);
}

/* Answers as if it had read the PING of this moment. */
static void pretend(struct hostile *h) {
    int64_t now = clock_monotonic();
    if (now - h->pong < INT64_C(100000000)) return;
    h->pong = now;
    add(h, &(struct msg){.type = MSG_PONG, .ping = {.t = (uint64_t)now}});
}

static struct rv_str numbered(struct hostile *h, size_t n) {
    char number[24];
    int len = snprintf(number, sizeof number, "n%llu-", (unsigned long long)++h->n);
    memcpy(h->text, number, (size_t)len);
    return (struct rv_str){h->text, n};
}

/* A name that no other object has. */
static struct rv_str name(struct hostile *h) { return numbered(h, 30); }

static void get(struct hostile *h) {
    act(h, &(struct msg){.action.a = {.verb = RV_VERB_GET,
                                      .api_version = RV_STR("v1"),
                                      .resource = RV_STR("configmaps"),
                                      .ns = RV_STR("default"),
                                      .name = name(h)}});
}

static void talk(struct hostile *h) { add(h, &(struct msg){.type = MSG_CREDIT, .credit = {1, 1}}); }

static void timer(struct hostile *h) {
    act(h, &(struct msg){.action.a = {.verb = RV_VERB_TIMER, .delay_ms = INT64_C(1000000000)}});
}

static void body(struct hostile *h) {
    act(h, &(struct msg){.action.a = {.verb = RV_VERB_TIMER, .delay_ms = INT64_C(1000000000)},
                         .payload = rv_buf_bytes(&h->object)});
}

static void large(struct hostile *h) {
    act(h, &(struct msg){.action.a = {.verb = RV_VERB_CREATE,
                                      .api_version = RV_STR("v1"),
                                      .resource = RV_STR("configmaps"),
                                      .ns = RV_STR("default")},
                         .payload = rv_buf_bytes(&h->object)});
}

static void event(struct hostile *h) {
    act(h, &(struct msg){.action = {.a = {.verb = RV_VERB_EVENT},
                                    .event = {.reason = RV_STR("Flood"),
                                              .kind = RV_STR("Pod"),
                                              .ns = RV_STR("default"),
                                              .name = RV_STR("p"),
                                              .note = numbered(h, NOTE)}}});
}

static void refused(struct hostile *h) {
    struct rv_str other = name(h);
    act(h, &(struct msg){.action = {.key = {RV_STR("kube-system"), other},
                                    .a = {.verb = RV_VERB_DELETE,
                                          .api_version = RV_STR("v1"),
                                          .resource = other,
                                          .ns = RV_STR("kube-system"),
                                          .name = other}}});
}

static void metric(struct hostile *h) {
    rv_autobuf struct rv_buf labels = {0};
    struct rv_str value = numbered(h, 250);
    rv_mp_map(&labels, 15);
    for (char key[3] = "la"; key[1] < 'a' + 15; key[1]++) {
        rv_mp_cstr(&labels, key);
        rv_mp_str(&labels, value);
    }
    add(h, &(struct msg){.type = MSG_METRIC, .metric = {RV_STR("flood"), 1, 1, {labels.p, labels.n}}});
}

/* Two blocks of letters that lead from one state of FNV-1a to the same next one. */
static uint32_t find_pair(uint32_t from, char ret[2][BLOCK + 1]) {
    rv_autofree uint32_t *tried = rv_alloc_array(TRIED, sizeof *tried);
    for (uint32_t i = 1;; i++) {
        char block[BLOCK + 1] = {0}, other[BLOCK + 1] = {0};
        uint32_t state = from;
        for (int k = 0; k < BLOCK; k++) state = (state ^ (uint8_t)(block[k] = (char)('a' + (i >> 4 * k & 15)))) * FNV;
        uint32_t *place = &tried[state % TRIED], before = *place, again = from;
        *place = i;
        if (before == 0) continue;
        for (int k = 0; k < BLOCK; k++)
            again = (again ^ (uint8_t)(other[k] = (char)('a' + (before >> 4 * k & 15)))) * FNV;
        if (again != state) continue;
        memcpy(ret[0], block, sizeof block);
        memcpy(ret[1], other, sizeof other);
        return state;
    }
}

/* BLOCKS pairs one after the other make 2^BLOCKS values with the same hash. */
static void collide(struct hostile *h) {
    if (h->n == 0) {
        uint32_t state = 2166136261u;
        const char before[] = "flood\xff,l=\"";
        for (const char *p = before; *p != 0; p++) state = (state ^ (uint8_t)*p) * FNV;
        for (int i = 0; i < BLOCKS; i++) state = find_pair(state, h->pairs[i]);
    }
    rv_autobuf struct rv_buf value = {0}, labels = {0};
    for (int i = 0; i < BLOCKS; i++) rv_buf_adds(&value, h->pairs[i][h->n >> i & 1]);
    h->n++;
    rv_mp_map(&labels, 1);
    rv_mp_cstr(&labels, "l");
    rv_mp_str(&labels, rv_buf_str(&value));
    add(h, &(struct msg){.type = MSG_METRIC, .metric = {RV_STR("flood"), 1, 1, {labels.p, labels.n}}});
}

static void repeated(struct hostile *h) {
    h->id = 0;
    get(h);
}

static void failed(struct hostile *h) { add(h, &(struct msg){.type = MSG_FAILED, .text = {1, numbered(h, NOTE)}}); }

static void stacked(struct hostile *h) {
    while (h->batch.n < 60 << 10) talk(h);
    large(h);
}

static void line(struct hostile *h) {
    add(h, &(struct msg){.type = MSG_LOG, .log = {.level = 1, .message = numbered(h, LINE)}});
}

/* It shows that it lives between two pages: on a busy machine it is silent for too long otherwise. */
static void pages(struct hostile *h) {
    const size_t size = (size_t)1 << 39, table = (size_t)2 << 20; /* the part that one page of a page table covers */
    volatile uint8_t *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) exit(71);
    (void)madvise((void *)(uintptr_t)p, size, MADV_NOHUGEPAGE);
    unsigned sum = 0;
    for (size_t i = 0; i < size; i += table) {
        sum += p[i];
        pretend(h);
        flush(h);
    }
    printf("%u\n", sum);
    for (;; usleep(10000)) {
        pretend(h);
        flush(h);
    }
}

static const struct mode {
    const char *name;
    void (*say)(struct hostile *h);
    size_t batch; /* in bytes, about */
    bool alive;   /* as far as it knows */
} modes[] = {{"frame", get, FULL, true},
             {"giant", get, GIANT, true},
             {"unread", get, 1, true},
             {"talker", talk, 60 << 10, false},
             {"bodies", body, 1, true},
             {"timers", timer, 60 << 10, true},
             {"large", large, 1, true},
             {"events", event, 60 << 10, true},
             {"refused", refused, 60 << 10, true},
             {"repeated", repeated, 60 << 10, true},
             {"failed", failed, 60 << 10, true},
             {"stacked", stacked, 1, true},
             {"collide", collide, 60 << 10, true},
             {"metrics", metric, 60 << 10, true},
             {"logs", line, 60 << 10, true},
             {"pages", pages, 1, true}};

/* Reads the greeting and the beginning of READY: ZeroMQ closes a connection whose messages come before that. */
static void await_ready(int fd) {
    char bytes[65];
    for (size_t got = 0; got < sizeof bytes;) {
        ssize_t n = read(fd, bytes + got, sizeof bytes - got);
        if (n <= 0) exit(69);
        got += (size_t)n;
    }
}

/* ZeroMQ sends no message before its end is known. So this function speaks ZMTP itself. */
static void endless(const char *path) {
    static const uint8_t hello[] = {0xff, 0,   0,   0,   0,        0,   0,   0,   1,   0x7f, 3,   0,
                                    'N',  'U', 'L', 'L', [64] = 4, 28,  5,   'R', 'E', 'A',  'D', 'Y',
                                    11,   'S', 'o', 'c', 'k',      'e', 't', '-', 'T', 'y',  'p', 'e',
                                    0,    0,   0,   6,   'D',      'E', 'A', 'L', 'E', 'R'};
    static const uint8_t frame[1026] = {3, 0, 0, 0, 0, 0, 0, 4, 0}; /* more of them come; its bytes are zeros */
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 || write(fd, hello, sizeof hello) < 0) exit(69);
    await_ready(fd);
    while (send(fd, frame, 9, MSG_NOSIGNAL) == 9 && send(fd, frame + 2, 1024, MSG_NOSIGNAL) == 1024) continue;
    for (;;) pause();
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

static const char *option(char **argv, const char *wanted) {
    for (; argv[0] != NULL && argv[1] != NULL; argv++)
        if (strcmp(argv[0], wanted) == 0) return argv[1];
    return "";
}

_Noreturn static void flood(struct hostile *h, const struct mode *m) {
    for (;;) {
        m->say(h);
        if (m->alive) pretend(h);
        if (h->batch.n >= m->batch) flush(h);
    }
}

static const struct mode *find_mode(const char *name) {
    for (size_t i = 0; i < RV_ARRAY_LEN(modes); i++)
        if (strcmp(modes[i].name, name) == 0) return &modes[i];
    exit(65);
}

/* Says HELLO, the first message. A giant batch is made before it: from then on signs of life are expected, and none can
 * be sent while it is made. */
static void begin(struct hostile *h, const struct mode *m, struct msg *hello) {
    struct rv_buf first = {0};
    h->seq = 1;
    while (m->batch >= GIANT && h->batch.n < m->batch) m->say(h);
    uint64_t seq = h->seq;
    first = h->batch;
    h->batch = (struct rv_buf){0};
    h->seq = 0;
    add(h, hello);
    flush(h);
    rv_buf_free(&h->batch);
    h->seq = seq;
    h->batch = first;
    flush(h);
}

static void prepare(struct hostile *h) {
    h->text = rv_alloc(LARGE);
    memset(h->text, 'x', LARGE);
    rv_mp_map(&h->object, 1);
    rv_mp_cstr(&h->object, "data");
    rv_mp_str(&h->object, (struct rv_str){h->text, LARGE});
}

int main(int argc, char **argv) {
    (void)argc;
    if (strstr(option(argv, "--plugin"), "/toy.so") == NULL) become_the_real_one(argv);
    uint8_t token[32];
    if (read(3, token, sizeof token) != sizeof token) return 64;
    rv_autofree char *copy = rv_strdup(rv_str(argv[0]));
    const char *what = basename(copy);
    if (strcmp(what, "endless") == 0) endless(option(argv, "--lane"));
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "ipc://%s", option(argv, "--lane"));
    struct hostile h = {.socket = zmq_socket(zmq_ctx_new(), ZMQ_DEALER)};
    if (zmq_connect(h.socket, rv_buf_cstr(&url)) != 0) return 69;
    struct msg hello = {
        .type = MSG_HELLO,
        .hello = {{token, 32}, MSG_VERSION, RV_ABI_MAJOR, 0, RV_STR("toy"), RV_STR("1.0.0"), getpid(), 0}};
    const struct mode *m = find_mode(what);
    prepare(&h);
    begin(&h, m, &hello);
    flood(&h, m);
}
