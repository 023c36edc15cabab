/* protobuf.h - decodes bodies in the protobuf encoding of Kubernetes. Typed clients (kubectl create, kubectl auth) send
 * them, whatever the server says it accepts. Answers are always JSON. */
#ifndef RV_SANDBOX_PROTOBUF_H
#define RV_SANDBOX_PROTOBUF_H

#include "deploy/sandbox/rules/types.h"

/* Decodes "k8s\0" and a runtime.Unknown with the object in it. Returns RV_E_PARSE, or RV_E_INVALID if its kind is
 * unknown. */
int sb_protobuf_decode(const struct sb_types *types, struct rv_arena *a, struct rv_bytes bytes, struct rv_node **ret,
                       struct rv_error *err);

#endif
