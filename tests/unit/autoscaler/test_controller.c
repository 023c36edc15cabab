/* test_controller.c - histories of one cluster: each is what a user would see, and what must not happen meanwhile. */
#include "plugins/autoscaler/round.h"
#include "tests/unit/autoscaler/fixture.h"
#include "tests/unit/sdk/suite.h"

#include <stdlib.h>

static void begin_in(struct fixture *w, int groups) {
    fixture_begin(w, 7);
    w->n_groups = groups;
    for (int g = 0; g < groups; g++) {
        struct fixture_group *x = &w->groups[g];
        snprintf(x->name, sizeof x->name, "g%d", g);
        x->cpu = 4 + g; /* the first one is filled best */
        x->max = 10;
    }
    fixture_edit(w);
    fixture_run(w, 10000); /* the head is up, and has answered twice */
}

static struct fixture *begin(int groups) {
    struct fixture *w = rv_alloc(sizeof *w);
    begin_in(w, groups);
    return w;
}

static void end(struct fixture *w) {
    if (w->wrong[0] != 0) printf("\n    %s", w->wrong);
    CU_ASSERT_EQUAL(w->wrong[0], 0);
    fixture_end(w);
    free(w);
}

static bool explained(const struct fixture *w, const char *words) {
    bool found = strstr(w->explained, words) != NULL;
    if (!found) printf("\n    no \"%s\" in:\n%s", words, w->explained);
    return found;
}

static void add_tasks(struct fixture *w, int n, int cpu, int64_t ms) {
    for (int i = 0; i < n; i++) (void)fixture_add_task(w, cpu, ms);
}

static void test_up_and_down(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 5, 2, 20000);
    int64_t asked = w->now;
    while (w->patches == 0 && w->now < asked + 10000) fixture_run(w, TICK_MS);
    CU_ASSERT_TRUE(w->now - asked <= 1500);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 3);
    CU_ASSERT_STRING_EQUAL(w->event, "ScaledUp");
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_waiting(w), 0);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 3);
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 0);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 0);
    CU_ASSERT_EQUAL(w->groups[0].n_to_delete, 0); /* the list is emptied when its pods are gone */
    CU_ASSERT_TRUE(w->drains >= 3);
    CU_ASSERT_TRUE(w->reports > 0);
    end(w);
}

/* A thousand quiet clusters must cost next to nothing, and a few are asked often. */
static void test_quiet(void) {
    struct fixture *w = begin(1);
    fixture_run(w, 60000);
    unsigned often = w->polls;
    fixture_run(w, 50000);
    CU_ASSERT_TRUE(w->polls - often >= 75 && w->polls - often <= 101); /* every 0.5 s */
    CU_ASSERT_EQUAL(fixture_metric(w, "polled", ""), 1);
    fixture_crowd(w, 999);
    CU_ASSERT_EQUAL(fixture_metric(w, "polled", ""), 1000);
    fixture_run(w, 5000);
    unsigned polls = w->polls, patches = w->patches, drains = w->drains, reports = w->reports, events = w->events;
    unsigned writes = w->status_writes;
    fixture_run(w, 100000);
    CU_ASSERT_TRUE(w->polls - polls >= 15 && w->polls - polls <= 25); /* every 5 s */
    CU_ASSERT_EQUAL(w->patches, patches);
    CU_ASSERT_EQUAL(w->drains, drains);
    CU_ASSERT_EQUAL(w->events, events);
    CU_ASSERT_EQUAL(w->status_writes, writes);
    CU_ASSERT_TRUE(w->reports - reports <= 4);
    end(w);
}

