/* rbac.c - the Kubernetes roles that a configuration needs (config.h). They cover what its plugins read, what they are
 * granted, and what the supervisor itself does. If all namespaces are watched, it is a ClusterRole. Otherwise it is a
 * Role in each namespace. */
#include "config.h"

#include <stdlib.h>

enum verb {
    GET = 1,
    LIST = 2,
    WATCH = 4,
    CREATE = 8,
    UPDATE = 16,
    PATCH = 32,
    DELETE = 64,
    DELETE_COLLECTION = 128,
};
static const char *const verb_names[] = {"get",    "list",  "watch",  "create",
                                         "update", "patch", "delete", "deletecollection"};

struct rule {
    /* `ns` "" means all namespaces. */
    struct rv_str ns, group, resource, subresource;
    const struct schema_texts *names; /* NULL means any name */
    unsigned verbs;
    struct rv_buf who;
    const char *last; /* the last one of `who` */
};

struct roles {
    const struct config *config;
    /* `own` is the operator's namespace. `who` says for whom the rules are. */
    struct rv_str own, who;
    struct rule *rules;
    size_t n;
    struct schema_texts lease;   /* of another operator */
    struct schema_texts webhook; /* the name of the webhook's objects */
};

static struct rv_str group_of(struct rv_str api_version) {
    const char *slash = memchr(api_version.p, '/', api_version.n);
    return (struct rv_str){api_version.p, slash != NULL ? (size_t)(slash - api_version.p) : 0};
}

static void add_in(struct roles *r, struct rv_str ns, const struct rule *like) {
    struct rule *found = NULL;
    for (size_t i = 0; i < r->n && found == NULL; i++) {
        struct rule *k = &r->rules[i];
        if (rv_str_eq(k->ns, ns) && rv_str_eq(k->group, like->group) && rv_str_eq(k->resource, like->resource) &&
            rv_str_eq(k->subresource, like->subresource) && k->names == NULL && like->names == NULL)
            found = k;
    }
    if (found == NULL) {
        r->rules = rv_realloc_array(r->rules, r->n + 1, sizeof *r->rules);
        found = &r->rules[r->n++];
        *found = *like;
        found->ns = ns;
    }
    found->verbs |= like->verbs;
    if (found->last == r->who.p) return;
    found->last = r->who.p;
    rv_buf_addf(&found->who, "%s" RV_STR_FMT, found->who.n != 0 ? ", " : "", RV_STR_ARG(r->who));
}

/* Adds a rule in these namespaces, or in all that are watched. */
static void add_rule(struct roles *r, const struct schema_texts *namespaces, const struct rule *rule) {
    const struct schema_texts *in = namespaces != NULL && namespaces->n != 0 ? namespaces : &r->config->namespaces;
    for (size_t i = 0; i < in->n; i++) add_in(r, in->list[i], rule);
    if (in->n == 0) add_in(r, RV_STR(""), rule);
}

static void add_plain(struct roles *r, const char *api_version, const char *resource, const char *sub, unsigned verbs) {
    add_rule(r, NULL,
             &(struct rule){.group = group_of(rv_str(api_version)),
                            .resource = rv_str(resource),
                            .subresource = rv_str(sub),
                            .verbs = verbs});
}

/* What a twin may do of it: it reads what it would write. */
static unsigned read_only(const struct roles *r, unsigned verbs) {
    return r->config->mode != MODE_TWIN ? verbs : verbs & (GET | LIST | WATCH);
}

/* The verbs that the API server checks for a granted verb. */
static unsigned verbs_of(struct rv_str granted) {
    if (rv_str_is(granted, "apply")) return PATCH | CREATE; /* apply creates a missing object */
    /* After AlreadyExists the object is read to see whether it is ours. */
    if (rv_str_is(granted, "create")) return CREATE | GET;
    if (rv_str_is(granted, "own")) return DELETE; /* for other owner references: the API server may check this */
    unsigned v = 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(verb_names); i++)
        if (rv_str_is(granted, verb_names[i])) v = 1U << i;
    return v;
}

