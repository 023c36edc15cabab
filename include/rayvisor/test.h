/* rayvisor/test.h - unit tests of a controller without a cluster: the host that it runs in, and an API server in
 * memory.
 *
 *     rv_fakeapi    the objects of one namespace, with versions, preconditions, finalizers, graceful deletion of pods
 *                   and garbage collection by owner; no HTTP and no schema
 *     rv_fakehost   the real host engine with a plugin in it. The test takes the supervisor's place: it decides when a
 *                   change is told, in which order, once or twice, or all afresh; whether a request is done, refused,
 *                   or done with its answer lost; and when the host dies and starts again
 *     rv_test_random  the random numbers of a test: the same seed gives the same sequence
 *
 * Nothing happens but by these calls, and time passes only with rv_fakehost_advance(). A test puts objects into the API
 * server, lets rounds pass and looks at what is there then (plugins/example-vendor/test_summary.c).
 *
 * Link librayvisor-test (pkg-config rayvisor-test, or the CMake component `test`). Whatever is wrong with the test
 * itself (a manifest that cannot be read, a plugin that does not start, a request that makes no sense) is printed to
 * stdout; where a test cannot go on, the process aborts. Threads: one at a time.
 */
#ifndef RAYVISOR_TEST_H
#define RAYVISOR_TEST_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- random numbers -------------------------------------------------------------------------------------------- */

/* Set it to a seed. */
struct rv_test_random {
    uint64_t state;
};
RV_EXPORT uint32_t rv_test_random_below(struct rv_test_random *r, uint32_t n);    /* 0 .. n-1; 0 for n 0 */
RV_EXPORT bool rv_test_random_chance(struct rv_test_random *r, uint32_t percent); /* true so often */

/* ---- the API server -------------------------------------------------------------------------------------------- */

#define RV_FAKE_NAMESPACE "ns" /* the only one there is */

/* Read only; lent until the object changes. */
struct rv_fake_object {
    struct rv_fake_object *next;
    char *api_version, *resource, *name, *uid;
    uint64_t version;
    int64_t gone_at; /* wall ns: a pod whose grace ends then; 0: not being deleted */
    struct rv_val value;
    struct rv_buf bytes; /* value's */
};

struct rv_fakeapi {
    struct rv_fake_object *objects; /* in the order of their creation */
    uint64_t version, uids;
    int64_t now; /* wall ns */
    /* Every change. After a deletion o is the last state and its version that of the deletion. A fake host sets it. */
    void (*changed)(void *arg, const struct rv_fake_object *o, bool deleted);
    void *arg;
};

RV_EXPORT struct rv_fakeapi *rv_fakeapi_new(int64_t now);
RV_EXPORT struct rv_fakeapi *rv_fakeapi_free(struct rv_fakeapi *f);
/* NULL: there is none. */
RV_EXPORT struct rv_fake_object *rv_fakeapi_find(const struct rv_fakeapi *f, struct rv_str api_version,
                                                 struct rv_str resource, struct rv_str name);
/* By resource alone and a literal name. */
RV_EXPORT struct rv_fake_object *rv_fakeapi_get(const struct rv_fakeapi *f, const char *resource, const char *name);

/* As the API server answers: 0 or RV_E_*; *ret_object where there is one (may be NULL after a deletion). The object is
 * copied. */
RV_EXPORT int rv_fakeapi_create(struct rv_fakeapi *f, struct rv_str api_version, struct rv_str resource,
                                struct rv_val object, struct rv_fake_object **ret_object);
/* The same from JSON text, which has apiVersion and metadata.name; RV_E_PARSE where it is none. */
RV_EXPORT int rv_fakeapi_create_json(struct rv_fakeapi *f, const char *resource, const char *json,
                                     struct rv_fake_object **ret_object);
/* A merge patch. status: only what is below .status counts; else .status is left alone and spec changes count in
 * metadata.generation. pre_uid may be empty. */
RV_EXPORT int rv_fakeapi_patch(struct rv_fakeapi *f, struct rv_fake_object *o, bool status, struct rv_str pre_uid,
                               struct rv_val patch);
RV_EXPORT int rv_fakeapi_patch_json(struct rv_fakeapi *f, struct rv_fake_object *o, bool status, const char *json);
/* RFC 6902 as far as plugins go: test, add of a field by its path, and add at the end of a list. */
RV_EXPORT int rv_fakeapi_json_patch(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_str pre_uid,
                                    struct rv_val ops);