/* From demand to replicas, a cluster that was quiet: Ray's own delay is not in it. An answer takes up to 0.3 s here. */
static void test_reaction(void) {
    struct fixture *w = begin(1);
    int late = 0;
    for (int i = 0; i < 20; i++) {
        fixture_run(w, 60000 + i * 37); /* quiet, and nothing is left of the last one */
        int64_t asked = w->now;
        unsigned patches = w->patches;
        add_tasks(w, 1, 4, 1000);
        while (w->patches == patches && w->now < asked + 10000) fixture_run(w, TICK_MS);
        CU_ASSERT_TRUE(w->now - asked <= 1500);
        late += w->now - asked > 800;
    }
    CU_ASSERT_TRUE(late <= 10);
    end(w);
}

/* Only those that are asked are counted. */
static void test_polled(void) {
    struct fixture *w = begin(1);
    CU_ASSERT_EQUAL(fixture_metric(w, "polled", ""), 1);
    w->suspended = true;
    fixture_edit(w);
    fixture_run(w, 1000);
    CU_ASSERT_EQUAL(fixture_metric(w, "polled", ""), 0);
    w->suspended = false;
    fixture_edit(w);
    fixture_run(w, 1000);
    CU_ASSERT_EQUAL(fixture_metric(w, "polled", ""), 1);
    fixture_kill_head(w, 20000);
    fixture_run(w, 5000);
    CU_ASSERT_EQUAL(fixture_metric(w, "polled", ""), 0);
    end(w);
}

static void test_quiet_interval(void) {
    const struct settings s = {.poll_ns = 5 * SECOND, .active_poll_ns = 500 * MS, .polls_per_second = 200};
    const struct {
        uint32_t polled;
        int64_t ms;
    } rows[] = {{0, 500},    {1, 500},     {100, 500},     {101, 505},        {200, 1000},
                {999, 4995}, {1000, 5000}, {100000, 5000}, {UINT32_MAX, 5000}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(round_quiet_ns(&s, rows[i].polled) == rows[i].ms * MS, "polled");
}

static void test_held(void) {
    struct fixture *w = begin(1);
    w->held_cpus = 9;
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 3);
    CU_ASSERT_TRUE(explained(w, "request_resources() holds its capacity"));
    w->held_cpus = 0;
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 0);
    end(w);
}

/* The head pod says who writes. */
static void test_sidecar(void) {
    struct fixture *w = begin(1);
    w->sidecar = true;
    fixture_edit(w);
    add_tasks(w, 4, 4, 60000);
    fixture_run(w, 30000);
    CU_ASSERT_EQUAL(w->patches + w->drains + w->reports * 0, 0);
    CU_ASSERT_TRUE(explained(w, "still has a sidecar"));
    CU_ASSERT_TRUE(explained(w, "beside the sidecar"));
    unsigned polls = w->polls;
    w->sidecar = false; /* the head was recreated */
    fixture_edit(w);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 4);
    CU_ASSERT_TRUE(w->polls > polls);
    w->sidecar = w->plain = true; /* and back: the annotation is gone, the head has its sidecar again */
    fixture_edit(w);
    fixture_run(w, 1000);
    unsigned patches = w->patches;
    polls = w->polls;
    add_tasks(w, 4, 4, 60000);
    fixture_run(w, 30000);
    CU_ASSERT_EQUAL(w->patches, patches);
    CU_ASSERT_EQUAL(w->polls, polls); /* sidecar mode is none of ours */
    end(w);
}

static bool is_ready(const struct fixture *w, const char *status, const char *reason) {
    bool same = strcmp(w->ready.status, status) == 0 && strcmp(w->ready.reason, reason) == 0;
    if (!same) printf("\n    AutoscalerReady %s, %s: %s", w->ready.status, w->ready.reason, w->ready.message);
    return same;
}

