/* output.c - see output.h. */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "log_limit.h"

enum { LINE_MAX_BYTES = 8192, LAST_MAX_BYTES = 256 << 10 };

struct host_output {
    int fd;
    struct rv_watch *watch;
    struct rv_str plugin;
    struct rv_buf line;
    struct log_limit log_limit;
};

/* A host's own lines begin with time and level: why it could not start must not be limited like its other output. */
static enum rv_log_level level_of(struct rv_str line) {
    enum rv_log_level level = RV_LOG_INFO;
    const char *stop = line.p + line.n, *word = memchr(line.p, ' ', line.n);
    const char *end = word != NULL ? memchr(word + 1, ' ', (size_t)(stop - word - 1)) : NULL;
    if (end == NULL || rv_log_level_parse((struct rv_str){word + 1, (size_t)(end - word - 1)}, &level) != 0)
        return RV_LOG_INFO;
    return level > RV_LOG_INFO ? level : RV_LOG_INFO;
}

static void print_line(struct host_output *o) {
    if (o->line.n == 0) return;
    struct rv_field fields[] = {{RV_STR("plugin"), o->plugin}, {RV_STR("line"), rv_buf_str(&o->line)}};
    enum rv_log_level level = level_of(rv_buf_str(&o->line));
    if (rv_log_enabled(level) && log_limit_allows(&o->log_limit, o->plugin, o->line.n, rv_mono_now()))
        rv_logv(level, RV_STR("host output"), fields, RV_ARRAY_LEN(fields));
    rv_buf_clear(&o->line);
}

/* One chunk. Like read(): 0 at the end, negative on failure. */
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
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) o->watch = rv_watch_free(o->watch);
}

struct host_output *host_output_new(struct rv_loop *l, int fd, struct rv_str plugin) {
    struct host_output *o = rv_alloc(sizeof *o);
    o->fd = fd;
    o->plugin = plugin;
    o->watch = rv_loop_fd(l, fd, RV_LOOP_READ, on_readable, o);
    return o;
}

void host_output_settle(struct host_output *o) {
    if (o != NULL) log_limit_report_suppressed(&o->log_limit, o->plugin, rv_mono_now(), false);
}

struct host_output *host_output_free(struct host_output *o) {
    if (o == NULL) return NULL;
    ssize_t n = 1;
    for (size_t total = 0; o->watch != NULL && n > 0 && total < LAST_MAX_BYTES; total += (size_t)n) {
        n = take(o);
        if (n < 0) break;
    }
    print_line(o);
    log_limit_report_suppressed(&o->log_limit, o->plugin, rv_mono_now(), true);
    rv_watch_free(o->watch);
    rv_closep(&o->fd);
    rv_buf_free(&o->line);
    free(o);
    return NULL;
}
