/* test_objects.c - the submitter Job, the RayCluster and the head service of a RayJob, whole: nothing is missing, and
 * nothing is there that the contract does not say. */
#include "plugins/rayjob/builders.h"
#include "plugins/rayjob/text.h"
#include "tests/unit/sdk/suite.h"

#define ADDRESS "svc.n.svc.cluster.local:8265"
#define AT "http://" ADDRESS

struct scenario {
    struct rv_arena *a;
    struct rc_settings settings;
    struct rj_job j;
    struct rc_cluster c;
    struct rj_target t;
    struct rj_state state;
};

/* JSON with ' for " */
static struct rv_node *tree(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    for (; *text != 0; text++) rv_buf_addc(&b, (uint8_t)(*text == '\'' ? '"' : *text));
    struct rv_val v = from_json(a, rv_buf_cstr(&b));
    if (!rv_val_present(v)) printf("\n    not JSON: %s", rv_buf_cstr(&b));
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    return rv_node_from(a, v);
}

static void check_same(struct rv_arena *a, const char *row, struct rv_node *got, struct rv_node *want) {
    rv_autobuf struct rv_buf is = {0}, ought = {0};
    rj_json(&is, rv_node_freeze(a, got));
    rj_json(&ought, rv_node_freeze(a, want));
    bool same = rv_str_eq(rv_buf_str(&is), rv_buf_str(&ought));
    if (!same) printf("\n    got  %s\n    want %s", rv_buf_cstr(&is), rv_buf_cstr(&ought));
    CHECK_ROW(same, row);
}

/* ---- what is given --------------------------------------------------------------------------------------------- */

#define HEAD_OF(containers) "'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'containers':[" containers "]}}}"
#define HEAD HEAD_OF("{'name':'h','image':'ray:1'}")
#define WORKERS                                                                                                        \
    "'workerGroupSpecs':[{'groupName':'g','replicas':2,'template':{'spec':{'containers':[{'name':'w','image':'ray:1'}" \
    "]}}}]"

struct given {
    const char *meta, *cluster, *spec; /* more of each, in JSON with ' for "; NULL: no more, a head alone */
};

static void scenario_set(struct scenario *s, const struct given *g) {
    s->a = rv_arena_new();
    struct rv_str text =
        rv_arena_fmt(s->a, "{'metadata':{'name':'j','namespace':'n','uid':'u'%s},'spec':{'rayClusterSpec':{%s}%s}}",
                     g->meta != NULL ? g->meta : "", g->cluster != NULL ? g->cluster : HEAD,
                     g->spec != NULL ? g->spec : ",'entrypoint':'e'");
    rj_job_read(&s->j, rv_node_freeze(s->a, tree(s->a, text.p)), &s->settings);
    rj_as_cluster(s->a, &s->j, RV_STR("j-abcde"), &s->c);
    s->t = (struct rj_target){RV_STR("id"), RV_STR(ADDRESS), &s->c};
    s->state = (struct rj_state){.cluster = RV_STR("j-abcde"), .job_id = RV_STR("id")};
}

/* ---- the submitter Job ------------------------------------------------------------------------------------------ */

#define OWNER                                                                                                          \
    "'ownerReferences':[{'apiVersion':'ray.io/v1','kind':'RayJob','name':'j','uid':'u','controller':true,"             \
    "'blockOwnerDeletion':true}]"
#define LABELS                                                                                                         \
    "'ray.io/originated-from-cr-name':'j','ray.io/originated-from-crd':'RayJob','app.kubernetes.io/created-by':"       \
    "'kuberay-operator'"
#define JOB(backoff, template)                                                                                         \
    "{'apiVersion':'batch/v1','kind':'Job','metadata':{'name':'j','namespace':'n','labels':{" LABELS "}," OWNER        \
    "},'spec':{'backoffLimit':" backoff ",'template':" template "}}"
