/* The tap: who listens gets numbered messages, and subscriptions without end are noticed. */
#include "supervisor/trail/tap.h"

#include "tests/unit/sdk/suite.h"

#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

enum { TOO_MANY = 1100, TRIES = 5000 };

static const struct happening change = {
    .what = HAPPENING_CHANGE, .plugin = "", .kind = "Pod", .ns = {"n", 1}, .name = {"p", 1}, .version = {"7", 1}};

struct fixture {
    char dir[32], endpoint[64];
    struct lane_context *context;
    struct tap *tap;
    void *client, *observer;
};

static struct fixture fixture_new(void) {
    struct fixture f = {.dir = "/tmp/rayvisor-tap-XXXXXX", .context = lane_context_new(), .client = zmq_ctx_new()};
    struct rv_error err = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f.dir));
    snprintf(f.endpoint, sizeof f.endpoint, "ipc://%s/tap.sock", f.dir);
    f.tap = tap_open(f.context, f.endpoint, 100, 5, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.tap);
    f.observer = zmq_socket(f.client, ZMQ_SUB);
    int wait_ms = 1, no_bound = 0;
    CU_ASSERT_EQUAL(zmq_setsockopt(f.observer, ZMQ_SNDHWM, &no_bound, sizeof no_bound), 0); /* of subscriptions */
    CU_ASSERT_EQUAL(zmq_setsockopt(f.observer, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms), 0);
    CU_ASSERT_EQUAL(zmq_connect(f.observer, f.endpoint), 0);
    return f;
}

static void fixture_free(struct fixture *f) {
    rv_autobuf struct rv_buf path = {0};
    zmq_close(f->observer);
    zmq_ctx_term(f->client);
    tap_close(f->tap);
    lane_context_free(f->context);
    rv_buf_addf(&path, "%s/tap.sock", f->dir);
    (void)unlink(rv_buf_cstr(&path));
    (void)rmdir(f->dir);
}

/* Receives one message; returns its number, or -1 if none came. */
static int64_t next_number(struct fixture *f) {
    char topic[16] = "", text[512] = "";
    static const char epoch[] = "\"epoch\":\"0000000000000005\"", key[] = "\"seq\":";
    if (zmq_recv(f->observer, topic, sizeof topic - 1, 0) < 0) return -1;
    CU_ASSERT_STRING_EQUAL(topic, "change");
    CU_ASSERT_TRUE(zmq_recv(f->observer, text, sizeof text - 1, 0) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, epoch));
    const char *number = strstr(text, key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(number);
    return strtoll(number + sizeof key - 1, NULL, 10);
}

static void test_numbered(void) {
    struct fixture f = fixture_new();
    CU_ASSERT_EQUAL(zmq_setsockopt(f.observer, ZMQ_SUBSCRIBE, "change", 6), 0);
    int64_t number = -1;
    for (int i = 0; i < TRIES && number < 0; i++) {
        tap_publish(f.tap, &change);
        number = next_number(&f);
    }
    CU_ASSERT_TRUE(number > 0 && number <= (int64_t)tap_published(f.tap));
    /* Those that were published before the first one arrived follow it, without a gap. */
    for (int i = 0; i < TRIES && number < (int64_t)tap_published(f.tap); i++) {
        int64_t next = next_number(&f);
        CU_ASSERT_TRUE(next < 0 || next == number + 1);
        number = next < 0 ? number : next;
    }
    CU_ASSERT_EQUAL(number, (int64_t)tap_published(f.tap));
    CU_ASSERT_FALSE(tap_is_flooded(f.tap));
    fixture_free(&f);
}

static void test_flooded(void) {
    struct fixture f = fixture_new();
    char topic[16];
    for (int i = 0; i < TOO_MANY; i++) {
        int n = snprintf(topic, sizeof topic, "t%d", i);
        CU_ASSERT_EQUAL_FATAL(zmq_setsockopt(f.observer, ZMQ_SUBSCRIBE, topic, (size_t)n), 0);
    }
    for (int i = 0; i < TRIES && !tap_is_flooded(f.tap); i++) {
        (void)tap_has_observers(f.tap);
        (void)zmq_recv(f.observer, topic, sizeof topic, 0); /* waits for a moment */
    }
    CU_ASSERT_TRUE(tap_is_flooded(f.tap));
    fixture_free(&f);
}

static const struct suite_test tests[] = {{"messages are numbered", test_numbered},
                                          {"too many subscriptions", test_flooded}};
SUITE_MAIN("tap", tests)