/* The condition says whether the plugin scales, and what it waits for; it is written when that changes. */
static void test_condition(void) {
    struct fixture *w = begin(1);
    CU_ASSERT_TRUE(is_ready(w, "True", "Scaling"));
    CU_ASSERT_EQUAL(w->status_writes, 1);
    w->gcs_down_until = w->now + 60000;
    fixture_run(w, 5000);
    CU_ASSERT_TRUE(is_ready(w, "True", "Scaling")); /* one lost answer is no news */
    fixture_run(w, 50000);
    CU_ASSERT_TRUE(is_ready(w, "False", "ControlStoreUnavailable"));
    CU_ASSERT_PTR_NOT_NULL(strstr(w->ready.message, "the control store does not answer"));
    fixture_run(w, 20000);
    CU_ASSERT_TRUE(is_ready(w, "True", "Scaling"));
    CU_ASSERT_EQUAL(w->status_writes, 3);
    w->suspended = true;
    fixture_edit(w);
    fixture_run(w, 1000);
    CU_ASSERT_TRUE(is_ready(w, "False", "RayClusterSuspended"));
    w->suspended = false;
    fixture_edit(w);
    fixture_run(w, 2000);
    CU_ASSERT_TRUE(is_ready(w, "True", "Scaling"));
    fixture_kill_head(w, 30000);
    fixture_run(w, 20000);
    CU_ASSERT_TRUE(is_ready(w, "False", "HeadPodNotReady"));
    fixture_run(w, 20000);
    CU_ASSERT_TRUE(is_ready(w, "True", "Scaling"));
    w->sidecar = true;
    fixture_edit(w);
    fixture_run(w, 20000);
    CU_ASSERT_TRUE(is_ready(w, "False", "SidecarScales"));
    unsigned writes = w->status_writes;
    w->gcs_down_until = w->now + 30000;
    fixture_run(w, 50000);
    CU_ASSERT_EQUAL(w->status_writes, writes);
    w->plain = true; /* sidecar mode: no condition of ours */
    fixture_edit(w);
    fixture_run(w, 1000);
    CU_ASSERT_TRUE(is_ready(w, "", ""));
    writes = w->status_writes;
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(w->status_writes, writes);
    end(w);
}

/* Without the grant it goes on scaling, and does not ask for ever. */
static void test_condition_refused(void) {
    struct fixture *w = begin(1);
    w->status_refused = true;
    w->suspended = true;
    fixture_edit(w);
    fixture_run(w, 1000);
    w->suspended = false;
    w->ready.status[0] = 0;
    fixture_edit(w);
    unsigned writes = w->status_writes;
    add_tasks(w, 2, 4, 60000);
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 2);
    CU_ASSERT_TRUE(w->status_writes - writes >= 2 && w->status_writes - writes <= 8);
    end(w);
}

/* Times are reported as histograms, bounds first. */
static void test_meters(void) {
    struct fixture *w = begin(1);
    double polls = fixture_metric(w, "poll_seconds_count", "");
    CU_ASSERT_TRUE(polls >= 1);
    CU_ASSERT_EQUAL(fixture_metric(w, "poll_seconds_bucket", "+Inf"), polls);
    CU_ASSERT_EQUAL(fixture_metric(w, "demand_to_patch_seconds_count", ""), 0);
    add_tasks(w, 2, 4, 60000);
    fixture_run(w, 20000);
    CU_ASSERT_TRUE(fixture_metric(w, "poll_seconds_count", "") > polls);
    CU_ASSERT_TRUE(fixture_metric(w, "poll_seconds_bucket", "0.01") < fixture_metric(w, "poll_seconds_bucket", "0.25"));
    CU_ASSERT_EQUAL(fixture_metric(w, "demand_to_patch_seconds_count", ""), 1);
    double sum = fixture_metric(w, "demand_to_patch_seconds_sum", "");
    CU_ASSERT_TRUE(sum >= 0.4 && sum <= 1.5);
    CU_ASSERT_EQUAL(fixture_metric(w, "demand_to_patch_seconds_bucket", "0.25"), 0);
    CU_ASSERT_EQUAL(fixture_metric(w, "demand_to_patch_seconds_bucket", "1.5"), 1);
    end(w);
}

