/* commands.c - the tables of command.h, and how they are searched. */
#include "command.h"

#include "ipc/base/nearest.h"

const struct ctl_option ctl_options[] = {
    {'o', true, true, "output", "how the answer is printed", CTL_OUTPUT},
    {'s', false, false, "socket", "the control socket of rayvisord", CTL_FILE},
    {'h', true, true, "help", "more about a command", CTL_FLAG},
    {'V', false, true, "version", "the version of this program", CTL_FLAG},
    {'n', true, false, "namespace", "the namespace of the object", CTL_NAMESPACE},
    {'A', true, false, "all-namespaces", "objects of all namespaces", CTL_FLAG},
    {'k', false, false, "kubeconfig", "the kubeconfig; as kubectl, otherwise $KUBECONFIG or ~/.kube/config", CTL_FILE},
    {'K', false, false, "context", "the context of the kubeconfig", CTL_TEXT},
    {'O', false, false, "out", "the folder to make", CTL_FILE},
    {'c', false, false, "config", "the configuration of a sandbox", CTL_FILE},
};
const size_t ctl_option_n = RV_ARRAY_LEN(ctl_options);

#define TABLE_OR_JSON "table json"
const struct ctl_command ctl_commands[] = {
    {"get", "[KIND[/NAME]] [-n NAMESPACE|-A]", "the objects of ray.io, each with what it waits for",
     "KIND is raycluster, rayjob, rayservice or raycronjob (rc, rj, rs, rcj); without it, all of them. Reads the API "
     "server\n"
     "with your kubeconfig. READY is what is ready: workers, endpoints, the job's own status, jobs that go on.\n"
     "-o wide also shows the RayCluster, what its pods ask for, and what is expected next. Colours are for a terminal\n"
     "only; $NO_COLOR switches them off. The default namespace is that of the kubeconfig's context.",
     "nAkK", "table wide json yaml", CTL_KIND, NULL, ctl_get},
    {"why", "KIND/NAME [-n NAMESPACE]", "what blocks an object, down to the pod, and what is expected when",
     "KIND is raycluster, rayjob, rayservice or raycronjob (rc, rj, rs, rcj). Reads the API server with your "
     "kubeconfig, "
     "so\n"
     "you see what you may read. Each line has an object, its state (well, waits, faulty, at rest) and one sentence.\n"
     "A pod that blocks also has its newest warning. The last line names the lowest thing that blocks:\n"
     "rayvisorctl why rj/hello -n team-a. The default namespace is that of the kubeconfig's context.",
     "nkK", "table json yaml", CTL_OBJECT, NULL, ctl_why},
    {"status", "", "the state of the operator: plugins, watches, actions",
     "Shows whether it is ready, and if not, why; whether it leads or stands by; each plugin with its quarantined "
     "objects,\n"
     "last deaths and refused settings; and each watch with its state. The exit status is 1 if it is not ready.",
     "s", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_status},
    {"plugins", "", "the plugins, their deaths and quarantined objects",
     "With -o json it also shows the last 32 deaths of each (when, why, on which object), settings in force and "
     "grants.",
     "s", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_plugins},
    {"explain", "KIND/NAME [-n NAMESPACE]", "what each plugin last decided for an object and what it waits for",
     "KIND is the kind, its plural, lower-case or short name (rc, rj, rs, rcj): rayvisorctl explain raycluster/demo -n "
     "team-a\n"
     "The default namespace is \"default\". Each plugin that decides something about the kind answers;\n"
     "with -o json the answers are in \"plugins\". The exit status is 1 if no plugin knows such an object.",
     "ns", TABLE_OR_JSON, CTL_OBJECT, NULL, ctl_explain},
    {"history", "KIND/NAME [-n NAMESPACE]", "the last things that happened to an object, also after its deletion",
     "One line for each: when, by which plugin, why it was reconciled (which object changed, results, its time), what "
     "was\n"
     "written or asked of Ray, the result, how long it took and how long it waited for its turn. Kept in memory, "
     "within\n"
     "the bounds of `history` in the configuration, and for an hour after the object was deleted:\n"
     "rayvisorctl history rc/demo -n team-a",
     "ns", TABLE_OR_JSON, CTL_OBJECT, NULL, ctl_history},
    {"leaks", "[-n NAMESPACE]", "clusters that hold GPUs and CPUs and do nothing with them",
     "A cluster whose job has ended (job-ended), whose head is lost (head-lost), or whose workers have all been idle "
     "for "
     "five\n"
     "minutes while nothing waits (idle, where the plugin autoscaler asks its head); since when, and the GPU- and "
     "CPU-minutes\n"
     "that its present pods have held since. Without -n, of all namespaces. Metrics: rayvisor_leaked_*.",
     "ns", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_leaks},
    {"tap", "[TOPIC...]", "what happens, as it happens: changes, passes, requests, results",
     "Needs tap.enabled in the configuration. TOPIC is change, pass, request or result; without it, all of them. Says "
     "how\n"
     "many messages were lost where it was too slow. With -o json one JSON document a line, as observers get it.",
     "s", TABLE_OR_JSON, CTL_WORD, "change pass request result", ctl_tap},
    {"report", "[--out FOLDER] [-n NAMESPACE]", "a folder with what support needs, without secrets",
     "Versions, configuration, status, plugins, the operator's last log lines, and the objects of ray.io with what "
     "each\n"
     "plugin decided for them and what blocks them. Without -n, of all namespaces. Secrets are not read; values of\n"
     "environment variables, HTTP headers and annotations, and whatever sounds like a secret, are masked. README.txt "
     "in\n"
     "the folder says what could not be read. Look through it, then: tar czf report.tgz FOLDER",
     "nkKOs", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_report},
    {"reload", "", "read the configuration file again",
     "A file that is not valid is refused with file, line and column, and the running configuration stays. Running "
     "plugins\n"
     "accept new settings, or refuse them; `rayvisorctl plugins` shows what was refused. SIGHUP does the same.",
     "s", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_reload},
    {"release", "PLUGIN NAMESPACE/NAME", "end the quarantine of an object",
     "An object on which its plugin died twice is left alone until the object, or the plugin's library or settings,\n"
     "change, or until this command.",
     "s", TABLE_OR_JSON, CTL_PLUGIN, NULL, ctl_release},
    {"twin", "[KIND/NAME] [-n NAMESPACE]", "what an operator that writes nothing would do otherwise than another one",
     "Asks a rayvisord whose mode is twin. Each line is a field in which an object differs from what rayvisord would "
     "make of\n"
     "it: ours, theirs, and the reason where one is known. A difference that is younger than twin.graceSeconds does "
     "not "
     "count.\n"
     "The last line is the summary. The exit status is 1 if a difference is unexplained. Without KIND/NAME, of all "
     "objects:\n"
     "rayvisorctl twin rc/demo -n team-a",
     "ns", TABLE_OR_JSON, CTL_OBJECT, NULL, ctl_twin},
    {"sandbox", "up [--config FILE]|down|status|kubeconfig", "an embedded cluster with an operator on this machine",
     "up starts both in the background, with the default configuration or that of --config. down stops them, status\n"
     "shows what runs, and kubeconfig prints the path of the kubeconfig:\n"
     "export KUBECONFIG=$(rayvisorctl sandbox kubeconfig). $RAYVISOR_SANDBOX_DIR names another folder for all files.",
     "c", TABLE_OR_JSON, CTL_WORD, "up down status kubeconfig", ctl_sandbox},
    {"completion", "bash|zsh|fish", "a script with which a shell completes commands, options and names",
     "bash: source <(rayvisorctl completion bash), or as a file in /usr/share/bash-completion/completions\n"
     "zsh: as a file _rayvisorctl in a folder of $fpath; fish: rayvisorctl completion fish | source\n"
     "kubectl 1.26 and later completes `kubectl rayvisor` itself, by kubectl_complete-rayvisor, which is installed, "
     "too.",
     "", NULL, CTL_WORD, "bash zsh fish", ctl_completion},
    {"help", "[COMMAND]", "this list, or more about one command", "The same as COMMAND --help.", "", NULL, CTL_COMMAND,
     NULL, ctl_help},
    {"version", "", "the version of rayvisorctl",
     "The same as --version. For the version of the running operator: rayvisorctl status", "", TABLE_OR_JSON,
     CTL_NOTHING, NULL, ctl_version},
};
const size_t ctl_command_n = RV_ARRAY_LEN(ctl_commands);

