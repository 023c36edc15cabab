/* main.c - rayvisor-host: loads one plugin in a sandbox and moves bytes between its engine and the lane.
 *
 * Exit status: 0 drained, or the supervisor is gone; 69 the lane does not answer; 70 a violation of the protocol; 78
 * the plugin cannot run as configured or does not fit, so that another start would not help. Anything else is a
 * crash. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine.h"
#include "ipc/base/file.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/log.h"
#include "ipc/base/options.h"
#include "ipc/protocol/lane.h"
#include "load.h"
#include "loader.h"
#include "plan.h"
#include "rayvisor/json.h"
#include "record.h"
#include "sandbox.h"

enum {
    GATHER_MS = 50,
    CHECK_BYTES = 4 << 20,
    PLAN_BYTES = 512 << 20,
    FD_TOKEN = 3,
    FD_FLIGHT = 4,
    TOKEN_SIZE = 32,
    CONNECT_MS = 10000,
    LANE_PATH_MAX = 108,
    EXIT_NO_LANE = 69,
    EXIT_PROTOCOL = 70,
    EXIT_CONFIG = 78
};

struct options {
    const char *lane, *plugin, *record, *replay, *key, *check;
    bool as_configured; /* check with the kinds and settings from descriptor 3 */
    bool plan;          /* say what the plugin would do with the objects from descriptor 3 */
    uint64_t record_max;
    int64_t parent; /* 0 if it was not given */
    enum log_format log_format;
    struct sandbox_opts sandbox;
};

struct host {
    struct loop *loop;
    struct lane_context *context;
    struct lane *lane;
    struct engine *engine;
    struct loop_timer *timer;
    struct recorder *recorder;
    /* During a replay: the time of the present input, which its recorded outputs have as well. */
    struct engine_time now;
    int exit_code;
    uint64_t messages, trimmed; /* for trim_memory() */
};

static struct engine_time time_now(void) { return (struct engine_time){clock_monotonic(), clock_wall()}; }

/* ---- moving bytes --------------------------------------------------------------------------------------- */

static void send_out(void *arg, struct msg *m) {
    struct host *h = arg;
    struct msg noted = *m;
    if (m->type == MSG_HELLO) noted.hello.token = (struct rv_bytes){NULL, 0}; /* secrets are never written to a file */
    recorder_add(h->recorder, RECORD_OUT, h->now, &noted);
    lane_send(h->lane, m);
    if (m->type == MSG_LOG) lane_push(h->lane); /* a line that was logged before a crash must not be lost */
}

static void stop(struct host *h, int code) {
    h->exit_code = code;
    loop_stop(h->loop);
}

static void plan(struct host *h) {
    switch (engine_state(h->engine)) {
    case ENGINE_DRAINED:
        stop(h, 0);
        return;
    case ENGINE_FAILED:
        log_error("the plugin cannot run", "reason", engine_failure(h->engine)->text);
        stop(h, EXIT_CONFIG);
        return;
    default:
        break;
    }
    int64_t due = engine_deadline(h->engine);
    if (due == INT64_MAX)
        loop_timer_disarm(h->timer);
    else
        loop_timer_arm(h->timer, clock_left_ms(due));
}

static void on_timer(void *arg) {
    struct host *h = arg;
    h->now = time_now();
    recorder_add(h->recorder, RECORD_TICK, h->now, NULL);
    engine_tick(h->engine, h->now);
    plan(h);
}

static void protocol_error(void *arg, const struct rv_error *err) {
    struct host *h = arg;
    log_error("the supervisor sent a message that makes no sense", "reason", err->text);
    lane_drop_input(h->lane);
    stop(h, EXIT_PROTOCOL);
}

/* Returns unused memory to the system at a heartbeat, also in the middle of a long burst. */
static void trim_memory(struct host *h) {
    if (h->messages == h->trimmed) return;
    malloc_trim(0);
    h->trimmed = h->messages;
}

static void on_message(void *arg, const struct msg *m) {
    struct host *h = arg;
    struct rv_error err = {0};
    h->now = time_now();
    recorder_add(h->recorder, RECORD_IN, h->now, m);
    if (m->type == MSG_PING)
        trim_memory(h);
    else
        h->messages++;
    if (engine_message(h->engine, h->now, m, &err) != 0)
        protocol_error(h, &err);
    else
        plan(h);
}

/* ---- start ---------------------------------------------------------------------------------------------- */

