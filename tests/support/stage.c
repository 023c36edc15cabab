/* stage.c - see stage.h. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/kube/config.h"

static bool fail_check(const struct rv_error *err) {
    fprintf(stderr, "stage: %s\n", err->text);
    return false;
}

bool stage_connect(struct stage *t, const char *server) {
    struct supervisor *s = &t->s;
    struct rv_error err = {0};
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b,
                "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
                "clusters: [{name: k, cluster: {server: \"%s\"}}]\n",
                server);
    s->client = kube_client_free(s->client);
    s->kube_config = kube_config_free(s->kube_config);
    s->kube_config = kube_config_parse(rv_buf_str(&b), "stage", NULL, &err);
    if (s->kube_config == NULL) return fail_check(&err);
    s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){.user_agent = "stage"}, &err);
    return s->client != NULL || fail_check(&err);
}

static bool build(struct stage *t, const char *config, const char *server) {
    struct supervisor *s = &t->s;
    struct rv_error err = {0};
    snprintf(t->dir, sizeof t->dir, "/tmp/rv-stage-XXXXXX");
    if (mkdtemp(t->dir) == NULL) return false;
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "runtimeDir: %s\nrequests: {allowAddresses: [127.0.0.0/8]}\n%s", t->dir, config);
    s->env = (struct config_env){"/nonexistent", "plugins/raycluster", "raycluster"};
    s->config = config_parse(rv_buf_str(&text), "stage.yaml", &s->env, &err);
    if (s->config == NULL) return fail_check(&err);
    s->started = clock_monotonic();
    s->loop = loop_new(&err);
    if (s->loop == NULL) return fail_check(&err);
    s->store = store_new();
    return stage_connect(t, server);
}

struct stage *stage_new(const char *config, const char *server) {
    struct stage *t = rv_alloc(sizeof *t);
    return build(t, config, server) ? t : stage_free(t);
}

struct stage *stage_free(struct stage *t) {
    struct supervisor *s = &t->s;
    s->client = kube_client_free(s->client);
    s->kube_config = kube_config_free(s->kube_config);
    store_free(s->store);
    loop_free(s->loop);
    config_free(s->config);
    if (t->dir[0] != 0) (void)rmdir(t->dir);
    free(t);
    return NULL;
}
