/* main.c - rayvisorctl, also called kubectl-rayvisor: the command line, and help about it.
 *
 * Exit status: 0 success; 1 the answer was an error, or nothing was found; 2 the plan has changes; 64 the command line
 * is wrong. */
#include <getopt.h>
#include <stdio.h>

#include "ask.h"
#include "completion.h"
#include "ipc/base/nearest.h"
#include "ipc/base/options.h"
#include "ipc/base/visible.h"
#include "sandbox.h"

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* kubectl starts kubectl-rayvisor for `kubectl rayvisor`, which is what was typed. */
static const char *program_name(const char *path) {
    return strcmp(base_name(path), "kubectl-rayvisor") == 0 ? "kubectl rayvisor" : "rayvisorctl";
}

/* ---- help ------------------------------------------------------------------------------------------------------- */

static void print_option(FILE *to, const struct ctl_option *o, const struct ctl_command *k) {
    rv_autobuf struct rv_buf left = {0}, words = {0};
    rv_buf_addf(&left, "%c%c%s --%s", o->is_short ? '-' : ' ', o->is_short ? o->letter : ' ', o->is_short ? "," : " ",
                o->name);
    static const char *const values[] = {
        [CTL_FLAG] = "",         [CTL_TEXT] = " TEXT", [CTL_FILE] = " PATH",       [CTL_OUTPUT] = " FORMAT",
        [CTL_NAMESPACE] = " NS", [CTL_NUMBER] = " N",  [CTL_QUANTITY] = " AMOUNT", [CTL_DURATION] = " TIME"};
    rv_buf_adds(&left, values[o->value]);
    const char *accepted = o->value == CTL_OUTPUT && k != NULL ? k->outputs : NULL;
    for (struct rv_str w; ctl_next_word(&accepted, &w);)
        rv_buf_addf(&words, "%s" RV_STR_FMT, words.n != 0 ? ", " : "", RV_STR_ARG(w));
    fprintf(to, "  %-34s %s%s%s\n", rv_buf_cstr(&left), o->help, words.n != 0 ? ": " : "", rv_buf_cstr(&words));
}

static int usage(const struct ctl_context *c, FILE *to) {
    fprintf(to, "usage: %s [-o FORMAT] [--socket PATH] COMMAND ...\n\n", c->program);
    for (size_t i = 0; i < ctl_command_n; i++)
        fprintf(to, "  %-10s %-42s %s\n", ctl_commands[i].name, ctl_commands[i].args,
                ctl_named(c, ctl_commands[i].help).p);
    fprintf(
        to,
        "\nget, why, plan, report, scale, job and session use the API server with --kubeconfig, $KUBECONFIG or "
        "~/.kube/config; "
        "the\n"
        "others ask rayvisord.\n"
        "The socket is --socket, $RAYVISOR_RUNTIME_DIR/control.sock, the sandbox's, or /run/rayvisor/control.sock.\n"
        "Exit status: 0 success, 1 failure, 2 a plan with changes, 64 wrong command line. More about a command: %s "
        "help COMMAND\n",
        c->program);
    return to == stdout ? 0 : CTL_USAGE;
}

static int help_of(const struct ctl_context *c, const struct ctl_command *k) {
    printf("usage: %s %s%s%s\n\n%s.\n\n%s\n\n", c->program, k->name, k->args[0] != 0 ? " " : "", k->args,
           ctl_named(c, k->help).p, ctl_named(c, k->more).p);
    for (size_t i = 0; i < ctl_option_n; i++)
        if (ctl_takes(k, &ctl_options[i])) print_option(stdout, &ctl_options[i], k);
    return 0;
}

static struct rv_str first_word(const struct ctl_command *k) {
    const char *words = k->name;
    struct rv_str w;
    (void)ctl_next_word(&words, &w);
    return w;
}

/* "job" alone, or with a second word that it does not have. Returns false if no command begins with the first word. */
static bool refuse_second(int n, char **words, struct rv_error *err) {
    rv_autobuf struct rv_buf seconds = {0}, text = {0};
    for (size_t i = 0; i < ctl_command_n; i++) {
        struct rv_str w = ctl_second_word(&ctl_commands[i], rv_str(words[0]));
        if (w.n != 0) rv_buf_addf(&seconds, " " RV_STR_FMT, RV_STR_ARG(w));
    }
    if (seconds.n == 0) return false;
    ctl_list_words(rv_buf_cstr(&seconds), n > 1 ? words[1] : "", &text);
    rv_error_set(err, -CTL_USAGE, "%s takes one of %s", words[0], rv_buf_cstr(&text));
    return true;
}

static int no_command(const struct ctl_context *c, const char *name, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    struct nearest near = nearest_begin(rv_str(name));
    for (size_t i = 0; i < ctl_command_n; i++) nearest_offer(&near, first_word(&ctl_commands[i]));
    rv_buf_addf(&text, "there is no command \"%s\"", name);
    nearest_hint(&near, &text);
    if (near.best.n == 0) rv_buf_addf(&text, ": %s help lists them", c->program);
    return rv_error_set(err, -CTL_USAGE, "%s", rv_buf_cstr(&text));
}

