/* protobuf.h - bodies in the protobuf encoding of Kubernetes, which typed clients (kubectl create, kubectl auth) send
 * whatever the server says it accepts. Answers are always JSON. */
#ifndef RV_SANDBOX_PROTOBUF_H
#define RV_SANDBOX_PROTOBUF_H

#include "deploy/sandbox/rules/types.h"

/* "k8s\0", a runtime.Unknown, in it the object. RV_E_PARSE; RV_E_INVALID when its kind is not known. */
int sb_protobuf_decode(const struct sb_types *types, struct rv_arena *a, struct rv_bytes bytes, struct rv_node **ret,
                       struct rv_error *err);

#endif
