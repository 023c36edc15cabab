/* policy.c - grants (see policy.h). */
#include "policy.h"

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

/* Text of the pattern with '*' as "any run of these characters". Backtracks over one star at a time. */
static bool glob(struct rv_str pattern, struct rv_str text) {
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') p++;
    return p == pattern.n;
}

struct url_parts {
    struct rv_str scheme, authority, path;
};

static bool split_url(struct rv_str url, struct url_parts *ret) {
    for (size_t i = 0; i + 2 < url.n; i++) {
        if (memcmp(url.p + i, "://", 3) != 0) continue;
        struct rv_str rest = {url.p + i + 3, url.n - i - 3};
        const char *slash = rest.n != 0 ? memchr(rest.p, '/', rest.n) : NULL;
        size_t host = slash != NULL ? (size_t)(slash - rest.p) : rest.n;
        *ret = (struct url_parts){{url.p, i}, {rest.p, host}, {rest.p + host, rest.n - host}};
        return host != 0 && memchr(rest.p, '@', host) == NULL && memchr(rest.p, '?', host) == NULL &&
               memchr(rest.p, '#', host) == NULL;
    }
    return false;
}

static bool has_control(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return true;
    return false;
}

/* Dots that climb would leave the granted path, written out or as %2e. */
static bool climbs(struct rv_str path) {
    size_t dots = 0;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        bool coded = c == '%' && i + 2 < path.n && path.p[i + 1] == '2' && (path.p[i + 2] | 0x20) == 'e';
        dots = c == '.' || coded ? dots + 1 : 0;
        if (dots == 2) return true;
        if (coded) i += 2;
    }
    return false;
}

bool policy_url_matches(struct rv_str pattern, struct rv_str url) {
    struct url_parts want, have;
    if (!split_url(pattern, &want) || !split_url(url, &have) || climbs(have.path)) return false;
    if (has_control(url) || memchr(url.p, ' ', url.n) != NULL || memchr(url.p, '\\', url.n) != NULL) return false;
    struct rv_str path = have.path.n != 0 ? have.path : RV_STR("/");
    return rv_str_eq(want.scheme, have.scheme) && glob(want.authority, have.authority) &&
           glob(want.path.n != 0 ? want.path : RV_STR("/"), path);
}

/* What would end a line of the request early, or say another method than it seems. */
static int check_request(const struct config_plugin *p, const struct rv_http_request *r, struct rv_error *err) {
    bool method = r->method.n != 0 && r->method.n <= 16;
    for (size_t i = 0; i < r->method.n && method; i++) method = r->method.p[i] >= 'A' && r->method.p[i] <= 'Z';
    if (method && !has_control(r->content_type) && !has_control(r->auth_header) && !has_control(r->auth_prefix))
        return 0;
    return rv_error_set(err, RV_E_DENIED,
                        "plugin " RV_STR_FMT " made a malformed HTTP request: the method is upper-case letters, and no "
                        "header has control characters",
                        RV_STR_ARG(p->name));
}

static int check_http(const struct config_plugin *p, const struct msg_action *a, struct rv_error *err) {
    bool granted = false;
    for (size_t i = 0; i < p->http.n && !granted; i++) granted = policy_url_matches(p->http.list[i], a->http.url);
    if (!granted)
        return rv_error_set(err, RV_E_DENIED,
                            "plugin " RV_STR_FMT " may not reach %.*s: no http pattern of its grants matches",
                            RV_STR_ARG(p->name), (int)(a->http.url.n < 200 ? a->http.url.n : 200), a->http.url.p);
    if (a->http.secret_name.n != 0 && !p->secrets)
        return rv_error_set(err, RV_E_DENIED,
                            "plugin " RV_STR_FMT " may not use Secrets as credentials: grant it with secrets: true",
                            RV_STR_ARG(p->name));
    return check_request(p, &a->http, err);
}

int policy_check(const struct config_plugin *p, const struct msg_action *m, struct rv_error *err) {
    const struct rv_action *a = &m->a;
    if (a->verb == RV_VERB_TIMER) return 0;
    if (a->verb == RV_VERB_HTTP) return check_http(p, m, err);
    struct rv_action as = *a;
    struct rv_str verb = rv_str(policy_verb(a->verb));
    if (a->verb == RV_VERB_EVENT) {
        as.api_version = RV_STR("events.k8s.io/v1");
        as.resource = RV_STR("events");
        as.ns = m->event.ns;
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