/* "job": each command of two words that begins with it. */
static bool help_of_group(const struct ctl_context *c, const char *group) {
    bool any = false;
    for (size_t i = 0; i < ctl_command_n; i++) {
        if (ctl_second_word(&ctl_commands[i], rv_str(group)).n == 0) continue;
        printf("%susage: %s %s %s\n\n%s.\n", any ? "\n" : "", c->program, ctl_commands[i].name, ctl_commands[i].args,
               ctl_named(c, ctl_commands[i].help).p);
        any = true;
    }
    if (any) printf("\nMore about one of them: %s help %s COMMAND\n", c->program, group);
    return any;
}

int ctl_help(struct ctl_context *c) {
    int used;
    const struct ctl_command *k = ctl_command_of(c->argc, c->argv, &used);
    if (k != NULL && used == c->argc) return help_of(c, k);
    if (c->argc == 0) return usage(c, stdout);
    if (c->argc == 1 && help_of_group(c, c->argv[0])) return 0;
    return no_command(c, c->argv[0], &c->err);
}

/* ---- small commands --------------------------------------------------------------------------------------------- */

int ctl_version(struct ctl_context *c) {
    const char *line = rv_arena_fmt(c->arena, "%s %s", c->program, RV_VERSION).p;
    return print_text(c, "version", ctl_is_json(c) ? RV_VERSION : line);
}

/* A word that is none of the accepted ones. */
static int refuse_word(struct ctl_context *c, const struct ctl_command *k, const char *given) {
    rv_autobuf struct rv_buf b = {0};
    ctl_list_words(k->words, given, &b);
    return rv_error_set(&c->err, -CTL_USAGE, "%s takes one of %s", k->name, rv_buf_cstr(&b));
}

int ctl_sandbox(struct ctl_context *c) {
    const char *what = c->argc == 1 ? c->argv[0] : "";
    if (c->config != NULL && strcmp(what, "up") != 0)
        return rv_error_set(&c->err, -CTL_USAGE, "--config belongs to sandbox up");
    if (strcmp(what, "up") == 0) return sandbox_up(c->arena, c->config, ctl_is_json(c), &c->err);
    if (strcmp(what, "down") == 0) return sandbox_down(c->arena, ctl_is_json(c), &c->err);
    if (strcmp(what, "status") == 0) return sandbox_status(c->arena, ctl_is_json(c), &c->err);
    if (strcmp(what, "kubeconfig") == 0) return print_text(c, "kubeconfig", sandbox_kubeconfig(c->arena));
    return refuse_word(c, ctl_command_find(RV_STR("sandbox")), what);
}

int ctl_completion(struct ctl_context *c) {
    const char *script = c->argc == 1 ? completion_script(c->argv[0]) : NULL;
    if (script == NULL) return refuse_word(c, ctl_command_find(RV_STR("completion")), c->argc > 0 ? c->argv[0] : "");
    return fputs(script, stdout) < 0;
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

struct getopt_table {
    struct option longs[CTL_OPTION_MAX + 1];
    char shorts[2 * CTL_OPTION_MAX + 1];
};

/* What getopt_long() returns for the option. */
static int identity(size_t i, const struct ctl_command *k) {
    return ctl_has_letter(&ctl_options[i], k) ? ctl_options[i].letter : 256 + (int)i;
}

/* The command that is meant, before getopt knows what its letters are. */
static const struct ctl_command *find_command(int argc, char **argv) {
    int used;
    for (int i = 1; i < argc; i++) {
        const struct ctl_option *o = argv[i][0] == '-' ? ctl_option_of(argv[i], NULL) : NULL;
        if (o != NULL && o->value != CTL_FLAG) i++;
        if (argv[i] != NULL && argv[i][0] != '-' && o == NULL) return ctl_command_of(argc - i, argv + i, &used);
    }
    return NULL;
}

static void fill_table(struct getopt_table *t, const struct ctl_command *k) {
    char *s = t->shorts;
    for (size_t i = 0; i < ctl_option_n; i++) {
        const struct ctl_option *o = &ctl_options[i];
        t->longs[i] = (struct option){o->name, o->value != CTL_FLAG, NULL, identity(i, k)};
        if (!ctl_has_letter(o, k)) continue;
        *s++ = o->letter;
        if (o->value != CTL_FLAG) *s++ = ':';
    }
}

static void take(struct ctl_context *c, size_t option, const char *value) {
    const char letter = ctl_options[option].letter;
    const struct {
        char letter;
        const char **to;
    } texts[] = {{'o', &c->output}, {'s', &c->socket},     {'n', &c->ns},          {'c', &c->config},
                 {'O', &c->out},    {'k', &c->kubeconfig}, {'K', &c->kube_context}};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++)
        if (letter == texts[i].letter) *texts[i].to = value;
    c->values[option] = value != NULL ? value : "";
    c->all_namespaces = c->all_namespaces || letter == 'A';
    c->help = c->help || letter == 'h';
    c->version = c->version || letter == 'V';
}

