/* completion.c - see completion.h. */
#include "completion.h"

#include <stdio.h>

#include "api.h"
#include "ask.h"
#include "kinds.h"

static const char bash_script[] =
    "# bash completion for rayvisorctl, from `rayvisorctl completion bash`.\n"
    "_rayvisorctl() {\n"
    "    local line files= program=${COMP_WORDS[0]/#\\~/$HOME}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :0) files=1 ;;\n"
    "        :*) ;;\n"
    "        *) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
    "        esac\n"
    "    done < <(\"$program\" __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "    if [ -n \"$files\" ]; then mapfile -t COMPREPLY < <(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"); fi\n"
    "    if [[ ${COMPREPLY[0]:-} == */ ]]; then compopt -o nospace 2>/dev/null || true; fi\n"
    "}\n"
    "complete -F _rayvisorctl rayvisorctl kubectl-rayvisor\n";

static const char zsh_script[] =
    "#compdef rayvisorctl kubectl-rayvisor\n"
    "# zsh completion for rayvisorctl, from `rayvisorctl completion zsh`.\n"
    "_rayvisorctl() {\n"
    "    local line files= said\n"
    "    local -a found\n"
    "    for line in \"${(@f)$(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        :0) files=1 ;;\n"
    "        :* | '') ;;\n"
    "        *) said=${${line#*$'\\t'}:-$line}; found+=(\"${${line%%$'\\t'*}//:/\\\\:}:$said\") ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ -n $files ]]; then _files; else _describe rayvisorctl found; fi\n"
    "}\n"
    "if [ \"${funcstack[1]}\" = _rayvisorctl ]; then _rayvisorctl; else compdef _rayvisorctl rayvisorctl "
    "kubectl-rayvisor; fi\n";

static const char fish_script[] = "# fish completion for rayvisorctl, from `rayvisorctl completion fish`.\n"
                                  "function __rayvisorctl_complete\n"
                                  "    set -l words (commandline -opc)\n"
                                  "    set -l current (commandline -ct)\n"
                                  "    set -l found ($words[1] __complete $words[2..-1] \"$current\" 2>/dev/null)\n"
                                  "    if test \"$found[-1]\" = ':0'\n"
                                  "        __fish_complete_path \"$current\"\n"
                                  "    else\n"
                                  "        string match -v -r '^:' -- $found\n"
                                  "    end\n"
                                  "end\n"
                                  "complete -c rayvisorctl -f -a '(__rayvisorctl_complete)'\n"
                                  "complete -c kubectl-rayvisor -f -a '(__rayvisorctl_complete)'\n";

const char *completion_script(const char *shell) {
    if (strcmp(shell, "bash") == 0) return bash_script;
    if (strcmp(shell, "zsh") == 0) return zsh_script;
    return strcmp(shell, "fish") == 0 ? fish_script : NULL;
}

/* ---- what was typed so far -------------------------------------------------------------------------------------- */

struct typed {
    struct ctl_context *c;
    struct rv_str word; /* that is being typed; what begins otherwise is not offered */
    const struct ctl_command *command;
    const char *group;                 /* the first word of a command of two words */
    bool tail;                         /* behind "--" */
    const struct ctl_option *value_of; /* the word is the value of this option */
    int arguments;                     /* complete ones behind the command */
    const char *argument;              /* the first of them */
};

static void take_word(struct typed *t, const char *word) {
    t->tail = t->tail || (t->value_of == NULL && strcmp(word, "--") == 0);
    if (t->tail) return;
    if (t->value_of != NULL) {
        if (strcmp(word, "=") == 0) return; /* bash makes three words of --output=json */
        if (t->value_of->letter == 'n') t->c->ns = word;
        if (t->value_of->letter == 's') t->c->socket = word;
        if (t->value_of->letter == 'k') t->c->kubeconfig = word;
        if (t->value_of->letter == 'K') t->c->kube_context = word;
        t->value_of = NULL;
        return;
    }
    const struct ctl_option *o = ctl_option_of(word, t->command);
    if (o != NULL && o->value != CTL_FLAG) t->value_of = o;
    if (o != NULL || word[0] == '-') return;
    if (t->command == NULL) {
        char *both[] = {(char *)t->group, (char *)word};
        int used;
        t->command = t->group != NULL ? ctl_command_of(2, both, &used) : ctl_command_of(1, both + 1, &used);
        t->group = t->command == NULL && t->group == NULL ? word : NULL;
    } else if (t->arguments++ == 0) {
        t->argument = word;
    }
}

/* ---- what is offered -------------------------------------------------------------------------------------------- */

static void offer(const struct typed *t, const char *prefix, struct rv_str word, const char *help) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, prefix);
    rv_buf_add_str(&b, word);
    if (b.n < t->word.n || (t->word.n != 0 && memcmp(b.p, t->word.p, t->word.n) != 0)) return;
    if (help != NULL) rv_buf_addf(&b, "\t%s", ctl_named(t->c, help).p);
    puts(rv_buf_cstr(&b));
}

static void offer_words(const struct typed *t, const char *words) {
    for (struct rv_str w; ctl_next_word(&words, &w);) offer(t, "", w, NULL);
}

static void offer_options(const struct typed *t) {
    for (size_t i = 0; i < ctl_option_n; i++)
        if (ctl_takes(t->command, &ctl_options[i])) offer(t, "--", rv_str(ctl_options[i].name), ctl_options[i].help);
}

