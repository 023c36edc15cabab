/* credential.c - see credential.h. */
#include "credential.h"

static void add_decoded(struct rv_str coded, struct rv_buf *out) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t word = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < coded.n; i++) {
        const char *d = coded.p[i] != 0 ? strchr(alphabet, coded.p[i]) : NULL;
        if (d == NULL) continue;
        word = word << 6 | (uint32_t)(d - alphabet);
        bits += 6;
        if (bits >= 8) rv_buf_addc(out, (uint8_t)(word >> (bits -= 8)));
    }
}

bool credential_line(const struct rv_http_request *h, struct rv_val secret, struct rv_buf *line) {
    struct rv_str coded = rv_val_str(rv_val_getn(rv_val_get(secret, "data"), h->secret_key));
    rv_buf_addf(line, RV_STR_FMT ": " RV_STR_FMT,
                RV_STR_ARG(h->auth_header.n != 0 ? h->auth_header : RV_STR("Authorization")),
                RV_STR_ARG(h->auth_prefix));
    rv_buf_reserve(line, coded.n + 1); /* no copy of the value is left behind by growing */
    size_t before = line->n;
    add_decoded(coded, line);
    return line->n != before && memchr(line->p, '\n', line->n) == NULL && memchr(line->p, '\r', line->n) == NULL;
}