/* Returns false after a complaint on standard error. */
static bool parse(int argc, char **argv, struct ctl_context *c, const struct getopt_table *t,
                  const struct ctl_command *k) {
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, t->shorts, t->longs, NULL)) != -1;) {
        if (o == '?') {
            options_refuse(c->program, argv, t->longs);
            return false;
        }
        for (size_t i = 0; i < ctl_option_n; i++)
            if (identity(i, k) == o) take(c, i, optarg);
    }
    return optind < argc || c->help || c->version;
}

/* Are the options some that the command takes? */
static int check_options(struct ctl_context *c, const struct ctl_command *k) {
    rv_autobuf struct rv_buf b = {0};
    if (c->output != NULL && k->outputs == NULL)
        return rv_error_set(&c->err, -CTL_USAGE, "%s prints a text: there is no -o %s of it", k->name, c->output);
    for (size_t i = 0; i < ctl_option_n; i++)
        if (c->values[i] != NULL && !ctl_takes(k, &ctl_options[i]))
            return rv_error_set(&c->err, -CTL_USAGE, "%s takes no --%s", k->name, ctl_options[i].name);
    const char *words = k->outputs;
    struct rv_str first = {0};
    (void)ctl_next_word(&words, &first);
    if (c->output == NULL) c->output = rv_arena_str(c->arena, first).p;
    if (k->outputs == NULL || ctl_has_word(k->outputs, rv_str(c->output))) return 0;
    ctl_list_words(k->outputs, c->output, &b);
    return rv_error_set(&c->err, -CTL_USAGE, "--output is \"%s\"; accepted are %s", c->output, rv_buf_cstr(&b));
}

/* Does it take words of another command, behind "--"? */
static bool has_tail(const struct ctl_command *k) { return strstr(k->args, "-- ") != NULL; }

/* How many words are behind the first "--". */
static int behind_dashes(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0) return argc - i - 1;
    return 0;
}

static int run_command(struct ctl_context *c, const struct ctl_command *k) {
    int r = check_options(c, k);
    if (r == 0 && c->all_namespaces && c->ns != NULL)
        r = rv_error_set(&c->err, -CTL_USAGE, "--namespace and --all-namespaces exclude each other");
    if (r == 0 && c->argc > 0 && (k->args[0] == 0 || (k->first == CTL_NOTHING && k->args[0] == '[' && !has_tail(k))))
        r = rv_error_set(&c->err, -CTL_USAGE, "%s takes no arguments", k->name);
    if (r == 0) r = k->run(c);
    (void)fflush(stdout); /* keeps the order of standard output and standard error, also through a pipe */
    rv_autobuf struct rv_buf why = {0};
    visible_text(rv_str(c->err.text), VISIBLE_LINES, &why);
    if (r != 0 && c->err.text[0] != 0) fprintf(stderr, "%s: %s\n", c->program, rv_buf_cstr(&why));
    return r == 0 || r == CTL_CHANGES ? r : r == -CTL_USAGE ? CTL_USAGE : 1;
}

int main(int argc, char **argv) {
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct ctl_context c = {.arena = arena, .program = program_name(argv[0])};
    if (strcmp(base_name(argv[0]), "kubectl_complete-rayvisor") == 0) return completion_answer(&c, argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "__complete") == 0) return completion_answer(&c, argc - 2, argv + 2);
    struct getopt_table table = {0};
    const int tail = behind_dashes(argc, argv); /* before getopt changes the order */
    const struct ctl_command *meant = find_command(argc, argv);
    fill_table(&table, meant);
    if (!parse(argc, argv, &c, &table, meant)) return usage(&c, stderr);
    int used = 1;
    const struct ctl_command *k = ctl_command_of(argc - optind, argv + optind, &used);
    if (c.help && k == NULL && optind + 1 == argc && help_of_group(&c, argv[optind])) return 0;
    if (c.help && (k != NULL || optind == argc)) return k != NULL ? help_of(&c, k) : usage(&c, stdout);
    if (c.version && optind == argc) k = ctl_command_find(RV_STR("version"));
    if (k == NULL) {
        if (!refuse_second(argc - optind, argv + optind, &c.err)) (void)no_command(&c, argv[optind], &c.err);
        fprintf(stderr, "%s: %s\n\n", c.program, c.err.text);
        return usage(&c, stderr);
    }
    c.argc = optind < argc ? argc - optind - used : 0;
    c.argv = argv + argc - c.argc;
    if (has_tail(k) && tail <= c.argc) {
        c.argc -= tail;
        c.tail_n = tail;
        c.tail = c.argv + c.argc;
    }
    return run_command(&c, k);
}
