/* operator.c - the commands that ask a running rayvisord: status, plugins, explain, reload, release. */
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "hint.h"
#include "ipc/base/json_writer.h"
#include "kinds.h"

/* Sends a request about one object, with one more member for the kind or the plugin. */
static int ask_about(struct ctl_context *c, const char *cmd, const char *member, struct rv_str value, struct rv_str ns,
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

int ctl_status(struct ctl_context *c) {
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
    if (rv_str_is(rv_path_str(v, "mode"), "twin"))
        printf("a twin: it writes nothing and compares, %lld actions withheld; the differences: %s twin\n",
               (long long)rv_path_int(v, "actions.withheld", 0), c->program);
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
    for (struct rv_iter it = rv_iter(rv_val_get(v, "unattended")); rv_iter_next(&it);) {
        struct rv_str ns = rv_path_str(it.val, "namespace"), state = rv_path_str(it.val, "state");
        bool known = rv_str_is(state, "watching");
        printf("nobody works on " RV_STR_FMT "s%s" RV_STR_FMT ": plugin " RV_STR_FMT " is not enabled; ",
               RV_STR_ARG(rv_path_str(it.val, "kind")), ns.n != 0 ? " in namespace " : "", RV_STR_ARG(ns),
               RV_STR_ARG(rv_path_str(it.val, "plugin")));
        if (known)
            printf("objects that wait for it: %lld\n", (long long)rv_path_int(it.val, "objects", 0));
        else
            printf("its objects are not counted (" RV_STR_FMT ")\n", RV_STR_ARG(state));
    }
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

int ctl_plugins(struct ctl_context *c) {
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

/* The user may have no kubeconfig here; then there is no hint. */
static void hint_unknown(struct ctl_context *c, const struct ctl_kind *k, const char *ns, const char *name) {
    struct rv_error why = c->err;
    api_auto struct api *api = k != NULL ? api_open(c, API_COMPLETION_MS) : NULL;
    c->err = why; /* that there is no API server is not what went wrong */
    if (api != NULL) hint_object(c, api, k, ns, rv_str(name), &c->err);
}

int ctl_explain(struct ctl_context *c) {
    struct rv_str kind;
    const char *name, *ns = c->ns != NULL ? c->ns : "default";
    int r = ctl_object_argument(c, "explain", &kind, &name);
    if (r != 0) return r;
    const struct ctl_kind *known = ctl_kind_find(kind);
    struct rv_val v = RV_VAL_ABSENT;
    r = ask_about(c, "explain", "kind", known != NULL ? rv_str(known->singular) : kind, rv_str(ns), name, &v);
    if (r == 0 && !rv_path_bool(v, "found", false)) {
        r = rv_error_set(&c->err, RV_E_NOT_FOUND, "plugin " RV_STR_FMT " knows no " RV_STR_FMT "/%s in namespace %s",
                         RV_STR_ARG(rv_path_str(v, "plugin")), RV_STR_ARG(kind), name, ns);
        hint_unknown(c, known, ns, name);
    }
    if (print_json(c, v) || r != 0) return r;
    for (struct rv_iter it = rv_iter(rv_val_get(v, "plugins")); rv_iter_next(&it);) print_view(it.val, ns, name);
    return 0;
}

int ctl_reload(struct ctl_context *c) {
    struct rv_val v;
    int r = ask_supervisor(c, "{\"cmd\":\"reload\"}", &v);
    if (r == 0 && !print_json(c, v)) puts("configuration reloaded");
    return r;
}

int ctl_release(struct ctl_context *c) {
    const char *slash = c->argc == 2 ? strchr(c->argv[1], '/') : NULL;
    if (slash == NULL) return rv_error_set(&c->err, -CTL_USAGE, "say which object as PLUGIN NAMESPACE/NAME");
    struct rv_val v;
    int r = ask_about(c, "release", "plugin", rv_str(c->argv[0]),
                      (struct rv_str){c->argv[1], (size_t)(slash - c->argv[1])}, slash + 1, &v);
    if (r == 0 && !print_json(c, v))
        puts(rv_path_bool(v, "wasQuarantined", false) ? "released" : "it was not quarantined");
    return r;
}
