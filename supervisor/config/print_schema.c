/* print_schema.c - the keys of a configuration and the settings of our own plugins as JSON Schema (config.h). It is
 * made of the tables with which they are read, so both accept the same. The chart checks its values with it. */
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ipc/base/json_writer.h"

static void print_range(struct jsonw *w, int64_t min, int64_t max) {
    if (min != INT64_MIN) jsonw_int(w, "minimum", min);
    if (max != INT64_MAX) jsonw_int(w, "maximum", max);
}

static void print_choices(struct jsonw *w, const char *const *choices) {
    jsonw_begin_array(w, "enum");
    for (size_t i = 0; choices[i] != NULL; i++) jsonw_text(w, NULL, choices[i]);
    jsonw_end_array(w);
}

static void print_key(struct jsonw *w, const struct schema_key *k) {
    static const char *const types[] = {
        [S_TEXT] = "string", [S_BOOL] = "boolean", [S_INT] = "integer", [S_CHOICE] = "string",
        [S_TEXTS] = "array", [S_MAP] = "object",   [S_LIST] = "array"};
    jsonw_begin_object(w, k->name);
    if (k->type == S_BYTES) /* 256Mi, or so many bytes */
        jsonw_raw(w, "type", RV_STR("[\"string\",\"integer\"]"));
    else if (k->type != S_ANY)
        jsonw_text(w, "type", types[k->type]);
    if (k->type == S_INT) print_range(w, k->min, k->max);
    if (k->type == S_CHOICE) print_choices(w, k->choices);
    if (k->type == S_TEXTS) jsonw_raw(w, "items", RV_STR("{\"type\":\"string\"}"));
    jsonw_end_object(w);
}

static void begin_mapping(struct jsonw *w, const char *key) {
    jsonw_begin_object(w, key);
    jsonw_text(w, "type", "object");
    jsonw_bool(w, "additionalProperties", false);
    jsonw_begin_object(w, "properties");
}

static void end_mapping(struct jsonw *w) {
    jsonw_end_object(w);
    jsonw_end_object(w);
}

static void print_keys(struct jsonw *w, const struct schema_key *keys) {
    for (const struct schema_key *k = keys; k->name != NULL; k++) print_key(w, k);
}

static void print_setting(struct jsonw *w, const struct manifest_setting *s) {
    static const char *const types[] = {
        [SETTING_BOOLEAN] = "boolean", [SETTING_INTEGER] = "integer", [SETTING_NUMBER] = "number",
        [SETTING_STRING] = "string",   [SETTING_LIST] = "array",      [SETTING_MAP] = "object"};
    jsonw_key(w, s->name);
    jsonw_begin_object(w, NULL);
    jsonw_str(w, "description", s->help);
    jsonw_text(w, "type", types[s->type]);
    if (s->type == SETTING_INTEGER) print_range(w, s->min, s->max);
    if (s->choices.n != 0) jsonw_begin_array(w, "enum");
    for (size_t i = 0; i < s->choices.n; i++) jsonw_str(w, NULL, s->choices.list[i]);
    if (s->choices.n != 0) jsonw_end_array(w);
    jsonw_end_object(w);
}

static int print_plugin(struct jsonw *w, const struct config_env *env, struct rv_str name, struct rv_error *err) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/" RV_STR_FMT ".yaml", env->build_plugins, RV_STR_ARG(name));
    if (access(rv_buf_cstr(&path), R_OK) != 0) {
        rv_buf_clear(&path);
        rv_buf_addf(&path, "%s/" RV_STR_FMT ".yaml", env->install_plugins, RV_STR_ARG(name));
    }
    struct manifest *m = manifest_load(rv_buf_cstr(&path), err);
    if (m == NULL) return err->code;
    jsonw_key(w, name);
    begin_mapping(w, NULL);
    for (size_t i = 0; i < m->setting_n; i++) print_setting(w, &m->settings[i]);
    end_mapping(w);
    manifest_free(m);
    return 0;
}

int config_print_schema(const struct config_env *env, struct rv_buf *out, struct rv_error *err) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    begin_mapping(&w, "config");
    for (const struct config_section *s = config_sections; s->keys != NULL; s++) {
        if (s->name != NULL) begin_mapping(&w, s->name);
        print_keys(&w, s->keys);
        if (s->name != NULL) end_mapping(&w);
    }
    end_mapping(&w);
    begin_mapping(&w, "settings");
    int code = 0;
    for (const char *at = env->own_plugins; code == 0 && *at != 0;) {
        size_t n = strcspn(at, " ");
        if (n != 0) code = print_plugin(&w, env, (struct rv_str){at, n}, err);
        at += n + (at[n] != 0);
    }
    end_mapping(&w);
    jsonw_end_object(&w);
    rv_buf_adds(out, "\n");
    return code;
}
