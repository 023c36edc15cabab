/* control.c - the control socket (see control.h). Requests are small and answers are written whole; a client that does
 * not read is cut off. */
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rayvisor/k8s.h"
#include "supervisor/actions/executor.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/health.h"
#include "supervisor/http/web.h"
#include "supervisor/leadership.h"
#include "supervisor/proc/plugin.h"

enum { REQUEST_MAX = 64 << 10, CLIENT_MS = 5000, EXPLAIN_MS = 3000, CLIENTS_MAX = 16 };

/* What one plugin says of the object that a client asks about. */
struct view {
    struct client *client;
    struct plugin *plugin; /* NULL: it has answered */
    struct rv_buf json;
    bool found, failed;
};

struct client {
    struct control *control;
    struct client *next, **back;
    int fd;
    struct rv_watch *watch;
    struct rv_timer *timeout;
    struct rv_buf in, out;
    bool asked;
    struct view *views;
    size_t view_n, waits; /* waits: for so many views */
};

struct control {
    struct supervisor *s;
    int (*reload)(struct supervisor *s, struct rv_error *err);
    int fd;
    char *path;
    struct rv_watch *watch;
    struct client *clients;
    size_t n;
};

static void views_free(struct client *c) {
    for (struct view *v = c->views; v < c->views + c->view_n; v++) {
        if (v->plugin != NULL) plugin_explain_cancel(v->plugin, v);
        rv_buf_free(&v->json);
    }
    free(c->views);
}

static void client_close(struct client *c) {
    *c->back = c->next;
    if (c->next != NULL) c->next->back = c->back;
    c->control->n--;
    views_free(c);
    rv_watch_free(c->watch);
    rv_timer_free(c->timeout);
    rv_closep(&c->fd);
    rv_buf_free(&c->in);
    rv_buf_free(&c->out);
    free(c);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static void field(struct rv_buf *b, const char *key, struct rv_str value) {
    rv_buf_addf(b, "\"%s\":", key);
    rv_json_quote(value, b);
}

static void fail(struct client *c, const char *why, const char *what) {
    rv_autobuf struct rv_buf text = {0};
    rv_buf_adds(&text, why);
    if (what != NULL) rv_buf_addf(&text, ": %s", what);
    rv_buf_clear(&c->out);
    rv_buf_addc(&c->out, '{');
    field(&c->out, "error", rv_buf_str(&text));
    rv_buf_addc(&c->out, '}');
}

static void add_quarantine(void *arg, const struct quarantine_info *q) {
    struct rv_buf *b = arg;
    char since[32];
    rv_time_format(q->since, since);
    rv_buf_adds(b, b->p[b->n - 1] == '[' ? "{" : ",{");
    field(b, "kind", q->kind);
    rv_buf_addc(b, ',');
    field(b, "namespace", rv_str(q->ns));
    rv_buf_addc(b, ',');
    field(b, "name", rv_str(q->name));
    rv_buf_addc(b, ',');
    field(b, "since", rv_str(since));
    rv_buf_addc(b, ',');
    field(b, "reason", rv_str(q->reason));
    rv_buf_addc(b, '}');
}

static void add_death(void *arg, const struct death_info *d) {
    struct rv_buf *b = arg;
    char at[32];
    rv_time_format(d->at, at);
    rv_buf_adds(b, b->p[b->n - 1] == '[' ? "{" : ",{");
    field(b, "at", rv_str(at));
    rv_buf_addc(b, ',');
    field(b, "cause", rv_str(d->cause));
    rv_buf_addc(b, ',');
    field(b, "how", rv_str(d->how));
    if (d->signal != 0) rv_buf_addf(b, ",\"signal\":%d", d->signal);
    if (d->status >= 0) rv_buf_addf(b, ",\"exitStatus\":%d", d->status);
    rv_buf_addc(b, ',');
    field(b, "while", rv_str(d->doing));
    rv_buf_addc(b, ',');
    field(b, "key", rv_str(d->key));
    rv_buf_addc(b, '}');
}

static void add_grants(struct rv_buf *b, const struct config_plugin *c) {
    for (size_t i = 0; i < c->grant_n; i++) {
        const struct manifest_write *g = &c->grants[i];
        rv_autobuf struct rv_buf text = {0};
        rv_buf_addf(&text, RV_STR_FMT "/" RV_STR_FMT "%s" RV_STR_FMT ":", RV_STR_ARG(g->api_version),
                    RV_STR_ARG(g->resource), g->subresource.n != 0 ? "/" : "", RV_STR_ARG(g->subresource));
        for (size_t v = 0; v < g->verbs.n; v++) rv_buf_addf(&text, " " RV_STR_FMT, RV_STR_ARG(g->verbs.list[v]));
        if (i > 0) rv_buf_addc(b, ',');
        rv_json_quote(rv_buf_str(&text), b);
    }
}

static void add_plugin(struct rv_buf *b, const struct plugin *p) {
    struct plugin_info i;
    plugin_info(p, &i);
    rv_buf_addc(b, '{');
    field(b, "name", i.config->name);
    rv_buf_addc(b, ',');
    field(b, "version", i.config->manifest->version);
    rv_buf_addc(b, ',');
    field(b, "description", i.config->manifest->description);
    rv_buf_addf(b, ",\"enabled\":%s,\"state\":\"%s\",\"pid\":%d,\"restarts\":%" PRIu64 ",",
                i.enabled ? "true" : "false", i.state, i.pid, i.restarts);
    field(b, "lastExit", rv_str(i.last_exit));
    rv_buf_addf(b,
                ",\"uptimeSeconds\":%" PRId64 ",\"memoryBytes\":%" PRIu64 ",\"queued\":%" PRIu64
                ",\"inFlight\":%" PRIu64 ",\"objects\":%" PRIu64 ",\"quarantined\":[",
                i.uptime_s, i.memory, i.queued, i.in_flight, i.objects);
    plugin_quarantines(p, add_quarantine, b);
    rv_buf_adds(b, "],\"deaths\":[");
    plugin_each_death(p, add_death, b);
    rv_buf_adds(b, "],\"settings\":");
    rv_json_write(i.settings, b);
    if (i.settings_refused != NULL) {
        rv_buf_addc(b, ',');
        field(b, "settingsRefused", rv_str(i.settings_refused));
    }
    rv_buf_adds(b, ",\"grants\":[");
    add_grants(b, i.config);
    rv_buf_adds(b, "]}");
}

static void add_plugins(struct supervisor *s, struct rv_buf *b) {
    rv_buf_adds(b, "\"plugins\":[");
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) {
        if (p != s->plugins) rv_buf_addc(b, ',');
        add_plugin(b, p);
    }
    rv_buf_adds(b, "]");
}

