/* fakehost.c - the host of rayvisor/test.h. */
#include "rayvisor/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugins/host/engine.h"
#include "rayvisor/json.h"
#include "supervisor/config/manifest.h"

enum { KINDS_MAX = 64, RUN_MAX = 10000, SETTLE_MAX = 1000 };
#define MS INT64_C(1000000)

/* A change that was not delivered yet. There is one for each object, however often it changes. */
struct pending_change {
    struct pending_change *next;
    uint32_t kind;
    char *name, *uid;
    uint64_t version;
};

/* A request. `done`: it was carried out, and its result was not delivered yet. */
struct request {
    struct request *next;
    struct rv_buf header, body, payload; /* encoded; these own the bytes */
    struct msg m;                        /* decoded; a view of those bytes */
    bool done;
    int code;
    struct rv_str message;        /* the reason of a failure */
    struct rv_fake_answer answer; /* for GET and HTTP */
    char name[256], uid[64], version[24];
};

struct rv_fakehost {
    struct rv_fakehost_opts o;
    struct engine *engine;
    struct engine_time now;
    struct manifest *manifest;
    struct rv_selector *selectors[KINDS_MAX];
    struct rv_projection *fields[KINDS_MAX];
    struct rv_buf kinds, settings;
    struct pending_change *changes;
    struct request *requests;
    size_t change_n, request_n;
    uint64_t writes, instance;
    struct rv_buf explained;
    struct rv_buf *refusal, *warnings; /* of the question that is being asked */
};

/* ---- random numbers
 * -------------------------------------------------------------------------------------------------------- */

uint32_t rv_test_random_below(struct rv_test_random *d, uint32_t n) { /* splitmix64 */
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return n != 0 ? (uint32_t)((z ^ z >> 31) % n) : 0;
}

bool rv_test_random_chance(struct rv_test_random *d, uint32_t percent) {
    return rv_test_random_below(d, 100) < percent;
}

static void note(struct rv_fakehost *h, const char *fmt, ...) RV_PRINTF(2, 3);
static void note(struct rv_fakehost *h, const char *fmt, ...) {
    char line[2048];
    va_list ap;
    if (h->o.note == NULL) return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    h->o.note(h->o.arg, line);
}

/* ---- what the plugin is told ------------------------------------------------------------------------------------- */

static bool kind_is(const struct rv_fakehost *h, uint32_t kind, const struct rv_fake_object *o) {
    const struct manifest_kind *k = &h->manifest->kinds[kind];
    return rv_str_is(k->resource, o->resource) && rv_str_is(k->api_version, o->api_version);
}

static bool kind_has(const struct rv_fakehost *h, uint32_t kind, const struct rv_fake_object *o) {
    return kind_is(h, kind, o) && (h->selectors[kind] == NULL ||
                                   rv_selector_matches(h->selectors[kind], rv_val_path(o->value, "metadata.labels")));
}

static const struct rv_fake_object *of_kind(const struct rv_fakehost *h, uint32_t kind, const char *name) {
    const struct manifest_kind *k = &h->manifest->kinds[kind];
    const struct rv_fake_object *o = rv_fakeapi_find(h->o.api, k->api_version, k->resource, rv_str(name));
    return o != NULL && kind_has(h, kind, o) ? o : NULL;
}

static void on_changed(void *arg, const struct rv_fake_object *o, bool deleted) {
    struct rv_fakehost *h = arg;
    for (uint32_t kind = 0; kind < h->manifest->kind_n; kind++) {
        bool in = kind_has(h, kind, o);
        if (!in && !kind_is(h, kind, o)) continue;
        struct pending_change *n = h->changes;
        while (n != NULL && !(n->kind == kind && strcmp(n->name, o->name) == 0)) n = n->next;
        if (n == NULL) {
            n = rv_alloc(sizeof *n);
            *n = (struct pending_change){.next = h->changes, .kind = kind, .name = rv_strdup(rv_str(o->name))};
            h->changes = n;
            h->change_n++;
        }
        if (!deleted && in) continue;
        free(n->uid); /* deleted, or outside of what the plugin reads */
        n->uid = rv_strdup(rv_str(o->uid));
        n->version = o->version;
    }
}

