/* URLs that a plugin asks for. Three readers judge one: the policy, the resolver and HTTP/2, the latter two by curl.
 * What the policy takes for a URL leads to the host and port that it saw, or to none, and comes to no other path. */
#include "supervisor/config/url.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "supervisor/requests/h2_target.h"
#include "supervisor/requests/resolver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
    if (!ok) abort();
}

/* curl writes 127.1 and 0x7f000001 as 127.0.0.1, and IPv6 addresses in their shortest form. */
static bool rewritten(struct rv_str seen, bool is_name) {
    if (is_name) return false;
    for (size_t i = 0; i < seen.n; i++)
        if (strchr("0123456789abcdefABCDEFxX.:[]", seen.p[i]) == NULL) return false;
    return true;
}

static void same_host(const struct url *u, struct rv_str host_port, bool is_name) {
    const char *colon = memrchr(host_port.p, ':', host_port.n);
    must(colon != NULL);
    struct rv_str host = {host_port.p, (size_t)(colon - host_port.p)}, port = {colon + 1, host_port.n - host.n - 1};
    int64_t want = rv_str_is(u->scheme, "https") ? 443 : 80, have = 0;
    if (u->port.n != 0) must(rv_str_to_int(u->port, 1, 65535, &want) == 0);
    must(rv_str_to_int(port, 1, 65535, &have) == 0 && have == want);
    rv_autofree char *seen = rv_strdup(u->host);
    must(rv_str_ieq(host, seen) || rewritten(u->host, is_name));
}

/* The fragment is not sent. */
static void same_path(const struct url *u, const char *path) {
    const char *hash = memchr(u->path.p, '#', u->path.n);
    struct rv_str want = {u->path.p, hash != NULL ? (size_t)(hash - u->path.p) : u->path.n};
    must(rv_str_is(want, path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rv_str text = {(const char *)data, size};
    struct url u;
    struct h2_target t;
    bool is_name = false, taken = url_split(text, &u);
    rv_autofree char *host = resolver_host_of_url(text, &is_name);
    bool target = h2_target_parse(text, &t);
    if (target) must(host != NULL && strcmp(t.host_port, host) == 0 && t.is_name == is_name && t.path[0] == '/');
    for (const char *c = target ? t.path : ""; *c != 0; c++) must((unsigned char)*c > ' ' && *c != 0x7f);
    if (taken && host != NULL) same_host(&u, rv_str(host), is_name);
    if (taken && target) same_path(&u, t.path);
    if (target) h2_target_free(&t);
    return 0;
}
