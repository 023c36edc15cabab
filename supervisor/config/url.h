/* url.h - the URLs that a plugin requests, and the patterns that grant them.
 *
 * A pattern is scheme://host[:port][/path] and may contain '*'. In a host, '*' matches within one label. If it is the
 * whole first label, it matches one or more labels. So the domain after it is always the granted one. In an address and
 * in the path it matches any characters. A pattern without a port or a path matches only URLs without one. */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "rayvisor/base.h"

struct url {
    /* `host` includes the brackets of an IPv6 address. `port` is "" if there is none. */
    struct rv_str scheme, host, port, path;
};
/* Returns false if the text is not a plain http(s) URL, or if it could be understood as another host or path. */
bool url_split(struct rv_str text, struct url *ret);
/* Returns what is wrong with a pattern, or NULL. */
const char *url_pattern_wrong(struct rv_str pattern);
bool url_matches(struct rv_str pattern, struct rv_str url);
/* True if the host is a Service of that namespace (NAME.ns.svc or NAME.ns.svc.DOMAIN) and the pattern spells out its
 * domain. */
bool url_is_service(struct rv_str pattern, struct rv_str url, struct rv_str ns);
/* False if the host is a Service of another namespace than `ns`, and the pattern, which matches, has a '*' in the place
 * of the namespace. Whoever wrote an object of `ns` chooses names of its Services, and must not choose those of others.
 */
bool url_keeps_namespace(struct rv_str pattern, struct rv_str url, struct rv_str ns);
/* '*' matches any characters. */
bool glob_matches(struct rv_str pattern, struct rv_str text);

/* For what is logged and kept: a query may have anything in it. */
struct rv_str url_without_query(struct rv_str url);

#endif