static void add_feed(void *arg, const struct feed_info *i) {
    struct rv_buf *b = arg;
    rv_buf_adds(b, b->p[b->n - 1] == '[' ? "{" : ",{");
    field(b, "resource", rv_str(i->resource));
    rv_buf_addc(b, ',');
    field(b, "namespace", rv_str(i->ns));
    rv_buf_addc(b, ',');
    field(b, "selector", rv_str(i->selector));
    rv_buf_addc(b, ',');
    field(b, "state", rv_str(i->state));
    rv_buf_addf(b, ",\"objects\":%zu,", i->objects);
    field(b, "why", rv_str(i->why));
    rv_buf_addc(b, '}');
}

static bool do_status(struct client *c, struct rv_val q) {
    struct supervisor *s = c->control->s;
    struct rv_buf *b = &c->out;
    rv_autobuf struct rv_buf room = {0};
    const char *why = health_not_ready(s, &room);
    struct store_stats st;
    struct executor_stats x;
    (void)q;
    store_stats(s->store, &st);
    executor_stats(s->executor, &x);
    rv_buf_addf(b, "{\"version\":\"" RV_VERSION "\",\"pid\":%d,\"uptimeSeconds\":%" PRId64 ",\"ready\":%s,",
                (int)getpid(), (rv_mono_now() - s->started) / INT64_C(1000000000), why == NULL ? "true" : "false");
    field(b, "reason", rv_str(why));
    rv_buf_addf(b, ",\"httpPort\":%u", web_port(s->web));
    rv_buf_adds(b, ",\"leadership\":");
    leadership_json(s, b);
    rv_buf_adds(b, ",\"kubernetes\":{");
    field(b, "server", rv_str(kube_config_server(s->kube_config)));
    rv_buf_adds(b, ",\"watches\":[");
    feeds_each(s->feeds, add_feed, b);
    rv_buf_addf(b, "]},\"store\":{\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"rev\":%" PRIu64 "},", st.objects,
                st.blob_bytes, store_rev(s->store));
    rv_buf_addf(b,
                "\"actions\":{\"queued\":%zu,\"inFlight\":%zu,\"done\":%" PRIu64 ",\"failed\":%" PRIu64
                ",\"denied\":%" PRIu64 "},",
                x.queued, x.in_flight, x.done, x.failed, x.denied);
    add_plugins(s, b);
    rv_buf_adds(b, "}");
    return true;
}

