/* url.c - URLs and the patterns that grant them (see url.h). */
#include "url.h"

#include <arpa/inet.h>

#include "rayvisor/k8s.h"

/* Backtracks to the last star only. */
bool glob_matches(struct rv_str pattern, struct rv_str text) {
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

static struct rv_str from(struct rv_str s, size_t at) { return (struct rv_str){s.p + at, s.n - at}; }

static size_t index_of(struct rv_str s, char c) {
    const char *at = s.n != 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? (size_t)(at - s.p) : s.n;
}

/* Every character must be a letter, a digit or one of `others`. */
static bool only(struct rv_str s, const char *others) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == 0 || strchr(others, c) == NULL)) return false;
    }
    return true;
}

static bool is_name(struct rv_str host, const char *others) {
    bool begins = true; /* the beginning of a label, which must not be empty */
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] == '.' && begins) return false;
        begins = host.p[i] == '.';
    }
    return !begins && only(host, others);
}

static bool take_apart(struct rv_str text, struct url *u) {
    size_t skip = rv_str_starts(text, "http://") ? 7 : rv_str_starts(text, "https://") ? 8 : 0;
    if (skip == 0) return false;
    struct rv_str rest = from(text, skip);
    size_t end = index_of(rest, '/');
    struct rv_str authority = {rest.p, end};
    u->scheme = (struct rv_str){text.p, skip - 3};
    u->path = end < rest.n ? from(rest, end) : RV_STR("/");
    size_t host = rv_str_starts(authority, "[") ? index_of(authority, ']') + 1 : index_of(authority, ':');
    if (host > authority.n) return false;
    u->host = (struct rv_str){authority.p, host};
    u->port = from(authority, host);
    if (u->port.n == 0) return true;
    if (u->port.n == 1 || u->port.p[0] != ':') return false;
    u->port = from(u->port, 1);
    return true;
}

static bool host_ok(struct rv_str host, bool pattern) {
    if (!rv_str_starts(host, "[")) return is_name(host, pattern ? ".-_*" : ".-_");
    return host.n > 2 && only((struct rv_str){host.p + 1, host.n - 2}, pattern ? ":.*" : ":.");
}

/* Dots that lead to a parent folder, plain or as %2e, would leave the granted path. */
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

static bool path_ok(struct rv_str path) {
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] <= ' ' || path.p[i] == 0x7f || path.p[i] == '\\') return false;
    return !climbs(path);
}

bool url_split(struct rv_str text, struct url *ret) {
    int64_t port;
    return take_apart(text, ret) && host_ok(ret->host, false) && path_ok(ret->path) &&
           (ret->port.n == 0 || rv_str_to_int(ret->port, 1, 65535, &port) == 0);
}

const char *url_pattern_wrong(struct rv_str pattern) {
    struct url u;
    int64_t port;
    if (!rv_str_starts(pattern, "http://") && !rv_str_starts(pattern, "https://"))
        return "it does not begin with http:// or https://";
    if (!take_apart(pattern, &u) || !host_ok(u.host, true)) return "its host is not a name or address, with '*' or not";
    if (u.port.n != 0 && !rv_str_is(u.port, "*") && rv_str_to_int(u.port, 1, 65535, &port) != 0)
        return "its port is neither '*' nor a number from 1 to 65535";
    return path_ok(u.path) ? NULL : "its path has blanks, backslashes or \"..\"";
}

static struct rv_str cut_last_label(struct rv_str *name) {
    size_t at = name->n;
    while (at > 0 && name->p[at - 1] != '.') at--;
    struct rv_str label = from(*name, at);
    name->n = at > 0 ? at - 1 : 0;
    return label;
}

static bool is_address(struct rv_str host) {
    char text[INET_ADDRSTRLEN];
    struct in_addr a;
    if (host.n >= sizeof text) return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return inet_pton(AF_INET, text, &a) == 1;
}

static bool host_matches(struct rv_str pattern, struct rv_str host) {
    if (rv_str_starts(host, "[") || is_address(host)) return glob_matches(pattern, host);
    while (index_of(pattern, '.') < pattern.n) {
        struct rv_str want = cut_last_label(&pattern), have = cut_last_label(&host);
        if (!glob_matches(want, have)) return false;
    }
    return host.n != 0 && (rv_str_is(pattern, "*") || (index_of(host, '.') == host.n && glob_matches(pattern, host)));
}

bool url_matches(struct rv_str pattern, struct rv_str url) {
    struct url want, have;
    if (url_pattern_wrong(pattern) != NULL || !take_apart(pattern, &want) || !url_split(url, &have)) return false;
    bool port = rv_str_is(want.port, "*") ? have.port.n != 0 : rv_str_eq(want.port, have.port);
    return port && rv_str_eq(want.scheme, have.scheme) && host_matches(want.host, have.host) &&
           glob_matches(want.path, have.path);
}

bool url_is_service(struct rv_str pattern, struct rv_str url, struct rv_str ns) {
    struct url want, have;
    if (!take_apart(pattern, &want) || !url_split(url, &have)) return false;
    size_t dot = index_of(have.host, '.');
    struct rv_str rest = dot < have.host.n ? from(have.host, dot + 1) : RV_STR("");
    dot = index_of(rest, '.');
    struct rv_str of = {rest.p, dot}, domain = dot < rest.n ? from(rest, dot) : RV_STR(""); /* ".svc..." */
    bool service = rv_str_eq(domain, RV_STR(".svc")) || rv_str_starts(domain, ".svc.");
    return service && ns.n != 0 && rv_str_eq(of, ns) && want.host.n > domain.n &&
           rv_str_eq(from(want.host, want.host.n - domain.n), domain);
}

struct rv_str url_without_query(struct rv_str url) {
    const char *query = url.n != 0 ? memchr(url.p, '?', url.n) : NULL;
    return (struct rv_str){url.p, query != NULL ? (size_t)(query - url.p) : url.n};
}

static size_t label_count(struct rv_str name) {
    size_t n = name.n != 0;
    for (size_t i = 0; i < name.n; i++) n += name.p[i] == '.';
    return n;
}

/* Cuts "NAME.NAMESPACE.svc.DOMAIN" before ".svc". Returns how many labels that leaves out, 0 if there is no such. */
static size_t cut_domain(struct rv_str *host) {
    for (size_t at = index_of(*host, '.'); at < host->n; at += 1 + index_of(from(*host, at + 1), '.')) {
        struct rv_str domain = from(*host, at);
        if (!rv_str_is(domain, ".svc") && !rv_str_starts(domain, ".svc.")) continue;
        host->n = at;
        return label_count(from(domain, 1));
    }
    return 0;
}

bool url_keeps_namespace(struct rv_str pattern, struct rv_str url, struct rv_str ns) {
    struct url want, have;
    if (ns.n == 0 || !take_apart(pattern, &want) || !url_split(url, &have)) return true;
    size_t domain = cut_domain(&want.host);
    struct rv_str granted = cut_last_label(&want.host);
    if (domain == 0 || index_of(granted, '*') == granted.n) return true;
    for (size_t i = 0; i < domain; i++) (void)cut_last_label(&have.host);
    return rv_str_eq(cut_last_label(&have.host), ns);
}
