/* leadership.c - see leadership.h. */
#include "leadership.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/kube/lease.h"
#include "trouble.h"

/* A client of its own: renewing never waits behind the operator's own requests. */
struct leadership {
    struct kube_client *client;
    struct lease *lease;
    char *identity, *ns, *name;
    bool leader, failing; /* failing: the last answer was of no use */
    struct trouble *trouble;
    char why[256]; /* what it was */
    struct leadership_callbacks on;
};

static void on_change(void *arg, enum lease_change c) {
    struct leadership *l = arg;
    switch (c) {
    case LEASE_WON:
        l->leader = true;
        rv_info("this instance leads", "lease", l->name, "namespace", l->ns, "identity", l->identity);
        l->on.won(l->on.arg);
        break;
    case LEASE_FOLLOWED:
        rv_info("this instance stands by", "leader", lease_holder(l->lease), "lease", l->name, "namespace", l->ns);
        break;
    case LEASE_LOST:
        l->leader = false;
        rv_err("the lease is lost: this process ends at once, so that two never act", "lease", l->name, "holder",
               lease_holder(l->lease));
        l->on.lost(l->on.arg);
        break;
    }
}

static bool still_failing(void *arg) { return ((const struct leadership *)arg)->failing; }

static void on_trouble(void *arg, const char *verb, const struct kube_response *r) {
    struct leadership *l = arg;
    l->failing = r != NULL;
    if (r == NULL) return;
    rv_autobuf struct rv_buf of = {0}, why = {0};
    rv_buf_addf(&of, "%s leases %s/%s", verb, l->ns, l->name);
    if (r->http_status != 0) rv_buf_addf(&why, "HTTP %u ", r->http_status);
    if (r->code == 0)
        rv_buf_adds(&why, "the answer is no Lease");
    else
        rv_buf_add(&why, r->message.p, r->message.n);
    snprintf(l->why, sizeof l->why, "%s: %s", rv_buf_cstr(&of), rv_buf_cstr(&why));
    trouble_report(l->trouble, rv_buf_str(&of), rv_buf_str(&why));
}

const char *leadership_not_ready(const struct supervisor *s, struct rv_buf *room) {
    const struct leadership *l = s->leadership;
    if (l == NULL || lease_had_holder(l->lease)) return NULL;
    rv_buf_clear(room);
    rv_buf_addf(room, "leader election: no instance is known to lead (lease %s/%s)%s%s", l->ns, l->name,
                l->failing ? ": " : "", l->failing ? l->why : "");
    return rv_buf_cstr(room);
}

static char *make_identity(uint64_t epoch) {
    char host[256] = "rayvisord";
    rv_autobuf struct rv_buf b = {0};
    (void)gethostname(host, sizeof host - 1);
    rv_buf_addf(&b, "%s_%016" PRIx64, host, epoch);
    return rv_strdup(rv_buf_str(&b));
}

int leadership_start(struct supervisor *s, const struct leadership_callbacks *on, struct rv_error *err) {
    const struct config_lead *c = &s->config->lead;
    if (!c->enabled) return 0;
    struct leadership *l = rv_alloc(sizeof *l);
    s->leadership = l;
    l->on = *on;
    l->identity = make_identity(s->epoch);
    l->ns = rv_strdup(c->ns.n != 0 ? c->ns : rv_str(kube_config_namespace(s->kube_config)));
    l->name = rv_strdup(c->name);
    l->client = kube_client_new(s->loop, s->kube_config,
                                &(struct kube_client_opts){.max_connections = 1,
                                                           .user_agent = "rayvisor-lease/" RV_VERSION,
                                                           .credentials_of = s->client},
                                err);
    if (l->client == NULL) return err->code;
    l->trouble = trouble_new(&(struct trouble_opts){
        .loop = s->loop,
        .begins = "leader election: the lease cannot be read or written; without it nobody acts: grant get, create and "
                  "patch on leases (rayvisord --print-rbac shows the role)",
        .lasts = "leader election: the lease still cannot be read or written",
        .over = "leader election: the lease can be read and written again",
        .persists = still_failing,
        .arg = l});
    l->lease = lease_start(s->loop, l->client,
                           &(struct lease_opts){.ns = l->ns,
                                                .name = l->name,
                                                .identity = l->identity,
                                                .duration_ms = c->duration_s * 1000,
                                                .renew_ms = c->renew_s * 1000,
                                                .retry_ms = c->retry_s * 1000,
                                                .on_change = on_change,
                                                .on_trouble = on_trouble,
                                                .arg = l});
    return 0;
}

void leadership_free(struct supervisor *s) {
    struct leadership *l = s->leadership;
    if (l == NULL) return;
    lease_free(l->lease);
    trouble_free(l->trouble);
    kube_client_free(l->client);
    free(l->identity);
    free(l->ns);
    free(l->name);
    free(l);
    s->leadership = NULL;
}

void leadership_release(struct supervisor *s, void (*done)(void *arg), void *arg) {
    if (s->leadership != NULL)
        lease_release(s->leadership->lease, done, arg);
    else
        done(arg);
}

bool leadership_acts(const struct supervisor *s) { return s->leadership == NULL || lease_holds(s->leadership->lease); }
bool leadership_stands_by(const struct supervisor *s) { return s->leadership != NULL && !s->leadership->leader; }

/* A holder's identity is the name of its host, which is that of its pod, and a number behind the last '_'. */
const char *leadership_whom_to_ask(const struct supervisor *s, struct rv_buf *room) {
    const char *holder = s->leadership != NULL ? lease_holder(s->leadership->lease) : NULL;
    const char *number = holder != NULL ? strrchr(holder, '_') : NULL;
    rv_buf_clear(room);
    if (number == NULL || number == holder)
        rv_buf_adds(room, "this replica stands by and decides nothing, and nobody leads yet");
    else
        rv_buf_addf(room, "this replica stands by and decides nothing: ask %.*s, which leads", (int)(number - holder),
                    holder);
    return rv_buf_cstr(room);
}

void leadership_write(const struct supervisor *s, const char *key, struct jsonw *w) {
    const struct leadership *l = s->leadership;
    jsonw_begin_object(w, key);
    jsonw_bool(w, "enabled", l != NULL);
    jsonw_bool(w, "leader", !leadership_stands_by(s));
    if (l != NULL) {
        jsonw_text(w, "holder", lease_holder(l->lease));
        jsonw_text(w, "identity", l->identity);
    }
    jsonw_end_object(w);
}