static bool do_plugins(struct client *c, struct rv_val q) {
    (void)q;
    rv_buf_adds(&c->out, "{");
    add_plugins(c->control->s, &c->out);
    rv_buf_adds(&c->out, "}");
    return true;
}

/* "raycluster", "RayCluster", "rayclusters": all name the kind. */
static bool names_kind(struct rv_str asked, const struct manifest_kind *k) {
    rv_autofree char *text = rv_strdup(asked);
    if (rv_str_ieq(k->kind, text) || rv_str_ieq(k->resource, text)) return true;
    return k->resource.n == asked.n + 1 && k->resource.p[asked.n] == 's' &&
           rv_str_ieq((struct rv_str){k->resource.p, asked.n}, text);
}

static void send_answer(struct client *c);

static void add_lines(struct rv_buf *b, struct rv_str rest) {
    for (bool first = true; rest.n > 0; first = false) {
        const char *nl = memchr(rest.p, '\n', rest.n);
        size_t n = nl != NULL ? (size_t)(nl - rest.p) : rest.n;
        if (!first) rv_buf_addc(b, ',');
        rv_json_quote((struct rv_str){rest.p, n}, b);
        rest = (struct rv_str){rest.p + n + (nl != NULL), rest.n - n - (nl != NULL)};
    }
}

static void begin_view(struct view *v) {
    const struct config_plugin *cfg = plugin_config(v->plugin);
    rv_buf_addc(&v->json, '{');
    field(&v->json, "plugin", cfg->name);
    rv_buf_addc(&v->json, ',');
    field(&v->json, "kind", cfg->manifest->kinds[0].kind);
    rv_buf_addc(&v->json, ',');
    v->plugin = NULL;
    v->client->waits--;
}

static void fail_view(struct view *v, const char *why) {
    begin_view(v);
    v->failed = true;
    rv_buf_adds(&v->json, "\"found\":false,");
    field(&v->json, "error", rv_str(why));
    rv_buf_addc(&v->json, '}');
}

static void fill_view(struct view *v, const struct msg_explain *e) {
    static const char *const states[] = {"unknown", "queued", "waiting", "delayed", "idle", "quarantined"};
    struct rv_buf *b = &v->json;
    char at[40] = "";
    if (e->decided != 0) rv_time_format_micro(e->decided, at);
    begin_view(v);
    v->found = e->state != MSG_KEY_UNKNOWN;
    rv_buf_addf(b, "\"found\":%s,", v->found ? "true" : "false");
    field(b, "namespace", e->key.ns);
    rv_buf_addc(b, ',');
    field(b, "name", e->key.name);
    rv_buf_addf(b, ",\"state\":\"%s\",\"decidedAt\":\"%s\",\"nextMs\":%" PRId64 ",\"retries\":%u,\"lines\":[",
                (unsigned)e->state < RV_ARRAY_LEN(states) ? states[e->state] : "unknown", at, e->next_ms, e->retries);
    add_lines(b, e->lines);
    rv_buf_adds(b, "]}");
}

/* The view of the plugin that knows most, which may be the only one, and behind it all of them. */
static void combine_views(struct client *c) {
    const struct view *best = c->views;
    for (const struct view *v = c->views; v < c->views + c->view_n; v++)
        if (v->found > best->found || (v->found == best->found && v->failed < best->failed)) best = v;
    rv_buf_add(&c->out, best->json.p, best->json.n - 1);
    rv_buf_adds(&c->out, ",\"plugins\":[");
    for (const struct view *v = c->views; v < c->views + c->view_n; v++) {
        if (v != c->views) rv_buf_addc(&c->out, ',');
        rv_buf_add(&c->out, v->json.p, v->json.n);
    }
    rv_buf_adds(&c->out, "]}");
}

static void on_explained(void *arg, const struct msg_explain *e) {
    struct view *v = arg;
    struct client *c = v->client;
    if (e == NULL)
        fail_view(v, "the plugin is not running, so it cannot say");
    else
        fill_view(v, e);
    if (c->waits > 0) return;
    combine_views(c);
    send_answer(c);
}

/* Whoever hangs keeps nobody from seeing what the others say. */
static void answer_without_the_silent(struct client *c) {
    for (struct view *v = c->views; v < c->views + c->view_n; v++) {
        if (v->plugin == NULL) continue;
        plugin_explain_cancel(v->plugin, v);
        fail_view(v, "the plugin did not answer within three seconds");
    }
    combine_views(c);
    rv_timer_arm(c->timeout, CLIENT_MS);
    send_answer(c);
}