#define POD(spec) "{'metadata':{'labels':{" LABELS "}},'spec':{" spec "}}"
#define COMMAND "'command':['/bin/bash','-ce','--'],'args':['LINE']"
#define AMOUNTS "'resources':{'limits':{'cpu':'1','memory':'1Gi'},'requests':{'cpu':'500m','memory':'200Mi'}}"
#define ENV                                                                                                            \
    "{'name':'PYTHONUNBUFFERED','value':'1'},{'name':'RAY_DASHBOARD_ADDRESS','value':'" ADDRESS                        \
    "'},{'name':'RAY_JOB_SUBMISSION_ID','value':'id'}"
#define CONTAINER(command, env, more)                                                                                  \
    "{'name':'ray-job-submitter','image':'ray:1'," AMOUNTS "," command ",'env':[" ENV env "]" more "}"
#define SUBMITTER(command, env, more) "'restartPolicy':'Never','containers':[" CONTAINER(command, env, more) "]"
#define SECRET(name) "{'name':'RAY_AUTH_TOKEN','valueFrom':{'secretKeyRef':{'name':'" name "','key':'auth_token'}}}"
#define MODE ",{'name':'RAY_AUTH_MODE','value':'token'}"
#define TOKEN(more) HEAD ",'rayVersion':'2.52.0','authOptions':{'mode':'token'" more "}"
#define K8S_ENV MODE ",{'name':'RAY_ENABLE_K8S_TOKEN_AUTH','value':'true'}"
#define K8S_MOUNT                                                                                                      \
    "'volumeMounts':[{'name':'ray-token','mountPath':'/var/run/secrets/ray.io/serviceaccount','readOnly':true}]"
#define K8S_VOLUME "'volumes':[{'name':'ray-token','projected':{'sources':[{'serviceAccountToken':{'path':'token'}}]}}]"
#define USERS(container) ",'entrypoint':'e','submitterPodTemplate':{'spec':{'containers':[" container "]}}"

