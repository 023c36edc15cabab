/* plugin.c - a plugin's process and everything about it (see plugin.h, lifecycle.h). */
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/flight.h"
#include "lifecycle.h"
#include "metrics_table.h"
#include "output.h"
#include "quarantine.h"
#include "spawn.h"
#include "supervisor/actions/executor.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/bus/outbox.h"

enum {
    HELLO_MS = 10000,
    SYNC_MS = 120000,
    DRAIN_MS = 5000,
    KILL_MS = 2000,
    BROKEN_MS = 300000,
    HEALTHY_MS = 300000,
    DEATHS_WINDOW_MS = 300000,
    DEATHS_MAX = 5,
    CREDIT_MESSAGES = 1024,
    CREDIT_BYTES = 8 << 20,
    EXIT_CONFIG = 78,
    TOKEN_SIZE = 32,
    LIBRARY_MS = 3000
};
#define MS INT64_C(1000000)

struct pending_explain {
    struct pending_explain *next;
    uint64_t corr;
    plugin_explain_fn done;
    void *arg;
};

struct listened {
    struct plugin *plugin;
    uint32_t kind;
    struct feed *feed;
    struct store_listener *listener;
};

struct plugin {
    struct supervisor *s;
    struct plugin *next;
    const struct config_plugin *config;
    enum life_state state;
    /* the process */
    pid_t pid;
    int pidfd;
    struct rv_watch *pid_watch;
    struct host_output *output;
    struct flight *flight;
    struct lane *lane;
    char *dir;
    uint8_t token[TOKEN_SIZE];
    uint64_t instance;
    int64_t started, heard; /* mono ns */
    const char *kill_cause; /* why we killed it */
    bool unfit;             /* refused, or it said that it cannot run: however it ends, that is why */
    /* what it is told */
    struct outbox *outbox;
    struct listened *kinds;
    size_t kind_n; /* may be larger than the manifest's: one per namespace */
    bool snapshot_waits, snapshot_open;
    struct msg_ping gauges;
    struct pending_explain *explains;
    uint64_t corr;
    /* its history */
    struct rv_timer *deadline, *retry, *beat;
    unsigned deaths_in_row;
    int64_t deaths[DEATHS_MAX + 1]; /* mono ns, newest first */
    uint64_t restarts, cause_counts[5], memory;
    char last_exit[128];
    struct quarantine *quarantine;
    struct metrics_table *metrics;
    struct timespec library_time;
    void (*on_stopped)(void *arg);
    void *stopped_arg;
};

static const char *const causes[] = {"exit", "signal", "hang", "memory", "protocol"};

static void on_event(struct plugin *p, enum life_event e);
static void count_death(struct plugin *p, const char *cause);
static void snapshot_if_complete(struct plugin *p);

static const char *name_of(const struct plugin *p) { return p->config->name.p; } /* NUL behind it: from an arena */

struct plugin *plugin_next(const struct plugin *p) {
    return p->next;
}
const struct config_plugin *plugin_config(const struct plugin *p) { return p->config; }
uint64_t plugin_instance(const struct plugin *p) { return p->instance; }
bool plugin_stopped(const struct plugin *p) { return p->state == LIFE_DISABLED; }

/* ---- telling -------------------------------------------------------------------------------------------- */

static struct store_collection *collection_of(const struct plugin *p, size_t i) {
    return feed_collection(p->kinds[i].feed);
}

/* A kind may be fed by several collections, one per namespace. */
static struct lane_blob *outbox_fetch(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name,
                                      struct msg_object *ret) {
    struct plugin *p = arg;
    for (size_t i = 0; i < p->kind_n; i++) {
        if (p->kinds[i].kind != kind) continue;
        const struct store_object *o = store_find(collection_of(p, i), ns, name);
        if (o == NULL) continue;
        *ret = (struct msg_object){kind, o->ns, o->name, o->uid, o->resource_version, o->rev};
        return o->blob;
    }
    return NULL;
}

static void outbox_send(void *arg, struct msg *m, struct lane_blob *payload) {
    struct plugin *p = arg;
    if (p->lane != NULL) lane_send_blob(p->lane, m, payload);
}

