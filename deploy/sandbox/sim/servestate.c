/* servestate.c - the states of replicas, and the statuses that follow from them. */
#include "rayrules.h"
#include "serve.h"

#include <stdlib.h>

enum { GRACE_MS = 20000, RETRY_MS = 500, TRIES = 3, ROLLOUT_SHARE = 5, PASSES = 16 };
static const int64_t FOREVER = INT64_MAX;

static void sooner(int64_t *due, int64_t at) {
    if (at < *due) *due = at;
}

/* ---- replicas ---- */

static int64_t used(const struct serve *s, const struct ray_node *n) {
    int64_t sum = 0;
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        for (const struct serve_deployment *d = app->deployments; d != NULL; d = d->next)
            for (const struct serve_replica *r = d->list; r != NULL; r = r->next) sum += r->node == n ? r->cpu : 0;
    return sum;
}

static bool place(struct serve *s, const struct serve_app *app, struct serve_replica *r) {
    for (struct ray_node *n = s->head->nodes; n != NULL; n = n->next) {
        if (!n->alive || n->cpu - used(s, n) < r->cpu) continue;
        r->node = n;
        r->due_ms =
            ray_now_ms() + rayrules_number(s->head, app->name, RULE_CONSTRUCTOR_MS, s->head->m->opts.ray_deploy_ms);
        return true;
    }
    return false;
}

static void replica_start(struct serve *s, const struct serve_app *app, struct serve_deployment *d, int64_t delay_ms) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct serve_replica *r = rv_alloc(sizeof *r), **at = &d->list;
    for (size_t i = 0; i + 1 < sizeof r->id; i++) r->id[i] = letters[sim_random(s->head->m) % (sizeof letters - 1)];
    r->version = d->version;
    r->cpu = d->cpu;
    r->started_ms = ray_now_ms();
    while (*at != NULL) at = &(*at)->next;
    *at = r;
    if (place(s, app, r)) r->due_ms += delay_ms;
}

static void replica_stop(const struct serve *s, struct serve_replica *r) {
    r->state = REPLICA_STOPPING;
    r->due_ms = ray_now_ms() + s->head->m->opts.ray_stop_ms;
}

/* How often constructors may fail in a row before Serve gives up. */
static unsigned patience(const struct serve_deployment *d) {
    int64_t n = d->target * TRIES;
    return (unsigned)(n < TRIES ? TRIES : n > 20 ? 20 : n);
}

static void set_status(struct serve_deployment *d, enum serve_status status, const char *trigger, char *message_take) {
    d->status = status;
    d->trigger = trigger;
    free(d->message);
    d->message = message_take;
}

static char *failure_text(const struct serve_deployment *d, const char *why) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(
        &b,
        "The deployment failed to start %u times in a row. This may be due to a problem with its constructor or "
        "initial health check failing. See controller logs for details. Error:\n%s",
        d->failures, why);
    return rv_strdup(rv_buf_str(&b));
}

/* Advances a replica whose time has come or which has ended. Returns true if something has changed. */
static bool replica_advance(struct serve *s, const struct serve_app *app, struct serve_deployment *d,
                            struct serve_replica *r, int64_t *due) {
    int64_t now = ray_now_ms();
    const char *error = rayrules_text(s->head, app->name, RULE_CONSTRUCTOR_ERROR);
    if (r->state == REPLICA_STOPPING) {
        bool over = r->node == NULL || (r->ongoing == 0 ? now >= r->due_ms : now >= r->due_ms + GRACE_MS);
        if (over) serve_replica_free(s, d, r);
        if (!over) sooner(due, r->ongoing == 0 ? r->due_ms : r->due_ms + GRACE_MS);
        return over;
    }
    if (r->state == REPLICA_RUNNING) return false;
    if (r->node == NULL && !place(s, app, r)) return false;
    if (now < r->due_ms) {
        sooner(due, r->due_ms);
        return false;
    }
    if (error == NULL) {
        r->state = REPLICA_RUNNING;
        d->failures = 0;
        return true;
    }
    serve_replica_free(s, d, r);
    d->failures++;
    if (d->failures >= patience(d)) set_status(d, DEPLOYMENT_FAILED, "REPLICA_STARTUP_FAILED", failure_text(d, error));
    return true;
}