static void hear(struct rv_fakehost *h, struct msg *m) {
    struct rv_error err = {0};
    if (engine_message(h->engine, h->now, m, &err) == 0) return;
    printf("the engine refuses %s: %s\n", msg_type_name(m->type), err.text);
    abort();
}

static void tell_object(struct rv_fakehost *h, uint32_t kind, const struct rv_fake_object *o) {
    rv_autobuf struct rv_buf json = {0}, value = {0};
    rv_json_write(o->value, &json);
    if (rv_json_to_mp(rv_buf_str(&json), h->fields[kind], &value, NULL) != 0) abort();
    struct msg m = {.type = MSG_OBJECT,
                    .object = {kind, RV_STR(RV_FAKE_NAMESPACE), rv_str(o->name), rv_str(o->uid),
                               rv_path_str(o->value, "metadata.resourceVersion"), o->version},
                    .payload = rv_buf_bytes(&value)};
    hear(h, &m);
}

static void change_free(struct rv_fakehost *h, struct pending_change **at) {
    struct pending_change *n = *at;
    *at = n->next;
    h->change_n--;
    free(n->name);
    free(n->uid);
    free(n);
}

static void tell(struct rv_fakehost *h, struct pending_change **at) {
    const struct pending_change *n = *at;
    const struct rv_fake_object *o = of_kind(h, n->kind, n->name);
    if (o != NULL) {
        tell_object(h, n->kind, o);
    } else if (n->uid != NULL) {
        struct msg m = {
            .type = MSG_DELETED,
            .object = {n->kind, RV_STR(RV_FAKE_NAMESPACE), rv_str(n->name), rv_str(n->uid), RV_STR(""), n->version}};
        hear(h, &m);
    }
    change_free(h, at);
}

bool rv_fakehost_deliver(struct rv_fakehost *h) {
    struct pending_change **at = &h->changes;
    if (*at == NULL) return false;
    for (uint32_t i = rv_test_random_below(h->o.random, (uint32_t)h->change_n); i > 0; i--) at = &(*at)->next;
    tell(h, at);
    return true;
}

void rv_fakehost_repeat(struct rv_fakehost *h) {
    uint32_t n = 0;
    for (const struct rv_fake_object *o = h->o.api->objects; o != NULL; o = o->next) n++;
    const struct rv_fake_object *o = h->o.api->objects;
    for (uint32_t i = rv_test_random_below(h->o.random, n); o != NULL && i > 0; i--) o = o->next;
    for (uint32_t kind = 0; o != NULL && kind < h->manifest->kind_n; kind++)
        if (kind_has(h, kind, o)) tell_object(h, kind, o);
}

void rv_fakehost_resync(struct rv_fakehost *h) {
    struct msg m = {.type = MSG_SNAP_BEGIN, .snap = {h->o.api->version}};
    note(h, "  snapshot");
    hear(h, &m);
    while (h->changes != NULL) change_free(h, &h->changes);
    for (const struct rv_fake_object *o = h->o.api->objects; o != NULL; o = o->next)
        for (uint32_t kind = 0; kind < h->manifest->kind_n; kind++)
            if (kind_has(h, kind, o)) tell_object(h, kind, o);
    m.type = MSG_SNAP_END;
    hear(h, &m);
}

static void add_projected(const struct rv_fakehost *h, struct rv_val object, struct rv_buf *out) {
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(object, &json);
    if (rv_json_to_mp(rv_buf_str(&json), h->fields[0], out, NULL) != 0) abort();
}