static void on_change(void *arg, const struct store_object *o, bool deleted) {
    struct listened *l = arg;
    struct plugin *p = l->plugin;
    if (l->kind == 0) quarantine_object_changed(p->quarantine, o, deleted);
    if (p->outbox == NULL || (p->state != LIFE_SYNCING && p->state != LIFE_READY && p->state != LIFE_DRAINING) ||
        p->snapshot_waits)
        return;
    if (deleted)
        outbox_deleted(p->outbox, l->kind,
                       &(struct msg_object){l->kind, o->ns, o->name, o->uid, o->resource_version, o->rev});
    else
        outbox_changed(p->outbox, l->kind, o->ns, o->name);
}

static bool pump(void *arg) {
    struct supervisor *s = arg;
    for (struct plugin *p = s->plugins; p != NULL; p = p->next)
        if (p->outbox != NULL && p->lane != NULL && !p->snapshot_waits) outbox_pump(p->outbox);
    return false;
}

static void queue_object(void *arg, const struct store_object *o) {
    struct listened *l = arg;
    outbox_changed(l->plugin->outbox, l->kind, o->ns, o->name);
}

static void send_quarantine(void *arg, struct rv_str ns, struct rv_str name, bool on) {
    struct plugin *p = arg;
    struct msg m = {.type = MSG_QUARANTINE, .explain = {.key = {ns, name}, .on = on ? 1 : 0}};
    if (p->lane != NULL && (p->state == LIFE_READY || p->state == LIFE_SYNCING)) lane_send(p->lane, &m);
}

static void snapshot_if_complete(struct plugin *p) {
    if (!p->snapshot_waits) return;
    for (size_t i = 0; i < p->kind_n; i++)
        if (!feed_synced(p->kinds[i].feed)) return;
    p->snapshot_waits = false;
    uint64_t rev = store_rev(p->s->store);
    outbox_snapshot_begin(p->outbox, rev);
    quarantine_each_key(p->quarantine, send_quarantine, p);
    for (size_t i = 0; i < p->kind_n; i++) store_each(collection_of(p, i), queue_object, &p->kinds[i]);
    outbox_snapshot_end(p->outbox, rev);
}

void plugin_collections_changed(struct plugin *p) { snapshot_if_complete(p); }

static void encode_kinds(const struct plugin *p, struct rv_buf *out) {
    const struct manifest *m = p->config->manifest;
    static const uint32_t map_flags[] = {MSG_KIND_MAP_OWNER, MSG_KIND_MAP_LABEL, MSG_KIND_MAP_PLUGIN};
    rv_mp_array(out, m->kind_n);
    for (size_t i = 0; i < m->kind_n; i++) {
        const struct manifest_kind *k = &m->kinds[i];
        rv_mp_map(out, 5);
        rv_mp_cstr(out, "a");
        rv_mp_str(out, k->api_version);
        rv_mp_cstr(out, "r");
        rv_mp_str(out, k->resource);
        rv_mp_cstr(out, "k");
        rv_mp_str(out, k->kind);
        rv_mp_cstr(out, "f");
        rv_mp_uint(out, i == 0 ? (uint32_t)MSG_KIND_PRIMARY : map_flags[k->map]);
        rv_mp_cstr(out, "l");
        rv_mp_str(out, k->index_label);
    }
}

static void welcome(struct plugin *p) {
    rv_autobuf struct rv_buf kinds = {0};
    uint8_t seed[32];
    supervisor_random(seed, sizeof seed);
    encode_kinds(p, &kinds);
    struct msg m = {.type = MSG_WELCOME,
                    .welcome = {.epoch = p->s->epoch,
                                .instance = p->instance,
                                .credit_messages = CREDIT_MESSAGES,
                                .credit_bytes = CREDIT_BYTES,
                                .heartbeat_ms = (uint32_t)p->s->config->heartbeat_ms,
                                .seed = {seed, sizeof seed},
                                .kinds = {kinds.p, kinds.n},
                                .settings = {p->config->settings.p, p->config->settings.n},
                                .max_in_flight = (uint32_t)p->config->max_in_flight}};
    lane_send(p->lane, &m);
    outbox_credit(p->outbox, CREDIT_MESSAGES, CREDIT_BYTES);
    p->snapshot_waits = true;
    rv_timer_arm(p->deadline, SYNC_MS);
    snapshot_if_complete(p);
}

