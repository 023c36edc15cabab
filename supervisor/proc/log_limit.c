/* log_limit.c - see log_limit.h. */
#include "log_limit.h"

#include <inttypes.h>
#include <stdio.h>

enum { BURST = 1000, EACH_MS = 10, BYTES_BURST = 1 << 20, BYTES_PER_SECOND = 32 << 10 };
static const double EACH_NS = EACH_MS * 1e6;

static void log_suppressed(struct log_limit *c, struct rv_str plugin) {
    char n[24];
    snprintf(n, sizeof n, "%" PRIu64, c->suppressed);
    c->suppressed = 0;
    struct rv_field fields[] = {{RV_STR("plugin"), plugin}, {RV_STR("#suppressed"), rv_str(n)}};
    log_write_fields(RV_LOG_WARN, RV_STR("a plugin logs too much: lines of it are left out"), fields,
                     RV_ARRAY_LEN(fields));
}

/* The last line may be longer than the bytes that are left. Later lines then have fewer. */
static bool has_bytes(struct log_limit *c, int64_t now) {
    return rate_limit_has(&c->bytes, now, 1e9 / BYTES_PER_SECOND, BYTES_BURST);
}

bool log_limit_allows(struct log_limit *c, struct rv_str plugin, size_t bytes, int64_t now) {
    if (!has_bytes(c, now) || !rate_limit_take(&c->bucket, now, EACH_NS, BURST)) {
        c->suppressed++;
        return false;
    }
    c->bytes.tokens -= (double)bytes;
    log_limit_report_suppressed(c, plugin, now, false);
    return true;
}

/* Not after each token: during a flood this would log one line about lines for every line. */
void log_limit_report_suppressed(struct log_limit *c, struct rv_str plugin, int64_t now, bool last) {
    if (c->suppressed == 0) return;
    (void)rate_limit_has(&c->bucket, now, EACH_NS, BURST);
    if (last || c->bucket.tokens >= (double)BURST / 10) log_suppressed(c, plugin);
}
