/* script.h - the messages of a supervisor, for tests that play its part with the toy plugin and ConfigMaps. */
#ifndef TESTS_HOST_SCRIPT_H
#define TESTS_HOST_SCRIPT_H

#include "ipc/protocol/msg.h"
#include "tests/unit/sdk/suite.h"

static const uint8_t script_seed[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* The toy's three kinds: ConfigMaps as the primary ones, their children, and notes. */
static inline struct msg script_welcome(struct rv_arena *a) {
    return (struct msg){
        .type = MSG_WELCOME,
        .welcome = {.epoch = 1,
                    .instance = 1,
                    .credit_messages = 64,
                    .credit_bytes = 1 << 20,
                    .heartbeat_ms = 1000,
                    .seed = {script_seed, sizeof script_seed},
                    .kinds = from_json(a, "[{\"a\":\"v1\",\"r\":\"configmaps\",\"k\":\"ConfigMap\",\"f\":1,\"l\":\"\","
                                          "\"n\":\"config_map\"},"
                                          "{\"a\":\"v1\",\"r\":\"configmaps\",\"k\":\"ConfigMap\",\"f\":2,\"l\":\"\","
                                          "\"n\":\"child\"},"
                                          "{\"a\":\"v1\",\"r\":\"configmaps\",\"k\":\"ConfigMap\",\"f\":8,\"l\":\"\","
                                          "\"n\":\"note\"}]"),
                    .settings = from_json(a, "{}"),
                    .max_in_flight = 2,
                    .max_http = 4,
                    .time_zones = from_json(a, "{\"version\":\"2026b\"}")}};
}

/* A ConfigMap of namespace "ns" as its message: kind 0 with a mode, or kind 1 with a controller of that name. */
static inline struct msg script_object(struct rv_arena *a, uint32_t kind, const char *name, const char *mode_or_owner,
                                       uint64_t rev) {
    struct rv_str text =
        kind == 0 ? rv_arena_fmt(a,
                                 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"uid-%s\"},"
                                 "\"data\":{\"mode\":\"%s\"}}",
                                 name, name, mode_or_owner)
                  : rv_arena_fmt(a,
                                 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"ownerReferences\":[{\"kind\":"
                                 "\"ConfigMap\",\"name\":\"%s\",\"uid\":\"uid-%s\",\"controller\":true}]}}",
                                 name, mode_or_owner, mode_or_owner);
    struct rv_val v = from_json(a, text.p);
    return (struct msg){.type = MSG_OBJECT,
                        .object = {.kind = kind,
                                   .ns = RV_STR("ns"),
                                   .name = rv_arena_str(a, rv_str(name)),
                                   .uid = rv_arena_fmt(a, "uid-%s", name),
                                   .resource_version = rv_arena_fmt(a, "%llu", (unsigned long long)rev),
                                   .rev = rev},
                        .payload = {v.p, v.n}};
}

static inline struct msg script_deleted(struct rv_arena *a, uint32_t kind, const char *name, uint64_t rev) {
    struct msg m = script_object(a, kind, name, "", rev);
    m.type = MSG_DELETED;
    m.payload = (struct rv_bytes){NULL, 0};
    return m;
}

static inline struct msg script_snap(unsigned type, uint64_t rev) {
    return (struct msg){.type = type, .snap = {.rev = rev}};
}

static inline struct msg script_result(uint64_t id, int32_t code) {
    return (struct msg){.type = MSG_RESULT, .result = {id, {.size = sizeof(struct rv_result), .code = code}}};
}

#endif