bool rv_fakehost_validate(struct rv_fakehost *h, struct rv_val object, struct rv_val before, struct rv_buf *refusal,
                          struct rv_buf *warnings) {
    rv_autobuf struct rv_buf pair = {0};
    size_t n = refusal->n;
    rv_mp_array(&pair, rv_val_present(before) ? 2 : 1);
    add_projected(h, object, &pair);
    if (rv_val_present(before)) add_projected(h, before, &pair);
    struct msg m = {.type = MSG_VALIDATE,
                    .validate = {.ns = RV_STR(RV_FAKE_NAMESPACE), .name = rv_path_str(object, "metadata.name")},
                    .payload = rv_buf_bytes(&pair)};
    h->refusal = refusal;
    h->warnings = warnings;
    hear(h, &m);
    h->refusal = h->warnings = NULL;
    return refusal->n == n;
}

/* ---- what the plugin asks for ------------------------------------------------------------------------------------ */

static void on_send(void *arg, struct msg *m) {
    struct rv_fakehost *h = arg;
    if (m->type == MSG_FAILED) {
        printf("the plugin does not start: " RV_STR_FMT "\n", RV_STR_ARG(m->text.text));
        abort();
    }
    if (m->type == MSG_EXPLANATION) {
        rv_buf_clear(&h->explained);
        rv_buf_add_str(&h->explained, m->explain.lines);
    }
    if (m->type == MSG_METRIC && h->o.metric != NULL)
        h->o.metric(h->o.arg, m->metric.name, m->metric.type, m->metric.value, m->metric.labels);
    if (m->type == MSG_VERDICT && h->refusal != NULL) {
        rv_buf_add_str(h->refusal, m->verdict.message);
        rv_buf_add_str(h->warnings, m->verdict.warnings);
    }
    if (m->type != MSG_ACTION) return;
    struct request *r = rv_alloc(sizeof *r), **last = &h->requests;
    m->seq = 1;
    msg_encode(m, &r->header, &r->body);
    rv_buf_add(&r->payload, m->payload.p, m->payload.n);
    if (msg_decode(rv_buf_bytes(&r->header), rv_buf_bytes(&r->body), rv_buf_bytes(&r->payload), true, &r->m, NULL) != 0)
        abort();
    r->m.action.a.body = rv_buf_bytes(&r->payload);
    while (*last != NULL) last = &(*last)->next;
    *last = r;
    h->request_n++;
    uint32_t verb = r->m.action.a.verb;
    bool read = verb == RV_VERB_HTTP && rv_str_is(r->m.action.http.method, "GET");
    if (verb != RV_VERB_GET && verb != RV_VERB_TIMER && !read) h->writes++;
}

static void request_free(struct rv_fakehost *h, struct request **at) {
    struct request *r = *at;
    *at = r->next;
    h->request_n--;
    rv_buf_free(&r->header);
    rv_buf_free(&r->body);
    rv_buf_free(&r->payload);
    rv_buf_free(&r->answer.body);
    free(r);
}

static struct rv_val payload(const struct rv_action *a) { return (struct rv_val){a->body.p, a->body.n}; }

static void remember(struct request *r, const struct rv_fake_object *o) {
    snprintf(r->name, sizeof r->name, "%s", o->name);
    snprintf(r->uid, sizeof r->uid, "%s", o->uid);
    snprintf(r->version, sizeof r->version, "%llu", (unsigned long long)o->version);
}

/* As in the supervisor, a create that finds its own object has succeeded. */
static int create(struct rv_fakehost *h, struct request *r) {
    const struct rv_action *a = &r->m.action.a;
    struct rv_fake_object *o;
    int code = rv_fakeapi_create(h->o.api, a->api_version, a->resource, payload(a), &o);
    struct rv_str owner = rv_meta_controller_uid(payload(a));
    if (code == RV_E_EXISTS && owner.n != 0 && rv_str_eq(owner, rv_meta_controller_uid(o->value))) code = 0;
    if (code == 0) remember(r, o);
    return code;
}

