/* command.h - the commands and options of rayvisorctl as tables (commands.c), and what every command gets.
 *
 * One table serves the command line, the help texts and the completion of shells (completion.c). So they cannot
 * differ. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "rayvisor/base.h"

enum { CTL_OPTION_MAX = 64 };
enum { CTL_USAGE = 64 };  /* a command returns -CTL_USAGE if the command line is wrong */
enum { CTL_CHANGES = 2 }; /* `plan` returns it if something would change; it is the exit status */

struct ctl_context {
    struct rv_arena *arena;
    const char *program; /* as it was called: "rayvisorctl" or "kubectl rayvisor" */
    const char *socket, *ns, *config, *kubeconfig, *kube_context, *out;
    const char *output;                 /* a word of the command's `outputs` */
    const char *values[CTL_OPTION_MAX]; /* by the option's index in ctl_options; "" for a flag; NULL if not given */
    bool all_namespaces, help, version;
    int argc;
    char **argv; /* the arguments after the command's name */
    int tail_n;
    char **tail; /* what is behind "--", for a command whose `args` have it */
    struct rv_error err;
};

/* What a command's first argument is, for completion. */
enum ctl_argument { CTL_NOTHING, CTL_WORD, CTL_COMMAND, CTL_OBJECT, CTL_KIND, CTL_PLUGIN, CTL_CLUSTER, CTL_JOB };

struct ctl_command {
    const char *name; /* one word, or two: "job submit" */
    const char *args, *help, *more;
    const char *options; /* the names of the options that it takes besides those that all take, separated by blanks */
    const char *outputs; /* the values of -o that it takes, separated by blanks; the first is the default; NULL: none */
    enum ctl_argument first;
    const char *words; /* with CTL_WORD: the words, separated by blanks */
    int (*run)(struct ctl_context *c);
};

enum ctl_value { CTL_FLAG, CTL_TEXT, CTL_FILE, CTL_OUTPUT, CTL_NAMESPACE, CTL_NUMBER, CTL_QUANTITY, CTL_DURATION };

struct ctl_option {
    char letter;             /* 0: it has none */
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
/* The command that the first one or two of n words name, and how many they are. NULL if there is none. */
const struct ctl_command *ctl_command_of(int n, char **words, int *ret_used);
/* The second word of the command if the first one is `group`; otherwise empty. */
struct rv_str ctl_second_word(const struct ctl_command *k, struct rv_str group);
/* The value of the option, "" for a flag; NULL if it was not given. */
const char *ctl_value(const struct ctl_context *c, const char *option);
/* The same as a number within the bounds, or the fallback where it was not given. */
int ctl_number(struct ctl_context *c, const char *option, int64_t min, int64_t max, int64_t fallback, int64_t *ret);
/* A duration such as "90s", "5m", "1h" or "300" (seconds), in milliseconds. */
int ctl_duration(struct ctl_context *c, const char *option, int64_t fallback_ms, int64_t *ret);
bool ctl_takes(const struct ctl_command *k, const struct ctl_option *o);
/* Does the option's letter mean this option? Two options of different commands may have the same one; k is the command,
 * NULL if it is not known yet. */
bool ctl_has_letter(const struct ctl_option *o, const struct ctl_command *k);
/* The option that the word is, "--name" or "-n"; NULL if it is none. */
const struct ctl_option *ctl_option_of(const char *word, const struct ctl_command *k);
/* Iterates over words that are separated by blanks. Returns false after the last one. */
bool ctl_next_word(const char **words, struct rv_str *ret_word);
bool ctl_has_word(const char *words, struct rv_str word);
/* Appends "a, b and c", and after that which of them may have been meant. */
void ctl_list_words(const char *words, const char *given, struct rv_buf *out);
/* The text with the name by which the program was called in place of "rayvisorctl". */
struct rv_str ctl_named(const struct ctl_context *c, const char *text);

/* ---- the commands ---- */
int ctl_get(struct ctl_context *c);
int ctl_plan(struct ctl_context *c);
int ctl_report(struct ctl_context *c);
int ctl_scale(struct ctl_context *c);
int ctl_job_submit(struct ctl_context *c);
int ctl_job_logs(struct ctl_context *c);
int ctl_job_stop(struct ctl_context *c);
int ctl_session(struct ctl_context *c);
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
int ctl_admission_policy(struct ctl_context *c);
int ctl_sandbox(struct ctl_context *c);
int ctl_completion(struct ctl_context *c);
int ctl_help(struct ctl_context *c);
int ctl_version(struct ctl_context *c);

#endif