struct census {
    int64_t running, starting, outdated_running, outdated_starting, stopping;
};

static struct census count(const struct serve_deployment *d) {
    struct census c = {0};
    for (const struct serve_replica *r = d->list; r != NULL; r = r->next) {
        bool old = r->version != d->version;
        if (r->state == REPLICA_STOPPING) c.stopping++;
        if (r->state == REPLICA_RUNNING) old ? c.outdated_running++ : c.running++;
        if (r->state == REPLICA_STARTING) old ? c.outdated_starting++ : c.starting++;
    }
    return c;
}

/* The replica to stop first: an outdated one before a current one, and one that starts before one that runs. */
static struct serve_replica *victim(const struct serve_deployment *d, bool outdated_only) {
    struct serve_replica *best = NULL;
    int best_rank = -1;
    for (struct serve_replica *r = d->list; r != NULL; r = r->next) {
        bool old = r->version != d->version;
        if (r->state == REPLICA_STOPPING || (outdated_only && !old)) continue;
        int rank = (old ? 2 : 0) + (r->state == REPLICA_STARTING ? 1 : 0);
        if (rank >= best_rank) best = r;
        if (rank >= best_rank) best_rank = rank;
    }
    return best;
}

/* Old replicas are stopped some at a time. Replicas that are missing from the target count as stopped. */
static bool roll(struct serve *s, struct serve_deployment *d) {
    struct census c = count(d);
    int64_t share = d->target / ROLLOUT_SHARE > 1 ? d->target / ROLLOUT_SHARE : 1;
    int64_t missing = d->target - c.running - c.outdated_running, may = share - (missing > 0 ? missing : 0);
    bool changed = false;
    while (c.outdated_starting-- > 0) {
        replica_stop(s, victim(d, true));
        changed = true;
    }
    for (int64_t n = c.outdated_running < may ? c.outdated_running : may; n > 0; n--) {
        replica_stop(s, victim(d, true));
        changed = true;
    }
    return changed;
}

static bool scale(struct serve *s, const struct serve_app *app, struct serve_deployment *d) {
    struct census c = count(d);
    int64_t have = c.running + c.starting + c.outdated_running + c.outdated_starting;
    bool changed = have != d->target;
    if (d->status == DEPLOYMENT_FAILED && have < d->target) return false;
    for (; have < d->target; have++) replica_start(s, app, d, d->failures != 0 ? RETRY_MS : 0);
    for (; have > d->target; have--) replica_stop(s, victim(d, false));
    return changed;
}

/* ---- targets ---- */

/* Rounds as Serve does: half up, and a positive number never becomes 0 while there is some capacity. */
static int64_t at_capacity(int64_t n, double capacity) {
    if (capacity < 0 || capacity >= 100) return n;
    if (capacity <= 0 || n == 0) return 0;
    int64_t rounded = (int64_t)((double)n * capacity / 100 + 0.5);
    return rounded > 1 ? rounded : 1;
}

static int64_t wanted_by_load(struct serve *s, const struct serve_app *app, struct serve_deployment *d, int64_t *due) {
    int64_t low = at_capacity(d->min, s->capacity), high = at_capacity(d->max, s->capacity), ongoing = 0;
    for (const struct serve_replica *r = d->list; r != NULL; r = r->next) ongoing += r->ongoing;
    if (d == app->deployments) ongoing += serve_requests_waiting(s, app);
    int64_t want = (ongoing + d->target_ongoing - 1) / d->target_ongoing, now = ray_now_ms();
    want = want < low ? low : want > high ? high : want;
    if (want >= d->target || d->target > high) {
        d->low_since_ms = 0;
        return want;
    }
    if (d->low_since_ms == 0) d->low_since_ms = now;
    if (now >= d->low_since_ms + d->downscale_ms) {
        d->low_since_ms = 0;
        return want;
    }
    sooner(due, d->low_since_ms + d->downscale_ms);
    return d->target;
}

