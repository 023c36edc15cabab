/* quantity.c - Kubernetes resource quantities (resource.Quantity of apimachinery; see rayvisor/k8s.h).
 *
 * A quantity is a decimal number with a suffix: n u m "" k M G T P E (decimal SI), Ki..Ei (binary SI), or an exponent.
 * It is stored as a whole number of units of 10^-9 in 128 bits. Anything finer is rounded up, as Kubernetes does. The
 * canonical form has the largest suffix that leaves no fraction. It stays decimal or binary, as the quantity was
 * written. */
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"

#include <errno.h>
#include <stdio.h>

#define NANO ((rv_int128)1000000000)
#define QUANTITY_MAX ((((rv_int128)1 << 126) - 1) * 2 + 1)

static rv_int128 mul_sat(rv_int128 a, rv_int128 b) {
    rv_int128 r;
    /* The result can always be negated. */
    if (!__builtin_mul_overflow(a, b, &r)) return r < -QUANTITY_MAX ? -QUANTITY_MAX : r;
    return (a < 0) == (b < 0) ? QUANTITY_MAX : -QUANTITY_MAX;
}

static const struct {
    char text[3];
    int power; /* the power of 10 or of 1024 */
    enum rv_quantity_format format;
} suffixes[] = {
    {"n", -9, RV_QUANTITY_DECIMAL_SI}, {"u", -6, RV_QUANTITY_DECIMAL_SI}, {"m", -3, RV_QUANTITY_DECIMAL_SI},
    {"", 0, RV_QUANTITY_DECIMAL_SI},   {"k", 3, RV_QUANTITY_DECIMAL_SI},  {"M", 6, RV_QUANTITY_DECIMAL_SI},
    {"G", 9, RV_QUANTITY_DECIMAL_SI},  {"T", 12, RV_QUANTITY_DECIMAL_SI}, {"P", 15, RV_QUANTITY_DECIMAL_SI},
    {"E", 18, RV_QUANTITY_DECIMAL_SI}, {"Ki", 1, RV_QUANTITY_BINARY_SI},  {"Mi", 2, RV_QUANTITY_BINARY_SI},
    {"Gi", 3, RV_QUANTITY_BINARY_SI},  {"Ti", 4, RV_QUANTITY_BINARY_SI},  {"Pi", 5, RV_QUANTITY_BINARY_SI},
    {"Ei", 6, RV_QUANTITY_BINARY_SI},
};

/* EXPONENT_MAX is far beyond what 128 bits hold, so a larger exponent means the same. A number has at most DIGITS_MAX
 * characters. */
enum { EXPONENT_MAX = 10000, DIGITS_MAX = 4096 };

struct number {
    rv_int128 digits; /* without the decimal point */
    int scale;        /* the value is digits * 10^scale */
    bool negative, inexact;
};

