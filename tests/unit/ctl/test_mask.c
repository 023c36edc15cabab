/* What is taken out of texts and objects before they go into a report, and what has to stay. S3CR3T stands for a
 * secret. */
#include "supervisor/ctl/mask.h"
#include "tests/unit/sdk/suite.h"

static void names(void) {
    static const struct {
        const char *name;
        bool secret;
    } rows[] = {{"password", true},
                {"redis-password", true},
                {"HF_TOKEN", true},
                {"AWS_SECRET_ACCESS_KEY", true},
                {"apiKey", true},
                {"OPENAI_KEY", true},
                {"DB_PASS", true},
                {"X-Api-Key", true},
                {"Authorization", true},
                {"name", false},
                {"secretName", false},
                {"secretKeyRef", false},
                {"max_tokens", false},
                {"tokenizer", false},
                {"key", false},
                {"token_path", false},
                {"expirationSeconds", false},
                {"tokenExpirationSeconds", false},
                {"", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(mask_is_secret(rv_str(rows[i].name)) == rows[i].secret, rows[i].name);
}

static void texts(void) {
    static const char *const rows[][2] = {
        {"", ""},
        {"python run.py --workers 3", "python run.py --workers 3"},
        {"HF_TOKEN=S3CR3T python run.py", "HF_TOKEN=" MASKED " python run.py"},
        {"export PASSWORD='S3CR3T x'; run", "export PASSWORD='" MASKED "'; run"},
        {"run --api-key S3CR3T --n 1", "run --api-key " MASKED " --n 1"},
        {"run --api-key=S3CR3T --n 1", "run --api-key=" MASKED " --n 1"},
        {"ray start --redis-password=\"S3CR3T\" --block", "ray start --redis-password=\"" MASKED "\" --block"},
        {"{\"password\": \"S3CR3T\", \"a\": 1}", "{\"password\": \"" MASKED "\", \"a\": 1}"},
        {"{\"password\":\"a\\\"S3CR3T\",\"a\":1}", "{\"password\":\"" MASKED "\",\"a\":1}"},
        {"password: S3CR3T\nuser: x\n", "password: " MASKED "\nuser: x\n"},
        {"https://user:S3CR3T@host/path?x=1", "https://" MASKED "@host/path?x=1"},
        {"redis://:S3CR3T@redis:6379", "redis://" MASKED "@redis:6379"},
        {"redis://redis:6379/a@b", "redis://redis:6379/a@b"},
        {"https://h/p?token=S3CR3T&x=1", "https://h/p?token=" MASKED "&x=1"},
        {"Authorization: Bearer S3CR3T", "Authorization: " MASKED},
        {"curl -H 'Authorization: Bearer S3CR3T' h", "curl -H 'Authorization: " MASKED "' h"},
        {"sent Bearer S3CR3TS3CR3T to it", "sent Bearer " MASKED " to it"},
        {"basic usage is shown", "basic usage is shown"},
        {"x eyJhbGciOiJSUzI1NiJ9.S3CR3T.abc y", "x " MASKED " y"},
        {"hf_S3CR3TS3CR3TS3CR3T", MASKED},
        {"hf_hub", "hf_hub"},
        {"a -----BEGIN PRIVATE KEY-----\nS3CR3T\n-----END PRIVATE KEY-----", "a " MASKED "-----END PRIVATE KEY-----"},
        {"-----BEGIN RSA PRIVATE KEY-----\nS3CR3T", MASKED},
        {"couldn't find key auth_token in Secret ns/s", "couldn't find key auth_token in Secret ns/s"},
        {"secretName: s", "secretName: s"},
        {"password=", "password="},
        {"max_tokens=512", "max_tokens=512"},
        {"token", "token"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_str got = mask_text(a, rv_str(rows[i][0]));
        CHECK_ROW(rv_str_is(got, rows[i][1]), rows[i][0]);
        if (!rv_str_is(got, rows[i][1])) printf("\n    " RV_STR_FMT, RV_STR_ARG(got));
    }
    /* A text within a text: what exactly is left does not matter, only that the secret is gone. */
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str nested = mask_text(a, RV_STR("run '{\\\"password\\\":\\\"S3CR3T\\\"}'"));
    CU_ASSERT_PTR_NULL(memmem(nested.p, nested.n, "S3CR3T", 6));
}

static void objects(void) {
#define M "\"" MASKED "\""
    static const char *const rows[][2] = {
        {"{'env':[{'name':'A','value':'S3CR3T'},{'name':'B','valueFrom':{'secretKeyRef':{'name':'s','key':'password'}}}"
         "]}",
         "{'env':[{'name':'A','value':M},{'name':'B','valueFrom':{'secretKeyRef':{'name':'s','key':'password'}}}]}"},
        {"{'annotations':{'a/b':'S3CR3T','ray.io/ft-enabled':'true','kubectl.kubernetes.io/last-applied-configuration':"
         "'S3CR3T'}}",
         "{'annotations':{'a/b':M,'ray.io/ft-enabled':'true','kubectl.kubernetes.io/last-applied-configuration':M}}"},
        {"{'rayStartParams':{'redis-password':'S3CR3T','num-cpus':'1'}}",
         "{'rayStartParams':{'redis-password':M,'num-cpus':'1'}}"},
        {"{'redisPassword':{'value':'S3CR3T'},'redisAddress':'redis://u:S3CR3T@r'}",
         "{'redisPassword':{'value':M},'redisAddress':'redis://(masked)@r'}"},
        {"{'redisPassword':{'valueFrom':{'secretKeyRef':{'name':'s','key':'k'}}}}",
         "{'redisPassword':{'valueFrom':{'secretKeyRef':{'name':'s','key':'k'}}}}"},
        {"{'args':['--api-key','S3CR3T','--n','1'],'command':['sh','-c','TOKEN=S3CR3T run']}",
         "{'args':['--api-key',M,'--n','1'],'command':['sh','-c','TOKEN=(masked) run']}"},
        {"{'args':['--api-key','S3CR3T','--api-key=S3CR3T','x']}", "{'args':['--api-key',M,'--api-key=(masked)','x']}"},
        {"{'runtimeEnvYAML':'env_vars:\\n  A: S3CR3T\\npip: [x]\\n'}",
         "{'runtimeEnvYAML':{'env_vars':{'A':M},'pip':['x']}}"},
        {"{'runtimeEnvYAML':'env_vars: {A: S3CR3T'}", "{'runtimeEnvYAML':M}"},
        {"{'serveConfigV2':'applications:\\n- {name: a, runtime_env: {env_vars: {A: S3CR3T}}}\\n'}",
         "{'serveConfigV2':{'applications':[{'name':'a','runtime_env':{'env_vars':{'A':M}}}]}}"},
        {"{'acceptedServeConfig':{'hash':'h','text':'a: {hf_token: S3CR3T}'}}",
         "{'acceptedServeConfig':{'hash':'h','text':{'a':{'hf_token':M}}}}"},
        {"{'httpGet':{'httpHeaders':[{'name':'X','value':'S3CR3T'}]}}",
         "{'httpGet':{'httpHeaders':[{'name':'X','value':M}]}}"},
        {"{'csi':{'driver':'d','volumeAttributes':{'a':'S3CR3T'}},'secret':{'secretName':'s'}}",
         "{'csi':{'driver':'d','volumeAttributes':{'a':M}},'secret':{'secretName':'s'}}"},
        {"{'password':12345,'automountServiceAccountToken':false,'imagePullSecrets':[{'name':'r'}],'n':null}",
         "{'password':M,'automountServiceAccountToken':false,'imagePullSecrets':[{'name':'r'}],'n':null}"},
        {"{'differences':[{'field':'spec.containers[c].env[A].value','ours':'S3CR3T','theirs':'S3CR3T2'}]}",
         "{'differences':[{'field':'spec.containers[c].env[A].value','ours':M,'theirs':M}]}"},
        {"{'field':'spec.template','ours':'{a: S3CR3T}','theirs':'-','reason':'r'}",
         "{'field':'spec.template','ours':M,'theirs':'-','reason':'r'}"},
        {"{'field':'spec.replicas','ours':'-12','theirs':'true'}",
         "{'field':'spec.replicas','ours':'-12','theirs':'true'}"},
        {"{'field':'spec.pin.password','ours':'1234','theirs':'null'}",
         "{'field':'spec.pin.password','ours':M,'theirs':'null'}"},
        {"{'field':'status.state','ours':'ready','theirs':'password=S3CR3T'}",
         "{'field':'status.state','ours':'ready','theirs':'password=(masked)'}"},
        {"{'message':'login failed: password=S3CR3T','text':'it waits: for a'}",
         "{'message':'login failed: password=(masked)','text':'it waits: for a'}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_buf texts_[2] = {{0}, {0}};
        for (int side = 0; side < 2; side++)
            for (const char *c = rows[i][side]; *c != 0; c++) {
                if (*c == 'M' && side == 1 && strchr(":,", c[-1]) != NULL)
                    rv_buf_adds(&texts_[side], M);
                else
                    rv_buf_addc(&texts_[side], (uint8_t)(*c == '\'' ? '"' : *c));
            }
        struct rv_val in = from_json(a, rv_buf_cstr(&texts_[0])), got = rv_node_freeze(a, mask_value(a, in));
        CHECK_ROW(rv_val_present(in) && json_is(got, rv_buf_cstr(&texts_[1])), rows[i][0]);
        for (int side = 0; side < 2; side++) rv_buf_free(&texts_[side]);
    }
}

static const struct suite_test tests[] = {{"names", names}, {"texts", texts}, {"objects", objects}};
SUITE_MAIN("ctl_mask", tests)
