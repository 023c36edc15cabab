/* gcs_frame.c - the five bytes before a gRPC message, and the names of its status codes. */
#include "plugins/autoscaler/gcs.h"

int gcs_unframe(struct rv_bytes body, struct rv_bytes *ret_message, struct rv_error *err) {
    if (body.n < 5) return rv_error_set(err, RV_E_PARSE, "the answer has %zu bytes, a gRPC message at least 5", body.n);
    if (body.p[0] != 0) return rv_error_set(err, RV_E_PARSE, "the answer is compressed, which was not asked for");
    size_t n = (size_t)body.p[1] << 24 | (size_t)body.p[2] << 16 | (size_t)body.p[3] << 8 | body.p[4];
    if (n != body.n - 5)
        return rv_error_set(err, RV_E_PARSE, "the answer's message should have %zu bytes and has %zu", n, body.n - 5);
    *ret_message = (struct rv_bytes){body.p + 5, n};
    return 0;
}

const char *gcs_status_name(int32_t code) {
    static const char *const names[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    if (code < 0) return "NONE";
    return (size_t)code < RV_ARRAY_LEN(names) ? names[code] : "UNKNOWN_CODE";
}
