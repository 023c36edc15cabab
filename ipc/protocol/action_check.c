/* action_check.c - a table of the parts that each verb accepts (see action_check.h). */
#include "action_check.h"

#include "rayvisor/k8s.h"

enum { QUOTED = 100 /* so much of a plugin's text is repeated in an error */, PREFIX_MAX = 64 };
#define QUOTE(s) (int)((s).n < QUOTED ? (s).n : QUOTED), (s).n != 0 ? (s).p : ""

static int bad(struct rv_error *err, const char *part, struct rv_str value, const char *why) {
    return rv_error_set(err, RV_E_INVALID, "malformed action: %s \"%.*s\" %s", part, QUOTE(value), why);
}

static bool has_control(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return true;
    return false;
}

/* Accepts "v1" or "group/version". */
static bool is_api_version(struct rv_str s) {
    const char *slash = s.n != 0 ? memchr(s.p, '/', s.n) : NULL;
    if (slash == NULL) return rv_name_dns1123_label(s) == NULL;
    size_t n = (size_t)(slash - s.p);
    return rv_name_dns1123_subdomain((struct rv_str){s.p, n}) == NULL &&
           rv_name_dns1123_label((struct rv_str){slash + 1, s.n - n - 1}) == NULL;
}

enum part_rule { NEVER, MAY, MUST };

static int check_part(enum part_rule rule, const char *part, struct rv_str value, const char *(*judge)(struct rv_str),
                      struct rv_error *err) {
    if (value.n == 0) return rule == MUST ? bad(err, part, value, "must not be empty") : 0;
    if (rule == NEVER) return bad(err, part, value, "has no place in an action of this verb");
    const char *why = judge(value);
    return why != NULL ? bad(err, part, value, why) : 0;
}

/* Returns false for a selector of separators and blanks alone, because it would select everything. */
static bool selects_something(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != ',') return !has_control(s);
    return false;
}

/* A create request goes to the collection, and its name is in the body. The name of the action must be the same. */
static int check_created_name(const struct rv_action *a, struct rv_error *err) {
    struct rv_str in_body = rv_path_str((struct rv_val){a->body.p, a->body.n}, "metadata.name");
    if (a->verb != RV_VERB_CREATE || a->name.n == 0 || in_body.n == 0 || rv_str_eq(a->name, in_body)) return 0;
    return bad(err, "name", a->name, "is not the one that the object itself has");
}

static int check_object(const struct rv_action *a, struct rv_error *err) {
    static const struct {
        enum part_rule name, sub, selector, body;
    } rules[] = {
        [RV_VERB_CREATE] = {MAY, NEVER, NEVER, MAY},     [RV_VERB_APPLY] = {MUST, MAY, NEVER, MAY},
        [RV_VERB_MERGE_PATCH] = {MUST, MAY, NEVER, MAY}, [RV_VERB_JSON_PATCH] = {MUST, MAY, NEVER, MAY},
        [RV_VERB_DELETE] = {MUST, NEVER, NEVER, NEVER},  [RV_VERB_DELETE_COLLECTION] = {NEVER, NEVER, MUST, NEVER},
        [RV_VERB_GET] = {MUST, NEVER, NEVER, NEVER}};
    if (a->verb < RV_VERB_CREATE || a->verb > RV_VERB_GET)
        return rv_error_set(err, RV_E_INVALID, "malformed action: there is no verb %u", (unsigned)a->verb);
    int r =
        is_api_version(a->api_version) ? 0 : bad(err, "apiVersion", a->api_version, "is not VERSION or GROUP/VERSION");
    if (r == 0) r = check_part(MUST, "resource", a->resource, rv_name_dns1123_label, err);
    if (r == 0) r = check_part(MAY, "namespace", a->ns, rv_name_dns1123_label, err);
    if (r == 0) r = check_part(rules[a->verb].name, "name", a->name, rv_name_dns1123_subdomain, err);
    if (r == 0) r = check_part(rules[a->verb].sub, "subresource", a->subresource, rv_name_dns1123_label, err);
    if (r == 0 && rules[a->verb].body == NEVER && a->body.n != 0)
        r = rv_error_set(err, RV_E_INVALID, "malformed action: this verb takes no body");
    if (r == 0 && rules[a->verb].selector == MUST && !selects_something(a->selector))
        r = bad(err, "selector", a->selector, "would select everything");
    return r == 0 ? check_created_name(a, err) : r;
}

/* The event's own name begins with the name of the object. */
static int check_event(const struct rv_event *e, struct rv_error *err) {
    int r = check_part(MAY, "namespace", e->ns, rv_name_dns1123_label, err);
    return r == 0 ? check_part(MUST, "name", e->name, rv_name_dns1123_subdomain, err) : r;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

/* The headers in which a credential may be sent. Another header could mean something else to the receiver: "Host" names
 * another server, and "X: 1; Y" means two things at once. */
static bool is_auth_header(struct rv_str s) {
    static const char *const list[] = {"authorization", "x-ray-authorization"};
    for (size_t i = 0; i < RV_ARRAY_LEN(list); i++)
        if (rv_str_ieq(s, list[i])) return true;
    return s.n == 0;
}

/* Accepts a scheme and a blank, such as "Bearer ". */
static bool is_auth_prefix(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.' || (c == ' ' && i > 0);
        if (!ok) return false;
    }
    return s.n <= PREFIX_MAX;
}

static bool is_method(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z') return false;
    return s.n != 0 && s.n <= 16;
}

/* Over HTTP/1.1, and without TLS, there is no client certificate. */
static int check_client_secret(const struct rv_http_request *r, struct rv_error *err) {
    if (r->client_secret.n == 0 || (r->http2 != 0 && rv_str_starts(r->url, "https://"))) return 0;
    return bad(err, "client_secret", r->client_secret, "is only for https:// and http2");
}

static int check_http(const struct rv_http_request *r, struct rv_error *err) {
    if (!is_method(r->method)) return bad(err, "method", r->method, "is not upper-case letters");
    if (!is_auth_header(r->auth_header))
        return bad(err, "auth_header", r->auth_header, "is not Authorization or X-Ray-Authorization");
    if (!is_auth_prefix(r->auth_prefix))
        return bad(err, "auth_prefix", r->auth_prefix, "is not a scheme of letters, digits, '-', '_' and '.'");
    if (has_control(r->content_type)) return bad(err, "content_type", RV_STR(""), "has control characters");
    return check_client_secret(r, err);
}

/* ---- what belongs to all --------------------------------------------------------------------------------- */

/* Requests through the API server go to the namespace of the key. */
static int check_key(const struct rv_key *k, struct rv_error *err) {
    int r = check_part(MAY, "namespace", k->ns, rv_name_dns1123_label, err);
    return r == 0 ? check_part(MAY, "name", k->name, rv_name_dns1123_subdomain, err) : r;
}

int action_check(const struct msg_action *m, struct rv_error *err) {
    int r = check_key(&m->key, err);
    if (r != 0) return rv_error_wrap(err, r, "key");
    switch (m->a.verb) {
    case RV_VERB_EVENT:
        return check_event(&m->event, err);
    case RV_VERB_HTTP:
        return check_http(&m->http, err);
    case RV_VERB_TIMER:
        return m->a.delay_ms < 0 || m->a.body.n != 0
                   ? rv_error_set(err, RV_E_INVALID, "malformed action: a timer has a delay and no body")
                   : 0;
    default:
        return check_object(&m->a, err);
    }
}
