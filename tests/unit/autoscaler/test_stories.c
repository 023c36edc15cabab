/* test_stories.c - histories of one cluster under the autoscaler, line by line. Each file in stories/ has commands on
 * lines that begin with "> ", and after each what the plugin asked for, explains and counts because of it:
 *
 *     > settings JSON | > idle MS          before "go"
 *     > group NAME CPU MIN MAX [HOSTS]     a worker group of the spec
 *     > go
 *     > run MS
 *     > tasks N CPU MS                     N tasks, each of so many CPUs and so long
 *     > limits GROUP MIN MAX               an edit; "> replicas GROUP N", "> stuck GROUP MS", "> remove GROUP"
 *     > set FIELD NUMBER                   see set()
 *     > disrupt GROUP N                    the group's pod N, from 0; also taint, evict, slow
 *     > kill_head MS, > restart
 *
 * Lines that begin with "#" are comments. RAYVISOR_WRITE_STORIES=1 writes the files anew. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/kept_text.h"
#include "tests/unit/autoscaler/fixture.h"
#include "tests/unit/sdk/suite.h"

struct story {
    struct fixture w;
    struct rv_buf out;
    char *settings;
    bool runs;
    char explained[sizeof((struct fixture *)0)->explained];
    struct fixture_metric metrics[FIXTURE_METRICS];
};

/* ---- what is printed --------------------------------------------------------------------------------------------- */

static void say_groups(struct story *s) {
    for (int g = 0; g < s->w.n_groups; g++)
        rv_buf_addf(&s->out, "  group %s: %d replicas, %d workers, %d to delete\n", s->w.groups[g].name,
                    s->w.groups[g].replicas, fixture_workers(&s->w, g), s->w.groups[g].n_to_delete);
}

static void say_explained(struct story *s) {
    if (strcmp(s->explained, s->w.explained) == 0) return;
    memcpy(s->explained, s->w.explained, sizeof s->explained);
    rv_buf_adds(&s->out, "  explains:\n");
    for (const char *line = s->explained; *line != 0; line += strcspn(line, "\n"), line += *line == '\n')
        rv_buf_addf(&s->out, "    %.*s\n", (int)strcspn(line, "\n"), line);
}

