/* nearest.c - see nearest.h. */
#include "nearest.h"

enum { WORD_MAX = 64, FAR = 4 };

static bool same_letter(struct rv_str a, size_t i, struct rv_str b, size_t k) {
    return (a.p[i] | 0x20) == (b.p[k] | 0x20);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The edit distance of two words, without regard to upper and lower case. Two neighbours that have changed places are
 * one mistake. */
static size_t distance(struct rv_str a, struct rv_str b) {
    size_t rows[3][WORD_MAX + 1]; /* of the letters i-2, i-1 and i */
    if (a.n > WORD_MAX || b.n > WORD_MAX) return WORD_MAX;
    for (size_t k = 0; k <= b.n; k++) rows[0][k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            now[k] = smaller(last[k - 1] + !same_letter(a, i - 1, b, k - 1), smaller(last[k], now[k - 1]) + 1);
            if (i > 1 && k > 1 && same_letter(a, i - 1, b, k - 2) && same_letter(a, i - 2, b, k - 1))
                now[k] = smaller(now[k], before[k - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
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