static int read_token(uint8_t token[TOKEN_SIZE], struct rv_error *err) {
    size_t have = 0;
    while (have < TOKEN_SIZE) {
        ssize_t n = read(FD_TOKEN, token + have, TOKEN_SIZE - have);
        if (n <= 0)
            return rv_error_set(
                err, RV_E_CONFIG,
                "no token on descriptor 3: this program is started by rayvisord, or with --check or --replay");
        have += (size_t)n;
    }
    close(FD_TOKEN);
    return 0;
}

/* If the lane is not connected soon, it never will be: the supervisor binds it before it starts the host. */
static int open_lane(struct host *h, const char *path, struct rv_error *err) {
    struct lane_callbacks cb = {on_message, protocol_error, h};
    h->context = lane_context_new();
    h->lane = lane_connect(h->context, h->loop, path, &cb, err);
    if (h->lane == NULL) return err->code;
    if (lane_wait_connected(h->lane, CONNECT_MS)) return 0;
    return rv_error_set(err, -ETIMEDOUT, "nobody answers on %s", path);
}

struct load {
    const struct options *o;
    const struct rv_plugin *plugin; /* NULL if err has the reason */
    struct rv_error err;
};

static void load(void *arg) {
    struct load *l = arg;
    if (sandbox_loading_thread(&l->o->sandbox, &l->err) == 0) l->plugin = load_plugin(l->o->plugin, &l->err);
}

/* No code of the plugin runs before all filters are in force. */
static const struct rv_plugin *load_confined(const struct options *o, struct loader *thread, struct flight *flight,
                                             struct rv_buf *in_force, struct rv_error *err) {
    struct load l = {.o = o};
    if (sandbox_for_load(&o->sandbox, in_force, err) != 0) {
        loader_dismiss(thread);
        return NULL;
    }
    flight_begin(flight, FLIGHT_LOAD, 0, NULL, (struct rv_str){NULL, 0}, clock_monotonic());
    loader_run(thread, load, &l);
    flight_end(flight);
    if (l.plugin == NULL) *err = l.err;
    return l.plugin != NULL && sandbox_verify(in_force, err) == 0 ? l.plugin : NULL;
}

/* The order matters. The sandbox restricts the one existing thread, and ZeroMQ's threads, which start later, inherit
 * the restrictions. The lane is connected before the filters forbid it. So an error of the sandbox can still be
 * reported over the lane. */
static int start(struct host *h, const struct options *o, struct flight *flight, const uint8_t *token,
                 struct rv_error *err) {
    rv_autobuf struct rv_buf in_force = {0};
    struct rv_error lane_err = {0};
    if (o->record != NULL && (h->recorder = recorder_open(o->record, o->record_max, &lane_err)) == NULL)
        log_warn("nothing is recorded", "reason", lane_err.text); /* the plugin runs without a recording */
    int r = sandbox_before_load(&o->sandbox, &in_force, err);
    int lane = open_lane(h, o->lane, &lane_err);
    if (r == 0 && lane != 0) *err = lane_err;
    if (r == 0) r = lane;
    if (r != 0) return r;
    struct loader *thread = loader_start();
    if (thread == NULL) return rv_error_set(err, -EAGAIN, "no thread can be made to load the plugin");
    const struct rv_plugin *plugin = load_confined(o, thread, flight, &in_force, err);
    if (plugin == NULL) return err->code;
    log_info("plugin loaded", "plugin", plugin->name, "version", plugin->version, "sandbox",
             in_force.n != 0 ? rv_buf_cstr(&in_force) : "off");
    h->engine = engine_new(&(struct engine_opts){.plugin = plugin, .flight = flight, .send = send_out, .arg = h});
    loop_coalesce(h->loop, GATHER_MS, engine_coalesce(h->engine));
    h->now = time_now();
    engine_start(h->engine, h->now, (struct rv_bytes){token, TOKEN_SIZE}, getpid());
    return 0;
}

static int run_host(const struct options *o) {
    struct host h = {0};
    struct rv_error err = {0};
    uint8_t token[TOKEN_SIZE] = {0};
    struct flight *flight = flight_map(FD_FLIGHT, NULL);
    close(FD_FLIGHT);
    h.loop = loop_new(&err);
    int r = h.loop == NULL ? err.code : read_token(token, &err);
    if (r == 0) {
        h.timer = loop_timer(h.loop, on_timer, &h);
        r = start(&h, o, flight, token, &err);
    }
    explicit_bzero(token, sizeof token);
    if (r == 0) {
        loop_run(h.loop);
    } else {
        log_error("cannot start", "reason", err.text);
        if (h.lane != NULL) (void)lane_send(h.lane, &(struct msg){.type = MSG_FAILED, .text = {r, rv_str(err.text)}});
        h.exit_code = r == -ETIMEDOUT || r == -ESRCH ? EXIT_NO_LANE : EXIT_CONFIG;
    }
    if (h.lane != NULL) lane_flush(h.lane, 500);
    recorder_close(h.recorder);
    engine_free(h.engine);
    lane_free(h.lane);
    loop_timer_free(h.timer);
    loop_free(h.loop);
    lane_context_free(h.context);
    flight_unmap(flight);
    return h.exit_code;
}

