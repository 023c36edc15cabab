/* history.c - see history.h. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>

#include "rayvisor/json.h"

enum { MINUTE_MS = 60000, ENOUGH = 12 };

void event_log_add(struct event_log *c, const char *line) {
    snprintf(c->lines[c->n++ % HISTORY_LINES], HISTORY_LINE, "%s", line);
}

void event_log_report(const struct event_log *c, uint64_t seed, const char *why, const struct rv_fakeapi *api,
                      const char *whole) {
    printf("\nseed %llu: %s\n", (unsigned long long)seed, why);
    for (size_t i = c->n > HISTORY_LINES ? c->n - HISTORY_LINES : 0; i < c->n; i++)
        printf("    %s\n", c->lines[i % HISTORY_LINES]);
    for (const struct rv_fake_object *o = api->objects; o != NULL; o = o->next) {
        rv_autobuf struct rv_buf json = {0};
        rv_json_write(strcmp(o->resource, whole) == 0 ? o->value : rv_val_get(o->value, "metadata"), &json);
        printf("    %s %s\n", o->resource, rv_buf_cstr(&json));
    }
}

int64_t history_next_moment(const struct rv_fakehost *host, const struct rv_fakeapi *api) {
    int64_t ms = rv_fakehost_idle_ms(host);
    if (ms < 0 || ms > MINUTE_MS) ms = MINUTE_MS;
    for (const struct rv_fake_object *o = api->objects; o != NULL; o = o->next)
        if (o->gone_at > api->now && (o->gone_at - api->now) / 1000000 + 1 < ms)
            ms = (o->gone_at - api->now) / 1000000 + 1;
    return ms > 0 ? ms : 1;
}

static uint64_t from_environment(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

unsigned histories_run(uint64_t runs, bool (*run_one)(uint64_t seed)) {
    uint64_t seed = from_environment("RAYVISOR_PROPERTY_SEED", 1);
    unsigned failed = 0;
    runs = from_environment("RAYVISOR_PROPERTY_RUNS", runs);
    for (uint64_t i = 0; i < runs && failed < ENOUGH; i++)
        if (!run_one(seed + i)) failed++;
    return failed;
}