RV_EXPORT int rv_fakeapi_delete(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_str pre_uid);
/* Pods whose grace is over, and what lost its owner. True when there was any. */
RV_EXPORT bool rv_fakeapi_collect(struct rv_fakeapi *f);

/* ---- the host -------------------------------------------------------------------------------------------------- */

/* What a server answers. */
struct rv_fake_answer {
    int code; /* 0 or RV_E_*: no answer came */
    uint32_t status;
    struct rv_buf body; /* msgpack when json, else any text */
    bool json;
    const char *message; /* with a code: why, static; NULL: made up */
};

enum { RV_FAKE_IGNORED = 1 << 20 };

struct rv_fakehost;
/* All texts and pointers must live as long as the host. */
struct rv_fakehost_opts {
    const struct rv_plugin *plugin;
    const char *manifest; /* path of its YAML file */
    const char *settings; /* JSON: what differs from the manifest's defaults; NULL: nothing */
    struct rv_fakeapi *api;
    struct rv_test_random *random;             /* decides orders and troubles; lent for the host's life */
    bool lossy;                                /* among the troubles: done, but the answer is lost */
    void (*note)(void *arg, const char *line); /* what happens, for a failure's report; may be NULL */
    void (*http)(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out); /* NULL: nobody asks */
    /* What the API server never does: RV_E_* and, if it likes, words of its own (static); RV_FAKE_IGNORED: it says that
     * it did, and did not; 0: it does. May be NULL. */
    int (*refuse)(void *arg, const struct rv_action *a, struct rv_str *message);
    /* What api->metric() was told; labels is a map of texts. May be NULL. */
    void (*metric)(void *arg, struct rv_str name, uint32_t type, double value, struct rv_val labels);
    void *arg;
};
/* Started, welcomed and told everything that is there. NULL with the reason printed. */
RV_EXPORT struct rv_fakehost *rv_fakehost_new(const struct rv_fakehost_opts *o);
RV_EXPORT struct rv_fakehost *rv_fakehost_free(struct rv_fakehost *h);

/* Tells one change, if any waits; false when none did. */
RV_EXPORT bool rv_fakehost_tell(struct rv_fakehost *h);
/* Tells something again that was told before. */
RV_EXPORT void rv_fakehost_repeat(struct rv_fakehost *h);
/* A snapshot: everything afresh. */
RV_EXPORT void rv_fakehost_resync(struct rv_fakehost *h);
/* Carries out one request, if any waits. trouble: percent of those that go wrong in one way or the other. */
RV_EXPORT bool rv_fakehost_serve(struct rv_fakehost *h, uint32_t trouble);
/* Lets the plugin run until it has nothing to do now. */
RV_EXPORT void rv_fakehost_run(struct rv_fakehost *h);
/* All of these without trouble: every change told, every request served, what follows from it done. Whether anything
 * was to be told or served. */
RV_EXPORT bool rv_fakehost_round(struct rv_fakehost *h);
/* Rounds until nothing is left to be done now. Aborts, with the reason printed, when that never comes. */
RV_EXPORT void rv_fakehost_settle(struct rv_fakehost *h);
/* The clock of API server and host. */
RV_EXPORT void rv_fakehost_advance(struct rv_fakehost *h, int64_t ms);
/* The process dies: of what was asked some is done yet, the rest never; a new one takes over. */
RV_EXPORT void rv_fakehost_restart(struct rv_fakehost *h);

/* ms until the plugin wants to run again; -1: never. */
RV_EXPORT int64_t rv_fakehost_idle_ms(const struct rv_fakehost *h);
RV_EXPORT size_t rv_fakehost_waiting(const struct rv_fakehost *h); /* changes untold and requests unanswered */
/* How many writes were asked for, events among them; reads are none, of HTTP neither. */
RV_EXPORT uint64_t rv_fakehost_writes(const struct rv_fakehost *h);
/* What the plugin explained in its last pass over the key of that name, line by line; lent until the next call. */
RV_EXPORT const char *rv_fakehost_explained(struct rv_fakehost *h, const char *name);

#ifdef __cplusplus
}
#endif
#endif
