/* ask.h - questions to the running rayvisord, and answers as JSON. */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "command.h"
#include "rayvisor/json.h"

static inline bool ctl_is_json(const struct ctl_context *c) { return strcmp(c->output, "json") == 0; }

/* The path of the control socket: --socket, that of $RAYVISOR_RUNTIME_DIR, the sandbox's, or the default one. */
const char *ask_socket(struct ctl_context *c);
/* Sends the request (JSON). The answer is in the arena. Its texts are safe for a terminal, unless it will be printed as
 * JSON. */
int ask_supervisor(struct ctl_context *c, const char *request, struct rv_val *ret);
/* With -o json: prints the value and returns true. */
bool print_json(struct ctl_context *c, struct rv_val v);
/* Prints a text, or with -o json an object with the text as its only field. */
int print_text(const struct ctl_context *c, const char *field, const char *text);

#endif
