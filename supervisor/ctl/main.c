/* main.c - rayvisorctl: queries a running rayvisord, and starts and stops the sandbox.
 *
 * Exit status: 0 success; 1 the answer was an error, or nothing was found; 64 the command line is wrong. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/nearest.h"
#include "ipc/base/options.h"
#include "ipc/base/visible.h"
#include "sandbox.h"

enum { EXIT_USAGE = 64 };

struct context {
    struct rv_arena *arena;
    const char *socket, *ns;
    const char *config; /* the configuration of a sandbox */
    bool json, help;
    int argc;
    char **argv; /* the arguments after the command's name */
    struct rv_error err;
};

static const char *socket_path(struct context *c) {
    const char *runtime = getenv("RAYVISOR_RUNTIME_DIR");
    if (c->socket != NULL) return c->socket;
    if (runtime != NULL && runtime[0] != 0) return rv_arena_fmt(c->arena, "%s/control.sock", runtime).p;
    const char *sandbox = rv_arena_fmt(c->arena, "%s/run/control.sock", sandbox_dir(c->arena).p).p;
    return access(sandbox, F_OK) == 0 ? sandbox : "/run/rayvisor/control.sock";
}

static int ask_supervisor(struct context *c, const char *request, struct rv_val *ret) {
    rv_autobuf struct rv_buf out = {0};
    int r = ctl_ask(socket_path(c), rv_str(request), &out, &c->err);
    if (r != 0) return r;
    rv_autobuf struct rv_buf shown = {0}; /* for a terminal; print_json() escapes JSON in its own way */
    if (!c->json) rv_visible_val((struct rv_val){out.p, out.n}, &shown);
    struct rv_str kept = rv_arena_str(c->arena, rv_buf_str(c->json ? &out : &shown));
    *ret = (struct rv_val){(const uint8_t *)kept.p, kept.n};
    return 0;
}

/* Sends a request about one object, with one more member for the kind or the plugin. */
static int ask_about(struct context *c, const char *cmd, const char *member, struct rv_str value, struct rv_str ns,
                     const char *name, struct rv_val *ret) {
    rv_autobuf struct rv_buf q = {0};
    struct jsonw w = {.out = &q};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "cmd", cmd);
    jsonw_str(&w, member, value);
    jsonw_str(&w, "namespace", ns);
    jsonw_text(&w, "name", name);
    jsonw_end_object(&w);
    return ask_supervisor(c, rv_buf_cstr(&q), ret);
}

static bool print_json(struct context *c, struct rv_val v) {
    if (!c->json || !rv_val_present(v)) return false;
    rv_autobuf struct rv_buf b = {0}, shown = {0};
    rv_json_write_pretty(v, &b);
    rv_visible(rv_buf_str(&b), RV_VISIBLE_LINES, &shown);
    fwrite(shown.p, 1, shown.n, stdout);
    return true;
}

/* Prints the newest deaths. -o json has the last 32. */
static void death_lines(struct rv_val deaths) {
    int left = 5;
    for (struct rv_iter d = rv_iter(deaths); left-- > 0 && rv_iter_next(&d);) {
        struct rv_str doing = rv_path_str(d.val, "while"), key = rv_path_str(d.val, "key");
        printf("  died " RV_STR_FMT ": " RV_STR_FMT " (" RV_STR_FMT ")%s" RV_STR_FMT "%s" RV_STR_FMT "\n",
               RV_STR_ARG(rv_path_str(d.val, "at")), RV_STR_ARG(rv_path_str(d.val, "how")),
               RV_STR_ARG(rv_path_str(d.val, "cause")), doing.n != 0 ? " in " : "", RV_STR_ARG(doing),
               key.n != 0 ? " of " : "", RV_STR_ARG(key));
    }
}

