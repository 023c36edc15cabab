/* credential.c - see credential.h. */
#include "credential.h"
#include "ipc/base/base64.h"

bool credential_line(const struct rv_http_request *h, struct rv_val secret, struct rv_buf *line) {
    struct rv_str coded = rv_val_str(rv_val_getn(rv_val_get(secret, "data"), h->secret_key));
    rv_buf_addf(line, RV_STR_FMT ": " RV_STR_FMT,
                RV_STR_ARG(h->auth_header.n != 0 ? h->auth_header : RV_STR("Authorization")),
                RV_STR_ARG(h->auth_prefix));
    size_t before = line->n;
    return base64_decode(coded, BASE64_STANDARD, line) == 0 && line->n != before &&
           memchr(line->p, '\n', line->n) == NULL && memchr(line->p, '\r', line->n) == NULL;
}
