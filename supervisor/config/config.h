/* config.h - the supervisor's configuration: one YAML file, which is read and checked as a whole (config/README.md
 * documents every key).
 *
 * A configuration is immutable. A reload makes a new one and compares the two. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "address_range.h"
#include "ipc/base/log.h"
#include "manifest.h"

struct config_plugin {
    struct rv_str name, manifest_path, record;
    bool enabled, all_grants;
    struct yaml_pos *settings_node, *grants_node, *limits_node, *secrets_node, *node;
    struct schema_texts http;   /* URL patterns, in which settings have been filled in */
    uint64_t memory, recording; /* in bytes */
    int64_t max_in_flight, max_http, actions_per_second;
    /* found from the entries above */
    struct manifest *manifest; /* owned by the entry */
    char *library;
    struct rv_buf settings; /* a msgpack map with defaults filled in */
    struct manifest_write *grants;
    size_t grant_n;
    /* For each kind: the only namespaces in which it is read; empty means all that are watched. */
    struct schema_texts *reads_in;
    struct manifest_secret *secrets;
    size_t secret_n;
};

struct config_lead { /* leaderElection */
    bool enabled;
    struct rv_str ns, name;
    int64_t duration_s, renew_s, retry_s;
};

enum { OTHER_STAND_BY, OTHER_WARN, OTHER_IGNORE };
struct config_other { /* otherOperator */
    int action;       /* what to do while another operator works beside this one */
    struct rv_str lease;
    struct schema_texts namespaces;
};

enum { ADMISSION_IGNORE, ADMISSION_FAIL };
struct config_admission { /* admission: the validating webhook */
    bool enabled;
    struct rv_str bind;
    struct rv_str ns;   /* of the Secret and the Service; empty: the operator's own */
    struct rv_str name; /* of the Secret, the Service and the ValidatingWebhookConfiguration */
    struct rv_str url;  /* where the API server reaches it, if not by the Service; without a path */
    int failure_policy; /* what becomes of an object that cannot be judged */
    int64_t timeout_s, rotate_min;
};

enum config_mode { MODE_OPERATE, MODE_TWIN };
/* A kind of one of our own controllers that no enabled plugin works on. */
struct config_kind {
    const struct manifest_kind *kind;
    struct rv_str plugin; /* that would */
};

struct config {
    struct yaml_doc doc;
    int mode;             /* enum config_mode */
    int64_t twin_grace_s; /* a difference that is younger does not count */
    struct rv_str kubeconfig, context, runtime_dir, host_binary, bind, probe_bind;
    struct schema_texts namespaces, plugin_dirs;
    int64_t max_connections, qps, burst, max_in_flight, watch_stall_s, page_size, heartbeat_ms, heartbeat_timeout_ms;
    struct config_lead lead;
    struct config_other other;
    struct config_admission admission;
    bool proxy_http;
    uint64_t history_object, history_total; /* bytes; 0: none */
    int64_t history_keep_s, tap_queue;
    bool tap;
    struct rv_str tap_endpoint;          /* empty: a socket in runtime_dir */
    struct schema_texts allow_addresses; /* of requests to Ray, as they were written */
    struct address_range *allowed;       /* the same; the command line's after them */
    size_t allowed_n;
    int host_sandbox, log_format, log_level; /* indexes of choices */
    struct config_plugin *plugins;
    size_t plugin_n;
    struct config_kind *unattended;
    size_t unattended_n;
    struct manifest **absent; /* of our own plugins that have no entry */
    size_t absent_n;
};

struct config_env {
    const char *install_plugins, *build_plugins; /* the folders of our own plugins */
    const char *own_plugins;                     /* their names, separated by a blank; NULL for none */
};
struct config *config_load(const char *path, const struct config_env *env, struct rv_error *err);
struct config *config_parse(struct rv_str text, const char *path, const struct config_env *env, struct rv_error *err);
struct config *config_free(struct config *c);
/* Fills c->unattended (unattended.c). */
void config_find_unattended(struct config *c, const struct config_env *env);
/* One more range of requests.allowAddresses. RV_E_CONFIG: it is none. */
int config_allow_address(struct config *c, struct rv_str text, struct rv_error *err);
/* The namespaces in which the plugin reads this kind; empty means all. */
const struct schema_texts *config_reads_in(const struct config *c, const struct config_plugin *p, size_t kind);
const char *config_sandbox_name(const struct config *c);
/* True if both entries run the same plugin in the same way, apart from settings. */
bool config_plugin_same(const struct config_plugin *a, const struct config_plugin *b);
/* Reports what is probably a mistake. Each text is one line with file:line:column. */
typedef void (*config_warning_fn)(void *arg, const char *text);
void config_warnings(const struct config *c, config_warning_fn fn, void *arg);
/* Writes, as YAML, the roles that the enabled plugins and the supervisor need, and their bindings to the ServiceAccount
 * "rayvisor" of namespace ns. */
/* The namespaces in which another operator is looked for; `own` is the operator's. None: in all. The caller frees the
 * array, whose texts are the configuration's. */
size_t config_other_namespaces(const struct config *c, struct rv_str own, struct rv_str **ret);
/* Writes, as YAML, the ValidatingWebhookConfiguration for the kinds that the enabled plugins judge. `user` is the
 * operator's own user name, whose requests are not judged. */
void config_print_webhook(const struct config *c, struct rv_str ns, struct rv_str user, struct rv_buf *out);
/* Refuses a new configuration that differs in what takes effect at a restart only, instead of ignoring the change. */
int config_check_restart(const struct config *a, const struct config *b, struct rv_error *err);
void config_print_rbac(const struct config *c, struct rv_str ns, struct rv_buf *out);
/* Writes, as JSON, {"config": SCHEMA, "settings": SCHEMA}: the keys of the file, and for each of our own plugins its
 * settings. */
int config_print_schema(const struct config_env *env, struct rv_buf *out, struct rv_error *err);
/* The tables of the keys: of the top level (name NULL), and of each section. The last one has no keys. */
struct config_section {
    const char *name;
    const struct schema_key *keys;
};
extern const struct config_section config_sections[];

#endif