/* Shadow counters are the supervisor's, so a restart of the plugin takes nothing away. */
static void test_shadow_counts(void) {
    struct fixture *w = begin(1);
    w->sidecar = true;
    fixture_edit(w);
    add_tasks(w, 1, 4, 600000);
    fixture_run(w, 70000); /* the sidecar does nothing */
    CU_ASSERT_EQUAL(fixture_metric(w, "shadow_total", "differed"), 1);
    fixture_restart(w);
    fixture_run(w, 5000);
    CU_ASSERT_EQUAL(fixture_metric(w, "shadow_total", "differed"), 1);
    w->groups[0].replicas = 1; /* it does it */
    fixture_edit(w);
    fixture_run(w, 65000);
    CU_ASSERT_EQUAL(fixture_metric(w, "shadow_total", "differed"), 1);
    CU_ASSERT_EQUAL(fixture_metric(w, "shadow_total", "agreed"), 1);
    CU_ASSERT_EQUAL(w->patches, 0);
    end(w);
}

/* Workers that a minimum keeps are a leak when all have been idle for five minutes; no longer when one works, or when
 * the head does not say. */
static void test_idle_is_a_leak(void) {
    struct fixture *w = begin(1);
    w->groups[0].min = w->groups[0].replicas = 2;
    fixture_edit(w);
    fixture_run(w, 200000);
    CU_ASSERT_EQUAL(fixture_metric(w, "rayvisor_leaked_cpus", "idle"), -1);
    fixture_run(w, 300000);
    CU_ASSERT_EQUAL(fixture_metric(w, "rayvisor_leaked_cpus", "idle"), 2.0 * w->groups[0].cpu);
    CU_ASSERT_EQUAL(fixture_metric(w, "rayvisor_leaked_gpus", "idle"), 0);
    double since = fixture_metric(w, "rayvisor_leaked_since_timestamp_seconds", "idle");
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(fixture_metric(w, "rayvisor_leaked_since_timestamp_seconds", "idle"), since);
    add_tasks(w, 1, 1, 20000);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_metric(w, "rayvisor_leaked_cpus", "idle"), -1);
    fixture_run(w, 400000);
    CU_ASSERT_TRUE(fixture_metric(w, "rayvisor_leaked_cpus", "idle") > 0);
    fixture_kill_head(w, 60000);
    fixture_run(w, 30000);
    CU_ASSERT_EQUAL(fixture_metric(w, "rayvisor_leaked_cpus", "idle"), -1);
    end(w);
}

/* While the annotation says sidecar and the head has none yet, somebody must scale. */
static void test_sidecar_to_come(void) {
    struct fixture *w = begin(1);
    w->plain = true;
    fixture_edit(w);
    add_tasks(w, 2, 4, 60000);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 2);
    end(w);
}

static void test_frozen(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 2, 4, 15000);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
    w->gcs_down_until = w->now + 120000; /* they fall idle meanwhile */
    fixture_run(w, 119000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
    CU_ASSERT_TRUE(explained(w, "nothing is scaled now: the control store does not answer"));
    CU_ASSERT_STRING_EQUAL(w->event, "AutoscalingFrozen");
    unsigned polls = w->polls;
    fixture_run(w, 1000);
    add_tasks(w, 4, 4, 30000);
    fixture_run(w, 10000); /* scaling goes on within ten seconds */
    CU_ASSERT_EQUAL(w->groups[0].replicas, 4);
    CU_ASSERT_TRUE(polls < 120);
    end(w);
}

static void test_head_killed(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 3, 4, 60000);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 3);
    fixture_kill_head(w, 15000);
    fixture_run(w, 10000);
    CU_ASSERT_TRUE(explained(w, "nothing is scaled now: the head pod head-"));
    fixture_run(w, 5000);
    add_tasks(w, 6, 4, 30000); /* the head is back, and so is its driver */
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 6);
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(fixture_waiting(w), 0);
    end(w);
}

