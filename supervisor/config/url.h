/* url.h - URLs that a plugin asks for, and the patterns that grant them.
 *
 * A pattern is scheme://host[:port][/path] with '*' in it. In the host a '*' stays within its label; only as the whole
 * first label it stands for one or more. So what follows it is always the domain that was granted. In an address and in
 * the path it is any run of characters. No port, or no path, means just that. */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "rayvisor/base.h"

struct url {
    struct rv_str scheme, host, port, path; /* host: with its brackets; port: "" where there is none */
};
/* False for what is no plain http(s) URL, or could be taken for another host or path than it seems. */
bool url_split(struct rv_str text, struct url *ret);
/* What is wrong with a pattern, or NULL. */
const char *url_pattern_wrong(struct rv_str pattern);
bool url_matches(struct rv_str pattern, struct rv_str url);
/* Is the host a Service of that namespace (NAME.ns.svc or NAME.ns.svc.DOMAIN), with its domain written out in the
 * pattern? */
bool url_is_service(struct rv_str pattern, struct rv_str url, struct rv_str ns);
/* '*' is any run of characters. */
bool glob_matches(struct rv_str pattern, struct rv_str text);

#endif