void plugin_result(struct plugin *p, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                   const struct rv_result *r) {
    if (p->lane == NULL || p->instance != instance) return;
    const struct manifest *m = p->config->manifest;
    for (uint32_t k = 0; k < m->kind_n; k++)
        if (rv_str_eq(m->kinds[k].api_version, api_version) && rv_str_eq(m->kinds[k].resource, resource))
            outbox_flush_object(p->outbox, k, r->ns, r->name);
    struct msg out = {.type = MSG_RESULT, .result = {*r}, .payload = r->body};
    lane_send(p->lane, &out);
}

/* ---- hearing -------------------------------------------------------------------------------------------- */

static void refuse(struct plugin *p, const char *why) {
    struct msg m = {.type = MSG_REFUSE, .text = {RV_E_ABI, rv_str(why)}};
    rv_err("plugin refused", "plugin", name_of(p), "reason", why);
    p->unfit = true;
    lane_send(p->lane, &m);
}

static void on_hello(struct plugin *p, const struct msg_hello *h) {
    char why[256] = "";
    const struct manifest *m = p->config->manifest;
    unsigned different = 0;
    for (size_t i = 0; i < TOKEN_SIZE && h->token.n == TOKEN_SIZE; i++)
        different |= (unsigned)(h->token.p[i] ^ p->token[i]);
    if (p->state != LIFE_STARTING || h->token.n != TOKEN_SIZE || different != 0) {
        rv_err("a process without the right token spoke on the lane", "plugin", name_of(p));
        on_event(p, LIFE_ON_VIOLATION);
        return;
    }
    explicit_bzero(p->token, sizeof p->token);
    if (h->protocol != MSG_VERSION || h->abi_major != (uint32_t)m->abi)
        snprintf(why, sizeof why, "its manifest says ABI %lld, the library has %u.%u", (long long)m->abi, h->abi_major,
                 h->abi_minor);
    else if (!rv_str_eq(h->plugin, m->name))
        snprintf(why, sizeof why, "the library is plugin \"%.*s\", its manifest is of \"%s\"",
                 (int)(h->plugin.n < 64 ? h->plugin.n : 64), h->plugin.p, name_of(p));
    else if (!rv_str_eq(h->plugin_version, m->version))
        snprintf(why, sizeof why, "the library has version %.*s, its manifest %.*s: install both together",
                 (int)(h->plugin_version.n < 32 ? h->plugin_version.n : 32), h->plugin_version.p,
                 (int)(m->version.n < 32 ? m->version.n : 32), m->version.p);
    if (why[0] != 0)
        refuse(p, why);
    else
        on_event(p, LIFE_ON_HELLO);
}

static void on_log(struct plugin *p, const struct msg_log *l) {
    struct rv_field fields[32];
    char instance[24];
    size_t n = 0;
    snprintf(instance, sizeof instance, "%llu", (unsigned long long)p->instance);
    fields[n++] = (struct rv_field){RV_STR("plugin"), p->config->name};
    if (l->key.name.n != 0) {
        fields[n++] = (struct rv_field){RV_STR("namespace"), l->key.ns};
        fields[n++] = (struct rv_field){RV_STR("name"), l->key.name};
    }
    for (struct rv_iter it = rv_iter(l->fields); n < RV_ARRAY_LEN(fields) && rv_iter_next(&it);)
        fields[n++] = (struct rv_field){it.key, rv_val_str(it.val)};
    enum rv_log_level level =
        l->level < RV_LOG_DEBUG || l->level > RV_LOG_ERROR ? RV_LOG_INFO : (enum rv_log_level)l->level;
    rv_logv(level, l->message, fields, n);
}

static void on_explanation(struct plugin *p, const struct msg_explain *e) {
    for (struct pending_explain **q = &p->explains; *q != NULL; q = &(*q)->next) {
        struct pending_explain *found = *q;
        if (found->corr != e->corr) continue;
        *q = found->next;
        found->done(found->arg, e);
        free(found);
        return;
    }
}

static void fail_explains(struct plugin *p) {
    while (p->explains != NULL) {
        struct pending_explain *e = p->explains;
        p->explains = e->next;
        e->done(e->arg, NULL);
        free(e);
    }
}