static void add_grants(struct roles *r, const struct config_plugin *p) {
    bool makes = false;
    for (size_t i = 0; i < p->grant_n; i++) {
        const struct manifest_write *g = &p->grants[i];
        struct rule rule = {.group = group_of(g->api_version), .resource = g->resource, .subresource = g->subresource};
        for (size_t v = 0; v < g->verbs.n; v++) rule.verbs |= verbs_of(g->verbs.list[v]);
        if (rule.verbs == 0) continue; /* kinds that are read follow from the manifest */
        /* These objects are not read. */
        if (rv_str_is(g->resource, "events"))
            rule.verbs &= ~(unsigned)GET;
        else
            makes = makes || ((rule.verbs & CREATE) != 0 && g->subresource.n == 0);
        if (r->config->mode == MODE_TWIN) {
            if (rv_str_is(g->resource, "events")) continue;
            rule.verbs = GET;
            rule.subresource = RV_STR("");
        }
        add_rule(r, &g->namespaces, &rule);
    }
    /* Owner references that block the owner's deletion: the API server may check this. */
    const struct manifest_kind *k = &p->manifest->kinds[0];
    if (makes && r->config->mode != MODE_TWIN)
        add_rule(r, NULL,
                 &(struct rule){.group = group_of(k->api_version),
                                .resource = k->resource,
                                .subresource = RV_STR("finalizers"),
                                .verbs = UPDATE});
}

static bool any_star(const struct schema_texts *t) {
    for (size_t i = 0; i < t->n; i++)
        if (memchr(t->list[i].p, '*', t->list[i].n) != NULL) return true;
    return false;
}

static void add_plugin(struct roles *r, const struct config_plugin *p) {
    r->who = p->name;
    for (size_t i = 0; i < p->manifest->kind_n; i++) {
        const struct manifest_kind *k = &p->manifest->kinds[i];
        if (manifest_when(&k->when, &p->settings))
            add_rule(r, config_reads_in(r->config, p, i),
                     &(struct rule){
                         .group = group_of(k->api_version), .resource = k->resource, .verbs = GET | LIST | WATCH});
    }
    add_grants(r, p);
    if (r->config->proxy_http && p->http.n != 0) {
        add_plain(r, "v1", "services", "proxy", read_only(r, GET | CREATE | UPDATE | PATCH | DELETE));
        add_plain(r, "v1", "pods", "proxy", read_only(r, GET | CREATE | UPDATE | PATCH | DELETE));
        add_plain(r, "v1", "pods", "", LIST);
    }
    for (size_t i = 0; i < p->secret_n; i++) {
        const struct manifest_secret *s = &p->secrets[i];
        add_rule(r, any_star(&s->namespaces) ? NULL : &s->namespaces,
                 &(struct rule){
                     .resource = RV_STR("secrets"), .names = any_star(&s->names) ? NULL : &s->names, .verbs = GET});
    }
}

/* Leases of one name only; a list by that name is allowed where the rule names it. */
static void add_other_operator(struct roles *r) {
    const struct config_other *c = &r->config->other;
    if (c->action == OTHER_IGNORE || r->config->mode == MODE_TWIN) return;
    r->lease = (struct schema_texts){(struct rv_str *)(uintptr_t)&c->lease, 1, true};
    const struct rule rule = {
        .group = RV_STR("coordination.k8s.io"), .resource = RV_STR("leases"), .names = &r->lease, .verbs = GET | LIST};
    /* What is seen is told in an event on that Lease. */
    const struct rule events = {
        .group = RV_STR("events.k8s.io"), .resource = RV_STR("events"), .verbs = CREATE | PATCH};
    rv_autofree struct rv_str *in = NULL;
    size_t n = config_other_namespaces(r->config, r->own, &in);
    if (n == 0) add_in(r, RV_STR(""), &rule);
    for (size_t i = 0; i < n; i++) {
        add_in(r, in[i], &rule);
        if (r->config->namespaces.n != 0) add_in(r, in[i], &events);
    }
}

/* The keys are in a Secret that the operator makes; of the webhook's configuration it changes what it knows alone. */
static void add_admission(struct roles *r) {
    const struct config_admission *a = &r->config->admission;
    if (!a->enabled || r->config->mode == MODE_TWIN) return;
    struct rv_str ns = a->ns.n != 0 ? a->ns : r->own;
    r->webhook = (struct schema_texts){(struct rv_str *)(uintptr_t)&a->name, 1, true};
    add_in(r, ns, &(struct rule){.resource = RV_STR("secrets"), .verbs = CREATE});
    add_in(r, ns, &(struct rule){.resource = RV_STR("secrets"), .names = &r->webhook, .verbs = GET | PATCH});
    add_in(r, RV_STR(""),
           &(struct rule){.group = RV_STR("admissionregistration.k8s.io"),
                          .resource = RV_STR("validatingwebhookconfigurations"),
                          .names = &r->webhook,
                          .verbs = GET | PATCH});
}