static void plugin_table(struct rv_val plugins) {
    printf("%-16s %-10s %-10s %-8s %8s %8s %9s %8s  %s\n", "PLUGIN", "VERSION", "STATE", "PID", "OBJECTS", "QUEUED",
           "RESTARTS", "MEMORY", "LAST EXIT");
    for (struct rv_iter it = rv_iter(plugins); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "name"), version = rv_path_str(it.val, "version"),
                      state = rv_path_str(it.val, "state"), last = rv_path_str(it.val, "lastExit");
        printf("%-16.*s %-10.*s %-10.*s %-8lld %8lld %8lld %9lld %6lldKi  %.*s\n", (int)name.n, name.p, (int)version.n,
               version.p, (int)state.n, state.p, (long long)rv_path_int(it.val, "pid", 0),
               (long long)rv_path_int(it.val, "objects", 0), (long long)rv_path_int(it.val, "queued", 0),
               (long long)rv_path_int(it.val, "restarts", 0), (long long)rv_path_int(it.val, "memoryBytes", 0) / 1024,
               RV_STR_ARG(last));
        struct rv_str why = rv_path_str(it.val, "reason");
        if (why.n != 0) printf("  " RV_STR_FMT ": " RV_STR_FMT "\n", RV_STR_ARG(state), RV_STR_ARG(why));
        for (struct rv_iter q = rv_iter(rv_val_get(it.val, "quarantined")); rv_iter_next(&q);)
            printf("  quarantined: " RV_STR_FMT " " RV_STR_FMT "/" RV_STR_FMT " since " RV_STR_FMT " (" RV_STR_FMT
                   ")\n",
                   RV_STR_ARG(rv_path_str(q.val, "kind")), RV_STR_ARG(rv_path_str(q.val, "namespace")),
                   RV_STR_ARG(rv_path_str(q.val, "name")), RV_STR_ARG(rv_path_str(q.val, "since")),
                   RV_STR_ARG(rv_path_str(q.val, "reason")));
        death_lines(rv_val_get(it.val, "deaths"));
        struct rv_str refused = rv_path_str(it.val, "settingsRefused");
        if (refused.n != 0) printf("  settings refused: " RV_STR_FMT "\n", RV_STR_ARG(refused));
    }
}

static int cmd_status(struct context *c) {
    struct rv_val v;
    int r = ask_supervisor(c, "{\"cmd\":\"status\"}", &v);
    if (r != 0) return r;
    bool ready = rv_path_bool(v, "ready", false);
    if (!ready) r = rv_error_set(&c->err, RV_E_UNAVAILABLE, "not ready");
    if (print_json(c, v)) return r;
    printf("rayvisord " RV_STR_FMT ", pid %lld, up %lld s: %s" RV_STR_FMT "\n", RV_STR_ARG(rv_path_str(v, "version")),
           (long long)rv_path_int(v, "pid", 0), (long long)rv_path_int(v, "uptimeSeconds", 0),
           ready ? "ready" : "not ready: ", RV_STR_ARG(rv_path_str(v, "reason")));
    struct rv_str refused = rv_path_str(v, "configuration.refused");
    if (refused.n != 0)
        printf("the configuration file is refused, the one before stays in force until the next start: " RV_STR_FMT
               "\n",
               RV_STR_ARG(refused));
    struct rv_val lead = rv_val_get(v, "leadership");
    if (rv_path_bool(lead, "enabled", false)) {
        struct rv_str holder = rv_path_str(lead, "holder");
        bool leads = rv_path_bool(lead, "leader", false);
        printf("%s" RV_STR_FMT "%s\n", leads ? "leads as " : "stands by: ", RV_STR_ARG(holder),
               leads           ? ""
               : holder.n != 0 ? " leads"
                               : "nobody leads yet");
    }
    struct rv_str because = rv_path_str(lead, "otherOperator.standsByBecause");
    if (because.n != 0)
        printf("stands by: " RV_STR_FMT "\n", RV_STR_ARG(because));
    else if (rv_path_bool(lead, "otherOperator.active", false))
        printf("acts although another operator, " RV_STR_FMT ", renews Lease " RV_STR_FMT "/" RV_STR_FMT "\n",
               RV_STR_ARG(rv_path_str(lead, "otherOperator.holder")),
               RV_STR_ARG(rv_path_str(lead, "otherOperator.namespace")),
               RV_STR_ARG(rv_path_str(lead, "otherOperator.lease")));
    if (rv_path_int(v, "httpPort", 0) != 0)
        printf("health and metrics on port %lld (/healthz, /readyz, /metrics)\n",
               (long long)rv_path_int(v, "httpPort", 0));
    printf("API server " RV_STR_FMT "; %lld objects, %lld KiB cached; actions: %lld queued, %lld in flight, %lld done, "
           "%lld failed, %lld denied\n\n",
           RV_STR_ARG(rv_path_str(v, "kubernetes.server")), (long long)rv_path_int(v, "store.objects", 0),
           (long long)rv_path_int(v, "store.bytes", 0) / 1024, (long long)rv_path_int(v, "actions.queued", 0),
           (long long)rv_path_int(v, "actions.inFlight", 0), (long long)rv_path_int(v, "actions.done", 0),
           (long long)rv_path_int(v, "actions.failed", 0), (long long)rv_path_int(v, "actions.denied", 0));
    plugin_table(rv_val_get(v, "plugins"));
    printf("\n%-16s %-14s %-44s %-10s %8s  %s\n", "WATCH", "NAMESPACE", "SELECTOR", "STATE", "OBJECTS", "REASON");
    for (struct rv_iter it = rv_iter(rv_val_path(v, "kubernetes.watches")); rv_iter_next(&it);) {
        struct rv_str resource = rv_path_str(it.val, "resource"), ns = rv_path_str(it.val, "namespace"),
                      selector = rv_path_str(it.val, "selector"), state = rv_path_str(it.val, "state");
        printf("%-16.*s %-14.*s %-44.*s %-10.*s %8lld  " RV_STR_FMT "\n", (int)resource.n, resource.p,
               ns.n != 0 ? (int)ns.n : 3, ns.n != 0 ? ns.p : "all", (int)selector.n, selector.p, (int)state.n, state.p,
               (long long)rv_path_int(it.val, "objects", 0), RV_STR_ARG(rv_path_str(it.val, "why")));
    }
    return r;
}