static void on_message(void *arg, const struct msg *m) {
    struct plugin *p = arg;
    p->heard = rv_mono_now();
    if (m->type != MSG_HELLO && m->type != MSG_FAILED && p->state == LIFE_STARTING) {
        on_event(p, LIFE_ON_VIOLATION);
        return;
    }
    switch (m->type) {
    case MSG_HELLO:
        on_hello(p, &m->hello);
        break;
    case MSG_SYNCED:
        on_event(p, LIFE_ON_SYNCED);
        break;
    case MSG_CREDIT:
        outbox_credit(p->outbox, m->credit.messages, m->credit.bytes);
        break;
    case MSG_RESYNC:
        rv_warn("host asks for a new snapshot", "plugin", name_of(p));
        p->snapshot_waits = true;
        snapshot_if_complete(p);
        break;
    case MSG_ACTION:
        executor_submit(p->s->executor, p, p->instance, m);
        break;
    case MSG_LOG:
        on_log(p, &m->log);
        break;
    case MSG_METRIC:
        metrics_table_set(p->metrics, &m->metric);
        break;
    case MSG_PONG:
        p->gauges = m->ping;
        break;
    case MSG_EXPLANATION:
        on_explanation(p, &m->explain);
        break;
    case MSG_DRAINED:
        on_event(p, LIFE_ON_DRAINED);
        break;
    case MSG_FAILED: {
        rv_autofree char *text = rv_strdup(m->text.text);
        rv_err("plugin cannot run", "plugin", name_of(p), "reason", text);
        p->unfit = p->unfit || m->text.code == RV_E_ABI || m->text.code == RV_E_CONFIG;
        break;
    }
    default:
        break;
    }
}

static void on_bad(void *arg, const struct rv_error *err) {
    struct plugin *p = arg;
    rv_err("malformed message from a plugin's host: it is stopped", "plugin", name_of(p), "reason", err->text);
    p->kill_cause = "protocol";
    on_event(p, LIFE_ON_VIOLATION);
}

/* ---- the process ---------------------------------------------------------------------------------------- */

static void close_process(struct plugin *p) {
    p->pid_watch = rv_watch_free(p->pid_watch);
    p->output = host_output_free(p->output);
    rv_closep(&p->pidfd);
    p->lane = lane_free(p->lane);
    p->outbox = outbox_free(p->outbox);
    p->flight = flight_unmap(p->flight);
    if (p->dir != NULL) rmdir(p->dir);
    free(p->dir);
    p->dir = NULL;
    p->pid = 0;
    p->snapshot_waits = false; /* lists that complete later find no outbox */
    p->memory = 0;
    p->gauges = (struct msg_ping){0};
    fail_explains(p);
    rv_timer_disarm(p->deadline);
    rv_timer_disarm(p->beat);
}

static void on_exit_seen(void *arg, int fd, unsigned events);

static int make_dir(struct plugin *p, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, RV_STR_FMT "/%s.%llu", RV_STR_ARG(p->s->config->runtime_dir), name_of(p),
                (unsigned long long)p->instance);
    p->dir = rv_strdup(rv_buf_str(&b));
    if (mkdir(p->dir, 0700) != 0 && errno != EEXIST)
        return rv_error_set(err, -errno, "cannot make %s: %s", p->dir, strerror(errno));
    return 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature) /* clang's way of saying it */
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int launch(struct plugin *p, int flight_fd, int token_fd, int out_fd, const char *lane_path,
                  struct rv_error *err) {
    char memory[24];
    uint64_t most = SANITIZED ? 0 : p->config->memory; /* shadow memory would count against it */
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)most);
    char *argv[] = {p->s->host_binary,
                    (char *)(uintptr_t) "--lane",
                    (char *)(uintptr_t)lane_path,
                    (char *)(uintptr_t) "--plugin",
                    p->config->library,
                    (char *)(uintptr_t) "--sandbox",
                    (char *)(uintptr_t)config_sandbox_name(p->s->config),
                    (char *)(uintptr_t) "--log-format",
                    (char *)(uintptr_t) "text",
                    (char *)(uintptr_t) "--max-memory",
                    memory,
                    NULL};
    return spawn_host(&(struct spawn_opts){argv, out_fd, token_fd, flight_fd}, &p->pid, err);
}

