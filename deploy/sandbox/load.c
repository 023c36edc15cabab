#include "load.h"
#include "deploy/sandbox/rules/view.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

enum { DEPTH_MAX = 100 };

static struct rv_node *scalar(struct rv_arena *a, const yaml_node_t *n) {
    struct rv_str text = {(const char *)n->data.scalar.value, n->data.scalar.length};
    int64_t i = 0;
    if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return rv_node_str(a, text);
    if (text.n == 0 || rv_str_is(text, "null") || rv_str_is(text, "~")) return rv_node_null(a);
    if (rv_str_is(text, "true") || rv_str_is(text, "false")) return rv_node_bool(a, text.p[0] == 't');
    if (rv_str_to_int(text, INT64_MIN, INT64_MAX, &i) == 0) return rv_node_int(a, i);
    rv_autofree char *z = rv_strdup(text);
    char *end = NULL;
    double d = strtod(z, &end);
    bool number = *end == '\0' && strspn(z, "+-.0123456789eE") == text.n;
    return number ? rv_node_float(a, d) : rv_node_str(a, text);
}

/* NULL when nested too deeply. */
static struct rv_node *convert(struct rv_arena *a, yaml_document_t *d, int index, unsigned depth) {
    yaml_node_t *n = yaml_document_get_node(d, index);
    if (n == NULL || depth > DEPTH_MAX) return NULL;
    if (n->type == YAML_SCALAR_NODE) return scalar(a, n);
    struct rv_node *out = n->type == YAML_MAPPING_NODE ? rv_node_map(a) : rv_node_array(a);
    if (n->type == YAML_SEQUENCE_NODE) {
        for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
            struct rv_node *v = convert(a, d, *i, depth + 1);
            if (v == NULL) return NULL;
            rv_node_append(a, out, v);
        }
        return out;
    }
    for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
        yaml_node_t *k = yaml_document_get_node(d, p->key);
        struct rv_node *v = convert(a, d, p->value, depth + 1);
        if (v == NULL || k->type != YAML_SCALAR_NODE) return NULL;
        struct rv_str key = {(const char *)k->data.scalar.value, k->data.scalar.length};
        rv_node_setn(a, out, rv_arena_str(a, key), v);
    }
    return out;
}

struct rv_node *sb_yaml_parse(struct rv_arena *a, struct rv_str text, struct rv_error *err) {
    yaml_parser_t parser;
    yaml_document_t doc;
    struct rv_node *n = NULL;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.n != 0 ? text.p : ""), text.n);
    if (yaml_parser_load(&parser, &doc) == 0) {
        rv_error_set(err, RV_E_PARSE, "line %zu: %s", parser.problem_mark.line + 1, parser.problem);
    } else {
        if (yaml_document_get_root_node(&doc) != NULL) n = convert(a, &doc, 1, 0);
        if (n == NULL) rv_error_set(err, RV_E_PARSE, "not a YAML document, or nested too deeply");
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    return n;
}

static int load_object(struct sb_storage *s, struct rv_arena *a, struct rv_node *o, const char *path,
                       struct rv_error *err) {
    if (rv_node_type(o) != RV_MAP) return rv_error_set(err, RV_E_CONFIG, "%s: a document is not a map", path);
    const struct sb_resource *r =
        sb_resource_by_kind(s, rv_node_text(rv_node_get(o, "apiVersion")), rv_node_text(rv_node_get(o, "kind")));
    if (r == NULL)
        return rv_error_set(err, RV_E_CONFIG, "%s: nothing serves apiVersion and kind of this document", path);
    struct rv_str ns = rv_node_text(rv_node_path(o, "metadata.namespace"));
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    int e = sb_view_take(s, r, a, o, RV_VAL_ABSENT, &st);
    r = sb_view_stored(s, r);
    if (e == 0) e = sb_create(s, r, ns.n != 0 ? ns : RV_STR("default"), o, a, NULL, &made, &st);
    if (e != 0) rv_error_set(err, e, "%s: %s", path, st.message);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e;
}

static int load_file(struct sb_storage *s, const char *path, struct rv_error *err) {
    FILE *f = fopen(path, "re");
    if (f == NULL) return rv_error_set(err, -errno, "cannot open %s: %s", path, rv_error_text(-errno));
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_file(&parser, f);
    int e = 0;
    for (bool more = true; more && e == 0;) {
        yaml_document_t doc;
        if (yaml_parser_load(&parser, &doc) == 0) {
            e = rv_error_set(err, RV_E_CONFIG, "%s:%zu: %s", path, parser.problem_mark.line + 1, parser.problem);
            break;
        }
        more = yaml_document_get_root_node(&doc) != NULL;
        rv_autoarena struct rv_arena *a = rv_arena_new();
        if (more) e = load_object(s, a, convert(a, &doc, 1, 0), path, err);
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    return e;
}

static int only_yaml(const struct dirent *d) { return rv_str_ends(rv_str(d->d_name), ".yaml"); }

int sb_load(struct sb_storage *s, const char *path, struct rv_error *err) {
    struct stat st;
    if (stat(path, &st) != 0) return rv_error_set(err, -errno, "--load %s: %s", path, rv_error_text(-errno));
    if (!S_ISDIR(st.st_mode)) return load_file(s, path, err);
    struct dirent **list = NULL;
    int n = scandir(path, &list, only_yaml, alphasort), e = 0;
    for (int i = 0; i < n; i++) {
        rv_autobuf struct rv_buf full = {0};
        rv_buf_addf(&full, "%s/%s", path, list[i]->d_name);
        if (e == 0 && !rv_str_is(RV_STR("kustomization.yaml"), list[i]->d_name))
            e = load_file(s, rv_buf_cstr(&full), err);
        free(list[i]);
    }
    free((void *)list);
    return e;
}
