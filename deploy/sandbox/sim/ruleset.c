/* ruleset.c - see ruleset.h. */
#include "ruleset.h"

#include "json.h"

#include <stdlib.h>

struct sim_ruleset *sim_ruleset_new(const struct sim_rule_type *type) {
    struct sim_ruleset *s = rv_alloc(sizeof *s);
    s->type = type;
    return s;
}

static void rule_free(const struct sim_ruleset *s, struct sim_rule *r) {
    s->type->clear(r);
    free(r);
}

void sim_ruleset_free(struct sim_ruleset *s) {
    for (size_t i = 0; i < s->n; i++) rule_free(s, s->v[i]);
    free((void *)s->v);
    free(s);
}

char *sim_rule_text(struct rv_val map, const char *path) {
    struct rv_str s = rv_path_str(map, path);
    return s.n != 0 ? rv_strdup(s) : NULL;
}

static int add(struct sim_ruleset *s, struct rv_val body, struct rv_buf *out, struct rv_error *err) {
    struct sim_rule *r = rv_alloc(s->type->size);
    int e = s->type->read(r, body, err);
    if (e != 0) {
        rule_free(s, r);
        return e;
    }
    r->id = ++s->last_id;
    s->v = (struct sim_rule **)rv_realloc_array((void *)s->v, s->n + 1, sizeof(struct sim_rule *));
    s->v[s->n++] = r;
    sim_json_count(out, "id", (uint64_t)r->id);
    return 0;
}

static int list(const struct sim_ruleset *s, struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_begin_array(&w, "rules");
    for (size_t i = 0; i < s->n; i++) {
        jsonw_begin_object(&w, NULL);
        jsonw_int(&w, "id", s->v[i]->id);
        s->type->write(s->v[i], &w);
        jsonw_end_object(&w);
    }
    jsonw_end_array(&w);
    jsonw_end_object(&w);
    return 0;
}

static int delete (struct sim_ruleset *s, struct rv_str rest, struct rv_buf *out, struct rv_error *err) {
    int64_t id = 0;
    if (rest.n != 0 && rv_str_to_int(rest, 1, INT64_MAX, &id) != 0)
        return rv_error_set(err, RV_E_INVALID, "\"" RV_STR_FMT "\" is not the id of a rule", RV_STR_ARG(rest));
    size_t kept = 0, before = s->n;
    for (size_t i = 0; i < before; i++) {
        if (id == 0 || s->v[i]->id == id)
            rule_free(s, s->v[i]);
        else
            s->v[kept++] = s->v[i];
    }
    s->n = kept;
    if (id != 0 && kept == before) return rv_error_set(err, RV_E_NOT_FOUND, "there is no rule %lld", (long long)id);
    sim_json_count(out, "deleted", before - kept);
    return 0;
}

int sim_ruleset_control(struct sim_ruleset *s, struct rv_str method, struct rv_str rest, struct rv_val body,
                        struct rv_buf *out, struct rv_error *err) {
    if (rv_str_is(method, "DELETE")) return delete (s, rest, out, err);
    if (rest.n == 0 && rv_str_is(method, "POST")) return add(s, body, out, err);
    if (rest.n == 0 && rv_str_is(method, "GET")) return list(s, out);
    return rv_error_set(err, RV_E_DENIED, "rules take GET, POST and DELETE, not " RV_STR_FMT, RV_STR_ARG(method));
}
