/* nearest.c - see nearest.h. */
#include "nearest.h"

enum { WORD_MAX = 64, FAR = 4 };

/* The edit distance of two words, without regard to upper and lower case. */
static size_t distance(struct rv_str a, struct rv_str b) {
    size_t row[WORD_MAX + 1];
    if (a.n > WORD_MAX || b.n > WORD_MAX) return WORD_MAX;
    for (size_t k = 0; k <= b.n; k++) row[k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            size_t up = row[k], best = diagonal + ((a.p[i - 1] | 0x20) != (b.p[k - 1] | 0x20));
            if (up + 1 < best) best = up + 1;
            if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
            diagonal = up;
            row[k] = best;
        }
    }
    return row[b.n];
}

struct nearest nearest_begin(struct rv_str given) {
    size_t far = given.n / 2 + 1; /* if more than half of a word is wrong, it is another word */
    return (struct nearest){.given = given, .distance = far < FAR ? far : FAR};
}

void nearest_offer(struct nearest *n, struct rv_str accepted) {
    size_t d = n->given.n != 0 ? distance(n->given, accepted) : WORD_MAX;
    /* If all letters of the accepted word would have to change, it was not meant. */
    if (d >= n->distance || d >= accepted.n) return;
    n->distance = d;
    n->best = accepted;
}

void nearest_hint(const struct nearest *n, struct rv_buf *out) {
    if (n->best.n != 0) rv_buf_addf(out, ": did you mean \"" RV_STR_FMT "\"?", RV_STR_ARG(n->best));
}