static void test_submitter_jobs(void) {
    static const struct {
        const char *name;
        struct given given;
        const char *want;
        bool login;
    } rows[] = {
        {"as it comes", {NULL, NULL, NULL}, JOB("2", POD(SUBMITTER(COMMAND, "", ""))), false},
        {"labels of the RayJob are not the Job's",
         {",'labels':{'team':'a','app.kubernetes.io/created-by':'me'},'annotations':{'x':'y'}", NULL, NULL},
         JOB("2", POD(SUBMITTER(COMMAND, "", ""))),
         false},
        {"neither are limits of the RayJob",
         {NULL, NULL, ",'entrypoint':'e','backoffLimit':5,'ttlSecondsAfterFinished':9,'activeDeadlineSeconds':7"},
         JOB("2", POD(SUBMITTER(COMMAND, "", ""))),
         false},
        {"backoffLimit",
         {NULL, NULL, ",'entrypoint':'e','submitterConfig':{'backoffLimit':7}"},
         JOB("7", POD(SUBMITTER(COMMAND, "", ""))),
         false},
        {"backoffLimit 0",
         {NULL, NULL, ",'entrypoint':'e','submitterConfig':{'backoffLimit':0}"},
         JOB("0", POD(SUBMITTER(COMMAND, "", ""))),
         false},
        {"backoffLimit not said",
         {NULL, NULL, ",'entrypoint':'e','submitterConfig':{}"},
         JOB("2", POD(SUBMITTER(COMMAND, "", ""))),
         false},
        {"login shell",
         {NULL, NULL, NULL},
         JOB("2", POD(SUBMITTER("'command':['/bin/bash','-cel','--'],'args':['LINE']", "", ""))),
         true},
        {"image of the first container of the head",
         {NULL, HEAD_OF("{'name':'h','image':'first'},{'name':'x','image':'second'}"), NULL},
         JOB("2", POD("'restartPolicy':'Never','containers':[{'name':'ray-job-submitter','image':'first'," AMOUNTS
                      "," COMMAND ",'env':[" ENV "]}]")),
         false},
        {"template of the user's: nothing else is added to it",
         {NULL, NULL,
          ",'entrypoint':'e','submitterPodTemplate':{'metadata':{'labels':{'mine':'1','ray.io/originated-from-crd':'x'}"
          ",'annotations':{'a':'b'}},'spec':{'restartPolicy':'OnFailure','serviceAccountName':'sa','nodeSelector':{'k':"
          "'v'},'initContainers':[{'name':'i','image':'i'}],'containers':[{'name':'c','image':'im','env':[{'name':'E',"
          "'value':'1'}],'envFrom':[{'secretRef':{'name':'s'}}]},{'name':'other','image':'o'}]}}"},
         JOB("2",
             "{'metadata':{'labels':{'mine':'1'," LABELS
             "},'annotations':{'a':'b'}},'spec':{'restartPolicy':'OnFailure','serviceAccountName':'sa','nodeSelector':{"
             "'k':'v'},'initContainers':[{'name':'i','image':'i'}],'containers':[{'name':'c','image':'im'," COMMAND
             ",'env':[{'name':'E','value':'1'}," ENV "],'envFrom':[{'secretRef':{'name':'s'}}]},{'name':'other',"
             "'image':'o'}]}}"),
         false},
        {"template without image or policy",
         {NULL, NULL, USERS("{'name':'c'}")},
         JOB("2", POD("'containers':[{'name':'c'," COMMAND ",'env':[" ENV "]}]")),
         false},
        {"args of the user's without a command are replaced",
         {NULL, NULL, USERS("{'name':'c','args':['mine'],'command':[]}")},
         JOB("2", POD("'containers':[{'name':'c'," COMMAND ",'env':[" ENV "]}]")),
         false},
        {"command of the user's, with or without args",
         {NULL, NULL, USERS("{'name':'c','command':['/s'],'args':['mine']}")},
         JOB("2", POD("'containers':[{'name':'c','command':['/s'],'args':['mine'],'env':[" ENV "]}]")),
         false},
        {"no variable twice",
         {NULL, NULL, USERS("{'name':'c','command':['/s'],'env':[{'name':'RAY_DASHBOARD_ADDRESS','value':'x'}]}")},
         JOB("2", POD("'containers':[{'name':'c','command':['/s'],'env':[{'name':'RAY_DASHBOARD_ADDRESS','value':'x'}"
                      ",{'name':'PYTHONUNBUFFERED','value':'1'},{'name':'RAY_JOB_SUBMISSION_ID','value':'id'}]}]")),
         false},
        {"one's own RAY_ADDRESS",
         {NULL, NULL,
          USERS(
              "{'name':'c','command':['/s'],'env':[{'name':'RAY_JOB_SUBMISSION_ID','value':'x'},{'name':'RAY_ADDRESS',"
              "'value':'x'}]}")},
         JOB("2",
             POD("'containers':[{'name':'c','command':['/s'],'env':[{'name':'RAY_ADDRESS','value':'x'},{'name':"
                 "'PYTHONUNBUFFERED','value':'1'},{'name':'RAY_DASHBOARD_ADDRESS','value':'$(RAY_ADDRESS)'},{'name':"
                 "'RAY_JOB_SUBMISSION_ID','value':'id'}]}]")),
         false},
        {"token", {NULL, TOKEN(""), NULL}, JOB("2", POD(SUBMITTER(COMMAND, MODE "," SECRET("j-abcde"), ""))), false},
        {"token in a secret of its own",
         {NULL, TOKEN(",'secretName':'s'"), NULL},
         JOB("2", POD(SUBMITTER(COMMAND, MODE "," SECRET("s"), ""))),
         false},
        {"token and a mode of the user's",
         {NULL, TOKEN(""), USERS("{'name':'c','command':['/s'],'env':[{'name':'RAY_AUTH_MODE','value':'x'}]}")},
         JOB("2", POD("'containers':[{'name':'c','command':['/s'],'env':[{'name':'RAY_AUTH_MODE','value':'x'}," ENV
                      "," SECRET("j-abcde") "]}]")),
         false},
        {"authentication off", /* as if nothing were said */
         {NULL, HEAD ",'rayVersion':'2.52.0','authOptions':{'mode':'disabled'}", NULL},
         JOB("2", POD(SUBMITTER(COMMAND, "", ""))),
         false},
        {"tokens of Kubernetes",
         {NULL, TOKEN(",'enableK8sTokenAuth':true"), NULL},
         JOB("2", POD(SUBMITTER(COMMAND, K8S_ENV, "," K8S_MOUNT) "," K8S_VOLUME)),
         false},
        {"tokens of Kubernetes, in a volume of the user's",
         {NULL, TOKEN(",'enableK8sTokenAuth':true"),
          ",'entrypoint':'e','submitterPodTemplate':{'spec':{'containers':[{'name':'c','command':['/s']}],'volumes':[{"
          "'name':'ray-token','emptyDir':{}}]}}"},
         JOB("2", POD("'containers':[{'name':'c','command':['/s'],'env':[" ENV K8S_ENV "]," K8S_MOUNT
                      "}],'volumes':[{'name':'ray-token','emptyDir':{}}]")),
         false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.settings = {.login_shell = rows[i].login}};
        scenario_set(&s, &rows[i].given);
        struct rv_node *want = tree(s.a, rows[i].want),
                       *args = rv_node_path(want, "spec.template.spec.containers[0].args");
        if (args != NULL && rv_str_is(rv_node_text(rv_node_at(args, 0)), "LINE")) {
            struct rv_node *line = rv_node_array(s.a);
            rv_node_append(s.a, line, rv_node_str(s.a, rj_command(s.a, &s.j, &s.t, false)));
            rv_node_set(s.a, rv_node_path(want, "spec.template.spec.containers[0]"), "args", line);
        }
        check_same(s.a, rows[i].name, rj_submitter_job(s.a, &s.j, &s.t), want);
        rv_arena_free(s.a);
    }
}

