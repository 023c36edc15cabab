/* test_record.c - recordings: what cannot be written, and what a replay says of a run by the same and by another
 * plugin. */
#include "plugins/host/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "script.h"

static unsigned lines_with(int fd, const char *text) {
    char all[65536];
    ssize_t n = read(fd, all, sizeof all - 1);
    unsigned found = 0;
    all[n > 0 ? n : 0] = 0;
    for (const char *p = all; (p = strstr(p, text)) != NULL; p++) found++;
    return found;
}

static void full_disk(void) {
    struct rv_error err = {0};
    int out[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(out, O_NONBLOCK | O_CLOEXEC), 0);
    log_setup(LOG_TEXT, RV_LOG_INFO, out[1], "test");
    struct recorder *r = recorder_open("/dev/full", 0, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    for (int i = 0; i < 5; i++) recorder_add(r, RECORD_TICK, (struct engine_time){1, 2}, NULL);
    recorder_close(r);
    CU_ASSERT_EQUAL(lines_with(out[0], "the recording ends here"), 1);
    log_setup(LOG_TEXT, RV_LOG_INFO, STDERR_FILENO, "test");
    close(out[0]);
    close(out[1]);
}

static void no_such_folder(void) {
    struct rv_error err = {0};
    CU_ASSERT_PTR_NULL(recorder_open("/nowhere/at/all", 0, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/at/all"));
}

/* ---- replay ----------------------------------------------------------------------------------------------------- */

/* What the plugin of the replay does otherwise than the one that was recorded. */
static enum behaviour { AS_BEFORE, OTHER_NAME, NOTHING, ONE_MORE } behaviour;

struct toy {
    const struct rv_host_api *api;
    struct rv_host *host;
};

static int32_t toy_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    static struct toy toy; /* a recording that breaks off ends without fini() */
    (void)err;
    toy = (struct toy){api, h};
    *ret_state = &toy;
    return 0;
}

static void toy_fini(void *state) { (void)state; }

static void create(struct toy *t, const struct rv_key *key, const char *suffix) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val body = from_json(a, "{\"data\":{}}");
    struct rv_action act = {.size = sizeof act,
                            .verb = RV_VERB_CREATE,
                            .api_version = RV_STR("v1"),
                            .resource = RV_STR("configmaps"),
                            .ns = key->ns,
                            .name = rv_arena_fmt(a, RV_STR_FMT "-%s", RV_STR_ARG(key->name), suffix),
                            .body = {body.p, body.n}};
    CU_ASSERT_EQUAL(t->api->act(t->host, &act), 0);
}

static void toy_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct toy *t = state;
    (void)out;
    if (t->api->result(t->host, 0) != NULL) return;
    t->api->explain(t->host, RV_STR("makes a child"));
    t->api->explain(t->host, RV_STR("and waits"));
    if (behaviour != NOTHING) create(t, key, behaviour == OTHER_NAME ? "other" : "child");
    if (behaviour == ONE_MORE) create(t, key, "more");
}

static const struct rv_plugin toy = {.size = sizeof toy,
                                     .magic = RV_ABI_MAGIC,
                                     .abi_major = RV_ABI_MAJOR,
                                     .name = "toy",
                                     .version = "1",
                                     .init = toy_init,
                                     .reconcile = toy_reconcile,
                                     .fini = toy_fini};

struct run {
    struct recorder *recorder;
    struct engine *engine;
    struct engine_time now;
};

static void on_send(void *arg, struct msg *m) {
    struct run *r = arg;
    recorder_add(r->recorder, RECORD_OUT, r->now, m);
}

static void tell(struct run *r, struct msg m) {
    recorder_add(r->recorder, RECORD_IN, r->now, &m);
    CU_ASSERT_EQUAL(engine_message(r->engine, r->now, &m, NULL), 0);
}

static void tick(struct run *r) {
    for (int i = 0; i < 100 && engine_deadline(r->engine) <= r->now.mono; i++) {
        recorder_add(r->recorder, RECORD_TICK, r->now, NULL);
        engine_tick(r->engine, r->now);
    }
}

