/* rayvisor/test.h - unit tests of a controller without a cluster: a host that runs the plugin, and an API server in
 * memory.
 *
 *     rv_fakeapi      the objects of one namespace, with versions, preconditions, finalizers, graceful deletion of pods
 *                     and garbage collection by owner; no HTTP and no schema
 *     rv_fakehost     the real host engine with a plugin in it. The test takes the place of the supervisor. It decides
 *                     when a change is delivered, in which order, how often, or in a new snapshot. It decides whether a
 *                     request is done, is refused, or is done and its answer is lost. It can restart the host.
 *     rv_test_random  the random numbers of a test; the same seed gives the same sequence
 *
 * Nothing happens except by these calls, and time passes only with rv_fakehost_advance(). A test puts objects into the
 * API server, runs rounds and checks the objects (plugins/example-vendor/test_summary.c).
 *
 * Link librayvisor-test (pkg-config rayvisor-test, or the CMake component `test`). Errors in the test itself are
 * printed to stdout: a manifest that cannot be read, a plugin that does not start, a request that makes no sense. If
 * the test cannot continue, the process aborts. Use these functions from one thread at a time. */
#ifndef RAYVISOR_TEST_H
#define RAYVISOR_TEST_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- random numbers -------------------------------------------------------------------------------------------- */

/* Set `state` to a seed. */
struct rv_test_random {
    uint64_t state;
};
RV_EXPORT uint32_t rv_test_random_below(struct rv_test_random *r, uint32_t n); /* a number from 0 to n-1; 0 if n is 0 */
/* True in so many percent of the calls. */
RV_EXPORT bool rv_test_random_chance(struct rv_test_random *r, uint32_t percent);

/* ---- the API server -------------------------------------------------------------------------------------------- */

#define RV_FAKE_NAMESPACE "ns" /* the only namespace */

/* An object of the API server. Read only. It is valid until the object changes. */
struct rv_fake_object {
    struct rv_fake_object *next;
    char *api_version, *resource, *name, *uid;
    uint64_t version;
    /* Wall clock, ns: when a pod's grace period ends. 0 if the pod is not being deleted. */
    int64_t gone_at;
    struct rv_val value;
    struct rv_buf bytes; /* the bytes of `value` */
};

struct rv_fakeapi {
    struct rv_fake_object *objects; /* in the order of creation */
    uint64_t version, uids;
    int64_t now; /* wall clock, ns */
    /* Called for every change. After a deletion `o` is the last state, with the version of the deletion. A fake host
     * sets it. */
    void (*changed)(void *arg, const struct rv_fake_object *o, bool deleted);
    void *arg;
};

/* `now` is the wall clock in ns. Free it with rv_fakeapi_free(). */
RV_EXPORT struct rv_fakeapi *rv_fakeapi_new(int64_t now);
RV_EXPORT struct rv_fakeapi *rv_fakeapi_free(struct rv_fakeapi *f);
/* Returns NULL if there is no such object. */
RV_EXPORT struct rv_fake_object *rv_fakeapi_find(const struct rv_fakeapi *f, struct rv_str api_version,
                                                 struct rv_str resource, struct rv_str name);
/* Finds an object by its resource and name. Returns NULL if there is none. */
RV_EXPORT struct rv_fake_object *rv_fakeapi_get(const struct rv_fakeapi *f, const char *resource, const char *name);

/* These answer as the API server does: 0 or RV_E_*. *ret_object is the object, or NULL after a deletion; ret_object may
 * be NULL. The argument is copied. */
RV_EXPORT int rv_fakeapi_create(struct rv_fakeapi *f, struct rv_str api_version, struct rv_str resource,
                                struct rv_val object, struct rv_fake_object **ret_object);
/* The same for JSON text, which has apiVersion and metadata.name. Returns RV_E_PARSE if it is malformed. */
RV_EXPORT int rv_fakeapi_create_json(struct rv_fakeapi *f, const char *resource, const char *json,
                                     struct rv_fake_object **ret_object);
/* Applies a merge patch. With `status`, only fields below .status are changed. Without it, .status stays, and a change
 * of the spec increases metadata.generation. pre_uid may be empty. */
RV_EXPORT int rv_fakeapi_patch(struct rv_fakeapi *f, struct rv_fake_object *o, bool status, struct rv_str pre_uid,
                               struct rv_val patch);
RV_EXPORT int rv_fakeapi_patch_json(struct rv_fakeapi *f, struct rv_fake_object *o, bool status, const char *json);
/* Applies a JSON patch (RFC 6902) with the operations that plugins use: test, add of a field by its path, and add at
 * the end of a list. */
RV_EXPORT int rv_fakeapi_json_patch(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_str pre_uid,
                                    struct rv_val ops);
RV_EXPORT int rv_fakeapi_delete(struct rv_fakeapi *f, struct rv_fake_object *o, struct rv_str pre_uid);
/* Removes pods whose grace period is over, and objects without their owner. Returns true if there were any. */
RV_EXPORT bool rv_fakeapi_collect(struct rv_fakeapi *f);

