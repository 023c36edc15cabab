/* error.c - error codes and the sentence for each (see rayvisor/base.h). */
#include "rayvisor/base.h"

#include <stdio.h>

static const struct {
    int code;
    const char *name, *text;
} error_table[] = {
#define RV_X(name, number, text) {name, #name, text},
    RV_ERROR_TABLE(RV_X)
#undef RV_X
};

const char *rv_error_text(int code) {
    if (code == 0) return "success";
    for (size_t i = 0; i < RV_ARRAY_LEN(error_table); i++)
        if (error_table[i].code == code) return error_table[i].text;
    const char *text = code < 0 && code > -3000 ? strerrordesc_np(-code) : NULL;
    return text != NULL ? text : "unknown error";
}

const char *rv_error_name(int code) {
    if (code == 0) return "OK";
    for (size_t i = 0; i < RV_ARRAY_LEN(error_table); i++)
        if (error_table[i].code == code) return error_table[i].name + strlen("RV_E_");
    const char *name = code < 0 && code > -3000 ? strerrorname_np(-code) : NULL;
    return name != NULL ? name : "UNKNOWN_CODE";
}

static void error_mark_cut(struct rv_error *err, int written) {
    if (written >= (int)sizeof err->text) memcpy(err->text + sizeof err->text - 4, "...", 4);
}

int rv_error_set(struct rv_error *err, int code, const char *fmt, ...) {
    if (err == NULL) return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    error_mark_cut(err, vsnprintf(err->text, sizeof err->text, fmt, ap));
    va_end(ap);
    return code;
}

int rv_error_wrap(struct rv_error *err, int code, const char *fmt, ...) {
    if (err == NULL) return code;
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        n += snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", inner);
    err->code = code;
    error_mark_cut(err, n);
    return code;
}
