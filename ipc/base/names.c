/* names.c - which names Kubernetes accepts (RFC 1123, RFC 1035, label syntax; see rayvisor/k8s.h). */
#include "rayvisor/k8s.h"

static bool lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
static bool alnum(char c) { return lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

static bool dns_label(const char *p, size_t n) {
    if (n == 0 || n > 63 || !lower_alnum(p[0]) || !lower_alnum(p[n - 1])) return false;
    for (size_t i = 0; i < n; i++)
        if (!lower_alnum(p[i]) && p[i] != '-') return false;
    return true;
}

const char *rv_name_dns1123_label(struct rv_str s) {
    if (dns_label(s.p, s.n)) return NULL;
    return "must be 1 to 63 lower-case letters, digits or '-', and begin and end with a letter or digit (RFC 1123 "
           "label)";
}

const char *rv_name_dns1035_label(struct rv_str s) {
    if (dns_label(s.p, s.n) && s.p[0] >= 'a') return NULL;
    return "must be 1 to 63 lower-case letters, digits or '-', begin with a letter and end with a letter or digit (RFC "
           "1035 label)";
}

const char *rv_name_dns1123_subdomain(struct rv_str s) {
    bool ok = s.n > 0 && s.n <= 253;
    for (size_t i = 0; ok && i <= s.n;) {
        size_t end = i;
        while (end < s.n && s.p[end] != '.') end++;
        /* Only the whole subdomain has a limit on its length. Its parts have none. */
        ok = end > i && lower_alnum(s.p[i]) && lower_alnum(s.p[end - 1]);
        for (size_t k = i; ok && k < end; k++) ok = lower_alnum(s.p[k]) || s.p[k] == '-';
        i = end + 1;
        if (end == s.n) break;
    }
    return ok ? NULL
              : "must be 1 to 253 lower-case letters, digits, '-' or '.', and every part between dots begins and ends "
                "with a letter or digit (RFC 1123 subdomain)";
}

static bool label_text(const char *p, size_t n) {
    if (n == 0 || n > 63 || !alnum(p[0]) || !alnum(p[n - 1])) return false;
    for (size_t i = 0; i < n; i++)
        if (!alnum(p[i]) && p[i] != '-' && p[i] != '_' && p[i] != '.') return false;
    return true;
}

const char *rv_name_label_key(struct rv_str s) {
    const char *slash = s.n != 0 ? memchr(s.p, '/', s.n) : NULL;
    struct rv_str name = s;
    if (slash != NULL) {
        struct rv_str prefix = {s.p, (size_t)(slash - s.p)};
        if (rv_name_dns1123_subdomain(prefix) != NULL)
            return "the part before '/' must be a DNS subdomain of lower-case letters, digits, '-' and '.'";
        name = (struct rv_str){slash + 1, s.n - prefix.n - 1};
    }
    if (label_text(name.p, name.n)) return NULL;
    return "the name must be 1 to 63 letters, digits, '-', '_' or '.', and begin and end with a letter or digit";
}

const char *rv_name_label_value(struct rv_str s) {
    if (s.n == 0 || label_text(s.p, s.n)) return NULL;
    return "must be empty, or 1 to 63 letters, digits, '-', '_' or '.', and begin and end with a letter or digit";
}

void rv_name_suffix(const uint8_t random[5], char ret[6]) {
    /* Without vowels and 0, 1, 3 no words arise, and no characters that look alike. */
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    for (size_t i = 0; i < 5; i++) ret[i] = alphabet[random[i] % (sizeof alphabet - 1)];
    ret[5] = 0;
}

/* ---- making a name fit ------------------------------------------------------------------------------------ */

enum { LABEL_VALUE_MAX = 63 };

struct rv_str rv_name_first(struct rv_str s, size_t max) {
    return s.n > max ? (struct rv_str){s.p, max} : s;
}

struct rv_str rv_name_last(struct rv_str s, size_t max) {
    return s.n > max ? (struct rv_str){s.p + (s.n - max), max} : s;
}

/* Converts ASCII only, because names must not depend on the locale. */
struct rv_str rv_name_lower(struct rv_arena *a, struct rv_str s) {
    char *text = rv_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) text[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] - 'A' + 'a' : s.p[i]);
    text[s.n] = 0;
    return (struct rv_str){text, s.n};
}

static bool punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

struct rv_str rv_name_legal_start(struct rv_arena *a, struct rv_str s, bool digit_allowed) {
    bool digit = s.n != 0 && s.p[0] >= '0' && s.p[0] <= '9';
    if (s.n == 0 || (!punctuation(s.p[0]) && (digit_allowed || !digit))) return rv_arena_str(a, s);
    return rv_arena_fmt(a, "r" RV_STR_FMT, (int)(s.n - 1), s.p + 1);
}

struct rv_str rv_name_with_suffix(struct rv_arena *a, struct rv_str base, const char *suffix, size_t max) {
    size_t tail = strlen(suffix);
    struct rv_str kept = rv_name_first(base, max > tail ? max - tail : 0);
    return rv_arena_fmt(a, RV_STR_FMT "%s", RV_STR_ARG(kept), suffix);
}

struct rv_str rv_name_to_label_value(struct rv_arena *a, struct rv_str s) {
    return rv_name_legal_start(a, rv_name_last(s, LABEL_VALUE_MAX), true);
}
