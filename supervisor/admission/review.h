/* review.h - an AdmissionReview of the API server (admission.k8s.io/v1): what it asks, and the answer to it. No I/O. */
#ifndef ADMISSION_REVIEW_H
#define ADMISSION_REVIEW_H

#include "rayvisor/json.h"

/* Views into the bytes of the review. */
struct review {
    struct rv_buf bytes; /* msgpack, owned */
    struct rv_str uid;   /* of the question */
    struct rv_str api_version, resource, subresource, operation, ns, name;
    struct rv_val object, before; /* before: absent for a new object */
};

/* Returns 0, or RV_E_PARSE with the reason. Free it with review_free() in both cases. */
int review_parse(struct rv_str json, struct review *ret, struct rv_error *err);
void review_free(struct review *r);
/* True if the question needs no answer of a plugin: it is no new object and no change of a spec, or the object is being
 * deleted. So neither a finalizer nor a status nor a deletion ever waits. */
bool review_passes(const struct review *r);
/* Appends the object, and its present state if it has one, to *out: an array in msgpack with the fields that are kept
 * (NULL: all). RV_E_TOO_BIG if no message may have so much. */
int review_pair(const struct review *r, const struct rv_projection *fields, struct rv_buf *out);

struct review_answer {
    bool refused;
    int status; /* an HTTP status, if it is refused */
    struct rv_str message;
    struct rv_str warnings; /* lines */
};
/* Appends the answer as JSON. */
void review_answer(struct rv_str uid, const struct review_answer *a, struct rv_buf *out);

#endif
