/* tap.c - rayvisorctl tap: listens to what rayvisord tells observers. supervisor/trail/README.md has the format. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <zmq.h>

#include "ask.h"
#include "history_line.h"
#include "ipc/base/visible.h"

enum { TEXT_MAX = 64 << 10, TOPIC_MAX = 32 };
static const char topics[] = "change pass request result";

/* How far each numbering has come: the topic's own, because the others are not heard where topics are chosen. */
struct heard {
    uint64_t seq[4];
    char epoch[32];
};

static int add_topics(struct ctl_context *c, void *socket) {
    if (c->argc == 0) return zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    for (int i = 0; i < c->argc; i++) {
        if (!ctl_has_word(topics, rv_str(c->argv[i]))) {
            rv_autobuf struct rv_buf b = {0};
            ctl_list_words(topics, c->argv[i], &b);
            return rv_error_set(&c->err, -CTL_USAGE, "there is no topic \"%s\"; there are %s", c->argv[i],
                                rv_buf_cstr(&b));
        }
        (void)zmq_setsockopt(socket, ZMQ_SUBSCRIBE, c->argv[i], strlen(c->argv[i]));
    }
    return 0;
}

static void report_gap(struct heard *h, struct rv_val v) {
    const char *words = topics;
    struct rv_str w, epoch = rv_path_str(v, "epoch");
    uint64_t seq = (uint64_t)rv_path_int(v, "topicSeq", 0);
    if (!rv_str_is(epoch, h->epoch)) { /* the first message, or another run of rayvisord */
        *h = (struct heard){0};
        snprintf(h->epoch, sizeof h->epoch, RV_STR_FMT, RV_STR_ARG(epoch));
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(h->seq) && ctl_next_word(&words, &w); i++) {
        if (!rv_str_eq(w, rv_path_str(v, "what"))) continue;
        if (h->seq[i] != 0 && seq > h->seq[i] + 1)
            fprintf(stderr, "%llu messages of \"" RV_STR_FMT "\" were lost\n",
                    (unsigned long long)(seq - h->seq[i] - 1), RV_STR_ARG(w));
        h->seq[i] = seq;
    }
}

/* One line of JSON stays one line of JSON. */
static void print_message(struct ctl_context *c, struct rv_str text, struct rv_val v) {
    rv_autobuf struct rv_buf shown = {0}, line = {0};
    if (ctl_is_json(c)) {
        visible_text(text, VISIBLE_LINES, &line);
        rv_buf_addc(&line, '\n');
    } else {
        visible_value(v, &shown);
        history_line((struct rv_val){shown.p, shown.n}, true, &line);
    }
    fwrite(line.p, 1, line.n, stdout);
    fflush(stdout);
}

static int receive(void *socket, char *into, size_t max) {
    int n = zmq_recv(socket, into, max, 0);
    return n < 0 || (size_t)n > max ? -1 : n;
}

/* Until the user ends it, or the reader of our output is gone. */
static void listen_to(struct ctl_context *c, void *socket) {
    static char text[TEXT_MAX];
    char topic[TOPIC_MAX];
    struct heard h = {0};
    while (!ferror(stdout)) {
        int n = receive(socket, topic, sizeof topic);
        if (n < 0 && zmq_errno() == EINTR) return;
        int size = 0;
        size_t len = sizeof size;
        (void)zmq_getsockopt(socket, ZMQ_RCVMORE, &size, &len);
        if (size == 0) continue;
        n = receive(socket, text, sizeof text);
        rv_autobuf struct rv_buf mp = {0};
        struct rv_str json = {text, n > 0 ? (size_t)n : 0};
        if (rv_json_to_mp(json, NULL, &mp, NULL) != 0) continue;
        report_gap(&h, (struct rv_val){mp.p, mp.n});
        print_message(c, json, (struct rv_val){mp.p, mp.n});
    }
}

static int hear(struct ctl_context *c, const char *endpoint) {
    void *context = zmq_ctx_new(), *socket = context != NULL ? zmq_socket(context, ZMQ_SUB) : NULL;
    int zero = 0, r = socket == NULL ? rv_error_set(&c->err, -ENOMEM, "no socket: %s", zmq_strerror(zmq_errno())) : 0;
    if (r == 0) r = add_topics(c, socket);
    if (r == 0 && zmq_connect(socket, endpoint) != 0)
        r = rv_error_set(&c->err, -zmq_errno(), "cannot connect to %s: %s", endpoint, zmq_strerror(zmq_errno()));
    if (r == 0) {
        fprintf(stderr, "listening to %s; end with Ctrl-C\n", endpoint);
        listen_to(c, socket);
    }
    if (socket != NULL) (void)zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    if (socket != NULL) zmq_close(socket);
    if (context != NULL) zmq_ctx_term(context);
    return r;
}

int ctl_tap(struct ctl_context *c) {
    struct rv_val v;
    int r = ask_supervisor(c, "{\"cmd\":\"status\"}", &v);
    if (r != 0) return r;
    rv_autofree char *endpoint = rv_strdup(rv_path_str(v, "tap.endpoint"));
    struct rv_str refused = rv_path_str(v, "tap.refused");
    if (endpoint[0] == 0)
        return rv_error_set(&c->err, RV_E_UNAVAILABLE, "there is no tap: " RV_STR_FMT,
                            RV_STR_ARG(refused.n != 0 ? refused
                                                      : RV_STR("set tap.enabled in the configuration, and restart "
                                                               "rayvisord")));
    return hear(c, endpoint);
}