/* The answer has the object's version at that time. */
static int patch(struct rv_fakehost *h, struct request *r, struct rv_fake_object *o) {
    const struct rv_action *a = &r->m.action.a;
    char name[sizeof r->name];
    snprintf(name, sizeof name, "%s", o->name);
    int code = a->verb == RV_VERB_JSON_PATCH
                   ? rv_fakeapi_json_patch(h->o.api, o, a->pre_uid, payload(a))
                   : rv_fakeapi_patch(h->o.api, o, rv_str_is(a->subresource, "status"), a->pre_uid, payload(a));
    /* Unless it went. */
    struct rv_fake_object *now = rv_fakeapi_find(h->o.api, a->api_version, a->resource, rv_str(name));
    if (code == 0 && now != NULL) remember(r, now);
    return code;
}

/* Server-side apply for one owner of fields: afterwards the object has the applied values. */
static int apply(struct rv_fakehost *h, struct request *r, struct rv_fake_object *o) {
    return o == NULL ? create(h, r) : patch(h, r, o);
}

static int delete_collection(struct rv_fakehost *h, const struct rv_action *a) {
    struct rv_selector *s = rv_selector_parse(a->selector, NULL);
    if (s == NULL) return RV_E_INVALID;
    for (struct rv_fake_object *o = h->o.api->objects, *next; o != NULL; o = next) {
        next = o->next;
        if (rv_str_is(a->api_version, o->api_version) && rv_str_is(a->resource, o->resource) &&
            rv_selector_matches(s, rv_val_path(o->value, "metadata.labels")))
            (void)rv_fakeapi_delete(h->o.api, o, (struct rv_str){NULL, 0});
    }
    rv_selector_free(s);
    return 0;
}

static int carry_out(struct rv_fakehost *h, struct request *r) {
    const struct rv_action *a = &r->m.action.a;
    struct rv_fake_object *o = rv_fakeapi_find(h->o.api, a->api_version, a->resource, a->name);
    if (a->verb == RV_VERB_CREATE) return create(h, r);
    if (a->verb == RV_VERB_EVENT || a->verb == RV_VERB_TIMER) return 0;
    if (a->verb == RV_VERB_HTTP && h->o.http != NULL) {
        h->o.http(h->o.arg, &r->m.action.http, &r->answer);
        return r->answer.code;
    }
    if (a->verb == RV_VERB_APPLY) return apply(h, r, o);
    if (a->verb == RV_VERB_DELETE_COLLECTION) return delete_collection(h, a);
    if (o == NULL) return RV_E_NOT_FOUND;
    remember(r, o);
    if (a->pre_version.n != 0 && !rv_str_is(a->pre_version, r->version)) return RV_E_CONFLICT;
    if (a->verb == RV_VERB_GET) {
        rv_mp_val(&r->answer.body, o->value);
        return 0;
    }
    if (a->verb == RV_VERB_JSON_PATCH || a->verb == RV_VERB_MERGE_PATCH) return patch(h, r, o);
    if (a->verb == RV_VERB_DELETE) return rv_fakeapi_delete(h->o.api, o, a->pre_uid);
    printf("the plugin asks for verb %u, which the fake does not know\n", a->verb);
    abort();
}

/* How a request may fail: whether it is carried out, and which code the plugin gets. The lossy ones are last. */
static const struct {
    bool done;
    int code;
} failures[] = {{false, RV_E_UNAVAILABLE}, {false, RV_E_TIMEOUT},   {false, RV_E_THROTTLED},
                {false, RV_E_CONFLICT},    {false, RV_E_FORBIDDEN}, {false, RV_E_UNKNOWN},
                {true, RV_E_UNAVAILABLE},  {true, RV_E_TIMEOUT},    {true, RV_E_UNKNOWN}};
enum { LOSSY = 3 };

static int ignored(struct rv_fakehost *h, struct request *r) {
    const struct rv_action *a = &r->m.action.a;
    const struct rv_fake_object *o = rv_fakeapi_find(h->o.api, a->api_version, a->resource, a->name);
    if (o != NULL) remember(r, o);
    return 0;
}

