/* fixture.h - who acts around a RayService: the controller of RayClusters and the kubelets, Serve on each head, the
 * controllers of EndpointSlices and of a Gateway. Every actor does its part when asked to, or something bad. */
#ifndef TESTS_RAYSERVICE_FIXTURE_H
#define TESTS_RAYSERVICE_FIXTURE_H

#include "rayvisor/test.h"

#define FIXTURE_SERVICE "s"
enum { FIXTURE_SERVES = 128 };

/* Serve in one life of one head. */
struct serve {
    char cluster[64], head[64]; /* uid of the head pod */
    char *config;               /* JSON as it was PUT; NULL: nothing runs */
    int64_t capacity;           /* target_capacity; -1: none */
    int64_t ready_at;           /* wall ns: its replicas of this capacity are there then */
    unsigned puts;              /* configurations that differed from the one before */
    unsigned asked;             /* how often it was asked for its applications */
    unsigned asked_in, put_in;  /* the round of the plugin in which that was last, and a submission */
};

/* What became of one cluster, whatever its heads. */
struct tale {
    char cluster[64];
    int64_t proven;        /* the highest capacity at which its replicas were all there, 0 never */
    bool dead;             /* its head does not come up any more */
    bool hangs;            /* its head answers nothing */
    bool empty;            /* its applications say that they run, and have no replica */
    bool broken;           /* its applications do not come up: their constructors fail */
    int proxy_code;        /* instead of an answer of its proxies: RV_E_TIMEOUT, RV_E_UNAVAILABLE; 0: they answer... */
    uint32_t proxy_status; /* ...with this HTTP status; 0: 200 */
    bool suspended;
};

struct fixture {
    struct rv_fakeapi *api;
    struct rv_test_random *random;
    struct serve serves[FIXTURE_SERVES];
    struct tale tales[FIXTURE_SERVES];
    size_t serve_n, tale_n;
    unsigned workers;              /* pods of each cluster beside the head */
    int64_t deploy_s;              /* how long a replica takes to start */
    uint32_t http_failure_percent; /* percent of the answers that are none, or garbage */
    int64_t ongoing;               /* requests that each pod reports; -1: no metrics at all */
    bool bad_config;               /* Serve refuses every configuration */
    bool no_gateway;               /* nobody programs a Gateway */
    bool head_only;                /* proxies run on heads only */
    unsigned late_puts;            /* so many submissions are taken, and their answers come too late */
    unsigned lost_puts;            /* then so many get lost on their way */
    unsigned foreign_puts;         /* then so many are answered by somebody in between */
    uint32_t put_ms;               /* the limit of the last submission */
    unsigned apps_asked, probes, submits;
    unsigned in_vain; /* questions about applications that nobody answered */
    unsigned round;   /* counts how often the plugin ran: who drives it raises it */
    unsigned mixed;   /* questions beside a submission: what they are answered with may be older than it */
};

/* All that can go on does. True when anything changed. */
bool fixture_work(struct fixture *w);
/* The dashboards and proxies (fakehost's http). arg: the fixture. */
void fixture_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out);
struct tale *fixture_tale(struct fixture *w, struct rv_str cluster);
/* Serve on the head that the cluster has now; NULL: none. */
struct serve *fixture_serve(struct fixture *w, const char *cluster);
/* Ready pods of the cluster that take requests. */
unsigned fixture_ready(const struct fixture *w, struct rv_str cluster);
struct rv_fake_object *fixture_head(const struct fixture *w, const char *cluster);
void fixture_free(struct fixture *w);
/* JSON with ' for ", absent when it is none. */
struct rv_val fixture_json(struct rv_arena *a, struct rv_str text);
void fixture_patch(struct fixture *w, struct rv_fake_object *o, bool status, const char *fmt, ...) RV_PRINTF(4, 5);

#endif
