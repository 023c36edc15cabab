/* test_groups.c - what a decision gets to know of the worker groups: limits, and what Ray will register of a node. */
#include "plugins/autoscaler/groups.h"
#include "tests/unit/ray/made.h"

static const struct rc_settings settings = MADE_SETTINGS;

/* One group g: more of it, the fields of its container, and of the cluster's spec. All begin with a comma or are "". */
static const struct as_group *read_group(struct rv_arena *a, const char *group, const char *container, const char *spec,
                                         struct group_info **ret_info) {
    struct rc_cluster *c = rv_arena_alloc(a, sizeof *c);
    size_t n = 0;
    struct rv_str text =
        rv_arena_fmt(a,
                     "'headGroupSpec':{'template':{'spec':{'containers':[{'name':'h','image':'r'}]}}}"
                     ",'workerGroupSpecs':[{'groupName':'g'%s,'template':{'spec':{'nodeSelector':{"
                     "'cloud.google.com/gke-tpu-accelerator':'%s','cloud.google.com/gke-tpu-topology':"
                     "'2x2x4'},'containers':[{'name':'w','image':'r'%s}]}}}]%s",
                     group, strstr(container, "tpu") != NULL ? "tpu-v4-podslice" : "", container, spec);
    made(a, "", text.p, &settings, c);
    struct as_group *g = groups_read(a, c, ret_info, &n);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    return g;
}

static struct rv_str shown(struct rv_arena *a, struct as_resources r) {
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < r.n; i++)
        rv_buf_addf(&b, "%s" RV_STR_FMT "=%g", i > 0 ? " " : "", RV_STR_ARG(r.items[i].name),
                    (double)r.items[i].amount / (double)as_amount(1));
    return rv_arena_str(a, rv_buf_str(&b));
}

#define PARAMS(list) ",'rayStartParams':{" list "}"
#define LIMITS(list) ",'resources':{'limits':{" list "}}"
#define REQUESTS(list) ",'resources':{'requests':{" list "}}"