static void test_no_head_in_answer(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 2, 4, 5000);
    fixture_run(w, 12000);
    w->lie_unknown = true;
    fixture_run(w, 60000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
    CU_ASSERT_TRUE(explained(w, "does not know the head's node yet"));
    end(w);
}

/* What the first answer says is not enough to remove anything. */
static void test_restart(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 2, 4, 5000);
    fixture_run(w, 15000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
    fixture_run(w, 2000);
    unsigned drains = w->drains;
    CU_ASSERT_EQUAL(drains, 0);
    w->now += 20000; /* the operator was away, and they are idle for long */
    fixture_restart(w);
    unsigned polls = w->polls;
    while (w->polls == polls) fixture_run(w, TICK_MS);
    CU_ASSERT_EQUAL(w->drains, drains);
    fixture_run(w, 20000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 0);
    if (fixture_workers(w, 0) != 0) printf("%s", w->explained);
    end(w);
}

/* Pods that cannot be placed give their work to the next group after seconds, and go when that has done it. */
static void test_stuck(void) {
    struct fixture *w = begin(2);
    w->groups[0].stuck_until = NEVER;
    add_tasks(w, 2, 4, 60000);
    fixture_run(w, 5000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 2);
    fixture_run(w, 25000);
    CU_ASSERT_EQUAL(fixture_workers(w, 1), 2);
    if (fixture_workers(w, 1) != 2)
        printf("%d %d %d\n%s", fixture_workers(w, 0), fixture_workers(w, 1), w->groups[1].replicas, w->explained);
    CU_ASSERT_EQUAL(fixture_waiting(w), 0);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 0);
    end(w);
}

static void test_removed_group(void) {
    struct fixture *w = begin(2);
    add_tasks(w, 2, 4, 30000);
    fixture_run(w, 10000);
    w->groups[0].gone = true;
    fixture_edit(w);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 2); /* busy: drained, not killed */
    fixture_run(w, 40000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 0);
    CU_ASSERT_EQUAL(w->deletes, 2);
    end(w);
}

static void test_lowered_max(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 4, 4, 30000);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 4);
    w->groups[0].max = 1;
    fixture_edit(w);
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 4); /* all are busy */
    CU_ASSERT_TRUE(w->drains_refused > 0);
    fixture_run(w, 25000);
    CU_ASSERT_TRUE(fixture_workers(w, 0) <= 1);
    end(w);
}

static void test_evicted(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 1, 4, 60000);
    fixture_run(w, 10000);
    for (int i = 0; i < FIXTURE_PODS; i++)
        if (w->pods[i].used && !w->pods[i].head) w->pods[i].gone_at = w->now + 5000;
    fixture_run(w, 2000);
    CU_ASSERT_EQUAL(w->preemptions, 1);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 1); /* its replacement was begun at once */
    fixture_run(w, 30000);
    CU_ASSERT_EQUAL(w->preemptions, 1);
    end(w);
}

static struct fixture_pod *a_worker(struct fixture *w) {
    for (int i = 0; i < FIXTURE_PODS; i++)
        if (w->pods[i].used && !w->pods[i].head) return &w->pods[i];
    return NULL;
}

/* A pod that Kubernetes takes away soon: Ray is told at once, with how long it has, its work gets another node, and
 * when it is gone there is one pod again. */
static void reclaim(struct fixture *w, struct fixture_pod *p, int64_t after_ms) {
    int64_t told = w->now;
    p->evicted_at = w->now + after_ms;
    if (w->next_pass > w->now) w->next_pass = w->now;
    fixture_run(w, 700);
    CU_ASSERT_EQUAL(w->preemptions, 1);
    CU_ASSERT_TRUE(w->drain_deadline >= told + 30000 && w->drain_deadline <= told + 30700);
    fixture_run(w, 1500);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 1); /* of those that stay */
    fixture_run(w, after_ms + 5000);
    CU_ASSERT_EQUAL(w->preemptions, 1);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 1);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 1);
    CU_ASSERT_EQUAL(fixture_waiting(w), 0);
    CU_ASSERT_EQUAL(w->launched, 2); /* and no third one */
}

