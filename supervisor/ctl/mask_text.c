/* mask_text.c - secrets within texts (mask.h): NAME=VALUE, --name VALUE, "name": "value", URLs with a password, bearer
 * tokens, tokens of a known form, private keys. */
#include "mask.h"

#include <ctype.h>
#include <stdlib.h>

static bool has(struct rv_str s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++)
        if (strncasecmp(s.p + i, word, n) == 0) return true;
    return false;
}

static bool ends(struct rv_str s, const char *suffix) {
    size_t n = strlen(suffix);
    return s.n >= n && strncasecmp(s.p + s.n - n, suffix, n) == 0;
}

bool mask_is_secret(struct rv_str name) {
    static const char *const words[] = {
        "password",   "passwd",           "passphrase",        "secret",        "token",
        "credential", "apikey",           "api-key",           "api_key",       "accesskey",
        "access-key", "access_key",       "privatekey",        "private-key",   "private_key",
        "authkey",    "auth-key",         "auth_key",          "authorization", "cookie",
        "signature",  "connectionstring", "connection_string", "license"};
    static const char *const names_something[] = {"name", "names", "ref", "seconds", "path", "tokens"};
    static const char *const endings[] = {"pass", "pwd", "_key", "-key"};
    if (has(name, "tokeniz")) return false;
    for (size_t i = 0; i < RV_ARRAY_LEN(names_something); i++)
        if (ends(name, names_something[i])) return false;
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (has(name, words[i])) return true;
    for (size_t i = 0; i < RV_ARRAY_LEN(endings); i++)
        if (ends(name, endings[i])) return true;
    return false;
}

/* ---- parts of a text -------------------------------------------------------------------------------------------- */

static bool is_word(char ch) { return isalnum((unsigned char)ch) != 0 || ch == '_' || ch == '-' || ch == '.'; }

static size_t word_end(struct rv_str s, size_t at) {
    while (at < s.n && is_word(s.p[at])) at++;
    return at;
}

static char char_at(struct rv_str s, size_t at) { return at < s.n ? s.p[at] : 0; }

/* The end of a value that begins here: at its quote, or without one where a shell, JSON or a URL would end it. */
static size_t value_end(struct rv_str s, size_t at) {
    char quote = char_at(s, at);
    if (quote == '"' || quote == '\'') {
        for (at++; at < s.n && s.p[at] != quote; at++)
            if (s.p[at] == '\\') at++;
        return at < s.n ? at : s.n;
    }
    while (at < s.n && strchr(" \t\r\n\"'`,;&)]}", s.p[at]) == NULL) at++;
    return at;
}

static size_t skip_blanks(struct rv_str s, size_t at) {
    while (char_at(s, at) == ' ' || char_at(s, at) == '\t') at++;
    return at;
}

/* A text within a text has its quotes as \". */
static size_t skip_escapes(struct rv_str s, size_t at) {
    while (char_at(s, at) == '\\') at++;
    return at;
}

static bool is_scheme(struct rv_str word) {
    static const char *const schemes[] = {"bearer", "basic", "token", "digest"};
    for (size_t i = 0; i < RV_ARRAY_LEN(schemes); i++)
        if (rv_str_ieq(word, schemes[i])) return true;
    return false;
}

/* Where the value of the word that ends here begins; 0 if it has none. */
static size_t value_of(struct rv_str s, size_t begin, size_t end) {
    size_t at = skip_escapes(s, end);
    at = skip_blanks(s, at + (char_at(s, at) == '"' || char_at(s, at) == '\''));
    if (char_at(s, at) == '=' || char_at(s, at) == ':') return skip_escapes(s, skip_blanks(s, at + 1));
    return s.p[begin] == '-' && at > end ? at : 0;
}

/* A piece of the text that is to be masked: [begin, end). Empty if there is none at this place. */
struct piece {
    size_t begin, end;
};

static struct piece named_value(struct rv_str s, size_t at) {
    size_t end = word_end(s, at);
    size_t value = mask_is_secret((struct rv_str){s.p + at, end - at}) ? value_of(s, at, end) : 0;
    if (value == 0) return (struct piece){0};
    bool quoted = char_at(s, value) == '"' || char_at(s, value) == '\'';
    size_t until = value_end(s, value);
    value += quoted;
    /* "Authorization: Bearer abc": the secret is the second word. */
    size_t first = word_end(s, value);
    if (first > value && first <= until && is_scheme((struct rv_str){s.p + value, first - value}) && !quoted)
        until = value_end(s, skip_blanks(s, first));
    return (struct piece){value, until};
}

static struct piece bearer(struct rv_str s, size_t at) {
    size_t end = word_end(s, at);
    struct rv_str word = {s.p + at, end - at};
    if (!rv_str_ieq(word, "bearer") && !rv_str_ieq(word, "basic")) return (struct piece){0};
    size_t value = skip_blanks(s, end), until = value_end(s, value);
    return value > end && until >= value + 8 ? (struct piece){value, until} : (struct piece){0};
}

/* Tokens that show by their beginning what they are. */
static struct piece known_token(struct rv_str s, size_t at) {
    static const char *const begins[] = {"eyJ",  "hf_",  "ghp_",  "gho_",  "ghs_", "github_pat_", "glpat-",
                                         "AKIA", "ASIA", "xoxb-", "xoxp-", "sk-",  "AIza"};
    size_t end = word_end(s, at);
    for (size_t i = 0; i < RV_ARRAY_LEN(begins); i++)
        if (rv_str_starts((struct rv_str){s.p + at, end - at}, begins[i]) && end - at >= 16)
            return (struct piece){at, end};
    return (struct piece){0};
}

/* scheme://user:password@host */
static struct piece url_user(struct rv_str s, size_t at) {
    size_t end = word_end(s, at), host = end + 3, until = host;
    if (end + 3 > s.n || memcmp(s.p + end, "://", 3) != 0) return (struct piece){0};
    while (until < s.n && strchr("/ \t\r\n\"'<>?#", s.p[until]) == NULL) until++;
    while (until > host && s.p[until - 1] != '@') until--;
    return until > host ? (struct piece){host, until - 1} : (struct piece){0};
}

static struct piece private_key(struct rv_str s, size_t at) {
    static const char begin[] = "-----BEGIN ", end[] = "-----END ";
    if (!rv_str_starts((struct rv_str){s.p + at, s.n - at}, begin)) return (struct piece){0};
    const char *close = memmem(s.p + at, s.n - at, end, sizeof end - 1);
    return (struct piece){at, close != NULL ? (size_t)(close - s.p) : s.n};
}

static struct piece secret_at(struct rv_str s, size_t at) {
    static struct piece (*const finders[])(struct rv_str s, size_t at) = {private_key, url_user, known_token, bearer,
                                                                          named_value};
    struct piece p = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(finders) && p.end <= p.begin; i++) p = finders[i](s, at);
    return p;
}

struct rv_str mask_text(struct rv_arena *a, struct rv_str text) {
    rv_autobuf struct rv_buf b = {0};
    size_t done = 0;
    for (size_t at = 0; at < text.n;) {
        bool start = is_word(text.p[at]) && (at == 0 || !is_word(text.p[at - 1]));
        struct piece p = start ? secret_at(text, at) : (struct piece){0};
        if (p.end <= p.begin) {
            at++;
            continue;
        }
        rv_buf_add(&b, text.p + done, p.begin - done);
        rv_buf_adds(&b, MASKED);
        at = done = p.end;
    }
    if (done < text.n) rv_buf_add(&b, text.p + done, text.n - done);
    return rv_arena_str(a, rv_buf_str(&b));
}
