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
    {'c', false, false, "config", "the configuration of the operator, or of a sandbox", CTL_FILE},
    {'w', true, false, "worker-group", "the worker group, where GROUP is not given", CTL_TEXT},
    {'r', true, false, "replicas", "how many replicas, where N is not given", CTL_NUMBER},
    {0, false, false, "min-replicas", "the least number of replicas of the group", CTL_NUMBER},
    {0, false, false, "max-replicas", "the greatest number of replicas of the group", CTL_NUMBER},
    {0, false, false, "dry-run", "only show what would be done", CTL_FLAG},
    {0, false, false, "no-wait", "do not wait for the outcome", CTL_FLAG},
    {0, false, false, "timeout", "how long to wait, as 90s, 5m or 1h", CTL_DURATION},
    {'f', true, false, "follow", "go on until the job has ended", CTL_FLAG},
    {'f', true, false, "filename", "the manifest, or - for standard input", CTL_FILE},
    {0, false, false, "suspend", "suspend the RayJob even if Ray has the job: its cluster is deleted", CTL_FLAG},
    {0, false, false, "user", "the user name of the operator, whose requests are not judged", CTL_TEXT},
    {0, false, false, "name", "the name of the RayJob; otherwise job- and five characters", CTL_TEXT},
    {0, false, false, "cluster", "run on this RayCluster; otherwise one is made for the job", CTL_TEXT},
    {0, false, false, "image", "the image of head and workers", CTL_TEXT},
    {0, false, false, "ray-version", "the version of Ray, and of the image where none is given", CTL_TEXT},
    {0, false, false, "working-dir", "where Ray fetches the code: a URI", CTL_TEXT},
    {0, false, false, "runtime-env", "a file with the runtime environment, in YAML", CTL_FILE},
    {0, false, false, "submission-mode", "K8sJobMode, HTTPMode or SidecarMode", CTL_TEXT},
    {0, false, false, "entrypoint-num-cpus", "processors that Ray reserves for the entrypoint", CTL_NUMBER},
    {0, false, false, "entrypoint-num-gpus", "GPUs that Ray reserves for the entrypoint", CTL_NUMBER},
    {0, false, false, "entrypoint-resources", "other resources of the entrypoint, as JSON", CTL_TEXT},
    {0, false, false, "head-cpu", "of the head (2)", CTL_QUANTITY},
    {0, false, false, "head-memory", "of the head (4Gi)", CTL_QUANTITY},
    {0, false, false, "head-gpu", "NVIDIA GPUs of the head (0)", CTL_QUANTITY},
    {0, false, false, "worker-replicas", "how many workers (1)", CTL_NUMBER},
    {0, false, false, "worker-cpu", "of each worker (2)", CTL_QUANTITY},
    {0, false, false, "worker-memory", "of each worker (4Gi)", CTL_QUANTITY},
    {0, false, false, "worker-gpu", "NVIDIA GPUs of each worker (0)", CTL_QUANTITY},
    {0, false, false, "keep-cluster", "leave the job's cluster after the job", CTL_FLAG},
    {0, false, false, "ttl-seconds-after-finished", "how long the cluster stays after the job", CTL_NUMBER},
};
_Static_assert(RV_ARRAY_LEN(ctl_options) <= CTL_OPTION_MAX, "each has a place in ctl_context.values");
const size_t ctl_option_n = RV_ARRAY_LEN(ctl_options);

