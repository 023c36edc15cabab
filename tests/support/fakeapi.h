/* fakeapi.h - an API server in memory with a clock that only a test moves: objects of one namespace, with versions,
 * preconditions, finalizers, graceful deletion of pods and garbage collection by owner. No HTTP and no schema: plugins
 * speak to it through fakehost.h, tests directly. */
#ifndef TESTS_SUPPORT_FAKEAPI_H
#define TESTS_SUPPORT_FAKEAPI_H

#include "rayvisor/k8s.h"

#define FAKE_NAMESPACE "ns"

struct fake_object {
    struct fake_object *next;
    char *api_version, *resource, *name, *uid;
    uint64_t version;
    int64_t gone_at; /* wall ns: a pod whose grace ends then; 0: not being deleted */
    struct rv_val value;
    struct rv_buf bytes; /* value's */
};

struct fakeapi {
    struct fake_object *objects;
    uint64_t version, uids;
    int64_t now; /* wall ns */
    /* Every change. After a deletion o is the last state and its version that of the deletion. */
    void (*changed)(void *arg, const struct fake_object *o, bool deleted);
    void *arg;
};

struct fakeapi *fakeapi_new(int64_t now);
struct fakeapi *fakeapi_free(struct fakeapi *f);
struct fake_object *fakeapi_find(const struct fakeapi *f, struct rv_str api_version, struct rv_str resource,
                                 struct rv_str name);
/* By resource alone and a literal name. */
struct fake_object *fakeapi_get(const struct fakeapi *f, const char *resource, const char *name);

/* As the API server answers: 0 or RV_E_*; *ret_object where there is one (may be NULL after a deletion). */
int fakeapi_create(struct fakeapi *f, struct rv_str api_version, struct rv_str resource, struct rv_val object,
                   struct fake_object **ret_object);
/* A merge patch. status: only what is below .status counts; else .status is left alone and spec changes count in
 * metadata.generation. pre_uid may be empty. */
int fakeapi_patch(struct fakeapi *f, struct fake_object *o, bool status, struct rv_str pre_uid, struct rv_val patch);
/* RFC 6902 as far as plugins go: test, and add of a field, each by its path. */
int fakeapi_json_patch(struct fakeapi *f, struct fake_object *o, struct rv_str pre_uid, struct rv_val ops);
int fakeapi_delete(struct fakeapi *f, struct fake_object *o, struct rv_str pre_uid);
/* Pods whose grace is over, and what lost its owner. True when there was any. */
bool fakeapi_collect(struct fakeapi *f);

#endif
