/* stats.c - counters by name. There are few names (verbs times resources, user agents), so lists are enough. */
#include "stats.h"
#include "rayvisor/json.h"

#include <stdlib.h>

enum { AGENTS_MAX = 64 };

struct counter {
    char *key;
    int64_t n;
};
struct counters {
    struct counter *v;
    size_t n;
};
struct agent {
    char *name;
    uint64_t requests, writes;
    struct counters by; /* "verb resource" */
};
struct sb_stats {
    struct counters requests, answers, open;
    struct agent agents[AGENTS_MAX];
    size_t n_agents;
    uint64_t total, writes, faults, watches, events, bytes_in, bytes_out;
};

static void count(struct counters *c, struct rv_str key, int64_t more) {
    size_t i = 0;
    while (i < c->n && !rv_str_is(key, c->v[i].key)) i++;
    if (i == c->n) {
        c->v = rv_realloc_array(c->v, c->n + 1, sizeof *c->v);
        c->v[c->n++] = (struct counter){rv_strdup(key), 0};
    }
    c->v[i].n += more;
}

static void forget(struct counters *c) {
    for (size_t i = 0; i < c->n; i++) free(c->v[i].key);
    free(c->v);
    *c = (struct counters){0};
}

struct sb_stats *sb_stats_new(void) {
    return rv_alloc(sizeof(struct sb_stats));
}

void sb_stats_reset(struct sb_stats *t) {
    forget(&t->requests);
    forget(&t->answers);
    for (size_t i = 0; i < t->n_agents; i++) {
        free(t->agents[i].name);
        forget(&t->agents[i].by);
    }
    *t = (struct sb_stats){.open = t->open};
}

struct sb_stats *sb_stats_free(struct sb_stats *t) {
    if (t == NULL) return NULL;
    sb_stats_reset(t);
    forget(&t->open);
    free(t);
    return NULL;
}

/* Finds the counter by the first word: "kubectl/v1.36.0 (linux/amd64) kubernetes/..." is kubectl/v1.36.0. The last slot
 * is for all others. */
static struct agent *agent_of(struct sb_stats *t, struct rv_str name) {
    const char *space = name.n != 0 ? memchr(name.p, ' ', name.n) : NULL;
    if (space != NULL) name.n = (size_t)(space - name.p);
    if (name.n == 0) name = RV_STR("none");
    for (size_t i = 0; i < t->n_agents; i++)
        if (rv_str_is(name, t->agents[i].name)) return &t->agents[i];
    if (t->n_agents == AGENTS_MAX) return &t->agents[AGENTS_MAX - 1];
    if (t->n_agents == AGENTS_MAX - 1) name = RV_STR("other");
    t->agents[t->n_agents].name = rv_strdup(name);
    return &t->agents[t->n_agents++];
}

static bool writes(struct rv_str verb) {
    static const char *const verbs[] = {"create", "update", "patch", "delete", "deletecollection"};
    for (size_t i = 0; i < RV_ARRAY_LEN(verbs); i++)
        if (rv_str_is(verb, verbs[i])) return true;
    return false;
}

void sb_stats_request(struct sb_stats *t, const struct sb_fault_call *c, size_t bytes_in) {
    rv_autobuf struct rv_buf key = {0};
    rv_buf_addf(&key, RV_STR_FMT " " RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(c->verb),
                RV_STR_ARG(c->resource.n != 0 ? c->resource : RV_STR("-")), c->subresource.n != 0 ? "/" : "",
                RV_STR_ARG(c->subresource));
    struct agent *a = agent_of(t, c->user_agent);
    bool write = writes(c->verb) && c->resource.n != 0;
    count(&t->requests, rv_buf_str(&key), 1);
    count(&a->by, rv_buf_str(&key), 1);
    a->requests++;
    a->writes += write;
    t->total++;
    t->writes += write;
    t->bytes_in += bytes_in;
}

void sb_stats_answer(struct sb_stats *t, int http, size_t bytes_out) {
    rv_autobuf struct rv_buf key = {0};
    rv_buf_addf(&key, "%d", http);
    count(&t->answers, rv_buf_str(&key), 1);
    t->bytes_out += bytes_out;
}

void sb_stats_fault(struct sb_stats *t) { t->faults++; }
void sb_stats_events(struct sb_stats *t, uint64_t events) { t->events += events; }
void sb_stats_bytes_out(struct sb_stats *t, size_t n) { t->bytes_out += n; }

void sb_stats_watch(struct sb_stats *t, const char *resource, int change) {
    count(&t->open, rv_str(resource), change);
    t->watches += change > 0;
}

static void write_counters(const char *name, const struct counters *c, struct jsonw *w) {
    jsonw_begin_object(w, name);
    for (size_t i = 0; i < c->n; i++) jsonw_int(w, c->v[i].key, c->v[i].n);
    jsonw_end_object(w);
}

void sb_stats_write(const struct sb_stats *t, struct jsonw *w) {
    write_counters("requests", &t->requests, w);
    write_counters("answers", &t->answers, w);
    jsonw_begin_object(w, "userAgents");
    for (size_t i = 0; i < t->n_agents; i++) {
        const struct agent *a = &t->agents[i];
        jsonw_begin_object(w, a->name);
        jsonw_uint(w, "total", a->requests);
        jsonw_uint(w, "writes", a->writes);
        write_counters("requests", &a->by, w);
        jsonw_end_object(w);
    }
    jsonw_end_object(w);
    int64_t open = 0;
    for (size_t i = 0; i < t->open.n; i++) open += t->open.v[i].n;
    jsonw_begin_object(w, "watches");
    jsonw_int(w, "open", open);
    jsonw_uint(w, "opened", t->watches);
    jsonw_uint(w, "events", t->events);
    write_counters("byResource", &t->open, w);
    jsonw_end_object(w);
    jsonw_uint(w, "total", t->total);
    jsonw_uint(w, "writes", t->writes);
    jsonw_uint(w, "faults", t->faults);
    jsonw_begin_object(w, "bytes");
    jsonw_uint(w, "in", t->bytes_in);
    jsonw_uint(w, "out", t->bytes_out);
    jsonw_end_object(w);
}