static int start_process(struct plugin *p, struct rv_error *err) {
    p->instance++;
    int r = make_dir(p, err);
    if (r != 0) return r;
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/lane", p->dir);
    p->lane =
        lane_bind(p->s->lanes, p->s->loop, rv_buf_cstr(&path), &(struct lane_callbacks){on_message, on_bad, p}, err);
    if (p->lane == NULL) return err->code;
    p->outbox = outbox_new(&(struct outbox_opts){outbox_fetch, outbox_send, p});
    rv_autoclose int flight_fd = flight_create(err);
    int out[2] = {-1, -1}, token[2] = {-1, -1};
    if (flight_fd < 0) return flight_fd;
    p->flight = flight_map(flight_fd, err);
    if (p->flight == NULL) return err->code;
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(token, O_CLOEXEC) != 0)
        return rv_error_set(err, -errno, "cannot make pipes: %s", strerror(errno));
    supervisor_random(p->token, sizeof p->token);
    ssize_t written = write(token[1], p->token, sizeof p->token);
    p->pidfd = launch(p, flight_fd, token[0], out[1], rv_buf_cstr(&path), err);
    p->output = host_output_new(p->s->loop, out[0], p->config->name);
    close(out[1]);
    close(token[0]);
    close(token[1]);
    if (p->pidfd < 0 || written != (ssize_t)sizeof p->token) return p->pidfd;
    p->pid_watch = rv_loop_fd(p->s->loop, p->pidfd, RV_LOOP_READ, on_exit_seen, p);
    return 0;
}

static void remember_library(struct plugin *p) {
    struct stat st;
    if (stat(p->config->library, &st) == 0) p->library_time = st.st_mtim;
}

static bool library_changed(const struct plugin *p) {
    struct stat st;
    return stat(p->config->library, &st) == 0 &&
           (st.st_mtim.tv_sec != p->library_time.tv_sec || st.st_mtim.tv_nsec != p->library_time.tv_nsec);
}

static void spawn(struct plugin *p) {
    struct rv_error err = {0};
    p->kill_cause = NULL;
    p->unfit = false;
    p->snapshot_waits = false;
    p->started = p->heard = rv_mono_now();
    if (library_changed(p)) quarantine_clear(p->quarantine); /* another build deserves another chance */
    remember_library(p);
    if (start_process(p, &err) != 0) {
        rv_err("cannot start a plugin's host", "plugin", name_of(p), "reason", err.text);
        snprintf(p->last_exit, sizeof p->last_exit, "not started");
        count_death(p, "exit"); /* so that the next attempts come more and more slowly */
        close_process(p);
        on_event(p, LIFE_ON_EXITED);
        return;
    }
    rv_timer_arm(p->deadline, HELLO_MS);
    rv_timer_arm(p->beat, p->s->config->heartbeat_ms);
}

static void kill_process(struct plugin *p) {
    if (p->pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, p->pidfd,
                      p->kill_cause != NULL && strcmp(p->kill_cause, "hang") == 0 ? SIGABRT : SIGKILL, NULL, 0);
    rv_timer_arm(p->deadline, KILL_MS);
}

static void drain(struct plugin *p) {
    struct msg m = {.type = MSG_DRAIN};
    rv_timer_disarm(p->beat);
    if (p->lane != NULL) lane_send(p->lane, &m);
    rv_timer_arm(p->deadline, DRAIN_MS);
}

/* ---- death ---------------------------------------------------------------------------------------------- */

static unsigned recent_deaths(const struct plugin *p, int64_t now) {
    unsigned n = 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(p->deaths); i++)
        n += p->deaths[i] != 0 && now - p->deaths[i] < DEATHS_WINDOW_MS * MS;
    return n;
}

static void count_death(struct plugin *p, const char *cause) {
    int64_t now = rv_mono_now();
    memmove(p->deaths + 1, p->deaths, sizeof p->deaths - sizeof p->deaths[0]);
    p->deaths[0] = now;
    if (now - p->started > HEALTHY_MS * MS) p->deaths_in_row = 0;
    p->deaths_in_row++;
    p->restarts++;
    for (size_t i = 0; i < RV_ARRAY_LEN(causes); i++)
        if (strcmp(cause, causes[i]) == 0) p->cause_counts[i]++;
}