static void collect(struct roles *r) {
    const struct config *c = r->config;
    r->who = RV_STR("rayvisord");
    if (c->mode != MODE_TWIN) add_plain(r, "events.k8s.io/v1", "events", "", CREATE | PATCH);
    if (c->mode != MODE_TWIN && c->lead.enabled)
        add_in(r, c->lead.ns.n != 0 ? c->lead.ns : r->own,
               &(struct rule){.group = RV_STR("coordination.k8s.io"),
                              .resource = RV_STR("leases"),
                              .verbs = GET | CREATE | PATCH});
    add_other_operator(r);
    add_admission(r);
    for (size_t i = 0; i < c->unattended_n; i++) {
        const struct manifest_kind *k = c->unattended[i].kind;
        add_rule(
            r, NULL,
            &(struct rule){.group = group_of(k->api_version), .resource = k->resource, .verbs = GET | LIST | WATCH});
    }
    for (size_t i = 0; i < c->plugin_n; i++)
        if (c->plugins[i].enabled) add_plugin(r, &c->plugins[i]);
}

/* ---- as YAML -------------------------------------------------------------------------------------------- */

static void print_rule(const struct rule *k, struct rv_buf *out) {
    rv_buf_addf(out,
                "  # " RV_STR_FMT "\n  - apiGroups: [\"" RV_STR_FMT "\"]\n    resources: [\"" RV_STR_FMT "%s" RV_STR_FMT
                "\"]\n",
                RV_STR_ARG(rv_buf_str(&k->who)), RV_STR_ARG(k->group), RV_STR_ARG(k->resource),
                k->subresource.n != 0 ? "/" : "", RV_STR_ARG(k->subresource));
    for (size_t i = 0; k->names != NULL && i < k->names->n; i++)
        rv_buf_addf(out, "%s\"" RV_STR_FMT "\"%s", i == 0 ? "    resourceNames: [" : ", ",
                    RV_STR_ARG(k->names->list[i]), i + 1 == k->names->n ? "]\n" : "");
    const char *before = "    verbs: [";
    for (size_t i = 0; i < RV_ARRAY_LEN(verb_names); i++) {
        if ((k->verbs & 1U << i) == 0) continue;
        rv_buf_addf(out, "%s%s", before, verb_names[i]);
        before = ", ";
    }
    rv_buf_adds(out, "]\n");
}

static void print_head(const char *kind, struct rv_str ns, struct rv_buf *out) {
    rv_buf_addf(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n  name: rayvisor\n", kind);
    if (ns.n != 0) rv_buf_addf(out, "  namespace: " RV_STR_FMT "\n", RV_STR_ARG(ns));
}

static void print_role(const struct roles *r, struct rv_str ns, struct rv_buf *out) {
    const char *kind = ns.n != 0 ? "Role" : "ClusterRole";
    rv_autobuf struct rv_buf binding = {0};
    rv_buf_addf(&binding, "%sBinding", kind);
    print_head(kind, ns, out);
    rv_buf_adds(out, "rules:\n");
    for (size_t i = 0; i < r->n; i++)
        if (rv_str_eq(r->rules[i].ns, ns)) print_rule(&r->rules[i], out);
    print_head(rv_buf_cstr(&binding), ns, out);
    rv_buf_addf(out,
                "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: %s\n  name: rayvisor\nsubjects:\n"
                "  - kind: ServiceAccount\n    name: rayvisor\n    namespace: " RV_STR_FMT "\n",
                kind, RV_STR_ARG(r->own));
}

void config_print_rbac(const struct config *c, struct rv_str ns, struct rv_buf *out) {
    struct roles r = {.config = c, .own = ns};
    collect(&r);
    rv_buf_adds(out, "# Generated by rayvisord --print-rbac from the enabled plugins' manifests and grants.\n");
    for (size_t i = 0; i < r.n; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++) first = first && !rv_str_eq(r.rules[k].ns, r.rules[i].ns);
        if (first) print_role(&r, r.rules[i].ns, out);
    }
    for (size_t i = 0; i < r.n; i++) rv_buf_free(&r.rules[i].who);
    free(r.rules);
}