static bool retarget(struct serve *s, const struct serve_app *app, struct serve_deployment *d, int64_t *due) {
    if (!d->autoscaled || !d->wanted || app->building) return false;
    int64_t want = wanted_by_load(s, app, d, due);
    if (want == d->target) return false;
    bool quiet = d->status == DEPLOYMENT_HEALTHY;
    if (quiet) set_status(d, want > d->target ? DEPLOYMENT_UPSCALING : DEPLOYMENT_DOWNSCALING, "AUTOSCALING", NULL);
    d->target = want;
    return true;
}

/* ---- statuses ---- */

static void update_status(struct serve_deployment *d) {
    struct census c = count(d);
    bool done = c.running == d->target && c.starting + c.outdated_running + c.outdated_starting + c.stopping == 0;
    if (!done || d->status == DEPLOYMENT_HEALTHY || d->status == DEPLOYMENT_FAILED) return;
    static const char *const triggers[] = {[DEPLOYMENT_UNHEALTHY] = "UNSPECIFIED",
                                           [DEPLOYMENT_UPDATING] = "CONFIG_UPDATE_COMPLETED",
                                           [DEPLOYMENT_UPSCALING] = "UPSCALE_COMPLETED",
                                           [DEPLOYMENT_DOWNSCALING] = "DOWNSCALE_COMPLETED"};
    set_status(d, DEPLOYMENT_HEALTHY, triggers[d->status], NULL);
}

const char *serve_deployment_status(enum serve_status status) {
    static const char *const names[] = {[DEPLOYMENT_FAILED] = "DEPLOY_FAILED",    [DEPLOYMENT_UNHEALTHY] = "UNHEALTHY",
                                        [DEPLOYMENT_UPDATING] = "UPDATING",       [DEPLOYMENT_UPSCALING] = "UPSCALING",
                                        [DEPLOYMENT_DOWNSCALING] = "DOWNSCALING", [DEPLOYMENT_HEALTHY] = "HEALTHY"};
    return names[status];
}

/* Writes "['a', 'b']": the deployments in that state. */
static struct rv_str names_of(const struct serve_app *app, enum serve_status status, struct rv_arena *a) {
    rv_autobuf struct rv_buf b = {0};
    for (const struct serve_deployment *d = app->deployments; d != NULL; d = d->next)
        if (d->status == status) rv_buf_addf(&b, "%s'%s'", b.n != 0 ? ", " : "", d->name);
    return rv_arena_str(a, rv_buf_str(&b));
}

const char *serve_app_status(const struct serve_app *app, struct rv_str *ret_message, struct rv_arena *a) {
    *ret_message = RV_STR("");
    if (app->deleting) return "DELETING";
    if (app->building) return "DEPLOYING";
    if (app->failed) {
        *ret_message = rv_str(app->message);
        return "DEPLOY_FAILED";
    }
    enum serve_status worst = DEPLOYMENT_HEALTHY;
    for (const struct serve_deployment *d = app->deployments; d != NULL; d = d->next) {
        bool by_load = d->status > DEPLOYMENT_UPDATING && rv_str_is(rv_str(d->trigger), "AUTOSCALING");
        if (!by_load && d->status < worst) worst = d->status;
    }
    if (worst == DEPLOYMENT_HEALTHY) return "RUNNING";
    if (worst > DEPLOYMENT_UNHEALTHY) return "DEPLOYING";
    bool failed = worst == DEPLOYMENT_FAILED;
    *ret_message = rv_arena_fmt(a,
                                failed ? "Failed to update the deployments [" RV_STR_FMT "]."
                                       : "The deployments [" RV_STR_FMT "] are UNHEALTHY.",
                                RV_STR_ARG(names_of(app, worst, a)));
    return failed ? "DEPLOY_FAILED" : "UNHEALTHY";
}

/* ---- the whole ---- */

static bool deployment_advance(struct serve *s, const struct serve_app *app, struct serve_deployment *d, int64_t *due) {
    bool changed = retarget(s, app, d, due);
    for (struct serve_replica *r = d->list, *next = NULL; r != NULL; r = next) {
        next = r->next;
        changed = replica_advance(s, app, d, r, due) || changed;
    }
    changed = roll(s, d) || changed;
    changed = scale(s, app, d) || changed;
    update_status(d);
    return changed;
}

