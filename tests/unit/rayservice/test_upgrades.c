/* test_upgrades.c - recorded steps of upgrades: upgrades.txt has what is observed on each line that begins with "> ",
 * and what is to be done then on the next. Fields that are not named are 0. RAYVISOR_WRITE_STORIES=1 writes the plans
 * anew, for a change that is meant. */
#include <stdlib.h>

#include "plugins/rayservice/upgrade.h"
#include "tests/support/kept_text.h"
#include "tests/unit/sdk/suite.h"

#define PATH "tests/unit/rayservice/upgrades.txt"

/* ---- what is observed -------------------------------------------------------------------------------------------- */

static bool read_flag(const char *name, struct up_view *v) {
    struct up_side *a = &v->active, *b = &v->pending;
    const struct {
        const char *name;
        bool *at;
    } flags[] = {
        {"may_replace", &v->may_replace}, {"rolling_back", &v->rolling_back},   {"given_up", &v->given_up},
        {"sliced", &v->sliced},           {"shares_act", &v->shares_act},       {"quota_blocks", &v->quota_blocks},
        {"crowded", &v->crowded},         {"rolls_back", &v->rolls_back},       {"active.named", &a->named},
        {"active.exists", &a->exists},    {"active.deleting", &a->deleting},    {"active.same", &a->same},
        {"active.extends", &a->extends},  {"active.suspended", &a->suspended},  {"active.head", &a->head_ready},
        {"active.untold", &a->untold},    {"active.proven", &a->proven},        {"pending.named", &b->named},
        {"pending.exists", &b->exists},   {"pending.deleting", &b->deleting},   {"pending.same", &b->same},
        {"pending.extends", &b->extends}, {"pending.suspended", &b->suspended}, {"pending.head", &b->head_ready},
        {"pending.untold", &b->untold},   {"pending.proven", &b->proven}};
    for (size_t i = 0; i < RV_ARRAY_LEN(flags); i++)
        if (strcmp(name, flags[i].name) == 0) return *flags[i].at = true;
    return false;
}

static bool read_number(const char *name, int64_t value, struct up_view *v) {
    struct up_side *a = &v->active, *b = &v->pending;
    const struct {
        const char *name;
        int32_t *at;
        int64_t *long_at;
    } numbers[] = {{"surge", &v->surge, NULL},
                   {"step", &v->step, NULL},
                   {"interval", NULL, &v->interval_ns},
                   {"now", NULL, &v->now},
                   {"deadline", NULL, &v->deadline},
                   {"active.pods", &a->pods, NULL},
                   {"active.endpoints", &a->endpoints, NULL},
                   {"active.capacity", &a->capacity, NULL},
                   {"active.traffic", &a->traffic, NULL},
                   {"active.moved", NULL, &a->moved},
                   {"pending.pods", &b->pods, NULL},
                   {"pending.endpoints", &b->endpoints, NULL},
                   {"pending.capacity", &b->capacity, NULL},
                   {"pending.traffic", &b->traffic, NULL},
                   {"pending.moved", NULL, &b->moved}};
    for (size_t i = 0; i < RV_ARRAY_LEN(numbers); i++) {
        if (strcmp(name, numbers[i].name) != 0) continue;
        if (numbers[i].at != NULL)
            *numbers[i].at = (int32_t)value;
        else
            *numbers[i].long_at = value * INT64_C(1000000000);
        return true;
    }
    return false;
}

static struct up_view read_view(char *line) {
    struct up_view v = {0};
    for (char *rest = NULL, *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        if (equals != NULL) *equals = 0;
        bool known = true;
        if (strcmp(word, "incremental") == 0)
            v.strategy = UP_INCREMENTAL;
        else if (strcmp(word, "new") == 0)
            v.strategy = UP_NEW;
        else if (equals == NULL)
            known = read_flag(word, &v);
        else
            known = read_number(word, strtoll(equals + 1, NULL, 10), &v);
        CHECK_ROW(known, word);
    }
    return v;
}

/* ---- what is to be done ------------------------------------------------------------------------------------------ */

static void write_plan(const struct up_plan *p, struct rv_buf *out) {
    static const char *const rollbacks[] = {[UP_ROLLBACK_KEEP] = "",
                                            [UP_ROLLBACK_CLEAR] = " rollback:clear",
                                            [UP_ROLLBACK_REVERTED] = " rollback:reverted",
                                            [UP_ROLLBACK_OTHER] = " rollback:other",
                                            [UP_ROLLBACK_LATE] = " rollback:late"};
    const struct {
        const char *name;
        bool is;
    } flags[] = {{"prepare", p->prepare},
                 {"create", p->create_pending},
                 {"update_active", p->update_active},
                 {"update_pending", p->update_pending},
                 {"promote", p->promote},
                 {"drop", p->drop_pending},
                 {"give_up", p->give_up},
                 {"active_frozen", p->serve_active_frozen},
                 {"pending_frozen", p->serve_pending_frozen},
                 {"stable_pending", p->stable_pending},
                 {"assume_active", p->assume_active},
                 {"assume_pending", p->assume_pending}};
    rv_buf_addf(out, "%s: capacity %d and %d, traffic %d and %d", up_step_name(p->step), p->capacity_active,
                p->capacity_pending, p->traffic_active, p->traffic_pending);
    for (size_t i = 0; i < RV_ARRAY_LEN(flags); i++)
        if (flags[i].is) rv_buf_addf(out, " %s", flags[i].name);
    rv_buf_addf(out, "%s", rollbacks[p->rollback]);
    if (p->wake != 0) rv_buf_addf(out, " wake at %lld", (long long)(p->wake / 1000000000));
    rv_buf_addc(out, '\n');
}

static void test_recorded(void) {
    rv_autobuf struct rv_buf want = {0}, got = {0};
    kept_text_read(PATH, &want);
    for (const char *line = rv_buf_cstr(&want); *line != 0;) {
        size_t n = strcspn(line, "\n");
        bool view = strncmp(line, "> ", 2) == 0;
        if (view || line[0] == '#') rv_buf_addf(&got, "%.*s\n", (int)n, line);
        if (view) {
            rv_autofree char *copy = rv_strdup((struct rv_str){line + 2, n - 2});
            struct up_view v = read_view(copy);
            struct up_plan p;
            up_decide(&v, &p);
            write_plan(&p, &got);
        }
        line += n + (line[n] == '\n');
    }
    kept_text_check(PATH, &want, &got);
}

static const struct suite_test tests[] = {{"steps as they were recorded", test_recorded}};
SUITE_MAIN("rayservice: recorded steps of upgrades", tests)
