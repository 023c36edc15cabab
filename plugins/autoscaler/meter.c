/* meter.c - see meter.h. */
#include "plugins/autoscaler/meter.h"

enum { REPORT_EVERY_S = 5 };
static const int64_t second = INT64_C(1000000000);

static const struct {
    int64_t ms;
    const char *le;
} bounds[METER_BOUNDS] = {{10, "0.01"}, {25, "0.025"}, {50, "0.05"}, {100, "0.1"}, {250, "0.25"}, {500, "0.5"},
                          {800, "0.8"}, {1500, "1.5"}, {3000, "3"},  {6000, "6"},  {15000, "15"}, {60000, "60"}};

void meter_observe(struct meter *m, int64_t ns) {
    size_t at = 0;
    if (ns < 0) ns = 0;
    while (at < METER_BOUNDS && ns > bounds[at].ms * (second / 1000)) at++;
    m->counts[at]++;
    m->sum += (double)ns / (double)second;
}

static void count(const struct rv_pass *p, const char *name, const char *suffix, const char *le, double value) {
    struct rv_field f = {RV_STR("le"), rv_str(le)};
    p->api->metric(p->host, rv_arena_fmt(p->arena, "%s%s", name, suffix), RV_METRIC_COUNTER, value, &f, le != NULL);
}

void meter_report(struct meter *m, const struct rv_pass *p, const char *name) {
    int64_t since = p->now - m->reported_at;
    if (m->reported_at != 0 && since >= 0 && since < REPORT_EVERY_S * second) return;
    uint64_t n = 0;
    for (size_t i = 0; i < METER_BOUNDS; i++) count(p, name, "_bucket", bounds[i].le, (double)(n += m->counts[i]));
    n += m->counts[METER_BOUNDS];
    count(p, name, "_bucket", "+Inf", (double)n);
    count(p, name, "_sum", NULL, m->sum);
    count(p, name, "_count", NULL, (double)n);
    *m = (struct meter){.reported_at = p->now};
}