struct quarantine_search {
    struct rv_str ns, name;
    char text[200];
    int64_t since;
};

static void match_quarantine(void *arg, const struct quarantine_info *i) {
    struct quarantine_search *s = arg;
    if (i->kind_index != 0 || !rv_str_is(s->ns, i->ns) || !rv_str_is(s->name, i->name)) return;
    s->since = i->since;
    snprintf(s->text, sizeof s->text,
             "quarantined: the plugin died while working on it (%.100s); it waits for a change", i->reason);
}

/* What is put away the supervisor knows itself, even while the plugin is being started again. */
static bool view_quarantined(struct view *v, struct rv_str ns, struct rv_str name) {
    struct quarantine_search s = {.ns = ns, .name = name};
    plugin_quarantines(v->plugin, match_quarantine, &s);
    if (s.since == 0) return false;
    fill_view(v, &(struct msg_explain){.key = {ns, name},
                                       .state = MSG_KEY_QUARANTINED,
                                       .lines = rv_str(s.text),
                                       .next_ms = -1,
                                       .decided = s.since});
    return true;
}

/* Those for which it is the primary kind: they all decide something about it. */
static size_t find_views(struct client *c, struct rv_str kind) {
    struct plugin *first = c->control->s->plugins;
    size_t n = 0;
    for (struct plugin *p = first; p != NULL; p = plugin_next(p)) n++;
    c->views = rv_alloc_array(n != 0 ? n : 1, sizeof *c->views);
    for (struct plugin *p = first; p != NULL; p = plugin_next(p)) {
        const struct config_plugin *cfg = plugin_config(p);
        if (cfg->enabled && names_kind(kind, &cfg->manifest->kinds[0]))
            c->views[c->view_n++] = (struct view){.client = c, .plugin = p};
    }
    return c->view_n;
}

static bool do_explain(struct client *c, struct rv_val q) {
    struct rv_str kind = rv_path_str(q, "kind"), ns = rv_path_str(q, "namespace"), name = rv_path_str(q, "name");
    if (kind.n == 0 || name.n == 0) {
        fail(c, "explain needs kind and name", NULL);
        return true;
    }
    if (find_views(c, kind) == 0) {
        rv_autofree char *text = rv_strdup(kind);
        fail(c, "no enabled plugin reconciles this kind", text);
        return true;
    }
    c->waits = c->view_n + 1; /* one more: who answers at once is not the last */
    for (struct view *v = c->views; v < c->views + c->view_n; v++)
        if (!view_quarantined(v, ns, name)) plugin_explain(v->plugin, ns, name, on_explained, v);
    rv_timer_arm(c->timeout, EXPLAIN_MS);
    if (--c->waits > 0) return false;
    combine_views(c);
    return true;
}

static bool do_reload(struct client *c, struct rv_val q) {
    struct rv_error err = {0};
    (void)q;
    if (c->control->reload(c->control->s, &err) != 0)
        fail(c, err.text, NULL);
    else
        rv_buf_adds(&c->out, "{\"ok\":true}");
    return true;
}

static bool do_release(struct client *c, struct rv_val q) {
    struct rv_str plugin = rv_path_str(q, "plugin");
    for (struct plugin *p = c->control->s->plugins; p != NULL; p = plugin_next(p)) {
        if (!rv_str_eq(plugin_config(p)->name, plugin)) continue;
        bool was = plugin_release(p, rv_path_str(q, "namespace"), rv_path_str(q, "name"));
        rv_buf_addf(&c->out, "{\"ok\":true,\"wasQuarantined\":%s}", was ? "true" : "false");
        return true;
    }
    fail(c, "there is no plugin of that name", NULL);
    return true;
}

/* True: the answer is in c->out. False: it comes, or came, by another way. */
static const struct {
    const char *name;
    bool (*fn)(struct client *c, struct rv_val q);
} commands[] = {{"status", do_status},
                {"plugins", do_plugins},
                {"explain", do_explain},
                {"reload", do_reload},
                {"release", do_release}};

/* ---- the socket ----------------------------------------------------------------------------------------- */

static void flush(struct client *c) {
    while (c->out.n > 0) {
        ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            rv_watch_set(c->watch, RV_LOOP_WRITE);
            return;
        }
        if (n <= 0) break;
        rv_buf_consume(&c->out, (size_t)n);
    }
    client_close(c);
}

static void send_answer(struct client *c) {
    rv_buf_addc(&c->out, '\n');
    flush(c);
}