static void test_disrupted(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 1, 4, 60000);
    fixture_run(w, 20000);
    a_worker(w)->disrupted = true;
    reclaim(w, a_worker(w), 10000);
    end(w);
}

/* Ray is told at once, not when the next question is due. */
static void test_disrupted_between_polls(void) {
    struct fixture *w = rv_alloc(sizeof *w);
    w->settings = "{\"activePollMs\":5000}";
    begin_in(w, 1);
    add_tasks(w, 1, 4, 60000);
    fixture_run(w, 30000);
    unsigned polls = w->polls;
    while (w->polls == polls) fixture_run(w, TICK_MS);
    fixture_run(w, 500);
    a_worker(w)->disrupted = true;
    w->next_pass = w->now;
    fixture_run(w, 1000);
    CU_ASSERT_EQUAL(w->preemptions, 1);
    end(w);
}

static void test_tainted(void) {
    for (int with = 0; with < 2; with++) {
        struct fixture *w = rv_alloc(sizeof *w);
        w->settings = with ? "{\"nodeTaints\":true,\"removalTaints\":[\"karpenter.sh/disrupted\"]}" : NULL;
        begin_in(w, 1);
        add_tasks(w, 1, 4, 60000);
        fixture_run(w, 20000);
        a_worker(w)->tainted = true;
        if (with)
            reclaim(w, a_worker(w), 10000);
        else
            fixture_run(w, 10000);
        CU_ASSERT_EQUAL(w->preemptions, with ? 1 : 0);
        end(w);
    }
}

/* One host of a replica is taken away: the whole replica is, and one takes its place, no more. */
static void test_disrupted_replica(void) {
    for (int deleted = 0; deleted < 2; deleted++) {
        struct fixture *w = begin(1);
        w->groups[0].hosts = 2;
        fixture_edit(w);
        add_tasks(w, 2, 4, 60000);
        fixture_run(w, 20000);
        CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
        struct fixture_pod *p = a_worker(w);
        p->disrupted = deleted == 0;
        p->evicted_at = deleted == 0 ? w->now + 10000 : 0;
        if (deleted != 0) p->gone_at = w->now + 10000;
        w->next_pass = w->now;
        fixture_run(w, 2500);
        CU_ASSERT_EQUAL(w->preemptions, deleted == 0 ? 2 : 1); /* the other host is deleted before it is asked */
        CU_ASSERT_EQUAL(w->groups[0].replicas, 1);             /* of those that stay */
        fixture_run(w, 20000);
        CU_ASSERT_EQUAL(fixture_workers(w, 0), 2);
        CU_ASSERT_EQUAL(w->groups[0].replicas, 1);
        CU_ASSERT_EQUAL(fixture_waiting(w), 0);
        CU_ASSERT_EQUAL(w->launched, deleted == 0 ? 2 : 1); /* who makes pods replaces one that is deleted */
        end(w);
    }
}

/* How long Ray is told that a pod has: what Kubernetes says, where it says something. Times are from now, in seconds.
 */