static int cmd_plugins(struct context *c) {
    struct rv_val v;
    int r = ask_supervisor(c, "{\"cmd\":\"plugins\"}", &v);
    if (r == 0 && !print_json(c, v)) plugin_table(rv_val_get(v, "plugins"));
    return r;
}

/* Prints the answer of one plugin. */
static void print_view(struct rv_val v, const char *ns, const char *name) {
    struct rv_str error = rv_path_str(v, "error"), decided = rv_path_str(v, "decidedAt");
    printf(RV_STR_FMT " %s/%s (plugin " RV_STR_FMT "): ", RV_STR_ARG(rv_path_str(v, "kind")), ns, name,
           RV_STR_ARG(rv_path_str(v, "plugin")));
    if (error.n != 0 || !rv_path_bool(v, "found", false)) {
        printf(RV_STR_FMT "\n", RV_STR_ARG(error.n != 0 ? error : RV_STR("not known to it")));
        return;
    }
    printf(RV_STR_FMT, RV_STR_ARG(rv_path_str(v, "state")));
    int64_t next = rv_path_int(v, "nextMs", -1), retries = rv_path_int(v, "retries", 0);
    if (retries > 0) printf(", failed %lld times in a row", (long long)retries);
    bool settled = rv_str_is(rv_path_str(v, "state"), "settled"); /* the next pass comes only because time passes */
    if (next >= 0 && !settled) printf(", looked at again in %.1f s at the latest", (double)next / 1000);
    printf("\nlast decided at " RV_STR_FMT ":\n", RV_STR_ARG(decided.n != 0 ? decided : RV_STR("(not yet)")));
    for (struct rv_iter it = rv_iter(rv_val_get(v, "lines")); rv_iter_next(&it);)
        printf("  - " RV_STR_FMT "\n", RV_STR_ARG(rv_val_str(it.val)));
}

static int cmd_explain(struct context *c) {
    const char *slash = c->argc == 1 ? strchr(c->argv[0], '/') : NULL;
    if (slash == NULL)
        return rv_error_set(
            &c->err, -EXIT_USAGE,
            "say what to explain as KIND/NAME, for example: rayvisorctl explain raycluster/demo -n default");
    struct rv_val v = RV_VAL_ABSENT;
    int r = ask_about(c, "explain", "kind", (struct rv_str){c->argv[0], (size_t)(slash - c->argv[0])}, rv_str(c->ns),
                      slash + 1, &v);
    if (r == 0 && !rv_path_bool(v, "found", false))
        r = rv_error_set(&c->err, RV_E_NOT_FOUND, "plugin " RV_STR_FMT " knows no %s in namespace %s",
                         RV_STR_ARG(rv_path_str(v, "plugin")), c->argv[0], c->ns);
    if (print_json(c, v) || r != 0) return r;
    for (struct rv_iter it = rv_iter(rv_val_get(v, "plugins")); rv_iter_next(&it);)
        print_view(it.val, c->ns, slash + 1);
    return 0;
}

static int cmd_reload(struct context *c) {
    struct rv_val v;
    int r = ask_supervisor(c, "{\"cmd\":\"reload\"}", &v);
    if (r == 0 && !print_json(c, v)) puts("configuration reloaded");
    return r;
}