/* A run of two objects, recorded into a file, whose bytes are returned. */
static struct rv_buf record(uint64_t max) {
    char path[] = "/tmp/rv-record-XXXXXX";
    int fd = mkstemp(path);
    struct rv_error err = {0};
    struct rv_buf b = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    behaviour = AS_BEFORE;
    struct run r = {.now = {1000, INT64_C(1767323045000006000)}};
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    r.recorder = recorder_open(path, max, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.recorder);
    r.engine = engine_new(&(struct engine_opts){.plugin = &toy, .send = on_send, .arg = &r});
    engine_start(r.engine, r.now, (struct rv_bytes){script_seed, 32}, 1);
    tell(&r, script_welcome(a));
    tell(&r, script_snap(MSG_SNAP_BEGIN, 1));
    tell(&r, script_object(a, 0, "a", "", 1));
    tell(&r, script_object(a, 0, "b", "", 1));
    tell(&r, script_snap(MSG_SNAP_END, 1));
    tick(&r);
    tell(&r, script_result(1, 0));
    tell(&r, script_result(2, 0));
    tick(&r);
    engine_free(r.engine);
    recorder_close(r.recorder);
    uint8_t chunk[65536];
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;) rv_buf_add(&b, chunk, (size_t)n);
    close(fd);
    CU_ASSERT_EQUAL(unlink(path), 0);
    return b;
}

static int replay(struct rv_bytes recording, const char *key, char **ret_said, struct rv_error *err) {
    size_t n;
    FILE *out = open_memstream(ret_said, &n);
    if (out == NULL) abort();
    int r = replay_bytes(recording, &toy, key, out, err);
    if (fclose(out) != 0) abort();
    return r;
}

static size_t times(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++) n++;
    return n;
}

/* Each line is one JSON document; returns how many there are. */
static size_t documents(const char *text) {
    size_t n = 0;
    for (const char *end; *text != 0; text = end + 1, n++) {
        rv_autobuf struct rv_buf mp = {0};
        end = strchr(text, '\n');
        if (end == NULL || rv_json_to_mp((struct rv_str){text, (size_t)(end - text)}, NULL, &mp, NULL) != 0) return 0;
    }
    return n;
}

#define DECISION                                                                                                       \
    "{\"type\":\"DECISION\",\"at\":\"2026-01-02T03:04:05.000006Z\",\"lines\":[\"makes a child\",\"and waits\"]}\n"

static void replays(void) {
    static const struct {
        const char *row, *key;
        enum behaviour behaviour;
        int code;
        size_t documents, actions, decisions;
        const char *says;
    } rows[] = {
        {"the same", NULL, AS_BEFORE, 0, 2, 2, 0, "{\"type\":\"ACTION\",\"body\":"},
        {"one object", "ns/a", AS_BEFORE, 0, 3, 1, 2, DECISION},
        {"another one", "ns/b", AS_BEFORE, 0, 3, 1, 2, DECISION},
        {"an object that is not there", "ns/c", AS_BEFORE, 0, 0, 0, 0, ""},
        {"a namespace that is not there", "n/a", AS_BEFORE, 0, 0, 0, 0, ""},
        {"another name", NULL, OTHER_NAME, 1, 4, 2, 0,
         "{\"difference\":\"the request is another one than was recorded\","},
        {"another name, in words", NULL, OTHER_NAME, 1, 4, 2, 0,
         "\"recorded\":\"create configmaps ns/a-child for ns/a\",\"recordedMessage\":{\"type\":\"ACTION\","},
        {"another name now", NULL, OTHER_NAME, 1, 4, 2, 0,
         "\"now\":\"create configmaps ns/a-other for ns/a\",\"nowMessage\":{\"type\":\"ACTION\","},
        {"its body", NULL, OTHER_NAME, 1, 4, 2, 0, "\"payload\":{\"data\":{}}}"},
        {"a difference, one object", "ns/b", OTHER_NAME, 1, 5, 1, 2, DECISION},
    };
    rv_autobuf struct rv_buf b = record(0);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autofree char *said = NULL;
        struct rv_error err = {0};
        behaviour = rows[i].behaviour;
        CHECK_ROW(replay(rv_buf_bytes(&b), rows[i].key, &said, &err) == rows[i].code, rows[i].row);
        CHECK_ROW(documents(said) == rows[i].documents, rows[i].row);
        CHECK_ROW(times(said, "{\"type\":\"ACTION\"") - 2 * times(said, "{\"difference\"") == rows[i].actions,
                  rows[i].row);
        CHECK_ROW(times(said, "{\"type\":\"DECISION\"") == rows[i].decisions, rows[i].row);
        CHECK_ROW(strstr(said, rows[i].says) != NULL, rows[i].row);
        if (strstr(said, rows[i].says) == NULL) printf("\n%s", said);
    }
}

