/* mask.h - removes from texts and objects what may be a secret, before they are given to somebody else.
 *
 * It rather masks too much: every value of an environment variable, of an HTTP header and of most annotations, and
 * every value whose name sounds like a secret, also within command lines, YAML and URLs. Names of Secrets and their
 * keys stay, because they are what support needs. These functions depend on their arguments only. */
#ifndef CTL_MASK_H
#define CTL_MASK_H

#include "rayvisor/tree.h"

#define MASKED "(masked)"

/* Does a value of this name sound like a secret? "redis-password" and "HF_TOKEN" do; "secretName" and "max_tokens" do
 * not. */
bool mask_is_secret(struct rv_str name);
struct rv_str mask_text(struct rv_arena *a, struct rv_str text);
/* A copy of an object (or of any document) without secrets. YAML in texts (runtimeEnvYAML, serveConfigV2) becomes part
 * of the document. */
struct rv_node *mask_value(struct rv_arena *a, struct rv_val v);
/* A text with YAML in it, as a document without secrets. What cannot be read as YAML is hidden as a whole. */
struct rv_node *mask_yaml(struct rv_arena *a, struct rv_str text);

#endif
