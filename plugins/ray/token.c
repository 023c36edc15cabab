/* token.c - see token.h. */
#include "token.h"

#include "fields.h"
#include "names.h"

/* Adds a variable of that name. Returns NULL if there is one already. */
static struct rv_node *new_variable(struct rv_arena *a, struct rv_node *container, const char *name) {
    struct rv_node *env = rv_node_ensure_array(a, container, "env"), *n = rv_node_map(a);
    if (rv_node_find(env, "name", rv_str(name)) != NULL) return NULL;
    rv_node_set_cstr(a, n, "name", name);
    rv_node_append(a, env, n);
    return n;
}

static void set_default(struct rv_arena *a, struct rv_node *container, const char *name, const char *value) {
    struct rv_node *n = new_variable(a, container, name);
    if (n != NULL) rv_node_set_cstr(a, n, "value", value);
}

static void mount(struct rv_arena *a, struct rv_node *container) {
    struct rv_node *mounts = rv_node_ensure_array(a, container, "volumeMounts"), *n = rv_node_map(a);
    if (rv_node_find(mounts, "mountPath", RV_STR(RC_TOKEN_PATH)) != NULL) return;
    rv_node_set_cstr(a, n, "name", RC_VOLUME_TOKEN);
    rv_node_set_cstr(a, n, "mountPath", RC_TOKEN_PATH);
    rv_node_set_bool(a, n, "readOnly", true);
    rv_node_append(a, mounts, n);
}

static void from_secret(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *container) {
    struct rv_node *n = new_variable(a, container, "RAY_AUTH_TOKEN");
    if (n == NULL) return;
    struct rv_node *ref = rv_node_ensure_map(a, rv_node_ensure_map(a, n, "valueFrom"), "secretKeyRef");
    rv_node_set_str(a, ref, "name", rc_token_secret(a, c));
    rv_node_set_cstr(a, ref, "key", "auth_token");
}

void rc_token_into(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *container) {
    if (!c->f.token || container == NULL) return;
    set_default(a, container, "RAY_AUTH_MODE", "token");
    if (!c->f.kubernetes_token) {
        from_secret(a, c, container);
        return;
    }
    set_default(a, container, "RAY_ENABLE_K8S_TOKEN_AUTH", "true");
    mount(a, container);
}

void rc_token_volume(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *pod_spec) {
    if (!c->f.token || !c->f.kubernetes_token) return;
    struct rv_node *volumes = rv_node_ensure_array(a, pod_spec, "volumes"), *n = rv_node_map(a),
                   *source = rv_node_map(a);
    if (rv_node_find(volumes, "name", RV_STR(RC_VOLUME_TOKEN)) != NULL) return;
    rv_node_set_cstr(a, n, "name", RC_VOLUME_TOKEN);
    rv_node_set_cstr(a, rv_node_ensure_map(a, source, "serviceAccountToken"), "path", "token");
    rv_node_append(a, rv_node_ensure_array(a, rv_node_ensure_map(a, n, "projected"), "sources"), source);
    rv_node_append(a, volumes, n);
}