static void other_requests(void) {
    static const struct {
        const char *row;
        enum behaviour behaviour;
        const char *says;
    } rows[] = {{"fewer", NOTHING, "{\"difference\":\"a recorded request was not made\",\"request\":"},
                {"fewer, without a message of now", NOTHING, ",\"now\":null}\n"},
                {"more", ONE_MORE, "{\"difference\":\"the request was not recorded\",\"request\":"},
                {"more, without a recorded message", ONE_MORE,
                 ",\"recorded\":null,\"now\":\"create configmaps ns/b-more for ns/b\","}};
    rv_autobuf struct rv_buf b = record(0);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autofree char *said = NULL;
        struct rv_error err = {0};
        behaviour = rows[i].behaviour;
        CHECK_ROW(replay(rv_buf_bytes(&b), NULL, &said, &err) == 1, rows[i].row);
        CHECK_ROW(documents(said) > 2 && strstr(said, rows[i].says) != NULL, rows[i].row);
        if (strstr(said, rows[i].says) == NULL) printf("\n%s", said);
    }
}

/* The host may have died at any byte: what is there is replayed. A byte that is no record is said to be none. */
static void cut_and_broken(void) {
    rv_autobuf struct rv_buf b = record(0);
    behaviour = AS_BEFORE;
    for (size_t n = 0; n <= b.n; n++) {
        rv_autofree char *said = NULL;
        struct rv_error err = {0};
        int r = replay((struct rv_bytes){b.p, n}, NULL, &said, &err);
        if (r != 0) printf("\n    %zu bytes of %zu: %d %s", n, b.n, r, err.text);
        CU_ASSERT_EQUAL(r, 0);
    }
    static const struct {
        const char *row;
        uint8_t bytes[12];
        size_t n;
        const char *says;
    } rows[] = {
        {"no array", {0xc0}, 1, "recording is broken at byte"},
        {"an array of five", {0x95, 2, 0, 0, 0xc4, 0}, 6, "recording is broken at byte"},
        {"a text among them", {0x96, 2, 0, 0, 0xa1, 'x'}, 6, "recording is broken at byte"},
        {"no UTF-8 among them", {0x96, 2, 0, 0, 0xa1, 0xff, 0xc4, 0, 0xc4, 0}, 10, "recording is broken at byte"},
        {"an unknown kind", {0x96, 3, 0, 0, 0xc4, 0, 0xc4, 0, 0xc4, 0}, 10, "no such kind of record"},
        {"a negative kind", {0x96, 0xff, 0, 0, 0xc4, 0, 0xc4, 0, 0xc4, 0}, 10, "no such kind of record"},
        {"no message", {0x96, 0, 0, 0, 0xc4, 0, 0xc4, 0, 0xc4, 0}, 10, "recording: "}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autofree char *said = NULL;
        rv_autobuf struct rv_buf more = {0};
        struct rv_error err = {0};
        char at[32];
        rv_buf_add(&more, b.p, b.n);
        rv_buf_add(&more, rows[i].bytes, rows[i].n);
        CHECK_ROW(replay(rv_buf_bytes(&more), NULL, &said, &err) < 0, rows[i].row);
        snprintf(at, sizeof at, "at byte %zu", b.n);
        CHECK_ROW(strstr(err.text, rows[i].says) != NULL, rows[i].row);
        CHECK_ROW(rows[i].bytes[1] == 0 || strstr(err.text, at) != NULL, rows[i].row);
    }
}

/* It ends with the record that reaches its size, and that record is whole. */
static void bounded(void) {
    rv_autobuf struct rv_buf all = record(0);
    size_t ends[64], n = 0;
    for (size_t at = 0; at < all.n && n < 64; n++) {
        struct rv_iter it = {.p = all.p + at, .end = all.p + all.n, .left = 1};
        CU_ASSERT_TRUE_FATAL(rv_iter_next(&it));
        ends[n] = at += it.val.n;
    }
    CU_ASSERT_TRUE_FATAL(n > 3 && ends[n - 1] == all.n);
    log_setup(LOG_TEXT, RV_LOG_ERROR, STDERR_FILENO, "test");
    for (size_t i = 0; i < n; i++) {
        rv_autobuf struct rv_buf full = record(ends[i]), over = record(ends[i] + 1);
        CU_ASSERT_EQUAL(full.n, ends[i]);
        CU_ASSERT_EQUAL(over.n, i + 1 < n ? ends[i + 1] : ends[i]);
    }
    log_setup(LOG_TEXT, RV_LOG_INFO, STDERR_FILENO, "test");
}

static const struct suite_test tests[] = {
    {"full disk", full_disk},           {"no such folder", no_such_folder}, {"replays", replays},
    {"other requests", other_requests}, {"cut and broken", cut_and_broken}, {"bounded", bounded}};
SUITE_MAIN("recordings", tests)
