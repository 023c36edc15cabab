/* faults.c - reads the rules with a table, matches them, and draws random numbers. */
#include "faults.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct rule {
    struct rule *next;
    unsigned id;
    uint64_t hits;
    int64_t left; /* -1 means without limit */
    double probability;
    struct rv_buf text; /* the rule as it was given */
    struct rv_val match;
    struct sb_fault fault;
};

struct sb_faults {
    struct rule *first, **last;
    unsigned ids;
    uint64_t random;
};

struct sb_faults *sb_faults_new(void) {
    struct sb_faults *f = rv_alloc(sizeof *f);
    f->last = &f->first;
    f->random = 1;
    return f;
}

static void rule_free(struct rule *r) {
    rv_buf_free(&r->text);
    free(r);
}

void sb_faults_clear(struct sb_faults *f) {
    for (struct rule *r = f->first, *next; r != NULL; r = next) {
        next = r->next;
        rule_free(r);
    }
    f->first = NULL;
    f->last = &f->first;
}

struct sb_faults *sb_faults_free(struct sb_faults *f) {
    if (f != NULL) sb_faults_clear(f);
    free(f);
    return NULL;
}

bool sb_faults_remove(struct sb_faults *f, unsigned id) {
    for (struct rule **at = &f->first; *at != NULL; at = &(*at)->next) {
        struct rule *r = *at;
        if (r->id != id) continue;
        *at = r->next;
        if (f->last == &r->next) f->last = at;
        rule_free(r);
        return true;
    }
    return false;
}

/* ---- reading a rule ---- */

enum field { FIELD_INT, FIELD_BOOL, FIELD_TEXT, FIELD_DROP };
static const struct action_field {
    const char *name;
    enum field type;
    /* `size` is for texts. */
    size_t offset, size;
    int64_t min, max;
} action_fields[] = {
    {"status", FIELD_INT, offsetof(struct sb_fault, status), 0, 400, 599},
    {"retryAfter", FIELD_INT, offsetof(struct sb_fault, retry_after), 0, 1, 3600},
    {"delayMs", FIELD_INT, offsetof(struct sb_fault, delay_ms), 0, 1, 3600000},
    {"truncate", FIELD_INT, offsetof(struct sb_fault, truncate), 0, 1, INT32_MAX},
    {"stall", FIELD_BOOL, offsetof(struct sb_fault, stall), 0, 0, 0},
    {"duplicateEvents", FIELD_BOOL, offsetof(struct sb_fault, duplicate_events), 0, 0, 0},
    {"garbage", FIELD_BOOL, offsetof(struct sb_fault, garbage), 0, 0, 0},
    {"dropConnection", FIELD_DROP, offsetof(struct sb_fault, drop), 0, 0, 0},
    {"reason", FIELD_TEXT, offsetof(struct sb_fault, reason), sizeof((struct sb_fault){0}.reason), 0, 0},
    {"message", FIELD_TEXT, offsetof(struct sb_fault, message), sizeof((struct sb_fault){0}.message), 0, 0},
};

static bool set_field(const struct action_field *d, struct rv_val v, struct sb_fault *ret) {
    void *at = (char *)ret + d->offset;
    struct rv_str text = rv_val_str(v);
    if (d->type == FIELD_INT) {
        int64_t n = rv_val_int(v, d->min - 1);
        *(int64_t *)at = n;
        return n >= d->min && n <= d->max;
    }
    if (d->type == FIELD_BOOL) {
        *(bool *)at = rv_val_bool(v, false);
        return rv_val_type(v) == RV_BOOL;
    }
    if (d->type == FIELD_TEXT) {
        snprintf(at, d->size, RV_STR_FMT, RV_STR_ARG(text));
        return text.n != 0 && text.n < d->size;
    }
    *(enum sb_drop *)at = rv_str_is(text, "before") ? SB_DROP_BEFORE : SB_DROP_AFTER;
    return rv_str_is(text, "before") || rv_str_is(text, "after");
}

static int read_action(struct rv_val v, struct sb_fault *ret, struct rv_error *err) {
    if (rv_val_len(v) == 0) return rv_error_set(err, RV_E_INVALID, "action: say what happens");
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        size_t i = 0;
        while (i < RV_ARRAY_LEN(action_fields) && !rv_str_is(it.key, action_fields[i].name)) i++;
        if (i == RV_ARRAY_LEN(action_fields))
            return rv_error_set(err, RV_E_INVALID, "action: there is no \"" RV_STR_FMT "\"", RV_STR_ARG(it.key));
        if (!set_field(&action_fields[i], it.val, ret))
            return rv_error_set(err, RV_E_INVALID, "action.%s: not a possible value", action_fields[i].name);
    }
    return 0;
}

