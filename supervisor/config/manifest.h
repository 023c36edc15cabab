/* manifest.h - what a plugin says of itself (plugins/README.md): what it reads, what it may ask for, its settings. */
#ifndef CONFIG_MANIFEST_H
#define CONFIG_MANIFEST_H

#include "schema.h"

struct manifest_kind {
    struct rv_str name; /* unique: the kind in snake case unless the manifest says another */
    struct rv_str api_version, resource, kind, selector, index_label;
    struct schema_texts fields;
    int map; /* 0 owner, 1 label, 2 plugin */
    /* The API may lack it: then there are none of it. Asked again from time to time. */
    bool optional;
    /* "setting=value", "setting.key=value": read only where one of them holds. Empty: always. */
    struct schema_texts when;
};

struct manifest_write {
    struct rv_str api_version, resource, subresource;
    struct schema_texts verbs, namespaces; /* namespaces: in grants only */
    struct schema_texts when;              /* as above; in manifests only */
};

/* Which Secrets may be named as credentials; '*' is any run of characters. */
struct manifest_secret {
    struct schema_texts namespaces, names, keys; /* no namespaces: in all */
};

/* Another plugin that does what some settings promise; only for a warning. */
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

struct manifest {
    struct yaml_doc doc;
    struct rv_str name, version, description, text; /* text: the whole of it */
    int64_t abi;
    struct manifest_kind *kinds; /* 0 is the primary */
    size_t kind_n;
    struct manifest_write *writes;
    size_t write_n;
    struct manifest_expectation *expects;
    size_t expect_n;
    struct schema_texts http;
    struct schema_texts metrics; /* prefixes of names that it reports as they are */
    bool time_zones;             /* it is sent the time zone database (supervisor/zoneinfo) */
    struct manifest_secret *secrets;
    size_t secret_n;
    struct manifest_setting *settings;
    size_t setting_n;
    char *path;
};
struct manifest *manifest_load(const char *path, struct rv_error *err);
struct manifest *manifest_parse(struct rv_str text, const char *path, struct rv_error *err);
struct manifest *manifest_free(struct manifest *m);
/* Reads the config's grants, and what it or the manifest says of Secrets. */
int manifest_read_grants(const struct schema_reader *r, const struct yaml_pos *list, struct manifest_write **ret,
                         size_t *ret_n);
int manifest_read_secrets(const struct schema_reader *r, const struct yaml_pos *list, struct manifest_secret **ret,
                          size_t *ret_n);
/* A URL pattern with each {setting} replaced by its value; NULL with a text when that makes no pattern. */
char *manifest_pattern(struct rv_str pattern, const struct rv_buf *settings, struct rv_error *err);
/* Does one of these conditions hold for these settings (msgpack, with defaults)? No conditions: yes. */
bool manifest_when(const struct schema_texts *when, const struct rv_buf *settings);
/* The settings given in the config, checked, with defaults filled in, as msgpack. */
int manifest_settings(const struct manifest *m, const struct schema_reader *r, const struct yaml_pos *given,
                      struct rv_buf *out);

#endif
