/* output.c - see output.h. */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "log_limit.h"
#include "rayvisor/json.h"

enum { LINE_MAX_BYTES = 8192, LAST_MAX_BYTES = 256 << 10 };

struct host_output {
    int fd;
    struct loop_watch *watch;
    struct rv_str plugin;
    struct rv_buf line;
    struct log_limit log_limit;
    char *error; /* see host_output_error() */
};

/* The host itself logs one JSON object per line (rayvisor-host --log-format json), and its fields become fields of our
 * line. The plugin shares the pipe and can write the same. So the names that say where a line is from are reserved for
 * the supervisor. */
bool host_field_reserved(struct rv_str key) {
    static const char *const ours[] = {"time", "level", "msg", "component", "plugin", "host"};
    if (key.n > 0 && key.p[0] == '#') key = (struct rv_str){key.p + 1, key.n - 1}; /* log.h */
    for (size_t i = 0; i < RV_ARRAY_LEN(ours); i++)
        if (rv_str_is(key, ours[i])) return true;
    return false;
}

static bool print_record(struct host_output *o, struct rv_str line) {
    rv_autobuf struct rv_buf mp = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    if (line.n == 0 || line.p[0] != '{' || rv_json_to_mp(line, NULL, &mp, NULL) != 0) return false;
    struct rv_val v = {mp.p, mp.n};
    struct rv_str message = rv_path_str(v, "msg");
    enum rv_log_level level = RV_LOG_INFO;
    if (message.n == 0 || log_level_parse(rv_path_str(v, "level"), &level) != 0) return false;
    struct rv_field fields[24] = {{RV_STR("plugin"), o->plugin}, {RV_STR("host"), RV_STR("true")}};
    size_t n = 2;
    for (struct rv_iter it = rv_iter(v); n < RV_ARRAY_LEN(fields) && rv_iter_next(&it);) {
        if (host_field_reserved(it.key)) continue;
        if (rv_val_type(it.val) == RV_STRING) fields[n++] = (struct rv_field){it.key, rv_val_str(it.val)};
        if (rv_val_type(it.val) == RV_INT)
            fields[n++] = (struct rv_field){rv_arena_fmt(a, "#" RV_STR_FMT, RV_STR_ARG(it.key)),
                                            rv_arena_fmt(a, "%lld", (long long)rv_val_int(it.val, 0))};
    }
    if (level == RV_LOG_ERROR && rv_path_str(v, "reason").n != 0) {
        free(o->error);
        o->error = rv_strdup(rv_path_str(v, "reason"));
    }
    if (log_enabled(level) && log_limit_allows(&o->log_limit, o->plugin, line.n, clock_monotonic()))
        log_write_fields(level, message, fields, n);
    return true;
}

static void print_line(struct host_output *o) {
    struct rv_str line = rv_buf_str(&o->line);
    if (line.n != 0 && !print_record(o, line)) {
        struct rv_field fields[] = {{RV_STR("plugin"), o->plugin}, {RV_STR("line"), line}};
        if (log_enabled(RV_LOG_INFO) && log_limit_allows(&o->log_limit, o->plugin, line.n, clock_monotonic()))
            log_write_fields(RV_LOG_INFO, RV_STR("host output"), fields, RV_ARRAY_LEN(fields));
    }
    rv_buf_clear(&o->line);
}

/* Reads one chunk. Like read(), it returns 0 at the end and a negative value on failure. */
static ssize_t take(struct host_output *o) {
    char chunk[4096];
    ssize_t n = read(o->fd, chunk, sizeof chunk);
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] == '\n')
            print_line(o);
        else if (o->line.n < LINE_MAX_BYTES)
            rv_buf_addc(&o->line, (uint8_t)chunk[i]);
    }
    return n;
}

static void on_readable(void *arg, int fd, unsigned events) {
    struct host_output *o = arg;
    (void)fd;
    (void)events;
    ssize_t n = take(o);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) o->watch = loop_watch_free(o->watch);
}

struct host_output *host_output_new(struct loop *l, int fd, struct rv_str plugin) {
    struct host_output *o = rv_alloc(sizeof *o);
    o->fd = fd;
    o->plugin = plugin;
    o->watch = loop_fd(l, fd, LOOP_READ, on_readable, o);
    return o;
}

void host_output_report_suppressed(struct host_output *o) {
    if (o != NULL) log_limit_report_suppressed(&o->log_limit, o->plugin, clock_monotonic(), false);
}

void host_output_drain(struct host_output *o) {
    ssize_t n = 1;
    for (size_t total = 0; o->watch != NULL && n > 0 && total < LAST_MAX_BYTES; total += (size_t)n) {
        n = take(o);
        if (n < 0) break;
    }
    print_line(o);
}

struct rv_str host_output_error(const struct host_output *o) {
    return o != NULL && o->error != NULL ? rv_str(o->error) : (struct rv_str){NULL, 0};
}

struct host_output *host_output_free(struct host_output *o) {
    if (o == NULL) return NULL;
    host_output_drain(o);
    log_limit_report_suppressed(&o->log_limit, o->plugin, clock_monotonic(), true);
    loop_watch_free(o->watch);
    rv_closep(&o->fd);
    rv_buf_free(&o->line);
    free(o->error);
    free(o);
    return NULL;
}