static void resources(void) {
    static const struct {
        const char *group, *container, *want;
    } rows[] = {
        {"", "", ""},
        {"", LIMITS("'cpu':'2','memory':'1Gi'"), "CPU=2 memory=1.07374e+09"},
        {"", LIMITS("'cpu':'1500m'"), "CPU=2"},
        {PARAMS("'num-cpus':'4'"), LIMITS("'cpu':'2'"), "CPU=4"},
        {PARAMS("'num-cpus':'0'"), LIMITS("'cpu':'2'"), ""},
        {PARAMS("'num-cpus':'many'"), "", ""},
        {PARAMS("'num-cpus':'1','num-gpus':'3'"), "", "CPU=1 GPU=3"},
        {"", LIMITS("'cpu':'1','nvidia.com/gpu':'2'"), "CPU=1 GPU=2"},
        {PARAMS("'num-cpus':'1','resources':'{\\\"a\\\": 2, \\\"b\\\": 0}'"), "", "CPU=1 a=2"},
        {PARAMS("'num-cpus':'1','resources':'\\\"{\\\\\\\"a\\\\\\\": 2}\\\"'"), "", "CPU=1 a=2"},
        {PARAMS("'num-cpus':'1','resources':' ` {\\\"a\\\": 0.5} ` '"), "", "CPU=1 a=0.5"},
        {PARAMS("'num-cpus':'1','resources':'{'"), "", "CPU=1"},
        {PARAMS("'num-cpus':'1','resources':'  '"), "", "CPU=1"},
        /* slices of TPUs */
        {PARAMS("'num-cpus':'1'"), LIMITS("'google.com/tpu':'4'"), "CPU=1 TPU=4 TPU-v4-32-head=1"},
        {PARAMS("'num-cpus':'1'"), REQUESTS("'google.com/tpu':'4'"), "CPU=1 TPU=4 TPU-v4-32-head=1"},
        {PARAMS("'num-cpus':'1'"), LIMITS("'google.com/tpu':'0'"), "CPU=1"},
        {PARAMS("'num-cpus':'1','resources':'{\\\"TPU\\\": 8}'"), LIMITS("'google.com/tpu':'4'"),
         "CPU=1 TPU=8 TPU-v4-32-head=1"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct group_info *info;
        struct rv_str got = shown(a, read_group(a, rows[i].group, rows[i].container, "", &info)->resources);
        if (!rv_str_is(got, rows[i].want)) printf("\n    " RV_STR_FMT, RV_STR_ARG(got));
        CHECK_ROW(rv_str_is(got, rows[i].want), rows[i].group);
    }
}

/* GKE's words for a slice, and Ray's. */
static void slices(void) {
    static const struct {
        const char *accelerator, *topology, *want;
    } rows[] = {{"tpu-v4-podslice", "2x2x1", "TPU=1 TPU-v4-8-head=1"},
                {"tpu-v5-lite-device", "2x4", "TPU=1 TPU-v5litepod-8-head=1"},
                {"tpu-v5-lite-podslice", "4x4", "TPU=1 TPU-v5litepod-16-head=1"},
                {"tpu-v5p-slice", "2x2x2", "TPU=1 TPU-v5p-16-head=1"},
                {"tpu-v6e-slice", "16", "TPU=1 TPU-v6e-16-head=1"},
                {"tpu-v6e-slice", "16x16", "TPU=1 TPU-v6e-256-head=1"},
                {"tpu-v9-slice", "2x2", "TPU=1"},
                {"tpu-v4-podslice", "", "TPU=1"},
                {"tpu-v4-podslice", "2x", "TPU=1"},
                {"tpu-v4-podslice", "x2", "TPU=1"},
                {"tpu-v4-podslice", "2y2", "TPU=1"},
                {"tpu-v4-podslice", "0x2", "TPU=1"},
                {"tpu-v4-podslice", "9999999", "TPU=1"},
                {"tpu-v4-podslice", "99999x99999x9", "TPU=1"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rc_cluster c;
        struct group_info *info;
        size_t n;
        made(a, "",
             rv_arena_fmt(a,
                          "'headGroupSpec':{'template':{'spec':{'containers':[{'name':'h'}]}}},'workerGroupSpecs':[{"
                          "'groupName':'g','rayStartParams':{'num-cpus':'0'},'template':{'spec':{'nodeSelector':{"
                          "'cloud.google.com/gke-tpu-accelerator':'%s','cloud.google.com/gke-tpu-topology':'%s'},"
                          "'containers':[{'name':'w','resources':{'limits':{'google.com/tpu':'1'}}}]}}}]",
                          rows[i].accelerator, rows[i].topology)
                 .p,
             &settings, &c);
        struct rv_str got = shown(a, groups_read(a, &c, &info, &n)->resources);
        if (!rv_str_is(got, rows[i].want)) printf("\n    " RV_STR_FMT, RV_STR_ARG(got));
        CHECK_ROW(rv_str_is(got, rows[i].want), rows[i].topology);
    }
}

static void labels(void) {
    static const struct {
        const char *group, *want;
    } rows[] = {{"", "ray.io/node-group=g"},
                {",'labels':{'a':'b'}", "ray.io/node-group=g a=b"},
                {",'labels':{'a':'b','c':'d'}", "ray.io/node-group=g a=b c=d"},
                {",'labels':{'a':''}", "ray.io/node-group=g a="}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf b = {0};
        struct group_info *info;
        struct as_labels l = read_group(a, rows[i].group, "", "", &info)->labels;
        for (size_t k = 0; k < l.n; k++)
            rv_buf_addf(&b, "%s" RV_STR_FMT "=" RV_STR_FMT, k > 0 ? " " : "", RV_STR_ARG(l.items[k].key),
                        RV_STR_ARG(l.items[k].value));
        if (!rv_str_is(rv_buf_str(&b), rows[i].want)) printf("\n    %s", rv_buf_cstr(&b));
        CHECK_ROW(rv_str_is(rv_buf_str(&b), rows[i].want), rows[i].want);
    }
}

static void limits(void) {
    static const struct {
        const char *group;
        int64_t min, max, replicas, raw, hosts;
    } rows[] = {
        {"", 0, INT32_MAX, 0, -1, 1},
        {",'replicas':3", 0, INT32_MAX, 3, 3, 1},
        {",'minReplicas':1,'maxReplicas':4,'replicas':3", 1, 4, 3, 3, 1},
        {",'minReplicas':1,'maxReplicas':4,'replicas':0", 1, 4, 1, 0, 1},
        {",'minReplicas':1,'maxReplicas':4", 1, 4, 1, -1, 1},
        {",'minReplicas':1,'maxReplicas':4,'replicas':9", 1, 4, 4, 9, 1},
        {",'minReplicas':1,'maxReplicas':4,'replicas':3,'numOfHosts':2", 2, 8, 6, 3, 2},
        {",'minReplicas':1,'maxReplicas':4,'replicas':3,'suspend':true", 0, 0, 0, 3, 1},
        {",'minReplicas':-5,'maxReplicas':99999999999,'replicas':2", 0, INT32_MAX, 2, 2, 1},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct group_info *info;
        const struct as_group *g = read_group(a, rows[i].group, "", "", &info);
        CHECK_ROW(g->min == rows[i].min && g->max == rows[i].max && g->hosts == rows[i].hosts, rows[i].group);
        CHECK_ROW(info->replicas == rows[i].replicas && info->raw_replicas == rows[i].raw, rows[i].group);
    }
}

static void the_rest(void) {
    static const struct {
        const char *group, *container, *spec;
        int64_t idle_ms, priority;
        bool conservative, problem;
    } rows[] = {
        {"", "", "", 60000, 0, false, true},
        {PARAMS("'num-cpus':'1'"), "", "", 60000, 0, false, false},
        {"", REQUESTS("'cpu':'1'"), "", 60000, 0, false, false},
        {"", "", ",'autoscalerOptions':{'idleTimeoutSeconds':5,'upscalingMode':'Conservative'}", 5000, 0, true, true},
        {",'idleTimeoutSeconds':7", "", ",'autoscalerOptions':{'idleTimeoutSeconds':5,'upscalingMode':'Default'}", 7000,
         0, false, true},
        {",'idleTimeoutSeconds':0", "", "", 0, 0, false, true},
        {",'idleTimeoutSeconds':-1", "", "", -1, 0, false, true},
        {",'idleTimeoutSeconds':9999999999", "", "", 9999999999000, 0, false, true},
        {",'idleTimeoutSeconds':99999999999", "", "", 10000000000000, 0, false, true},
        {",'priority':3", "", "", 60000, 3, false, true},
        {",'priority':-3", "", "", 60000, 0, false, true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct group_info *info;
        const struct as_group *g = read_group(a, rows[i].group, rows[i].container, rows[i].spec, &info);
        CHECK_ROW(g->idle_ms == rows[i].idle_ms && g->priority == rows[i].priority, rows[i].group);
        CHECK_ROW(info->conservative == rows[i].conservative && (info->problem.n != 0) == rows[i].problem,
                  rows[i].group);
        CHECK_ROW(rv_str_is(g->name, "g") && rv_str_is(rv_path_str(info->spec, "groupName"), "g"), rows[i].group);
    }
}

static const struct suite_test tests[] = {
    {"resources", resources}, {"slices", slices}, {"labels", labels}, {"limits", limits}, {"the rest", the_rest}};
SUITE_MAIN("autoscaler: worker groups", tests)
