/* admission.h - the validating webhook (deploy/guides/admission.md): an HTTPS server that only the API server can ask.
 *
 *   admission.c  the server: who may ask, one question to a connection
 *   question.c   one question: the plugins that judge it, the time limit, what is said without an answer
 *   review.c     the AdmissionReview                 keyring.c  the keys
 *   sync.c       the Secret with the keys, and the ValidatingWebhookConfiguration
 *
 * The rules are those of the plugins' own reconcilers; nothing of them is known here. Every instance answers, also one
 * that stands by. Only the leader writes. */
#ifndef ADMISSION_ADMISSION_H
#define ADMISSION_ADMISSION_H

#include "supervisor/supervisor.h"

/* X(NAME, text): what became of a question */
#define ADMISSION_OUTCOMES(X)                                                                                          \
    X(ALLOWED, "allowed")                                                                                              \
    X(REFUSED, "refused")                                                                                              \
    X(PASSED, "passed")     /* needed no judgement */                                                                  \
    X(UNJUDGED, "unjudged") /* no plugin could answer; the failure policy decided */                                   \
    X(MALFORMED, "malformed")

enum admission_outcome {
#define ADMISSION_X(name, text) ADMISSION_##name,
    ADMISSION_OUTCOMES(ADMISSION_X)
#undef ADMISSION_X
        ADMISSION_OUTCOME_COUNT
};

struct admission;
/* *ret is NULL if the configuration has none, or if this is a twin. */
int admission_new(struct supervisor *s, struct admission **ret, struct rv_error *err);
struct admission *admission_free(struct admission *a);
unsigned admission_port(const struct admission *a);
/* Its counts, for metrics; `ends`: when the present certificate ends, in Unix seconds, 0 if there is none. */
uint64_t admission_count(const struct admission *a, enum admission_outcome o);
int64_t admission_ends(const struct admission *a);
const char *admission_outcome_name(enum admission_outcome o);

#endif
