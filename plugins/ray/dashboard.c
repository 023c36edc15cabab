/* dashboard.c - see dashboard.h. */
#include "dashboard.h"

#include "fields.h"
#include "names.h"
#include "rayvisor/json.h"

enum { ANSWER_BYTES = 1 << 20 };

bool rc_dashboard_send(struct rc_context *x, const struct rc_dashboard_request *q) {
    struct rv_http_request r = {
        .size = sizeof r,
        .flags = q->idempotent ? RV_HTTP_IDEMPOTENT : 0,
        .timeout_ms = q->timeout_ms,
        .max_bytes = q->max_bytes != 0 ? q->max_bytes : ANSWER_BYTES,
        .tag = q->tag,
        .method = rv_str(q->method),
        .url = rv_arena_fmt(x->arena, "http://" RV_STR_FMT RV_STR_FMT, RV_STR_ARG(q->address), RV_STR_ARG(q->path)),
        .body = {(const uint8_t *)q->body.p, q->body.n}};
    if (rv_str_is(r.method, "POST") || rv_str_is(r.method, "PUT")) r.content_type = RV_STR("application/json");
    if (q->cluster != NULL && q->cluster->f.token) {
        r.secret_ns = x->ns;
        r.secret_name = rc_token_secret(x->arena, q->cluster);
        r.secret_key = RV_STR("auth_token");
        r.auth_header = RV_STR("x-ray-authorization");
        r.auth_prefix = RV_STR("Bearer ");
    }
    if (x->api->http(x->host, &r) == 0) return true;
    x->retry = true;
    return false;
}

struct rv_str rc_dashboard_address(struct rv_arena *a, const struct rc_cluster *c) {
    struct rv_val service = rv_node_freeze(a, rc_head_service(a, c));
    for (struct rv_iter it = rv_iter(rv_val_path(service, "spec.ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RC_DASHBOARD_PORT_NAME))
            return rv_arena_fmt(
                a, RV_STR_FMT ":%lld",
                RV_STR_ARG(rc_name_fqdn(a, rc_head_service_name(a, c), c->ns, c->settings->cluster_domain)),
                (long long)rv_path_int(it.val, "port", RC_PORT_DASHBOARD));
    return (struct rv_str){NULL, 0};
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

bool rc_dashboard_ok(const struct rv_result *r) {
    return r->code == 0 && r->http_status >= 200 && r->http_status < 300;
}

bool rc_dashboard_not_sent(const struct rv_result *r) {
    return r->code == RV_E_CREDENTIAL || r->code == RV_E_DENIED || r->code == RV_E_THROTTLED;
}

bool rc_dashboard_mentions(const struct rv_result *r, const char *words) {
    return r->body.n != 0 && memmem(r->body.p, r->body.n, words, strlen(words)) != NULL;
}

/* Of a Python traceback what was raised last: it begins with the first line behind the frames, which are indented. */
static struct rv_str raised(struct rv_str text) {
    static const char title[] = "Traceback (most";
    for (const char *at; (at = text.n != 0 ? memmem(text.p, text.n, title, strlen(title)) : NULL) != NULL;) {
        struct rv_str rest = {at, (size_t)(text.p + text.n - at)};
        const char *end;
        do { /* the title is the first line that is left out */
            end = memchr(rest.p, '\n', rest.n);
            if (end == NULL) return rest;
            rest = (struct rv_str){end + 1, (size_t)(rest.p + rest.n - end) - 1};
        } while (rest.n != 0 && *rest.p == ' ');
        text = rest;
    }
    return text;
}

/* The readable part of an answer. */
static struct rv_str body_excerpt(struct rv_arena *a, struct rv_str text) {
    enum { MOST = 300 };
    rv_autobuf struct rv_buf b = {0};
    while (text.n > 0 && ((uint8_t)text.p[text.n - 1] <= ' ' || text.p[text.n - 1] == '.')) text.n--;
    text = raised(text);
    while (text.n > 0 && *text.p == ' ') text = (struct rv_str){text.p + 1, text.n - 1};
    for (size_t i = 0; i < text.n && i < MOST; i++)
        rv_buf_addc(&b, text.p[i] >= 0x20 && text.p[i] < 0x7f ? (uint8_t)text.p[i] : ' ');
    return rv_arena_str(a, rv_buf_str(&b));
}

/* Ray's own API says it in `msg`. Other answers are shown as they are. */
static struct rv_str json_excerpt(struct rv_arena *a, struct rv_val v) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = rv_path_str(v, "msg");
    if (text.n != 0 || rv_val_len(v) == 0) return rv_arena_str(a, text);
    rv_json_write(v, &b);
    return body_excerpt(a, rv_buf_str(&b));
}

/* Leaves out how long it took (" after 1999 ms"), which differs each time. */
static struct rv_str without_duration(struct rv_arena *a, struct rv_str s) {
    static const char after[] = " after ", unit[] = " ms";
    const char *at = s.n != 0 ? memmem(s.p, s.n, after, strlen(after)) : NULL,
               *end = at != NULL ? memmem(at, s.n - (size_t)(at - s.p), unit, strlen(unit)) : NULL;
    if (end == NULL) return rv_arena_str(a, s);
    end += strlen(unit);
    return rv_arena_fmt(a, "%.*s%.*s", (int)(at - s.p), s.p, (int)(s.p + s.n - end), end);
}

struct rv_str rc_dashboard_failure(struct rv_arena *a, const struct rv_result *r) {
    struct rv_val v = {r->body.p, r->body.n};
    if (r->code == RV_E_TIMEOUT || (r->code != 0 && r->message.n == 0)) return rv_str(rv_error_text(r->code));
    if (r->code != 0) return without_duration(a, r->message);
    struct rv_str text =
        r->json ? json_excerpt(a, v) : body_excerpt(a, (struct rv_str){(const char *)r->body.p, r->body.n});
    return rv_arena_fmt(a, "HTTP status %u%s" RV_STR_FMT, r->http_status, text.n != 0 ? ": " : "", RV_STR_ARG(text));
}