static void execute(struct rv_fakehost *h, struct request *r, uint32_t failure_percent) {
    const struct rv_action *a = &r->m.action.a;
    size_t which = rv_test_random_below(h->o.random, RV_ARRAY_LEN(failures) - (h->o.lossy ? 0 : LOSSY));
    bool fails = rv_test_random_chance(h->o.random, failure_percent) && a->verb != RV_VERB_EVENT;
    int refused = h->o.refuse != NULL ? h->o.refuse(h->o.arg, a, &r->message) : 0;
    r->code = fails && !failures[which].done ? failures[which].code : refused != 0 ? refused : carry_out(h, r);
    if (r->code == RV_FAKE_IGNORED) r->code = ignored(h, r);
    if (fails && r->code == 0) r->code = failures[which].code;
    r->done = true;
    if (a->verb == RV_VERB_EVENT)
        note(h, "  event " RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(r->m.action.event.reason),
             RV_STR_ARG(r->m.action.event.note));
    else if (a->verb == RV_VERB_HTTP)
        note(h, "  " RV_STR_FMT " " RV_STR_FMT ": %s %u", RV_STR_ARG(r->m.action.http.method),
             RV_STR_ARG(r->m.action.http.url), r->code != 0 ? rv_error_name(r->code) : "HTTP", r->answer.status);
    else
        note(h, "  verb %u " RV_STR_FMT "/" RV_STR_FMT " " RV_STR_FMT ": %s%s", a->verb, RV_STR_ARG(a->resource),
             RV_STR_ARG(a->subresource), RV_STR_ARG(a->name), r->code != 0 ? rv_error_name(r->code) : "done",
             fails && failures[which].done ? " (but done)" : "");
}

/* Read your writes: the change of an answered write is delivered before its result. */
static void answer(struct rv_fakehost *h, struct request **at) {
    struct request *r = *at;
    const struct rv_action *a = &r->m.action.a;
    for (struct pending_change **n = &h->changes; r->code == 0 && a->verb != RV_VERB_EVENT && *n != NULL;) {
        const struct manifest_kind *k = &h->manifest->kinds[(*n)->kind];
        bool its = rv_str_eq(k->resource, a->resource) && rv_str_eq(k->api_version, a->api_version) &&
                   (strcmp((*n)->name, r->name) == 0 || rv_str_is(a->name, (*n)->name));
        if (its)
            tell(h, n);
        else
            n = &(*n)->next;
    }
    struct msg m = {.type = MSG_RESULT,
                    .result.id = r->m.action.id,
                    .result.r = {.size = sizeof m.result.r,
                                 .code = r->code,
                                 .name = r->name[0] != 0 ? rv_str(r->name) : a->name,
                                 .uid = rv_str(r->uid),
                                 .resource_version = rv_str(r->version),
                                 .message = r->code == 0                ? RV_STR("")
                                            : r->message.n != 0         ? r->message
                                            : r->answer.message != NULL ? rv_str(r->answer.message)
                                                                        : RV_STR("made up by the test"),
                                 .http_status = r->code == 0 ? r->answer.status : 0}};
    if (r->code == 0 && r->answer.body.n != 0) {
        m.payload = m.result.r.body = rv_buf_bytes(&r->answer.body);
        m.result.r.json = a->verb == RV_VERB_GET || r->answer.json;
    }
    hear(h, &m);
    request_free(h, at);
}