/* One line that says what happened, to whom, and while doing what. */
static void report_death(struct plugin *p, const char *cause, const struct flight_record *f) {
    char key[FLIGHT_NS + FLIGHT_NAME + 2] = "";
    if (f->call != FLIGHT_IDLE && f->name[0] != 0) snprintf(key, sizeof key, "%s/%s", f->ns, f->name);
    rv_err(strcmp(cause, "hang") == 0 ? "plugin hung (no heartbeat) and was stopped; it will be started again"
                                      : "plugin died; it will be started again",
           "plugin", name_of(p), "how", p->last_exit, "cause", cause, "while", flight_call_name(f->call), "key",
           key[0] != 0 ? key : NULL);
    if (f->name[0] == 0 || (f->call != FLIGHT_RECONCILE && f->call != FLIGHT_MAP)) return;
    for (size_t i = 0; i < p->kind_n; i++) {
        const struct store_object *o =
            p->kinds[i].kind == 0 ? store_find(collection_of(p, i), rv_str(f->ns), rv_str(f->name)) : NULL;
        if (o != NULL && rv_str_is(o->uid, f->uid)) quarantine_blame(p->quarantine, o, p->last_exit);
    }
}

static void describe_exit(struct plugin *p, int status) {
    if (WIFSIGNALED(status))
        snprintf(p->last_exit, sizeof p->last_exit, "signal %d (%s)", WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
    else
        snprintf(p->last_exit, sizeof p->last_exit, "exit status %d", WEXITSTATUS(status));
}

static void on_exit_seen(void *arg, int fd, unsigned events) {
    struct plugin *p = arg;
    int status = 0;
    (void)fd;
    (void)events;
    if (waitpid(p->pid, &status, WNOHANG) != p->pid) return;
    p->output = host_output_free(p->output); /* its last words, before we say how it ended */
    describe_exit(p, status);
    struct flight_record f = {0};
    if (p->flight != NULL) flight_read(p->flight, &f);
    bool config = p->unfit || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG),
         wanted = p->state == LIFE_DRAINING;
    executor_forget(p->s->executor, p);
    if (wanted) {
        if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
            rv_warn("plugin did not end by itself when it was asked to", "plugin", name_of(p), "how", p->last_exit);
    } else if (!config) {
        const char *cause = p->kill_cause != NULL ? p->kill_cause : WIFSIGNALED(status) ? "signal" : "exit";
        count_death(p, cause);
        report_death(p, cause, &f);
    } else {
        rv_err("plugin does not fit and is not started again until its library or the configuration changes", "plugin",
               name_of(p), "how", "ABI or configuration error (see the lines above)");
    }
    close_process(p);
    on_event(p, config ? LIFE_ON_EXITED_CONFIG : LIFE_ON_EXITED);
}

/* ---- the table's actions -------------------------------------------------------------------------------- */

static void wait_for_restart(struct plugin *p) {
    int64_t now = rv_mono_now();
    if (recent_deaths(p, now) > DEATHS_MAX) {
        rv_err("plugin died too often: it is switched off and tried again in five minutes; the others go on", "plugin",
               name_of(p), "last", p->last_exit);
        on_event(p, LIFE_ON_TOO_MANY);
        return;
    }
    uint32_t r;
    supervisor_random(&r, sizeof r);
    rv_timer_arm(p->retry, lifecycle_backoff_ms(p->deaths_in_row, r));
}

static void stopped(struct plugin *p) {
    rv_timer_disarm(p->retry);
    if (p->on_stopped == NULL) return;
    void (*fn)(void *) = p->on_stopped;
    p->on_stopped = NULL;
    fn(p->stopped_arg);
}

static void on_event(struct plugin *p, enum life_event e) {
    struct life_step step = lifecycle_step(p->state, e);
    enum life_state before = p->state;
    p->state = step.next;
    if (before != p->state)
        rv_debug("plugin state", "plugin", name_of(p), "from", life_state_name(before), "to",
                 life_state_name(p->state));
    switch (step.action) {
    case LIFE_DO_NOTHING:
        break;
    case LIFE_DO_SPAWN:
        spawn(p);
        break;
    case LIFE_DO_WELCOME:
        welcome(p);
        break;
    case LIFE_DO_DRAIN:
        drain(p);
        break;
    case LIFE_DO_KILL:
        kill_process(p);
        break;
    case LIFE_DO_WAIT:
        wait_for_restart(p);
        break;
    case LIFE_DO_WAIT_LONG:
        rv_timer_arm(p->retry, BROKEN_MS);
        break;
    case LIFE_DO_FORGET:
        stopped(p); /* who waits for this may free the plugin */
        return;
    }
    if (p->state == LIFE_MISFIT && before != LIFE_MISFIT) rv_timer_arm(p->retry, LIBRARY_MS);
    if (p->state == LIFE_READY && before != LIFE_READY) {
        rv_timer_disarm(p->deadline);
        rv_info("plugin ready", "plugin", name_of(p));
    }
}