#define TABLE_OR_JSON "table json"
const struct ctl_command ctl_commands[] = {
    {"get", "[KIND[/NAME]] [-n NAMESPACE|-A]", "the objects of ray.io, each with what it waits for",
     "KIND is raycluster, rayjob, rayservice or raycronjob (rc, rj, rs, rcj); without it, all of them. Reads the API "
     "server\n"
     "with your kubeconfig. READY is what is ready: workers, endpoints, the job's own status, jobs that go on.\n"
     "-o wide also shows the RayCluster, what its pods ask for, and what is expected next. Colours are for a terminal\n"
     "only; $NO_COLOR switches them off. The default namespace is that of the kubeconfig's context.",
     "namespace all-namespaces kubeconfig context", "table wide json yaml", CTL_KIND, NULL, ctl_get},
    {"why", "KIND/NAME [-n NAMESPACE]", "what blocks an object, down to the pod, and what is expected when",
     "KIND is raycluster, rayjob, rayservice or raycronjob (rc, rj, rs, rcj). Reads the API server with your "
     "kubeconfig, "
     "so\n"
     "you see what you may read. Each line has an object, its state (well, waits, faulty, at rest) and one sentence.\n"
     "A pod that blocks also has its newest warning. The last line names the lowest thing that blocks:\n"
     "rayvisorctl why rj/hello -n team-a. The default namespace is that of the kubeconfig's context.",
     "namespace kubeconfig context", "table json yaml", CTL_OBJECT, NULL, ctl_why},
    {"plan", "[-f FILE] [-n NAMESPACE|-A]", "what would change if a manifest were applied",
     "Asks the controllers themselves, on this machine, what they would do with a snapshot of the namespace: what is "
     "created,\n"
     "deleted, replaced and edited, what is refused or has no effect yet, and the pods, CPUs, memory and GPUs at the "
     "peak.\n"
     "New pods are taken as if they became ready at once; Ray itself is not asked. Nothing is written, and no operator "
     "has\n"
     "to run. FILE may have several documents; - is standard input. Without -f: what this version of the operator "
     "would do\n"
     "with the objects as they are. --config is the operator's configuration, otherwise its defaults. Exit status for "
     "CI:\n"
     "0 nothing changes, 2 something changes, 1 an error, or a manifest that is refused: rayvisorctl plan -f demo.yaml",
     "filename namespace all-namespaces kubeconfig context config", "table wide json yaml", CTL_NOTHING, NULL,
     ctl_plan},
    {"scale", "CLUSTER GROUP N [-n NAMESPACE]", "change the number of replicas of a worker group",
     "Shows what changes, and what the pods ask for; then waits until the workers are ready. Bounds may be changed "
     "with "
     "the\n"
     "number, or alone: rayvisorctl scale demo workers 8 --max-replicas 10. GROUP may be left out if there is only "
     "one.\n"
     "A number outside of the bounds is refused, and so is any number of a cluster that Ray's autoscaler scales.\n"
     "The flags are those of kubectl ray's scale cluster. The exit status is 1 if the workers are not ready in time "
     "(5m).",
     "namespace kubeconfig context worker-group replicas min-replicas max-replicas dry-run no-wait timeout", NULL,
     CTL_CLUSTER, NULL, ctl_scale},
    {"job submit", "[OPTIONS] -- COMMAND...", "create a RayJob, wait for it and follow its log",
     "Makes a cluster for the job, which is deleted after it (--keep-cluster leaves it), or uses that of --cluster.\n"
     "COMMAND is what Ray runs; a single word is taken as a line for a shell. --dry-run prints the manifest.\n"
     "A folder of this machine cannot be uploaded: --working-dir is a URI that Ray can fetch, such as\n"
     "rayvisorctl job submit --working-dir https://example.com/code.zip -- python train.py --epochs 3\n"
     "Ctrl-C ends the waiting, not the job. The exit status is 0 only if the job has succeeded (with --no-wait, been "
     "created).",
     "namespace kubeconfig context dry-run no-wait timeout name cluster image ray-version working-dir runtime-env "
     "submission-mode entrypoint-num-cpus entrypoint-num-gpus entrypoint-resources head-cpu head-memory head-gpu "
     "worker-replicas worker-cpu worker-memory worker-gpu keep-cluster ttl-seconds-after-finished",
     NULL, CTL_NOTHING, NULL, ctl_job_submit},
    {"job logs", "RAYJOB [-f] [-n NAMESPACE]", "what a job has printed",
     "The log of the pod that submits the job; where there is none, that of Ray's dashboard, through the API server's "
     "proxy.\n"
     "With -f until the job has ended; the exit status is then 0 only if it has succeeded.",
     "namespace kubeconfig context follow", NULL, CTL_JOB, NULL, ctl_job_logs},
    {"job stop", "RAYJOB [-n NAMESPACE]", "stop a job and keep its record",
     "Ray is asked to stop the job, by its dashboard through the API server's proxy. The RayJob then ends as Complete, "
     "with\n"
     "the job's status STOPPED, and its cluster is kept or deleted as its spec says. A job that Ray has not got yet "
     "is\n"
     "suspended (spec.suspend), if its spec allows that. Waits until it has ended (2m).",
     "namespace kubeconfig context suspend no-wait timeout", NULL, CTL_JOB, NULL, ctl_job_stop},
    {"session", "[KIND/]NAME [-n NAMESPACE]", "ports of a cluster on this machine",
     "Forwards the dashboard (8265), clients (10001) and applications (8000) of a RayCluster, of the RayCluster of a "
     "RayJob,\n"
     "or of a RayService, by `kubectl port-forward`, until Ctrl-C. The connection is made again when its pod goes.\n"
     "KIND is raycluster where it is left out. It needs kubectl in a folder of $PATH.",
     "namespace kubeconfig context", NULL, CTL_OBJECT, NULL, ctl_session},
    {"status", "", "the state of the operator: plugins, watches, actions",
     "Shows whether it is ready, and if not, why; whether it leads or stands by; each plugin with its quarantined "
     "objects,\n"
     "last deaths and refused settings; and each watch with its state. The exit status is 1 if it is not ready.",
     "socket", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_status},
    {"plugins", "", "the plugins, their deaths and quarantined objects",
     "With -o json it also shows the last 32 deaths of each (when, why, on which object), settings in force and "
     "grants.",
     "socket", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_plugins},
    {"explain", "KIND/NAME [-n NAMESPACE]", "what each plugin last decided for an object and what it waits for",
     "KIND is the kind, its plural, lower-case or short name (rc, rj, rs, rcj): rayvisorctl explain raycluster/demo -n "
     "team-a\n"
     "The default namespace is \"default\". Each plugin that decides something about the kind answers;\n"
     "with -o json the answers are in \"plugins\". The exit status is 1 if no plugin knows such an object.",
     "namespace socket", TABLE_OR_JSON, CTL_OBJECT, NULL, ctl_explain},
    {"history", "KIND/NAME [-n NAMESPACE]", "the last things that happened to an object, also after its deletion",
     "One line for each: when, by which plugin, why it was reconciled (which object changed, results, its time), what "
     "was\n"
     "written or asked of Ray, the result, how long it took and how long it waited for its turn. Kept in memory, "
     "within\n"
     "the bounds of `history` in the configuration, and for an hour after the object was deleted:\n"
     "rayvisorctl history rc/demo -n team-a",
     "namespace socket", TABLE_OR_JSON, CTL_OBJECT, NULL, ctl_history},
    {"leaks", "[-n NAMESPACE]", "clusters that hold GPUs and CPUs and do nothing with them",
     "A cluster whose job has ended (job-ended), whose head is lost (head-lost), or whose workers have all been idle "
     "for "
     "five\n"
     "minutes while nothing waits (idle, where the plugin autoscaler asks its head); since when, and the GPU- and "
     "CPU-minutes\n"
     "that its present pods have held since. Without -n, of all namespaces. Metrics: rayvisor_leaked_*.",
     "namespace socket", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_leaks},
    {"tap", "[TOPIC...]", "what happens, as it happens: changes, passes, requests, results",
     "Needs tap.enabled in the configuration. TOPIC is change, pass, request or result; without it, all of them. Says "
     "how\n"
     "many messages were lost where it was too slow. With -o json one JSON document a line, as observers get it.",
     "socket", TABLE_OR_JSON, CTL_WORD, "change pass request result", ctl_tap},
    {"report", "[--out FOLDER] [-n NAMESPACE]", "a folder with what support needs, without secrets",
     "Versions, configuration, status, plugins, the operator's last log lines, and the objects of ray.io with what "
     "each\n"
     "plugin decided for them and what blocks them. Without -n, of all namespaces. Secrets are not read; values of\n"
     "environment variables, HTTP headers and annotations, and whatever sounds like a secret, are masked. README.txt "
     "in\n"
     "the folder says what could not be read. Look through it, then: tar czf report.tgz FOLDER",
     "namespace kubeconfig context out socket", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_report},
    {"reload", "", "read the configuration file again",
     "A file that is not valid is refused with file, line and column, and the running configuration stays. Running "
     "plugins\n"
     "accept new settings, or refuse them; `rayvisorctl plugins` shows what was refused. SIGHUP does the same.",
     "socket", TABLE_OR_JSON, CTL_NOTHING, NULL, ctl_reload},
    {"release", "PLUGIN NAMESPACE/NAME", "end the quarantine of an object",
     "An object on which its plugin died twice is left alone until the object, or the plugin's library or settings,\n"
     "change, or until this command.",
     "socket", TABLE_OR_JSON, CTL_PLUGIN, NULL, ctl_release},
    {"twin", "[KIND/NAME] [-n NAMESPACE]", "what an operator that writes nothing would do otherwise than another one",
     "Asks a rayvisord whose mode is twin. Each line is a field in which an object differs from what rayvisord would "
     "make of\n"
     "it: ours, theirs, and the reason where one is known. A difference that is younger than twin.graceSeconds does "
     "not "
     "count.\n"
     "The last line is the summary. The exit status is 1 if a difference is unexplained. Without KIND/NAME, of all "
     "objects:\n"
     "rayvisorctl twin rc/demo -n team-a",
     "namespace socket", TABLE_OR_JSON, CTL_OBJECT, NULL, ctl_twin},
    {"admission-policy", "[--user NAME]", "the controllers' rules about single fields, as ValidatingAdmissionPolicies",
     "Prints a ValidatingAdmissionPolicy and its binding for each kind, for kubectl apply -f -. The API server judges "
     "them\n"
     "without asking anybody. They are printed from the table that the controllers use, so both say the same; rules "
     "that\n"
     "need more than fields are left to the webhook and to the controllers. --user is the operator's own name:\n"
     "rayvisorctl admission-policy --user system:serviceaccount:ray:rayvisor",
     "user", NULL, CTL_NOTHING, NULL, ctl_admission_policy},
    {"sandbox", "up [--config FILE]|down|status|kubeconfig", "an embedded cluster with an operator on this machine",
     "up starts both in the background, with the default configuration or that of --config. down stops them, status\n"
     "shows what runs, and kubeconfig prints the path of the kubeconfig:\n"
     "export KUBECONFIG=$(rayvisorctl sandbox kubeconfig). $RAYVISOR_SANDBOX_DIR names another folder for all files.",
     "config", TABLE_OR_JSON, CTL_WORD, "up down status kubeconfig", ctl_sandbox},
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
    return o->everywhere || k == NULL || ctl_has_word(k->options, rv_str(o->name));
}