static int refuse(const struct rv_error *err) {
    fprintf(stderr, "rayvisor-host: %s\n", err->text);
    return EXIT_CONFIG;
}

static void drop_message(void *arg, struct msg *m) {
    (void)arg;
    (void)m;
}

/* Calls the plugin's init(), which says whether it can run with these kinds and settings
 * ({"kinds":[...],"settings":{...}}, msgpack). Nothing that it requests is done. */
static int try_init(const struct rv_plugin *p, struct rv_val given, struct rv_error *err) {
    static const uint8_t seed[32] = {1};
    struct engine_time now = time_now();
    struct engine *e = engine_new(&(struct engine_opts){.plugin = p, .send = drop_message});
    engine_start(e, now, (struct rv_bytes){seed, sizeof seed}, getpid());
    struct msg welcome = {.type = MSG_WELCOME,
                          .welcome = {.seed = {seed, sizeof seed},
                                      .kinds = rv_val_get(given, "kinds"),
                                      .settings = rv_val_get(given, "settings")}};
    int r = engine_message(e, now, &welcome, err);
    if (r == 0 && engine_state(e) == ENGINE_FAILED) *err = *engine_failure(e);
    if (r == 0 && engine_state(e) == ENGINE_FAILED) r = err->code != 0 ? err->code : RV_E_CONFIG;
    engine_free(e);
    return r;
}

/* Uses the same sandbox as when the plugin runs. With a plan, *said is what comes out. */
static int check_as_configured(const struct options *o, const struct rv_plugin **ret, struct rv_buf *said,
                               struct rv_error *err) {
    rv_autobuf struct rv_buf given = {0}, in_force = {0};
    if (file_read("/proc/self/fd/3", o->plan ? PLAN_BYTES : CHECK_BYTES, &given, err) != 0) return err->code;
    close_range(FD_TOKEN, ~0u, 0);
    int r = rv_mp_check(rv_buf_bytes(&given), err);
    if (r == 0) r = sandbox_before_load(&o->sandbox, &in_force, err);
    if (r != 0) return r;
    struct loader *thread = loader_start();
    if (thread == NULL) return rv_error_set(err, -EAGAIN, "no thread can be made to load the plugin");
    *ret = load_confined(o, thread, NULL, &in_force, err);
    if (*ret == NULL) return err->code;
    struct rv_val value = {given.p, given.n};
    return o->plan ? plan_run(*ret, value, said, err) : try_init(*ret, value, err);
}

static int check_only(struct options *o) {
    struct rv_error err = {0};
    const struct rv_plugin *p = NULL;
    rv_autobuf struct rv_buf b = {0};
    rv_autofree char *path = realpath(o->check, NULL);
    if (path != NULL) o->check = path;
    o->plugin = o->sandbox.plugin_path = o->sandbox.lane_path = o->check; /* there is no lane */
    o->sandbox.parent = (pid_t)o->parent;
    if (o->as_configured) {
        log_setup(LOG_TEXT, RV_LOG_ERROR, STDERR_FILENO, "host");
        if (check_as_configured(o, &p, &b, &err) != 0) return refuse(&err);
    } else {
        p = load_plugin(o->check, &err);
    }
    if (p == NULL) return refuse(&err);
    if (o->plan) {
        puts(rv_buf_cstr(&b));
        return 0;
    }
    struct jsonw w = {.out = &b};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "name", p->name);
    jsonw_text(&w, "version", p->version);
    jsonw_fmt(&w, "abi", "%u.%u", (unsigned)p->abi_major, (unsigned)p->abi_minor);
    jsonw_end_object(&w);
    puts(rv_buf_cstr(&b));
    return 0;
}

static int replay_only(const struct options *o, const char *path) {
    struct rv_error err = {0};
    const struct rv_plugin *p = load_plugin(path, &err);
    int r = p == NULL ? err.code : replay_run(o->replay, p, o->key, stdout, &err);
    if (r < 0) fprintf(stderr, "rayvisor-host: %s\n", err.text);
    return r < 0 ? EXIT_CONFIG : r;
}

