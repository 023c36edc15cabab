/* runtime_env.c - spec.runtimeEnvYAML as an object. People write it by hand, so anchors, merges and the words of YAML
 * 1.1 (yes, no, on, off) mean what they mean to the reference's reader. What a document of anchors unfolds to is
 * bounded. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "ipc/base/yaml.h"
#include "job.h"

enum { DEPTH_MAX = 64, NODES_MAX = 50000 };

static const struct word {
    const char *text;
    enum rv_type type;
    bool on;
} words[] = {{"", RV_NULL, false},     {"~", RV_NULL, false},     {"null", RV_NULL, false},  {"Null", RV_NULL, false},
             {"NULL", RV_NULL, false}, {"y", RV_BOOL, true},      {"Y", RV_BOOL, true},      {"yes", RV_BOOL, true},
             {"Yes", RV_BOOL, true},   {"YES", RV_BOOL, true},    {"true", RV_BOOL, true},   {"True", RV_BOOL, true},
             {"TRUE", RV_BOOL, true},  {"on", RV_BOOL, true},     {"On", RV_BOOL, true},     {"ON", RV_BOOL, true},
             {"n", RV_BOOL, false},    {"N", RV_BOOL, false},     {"no", RV_BOOL, false},    {"No", RV_BOOL, false},
             {"NO", RV_BOOL, false},   {"false", RV_BOOL, false}, {"False", RV_BOOL, false}, {"FALSE", RV_BOOL, false},
             {"off", RV_BOOL, false},  {"Off", RV_BOOL, false},   {"OFF", RV_BOOL, false}};

/* Digits with a prefix for the base, underscores left out. */
static bool whole_number(const char *text, int64_t *ret) {
    rv_autobuf struct rv_buf b = {0};
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits < '0' || *digits > '9') return false;
    for (const char *p = text; *p != 0; p++)
        if (*p != '_') rv_buf_addc(&b, (uint8_t)*p);
    const char *plain = rv_buf_cstr(&b);
    size_t sign = *plain == '-' || *plain == '+';
    int base = 10;
    if (plain[sign] == '0' && plain[sign + 1] != 0) {
        char kind = plain[sign + 1];
        base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
        if (kind == 'x' || kind == 'b' || kind == 'o') memmove(b.p + sign, b.p + sign + 2, b.n - sign - 1);
    }
    char *end;
    errno = 0;
    long long v = strtoll(plain, &end, base);
    *ret = v;
    return errno == 0 && end != plain && *end == 0;
}

static bool real_number(const char *text, double *ret) {
    size_t n = strspn(text, "0123456789.eE+-");
    bool digit = strpbrk(text, "0123456789") != NULL;
    char *end;
    if (text[n] != 0 || !digit || *text == 'e' || *text == 'E') return false;
    *ret = strtod(text, &end);
    return *end == 0 && isfinite(*ret);
}

static struct rv_node *plain(struct rv_arena *a, struct rv_str s) {
    int64_t whole;
    double real;
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (rv_str_is(s, words[i].text))
            return words[i].type == RV_NULL ? rv_node_null(a) : rv_node_bool(a, words[i].on);
    if (whole_number(s.p, &whole)) return rv_node_int(a, whole);
    if (real_number(s.p, &real)) return rv_node_float(a, real);
    return rv_node_str(a, s);
}

struct rv_node *rj_runtime_env(struct rv_arena *a, struct rv_str yaml, struct rv_error *err) {
    static const struct yaml_opts o = {.anchors = true, .max_depth = DEPTH_MAX, .max_nodes = NODES_MAX, .plain = plain};
    struct rv_node *root = yaml_tree(a, yaml, &o, err);
    if (root == NULL) return NULL;
    if (rv_node_type(root) == RV_NULL) return rv_node_map(a);
    if (rv_node_type(root) == RV_MAP) return root;
    rv_error_set(err, RV_E_PARSE, "line 1: a mapping is expected, such as \"pip: [requests]\"");
    return NULL;
}
