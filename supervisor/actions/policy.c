/* policy.c - checks grants (see policy.h). */
#include "policy.h"

#include "ipc/protocol/action_check.h"
#include "rayvisor/k8s.h"
#include "supervisor/config/url.h"

/* A plugin's text for "%.*s": as much of it as fits in a line. */
#define QUOTE(s) (int)((s).n < 200 ? (s).n : 200), (s).p

const char *policy_verb(uint32_t verb) {
    static const char *const names[] = {NULL,  "create", "apply", "patch", "patch", "delete", "deletecollection",
                                        "get", "event",  "http",  "timer"};
    return verb < RV_ARRAY_LEN(names) && names[verb] != NULL ? names[verb] : "unknown";
}

static bool listed(const struct schema_texts *t, struct rv_str what) {
    for (size_t i = 0; i < t->n; i++)
        if (rv_str_eq(t->list[i], what)) return true;
    return false;
}

static bool grant_covers(const struct manifest_write *g, const struct rv_action *a, struct rv_str verb) {
    return rv_str_eq(g->api_version, a->api_version) && rv_str_eq(g->resource, a->resource) &&
           rv_str_eq(g->subresource, a->subresource) && listed(&g->verbs, verb) &&
           (g->namespaces.n == 0 || listed(&g->namespaces, a->ns));
}

static bool any_glob(const struct schema_texts *t, struct rv_str what) {
    for (size_t i = 0; i < t->n; i++)
        if (glob_matches(t->list[i], what)) return true;
    return false;
}

static bool may_use(const struct config_plugin *p, struct rv_str ns, struct rv_str name, struct rv_str key) {
    if (rv_name_dns1123_label(ns) != NULL || rv_name_dns1123_subdomain(name) != NULL) return false;
    for (size_t i = 0; i < p->secret_n; i++) {
        const struct manifest_secret *g = &p->secrets[i];
        if ((g->namespaces.n == 0 || any_glob(&g->namespaces, ns)) && any_glob(&g->names, name) && key.n != 0 &&
            any_glob(&g->keys, key))
            return true;
    }
    return false;
}

static int check_use(const struct config_plugin *p, const struct rv_http_request *r, struct rv_str name,
                     struct rv_str key, struct rv_error *err) {
    if (may_use(p, r->secret_ns, name, key)) return 0;
    return rv_error_set(err, RV_E_DENIED,
                        "plugin " RV_STR_FMT " may not use key %.*s of Secret %.*s/%.*s as a credential: none of "
                        "its secrets grants says so",
                        RV_STR_ARG(p->name), QUOTE(key), QUOTE(r->secret_ns), QUOTE(name));
}

static bool names_credential(const struct rv_http_request *r) {
    return r->secret_name.n != 0 || r->secret_key.n != 0 || (r->secret_ns.n != 0 && r->client_secret.n == 0);
}

/* Checks that the Secrets are granted and who gets them: a Secret of a namespace is used only for Services of that
 * namespace. */
static int check_secret(const struct config_plugin *p, const struct rv_http_request *r, struct rv_error *err) {
    static const char *const parts[] = {"tls.crt", "tls.key", "ca.crt"}; /* of a client certificate */
    struct rv_str name = r->client_secret.n != 0 ? r->client_secret : r->secret_name;
    bool home = false;
    struct rv_str url = url_without_query(r->url);
    int code = names_credential(r) ? check_use(p, r, r->secret_name, r->secret_key, err) : 0;
    for (size_t i = 0; r->client_secret.n != 0 && i < RV_ARRAY_LEN(parts) && code == 0; i++)
        code = check_use(p, r, r->client_secret, rv_str(parts[i]), err);
    if (code != 0) return code;
    for (size_t i = 0; i < p->http.n && !home; i++)
        home = url_matches(p->http.list[i], r->url) && url_is_service(p->http.list[i], r->url, r->secret_ns);
    return home ? 0
                : rv_error_set(err, RV_E_DENIED,
                               "plugin " RV_STR_FMT " may not send Secret %.*s/%.*s to %.*s: a credential goes to a "
                               "Service of its own namespace (NAME.%.*s.svc.DOMAIN), by an http pattern that spells "
                               "the domain out",
                               RV_STR_ARG(p->name), QUOTE(r->secret_ns), QUOTE(name), QUOTE(url), QUOTE(r->secret_ns));
}

static int check_http(const struct config_plugin *p, const struct msg_action *a, struct rv_error *err) {
    const struct rv_http_request *r = &a->http;
    struct rv_str url = url_without_query(r->url);
    bool granted = false, matches = false;
    for (size_t i = 0; i < p->http.n && !granted; i++) {
        bool does = url_matches(p->http.list[i], r->url);
        matches = matches || does;
        granted = does && url_keeps_namespace(p->http.list[i], r->url, a->key.ns);
    }
    if (!granted && matches)
        return rv_error_set(err, RV_E_DENIED,
                            "plugin " RV_STR_FMT " may not reach %.*s for an object of namespace %.*s: a '*' in the "
                            "place of a Service's namespace stands for the object's own",
                            RV_STR_ARG(p->name), QUOTE(url), QUOTE(a->key.ns));
    if (!granted)
        return rv_error_set(err, RV_E_DENIED,
                            "plugin " RV_STR_FMT " may not reach %.*s: no http pattern of its grants matches",
                            RV_STR_ARG(p->name), QUOTE(url));
    bool secret = r->secret_ns.n != 0 || r->client_secret.n != 0 || names_credential(r);
    return secret ? check_secret(p, r, err) : 0;
}

int policy_check(const struct config_plugin *p, const struct msg_action *m, struct rv_error *err) {
    const struct rv_action *a = &m->a;
    struct rv_error why = {0};
    /* This is first, because grants compare names, and only valid names can be compared. */
    if (action_check(m, &why) != 0)
        return rv_error_set(err, RV_E_DENIED, "plugin " RV_STR_FMT ": %s", RV_STR_ARG(p->name), why.text);
    if (a->verb == RV_VERB_TIMER) return 0;
    if (a->verb == RV_VERB_HTTP) return check_http(p, m, err);
    struct rv_action as = *a;
    struct rv_str verb = rv_str(policy_verb(a->verb));
    if (a->verb == RV_VERB_EVENT) {
        as.api_version = RV_STR("events.k8s.io/v1");
        as.resource = RV_STR("events");
        /* The namespace into which the event is written. */
        as.ns = m->event.ns.n != 0 ? m->event.ns : RV_STR("default");
        verb = RV_STR("create");
    }
    for (size_t i = 0; i < p->grant_n; i++)
        if (grant_covers(&p->grants[i], &as, verb)) return 0;
    return rv_error_set(err, RV_E_DENIED,
                        "plugin " RV_STR_FMT " may not " RV_STR_FMT " " RV_STR_FMT "%s" RV_STR_FMT " (" RV_STR_FMT
                        ")%s" RV_STR_FMT ": its grants do not say so",
                        RV_STR_ARG(p->name), RV_STR_ARG(verb), RV_STR_ARG(as.resource),
                        as.subresource.n != 0 ? "/" : "", RV_STR_ARG(as.subresource), RV_STR_ARG(as.api_version),
                        as.ns.n != 0 ? " in namespace " : "", RV_STR_ARG(as.ns));
}
