/* schema.c - reads mappings with tables (see schema.h). */
#include "schema.h"

#include <stdio.h>

#include "ipc/base/nearest.h"
#include "rayvisor/k8s.h"

int schema_fail(const struct schema_reader *r, const struct yaml_pos *at, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    return rv_error_set(r->err, RV_E_CONFIG, "%s:%zu:%zu: %s", r->doc->file, at->line, at->column, rv_buf_cstr(&b));
}

static int unknown_key(const struct schema_reader *r, const struct yaml_pos *k, const char *what,
                       const struct schema_key *keys) {
    rv_autobuf struct rv_buf list = {0};
    struct nearest near = nearest_begin(k->key);
    for (const struct schema_key *s = keys; s->name != NULL; s++) {
        rv_buf_addf(&list, "%s%s", list.n != 0 ? ", " : "", s->name);
        nearest_offer(&near, rv_str(s->name));
    }
    struct yaml_pos at = {.line = k->key_line, .column = k->key_column};
    rv_autobuf struct rv_buf hint = {0};
    nearest_hint(&near, &hint);
    return schema_fail(r, &at, "unknown key \"" RV_STR_FMT "\" in %s%s Accepted are %s", RV_STR_ARG(k->key), what,
                       hint.n != 0 ? rv_buf_cstr(&hint) : ".", rv_buf_cstr(&list));
}

static int type_error(const struct schema_reader *r, const struct yaml_pos *n, const struct schema_key *s,
                      const char *accepted) {
    if (n->kind != YAML_POS_SCALAR)
        return schema_fail(r, n, "%s is %s; accepted is %s", s->name, yaml_kind_name(n->kind), accepted);
    return schema_fail(r, n, "%s is \"" RV_STR_FMT "\"; accepted is %s", s->name, RV_STR_ARG(n->text), accepted);
}

static int read_int(const struct schema_reader *r, const struct yaml_pos *n, const struct schema_key *s, int64_t *to) {
    if (n->kind == YAML_POS_SCALAR && !n->quoted && rv_str_to_int(n->text, s->min, s->max, to) == 0) return 0;
    char accepted[96];
    snprintf(accepted, sizeof accepted, "a whole number from %lld to %lld", (long long)s->min, (long long)s->max);
    return type_error(r, n, s, accepted);
}

static int read_choice(const struct schema_reader *r, const struct yaml_pos *n, const struct schema_key *s, int *to) {
    rv_autobuf struct rv_buf list = {0};
    struct nearest near = nearest_begin(n->kind == YAML_POS_SCALAR ? n->text : (struct rv_str){NULL, 0});
    for (int i = 0; s->choices[i] != NULL; i++) {
        if (n->kind == YAML_POS_SCALAR && rv_str_is(n->text, s->choices[i])) return *to = i, 0;
        rv_buf_addf(&list, "%s%s", i > 0 ? " or " : "", s->choices[i]);
        nearest_offer(&near, rv_str(s->choices[i]));
    }
    nearest_hint(&near, &list);
    return type_error(r, n, s, rv_buf_cstr(&list));
}

static int read_texts(const struct schema_reader *r, const struct yaml_pos *n, const struct schema_key *s,
                      struct schema_texts *to) {
    if (n->kind != YAML_POS_LIST) return type_error(r, n, s, "a list of texts such as [a, b]");
    to->list = rv_arena_alloc(r->doc->arena, n->n * sizeof *to->list);
    to->n = 0;
    to->given = true;
    for (const struct yaml_pos *k = n->kids; k != NULL; k = k->next) {
        if (k->kind != YAML_POS_SCALAR) return type_error(r, k, s, "a list of texts such as [a, b]");
        to->list[to->n++] = k->text;
    }
    return 0;
}

static int read_value(const struct schema_reader *r, struct yaml_pos *n, const struct schema_key *s, char *into) {
    void *to = into + s->offset;
    struct rv_quantity q;
    switch (s->type) {
    case S_TEXT:
        if (n->kind != YAML_POS_SCALAR) return type_error(r, n, s, "text");
        *(struct rv_str *)to = n->text;
        return 0;
    case S_BOOL:
        if (n->kind != YAML_POS_SCALAR || n->quoted || (!rv_str_is(n->text, "true") && !rv_str_is(n->text, "false")))
            return type_error(r, n, s, "true or false");
        *(bool *)to = rv_str_is(n->text, "true");
        return 0;
    case S_INT:
        return read_int(r, n, s, to);
    case S_BYTES:
        if (n->kind != YAML_POS_SCALAR || rv_quantity_parse(n->text, &q) != 0 || rv_quantity_ceil(q) < 0)
            return type_error(r, n, s, "an amount of memory such as 256Mi");
        *(uint64_t *)to = (uint64_t)rv_quantity_ceil(q);
        return 0;
    case S_CHOICE:
        return read_choice(r, n, s, to);
    case S_TEXTS:
        return read_texts(r, n, s, to);
    case S_MAP:
        if (n->kind != YAML_POS_MAP) return type_error(r, n, s, "a mapping such as {key: value}");
        *(struct yaml_pos **)to = n;
        return 0;
    case S_LIST:
        if (n->kind != YAML_POS_LIST) return type_error(r, n, s, "a list");
        *(struct yaml_pos **)to = n;
        return 0;
    case S_ANY:
        *(struct yaml_pos **)to = n;
        return 0;
    }
    return 0;
}

int schema_read(const struct schema_reader *r, const struct yaml_pos *map, const char *what,
                const struct schema_key *keys, void *into) {
    if (map != NULL && map->kind == YAML_POS_SCALAR && map->text.n == 0) map = NULL; /* "key:" without a value */
    if (map != NULL && map->kind != YAML_POS_MAP)
        return schema_fail(r, map, "%s is %s; accepted is a mapping such as {key: value}", what,
                           yaml_kind_name(map->kind));
    for (struct yaml_pos *k = map != NULL ? map->kids : NULL; k != NULL; k = k->next) {
        const struct schema_key *s = keys;
        while (s->name != NULL && !rv_str_is(k->key, s->name)) s++;
        if (s->name == NULL) return unknown_key(r, k, what, keys);
        /* An empty value means the default. */
        if (k->kind == YAML_POS_SCALAR && k->text.n == 0 && !k->quoted && s->type != S_TEXT) continue;
        int code = read_value(r, k, s, into);
        if (code != 0) return code;
    }
    for (const struct schema_key *s = keys; s->name != NULL; s++)
        if (s->required && yaml_pos_get(map, s->name) == NULL) {
            struct yaml_pos top = {.line = 1, .column = 1};
            return schema_fail(r, map != NULL ? map : &top, "%s needs the key \"%s\"", what, s->name);
        }
    return 0;
}