/* ---- timers --------------------------------------------------------------------------------------------- */

static void on_deadline(void *arg) {
    struct plugin *p = arg;
    if (p->state == LIFE_DYING ||
        (p->state == LIFE_DRAINING && p->kill_cause != NULL)) { /* the polite signal was not enough */
        if (p->pidfd >= 0) (void)syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
        rv_timer_arm(p->deadline, KILL_MS);
        return;
    }
    if (p->kill_cause == NULL) p->kill_cause = "hang";
    rv_warn("plugin missed a deadline", "plugin", name_of(p), "state", life_state_name(p->state));
    on_event(p, LIFE_ON_DEADLINE);
}

/* A plugin that does not fit waits until its library is another file. */
static void on_retry(void *arg) {
    struct plugin *p = arg;
    if (p->state == LIFE_MISFIT && !library_changed(p))
        rv_timer_arm(p->retry, LIBRARY_MS);
    else
        on_event(p, LIFE_ON_RETRY);
}

static void on_beat(void *arg) {
    struct plugin *p = arg;
    int64_t now = rv_mono_now();
    rv_timer_arm(p->beat, p->s->config->heartbeat_ms);
    if (p->pid == 0 || p->state == LIFE_DYING) return;
    p->memory = process_resident_bytes(p->pid);
    if (p->config->memory != 0 && p->memory > p->config->memory) {
        rv_err("plugin exceeds its memory limit and is stopped", "plugin", name_of(p));
        p->kill_cause = "memory";
        on_event(p, LIFE_ON_VIOLATION);
        return;
    }
    if (now - p->heard > p->s->config->heartbeat_timeout_ms * MS &&
        (p->state == LIFE_READY || p->state == LIFE_SYNCING)) {
        p->kill_cause = "hang";
        on_event(p, LIFE_ON_VIOLATION);
        return;
    }
    struct msg m = {.type = MSG_PING, .ping = {.t = (uint64_t)now}};
    if (p->lane != NULL && (p->state == LIFE_READY || p->state == LIFE_SYNCING)) lane_send(p->lane, &m);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void join_feeds(struct plugin *p) {
    const struct manifest *m = p->config->manifest;
    const struct schema_texts *ns = &p->s->config->namespaces;
    size_t per_kind = ns->n != 0 ? ns->n : 1;
    p->kinds = rv_alloc_array(m->kind_n * per_kind, sizeof *p->kinds);
    for (size_t k = 0; k < m->kind_n; k++)
        for (size_t i = 0; i < per_kind; i++) {
            struct rv_error err = {0};
            if (!manifest_when(&m->kinds[k].when, &p->config->settings)) continue;
            rv_autofree char *one = ns->n != 0 ? rv_strdup(ns->list[i]) : NULL;
            struct listened *l = &p->kinds[p->kind_n];
            *l = (struct listened){p, (uint32_t)k, feed_join(p->s->feeds, &m->kinds[k], one, &err), NULL};
            if (l->feed == NULL) {
                rv_err("cannot watch what a plugin reads", "plugin", name_of(p), "reason", err.text);
                continue;
            }
            l->listener = store_listen(feed_collection(l->feed), on_change, l);
            p->kind_n++;
        }
}

static void leave_feeds(struct plugin *p) {
    for (size_t i = 0; i < p->kind_n; i++) {
        store_unlisten(p->kinds[i].listener);
        feed_leave(p->kinds[i].feed);
    }
    free(p->kinds);
    p->kinds = NULL;
    p->kind_n = 0;
}

static void on_released(void *arg, struct rv_str ns, struct rv_str name, bool on) {
    send_quarantine(arg, ns, name, on);
}

struct plugin *plugin_new(struct supervisor *s, const struct config_plugin *c) {
    struct plugin *p = rv_alloc(sizeof *p);
    p->s = s;
    p->config = c;
    p->pidfd = -1;
    p->deadline = rv_loop_timer(s->loop, on_deadline, p);
    p->retry = rv_loop_timer(s->loop, on_retry, p);
    p->beat = rv_loop_timer(s->loop, on_beat, p);
    p->quarantine = quarantine_new(s, c, on_released, p);
    p->metrics = metrics_table_new();
    if (s->plugins == NULL) rv_loop_prepare(s->loop, pump, s);
    struct plugin **last = &s->plugins;
    while (*last != NULL) last = &(*last)->next;
    *last = p;
    return p;
}

struct plugin *plugin_free(struct plugin *p) {
    if (p == NULL) return NULL;
    for (struct plugin **q = &p->s->plugins; *q != NULL; q = &(*q)->next)
        if (*q == p) {
            *q = p->next;
            break;
        }
    executor_forget(p->s->executor, p);
    close_process(p);
    leave_feeds(p);
    rv_timer_free(p->deadline);
    rv_timer_free(p->retry);
    rv_timer_free(p->beat);
    quarantine_free(p->quarantine);
    metrics_table_free(p->metrics);
    free(p);
    return NULL;
}

void plugin_start(struct plugin *p) {
    if (p->kinds == NULL) join_feeds(p);
    on_event(p, LIFE_ON_ENABLE);
}

void plugin_stop(struct plugin *p, void (*on_stopped)(void *arg), void *arg) {
    p->on_stopped = on_stopped;
    p->stopped_arg = arg;
    if (p->state == LIFE_DISABLED)
        stopped(p);
    else
        on_event(p, LIFE_ON_DISABLE);
}

void plugin_reconfigure(struct plugin *p, const struct config_plugin *c) {
    p->config = c;
    quarantine_reconfigure(p->quarantine, c);
    if (p->state == LIFE_MISFIT && library_changed(p)) on_event(p, LIFE_ON_RETRY); /* perhaps it fits now */
}

struct supervisor *plugin_supervisor(const struct plugin *p) {
    return p->s;
}

void plugin_info(const struct plugin *p, struct plugin_info *ret) {
    *ret = (struct plugin_info){.config = p->config,
                                .state = life_state_name(p->state),
                                .pid = p->pid,
                                .restarts = p->restarts,
                                .instance = p->instance,
                                .queued = p->gauges.queued + p->gauges.waiting,
                                .in_flight = p->gauges.in_flight,
                                .objects = p->gauges.objects,
                                .memory = p->memory,
                                .last_exit = p->last_exit,
                                .enabled = p->config->enabled,
                                .ready = p->state == LIFE_READY};
    if (p->outbox != NULL) {
        ret->outbox = outbox_depth(p->outbox);
        ret->merged = outbox_merged(p->outbox);
    }
    if (p->pid != 0) ret->uptime_s = (rv_mono_now() - p->started) / INT64_C(1000000000);
}

void plugin_quarantines(const struct plugin *p, void (*fn)(void *arg, const struct quarantine_info *q), void *arg) {
    quarantine_each(p->quarantine, fn, arg);
}
bool plugin_release(struct plugin *p, struct rv_str ns, struct rv_str name) {
    return quarantine_release(p->quarantine, ns, name);
}

void plugin_deaths(const struct plugin *p, void (*fn)(void *arg, const char *cause, uint64_t n), void *arg) {
    for (size_t i = 0; i < RV_ARRAY_LEN(causes); i++) fn(arg, causes[i], p->cause_counts[i]);
}

const struct metrics_table *plugin_metrics(const struct plugin *p) { return p->metrics; }

void plugin_explain(struct plugin *p, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg) {
    if (p->lane == NULL || (p->state != LIFE_READY && p->state != LIFE_SYNCING)) {
        done(arg, NULL);
        return;
    }
    struct pending_explain *e = rv_alloc(sizeof *e);
    *e = (struct pending_explain){p->explains, ++p->corr, done, arg};
    p->explains = e;
    struct msg m = {.type = MSG_EXPLAIN, .explain = {.corr = e->corr, .key = {ns, name}}};
    lane_send(p->lane, &m);
}
