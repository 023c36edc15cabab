/* plan_print.c - see plan_print.h. */
#include "plan_print.h"
#include "ipc/base/lines.h"

#include <stdio.h>

#include "document.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/visible.h"
#include "rayvisor/json.h"

enum { NAMES_SHOWN = 3, FIELDS_SHOWN = 12 };

/* ---- sentences --------------------------------------------------------------------------------------------------- */

/* A controller's words say nothing new if they end with what was said, or warned of. */
static bool says_again(const struct plan_sentence *s, int remark, struct rv_str text) {
    bool ends = s->text.n > 0 && text.n >= s->text.n && memcmp(text.p + text.n - s->text.n, s->text.p, s->text.n) == 0;
    return remark == PLAN_SAYS ? ends : s->remark == remark && rv_str_eq(s->text, text);
}

void plan_report_say(struct plan_report *r, struct rv_str kind, struct rv_str ns, struct rv_str name, int remark,
                     struct rv_str text) {
    for (const struct plan_sentence *s = r->first; s != NULL; s = s->next)
        if (rv_str_eq(s->name, name) && rv_str_eq(s->kind, kind) && rv_str_eq(s->ns, ns) && says_again(s, remark, text))
            return;
    struct plan_sentence *s = rv_arena_alloc(r->arena, sizeof *s);
    *s = (struct plan_sentence){.kind = rv_arena_str(r->arena, kind),
                                .ns = rv_arena_str(r->arena, ns),
                                .name = rv_arena_str(r->arena, name),
                                .text = rv_arena_str(r->arena, text),
                                .remark = remark};
    *(r->last != NULL ? &r->last->next : &r->first) = s;
    r->last = s;
}

struct listening {
    struct plan_report *r;
    const struct plan_thing *thing;
};

static void on_voice(void *arg, enum plan_remark remark, struct rv_str text) {
    const struct listening *l = arg;
    plan_report_say(l->r, l->thing->kind, l->thing->ns, l->thing->name, (int)remark, text);
}

void plan_report_answer(struct plan_report *r, const struct plan_state *s, const struct config_plugin *plugin,
                        struct rv_val answer) {
    const struct manifest_kind *k = &plugin->manifest->kinds[0];
    for (const struct plan_thing *t = s->first; t != NULL; t = t->next) {
        const struct rv_key key = {t->ns, t->name};
        struct listening l = {r, t};
        if (!t->concerns || !rv_str_eq(t->resource, k->resource) || !rv_str_eq(t->api_version, k->api_version))
            continue;
        plan_remarks(answer, &key, on_voice, &l);
        for (struct rv_iter it = rv_iter(rv_val_get(answer, "said")); rv_iter_next(&it);) {
            if (!rv_str_eq(rv_path_str(it.val, "name"), t->name) || !rv_str_eq(rv_path_str(it.val, "namespace"), t->ns))
                continue;
            for (struct rv_iter line = rv_iter(rv_val_get(it.val, "lines")); rv_iter_next(&line);)
                plan_report_say(r, t->kind, t->ns, t->name, PLAN_SAYS, rv_val_str(line.val));
        }
    }
}

static const char *voice_word(int remark) {
    return remark == PLAN_REFUSES ? "refused" : remark == PLAN_WARNS ? "warning" : "says";
}

