/* status.c - see status.h. */
#include "status.h"

enum { STATUS_MAX = 256 << 10, RETRY_AFTER_MAX_S = 3600 };

int kube_status_code(unsigned http, struct rv_str reason) {
    static const struct {
        unsigned http;
        const char *reason; /* NULL means any */
        int code;
    } table[] = {
        {401, NULL, RV_E_UNAUTHORIZED},      {403, NULL, RV_E_FORBIDDEN}, {404, NULL, RV_E_NOT_FOUND},
        {409, "AlreadyExists", RV_E_EXISTS}, {409, NULL, RV_E_CONFLICT},  {410, NULL, RV_E_GONE},
        {400, NULL, RV_E_INVALID},           {413, NULL, RV_E_TOO_BIG},   {422, NULL, RV_E_INVALID},
        {429, NULL, RV_E_THROTTLED},         {408, NULL, RV_E_TIMEOUT},   {504, NULL, RV_E_TIMEOUT},
    };
    if (http >= 200 && http < 300) return 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(table); i++)
        if (table[i].http == http && (table[i].reason == NULL || rv_str_is(reason, table[i].reason)))
            return table[i].code;
    return http >= 500 ? RV_E_UNAVAILABLE : RV_E_INVALID;
}

void kube_status_read(struct rv_bytes body, struct rv_buf *scratch, struct kube_response *r) {
    static const struct rv_json_limits small = {.max_bytes = STATUS_MAX};
    struct rv_json_reader *reader = rv_json_reader_new(NULL, &small, NULL, NULL);
    struct rv_val v;
    if (body.n != 0 && rv_json_reader_feed(reader, body.p, body.n, NULL) == 0 &&
        rv_json_reader_finish(reader, &v, NULL) == 0) {
        rv_mp_val(scratch, v);
        v = (struct rv_val){scratch->p, scratch->n};
        r->reason = rv_path_str(v, "reason");
        r->message = rv_path_str(v, "message");
        int64_t seconds = rv_path_int(v, "details.retryAfterSeconds", 0);
        if (r->retry_after_ms == 0 && seconds > 0 && seconds <= RETRY_AFTER_MAX_S) r->retry_after_ms = seconds * 1000;
    }
    rv_json_reader_free(reader);
}
