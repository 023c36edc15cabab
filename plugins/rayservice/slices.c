/* slices.c - sharing traffic without a Gateway: how many endpoints of which cluster stand behind the stable Service.
 *
 * Every proxy spreads new connections evenly over the endpoints, so the share of a cluster is its share of endpoints.
 * What cannot be shared so: requests of one connection, and shares finer than the number of pods allows. */
#include "service.h"

static int64_t distance(int64_t a, int64_t b, int64_t weight) {
    int64_t off = b * 100 - weight * (a + b); /* of the share, times the sum */
    return off < 0 ? -off : off;
}

void rs_share_endpoints(int64_t have_a, int64_t have_b, int64_t weight, int64_t *ret_a, int64_t *ret_b) {
    *ret_a = weight < 100 || have_b == 0 ? have_a : 0;
    *ret_b = weight > 0 || have_a == 0 ? have_b : 0;
    if (*ret_a == 0 || *ret_b == 0) return;
    int64_t best_a = 1, best_b = 1;
    for (int64_t a = 1; a <= have_a; a++) { /* for each a the b that is nearest to
                                               the share, or the one beside it */
        int64_t b = a * weight / (100 - weight);
        for (int64_t k = b; k <= b + 1; k++) {
            int64_t n = k < 1 ? 1 : k > have_b ? have_b : k;
            int64_t mine = distance(a, n, weight) * (best_a + best_b),
                    best = distance(best_a, best_b, weight) * (a + n);
            if (mine > best || (mine == best && a + n <= best_a + best_b)) continue;
            best_a = a;
            best_b = n;
        }
    }
    *ret_a = best_a;
    *ret_b = best_b;
}
