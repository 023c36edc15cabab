/* log.h - structured logs, one line each: JSON or text on a descriptor (2 by default).
 *
 * A line is level, message (static prose: what happened) and fields. Libraries below the supervisor and the host do
 * not log; they return errors. Messages, keys and values are escaped (visible.h), so none of them can forge a line or
 * write to a terminal what it is not; a key that repeats one before it gets a number. Nothing secret may be passed to
 * it. main() sets it up once. Where the lines go is the only global state of a process.
 */
#ifndef RV_IPC_BASE_LOG_H
#define RV_IPC_BASE_LOG_H

#include "rayvisor/plugin.h"

enum rv_log_format { RV_LOG_TEXT, RV_LOG_JSON };
void rv_log_setup(enum rv_log_format format, enum rv_log_level min_level, int fd, const char *component);
bool rv_log_enabled(enum rv_log_level level);

/* rv_log(RV_LOG_INFO, "watch started", "resource", "pods", "version", rv, NULL): pairs of C strings (a NULL value is
 * left out). A key with '#' before it ("#times") is of a number: it is none in the line, and in JSON the value has no
 * quotes. A value that is no number has them all the same. */
void rv_log(enum rv_log_level level, const char *message, ...) __attribute__((sentinel));
void rv_logv(enum rv_log_level level, struct rv_str message, const struct rv_field *fields, size_t n);
#define rv_info(...) rv_log(RV_LOG_INFO, __VA_ARGS__, NULL)
#define rv_warn(...) rv_log(RV_LOG_WARN, __VA_ARGS__, NULL)
#define rv_err(...) rv_log(RV_LOG_ERROR, __VA_ARGS__, NULL)
#define rv_debug(...)                                                                                                  \
    do {                                                                                                               \
        if (rv_log_enabled(RV_LOG_DEBUG)) rv_log(RV_LOG_DEBUG, __VA_ARGS__, NULL);                                     \
    } while (0)

/* "trace", "debug", "info", "warn", "error" to a level; -EINVAL. */
int rv_log_level_parse(struct rv_str s, enum rv_log_level *ret);

#endif
