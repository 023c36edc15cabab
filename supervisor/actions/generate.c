/* generate.c - see generate.h. */
#include "generate.h"

#include "supervisor/supervisor.h"

enum { TOKEN_BYTES = 32, TOKEN_TEXT = 44 }; /* base64 with its padding */

static void base64(const uint8_t in[TOKEN_BYTES], char out[TOKEN_TEXT]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t word = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        word = word << 8 | in[i];
        for (bits += 8; bits >= 6; bits -= 6) out[n++] = digits[word >> (bits - 6) & 63];
    }
    if (bits > 0) out[n++] = digits[word << (6 - bits) & 63];
    while (n < TOKEN_TEXT) out[n++] = '=';
}

bool generate_tokens(const struct rv_action *a, struct rv_buf *json) {
    static const char mark[] = "\"" RV_GENERATE_TOKEN "\"";
    enum { MARK = sizeof mark - 1 };
    if (a->verb != RV_VERB_CREATE || !rv_str_is(a->resource, "secrets") || !rv_str_is(a->api_version, "v1"))
        return false;
    struct rv_buf out = {0};
    size_t at = 0;
    for (const uint8_t *hit; at < json->n && (hit = memmem(json->p + at, json->n - at, mark, MARK)) != NULL;) {
        uint8_t token[TOKEN_BYTES];
        char text[TOKEN_TEXT];
        supervisor_random(token, sizeof token);
        base64(token, text);
        if (out.n == 0) rv_buf_reserve(&out, 4 * json->n); /* room for all: no copy is left behind by growing */
        rv_buf_add(&out, json->p + at, (size_t)(hit - json->p) - at);
        rv_buf_addc(&out, '"');
        rv_buf_add(&out, text, sizeof text);
        rv_buf_addc(&out, '"');
        at = (size_t)(hit - json->p) + MARK;
        explicit_bzero(token, sizeof token);
        explicit_bzero(text, sizeof text);
    }
    if (at == 0) return false;
    rv_buf_add(&out, json->p + at, json->n - at);
    rv_buf_free(json);
    *json = out;
    return true;
}
