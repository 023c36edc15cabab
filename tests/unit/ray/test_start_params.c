/* test_start_params.c - which flags `ray start` gets: from the user, from resources and labels, from the container. */
#include "plugins/ray/start_params.h"

#include "made.h"

#define BOX(resources) "'template':{'spec':{'containers':[{'name':'r','resources':{" resources "}}]}}"
#define ALWAYS " --block  --dashboard-agent-listen-port=52365 "

static const struct {
    const char *row, *group;
    bool head;
    const char *want;
} rows[] = {
    {"a head with nothing", BOX(""), true,
     "ray start --head " ALWAYS " --dashboard-host=0.0.0.0  --metrics-export-port=8080 "},
    {"a worker with nothing", BOX(""), false, "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080 "},
    {"an empty group", "", false, "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080 "},
    {"the user's defaults stay",
     "'rayStartParams':{'dashboard-host':'::','metrics-export-port':'1','dashboard-agent-listen-port':'2'}", true,
     "ray start --head  --block  --dashboard-agent-listen-port=2  --dashboard-host=::  --metrics-export-port=1 "},
    {"the user's address stays", "'rayStartParams':{'address':'x:2'}", false,
     "ray start  --address=x:2 " ALWAYS " --metrics-export-port=8080 "},
    {"block cannot be switched off", "'rayStartParams':{'block':'false'}", false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080 "},
    {"true is the flag alone, false none", "'rayStartParams':{'a':'True','b':'FALSE','x':'','y':'yes'}", false,
     "ray start  --a  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --x=  --y=yes "},
    {"three flags take true and false",
     "'rayStartParams':{'log-color':'false','include-dashboard':'True','include-log-monitor':'false'}", true,
     "ray start --head " ALWAYS
     " --dashboard-host=0.0.0.0  --include-dashboard=True  --include-log-monitor=false  --log-color=false "
     " --metrics-export-port=8080 "},
    {"limits", BOX("'limits':{'cpu':'2','memory':'1Gi'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --memory=1073741824  --metrics-export-port=8080  --num-cpus=2 "},
    {"cpu is rounded up", BOX("'limits':{'cpu':'1500m'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --num-cpus=2 "},
    {"cpu by request, memory not", BOX("'requests':{'cpu':'500m','memory':'1Gi'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --num-cpus=1 "},
    {"a number is a quantity too", BOX("'limits':{'cpu':3}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --num-cpus=3 "},
    {"the user's numbers stay",
     "'rayStartParams':{'num-cpus':'0','memory':'5','num-gpus':'0'}," BOX(
         "'limits':{'cpu':'2','memory':'1Gi','nvidia.com/gpu':'1'}"),
     true,
     "ray start --head " ALWAYS
     " --dashboard-host=0.0.0.0  --memory=5  --metrics-export-port=8080  --num-cpus=0  --num-gpus=0 "},
    {"GPU", BOX("'limits':{'nvidia.com/gpu':'4'},'requests':{'nvidia.com/gpu':'4'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --num-gpus=4 "},
    {"GPU only from limits", BOX("'requests':{'nvidia.com/gpu':'4'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080 "},
    {"a slice of a GPU", BOX("'limits':{'nvidia.com/mig-1g.5gb':'2'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --num-gpus=2 "},
    {"the first GPU by name that is not zero", BOX("'limits':{'z.com/gpu':'9','b.com/gpu':'2','a.com/gpu':'0'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --num-gpus=2 "},
    {"TPU", BOX("'limits':{'google.com/tpu':'4'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --resources='{\"TPU\":4}' "},
    {"the first of two accelerators", BOX("'limits':{'google.com/tpu':'4','aws.amazon.com/neuroncore':'2'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --resources='{\"neuron_cores\":2}' "},
    {"accelerator beside the user's resources",
     "'rayStartParams':{'resources':'{\\\"z\\\": 1, \\\"A\\\": 0.5}'}," BOX("'limits':{'google.com/tpu':'4'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --resources='{\"A\":0.5,\"TPU\":4,\"z\":1}' "},
    {"the user named the accelerator",
     "'rayStartParams':{'resources':'{\\\"TPU\\\": 1}'}," BOX("'limits':{'google.com/tpu':'4'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --resources={\"TPU\": 1} "},
    {"unreadable resources: no GPU either",
     "'rayStartParams':{'resources':'{oops'}," BOX("'limits':{'google.com/tpu':'4','nvidia.com/gpu':'1'}"), false,
     "ray start  --address=gcs:1 " ALWAYS " --metrics-export-port=8080  --resources={oops "},
    {"group resources",
     "'resources':{'CPU':'1500m','memory':'2Gi','GPU':'1','b':'2','a':'500m','bad':'?'}," BOX("'limits':{'cpu':'8'}"),
     false,
     "ray start  --address=gcs:1 " ALWAYS
     " --memory=2147483648  --metrics-export-port=8080  --num-cpus=2  --num-gpus=1 "
     " --resources='{\"a\":0.5,\"b\":2}' "},
    {"group labels, sorted", "'labels':{'b':'2','a':'1'}", true,
     "ray start --head " ALWAYS " --dashboard-host=0.0.0.0  --labels=a=1,b=2  --metrics-export-port=8080 "},
};

static void commands(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val group = quoted(a, rv_arena_fmt(a, "{%s}", rows[i].group).p);
        CHECK_ROW(rv_val_present(group), rows[i].row);
        struct rv_node *params = rc_start_params(a, group, rows[i].head, RV_STR("gcs:1"));
        struct rv_str got = rc_start_command(a, params, rows[i].head);
        if (!rv_str_is(got, rows[i].want))
            printf("\n    got  " RV_STR_FMT "\n    want %s", RV_STR_ARG(got), rows[i].want);
        CHECK_ROW(rv_str_is(got, rows[i].want), rows[i].row);
    }
}

static void gcs_port(void) {
    static const struct rc_settings settings = MADE_SETTINGS;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rc_cluster c;
    made(a, "", "'headGroupSpec':{}", &settings, &c);
    CU_ASSERT_TRUE(rv_str_is(rc_gcs_port(&c), "6379"));
    made(a, "", "'headGroupSpec':{'rayStartParams':{'port':'7000'}}", &settings, &c);
    CU_ASSERT_TRUE(rv_str_is(rc_gcs_port(&c), "7000"));
}

static const struct suite_test tests[] = {
    {"ray start", commands},
    {"port of the GCS", gcs_port},
};
SUITE_MAIN("raycluster start params", tests)