static const struct plan_sentence *refusal(const struct plan_report *r) {
    const struct plan_sentence *s = r->first;
    while (s != NULL && s->remark != PLAN_REFUSES) s = s->next;
    return s;
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print(const struct rv_buf *b) {
    rv_autobuf struct rv_buf shown = {0};
    visible_text(rv_buf_str(b), VISIBLE_LINES, &shown);
    fwrite(shown.p, 1, shown.n, stdout);
}

static void add_names(const struct plan_line *l, bool all, struct rv_buf *b) {
    for (size_t i = 0; i < l->n && (all || i < NAMES_SHOWN); i++)
        rv_buf_addf(b, "%s" RV_STR_FMT, i > 0 ? ", " : "", RV_STR_ARG(l->names[i]));
    if (!all && l->n > NAMES_SHOWN) rv_buf_addf(b, ", ... (%zu more)", l->n - NAMES_SHOWN);
}

static void add_pods(const struct plan_line *l, bool wide, struct rv_buf *b) {
    bool head = rv_str_is(l->group, "head");
    if (head || l->group.n == 0)
        rv_buf_addf(b, "%zu %s%s", l->n, head ? "head pod" : "pod", l->n == 1 ? "" : "s");
    else
        rv_buf_addf(b, "%zu pod%s of worker group " RV_STR_FMT, l->n, l->n == 1 ? "" : "s", RV_STR_ARG(l->group));
    if (wide || l->verb == PLAN_DELETE) {
        rv_buf_adds(b, ": ");
        add_names(l, wide, b);
    }
}

static void add_fields(const struct plan_line *l, bool wide, struct rv_buf *b) {
    size_t most = wide ? l->field_n : FIELDS_SHOWN;
    for (size_t i = 0; i < l->field_n && i < most; i++) {
        const struct plan_field *f = &l->fields[i];
        rv_buf_addf(b, "            " RV_STR_FMT ": ", RV_STR_ARG(f->path));
        if (f->before.n == 0)
            rv_buf_addf(b, "added, " RV_STR_FMT "\n", RV_STR_ARG(f->after));
        else if (f->after.n == 0)
            rv_buf_addf(b, "removed, was " RV_STR_FMT "\n", RV_STR_ARG(f->before));
        else
            rv_buf_addf(b, RV_STR_FMT " -> " RV_STR_FMT "\n", RV_STR_ARG(f->before), RV_STR_ARG(f->after));
    }
    size_t left = l->field_more + (l->field_n > most ? l->field_n - most : 0);
    if (left > 0) rv_buf_addf(b, "            and %zu more\n", left);
}

static void add_sentences(const struct plan_report *r, const struct plan_line *l, bool wide, struct rv_buf *b) {
    for (const struct plan_sentence *s = r->first; s != NULL; s = s->next) {
        bool own = rv_str_eq(s->name, l->names[0]) && rv_str_eq(s->kind, l->kind) && rv_str_eq(s->ns, l->ns);
        if (own && (s->remark != PLAN_SAYS || wide || l->target))
            rv_buf_addf(b, "  %-8s  " RV_STR_FMT "\n", voice_word(s->remark), RV_STR_ARG(s->text));
    }
}

static const char *target_word(enum plan_verb v) {
    static const char *const words[] = {[PLAN_SAME] = "stays as it is",
                                        [PLAN_CREATE] = "is created",
                                        [PLAN_UPDATE] = "is edited",
                                        [PLAN_REPLACE] = "is replaced",
                                        [PLAN_DELETE] = "is deleted"};
    return words[v];
}

static void add_line(const struct plan_report *r, const struct plan_line *l, bool wide, struct rv_buf *b) {
    if (l->target) {
        rv_buf_addf(b, RV_STR_FMT "/" RV_STR_FMT " in namespace " RV_STR_FMT " %s\n", RV_STR_ARG(l->kind),
                    RV_STR_ARG(l->names[0]), RV_STR_ARG(l->ns), target_word(l->verb));
    } else {
        rv_buf_addf(b, "  %-8s  ", plan_verb_word(l->verb));
        if (l->group.n != 0 || l->n > 1)
            add_pods(l, wide, b);
        else
            rv_buf_addf(b, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(l->kind), RV_STR_ARG(l->names[0]));
        if (l->owner.n != 0 && wide)
            rv_buf_addf(b, " of " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(l->owner_kind), RV_STR_ARG(l->owner));
        rv_buf_addc(b, '\n');
    }
    add_fields(l, wide, b);
    if (l->n == 1 && l->group.n == 0) add_sentences(r, l, wide, b);
}

static void add_summary(const struct plan_report *r, const struct plan_state *s, const struct plan_lines *lines,
                        struct rv_buf *b) {
    static const char *const words[] = {
        [PLAN_CREATE] = "created", [PLAN_UPDATE] = "edited", [PLAN_REPLACE] = "replaced", [PLAN_DELETE] = "deleted"};
    const struct plan_amounts *const at[] = {&s->before, &s->peak, &s->now};
    static const char *const when[] = {"now", "at the peak", "afterwards"};
    for (size_t i = 0; i < RV_ARRAY_LEN(at); i++)
        rv_buf_addf(b, "%-12s" RV_STR_FMT "\n", when[i], RV_STR_ARG(plan_amounts_text(r->arena, at[i])));
    if (!lines->changes) {
        rv_buf_adds(b, "Nothing changes.\n");
        return;
    }
    const char *comma = "";
    for (size_t i = PLAN_CREATE; i < PLAN_VERB_N; i++) {
        if (lines->counts[i] == 0) continue;
        rv_buf_addf(b, "%s%zu %s", comma, lines->counts[i], words[i]);
        comma = ", ";
    }
    rv_buf_adds(b, ". Nothing was written.\n");
}

static void print_text(const struct plan_report *r, const struct plan_state *s, const struct plan_lines *lines,
                       bool wide) {
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < lines->n; i++) add_line(r, &lines->lines[i], wide, &b);
    for (struct rv_str rest = r->notes, line; lines_next(&rest, &line);)
        rv_buf_addf(&b, "note: " RV_STR_FMT "\n", RV_STR_ARG(line));
    if (refusal(r) == NULL) add_summary(r, s, lines, &b);
    print(&b);
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

static void write_amounts(struct jsonw *w, const char *key, const struct plan_amounts *m) {
    const struct {
        const char *key;
        struct rv_quantity q;
    } rest[] = {{"cpu", m->cpu}, {"memory", m->memory}, {"gpu", m->gpu}, {"tpu", m->tpu}};
    jsonw_begin_object(w, key);
    jsonw_int(w, "pods", m->pods);
    for (size_t i = 0; i < RV_ARRAY_LEN(rest); i++) {
        char text[48];
        rv_quantity_format(rest[i].q, text);
        jsonw_text(w, rest[i].key, text);
    }
    jsonw_end_object(w);
}

static void write_texts(struct jsonw *w, const char *key, const struct rv_str *texts, size_t n) {
    jsonw_begin_array(w, key);
    for (size_t i = 0; i < n; i++) jsonw_str(w, NULL, texts[i]);
    jsonw_end_array(w);
}

static void write_line(struct jsonw *w, const struct plan_line *l) {
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "action", plan_verb_word(l->verb));
    jsonw_bool(w, "planned", l->target);
    jsonw_str(w, "kind", l->kind);
    jsonw_str(w, "namespace", l->ns);
    write_texts(w, "names", l->names, l->n);
    if (l->before != NULL) write_texts(w, "replaces", l->before, l->n);
    if (l->group.n != 0) jsonw_str(w, "group", l->group);
    if (l->owner.n != 0)
        jsonw_fmt(w, "owner", RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(l->owner_kind), RV_STR_ARG(l->owner));
    jsonw_begin_array(w, "fields");
    for (size_t i = 0; i < l->field_n; i++) {
        jsonw_begin_object(w, NULL);
        jsonw_str(w, "path", l->fields[i].path);
        jsonw_str(w, "before", l->fields[i].before);
        jsonw_str(w, "after", l->fields[i].after);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
    if (l->field_more > 0) jsonw_uint(w, "fieldsLeftOut", l->field_more);
    jsonw_end_object(w);
}

static void write_sentences(struct jsonw *w, const struct plan_report *r) {
    jsonw_begin_array(w, "sentences");
    for (const struct plan_sentence *s = r->first; s != NULL; s = s->next) {
        jsonw_begin_object(w, NULL);
        jsonw_text(w, "sort", voice_word(s->remark));
        jsonw_str(w, "kind", s->kind);
        jsonw_str(w, "namespace", s->ns);
        jsonw_str(w, "name", s->name);
        jsonw_str(w, "text", s->text);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
}

static int print_document(const struct plan_report *r, const struct plan_state *s, const struct plan_lines *lines,
                          struct ctl_context *c) {
    rv_autobuf struct rv_buf b = {0}, mp = {0};
    struct jsonw w = {.out = &b};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "version", RV_VERSION);
    jsonw_bool(&w, "refused", refusal(r) != NULL);
    jsonw_bool(&w, "changes", lines->changes);
    jsonw_begin_array(&w, "objects");
    for (size_t i = 0; i < lines->n; i++) write_line(&w, &lines->lines[i]);
    jsonw_end_array(&w);
    write_sentences(&w, r);
    write_amounts(&w, "before", &s->before);
    write_amounts(&w, "peak", &s->peak);
    write_amounts(&w, "after", &s->now);
    jsonw_begin_object(&w, "counts");
    for (size_t i = PLAN_CREATE; i < PLAN_VERB_N; i++)
        jsonw_uint(&w, plan_verb_word((enum plan_verb)i), lines->counts[i]);
    jsonw_end_object(&w);
    jsonw_str(&w, "notes", r->notes);
    jsonw_end_object(&w);
    int code = rv_json_to_mp(rv_buf_str(&b), NULL, &mp, &c->err);
    if (code == 0) (void)document_print(c, (struct rv_val){mp.p, mp.n});
    return code;
}

int plan_report_print(const struct plan_report *r, const struct plan_state *s, struct ctl_context *c) {
    struct plan_lines lines;
    bool text = strcmp(c->output, "table") == 0, wide = strcmp(c->output, "wide") == 0;
    int code = 0;
    plan_lines(s, &lines);
    if (text || wide)
        print_text(r, s, &lines, wide);
    else
        code = print_document(r, s, &lines, c);
    const struct plan_sentence *no = refusal(r);
    if (code != 0) return code;
    if (no != NULL)
        return rv_error_set(&c->err, RV_E_INVALID, RV_STR_FMT "/" RV_STR_FMT " is refused: " RV_STR_FMT,
                            RV_STR_ARG(no->kind), RV_STR_ARG(no->name), RV_STR_ARG(no->text));
    return lines.changes ? CTL_CHANGES : 0;
}