static void on_line(struct client *c) {
    rv_autobuf struct rv_buf mp = {0};
    struct rv_error err = {0};
    c->asked = true;
    rv_watch_set(c->watch, 0); /* a client that shuts its sending side down still gets its answer */
    if (rv_json_to_mp(rv_buf_str(&c->in), NULL, &mp, &err) != 0) {
        fail(c, "the request is not JSON", err.text);
        send_answer(c);
        return;
    }
    struct rv_val q = {mp.p, mp.n};
    struct rv_str cmd = rv_path_str(q, "cmd");
    size_t i = 0;
    while (i < RV_ARRAY_LEN(commands) && !rv_str_is(cmd, commands[i].name)) i++;
    bool answered = true;
    if (i < RV_ARRAY_LEN(commands))
        answered = commands[i].fn(c, q);
    else
        fail(c, "unknown command: there are status, plugins, explain, reload, release", NULL);
    if (answered) send_answer(c);
}

static void on_client(void *arg, int fd, unsigned events) {
    struct client *c = arg;
    if (c->asked) {
        if ((events & RV_LOOP_WRITE) != 0)
            flush(c);
        else
            client_close(c);
        return;
    }
    rv_buf_reserve(&c->in, 4096);
    ssize_t n = read(fd, c->in.p + c->in.n, 4096);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || c->in.n + (size_t)n > REQUEST_MAX) {
        client_close(c);
        return;
    }
    c->in.n += (size_t)n;
    uint8_t *nl = memchr(c->in.p, '\n', c->in.n);
    if (nl == NULL) return;
    c->in.n = (size_t)(nl - c->in.p);
    on_line(c);
}

static void on_timeout(void *arg) {
    struct client *c = arg;
    if (c->waits > 0)
        answer_without_the_silent(c);
    else
        client_close(c);
}

static void on_connect(void *arg, int fd, unsigned events) {
    struct control *control = arg;
    (void)events;
    int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client_fd < 0) return;
    if (control->n >= CLIENTS_MAX) {
        close(client_fd);
        return;
    }
    struct client *c = rv_alloc(sizeof *c);
    c->control = control;
    c->fd = client_fd;
    c->next = control->clients;
    if (c->next != NULL) c->next->back = &c->next;
    c->back = &control->clients;
    control->clients = c;
    control->n++;
    c->watch = rv_loop_fd(control->s->loop, client_fd, RV_LOOP_READ, on_client, c);
    c->timeout = rv_loop_timer(control->s->loop, on_timeout, c);
    rv_timer_arm(c->timeout, CLIENT_MS);
}

/* Does somebody answer on that socket? A leftover of a crash refuses the connection. */
static bool is_served(const struct sockaddr_un *un) {
    rv_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof *un) == 0;
}

struct control *control_new(struct supervisor *s, int (*reload)(struct supervisor *s, struct rv_error *err),
                            struct rv_error *err) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, RV_STR_FMT "/control.sock", RV_STR_ARG(s->config->runtime_dir));
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (path.n >= sizeof un.sun_path) {
        rv_error_set(err, -ENAMETOOLONG, "runtimeDir is too long for a socket in it: %s", rv_buf_cstr(&path));
        return NULL;
    }
    memcpy(un.sun_path, path.p, path.n);
    if (is_served(&un)) {
        rv_error_set(err, -EADDRINUSE,
                     "another rayvisord serves %s: stop it, or give this one a runtimeDir of its own (--runtime-dir)",
                     rv_buf_cstr(&path));
        return NULL;
    }
    struct control *c = rv_alloc(sizeof *c);
    c->s = s;
    c->reload = reload;
    c->path = rv_strdup(rv_buf_str(&path));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(c->path);
    mode_t old = umask(0177);
    int r = c->fd >= 0 ? bind(c->fd, (struct sockaddr *)&un, sizeof un) : -1;
    umask(old);
    if (r != 0 || listen(c->fd, 8) != 0) {
        rv_error_set(err, -errno, "cannot listen on %s: %s", c->path, strerror(errno));
        return control_free(c);
    }
    c->watch = rv_loop_fd(s->loop, c->fd, RV_LOOP_READ, on_connect, c);
    return c;
}

struct control *control_free(struct control *c) {
    if (c == NULL) return NULL;
    while (c->clients != NULL) client_close(c->clients); /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
    rv_watch_free(c->watch);
    if (c->watch != NULL) unlink(c->path);
    rv_closep(&c->fd);
    free(c->path);
    free(c);
    return NULL;
}
