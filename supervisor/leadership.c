/* leadership.c - see leadership.h. */
#include "leadership.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "failure_log.h"
#include "supervisor/kube/lease.h"
#include "supervisor/kube/other_operator.h"

enum { LOOK_MS = 5000, LOOK_AGAIN_MS = 1000 };

/* It has a client of its own, so that a renewal never waits behind other requests. */
struct leadership {
    struct kube_client *client;
    struct lease *lease;          /* NULL: no election */
    struct other_operator *other; /* NULL: it is not looked for */
    bool yields;                  /* to another operator */
    char *identity, *ns, *name, *other_lease;
    bool elected, acts; /* acts: elected, and no other operator is in the way */
    bool failing;       /* the last answer was of no use */
    bool cannot_look;   /* whether there is another operator */
    struct failure_log *failures, *lookup_failures;
    char why[256]; /* the reason */
    struct leadership_callbacks on;
};

static bool is_held_back(const struct leadership *l) {
    return l->other != NULL && l->yields && other_operator_state(l->other) != OTHER_OPERATOR_NONE;
}

/* Begins to act, or ends, where something has changed. */
static void update_role(struct leadership *l) {
    bool acts = l->elected && !is_held_back(l);
    if (acts == l->acts) return;
    l->acts = acts;
    if (acts)
        l->on.begin(l->on.arg);
    else
        l->on.pause(l->on.arg);
}

static void on_change(void *arg, enum lease_change c) {
    struct leadership *l = arg;
    switch (c) {
    case LEASE_WON:
        l->elected = true;
        log_info("this instance leads", "lease", l->name, "namespace", l->ns, "identity", l->identity);
        update_role(l);
        break;
    case LEASE_FOLLOWED:
        log_info("this instance stands by", "leader", lease_holder(l->lease), "lease", l->name, "namespace", l->ns);
        break;
    case LEASE_LOST:
        l->elected = l->acts = false;
        log_error("the lease is lost: this process ends at once, so that two never act", "lease", l->name, "holder",
                  lease_holder(l->lease));
        l->on.lost(l->on.arg);
        break;
    }
}

static bool still_failing(void *arg) { return ((const struct leadership *)arg)->failing; }

static void on_lease_failure(void *arg, const char *verb, const struct kube_response *r) {
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
    failure_log_report(l->failures, rv_buf_str(&of), rv_buf_str(&why));
}

/* ---- another operator ----------------------------------------------------------------------------------- */

static bool is_beside_another(const struct leadership *l) {
    return l->other != NULL && other_operator_state(l->other) == OTHER_OPERATOR_ACTIVE;
}

static void on_other(void *arg) {
    struct leadership *l = arg;
    const char *holder = other_operator_holder(l->other), *ns = other_operator_namespace(l->other);
    if (is_beside_another(l)) {
        log_warn(l->yields ? "another operator works beside this one, which stands by: stop one of the two, or set "
                             "otherOperator.action"
                           : "another operator works beside this one, and both act (otherOperator.action: warn)",
                 "holder", holder, "lease", l->other_lease, "namespace", ns);
        update_role(l);
        l->on.other(l->on.arg, true);
    } else if (holder[0] != 0) {
        log_info("the other operator renews its lease no longer", "holder", holder, "lease", l->other_lease,
                 "namespace", ns);
        update_role(l);
        l->on.other(l->on.arg, false);
    } else {
        update_role(l);
    }
}

static bool still_cannot_look(void *arg) { return ((const struct leadership *)arg)->cannot_look; }

static void on_lookup_failure(void *arg, const struct kube_response *r) {
    struct leadership *l = arg;
    /* Only a missing right is told here. While the API server cannot be reached, the watches tell it. */
    l->cannot_look = r != NULL && (r->http_status == 401 || r->http_status == 403);
    if (!l->cannot_look) return;
    rv_autobuf struct rv_buf of = {0}, why = {0};
    rv_buf_addf(&of, "list leases %s", l->other_lease);
    rv_buf_addf(&why, "HTTP %u " RV_STR_FMT, r->http_status, RV_STR_ARG(r->message));
    failure_log_report(l->lookup_failures, rv_buf_str(&of), rv_buf_str(&why));
}

