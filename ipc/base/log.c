/* log.c - one line per event, JSON or text, in one write(2) (see log.h). */
#include "log.h"

#include "rayvisor/k8s.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#include "loop.h"
#include "visible.h"

/* Where the process writes its lines. main() sets it once, before the first line. */
static struct {
    enum log_format format;
    enum rv_log_level min;
    int fd;
    char component[32];
} sink = {LOG_TEXT, RV_LOG_INFO, STDERR_FILENO, ""};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_format format, enum rv_log_level min_level, int fd, const char *component) {
    sink.format = format;
    sink.min = min_level;
    sink.fd = fd;
    size_t n = strnlen(component, sizeof sink.component - 1);
    memcpy(sink.component, component, n);
    sink.component[n] = 0;
}

bool log_enabled(enum rv_log_level level) { return level >= sink.min; }

int log_level_parse(struct rv_str s, enum rv_log_level *ret) {
    for (size_t i = 0; i < RV_ARRAY_LEN(level_names); i++)
        if (rv_str_is(s, level_names[i])) return *ret = (enum rv_log_level)i, 0;
    if (rv_str_is(s, "trace")) return *ret = RV_LOG_DEBUG, 0;
    return -EINVAL;
}

/* Adds a quoted string. Nothing in it can end the line or the quote, and the result is UTF-8 for any input. */
static void add_quoted(struct rv_buf *b, struct rv_str s) {
    rv_buf_addc(b, '"');
    visible_text(s, VISIBLE_QUOTED, b);
    rv_buf_addc(b, '"');
}

static bool plain(struct rv_str s) {
    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isgraph((unsigned char)s.p[i]) || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\') return false;
    return true;
}

static void add_word(struct rv_buf *b, struct rv_str s) {
    if (plain(s))
        rv_buf_add_str(b, s);
    else
        add_quoted(b, s);
}

/* The key without the '#' that marks a number. *ret_number is true if it had one. */
static struct rv_str plain_key(struct rv_str key, bool *ret_number) {
    *ret_number = key.n > 1 && key.p[0] == '#';
    return *ret_number ? (struct rv_str){key.p + 1, key.n - 1} : key;
}

/* Returns true for a number as JSON writes it, without an exponent: -?(0|[1-9][0-9]*)(.[0-9]+)? */
static bool json_number(struct rv_str s) {
    size_t i = s.n != 0 && s.p[0] == '-' ? 1 : 0, digits = 0;
    bool zero = i < s.n && s.p[i] == '0';
    for (; i < s.n && isdigit((unsigned char)s.p[i]); i++) digits++;
    if (digits == 0 || (zero && digits > 1)) return false;
    if (i == s.n) return true;
    if (s.p[i++] != '.' || i == s.n) return false;
    while (i < s.n && isdigit((unsigned char)s.p[i])) i++;
    return i == s.n;
}

static bool key_among(struct rv_str key, const struct rv_field *fields, size_t n) {
    static const char *const ours[] = {"time", "level", "msg", "component"};
    bool number;
    for (size_t i = 0; i < RV_ARRAY_LEN(ours); i++)
        if (rv_str_is(key, ours[i])) return true;
    for (size_t i = 0; i < n; i++)
        if (rv_str_eq(key, plain_key(fields[i].key, &number))) return true;
    return false;
}

/* Readers of JSON take the last of two members of one name. So a name stands once in a line: what the line begins with
 * comes before all fields, and the first field of a name has it. Another one gets its place in the line behind it. */
static struct rv_str own_key(const struct rv_field *fields, size_t at, size_t n, struct rv_buf *room,
                             bool *ret_number) {
    struct rv_str key = plain_key(fields[at].key, ret_number);
    if (!key_among(key, fields, at)) return key;
    rv_buf_add_str(room, key);
    do rv_buf_addf(room, "_%zu", at + 1);
    while (key_among(rv_buf_str(room), fields, n));
    return rv_buf_str(room);
}

static void json_field(struct rv_buf *b, struct rv_str key, bool number, struct rv_str value) {
    rv_buf_addc(b, ',');
    add_quoted(b, key);
    rv_buf_addc(b, ':');
    if (number && json_number(value))
        rv_buf_add_str(b, value);
    else
        add_quoted(b, value);
}

static void json_line(struct rv_buf *b, const char *time, enum rv_log_level level, struct rv_str message,
                      const struct rv_field *fields, size_t n) {
    rv_buf_addf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", time, level_names[level]);
    add_quoted(b, message);
    if (sink.component[0] != 0) json_field(b, RV_STR("component"), false, rv_str(sink.component));
    for (size_t i = 0; i < n; i++) {
        rv_autobuf struct rv_buf room = {0};
        bool number;
        struct rv_str key = own_key(fields, i, n, &room, &number);
        json_field(b, key, number, fields[i].value);
    }
    rv_buf_adds(b, "}\n");
}

static void text_line(struct rv_buf *b, const char *time, enum rv_log_level level, struct rv_str message,
                      const struct rv_field *fields, size_t n) {
    rv_buf_addf(b, "%s %-5s ", time, level_names[level]);
    if (sink.component[0] != 0) rv_buf_addf(b, "%s: ", sink.component);
    visible_text(message, VISIBLE_LINE, b);
    for (size_t i = 0; i < n; i++) {
        rv_autobuf struct rv_buf room = {0};
        bool number;
        rv_buf_addc(b, ' ');
        add_word(b, own_key(fields, i, n, &room, &number));
        rv_buf_addc(b, '=');
        add_word(b, fields[i].value);
    }
    rv_buf_addc(b, '\n');
}

void log_write_fields(enum rv_log_level level, struct rv_str message, const struct rv_field *fields, size_t n) {
    if (!log_enabled(level)) return;
    if (level > RV_LOG_ERROR) level = RV_LOG_ERROR;
    char time[40];
    rv_time_format_micro(clock_wall(), time);
    rv_autobuf struct rv_buf b = {0};
    if (sink.format == LOG_JSON)
        json_line(&b, time, level, message, fields, n);
    else
        text_line(&b, time, level, message, fields, n);
    /* If the pipe is full, the line is lost and the process does not stop. A short write is not repeated, because lines
     * are small. */
    ssize_t ignored = write(sink.fd, b.p, b.n);
    (void)ignored;
}

void log_write(enum rv_log_level level, const char *message, ...) {
    if (!log_enabled(level)) return;
    struct rv_field fields[32];
    size_t n = 0;
    va_list ap;
    va_start(ap, message);
    while (n < RV_ARRAY_LEN(fields)) {
        const char *key = va_arg(ap, const char *);
        if (key == NULL) break;
        /* clang's analyzer loses track of the list across the loop. */
        const char *value = va_arg(ap, const char *); /* NOLINT(clang-analyzer-valist.Uninitialized) */
        if (value != NULL) fields[n++] = (struct rv_field){rv_str(key), rv_str(value)};
    }
    va_end(ap);
    log_write_fields(level, rv_str(message), fields, n);
}