/* A secret is called as its cluster, of which the end is kept when it is too long for a name of Ray's objects. */
static void test_secret_of_a_long_name(void) {
    static const struct {
        const char *cluster, *secret;
    } rows[] = {{"a2345678901234567890123456789012345678901234567-abcde", /* 53 */
                 "r5678901234567890123456789012345678901234567-abcde"},
                {"a23-5678901234567890123456789012345678901234567-abcde", /* cut before the 5 */
                 "r5678901234567890123456789012345678901234567-abcde"},
                {"abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuv-xyz",
                 "defghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuv-xyz"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        scenario_set(&s, &(struct given){.cluster = TOKEN("")});
        rj_as_cluster(s.a, &s.j, rv_str(rows[i].cluster), &s.c);
        struct rv_node *pod = rj_submitter_template(s.a, &s.j, &s.t),
                       *name = rv_node_path(pod, "spec.containers[0].env[4].valueFrom.secretKeyRef.name");
        CHECK_ROW(name != NULL && rv_str_is(rv_node_text(name), rows[i].secret), rows[i].cluster);
        if (name != NULL && !rv_str_is(rv_node_text(name), rows[i].secret))
            printf("\n    got " RV_STR_FMT, RV_STR_ARG(rv_node_text(name)));
        rv_arena_free(s.a);
    }
}

/* Our own submitter: the same environment, flags in place of a line; never in a template of the user's. */
static void test_small_submitter(void) {
    static const struct {
        const char *name;
        struct given given;
        const char *args; /* NULL: the head's image and a line, as ever */
    } rows[] = {
        {"least", {NULL, NULL, ",'entrypoint':' python a.py '"}, "['--','python a.py']"},
        {"all",
         {NULL, NULL,
          ",'entrypoint':'e','runtimeEnvYAML':'b: <\\nwith: [2]','metadata':{'z':'1','a':'&'},'entrypointNumCpus':2,"
          "'entrypointNumGpus':0.5,'entrypointResources':'{\\'r\\': 1}'"},
         "['--runtime-env-json','{\\'b\\':\\'\\\\u003c\\',\\'with\\':[2]}','--metadata-json','{\\'a\\':\\'\\\\u0026\\',"
         "\\'z\\':\\'1\\'}','--entrypoint-num-cpus','2.000000','--entrypoint-num-gpus','0.500000',"
         "'--entrypoint-resources','{\\'r\\': 1}','--','e']"},
        {"template of the user's", {NULL, NULL, USERS("{'name':'c','image':'im'}")}, NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        scenario_set(&s, &rows[i].given);
        s.j.submitter_image = RV_STR("submit:1");
        struct rv_node *got = rv_node_path(rj_submitter_job(s.a, &s.j, &s.t), "spec.template.spec.containers[0]");
        if (rows[i].args == NULL) {
            CHECK_ROW(rv_str_is(rv_node_text(rv_node_get(got, "image")), "im"), rows[i].name);
            CHECK_ROW(rv_node_len(rv_node_get(got, "command")) == 3, rows[i].name);
        } else {
            check_same(s.a, rows[i].name, got,
                       tree(s.a, rv_arena_fmt(s.a,
                                              "{'name':'ray-job-submitter','image':'submit:1','args':%s,'env':[" ENV
                                              "],'resources':{'limits':{'cpu':'100m','memory':'32Mi'},'requests':{"
                                              "'cpu':'10m','memory':'8Mi'}}}",
                                              rows[i].args)
                                     .p));
        }
        rv_arena_free(s.a);
    }
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

/* What stands between the address and the end of `ray job submit`. */
static void test_flags(void) {
    static const struct {
        const char *spec, *want;
    } rows[] = {
        {",'entrypoint':'python \\'a b\\'.py $HOME'", "--submission-id id -- python \"a b\".py $HOME ;"},
        {",'entrypoint':'\\t a\\nb \\n'", "--submission-id id -- a\nb ;"},
        {",'entrypoint':'e','entrypointNumCpus':0,'entrypointNumGpus':0,'metadata':{},'runtimeEnvYAML':'',"
         "'entrypointResources':''",
         "--submission-id id -- e ;"},
        {",'entrypoint':'e','entrypointNumCpus':0.1,'entrypointNumGpus':2",
         "--submission-id id --entrypoint-num-cpus 0.100000 --entrypoint-num-gpus 2.000000 -- e ;"},
        {",'entrypoint':'e','entrypointResources':'{\\'a\\': 1,\\t\\'b$\\': 2}'",
         "--submission-id id --entrypoint-resources \"{\\\"a\\\": 1,\\t\\\"b$\\\": 2}\" -- e ;"},
        {",'entrypoint':'e','metadata':{'b':'a\\nb','a':'<é\\'`>'}",
         "--metadata-json \"{\\\"a\\\":\\\"\\\\u003cé\\\\\\\"`\\\\u003e\\\",\\\"b\\\":\\\"a\\\\nb\\\"}\" "
         "--submission-id "
         "id -- e ;"},
        {",'entrypoint':'e','runtimeEnvYAML':'env_vars:\\n  Z: \\'1\\'\\n  A: \\'$x!\\'\\npip:\\n- a==1\\n'",
         "--runtime-env-json \"{\\\"env_vars\\\":{\\\"A\\\":\\\"$x!\\\",\\\"Z\\\":\\\"1\\\"},\\\"pip\\\":[\\\"a==1\\\"]"
         "}\" --submission-id id -- e ;"},
        {",'entrypoint':'e','runtimeEnvYAML':'working_dir: \\'C:\\\\\\\\x\\''",
         "--runtime-env-json \"{\\\"working_dir\\\":\\\"C:\\\\\\\\x\\\"}\" --submission-id id -- e ;"},
    };
    static const char before[] = "ray job submit --address " AT " --no-wait ", after[] = " fi ; ray job logs";
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        scenario_set(&s, &(struct given){.spec = rows[i].spec});
        struct rv_str line = rj_command(s.a, &s.j, &s.t, false);
        const char *from = memmem(line.p, line.n, before, strlen(before)),
                   *to = memmem(line.p, line.n, after, strlen(after));
        CU_ASSERT_TRUE_FATAL(from != NULL && to != NULL);
        struct rv_str got = {from + strlen(before), (size_t)(to - from) - strlen(before)};
        if (!rv_str_is(got, rows[i].want)) printf("\n    got  " RV_STR_FMT, RV_STR_ARG(got));
        CHECK_ROW(rv_str_is(got, rows[i].want), rows[i].want);
        rv_arena_free(s.a);
    }
}

static void test_address_and_id(void) {
    struct scenario s = {0};
    scenario_set(&s, &(struct given){0});
    struct rv_str plain = rj_command(s.a, &s.j, &s.t, false);
    s.t.dashboard = RV_STR(AT);
    CU_ASSERT_TRUE(rv_str_eq(rj_command(s.a, &s.j, &s.t, false), plain)); /* the scheme is not doubled */
    s.t.job_id = RV_STR("");
    struct rv_str line = rj_command(s.a, &s.j, &s.t, true);
    CU_ASSERT_PTR_NULL(memmem(line.p, line.n, "--submission-id", strlen("--submission-id")));
    CU_ASSERT_TRUE(rv_str_ends(line, "ray job submit --address http://127.0.0.1:8265 -- e ;"));
    rv_arena_free(s.a);
}

/* ---- the RayCluster --------------------------------------------------------------------------------------------- */

#define CLUSTER(mode, labels, annotations, spec)                                                                       \
    "{'apiVersion':'ray.io/v1','kind':'RayCluster','metadata':{'name':'j-abcde','namespace':'n','labels':{" labels     \
    "'ray.io/originated-from-cr-name':'j','ray.io/originated-from-crd':'RayJob','ray.io/job-submission-mode':'" mode   \
    "'}," annotations OWNER "},'spec':{" spec "}}"
#define KEPT_DOWN "'annotations':{'ray.io/disable-provisioned-head-restart':'true'},"
#define SIDECAR_ENV                                                                                                    \
    "'env':[{'name':'PYTHONUNBUFFERED','value':'1'},{'name':'RAY_DASHBOARD_ADDRESS'},{'name':'RAY_JOB_SUBMISSION_ID'," \
    "'value':'id'}"
#define SIDECAR(env, more)                                                                                             \
    "{'name':'ray-job-submitter','image':'ray:1'," AMOUNTS "," COMMAND "," SIDECAR_ENV env "]" more "}"
#define SIDECAR_HEAD(container, rest)                                                                                  \
    "'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'restartPolicy':'Never','containers':[" container        \
    "]}}}" rest

static void test_clusters(void) {
    static const struct {
        const char *name;
        struct given given;
        bool restart;
        const char *want;
    } rows[] = {
        {"K8sJobMode", {NULL, HEAD "," WORKERS, NULL}, false, CLUSTER("K8sJobMode", "", "", HEAD "," WORKERS)},
        {"HTTPMode",
         {NULL, NULL, ",'submissionMode':'HTTPMode','entrypoint':'e'"},
         false,
         CLUSTER("HTTPMode", "", "", HEAD)},
        {"InteractiveMode",
         {NULL, NULL, ",'submissionMode':'InteractiveMode'"},
         false,
         CLUSTER("InteractiveMode", "", "", HEAD)},
        {"labels and annotations of the RayJob",
         {",'labels':{'team':'a','ray.io/originated-from-crd':'x','ray.io/gang-scheduling-enabled':'true'},"
          "'annotations':{'k':'v'},'finalizers':['f']",
          NULL, NULL},
         false,
         CLUSTER("K8sJobMode", "'team':'a','ray.io/gang-scheduling-enabled':'true',", "'annotations':{'k':'v'},",
                 HEAD)},
        {"what else the spec says",
         {NULL,
          HEAD ",'rayVersion':'2.52.0','enableInTreeAutoscaling':true,'gcsFaultToleranceOptions':{'redisAddress':"
               "'r'}," WORKERS,
          NULL},
         false,
         CLUSTER("K8sJobMode", "", "",
                 HEAD ",'rayVersion':'2.52.0','enableInTreeAutoscaling':true,'gcsFaultToleranceOptions':{"
                      "'redisAddress':'r'}," WORKERS)},
        {"SidecarMode",
         {NULL, HEAD "," WORKERS, ",'submissionMode':'SidecarMode','entrypoint':'e'"},
         false,
         CLUSTER("SidecarMode", "", KEPT_DOWN,
                 SIDECAR_HEAD("{'name':'h','image':'ray:1'}," SIDECAR("", ""), "," WORKERS))},
        {"behind the user's containers, beside his annotations",
         {",'annotations':{'k':'v','ray.io/disable-provisioned-head-restart':'false'}",
          HEAD_OF("{'name':'h','image':'ray:1'},{'name':'x','image':'x'}"),
          ",'submissionMode':'SidecarMode','entrypoint':'e'"},
         false,
         CLUSTER("SidecarMode", "", "'annotations':{'k':'v','ray.io/disable-provisioned-head-restart':'true'},",
                 SIDECAR_HEAD("{'name':'h','image':'ray:1'},{'name':'x','image':'x'}," SIDECAR("", ""), ""))},
        {"with a token",
         {NULL, TOKEN(""), ",'submissionMode':'SidecarMode','entrypoint':'e'"},
         false,
         CLUSTER("SidecarMode", "", KEPT_DOWN,
                 SIDECAR_HEAD("{'name':'h','image':'ray:1'}," SIDECAR(MODE "," SECRET("j-abcde"), ""),
                              ",'rayVersion':'2.52.0','authOptions':{'mode':'token'}"))},
        {"that may try again",
         {NULL, NULL, ",'submissionMode':'SidecarMode','entrypoint':'e'"},
         true,
         CLUSTER("SidecarMode", "", KEPT_DOWN,
                 SIDECAR_HEAD("{'name':'h','image':'ray:1'}," SIDECAR("", ",'restartPolicy':'OnFailure'"), ""))},
    };
    static const char sidecar[] = "spec.headGroupSpec.template.spec.containers";
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        rv_autoarena struct rv_arena *a = rv_arena_new();
        if (rows[i].restart) s.settings.gates = rv_node_freeze(a, tree(a, "{'SidecarSubmitterRestart':true}"));
        scenario_set(&s, &rows[i].given);
        struct rv_node *want = tree(s.a, rows[i].want), *list = rv_node_path(want, sidecar),
                       *last = rv_node_at(list, rv_node_len(list) - 1);
        if (s.j.mode == RJ_SIDECAR) {
            struct rv_node *line = rv_node_array(s.a);
            rv_node_append(s.a, line, rv_node_str(s.a, rj_command(s.a, &s.j, &s.t, true)));
            rv_node_set(s.a, last, "args", line);
        }
        check_same(s.a, rows[i].name, rj_cluster(s.a, &s.j, &s.state), want);
        rv_arena_free(s.a);
    }
}

/* With the gate a sidecar looks first whether the job is there, for it may be the second to run. */
static void test_sidecar_that_restarts(void) {
    struct scenario s = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    s.settings.gates = rv_node_freeze(a, tree(a, "{'SidecarSubmitterRestart':true}"));
    scenario_set(&s, &(struct given){0});
    struct rv_str line = rj_command(s.a, &s.j, &s.t, true);
    CU_ASSERT_TRUE(rv_str_ends(line,
                               "if ! ray job status --address http://127.0.0.1:8265 id >/dev/null 2>&1 ; then ray job "
                               "submit --address http://127.0.0.1:8265 --no-wait --submission-id id -- e ; fi ; ray "
                               "job logs --address http://127.0.0.1:8265 --follow id"));
    rv_arena_free(s.a);
}

/* ---- the head service ------------------------------------------------------------------------------------------- */

#define SELECTOR                                                                                                       \
    "'selector':{'ray.io/cluster':'j-abcde','ray.io/node-type':'head','ray.io/identifier':'j-abcde-head',"             \
    "'app.kubernetes.io/name':'kuberay','app.kubernetes.io/created-by':'kuberay-operator'}"
#define SERVICE(more, spec)                                                                                            \
    "{'apiVersion':'v1','kind':'Service','metadata':{'name':'j-head-svc','namespace':'n','labels':{"                   \
    "'ray.io/originated-from-cr-name':'j','ray.io/originated-from-crd':'RayJob','ray.io/node-type':'head',"            \
    "'ray.io/identifier':'j-head'}," more OWNER "},'spec':{" spec "}}"

#define PORT(name, number) "{'name':'" name "','port':" number ",'appProtocol':'tcp'}"
#define DEFAULT_PORTS                                                                                                  \
    PORT("client", "10001")                                                                                            \
    "," PORT("dashboard", "8265") "," PORT("gcs-server", "6379") "," PORT("metrics", "8080") "," PORT("serve", "8000")
#define HEADLESS "'clusterIP':'None','publishNotReadyAddresses':true,"

static void test_services(void) {
    static const struct {
        const char *name;
        struct given given;
        const char *want;
    } rows[] = {
        {"default ports; labels of the RayJob are not the service's",
         {",'labels':{'team':'a'}", NULL, NULL},
         SERVICE("", HEADLESS "'ports':[" DEFAULT_PORTS "]," SELECTOR)},
        {"ports of its own",
         {NULL,
          HEAD_OF("{'name':'h','image':'ray:1','ports':[{'name':'dashboard','containerPort':8266},{'name':'x',"
                  "'containerPort':99}]}"),
          NULL},
         SERVICE("", HEADLESS
                 "'ports':[" PORT("dashboard", "8266") "," PORT("metrics", "8080") "," PORT("x", "99") "]," SELECTOR)},
        {"type and annotations",
         {NULL,
          "'headServiceAnnotations':{'k':'v'},'headGroupSpec':{'serviceType':'NodePort','template':{'spec':{"
          "'containers':[{'name':'h','image':'ray:1'}]}}}",
          NULL},
         SERVICE("'annotations':{'k':'v'},", "'type':'NodePort','ports':[" DEFAULT_PORTS "]," SELECTOR)},
        {"a service of the user's: not its name, nor its labels",
         {NULL,
          "'headGroupSpec':{'headService':{'metadata':{'name':'mine','namespace':'far','labels':{'a':'b'},"
          "'annotations':{'c':'d'}},'spec':{'type':'LoadBalancer','selector':{'x':'y'},'sessionAffinity':'ClientIP'}},"
          "'template':{'spec':{'containers':[{'name':'h','image':'ray:1'}]}}}",
          NULL},
         SERVICE("'annotations':{'c':'d'},",
                 "'type':'LoadBalancer','sessionAffinity':'ClientIP','ports':[" PORT("gcs-server", "6379") "," PORT(
                     "dashboard", "8265") "," PORT("client", "10001") "," PORT("metrics",
                                                                               "8080") "," PORT("serve",
                                                                                                "8000") "]," SELECTOR)},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        scenario_set(&s, &rows[i].given);
        check_same(s.a, rows[i].name, rj_head_service(s.a, &s.j, RV_STR("j-abcde"), RV_VAL_ABSENT),
                   tree(s.a, rows[i].want));
        rv_arena_free(s.a);
    }
}

static const struct suite_test tests[] = {{"submitter Jobs", test_submitter_jobs},
                                          {"the secret of a long name", test_secret_of_a_long_name},
                                          {"rayvisor-submit", test_small_submitter},
                                          {"flags", test_flags},
                                          {"address and id", test_address_and_id},
                                          {"RayClusters", test_clusters},
                                          {"a sidecar that restarts", test_sidecar_that_restarts},
                                          {"head services", test_services}};
SUITE_MAIN("rayjob objects", tests)