static void look_for_others(struct supervisor *s, struct leadership *l) {
    const struct config_other *c = &s->config->other;
    if (c->action == OTHER_IGNORE) return;
    rv_autofree struct rv_str *where = NULL;
    struct rv_str own = rv_str(kube_config_namespace(s->kube_config));
    size_t n = config_other_namespaces(s->config, own, &where);
    l->yields = c->action == OTHER_STAND_BY;
    l->lookup_failures = failure_log_new(&(struct failure_log_opts){
        .loop = s->loop,
        .begins = "whether another operator works beside this one cannot be seen: grant list on leases (rayvisord "
                  "--print-rbac shows the role)",
        .lasts = "whether another operator works beside this one still cannot be seen",
        .over = "whether another operator works beside this one can be seen again",
        .persists = still_cannot_look,
        .arg = l});
    l->other = other_operator_start(s->loop, l->client,
                                    &(struct other_operator_opts){.lease = l->other_lease,
                                                                  .home = own,
                                                                  .own_ns = rv_str(l->ns),
                                                                  .own_lease = rv_str(l->name),
                                                                  .namespaces = where,
                                                                  .n = n,
                                                                  .pause_ms = LOOK_MS,
                                                                  .active_pause_ms = LOOK_AGAIN_MS,
                                                                  .on_change = on_other,
                                                                  .on_failure = on_lookup_failure,
                                                                  .arg = l});
}

/* ---- what others ask ------------------------------------------------------------------------------------ */

static const char *say_why_held_back(const struct leadership *l, struct rv_buf *scratch) {
    rv_buf_clear(scratch);
    if (!is_beside_another(l))
        rv_buf_addf(scratch, "looks whether another operator works beside it (Lease %s)", l->other_lease);
    else
        rv_buf_addf(scratch, "another operator, %s, works beside it and renews Lease %s/%s",
                    other_operator_holder(l->other), other_operator_namespace(l->other), l->other_lease);
    return rv_buf_cstr(scratch);
}

const char *leadership_held_back(const struct supervisor *s, struct rv_buf *scratch) {
    return s->leadership != NULL && is_held_back(s->leadership) ? say_why_held_back(s->leadership, scratch) : NULL;
}

bool leadership_beside_another(const struct supervisor *s) {
    return s->leadership != NULL && is_beside_another(s->leadership);
}

void leadership_about_other(const struct supervisor *s, struct rv_event *e, struct rv_buf *note) {
    const struct leadership *l = s->leadership;
    bool active = is_beside_another(l);
    rv_buf_clear(note);
    rv_buf_addf(note,
                active ? "Another operator, %s, renews this Lease: Rayvisor %s" : "%s renews this Lease no longer%s",
                other_operator_holder(l->other),
                !active     ? ": Rayvisor goes on"
                : l->yields ? "stands by, so that two never act. Stop one of the two, or set otherOperator.action"
                            : "acts all the same (otherOperator.action: warn)");
    *e = (struct rv_event){.size = sizeof *e,
                           .warning = active,
                           .reason = active ? RV_STR("AnotherOperator") : RV_STR("OtherOperatorGone"),
                           .action = l->yields ? RV_STR("StandBy") : RV_STR("Warn"),
                           .note = rv_buf_str(note),
                           .api_version = RV_STR("coordination.k8s.io/v1"),
                           .kind = RV_STR("Lease"),
                           .ns = rv_str(other_operator_namespace(l->other)),
                           .name = rv_str(l->other_lease),
                           .controller = RV_STR("rayvisor")};
}

const char *leadership_not_ready(const struct supervisor *s, struct rv_buf *scratch) {
    const struct leadership *l = s->leadership;
    if (l == NULL) return NULL;
    if (is_held_back(l) && !is_beside_another(l)) return say_why_held_back(l, scratch);
    if (l->lease == NULL || lease_had_holder(l->lease)) return NULL;
    rv_buf_clear(scratch);
    rv_buf_addf(scratch, "leader election: no instance is known to lead (lease %s/%s)%s%s", l->ns, l->name,
                l->failing ? ": " : "", l->failing ? l->why : "");
    return rv_buf_cstr(scratch);
}

static char *make_identity(uint64_t epoch) {
    char host[256] = "rayvisord";
    rv_autobuf struct rv_buf b = {0};
    (void)gethostname(host, sizeof host - 1);
    rv_buf_addf(&b, "%s_%016" PRIx64, host, epoch);
    return rv_strdup(rv_buf_str(&b));
}

static void stand_for_election(struct supervisor *s, struct leadership *l) {
    const struct config_lead *c = &s->config->lead;
    l->failures = failure_log_new(&(struct failure_log_opts){
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
                                                .on_failure = on_lease_failure,
                                                .arg = l});
}