bool rv_fakehost_serve(struct rv_fakehost *h, uint32_t failure_percent) {
    struct request **at = &h->requests;
    if (*at == NULL) return false;
    for (uint32_t i = rv_test_random_below(h->o.random, (uint32_t)h->request_n); i > 0; i--) at = &(*at)->next;
    if (!(*at)->done) execute(h, *at, failure_percent);
    if (failure_percent == 0 || rv_test_random_chance(h->o.random, 70))
        answer(h, at); /* otherwise the answer is late */
    return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void start(struct rv_fakehost *h) {
    uint8_t seed[32];
    for (size_t i = 0; i < sizeof seed; i++) seed[i] = (uint8_t)rv_test_random_below(h->o.random, 256);
    h->engine = engine_new(&(struct engine_opts){.plugin = h->o.plugin, .send = on_send, .arg = h});
    engine_start(h->engine, h->now, (struct rv_bytes){seed, sizeof seed}, 1);
    struct msg m = {.type = MSG_WELCOME,
                    .welcome = {.epoch = 1,
                                .instance = ++h->instance,
                                .credit_messages = 1 << 20,
                                .credit_bytes = 1 << 30,
                                .heartbeat_ms = 1000,
                                .seed = {seed, sizeof seed},
                                .kinds = {h->kinds.p, h->kinds.n},
                                .settings = {h->settings.p, h->settings.n},
                                .max_in_flight = 16,
                                .max_http = 16}};
    hear(h, &m);
    rv_fakehost_resync(h);
}

void rv_fakehost_run(struct rv_fakehost *h) {
    for (int i = 0; engine_deadline(h->engine) <= h->now.mono; i++) {
        engine_tick(h->engine, h->now);
        if (i < RUN_MAX) continue;
        printf("the plugin does not come to rest\n");
        abort();
    }
}

bool rv_fakehost_round(struct rv_fakehost *h) {
    bool did = false;
    while (rv_fakehost_deliver(h)) did = true;
    rv_fakehost_run(h);
    while (rv_fakehost_serve(h, 0)) did = true;
    rv_fakehost_run(h);
    return did;
}

void rv_fakehost_run_until_idle(struct rv_fakehost *h) {
    for (int i = 0; i < SETTLE_MAX; i++) {
        bool did = rv_fakehost_round(h);
        if (!did && rv_fakehost_idle_ms(h) != 0) return;
    }
    printf("the plugin does not come to rest\n");
    abort();
}

void rv_fakehost_advance(struct rv_fakehost *h, int64_t ms) {
    h->now.mono += ms * MS;
    h->now.wall += ms * MS;
    h->o.api->now = h->now.wall;
}

/* Drains the plugin, so that it frees its memory. It decides nothing any more. */
static void stop(struct rv_fakehost *h) {
    if (h->engine == NULL) return;
    hear(h, &(struct msg){.type = MSG_DRAIN});
    while (h->requests != NULL) {
        struct rv_result r = {.size = sizeof r, .code = RV_E_SHUTDOWN};
        hear(h, &(struct msg){.type = MSG_RESULT, .result = {h->requests->m.action.id, r}});
        request_free(h, &h->requests);
    }
    h->engine = engine_free(h->engine);
}

void rv_fakehost_restart(struct rv_fakehost *h) {
    note(h, "  the host dies");
    for (struct request *r = h->requests; r != NULL; r = r->next)
        if (!r->done && rv_test_random_chance(h->o.random, 50)) execute(h, r, 0);
    stop(h);
    start(h);
}

int64_t rv_fakehost_idle_ms(const struct rv_fakehost *h) {
    int64_t due = engine_deadline(h->engine);
    if (due == INT64_MAX) return -1;
    return due <= h->now.mono ? 0 : (due - h->now.mono) / MS + 1;
}

const char *rv_fakehost_explained(struct rv_fakehost *h, const char *name) {
    struct msg m = {.type = MSG_EXPLAIN, .explain = {.corr = 1, .key = {RV_STR(RV_FAKE_NAMESPACE), rv_str(name)}}};
    hear(h, &m);
    return rv_buf_cstr(&h->explained);
}

size_t rv_fakehost_waiting(const struct rv_fakehost *h) { return h->change_n + h->request_n; }
uint64_t rv_fakehost_writes(const struct rv_fakehost *h) { return h->writes; }

static void encode_kinds(struct rv_fakehost *h) {
    static const uint32_t map_flags[] = {MSG_KIND_MAP_OWNER, MSG_KIND_MAP_LABEL, MSG_KIND_MAP_PLUGIN};
    rv_mp_array(&h->kinds, h->manifest->kind_n);
    for (size_t i = 0; i < h->manifest->kind_n; i++) {
        const struct manifest_kind *k = &h->manifest->kinds[i];
        const struct rv_str texts[] = {k->api_version, k->resource, k->kind, k->index_label, k->name};
        static const char *const keys[] = {"a", "r", "k", "l", "n"};
        rv_mp_map(&h->kinds, 6);
        for (size_t t = 0; t < RV_ARRAY_LEN(texts); t++) {
            rv_mp_cstr(&h->kinds, keys[t]);
            rv_mp_str(&h->kinds, texts[t]);
        }
        rv_mp_cstr(&h->kinds, "f");
        rv_mp_uint(&h->kinds, i == 0 ? (uint32_t)MSG_KIND_PRIMARY : map_flags[k->map]);
    }
}

/* As in the supervisor: the fields that the manifest reads, and the metadata that every object has. */
static struct rv_projection *projection(const struct manifest_kind *k) {
    static const char *const always[] = {"apiVersion",          "kind",
                                         "metadata.name",       "metadata.namespace",
                                         "metadata.uid",        "metadata.resourceVersion",
                                         "metadata.labels",     "metadata.ownerReferences",
                                         "metadata.generation", "metadata.deletionTimestamp"};
    if (k->fields.n == 0) return NULL;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    size_t n = 0;
    const char **paths = rv_arena_alloc(a, (k->fields.n + RV_ARRAY_LEN(always)) * sizeof *paths);
    for (size_t i = 0; i < RV_ARRAY_LEN(always); i++) paths[n++] = always[i];
    for (size_t i = 0; i < k->fields.n; i++) paths[n++] = rv_arena_str(a, k->fields.list[i]).p;
    return rv_projection_new(paths, n, NULL);
}

static bool read_settings(struct rv_fakehost *h, struct rv_error *err) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf defaults = {0}, ours = {0};
    const struct schema_reader reader = {&h->manifest->doc, err};
    if (manifest_settings(h->manifest, &reader, NULL, &defaults) != 0) return false;
    if (rv_json_to_mp(rv_str(h->o.settings != NULL ? h->o.settings : "{}"), NULL, &ours, err) != 0) return false;
    struct rv_node *n = rv_node_from(a, (struct rv_val){defaults.p, defaults.n});
    for (struct rv_iter it = rv_iter((struct rv_val){ours.p, ours.n}); rv_iter_next(&it);)
        rv_node_setn(a, n, it.key, rv_node_from(a, it.val));
    rv_node_encode(n, &h->settings);
    return true;
}