static int cmd_release(struct context *c) {
    const char *slash = c->argc == 2 ? strchr(c->argv[1], '/') : NULL;
    if (slash == NULL) return rv_error_set(&c->err, -EXIT_USAGE, "say which object as PLUGIN NAMESPACE/NAME");
    struct rv_val v;
    int r = ask_about(c, "release", "plugin", rv_str(c->argv[0]),
                      (struct rv_str){c->argv[1], (size_t)(slash - c->argv[1])}, slash + 1, &v);
    if (r == 0 && !print_json(c, v))
        puts(rv_path_bool(v, "wasQuarantined", false) ? "released" : "it was not quarantined");
    return r;
}

/* Prints a text, or with -o json an object with the text as its only field. */
static int print_text(const struct context *c, const char *field, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    if (c->json) {
        struct jsonw w = {.out = &b};
        jsonw_begin_object(&w, NULL);
        jsonw_text(&w, field, text);
        jsonw_end_object(&w);
    } else {
        rv_buf_adds(&b, text);
    }
    return puts(rv_buf_cstr(&b)) < 0;
}

static int cmd_sandbox(struct context *c) {
    const char *what = c->argc == 1 ? c->argv[0] : "";
    if (c->config != NULL && strcmp(what, "up") != 0)
        return rv_error_set(&c->err, -EXIT_USAGE, "--config belongs to sandbox up");
    if (strcmp(what, "up") == 0) return sandbox_up(c->arena, c->config, c->json, &c->err);
    if (strcmp(what, "down") == 0) return sandbox_down(c->arena, c->json, &c->err);
    if (strcmp(what, "status") == 0) return sandbox_status(c->arena, c->json, &c->err);
    if (strcmp(what, "kubeconfig") == 0) return print_text(c, "kubeconfig", sandbox_kubeconfig(c->arena));
    rv_autobuf struct rv_buf hint = {0};
    struct nearest near = nearest_begin(rv_str(what));
    static const char *const words[] = {"up", "down", "status", "kubeconfig"};
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++) nearest_offer(&near, rv_str(words[i]));
    nearest_hint(&near, &hint);
    return rv_error_set(&c->err, -EXIT_USAGE, "sandbox takes up, down, status or kubeconfig" RV_STR_FMT,
                        RV_STR_ARG(rv_buf_str(&hint)));
}

static int cmd_help(struct context *c);

static int cmd_version(struct context *c) {
    return c->json ? print_text(c, "version", RV_VERSION) : printf("rayvisorctl %s\n", RV_VERSION) < 0;
}

static const struct command {
    const char *name, *args, *help, *more;
    int (*run)(struct context *c);
} commands[] = {
    {"status", "", "the state of the operator: plugins, watches, actions",
     "Shows whether it is ready, and if not, why; whether it leads or stands by; each plugin with its quarantined "
     "objects,\n"
     "last deaths and refused settings; and each watch with its state. The exit status is 1 if it is not ready.",
     cmd_status},
    {"plugins", "", "the plugins, their deaths and quarantined objects",
     "With -o json it also shows the last 32 deaths of each (when, why, on which object), settings in force and "
     "grants.",
     cmd_plugins},
    {"explain", "KIND/NAME [-n NAMESPACE]", "what each plugin last decided for an object and what it waits for",
     "KIND is the kind, its plural or lower-case name: rayvisorctl explain raycluster/demo -n team-a\n"
     "The default namespace is \"default\". Each plugin that decides something about the kind answers;\n"
     "with -o json the answers are in \"plugins\". The exit status is 1 if no plugin knows such an object.",
     cmd_explain},
    {"reload", "", "read the configuration file again",
     "A file that is not valid is refused with file, line and column, and the running configuration stays. Running "
     "plugins\n"
     "accept new settings, or refuse them; `rayvisorctl plugins` shows what was refused. SIGHUP does the same.",
     cmd_reload},
    {"release", "PLUGIN NAMESPACE/NAME", "end the quarantine of an object",
     "An object on which its plugin died twice is left alone until the object, or the plugin's library or settings,\n"
     "change, or until this command.",
     cmd_release},
    {"sandbox", "up [--config FILE]|down|status|kubeconfig", "an embedded cluster with an operator on this machine",
     "up starts both in the background, with the default configuration or that of --config. down stops them, status\n"
     "shows what runs, and kubeconfig prints the path of the kubeconfig:\n"
     "export KUBECONFIG=$(rayvisorctl sandbox kubeconfig). $RAYVISOR_SANDBOX_DIR names another folder for all files.",
     cmd_sandbox},
    {"help", "[COMMAND]", "this list, or more about one command", "The same as COMMAND --help.", cmd_help},
    {"version", "", "the version of rayvisorctl", "For the version of the running operator: rayvisorctl status",
     cmd_version},
};