int leadership_start(struct supervisor *s, const struct leadership_callbacks *on, struct rv_error *err) {
    const struct config_lead *c = &s->config->lead;
    if (s->config->mode == MODE_TWIN)
        return 0; /* it never acts, so it needs no Lease, and another operator is welcome */
    if (!c->enabled && s->config->other.action == OTHER_IGNORE) return 0;
    struct leadership *l = rv_alloc(sizeof *l);
    s->leadership = l;
    l->on = *on;
    l->elected = !c->enabled;
    l->identity = make_identity(s->epoch);
    l->ns = rv_strdup(c->ns.n != 0 ? c->ns : rv_str(kube_config_namespace(s->kube_config)));
    l->name = rv_strdup(c->enabled ? c->name : RV_STR(""));
    l->other_lease = rv_strdup(s->config->other.lease);
    l->client = kube_client_new(s->loop, s->kube_config,
                                &(struct kube_client_opts){.max_connections = 2,
                                                           .user_agent = "rayvisor-lease/" RV_VERSION,
                                                           .credentials_of = s->client},
                                err);
    if (l->client == NULL) return err->code;
    if (c->enabled) stand_for_election(s, l);
    look_for_others(s, l);
    update_role(l);
    return 0;
}

void leadership_free(struct supervisor *s) {
    struct leadership *l = s->leadership;
    if (l == NULL) return;
    lease_free(l->lease);
    other_operator_free(l->other);
    failure_log_free(l->failures);
    failure_log_free(l->lookup_failures);
    kube_client_free(l->client);
    free(l->identity);
    free(l->ns);
    free(l->name);
    free(l->other_lease);
    free(l);
    s->leadership = NULL;
}

void leadership_release(struct supervisor *s, void (*done)(void *arg), void *arg) {
    if (s->leadership != NULL && s->leadership->lease != NULL)
        lease_release(s->leadership->lease, done, arg);
    else
        done(arg);
}

bool leadership_acts(const struct supervisor *s) {
    const struct leadership *l = s->leadership;
    return l == NULL || (l->acts && (l->lease == NULL || lease_holds(l->lease)));
}
bool leadership_stands_by(const struct supervisor *s) { return s->leadership != NULL && !s->leadership->acts; }

/* The identity of a holder is its host name, which is the name of its pod, and a number after the last '_'. */
const char *leadership_whom_to_ask(const struct supervisor *s, struct rv_buf *scratch) {
    const struct leadership *l = s->leadership;
    const char *holder = l != NULL && l->lease != NULL ? lease_holder(l->lease) : NULL;
    const char *number = holder != NULL ? strrchr(holder, '_') : NULL;
    if (l != NULL && l->elected && is_held_back(l)) {
        rv_autobuf struct rv_buf why = {0};
        rv_buf_addf(&why, "this operator stands by and decides nothing: %s", say_why_held_back(l, scratch));
        rv_buf_clear(scratch);
        rv_buf_add_str(scratch, rv_buf_str(&why));
        return rv_buf_cstr(scratch);
    }
    rv_buf_clear(scratch);
    if (number == NULL || number == holder)
        rv_buf_adds(scratch, "this replica stands by and decides nothing, and nobody leads yet");
    else
        rv_buf_addf(scratch, "this replica stands by and decides nothing: ask %.*s, which leads",
                    (int)(number - holder), holder);
    return rv_buf_cstr(scratch);
}

void leadership_write(const struct supervisor *s, const char *key, struct jsonw *w) {
    const struct leadership *l = s->leadership;
    jsonw_begin_object(w, key);
    jsonw_bool(w, "enabled", l != NULL && l->lease != NULL);
    jsonw_bool(w, "leader", !leadership_stands_by(s) && s->config->mode != MODE_TWIN);
    if (l != NULL && l->lease != NULL) {
        jsonw_text(w, "holder", lease_holder(l->lease));
        jsonw_text(w, "identity", l->identity);
    }
    if (l != NULL && l->other != NULL) {
        rv_autobuf struct rv_buf scratch = {0};
        const char *why = leadership_held_back(s, &scratch);
        jsonw_begin_object(w, "otherOperator");
        jsonw_bool(w, "active", is_beside_another(l));
        jsonw_text(w, "lease", l->other_lease);
        jsonw_text(w, "namespace", other_operator_namespace(l->other));
        jsonw_text(w, "holder", other_operator_holder(l->other));
        if (why != NULL) jsonw_text(w, "standsByBecause", why);
        jsonw_end_object(w);
    }
    jsonw_end_object(w);
}