static void test_deadlines(void) {
    enum { NONE = 9999 };
    static const struct {
        int disrupted, evicts, grace, want;
    } rows[] = {
        {0, NONE, 0, 30},     /* no grace is known: the setting */
        {0, NONE, 90, 90},    /* deleted at the earliest now */
        {-50, NONE, 90, 40},  /* it was told late */
        {-200, NONE, 90, 30}, /* it should be gone by now: nothing is known */
        {NONE, 0, 90, 90},    /* a taint that evicts, from the time at which it was added */
        {NONE, -50, 90, 40},
        {NONE, NONE, 90, 30}, /* a taint that keeps new pods away: when the pod goes is not said */
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = rv_alloc(sizeof *w);
        w->settings = "{\"nodeTaints\":true,\"removalTaints\":[\"karpenter.sh/disrupted\"]}";
        begin_in(w, 1);
        add_tasks(w, 1, 4, 60000);
        fixture_run(w, 20000);
        struct fixture_pod *p = a_worker(w);
        int64_t told = w->now;
        p->grace_s = rows[i].grace;
        p->disrupted = rows[i].disrupted != NONE;
        if (p->disrupted) p->disrupted_at = told + rows[i].disrupted * 1000;
        p->tainted = !p->disrupted;
        if (rows[i].evicts != NONE) p->evicts_from = told + rows[i].evicts * 1000;
        w->next_pass = w->now;
        fixture_run(w, 700);
        CU_ASSERT_EQUAL(w->preemptions, 1);
        int64_t off = w->drain_deadline - told - rows[i].want * 1000;
        if (off < -1000 || off > 1000) printf("\n    row %zu is off by %lld ms", i, (long long)off);
        CU_ASSERT_TRUE(off >= -1000 && off <= 1000);
        end(w);
    }
}

/* An idle one needs no other; a drain that was lost is sent again. */
static void test_disrupted_idle(void) {
    struct fixture *w = begin(1);
    w->groups[0].max = 1;
    fixture_edit(w);
    add_tasks(w, 1, 4, 2000);
    fixture_run(w, 8000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 1);
    w->deaf = true;
    a_worker(w)->disrupted = true;
    fixture_run(w, 2000);
    CU_ASSERT_EQUAL(w->preemptions, 1);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 0);
    fixture_run(w, 5000);
    CU_ASSERT_EQUAL(w->preemptions, 2);
    w->deaf = false;
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(w->preemptions, 3);
    end(w);
}

static void test_suspended(void) {
    struct fixture *w = begin(1);
    w->suspended = true;
    fixture_edit(w);
    fixture_run(w, 2000);
    unsigned polls = w->polls;
    add_tasks(w, 2, 4, 5000);
    fixture_run(w, 20000);
    CU_ASSERT_EQUAL(w->polls, polls);
    CU_ASSERT_EQUAL(w->patches, 0);
    end(w);
}

static void test_unmet(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 2, 9, 5000);
    fixture_run(w, 3000);
    CU_ASSERT_TRUE(explained(w, "2 requests get no node: {CPU: 9}: group g0: CPU: asks for 9, a node has 4"));
    CU_ASSERT_STRING_EQUAL(w->event, "DemandUnmet");
    unsigned events = w->events;
    fixture_run(w, 30000);
    CU_ASSERT_EQUAL(w->events, events); /* said once */
    end(w);
}

/* The API server is down: nothing is lost, nothing runs hot. */
static void test_api_down(void) {
    struct fixture *w = begin(1);
    w->api_down_until = w->now + 20000;
    unsigned passes = w->passes;
    add_tasks(w, 3, 4, 40000);
    fixture_run(w, 20000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 0);
    CU_ASSERT_TRUE(w->passes - passes < 200);
    fixture_run(w, 5000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 3);
    end(w);
}

/* Nothing is drained while nothing could be made for it: a node whose drain was accepted before is lost already. */
static void test_api_down_when_idle(void) {
    struct fixture *w = begin(2);
    (void)fixture_add_task(w, 4, 4000);
    fixture_run(w, 12000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 1);
    w->api_down_until = w->now + 40000;
    (void)fixture_add_task(w, 5, 60000); /* for this one a node of the other group cannot be asked for */
    fixture_run(w, 39000);
    CU_ASSERT_EQUAL(w->drains, 0);
    CU_ASSERT_TRUE(explained(w, "the API server takes no writes"));
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_waiting(w), 0);
    CU_ASSERT_EQUAL(w->drains, 1);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 0);
    end(w);
}