static void offer_commands(const struct typed *t) {
    struct rv_str before = {0};
    for (size_t i = 0; i < ctl_command_n; i++) {
        const char *words = ctl_commands[i].name;
        struct rv_str first = {0}, second = {0};
        (void)ctl_next_word(&words, &first);
        bool two = ctl_next_word(&words, &second), again = rv_str_eq(first, before);
        before = first;
        if (t->group != NULL) {
            if (two && rv_str_is(first, t->group)) offer(t, "", second, ctl_commands[i].help);
        } else if (!again) {
            offer(t, "", first, two ? NULL : ctl_commands[i].help);
        }
    }
}

static void offer_plugins(const struct typed *t) {
    struct rv_val v = RV_VAL_ABSENT;
    t->c->output = "table";
    if (ask_supervisor(t->c, "{\"cmd\":\"plugins\"}", &v) != 0) return;
    for (struct rv_iter it = rv_iter(rv_val_get(v, "plugins")); rv_iter_next(&it);)
        offer(t, "", rv_path_str(it.val, "name"), NULL);
}

/* The names of what the API server has, behind a prefix. Without an answer in time nothing is offered. */
static void offer_names(const struct typed *t, const char *prefix, const char *api_version, const char *resource,
                        bool namespaced) {
    struct api_list list;
    api_auto struct api *api = api_open(t->c, API_COMPLETION_MS);
    if (api == NULL) return;
    const struct api_what what = {
        .api_version = api_version, .resource = resource, .ns = namespaced ? api_namespace(api) : NULL};
    if (api_list(api, &what, &list, NULL) != 0) return;
    for (size_t i = 0; i < list.n; i++) offer(t, prefix, rv_path_str(list.items[i], "metadata.name"), NULL);
}

static void offer_objects(const struct typed *t, const char *slash) {
    const struct ctl_kind *k = ctl_kind_find((struct rv_str){t->word.p, (size_t)(slash - t->word.p)});
    const char *prefix = rv_arena_str(t->c->arena, (struct rv_str){t->word.p, (size_t)(slash + 1 - t->word.p)}).p;
    if (k != NULL) offer_names(t, prefix, "ray.io/v1", k->resource, true);
}

/* The worker groups of the cluster that was typed. */
static void offer_groups(const struct typed *t) {
    api_auto struct api *api = api_open(t->c, API_COMPLETION_MS);
    const char *slash = strchr(t->argument, '/');
    struct rv_val cluster;
    if (api == NULL) return;
    const struct api_what what = {.api_version = "ray.io/v1", .resource = "rayclusters", .ns = api_namespace(api)};
    if (api_get(api, &what, rv_str(slash != NULL ? slash + 1 : t->argument), &cluster, NULL) != 0) return;
    for (struct rv_iter it = rv_iter(rv_val_path(cluster, "spec.workerGroupSpecs")); rv_iter_next(&it);)
        offer(t, "", rv_path_str(it.val, "groupName"), NULL);
}

static void offer_kinds(const struct typed *t, const char *behind) {
    for (int i = 0; i < CTL_KIND_N; i++)
        offer(t, "", rv_arena_fmt(t->c->arena, "%s%s", ctl_kinds[i].singular, behind), NULL);
}

static void offer_argument(const struct typed *t) {
    const char *slash = t->word.n != 0 ? memchr(t->word.p, '/', t->word.n) : NULL;
    if (t->command == NULL) {
        offer_commands(t);
        return;
    }
    if (t->arguments == 1 && t->command->first == CTL_CLUSTER) offer_groups(t);
    if (t->arguments > 0) return;
    switch (t->command->first) {
    case CTL_NOTHING:
        return;
    case CTL_WORD:
        offer_words(t, t->command->words);
        return;
    case CTL_COMMAND:
        offer_commands(t);
        return;
    case CTL_OBJECT:
    case CTL_KIND:
        if (slash != NULL)
            offer_objects(t, slash);
        else
            offer_kinds(t, t->command->first == CTL_OBJECT ? "/" : "");
        return;
    case CTL_CLUSTER:
        offer_names(t, "", "ray.io/v1", "rayclusters", true);
        return;
    case CTL_JOB:
        offer_names(t, "", "ray.io/v1", "rayjobs", true);
        return;
    case CTL_PLUGIN:
        offer_plugins(t);
        return;
    }
}

static bool offer_value(const struct typed *t) {
    if (t->value_of->value == CTL_OUTPUT)
        offer_words(t, t->command != NULL && t->command->outputs != NULL ? t->command->outputs : "table json");
    if (t->value_of->value == CTL_NAMESPACE) offer_names(t, "", "v1", "namespaces", false);
    return t->value_of->value == CTL_FILE;
}

int completion_answer(struct ctl_context *c, int n, char **words) {
    struct typed t = {.c = c};
    bool files = false;
    for (int i = 0; i + 1 < n; i++) take_word(&t, words[i]);
    if (n > 0) t.word = rv_str(words[n - 1]);
    if (rv_str_is(t.word, "=")) t.word = (struct rv_str){0};
    if (t.value_of != NULL)
        files = offer_value(&t);
    else if (t.tail)
        files = true;
    else if (t.word.n != 0 && t.word.p[0] == '-')
        offer_options(&t);
    else
        offer_argument(&t);
    return puts(files ? ":0" : ":4") < 0;
}
