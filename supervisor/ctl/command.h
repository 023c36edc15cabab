/* command.h - the commands and options of rayvisorctl as tables (commands.c), and what every command gets.
 *
 * One table serves the command line, the help texts and the completion of shells (completion.c). So they cannot
 * differ. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "rayvisor/base.h"

enum { CTL_USAGE = 64 }; /* a command returns -CTL_USAGE if the command line is wrong */

struct ctl_context {
    struct rv_arena *arena;
    const char *program; /* as it was called: "rayvisorctl" or "kubectl rayvisor" */
    const char *socket, *ns, *config, *kubeconfig, *kube_context, *out;
    const char *output; /* a word of the command's `outputs` */
    bool all_namespaces, help, version;
    int argc;
    char **argv; /* the arguments after the command's name */
    struct rv_error err;
};

/* What a command's first argument is, for completion. */
enum ctl_argument { CTL_NOTHING, CTL_WORD, CTL_COMMAND, CTL_OBJECT, CTL_KIND, CTL_PLUGIN };

struct ctl_command {
    const char *name, *args, *help, *more;
    const char *options; /* the letters of the options that it takes, besides those that all take */
    const char *outputs; /* the values of -o that it takes, separated by blanks; the first is the default; NULL: none */
    enum ctl_argument first;
    const char *words; /* with CTL_WORD: the words, separated by blanks */
    int (*run)(struct ctl_context *c);
};

enum ctl_value { CTL_FLAG, CTL_TEXT, CTL_FILE, CTL_OUTPUT, CTL_NAMESPACE };

struct ctl_option {
    char letter;
    bool is_short;           /* the letter may be typed, too */
    bool everywhere;         /* every command takes it */
    const char *name, *help; /* the name without dashes */
    enum ctl_value value;
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_n;
extern const struct ctl_option ctl_options[];
extern const size_t ctl_option_n;

/* NULL if there is none of that name. */
const struct ctl_command *ctl_command_find(struct rv_str name);
bool ctl_takes(const struct ctl_command *k, const struct ctl_option *o);
/* Iterates over words that are separated by blanks. Returns false after the last one. */
bool ctl_next_word(const char **words, struct rv_str *ret_word);
bool ctl_has_word(const char *words, struct rv_str word);
/* Appends "a, b and c", and after that which of them may have been meant. */
void ctl_list_words(const char *words, const char *given, struct rv_buf *out);
/* The text with the name by which the program was called in place of "rayvisorctl". */
struct rv_str ctl_named(const struct ctl_context *c, const char *text);

/* ---- the commands ---- */
int ctl_get(struct ctl_context *c);
int ctl_report(struct ctl_context *c);
int ctl_why(struct ctl_context *c);
int ctl_status(struct ctl_context *c);
int ctl_plugins(struct ctl_context *c);
int ctl_explain(struct ctl_context *c);
int ctl_history(struct ctl_context *c);
int ctl_leaks(struct ctl_context *c);
int ctl_tap(struct ctl_context *c);
int ctl_reload(struct ctl_context *c);
int ctl_release(struct ctl_context *c);
int ctl_twin(struct ctl_context *c);
int ctl_sandbox(struct ctl_context *c);
int ctl_completion(struct ctl_context *c);
int ctl_help(struct ctl_context *c);
int ctl_version(struct ctl_context *c);

#endif