/* ---- command line --------------------------------------------------------------------------------------- */

static int usage(FILE *to) {
    fputs("usage: rayvisor-host --check PLUGIN.so [--as-configured]    (rayvisord gives the settings on descriptor 3)\n"
          "       rayvisor-host --plan PLUGIN.so     (rayvisorctl plan gives the objects on descriptor 3)\n"
          "       rayvisor-host --replay RECORDING [--key NAMESPACE/NAME] PLUGIN.so\n"
          "       rayvisor-host --lane SOCKET --plugin PLUGIN.so [--record FILE] [--sandbox off|best-effort|enforce]\n"
          "                     [--record-max BYTES] [--max-memory BYTES] [--log-format text|json] [--parent PID]\n"
          "                     (started by rayvisord)\n",
          to);
    return to == stdout ? 0 : 64;
}

static int parse(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {
        {"lane", 1, NULL, 'l'},    {"plugin", 1, NULL, 'p'},        {"record", 1, NULL, 'r'},
        {"sandbox", 1, NULL, 's'}, {"replay", 1, NULL, 'R'},        {"key", 1, NULL, 'k'},
        {"check", 1, NULL, 'c'},   {"log-format", 1, NULL, 'f'},    {"max-memory", 1, NULL, 'm'},
        {"help", 0, NULL, 'h'},    {"as-configured", 0, NULL, 'a'}, {"record-max", 1, NULL, 'M'},
        {"parent", 1, NULL, 'P'},  {"plan", 1, NULL, 'F'},          {NULL, 0, NULL, 0}};
    int64_t bytes;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'l':
            o->lane = optarg;
            break;
        case 'p':
            o->plugin = optarg;
            break;
        case 'r':
            o->record = optarg;
            break;
        case 'M':
            if (rv_str_to_int(rv_str(optarg), 0, INT64_MAX, &bytes) != 0) return -EINVAL;
            o->record_max = (uint64_t)bytes;
            break;
        case 'P':
            if (rv_str_to_int(rv_str(optarg), 1, INT32_MAX, &o->parent) != 0) return -EINVAL;
            break;
        case 'R':
            o->replay = optarg;
            break;
        case 'k':
            o->key = optarg;
            break;
        case 'c':
            o->check = optarg;
            break;
        case 'F':
            o->check = optarg;
            o->plan = o->as_configured = true;
            break;
        case 'a':
            o->as_configured = true;
            break;
        case 'f':
            if (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0) return -EINVAL;
            o->log_format = optarg[0] == 'j' ? LOG_JSON : LOG_TEXT;
            break;
        case 's':
            if (sandbox_mode_parse(optarg, &o->sandbox.mode) != 0) return -EINVAL;
            break;
        case 'm':
            if (rv_str_to_int(rv_str(optarg), 0, INT64_MAX, &bytes) != 0) return -EINVAL;
            o->sandbox.max_memory = (uint64_t)bytes;
            break;
        case 'h':
            return 1;
        default:
            options_refuse("rayvisor-host", argv, longs);
            return -EINVAL;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    struct options o = {.sandbox = {.mode = SANDBOX_BEST_EFFORT}};
    int r = parse(argc, argv, &o);
    if (r != 0) return usage(r > 0 ? stdout : stderr);
    if (o.check != NULL) return check_only(&o);
    if (o.replay != NULL) return optind < argc ? replay_only(&o, argv[optind]) : usage(stderr);
    if (o.lane == NULL || o.plugin == NULL) return usage(stderr);
    log_setup(o.log_format, RV_LOG_DEBUG, STDERR_FILENO, "host");
    /* Closes all other inherited descriptors. */
    close_range(FD_FLIGHT + 1, ~0u, 0);
    signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_ARENA_MAX, 1);
    /* Resolves symbolic links, because their targets are missing in the view of the file system that the plugin
     * gets. */
    rv_autofree char *plugin = realpath(o.plugin, NULL), *lane = realpath(o.lane, NULL);
    if (plugin != NULL) o.plugin = plugin;
    if (lane != NULL && strlen(lane) < LANE_PATH_MAX) o.lane = lane;
    o.sandbox.plugin_path = o.plugin;
    o.sandbox.lane_path = o.lane;
    o.sandbox.parent = (pid_t)o.parent;
    if (o.record != NULL && o.record_max != 0 && o.record_max < UINT64_MAX / 2)
        o.sandbox.max_file = o.record_max + RECORD_LONGEST;
    return run_host(&o);
}
