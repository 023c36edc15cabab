/* An AdmissionReview of any making: what is parsed is answered with JSON that says what was decided, and what a plugin
 * is told may be sent. The object's texts come back as a message and as warnings. */
#include "supervisor/admission/review.h"

#include <stdlib.h>

#include "ipc/protocol/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool x) {
    if (!x) abort();
}

static void check_answer(const struct review *r, bool refused) {
    rv_autobuf struct rv_buf json = {0}, mp = {0};
    const struct review_answer a = {
        .refused = refused, .status = 422, .message = r->name, .warnings = rv_path_str(r->object, "metadata.name")};
    review_answer(r->uid, &a, &json);
    must(rv_json_to_mp(rv_buf_str(&json), NULL, &mp, NULL) == 0);
    struct rv_val v = {mp.p, mp.n};
    must(rv_str_eq(rv_path_str(v, "response.uid"), r->uid) && rv_path_bool(v, "response.allowed", refused) != refused);
}

static void check_pair(const struct review *r, const struct rv_projection *fields) {
    rv_autobuf struct rv_buf pair = {0};
    if (review_pair(r, fields, &pair) != 0) return;
    struct rv_val v = {pair.p, pair.n};
    must(rv_mp_check(rv_buf_bytes(&pair), NULL) == 0 && pair.n <= MSG_MAX_PAYLOAD);
    must(rv_val_len(v) == (rv_val_present(r->before) ? 2 : 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"metadata.name", "spec", "metadata.labels[a/b]"};
    struct rv_error err = {0};
    struct review r;
    if (review_parse((struct rv_str){(const char *)data, size}, &r, &err) == 0) {
        struct rv_projection *fields = rv_projection_new(paths, RV_ARRAY_LEN(paths), NULL);
        check_answer(&r, false);
        check_answer(&r, true);
        if (!review_passes(&r)) {
            check_pair(&r, NULL);
            check_pair(&r, fields);
        }
        rv_projection_free(fields);
    } else {
        must(err.text[0] != 0);
    }
    review_free(&r);
    return 0;
}