/* A control store that started anew with its old session says so by its version. */
static void test_older_answer(void) {
    struct fixture *w = begin(1);
    w->idle_ms = 10000;
    add_tasks(w, 1, 4, 5000);
    fixture_run(w, 17000);
    unsigned drains = w->drains;
    for (int i = 0; i < 300; i++) {
        w->version -= 2; /* more than it grows by answers */
        fixture_run(w, TICK_MS);
    }
    CU_ASSERT_EQUAL(w->drains, drains); /* each answer was older than the one before */
    CU_ASSERT_TRUE(explained(w, "the control store has started anew"));
    fixture_run(w, 10000);
    CU_ASSERT_EQUAL(fixture_workers(w, 0), 0);
    end(w);
}

static void test_says_since_when(void) {
    struct fixture *w = begin(1);
    add_tasks(w, 1, 4, 20000);
    fixture_run(w, 10000);
    CU_ASSERT_TRUE(explained(w, " is in use; seen so since 2026-01-01T00:00:1"));
    fixture_run(w, 20000);
    CU_ASSERT_TRUE(explained(w, " is idle, but not for long enough; idle for "));
    CU_ASSERT_TRUE(explained(w, " s, since 2026-01-01T00:00:3"));
    end(w);
}

/* A typing error of nine digits costs neither the memory nor the time. */
static void test_absurd_replicas(void) {
    struct fixture *w = begin(1);
    w->groups[0].max = 4;
    w->absurd = true; /* replicas and maxReplicas, as the plugin sees them */
    fixture_edit(w);
    fixture_run(w, 3000);
    CU_ASSERT_TRUE(w->polls > 2);
    w->absurd = false;
    fixture_edit(w);
    add_tasks(w, 2, 4, 5000);
    fixture_run(w, 5000);
    CU_ASSERT_EQUAL(w->groups[0].replicas, 2);
    end(w);
}

/* The fixture refuses any other URL than that of the head that runs. */
static void test_head_of_another_port(void) {
    struct fixture *w = begin(1);
    w->edited_head = true;
    fixture_edit(w);
    unsigned polls = w->polls;
    fixture_run(w, 30000);
    CU_ASSERT_TRUE(w->polls > polls);
    end(w);
}

static const struct suite_test tests[] = {{"a head of another port", test_head_of_another_port},
                                          {"absurd replicas", test_absurd_replicas},
                                          {"up and down", test_up_and_down},
                                          {"quiet", test_quiet},
                                          {"quiet interval", test_quiet_interval},
                                          {"reaction", test_reaction},
                                          {"polled", test_polled},
                                          {"condition", test_condition},
                                          {"shadow counts", test_shadow_counts},
                                          {"condition refused", test_condition_refused},
                                          {"meters", test_meters},
                                          {"held", test_held},
                                          {"sidecar", test_sidecar},
                                          {"sidecar to come", test_sidecar_to_come},
                                          {"frozen", test_frozen},
                                          {"head killed", test_head_killed},
                                          {"no head in the answer", test_no_head_in_answer},
                                          {"restart", test_restart},
                                          {"stuck", test_stuck},
                                          {"removed group", test_removed_group},
                                          {"lowered maximum", test_lowered_max},
                                          {"evicted", test_evicted},
                                          {"disrupted", test_disrupted},
                                          {"idle is a leak", test_idle_is_a_leak},
                                          {"disrupted, idle", test_disrupted_idle},
                                          {"disrupted replica", test_disrupted_replica},
                                          {"deadlines", test_deadlines},
                                          {"tainted", test_tainted},
                                          {"disrupted between polls", test_disrupted_between_polls},
                                          {"suspended", test_suspended},
                                          {"unmet", test_unmet},
                                          {"API down", test_api_down},
                                          {"API down when idle", test_api_down_when_idle},
                                          {"older answer", test_older_answer},
                                          {"says since when", test_says_since_when}};
SUITE_MAIN("autoscaler", tests)