static int usage(FILE *to) {
    fputs("usage: rayvisorctl [-o json|table] [--socket PATH] COMMAND ...\n\n", to);
    for (size_t i = 0; i < RV_ARRAY_LEN(commands); i++)
        fprintf(to, "  %-8s %-40s %s\n", commands[i].name, commands[i].args, commands[i].help);
    fputs(
        "\nThe socket is --socket, $RAYVISOR_RUNTIME_DIR/control.sock, the sandbox's, or /run/rayvisor/control.sock.\n"
        "Exit status: 0 success, 1 failure, 64 wrong command line. More about a command: rayvisorctl help COMMAND\n",
        to);
    return to == stdout ? 0 : EXIT_USAGE;
}

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < RV_ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0) return &commands[i];
    return NULL;
}

static int no_command(const char *name, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    struct nearest near = nearest_begin(rv_str(name));
    for (size_t i = 0; i < RV_ARRAY_LEN(commands); i++) nearest_offer(&near, rv_str(commands[i].name));
    rv_buf_addf(&text, "there is no command \"%s\"", name);
    nearest_hint(&near, &text);
    return rv_error_set(err, -EXIT_USAGE, "%s%s", rv_buf_cstr(&text),
                        near.best.n != 0 ? "" : ": rayvisorctl help lists them");
}

static int help_of(const struct command *k) {
    printf("usage: rayvisorctl %s%s%s\n\n%s.\n\n%s\n", k->name, k->args[0] != 0 ? " " : "", k->args, k->help, k->more);
    return 0;
}

static int cmd_help(struct context *c) {
    if (c->json) return rv_error_set(&c->err, -EXIT_USAGE, "help is for reading: there is no -o json of it");
    const struct command *k = c->argc == 1 ? find_command(c->argv[0]) : NULL;
    if (k != NULL) return help_of(k);
    if (c->argc == 0) return usage(stdout);
    return no_command(c->argv[0], &c->err);
}

static int parse(int argc, char **argv, struct context *c) {
    static const struct option longs[] = {{"output", 1, NULL, 'o'},    {"socket", 1, NULL, 's'},
                                          {"namespace", 1, NULL, 'n'}, {"config", 1, NULL, 'c'},
                                          {"help", 0, NULL, 'h'},      {NULL, 0, NULL, 0}};
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, "o:n:h", longs, NULL)) != -1;) {
        switch (o) {
        case 'o':
            c->json = strcmp(optarg, "json") == 0;
            if (c->json || strcmp(optarg, "table") == 0) break;
            fprintf(stderr, "rayvisorctl: --output is \"%s\"; accepted are table and json\n", optarg);
            return EXIT_USAGE;
        case 's':
            c->socket = optarg;
            break;
        case 'n':
            c->ns = optarg;
            break;
        case 'c':
            c->config = optarg;
            break;
        case 'h':
            c->help = true;
            break;
        default:
            options_refuse("rayvisorctl", argv, longs);
            return EXIT_USAGE;
        }
    }
    return optind < argc || c->help ? 0 : EXIT_USAGE;
}

int main(int argc, char **argv) {
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct context c = {.arena = arena, .ns = "default"};
    if (parse(argc, argv, &c) != 0) return usage(stderr);
    const struct command *k = optind < argc ? find_command(argv[optind]) : NULL;
    if (c.help && (k != NULL || optind == argc)) return k != NULL ? help_of(k) : usage(stdout);
    if (k == NULL) {
        if (optind < argc && no_command(argv[optind], &c.err) != 0) fprintf(stderr, "rayvisorctl: %s\n\n", c.err.text);
        return usage(stderr);
    }
    c.argc = argc - optind - 1;
    c.argv = argv + optind + 1;
    int r = k->args[0] != 0 || c.argc == 0 ? k->run(&c)
                                           : rv_error_set(&c.err, -EXIT_USAGE, "%s takes no arguments", k->name);
    (void)fflush(stdout); /* keeps the order of standard output and standard error, also through a pipe */
    rv_autobuf struct rv_buf why = {0};
    rv_visible(rv_str(c.err.text), RV_VISIBLE_LINES, &why);
    if (r != 0) fprintf(stderr, "rayvisorctl: %s\n", rv_buf_cstr(&why));
    return r == 0 ? 0 : r == -EXIT_USAGE ? EXIT_USAGE : 1;
}
