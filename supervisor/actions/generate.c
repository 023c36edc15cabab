/* generate.c - see generate.h. */
#include "generate.h"

#include "ipc/base/base64.h"
#include "ipc/base/random.h"
#include "supervisor/supervisor.h"

enum { TOKEN_BYTES = 32 };

bool generate_tokens(const struct rv_action *a, struct rv_buf *json) {
    static const char mark[] = "\"" RV_GENERATE_TOKEN "\"";
    enum { MARK = sizeof mark - 1 };
    if (a->verb != RV_VERB_CREATE || !rv_str_is(a->resource, "secrets") || !rv_str_is(a->api_version, "v1"))
        return false;
    struct rv_buf out = {0};
    size_t at = 0;
    for (const uint8_t *hit; at < json->n && (hit = memmem(json->p + at, json->n - at, mark, MARK)) != NULL;) {
        uint8_t token[TOKEN_BYTES];
        random_bytes(token, sizeof token);
        /* Enough for the whole result, so growing leaves no copy of a secret behind. */
        if (out.n == 0) rv_buf_reserve(&out, 4 * json->n);
        rv_buf_add(&out, json->p + at, (size_t)(hit - json->p) - at);
        rv_buf_addc(&out, '"');
        base64_encode((struct rv_bytes){token, sizeof token}, BASE64_STANDARD, &out);
        rv_buf_addc(&out, '"');
        at = (size_t)(hit - json->p) + MARK;
        explicit_bzero(token, sizeof token);
    }
    if (at == 0) return false;
    rv_buf_add(&out, json->p + at, json->n - at);
    rv_buf_free(json);
    *json = out;
    return true;
}
