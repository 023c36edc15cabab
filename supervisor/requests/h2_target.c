/* h2_target.c - see h2_target.h. */
#include "h2_target.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "resolver.h"

/* Returns NULL if the URL has no such part. */
static char *part_of(CURLU *u, CURLUPart what) {
    char *text = NULL;
    if (curl_url_get(u, what, &text, 0) != CURLUE_OK) return NULL;
    char *copy = rv_strdup(rv_str(text));
    curl_free(text);
    return copy;
}

static char *joined(const char *a, const char *between, const char *b) {
    rv_autobuf struct rv_buf text = {0};
    rv_buf_adds(&text, a);
    if (b != NULL) rv_buf_addf(&text, "%s%s", between, b);
    return rv_strdup(rv_buf_str(&text));
}

static char *without_brackets(const char *host) {
    struct rv_str s = rv_str(host);
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') s = (struct rv_str){s.p + 1, s.n - 2};
    return rv_strdup(s);
}

static bool read_parts(CURLU *u, struct h2_target *t) {
    rv_autofree char *scheme = part_of(u, CURLUPART_SCHEME), *host = part_of(u, CURLUPART_HOST);
    rv_autofree char *port = part_of(u, CURLUPART_PORT), *path = part_of(u, CURLUPART_PATH);
    rv_autofree char *query = part_of(u, CURLUPART_QUERY);
    if (scheme == NULL || host == NULL || path == NULL) return false;
    t->tls = strcmp(scheme, "https") == 0;
    if (!t->tls && strcmp(scheme, "http") != 0) return false;
    t->host = without_brackets(host);
    t->authority = joined(host, ":", port);
    t->path = joined(path, "?", query);
    return true;
}

bool h2_target_parse(struct rv_str url, struct h2_target *ret) {
    rv_autofree char *text = rv_strdup(url);
    *ret = (struct h2_target){0};
    CURLU *u = curl_url();
    if (u == NULL) rv_oom();
    bool ok = curl_url_set(u, CURLUPART_URL, text, CURLU_PATH_AS_IS) == CURLUE_OK && read_parts(u, ret);
    curl_url_cleanup(u);
    if (ok) ret->host_port = resolver_host_of_url(url, &ret->is_name);
    if (ret->host_port != NULL) return true;
    h2_target_free(ret);
    return false;
}

void h2_target_free(struct h2_target *t) {
    free(t->host_port);
    free(t->host);
    free(t->authority);
    free(t->path);
    *t = (struct h2_target){0};
}
