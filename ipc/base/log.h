/* log.h - structured logs with one line for each event. The format is JSON or text, and the descriptor is 2 by default.
 *
 * A line has a level, a message (constant text that says what happened) and fields. Only the supervisor, the host and
 * the programs around them log; libraries return errors. Messages, keys and values are escaped (visible.h), so none of
 * them can forge a line or send control characters to a terminal. A key that repeats an earlier one gets a number.
 * Never pass a secret. main() sets the log up once. The destination of the lines is global state of the process. */
#ifndef RV_IPC_BASE_LOG_H
#define RV_IPC_BASE_LOG_H

#include "rayvisor/plugin.h"

enum log_format { LOG_TEXT, LOG_JSON };
void log_setup(enum log_format format, enum rv_log_level min_level, int fd, const char *component);
bool log_enabled(enum rv_log_level level);

/* Logs a message with fields: log_write(RV_LOG_INFO, "watch started", "resource", "pods", "version", rv, NULL). Fields
 * are pairs of C strings, and a pair whose value is NULL is left out. A key that begins with '#' ("#times") marks a
 * number: the line shows the key without the '#', and JSON shows the value without quotes. A value that is not a number
 * is quoted even so. */
void log_write(enum rv_log_level level, const char *message, ...) __attribute__((sentinel));
void log_write_fields(enum rv_log_level level, struct rv_str message, const struct rv_field *fields, size_t n);
#define log_info(...) log_write(RV_LOG_INFO, __VA_ARGS__, NULL)
#define log_warn(...) log_write(RV_LOG_WARN, __VA_ARGS__, NULL)
#define log_error(...) log_write(RV_LOG_ERROR, __VA_ARGS__, NULL)
#define log_debug(...)                                                                                                 \
    do {                                                                                                               \
        if (log_enabled(RV_LOG_DEBUG)) log_write(RV_LOG_DEBUG, __VA_ARGS__, NULL);                                     \
    } while (0)

/* Converts "trace", "debug", "info", "warn" or "error" to a level. Returns -EINVAL for any other text. */
int log_level_parse(struct rv_str s, enum rv_log_level *ret);

#endif