static const struct {
    const char *name;
    size_t offset;
    bool prefix;
} match_fields[] = {
    {"verb", offsetof(struct sb_fault_call, verb), false},
    {"group", offsetof(struct sb_fault_call, group), false},
    {"resource", offsetof(struct sb_fault_call, resource), false},
    {"subresource", offsetof(struct sb_fault_call, subresource), false},
    {"namespace", offsetof(struct sb_fault_call, ns), false},
    {"name", offsetof(struct sb_fault_call, name), true},
    {"userAgent", offsetof(struct sb_fault_call, user_agent), true},
};

static int check_match(struct rv_val match, struct rv_error *err) {
    for (struct rv_iter it = rv_iter(match); rv_iter_next(&it);) {
        size_t i = 0;
        while (i < RV_ARRAY_LEN(match_fields) && !rv_str_is(it.key, match_fields[i].name)) i++;
        if (i == RV_ARRAY_LEN(match_fields))
            return rv_error_set(err, RV_E_INVALID, "match: there is no \"" RV_STR_FMT "\"", RV_STR_ARG(it.key));
        if (rv_val_type(it.val) != RV_STRING)
            return rv_error_set(err, RV_E_INVALID, "match.%s: must be a string", match_fields[i].name);
    }
    return 0;
}

static int read_rule(struct rule *r, struct rv_val v, struct rv_error *err) {
    static const char *const known[] = {"match", "action", "probability", "count"};
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);) {
        size_t i = 0;
        while (i < RV_ARRAY_LEN(known) && !rv_str_is(it.key, known[i])) i++;
        if (i == RV_ARRAY_LEN(known))
            return rv_error_set(err, RV_E_INVALID, "a rule has no \"" RV_STR_FMT "\"", RV_STR_ARG(it.key));
    }
    struct rv_val probability = rv_val_get(v, "probability"), count = rv_val_get(v, "count");
    r->match = rv_val_get(v, "match");
    r->probability = rv_val_set(probability) ? rv_val_float(probability, -1) : 1;
    r->left = rv_val_set(count) ? rv_val_int(count, 0) : -1;
    if (!(r->probability > 0 && r->probability <= 1))
        return rv_error_set(err, RV_E_INVALID, "probability: must be more than 0 and at most 1");
    if (rv_val_set(count) && r->left < 1) return rv_error_set(err, RV_E_INVALID, "count: must be a positive integer");
    if (rv_val_set(r->match) && rv_val_type(r->match) != RV_MAP)
        return rv_error_set(err, RV_E_INVALID, "match: must be an object");
    int e = check_match(r->match, err);
    return e != 0 ? e : read_action(rv_val_get(v, "action"), &r->fault, err);
}

int sb_faults_add(struct sb_faults *f, struct rv_val rule, unsigned *ret_id, struct rv_error *err) {
    struct rule *r = rv_alloc(sizeof *r);
    rv_buf_add(&r->text, rule.p, rule.n);
    int e = read_rule(r, (struct rv_val){r->text.p, r->text.n}, err);
    if (e != 0) {
        rule_free(r);
        return e;
    }
    r->id = ++f->ids;
    *f->last = r;
    f->last = &r->next;
    *ret_id = r->id;
    return 0;
}

void sb_faults_write(const struct sb_faults *f, struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_begin_array(&w, "items");
    for (const struct rule *r = f->first; r != NULL; r = r->next) {
        jsonw_begin_object(&w, NULL);
        jsonw_uint(&w, "id", r->id);
        jsonw_uint(&w, "hits", r->hits);
        jsonw_int(&w, "left", r->left);
        jsonw_val(&w, "rule", (struct rv_val){r->text.p, r->text.n});
        jsonw_end_object(&w);
    }
    jsonw_end_array(&w);
    jsonw_end_object(&w);
}

/* ---- a request comes ---- */

static bool matches(const struct rule *r, const struct sb_fault_call *c) {
    for (size_t i = 0; i < RV_ARRAY_LEN(match_fields); i++) {
        struct rv_val v = rv_val_get(r->match, match_fields[i].name);
        if (!rv_val_set(v)) continue;
        struct rv_str have, want = rv_val_str(v);
        memcpy(&have, (const char *)c + match_fields[i].offset, sizeof have);
        if (match_fields[i].prefix && have.n > want.n) have.n = want.n;
        if (!rv_str_eq(have, want)) return false;
    }
    return true;
}

static double throw_dice(struct sb_faults *f) {
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(f->random >> 11) / 9007199254740992.0; /* 2^53 */
}

bool sb_faults_pick(struct sb_faults *f, const struct sb_fault_call *c, struct sb_fault *ret) {
    for (struct rule *r = f->first; r != NULL; r = r->next) {
        if (r->left == 0 || !matches(r, c)) continue;
        if (r->probability < 1 && throw_dice(f) >= r->probability) continue;
        if (r->left > 0) r->left--;
        r->hits++;
        *ret = r->fault;
        return true;
    }
    return false;
}