static void say_metrics(struct story *s) {
    for (int i = 0; i < FIXTURE_METRICS && s->w.metrics[i].name[0] != 0; i++) {
        const struct fixture_metric *m = &s->w.metrics[i];
        bool same =
            strcmp(m->name, s->metrics[i].name) == 0 && memcmp(&m->value, &s->metrics[i].value, sizeof m->value) == 0;
        size_t n = strlen(m->name);
        if (n > 7 && strcmp(m->name + n - 7, "_bucket") == 0) continue; /* too many, and tested elsewhere */
        if (!same) rv_buf_addf(&s->out, "  metric %s %s %.9g\n", m->name, m->label, m->value);
    }
    memcpy(s->metrics, s->w.metrics, sizeof s->metrics);
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void go(struct story *s) {
    s->w.settings = s->settings;
    fixture_begin(&s->w, 7);
    s->w.record = &s->out;
    fixture_edit(&s->w);
    s->runs = true;
}

static struct fixture_group *group_of(struct story *s, const char *name) {
    for (int g = 0; g < s->w.n_groups; g++)
        if (strcmp(s->w.groups[g].name, name) == 0) return &s->w.groups[g];
    CU_FAIL_FATAL("a group's name");
    return NULL;
}

static bool edit_group(struct story *s, const char *line) {
    char name[24];
    int a, b = 1, c, hosts = 1;
    if (sscanf(line, "group %23s %d %d %d %d", name, &a, &b, &c, &hosts) >= 4) {
        struct fixture_group *g = &s->w.groups[s->w.n_groups++];
        *g = (struct fixture_group){.cpu = a, .min = b, .max = c, .hosts = hosts};
        memcpy(g->name, name, sizeof name);
    } else if (sscanf(line, "limits %23s %d %d", name, &a, &b) == 3) {
        group_of(s, name)->min = a;
        group_of(s, name)->max = b;
    } else if (sscanf(line, "replicas %23s %d", name, &a) == 2) {
        group_of(s, name)->replicas = a;
    } else if (sscanf(line, "stuck %23s %d", name, &a) == 2) {
        group_of(s, name)->stuck_until = s->w.now + a;
    } else if (sscanf(line, "remove %23s", name) == 1) {
        group_of(s, name)->gone = true;
    } else {
        return false;
    }
    if (s->runs) fixture_edit(&s->w);
    return true;
}

static bool set(struct story *s, const char *line) {
    struct fixture *w = &s->w;
    char field[24];
    int v;
    if (sscanf(line, "set %23s %d", field, &v) != 2) return false;
    bool *const flags[] = {&w->suspended,   &w->sidecar, &w->plain,       &w->absurd,
                           &w->edited_head, &w->deaf,    &w->lie_unknown, &w->status_refused};
    static const char *const names[] = {"suspended",   "sidecar", "plain",       "absurd",
                                        "edited_head", "deaf",    "lie_unknown", "status_refused"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        if (strcmp(field, names[i]) == 0) *flags[i] = v != 0;
    if (strcmp(field, "held") == 0) w->held_cpus = v;
    if (strcmp(field, "version") == 0) w->version = v;
    if (strcmp(field, "gcs_down") == 0) w->gcs_down_until = w->now + v;
    if (strcmp(field, "api_down") == 0) w->api_down_until = w->now + v;
    if (s->runs) fixture_edit(w);
    return true;
}

/* The pod of the group at that place, from 0. */
static struct fixture_pod *pod_of(struct story *s, const struct fixture_group *g, int at) {
    for (int i = 0; i < FIXTURE_PODS; i++) {
        struct fixture_pod *p = &s->w.pods[i];
        if (p->used && !p->head && &s->w.groups[p->group] == g && at-- == 0) return p;
    }
    return NULL;
}

static bool hurt_pod(struct story *s, const char *line) {
    char how[16], group[24];
    int at;
    if (sscanf(line, "%15s %23s %d", how, group, &at) != 3) return false;
    struct fixture_pod *p = pod_of(s, group_of(s, group), at);
    if (p == NULL) return false;
    if (strcmp(how, "disrupt") == 0) {
        p->disrupted = true;
        p->disrupted_at = s->w.now;
        p->evicted_at = s->w.now + 20000;
    } else if (strcmp(how, "taint") == 0) {
        p->tainted = true;
        p->evicts_from = s->w.now;
    } else if (strcmp(how, "evict") == 0) {
        p->gone_at = s->w.now + 2000;
    } else if (strcmp(how, "slow") == 0) {
        p->joins_at += 30000;
    } else {
        return false;
    }
    return true;
}

static bool do_command(struct story *s, const char *line) {
    int n, cpu, ms;
    if (strncmp(line, "settings ", 9) == 0) {
        free(s->settings);
        s->settings = rv_strdup(rv_str(line + 9));
    } else if (sscanf(line, "idle %d", &ms) == 1) {
        s->w.idle_ms = ms;
    } else if (strcmp(line, "go") == 0) {
        go(s);
    } else if (sscanf(line, "run %d", &ms) == 1) {
        fixture_run(&s->w, ms);
    } else if (sscanf(line, "tasks %d %d %d", &n, &cpu, &ms) == 3) {
        for (int i = 0; i < n; i++) (void)fixture_add_task(&s->w, cpu, ms);
    } else if (sscanf(line, "kill_head %d", &ms) == 1) {
        fixture_kill_head(&s->w, ms);
    } else if (strcmp(line, "restart") == 0) {
        fixture_restart(&s->w);
    } else {
        return edit_group(s, line) || set(s, line) || hurt_pod(s, line);
    }
    return true;
}

/* ---- a whole story ----------------------------------------------------------------------------------------------- */

static void tell(struct story *s, const char *text) {
    for (const char *line = text; *line != 0;) {
        size_t n = strcspn(line, "\n");
        if (line[0] == '#' || line[0] == '>') rv_buf_addf(&s->out, "%.*s\n", (int)n, line);
        if (line[0] == '>') {
            rv_autofree char *command = rv_strdup((struct rv_str){line + 2, n - 2});
            bool known = do_command(s, command);
            if (!known) printf("\n    no such command: %s", command);
            CU_ASSERT_TRUE_FATAL(known);
            if (s->runs && strncmp(command, "run ", 4) == 0) {
                say_groups(s);
                say_explained(s);
                say_metrics(s);
            }
        }
        line += n + (line[n] == '\n');
    }
    if (s->w.wrong[0] != 0) rv_buf_addf(&s->out, "  WRONG: %s\n", s->w.wrong);
    CU_ASSERT_EQUAL(s->w.wrong[0], 0);
}

static void check_story(const char *path) {
    struct story *s = rv_alloc(sizeof *s);
    rv_autobuf struct rv_buf want = {0};
    kept_text_read(path, &want);
    tell(s, rv_buf_cstr(&want));
    kept_text_check(path, &want, &s->out);
    if (s->runs) fixture_end(&s->w);
    rv_buf_free(&s->out);
    free(s->settings);
    free(s);
}

static void test_stories(void) {
    glob_t found;
    CU_ASSERT_EQUAL_FATAL(glob("tests/unit/autoscaler/stories/*.txt", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) check_story(found.gl_pathv[i]);
    globfree(&found);
}

static const struct suite_test tests[] = {{"every story goes as it is written", test_stories}};
SUITE_MAIN("autoscaler: stories", tests)