struct rv_fakehost *rv_fakehost_new(const struct rv_fakehost_opts *o) {
    struct rv_error err = {0};
    struct rv_fakehost *h = rv_alloc(sizeof *h);
    h->o = *o;
    h->now = (struct engine_time){INT64_C(1000000000), o->api->now};
    h->manifest = manifest_load(o->manifest, &err);
    if (h->manifest == NULL || h->manifest->kind_n > KINDS_MAX || !read_settings(h, &err)) {
        printf("%s\n", err.text);
        return rv_fakehost_free(h);
    }
    for (size_t i = 0; i < h->manifest->kind_n; i++) {
        const struct manifest_kind *k = &h->manifest->kinds[i];
        if (k->selector.n != 0) h->selectors[i] = rv_selector_parse(k->selector, NULL);
        h->fields[i] = projection(k);
    }
    encode_kinds(h);
    o->api->changed = on_changed;
    o->api->arg = h;
    start(h);
    return h;
}

struct rv_fakehost *rv_fakehost_free(struct rv_fakehost *h) {
    if (h == NULL) return NULL;
    h->o.api->changed = NULL;
    stop(h);
    while (h->changes != NULL) change_free(h, &h->changes);
    while (h->requests != NULL) request_free(h, &h->requests);
    for (size_t i = 0; i < KINDS_MAX; i++) {
        rv_selector_free(h->selectors[i]);
        rv_projection_free(h->fields[i]);
    }
    manifest_free(h->manifest);
    rv_buf_free(&h->kinds);
    rv_buf_free(&h->explained);
    rv_buf_free(&h->settings);
    free(h);
    return NULL;
}