static bool app_build(struct serve *s, struct serve_app *app, int64_t *due) {
    if (!app->building) return false;
    if (ray_now_ms() < app->build_due_ms) {
        sooner(due, app->build_due_ms);
        return false;
    }
    app->building = false;
    serve_deploy(s, app);
    return true;
}

static bool app_advance(struct serve *s, struct serve_app *app, int64_t *due) {
    bool changed = app_build(s, app, due);
    for (struct serve_deployment **at = &app->deployments; *at != NULL;) {
        struct serve_deployment *d = *at;
        changed = deployment_advance(s, app, d, due) || changed;
        if (!d->wanted && d->list == NULL) {
            *at = d->next;
            serve_deployment_free(s, d);
            changed = true;
        } else {
            at = &d->next;
        }
    }
    return changed;
}

static bool advance_once(struct serve *s, int64_t *due) {
    bool changed = false;
    for (struct serve_app **at = &s->apps; *at != NULL;) {
        struct serve_app *app = *at;
        changed = app_advance(s, app, due) || changed;
        if (app->deleting && app->deployments == NULL && !app->building) {
            *at = app->next;
            serve_app_free(s, app);
            changed = true;
        } else {
            at = &app->next;
        }
    }
    changed = serve_proxies_update(s, due) || changed;
    return serve_requests_update(s, due) || changed;
}

/* Without a head there is no controller: running replicas continue and get requests, but nothing is repaired. */
void serve_advance(struct serve *s) {
    int64_t due = FOREVER;
    bool controlled = ray_head_node(s->head) != NULL, changed = true;
    for (unsigned i = 0; changed && i < PASSES; i++) {
        due = FOREVER;
        changed = controlled ? advance_once(s, &due) : serve_requests_update(s, &due);
    }
    serve_probes_update(s);
    if (changed) sooner(&due, ray_now_ms());
    if (due == FOREVER)
        sim_timer_disarm(s->head->m, &s->timer);
    else
        sim_timer_arm(s->head->m, &s->timer, due - ray_now_ms() > 1 ? due - ray_now_ms() : 1);
}

static void on_due(struct sim *m, struct sim_timer *t) {
    (void)m;
    serve_advance(SIM_OWNER(t, struct serve, timer));
}

/* A running replica that was lost makes its deployment unhealthy until another one has replaced it. */
void serve_node_lost(struct serve *s, struct ray_node *n) {
    for (struct serve_app *app = s->apps; app != NULL; app = app->next)
        for (struct serve_deployment *d = app->deployments; d != NULL; d = d->next)
            for (struct serve_replica *r = d->list, *next = NULL; r != NULL; r = next) {
                next = r->next;
                if (r->node != n) continue;
                bool ran = r->state == REPLICA_RUNNING;
                serve_replica_free(s, d, r);
                if (ran && d->status >= DEPLOYMENT_UPSCALING)
                    set_status(d, DEPLOYMENT_UNHEALTHY, "HEALTH_CHECK_FAILED",
                               rv_strdup(RV_STR("A replica's health check failed. This deployment will be UNHEALTHY "
                                                "until the replica recovers or a new deploy happens.")));
            }
    serve_requests_of_node_fail(s, n);
    n->proxy = PROXY_NONE;
}

struct serve *serve_new(struct ray_head *h) {
    struct serve *s = rv_alloc(sizeof *s);
    s->head = h;
    s->capacity = -1;
    s->timer.fn = on_due;
    return s;
}

void serve_forget(struct serve *s) {
    for (struct serve_app *app; (app = s->apps) != NULL;) {
        s->apps = app->next;
        serve_app_free(s, app);
    }
    for (struct ray_node *n = s->head->nodes; n != NULL; n = n->next) {
        serve_requests_of_node_fail(s, n);
        n->proxy = PROXY_NONE;
    }
    rv_buf_clear(&s->options);
    s->started = false;
    s->capacity = -1;
    s->location = EVERY_NODE;
}

void serve_free(struct serve *s) {
    serve_forget(s);
    sim_timer_disarm(s->head->m, &s->timer);
    rv_buf_free(&s->options);
    free(s);
}
