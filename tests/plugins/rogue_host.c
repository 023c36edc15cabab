/* rogue_host.c - a host that keeps to the protocol except that it uses the ids of its actions again, and asks for
 * deletions under names that are paths: of everything, of what lies above, through a proxy. It pretends to have the toy
 * plugin (hostBinary names it) and logs every result. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/protocol/lane.h"
#include "rayvisor/json.h"

struct rogue {
    struct loop *loop;
    struct lane *lane;
};

/* Creates a ConfigMap whose name the server chooses. If it were carried out twice, there would be two. */
static void ask(struct rogue *r, uint64_t id) {
    rv_autobuf struct rv_buf body = {0};
    struct rv_error err = {0};
    const char *json = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"once-\","
                       "\"namespace\":\"rogue\"}}";
    if (rv_json_to_mp(rv_str(json), NULL, &body, &err) != 0) abort();
    struct msg m = {.type = MSG_ACTION,
                    .action = {.id = id,
                               .a = {.verb = RV_VERB_CREATE,
                                     .api_version = RV_STR("v1"),
                                     .resource = RV_STR("configmaps"),
                                     .ns = RV_STR("rogue")}},
                    .payload = rv_buf_bytes(&body)};
    (void)lane_send(r->lane, &m);
}

static const struct {
    const char *ns, *name, *sub;
} paths[] = {{"rogue", "", ""},
             {"rogue", ".", ""},
             {"rogue", "..", ""},
             {"rogue", "../../rogue", ""},
             {"rogue", "keep/status", ""},
             {"rogue", "keep%2fstatus", ""},
             {"rogue", "keep?gracePeriodSeconds=0", ""},
             {"rogue", "keep#", ""},
             {"rogue", "keep:8265/proxy/api/version", ""},
             {"rogue", "keep\r\nX-Evil: 1", ""},
             {"rogue/configmaps", "keep", ""},
             {"../namespaces/rogue", "keep", ""},
             {"rogue", "keep", "status"}};

/* Under the ids from 100 on. */
static void ask_for_paths(struct rogue *r) {
    for (size_t i = 0; i < RV_ARRAY_LEN(paths); i++) {
        struct msg m = {.type = MSG_ACTION,
                        .action = {.id = 100 + i,
                                   .a = {.verb = RV_VERB_DELETE,
                                         .api_version = RV_STR("v1"),
                                         .resource = RV_STR("configmaps"),
                                         .ns = rv_str(paths[i].ns),
                                         .name = rv_str(paths[i].name),
                                         .subresource = rv_str(paths[i].sub)}}};
        (void)lane_send(r->lane, &m);
    }
}

static void on_message(void *arg, const struct msg *m) {
    struct rogue *r = arg;
    rv_autobuf struct rv_buf text = {0};
    static const uint64_t ids[] = {7, 7, 3, 8};
    switch (m->type) {
    case MSG_SNAP_END:
        (void)lane_send(r->lane, &(struct msg){.type = MSG_SYNCED});
        for (size_t i = 0; i < RV_ARRAY_LEN(ids); i++) ask(r, ids[i]);
        ask_for_paths(r);
        break;
    case MSG_RESULT:
        rv_buf_addf(&text, "result id=%llu code=%d reason=" RV_STR_FMT, (unsigned long long)m->result.id,
                    m->result.r.code, RV_STR_ARG(m->result.r.reason));
        (void)lane_send(r->lane, &(struct msg){.type = MSG_LOG, .log = {.level = 1, .message = rv_buf_str(&text)}});
        break;
    case MSG_PING:
        (void)lane_send(r->lane, &(struct msg){.type = MSG_PONG, .ping = {.t = m->ping.t}});
        break;
    case MSG_DRAIN:
        loop_stop(r->loop);
        break;
    default:
        break;
    }
}

static void on_bad(void *arg, const struct rv_error *err) {
    (void)arg;
    fprintf(stderr, "%s\n", err->text);
    abort();
}

int main(int argc, char **argv) {
    const char *path = NULL;
    uint8_t token[32];
    struct rv_error err = {0};
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--lane") == 0) path = argv[i + 1];
    if (path == NULL || read(3, token, sizeof token) != sizeof token) return 64;
    struct rogue r = {.loop = loop_new(&err)};
    struct lane_context *context = lane_context_new();
    r.lane = lane_connect(context, r.loop, path, &(struct lane_callbacks){on_message, on_bad, &r}, &err);
    if (r.lane == NULL || !lane_wait_connected(r.lane, 10000)) return 69;
    struct msg hello = {
        .type = MSG_HELLO,
        .hello = {{token, sizeof token}, MSG_VERSION, RV_ABI_MAJOR, 0, RV_STR("toy"), RV_STR("1.0.0"), getpid(), 0}};
    (void)lane_send(r.lane, &hello);
    loop_run(r.loop);
    (void)lane_send(r.lane, &(struct msg){.type = MSG_DRAINED});
    (void)lane_flush(r.lane, 1000);
    lane_free(r.lane);
    loop_free(r.loop);
    lane_context_free(context);
    return 0;
}
