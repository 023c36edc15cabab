/* document.h - values as JSON or YAML text. */
#ifndef CTL_DOCUMENT_H
#define CTL_DOCUMENT_H

#include "command.h"
#include "rayvisor/value.h"

/* Appends the value as a YAML document, which every YAML reader understands as the same value. */
void document_yaml(struct rv_val v, struct rv_buf *out);
/* With -o json or -o yaml: prints the value and returns true. */
bool document_print(struct ctl_context *c, struct rv_val v);

#endif
