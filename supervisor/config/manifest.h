/* manifest.h - the manifest of a plugin (plugins/README.md): what it reads, what it may request, its settings. */
#ifndef CONFIG_MANIFEST_H
#define CONFIG_MANIFEST_H

#include "schema.h"

struct manifest_kind {
    struct rv_str name; /* unique; it is the kind in snake case unless the manifest gives another */
    struct rv_str api_version, resource, kind, selector, index_label;
    struct schema_texts fields;
    int map; /* 0 means owner, 1 label, 2 plugin */
    /* The API server may not serve this kind. Then there are no objects of it, and it is tried again from time to
     * time. */
    bool optional;
    /* Conditions "setting=value" or "setting.key=value". The kind is read only if one of them holds. Empty means
     * always. */
    struct schema_texts when;
};

struct manifest_write {
    struct rv_str api_version, resource, subresource;
    /* `namespaces` is used in grants only. */
    struct schema_texts verbs, namespaces;
    struct schema_texts when; /* conditions as above; in manifests only */
};

/* The Secrets that may be used as credentials. '*' stands for any characters. */
struct manifest_secret {
    struct schema_texts namespaces, names, keys; /* if there are no namespaces, all are allowed */
};

/* Another plugin on which some settings depend. It is used only for a warning. */
struct manifest_expectation {
    struct rv_str plugin;
    struct schema_texts when;
};

enum setting_type { SETTING_BOOLEAN, SETTING_INTEGER, SETTING_NUMBER, SETTING_STRING, SETTING_LIST, SETTING_MAP };
struct manifest_setting {
    struct rv_str name, help;
    int type;
    struct yaml_pos *fallback;
    int64_t min, max;
    struct schema_texts choices;
};

/* What a metric means, for who reads the page: "# HELP". */
struct manifest_metric_help {
    struct rv_str name, text; /* the name is the one that the plugin gives, without the prefix that may be added */
};

/* A difference between what the plugin writes and what the reference operator writes that is meant to be, for twins.
 * '*' stands for any characters. */
struct manifest_deliberate {
    struct rv_str resource, field, reason; /* field: as in supervisor/twin/compare.h */
    struct rv_str ours;                    /* only with this value of ours; empty: with any */
};

struct manifest {
    struct yaml_doc doc;
    /* `text` is the whole manifest. */
    struct rv_str name, version, description, text;
    int64_t abi;
    struct manifest_kind *kinds; /* index 0 is the primary kind */
    size_t kind_n;
    struct manifest_write *writes;
    size_t write_n;
    struct manifest_expectation *expects;
    size_t expect_n;
    struct manifest_deliberate *deliberate;
    size_t deliberate_n;
    struct schema_texts http;
    struct schema_texts metrics; /* prefixes of metrics that are exported under their own names */
    struct manifest_metric_help *metric_help;
    size_t metric_help_n;
    bool validates;  /* the plugin says of an object whether it would work on it (rv_plugin.validate) */
    bool time_zones; /* the plugin gets the time zone database (supervisor/zoneinfo) */
    struct manifest_secret *secrets;
    size_t secret_n;
    struct manifest_setting *settings;
    size_t setting_n;
    char *path;
};
struct manifest *manifest_load(const char *path, struct rv_error *err);
struct manifest *manifest_parse(struct rv_str text, const char *path, struct rv_error *err);
struct manifest *manifest_free(struct manifest *m);
/* Reads the configuration's grants, and what it or the manifest says about Secrets. */
int manifest_read_grants(const struct schema_reader *r, const struct yaml_pos *list, struct manifest_write **ret,
                         size_t *ret_n);
int manifest_read_secrets(const struct schema_reader *r, const struct yaml_pos *list, struct manifest_secret **ret,
                          size_t *ret_n);
/* Replaces each {setting} of a URL pattern by its value. Returns NULL and sets err if the result is not a valid
 * pattern. The caller frees it. */
char *manifest_pattern(struct rv_str pattern, const struct rv_buf *settings, struct rv_error *err);
/* True if one of the conditions holds for these settings (msgpack, with defaults), or if there are none. */
bool manifest_when(const struct schema_texts *when, const struct rv_buf *settings);
/* Checks the settings in the configuration, fills in defaults, and writes them as msgpack. */
int manifest_settings(const struct manifest *m, const struct schema_reader *r, const struct yaml_pos *given,
                      struct rv_buf *out);

#endif
