/* fixture.h - a small fixture for the plugin raycronjob: one RayCronJob, the RayJobs that it makes, a clock that is
 * ours, and mishaps. The plugin is called as a host would call it. */
#ifndef TESTS_RAYCRONJOB_FIXTURE_H
#define TESTS_RAYCRONJOB_FIXTURE_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

enum { FIXTURE_JOBS = 20000, FIXTURE_EVENTS = 64 };
#define FIXTURE_NEVER INT64_MAX

struct fixture_job {
    int64_t at, made; /* the run's moment, and when it was created; Unix seconds */
    char name[64];
    struct rv_val values[2]; /* running, ended */
    bool gone;
};

struct fixture {
    int64_t now;       /* Unix milliseconds */
    int64_t coarse_ms; /* looks of the plugin in between of these are left out, to simulate years; 0: none */
    /* the RayCronJob */
    const char *spec;        /* JSON without the template: "'schedule':'...'" with single quotes */
    const char *job;         /* the template, likewise: "'entrypoint':..." ; NULL: a small one */
    const char *labels;      /* "'key':'value'" or NULL */
    const char *annotations; /* "'key':'value'" or NULL */
    const char *name;        /* NULL: "c" */
    const char *settings;    /* JSON, single quotes; NULL: the defaults */
    const char *time_zones;  /* the same: the database that the supervisor sent; NULL: none */
    int64_t created, generation;
    struct rv_arena *status_arena;
    struct rv_val status;
    /* RayJobs */
    struct fixture_job *jobs;
    size_t job_n, first; /* before it all are gone */
    int64_t duration;    /* of a job in seconds; 0: ended at once, -1: never */
    bool fail_jobs;
    /* mishaps */
    unsigned fail_creates, fail_deletes; /* so many */
    const char *why;                     /* the API server's words for that; NULL: none */
    unsigned taken;                      /* so many names are somebody else's */
    unsigned crash_one_in;               /* a pass: its results are lost, another plugin begins */
    unsigned lose_one_in;                /* an answer: it says a failure, though half of them were carried out */
    uint64_t luck;
    bool deleting, gone; /* the RayCronJob */
    bool narrow;         /* a CRD that knows lastScheduleTime only */
    /* what was seen */
    unsigned passes, creates, deletes, status_writes;
    unsigned refused;   /* creations that were lost before they were carried out */
    struct rv_val made; /* the RayJob that was asked for last */
    struct {
        char reason[40];
        unsigned n;
    } events[FIXTURE_EVENTS];
    /* inside */
    const struct rv_plugin *plugin;
    void *state;
    struct rv_arena *object_arena, *keep;
    struct rv_object object; /* of the last pass; without a value when it has changed */
    struct rv_val settings_value;
    struct rv_result results[64];
    size_t result_n, acted;
};

void fixture_begin(struct fixture *w, int64_t unix_s);
void fixture_end(struct fixture *w);
/* Lets the plugin run until the clock shows that, in no more than that many passes; false: too many. */
bool fixture_run(struct fixture *w, int64_t until_unix_s, unsigned passes);
/* A change of the spec by its user. */
void fixture_edit(struct fixture *w, const char *spec);
/* The operator's configuration is changed: settings as JSON with single quotes. RV_E_* when they are refused. */
int32_t fixture_configure(struct fixture *w, const char *settings);
/* JSON with single quotes as a value that lives as long as the fixture. */
struct rv_val fixture_json(struct fixture *w, const char *text);
/* The operator was down since the last pass; seconds. */
void fixture_stop(struct fixture *w, int64_t seconds);
unsigned fixture_events(const struct fixture *w, const char *reason);
struct rv_str fixture_status(const struct fixture *w, const char *path);
/* Message of the condition Stalled, or empty. */
struct rv_str fixture_stalled(const struct fixture *w);
size_t fixture_jobs(const struct fixture *w); /* that are there */

#endif