bool ctl_has_letter(const struct ctl_option *o, const struct ctl_command *k) {
    const struct ctl_option *means = NULL;
    for (size_t i = 0; i < ctl_option_n && o->is_short; i++) {
        const struct ctl_option *x = &ctl_options[i];
        if (!x->is_short || x->letter != o->letter) continue;
        if (means == NULL || (k != NULL && ctl_takes(k, x) && !ctl_takes(k, means))) means = x;
    }
    return means == o;
}

const struct ctl_option *ctl_option_of(const char *word, const struct ctl_command *k) {
    for (size_t i = 0; i < ctl_option_n; i++) {
        const struct ctl_option *o = &ctl_options[i];
        bool is_long = strncmp(word, "--", 2) == 0 && strcmp(word + 2, o->name) == 0,
             is_short = word[0] == '-' && word[1] != 0 && word[1] == o->letter && word[2] == 0 && ctl_has_letter(o, k);
        if (is_long || is_short) return o;
    }
    return NULL;
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

const struct ctl_command *ctl_command_of(int n, char **words, int *ret_used) {
    for (size_t i = 0; i < ctl_command_n; i++) {
        struct rv_str second = n > 1 ? ctl_second_word(&ctl_commands[i], rv_str(words[0])) : (struct rv_str){0};
        *ret_used = second.n != 0 ? 2 : 1;
        if (second.n != 0 ? rv_str_is(second, words[1]) : n > 0 && strcmp(words[0], ctl_commands[i].name) == 0)
            return &ctl_commands[i];
    }
    return NULL;
}

struct rv_str ctl_second_word(const struct ctl_command *k, struct rv_str group) {
    const char *words = k->name;
    struct rv_str first = {0}, second = {0};
    (void)ctl_next_word(&words, &first);
    return rv_str_eq(first, group) && ctl_next_word(&words, &second) ? second : (struct rv_str){0};
}

const char *ctl_value(const struct ctl_context *c, const char *option) {
    for (size_t i = 0; i < ctl_option_n; i++)
        if (strcmp(ctl_options[i].name, option) == 0) return c->values[i];
    return NULL;
}

int ctl_number(struct ctl_context *c, const char *option, int64_t min, int64_t max, int64_t fallback, int64_t *ret) {
    const char *text = ctl_value(c, option);
    *ret = fallback;
    if (text == NULL || rv_str_to_int(rv_str(text), min, max, ret) == 0) return 0;
    return rv_error_set(&c->err, -CTL_USAGE, "--%s is \"%s\", not a number from %lld to %lld", option, text,
                        (long long)min, (long long)max);
}

int ctl_duration(struct ctl_context *c, const char *option, int64_t fallback_ms, int64_t *ret) {
    enum { MAX_S = 30 * 86400 };
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}};
    const char *text = ctl_value(c, option);
    struct rv_str digits = rv_str(text);
    int64_t n, unit = 1000;
    *ret = fallback_ms;
    if (text == NULL) return 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(units) && digits.n != 0; i++) {
        if (digits.p[digits.n - 1] != units[i].letter) continue;
        unit = units[i].ms;
        digits.n--;
        break;
    }
    if (rv_str_to_int(digits, 0, MAX_S, &n) != 0 || n * unit > MAX_S * INT64_C(1000))
        return rv_error_set(&c->err, -CTL_USAGE, "--%s is \"%s\", not a time such as 90s, 5m or 1h", option, text);
    *ret = n * unit;
    return 0;
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
