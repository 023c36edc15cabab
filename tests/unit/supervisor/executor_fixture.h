/* executor_fixture.h - the executor with a scripted API server; the test plays the plugins and notes their results. */
#ifndef TESTS_EXECUTOR_FIXTURE_H
#define TESTS_EXECUTOR_FIXTURE_H

#include "supervisor/actions/executor.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

enum { RESULTS_MAX = 64 };

struct seen_result {
    unsigned times; /* must end as 1 */
    int code;
    unsigned http;
    char reason[64], message[200], name[64], uid[64], version[32], body[200];
    bool cached; /* the cache had the object of that name and version when the result came */
};

struct client { /* what stands for a plugin */
    struct executor_client client;
    struct config_plugin config;
    struct store_collection *pods;
    struct seen_result results[RESULTS_MAX];
    size_t result_n, waiting; /* waiting: bytes of results that it does not take, as the executor is told */
};

struct fixture {
    struct stage *stage;
    struct script_server *server;
    struct executor *executor;
    struct store_collection *pods;
    struct client a, b;
    unsigned pauses;
    int64_t pause; /* ms, the last one; only a millisecond of it is waited */
};

struct fixture *fixture_new(void);
struct fixture *fixture_free(struct fixture *w);

struct ask { /* one action on pods of namespace "n", or what its verb needs */
    uint64_t id;
    uint32_t verb;
    const char *name, *body;                                                             /* body: JSON */
    const char *uid, *version;                                                           /* preconditions */
    const char *selector, *propagation, *resource, *subresource, *url, *method, *secret; /* secret: "NAMESPACE/NAME" */
    int64_t grace;
    uint32_t timeout_ms; /* of HTTP */
    int64_t delay_ms;    /* of a timer; 0: 1 ms */
    const char *key;     /* NULL: "k" */
};
void fixture_ask(struct fixture *w, struct client *p, const struct ask *a);
/* Turns until that action has its result; it must come once. */
const struct seen_result *fixture_result(struct fixture *w, struct client *p, uint64_t id);
/* Turns until the server has had so many requests. */
void fixture_sent(struct fixture *w, unsigned n);

/* A pod as the API server gives it, and the path of pods. */
#define POD(name, version, more)                                                                                       \
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name                                                                 \
    "\",\"namespace\":\"n\",\"uid\":\"u1\",\"resourceVersion\":\"" version "\"" more "}}"
#define PODS "/api/v1/namespaces/n/pods"

#endif