/* ---- the host -------------------------------------------------------------------------------------------------- */

/* The answer of an HTTP server. */
struct rv_fake_answer {
    int code; /* 0, or RV_E_* if no answer came */
    uint32_t status;
    struct rv_buf body; /* msgpack if json is true, else any text */
    bool json;
    /* With a code: the reason, as constant text. NULL means a default text. */
    const char *message;
};

enum { RV_FAKE_IGNORED = 1 << 20 };

struct rv_fakehost;
/* The options of a fake host. All texts and pointers must live as long as the host. */
struct rv_fakehost_opts {
    const struct rv_plugin *plugin;
    const char *manifest; /* path of its YAML file */
    const char *settings; /* as JSON, what differs from the manifest's defaults; NULL for nothing */
    struct rv_fakeapi *api;
    struct rv_test_random *random; /* decides the order of events and the failures; borrowed for the life of the host */
    bool lossy;                    /* one of the possible failures is a request that is done and whose answer is lost */
    /* Gets a line for each event, for a report of a failed test; may be NULL. */
    void (*note)(void *arg, const char *line);
    /* NULL if the plugin sends no HTTP requests. */
    void (*http)(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out);
    /* Refuses a request that the API server would carry out. Returns RV_E_*, with a constant text of its own in
     * *message if it likes. RV_FAKE_IGNORED means that the API server reports success and does nothing. 0 means that
     * the request is carried out. May be NULL. */
    int (*refuse)(void *arg, const struct rv_action *a, struct rv_str *message);
    /* Gets every call of api->metric(). `labels` is a map of texts. May be NULL. */
    void (*metric)(void *arg, struct rv_str name, uint32_t type, double value, struct rv_val labels);
    void *arg;
};
/* Starts the plugin and delivers a snapshot of all objects. Returns NULL after printing the reason if the plugin does
 * not start. Free it with rv_fakehost_free(). */
RV_EXPORT struct rv_fakehost *rv_fakehost_new(const struct rv_fakehost_opts *o);
RV_EXPORT struct rv_fakehost *rv_fakehost_free(struct rv_fakehost *h);

/* Delivers one waiting change to the plugin. Returns false if none waits. */
RV_EXPORT bool rv_fakehost_deliver(struct rv_fakehost *h);
/* Delivers an object again that was delivered before. */
RV_EXPORT void rv_fakehost_repeat(struct rv_fakehost *h);
/* Delivers a new snapshot of all objects. */
RV_EXPORT void rv_fakehost_resync(struct rv_fakehost *h);
/* Carries out one waiting request. `failure_percent` is how many requests of a hundred fail in some way. Returns
 * false if none waits. */
RV_EXPORT bool rv_fakehost_serve(struct rv_fakehost *h, uint32_t failure_percent);
/* Runs the plugin until it has nothing to do at the current time. */
RV_EXPORT void rv_fakehost_run(struct rv_fakehost *h);
/* Delivers every change, runs the plugin, carries out every request without failures, and runs the plugin again.
 * Returns true if there was any change or request. */
RV_EXPORT bool rv_fakehost_round(struct rv_fakehost *h);
/* Runs rounds until nothing is left to do at the current time. If that does not happen, it prints the reason and
 * aborts. */
RV_EXPORT void rv_fakehost_run_until_idle(struct rv_fakehost *h);
/* Advances the clock of the API server and the host. */
RV_EXPORT void rv_fakehost_advance(struct rv_fakehost *h, int64_t ms);
/* Kills the process and starts a new one. Of the waiting requests some are still carried out and the rest are lost. */
RV_EXPORT void rv_fakehost_restart(struct rv_fakehost *h);

/* Milliseconds until the plugin wants to run again; -1 for never. */
RV_EXPORT int64_t rv_fakehost_idle_ms(const struct rv_fakehost *h);
/* Changes that are not delivered and requests that are not answered. */
RV_EXPORT size_t rv_fakehost_waiting(const struct rv_fakehost *h);
/* The number of writes that were requested, including events. Reads do not count, and HTTP GET requests do not
 * either. */
RV_EXPORT uint64_t rv_fakehost_writes(const struct rv_fakehost *h);
/* The lines that the plugin explained in its last pass over the key of that name, separated by newlines. Valid until
 * the next call. */
RV_EXPORT const char *rv_fakehost_explained(struct rv_fakehost *h, const char *name);
/* Asks the plugin about an object that somebody wants to create or, with `before`, to change. Both are whole objects;
 * the plugin sees what its manifest reads. Returns true if it is accepted. *refusal and *warnings (lines) get the
 * texts. */
RV_EXPORT bool rv_fakehost_validate(struct rv_fakehost *h, struct rv_val object, struct rv_val before,
                                    struct rv_buf *refusal, struct rv_buf *warnings);

#ifdef __cplusplus
}
#endif
#endif