/* Reads the sign, the digits and the decimal point. Moves *i behind them. */
static int parse_number(struct rv_str s, size_t *i, struct number *n) {
    *n = (struct number){0};
    bool any = false, point = false, full = false;
    if (*i < s.n && (s.p[*i] == '+' || s.p[*i] == '-')) n->negative = s.p[(*i)++] == '-';
    for (; *i < s.n; (*i)++) {
        char c = s.p[*i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        any = true;
        rv_int128 more;
        full = full || __builtin_mul_overflow(n->digits, (rv_int128)10, &more) ||
               __builtin_add_overflow(more, (rv_int128)(c - '0'), &more);
        if (full) { /* further digits do not matter; only remember if one was not 0 */
            n->inexact = n->inexact || c != '0';
            if (!point) n->scale++;
            continue;
        }
        n->digits = more;
        if (point) n->scale--;
    }
    return any ? 0 : -EINVAL;
}

static int parse_suffix(struct rv_str rest, struct number *n, struct rv_quantity *q, rv_int128 *binary) {
    *binary = 1;
    for (size_t k = 0; k < RV_ARRAY_LEN(suffixes); k++) {
        if (!rv_str_is(rest, suffixes[k].text)) continue;
        q->format = suffixes[k].format;
        if (q->format == RV_QUANTITY_DECIMAL_SI)
            n->scale += suffixes[k].power;
        else
            *binary = (rv_int128)1 << (10 * suffixes[k].power);
        return 0;
    }
    if (rest.n < 2 || (rest.p[0] != 'e' && rest.p[0] != 'E')) return -EINVAL;
    struct rv_str digits = {rest.p + 1, rest.n - 1};
    bool negative = digits.p[0] == '-';
    if (negative || digits.p[0] == '+') digits = (struct rv_str){digits.p + 1, digits.n - 1};
    if (digits.n == 0) return -EINVAL;
    int exponent = 0;
    for (size_t k = 0; k < digits.n; k++) {
        if (digits.p[k] < '0' || digits.p[k] > '9') return -EINVAL;
        if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (digits.p[k] - '0');
    }
    n->scale += negative ? -exponent : exponent;
    q->format = RV_QUANTITY_EXPONENT;
    return 0;
}

int rv_quantity_parse(struct rv_str s, struct rv_quantity *ret) {
    struct number n;
    struct rv_quantity q = {0, RV_QUANTITY_DECIMAL_SI};
    rv_int128 binary;
    size_t i = 0;
    if (s.n > DIGITS_MAX || parse_number(s, &i, &n) != 0) return -EINVAL;
    if (parse_suffix((struct rv_str){s.p + i, s.n - i}, &n, &q, &binary) != 0) return -EINVAL;
    while (binary > 1 && n.scale < 0 &&
           mul_sat(n.digits, binary) == QUANTITY_MAX) { /* the digits are too fine to matter */
        n.inexact = n.inexact || n.digits % 10 != 0;
        n.digits /= 10;
        n.scale++;
    }
    rv_int128 v = mul_sat(n.digits, binary);
    int scale = n.scale + 9;
    for (; scale > 0 && v != 0 && v < QUANTITY_MAX; scale--) v = mul_sat(v, 10);
    for (; scale < 0 && v != 0; scale++) {
        if (v % 10 != 0) n.inexact = true;
        v /= 10;
    }
    if (n.inexact && v < QUANTITY_MAX) v++;
    q.nano = n.negative ? -v : v;
    *ret = q;
    return 0;
}

int rv_quantity_from_val(struct rv_val v, struct rv_quantity *ret) {
    rv_autobuf struct rv_buf text = {0};
    switch (rv_val_type(v)) {
    case RV_STRING:
        return rv_quantity_parse(rv_val_str(v), ret);
    case RV_INT:
        *ret = (struct rv_quantity){mul_sat(rv_val_int(v, 0), NANO), RV_QUANTITY_DECIMAL_SI};
        return 0;
    case RV_UINT:
    case RV_FLOAT: /* exactly as JSON shows the number */
        rv_json_write(v, &text);
        if (rv_quantity_parse(rv_buf_str(&text), ret) != 0) return -EINVAL;
        ret->format = RV_QUANTITY_DECIMAL_SI;
        return 0;
    default:
        return -EINVAL;
    }
}

void rv_quantity_add(struct rv_quantity *a, struct rv_quantity b) {
    if (a->nano == 0) a->format = b.format;
    rv_int128 sum;
    if (__builtin_add_overflow(a->nano, b.nano, &sum)) sum = a->nano < 0 ? -QUANTITY_MAX : QUANTITY_MAX;
    a->nano = sum < -QUANTITY_MAX ? -QUANTITY_MAX : sum;
}

void rv_quantity_mul(struct rv_quantity *a, int64_t factor) { a->nano = mul_sat(a->nano, factor); }
int rv_quantity_cmp(struct rv_quantity a, struct rv_quantity b) { return a.nano < b.nano ? -1 : a.nano > b.nano; }
bool rv_quantity_is_zero(struct rv_quantity q) { return q.nano == 0; }

int64_t rv_quantity_ceil(struct rv_quantity q) {
    rv_int128 v = q.nano / NANO;
    if (q.nano > 0 && q.nano % NANO != 0) v++;
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

double rv_quantity_to_double(struct rv_quantity q) { return (double)q.nano / 1e9; }

/* Writes |v| in decimal and the suffix. That is a sign, at most 39 digits, at most 4 characters and the NUL. */
static void print_with(char ret[48], bool negative, rv_int128 v, const char *suffix) {
    char digits[39];
    size_t n = sizeof digits, used = 0;
    do {
        digits[--n] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v != 0);
    if (negative) ret[used++] = '-';
    memcpy(ret + used, digits + n, sizeof digits - n);
    used += sizeof digits - n;
    memcpy(ret + used, suffix, strlen(suffix) + 1);
}

static bool format_binary(struct rv_quantity q, rv_int128 v, char ret[48]) {
    if (v % NANO != 0 || v / NANO < 1024) return false; /* fractions and small numbers are written in decimal */
    rv_int128 units = v / NANO;
    size_t best = 3; /* the empty suffix */
    for (size_t k = 10; k < RV_ARRAY_LEN(suffixes); k++)
        if (units % ((rv_int128)1 << (10 * suffixes[k].power)) == 0) best = k;
    rv_int128 unit = best == 3 ? 1 : (rv_int128)1 << (10 * suffixes[best].power);
    print_with(ret, q.nano < 0, units / unit, suffixes[best].text);
    return true;
}

void rv_quantity_format(struct rv_quantity q, char ret[48]) {
    rv_int128 v = q.nano < 0 ? -q.nano : q.nano;
    if (v == 0) {
        snprintf(ret, 48, "0");
        return;
    }
    if (q.format == RV_QUANTITY_BINARY_SI && format_binary(q, v, ret)) return;
    int power = -9;
    int largest = q.format == RV_QUANTITY_EXPONENT ? 36 : 18;
    while (power + 3 <= largest && v % 1000 == 0) {
        v /= 1000;
        power += 3;
    }
    if (q.format == RV_QUANTITY_EXPONENT) {
        char e[16] = "";
        if (power != 0) snprintf(e, sizeof e, "e%d", power);
        print_with(ret, q.nano < 0, v, e);
        return;
    }
    print_with(ret, q.nano < 0, v, suffixes[(power + 9) / 3].text);
}