const struct ctl_command *ctl_command_find(struct rv_str name) {
    for (size_t i = 0; i < ctl_command_n; i++)
        if (rv_str_is(name, ctl_commands[i].name)) return &ctl_commands[i];
    return NULL;
}

bool ctl_takes(const struct ctl_command *k, const struct ctl_option *o) {
    if (o->value == CTL_OUTPUT) return k == NULL || k->outputs != NULL;
    return o->everywhere || k == NULL || strchr(k->options, o->letter) != NULL;
}

bool ctl_next_word(const char **words, struct rv_str *ret_word) {
    if (*words == NULL) return false;
    *words += strspn(*words, " ");
    *ret_word = (struct rv_str){*words, strcspn(*words, " ")};
    *words += ret_word->n;
    return ret_word->n != 0;
}

bool ctl_has_word(const char *words, struct rv_str word) {
    for (struct rv_str w; ctl_next_word(&words, &w);)
        if (rv_str_eq(w, word)) return true;
    return false;
}

void ctl_list_words(const char *words, const char *given, struct rv_buf *out) {
    struct nearest near = nearest_begin(rv_str(given));
    struct rv_str w;
    for (bool more = ctl_next_word(&words, &w), first = true; more; first = false) {
        struct rv_str next;
        nearest_offer(&near, w);
        more = ctl_next_word(&words, &next);
        rv_buf_addf(out, "%s" RV_STR_FMT, first ? "" : more ? ", " : " and ", RV_STR_ARG(w));
        w = next;
    }
    nearest_hint(&near, out);
}

struct rv_str ctl_named(const struct ctl_context *c, const char *text) {
    static const char own[] = "rayvisorctl";
    rv_autobuf struct rv_buf b = {0};
    for (const char *at; (at = strstr(text, own)) != NULL; text = at + sizeof own - 1) {
        rv_buf_add(&b, text, (size_t)(at - text));
        rv_buf_adds(&b, c->program);
    }
    rv_buf_adds(&b, text);
    return rv_arena_str(c->arena, rv_buf_str(&b));
}
