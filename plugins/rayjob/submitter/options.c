/* options.c - see options.h. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "rayvisor/json.h"

/* Where the operator mounts the token of the pod's account (plugins/ray/fields.h). */
#define KUBERNETES_TOKEN "/var/run/secrets/ray.io/serviceaccount/token"
enum { EXIT_USAGE = 64, FILE_MAX = 64 << 10 };

static const char help[] = "usage: rayvisor-submit [FLAGS] -- ENTRYPOINT...\n"
                           "Submits a job to Ray unless Ray has it, follows its log and ends with its result: 0 "
                           "SUCCEEDED, 1 FAILED, 2 STOPPED,\n"
                           "3 the job is lost, 64 wrong usage, 69 refused by Ray.\n\n"
                           "  --runtime-env-json JSON      runtime environment\n"
                           "  --metadata-json JSON         metadata, a map of text\n"
                           "  --entrypoint-num-cpus N      CPUs for the entrypoint\n"
                           "  --entrypoint-num-gpus N      GPUs for the entrypoint\n"
                           "  --entrypoint-resources JSON  custom resources for the entrypoint\n"
                           "  --ca-file FILE               certificates to trust (default: those of the image)\n"
                           "  --insecure                   do not verify the dashboard's certificate\n\n"
                           "environment:\n"
                           "  RAY_DASHBOARD_ADDRESS        host:port, or a URL with http:// or https://\n"
                           "  RAY_JOB_SUBMISSION_ID        id of the job\n"
                           "  RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH   token, or a file with it\n"
                           "  RAY_ENABLE_K8S_TOKEN_AUTH=true        without these: the file " KUBERNETES_TOKEN "\n";

static int usage_error(const char *what, const char *detail) {
    (void)fprintf(stderr, "rayvisor-submit: %s%s\n", what, detail);
    return EXIT_USAGE;
}

/* [http[s]://]host[:port][/path] */
static int read_address(struct options *o, struct rv_str s) {
    int64_t port;
    if (rv_str_starts(s, "https://")) {
        o->tls = true;
        s = (struct rv_str){s.p + 8, s.n - 8};
    } else if (rv_str_starts(s, "http://")) {
        s = (struct rv_str){s.p + 7, s.n - 7};
    }
    const char *slash = s.n != 0 ? memchr(s.p, '/', s.n) : NULL;
    if (slash != NULL) {
        o->path = (struct rv_str){slash, s.n - (size_t)(slash - s.p)};
        while (o->path.n > 0 && o->path.p[o->path.n - 1] == '/') o->path.n--;
        s.n = (size_t)(slash - s.p);
    }
    const char *colon = s.n != 0 ? memrchr(s.p, ':', s.n) : NULL;
    bool bare_v6 = s.n > 0 && s.p[0] == '[' && s.p[s.n - 1] == ']';
    o->port = o->tls ? 443 : 80;
    if (colon != NULL && !bare_v6) {
        struct rv_str digits = {colon + 1, s.n - (size_t)(colon - s.p) - 1};
        if (rv_str_to_int(digits, 1, 65535, &port) != 0) return EXIT_USAGE;
        o->port = (uint16_t)port;
        s.n = (size_t)(colon - s.p);
    }
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') s = (struct rv_str){s.p + 1, s.n - 2};
    o->host = rv_arena_str(o->arena, s);
    o->path = rv_arena_str(o->arena, o->path);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '@') return EXIT_USAGE;
    return s.n != 0 ? 0 : EXIT_USAGE;
}

static int read_json(struct options *o, const char *flag, const char *field, const char *text) {
    struct rv_error err = {0};
    rv_autobuf struct rv_buf b = {0};
    if (rv_json_to_mp(rv_str(text), NULL, &b, &err) != 0) {
        (void)fprintf(stderr, "rayvisor-submit: --%s: %s\n", flag, err.text);
        return EXIT_USAGE;
    }
    struct rv_str kept = rv_arena_str(o->arena, rv_buf_str(&b));
    struct rv_val v = {(const uint8_t *)kept.p, kept.n};
    if (rv_val_type(v) != RV_MAP) return usage_error("a JSON object is expected for --", flag);
    rv_node_set(o->arena, o->request, field, rv_node_from(o->arena, v));
    return 0;
}

static int read_number(struct options *o, const char *flag, const char *field, const char *text) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end != 0 || !(v >= 0 && v < 1e9)) return usage_error("a number is expected for --", flag);
    if (v > 0) rv_node_set(o->arena, o->request, field, rv_node_float(o->arena, v));
    return 0;
}

static const struct flag {
    const char *name, *field;
    int (*read)(struct options *o, const char *flag, const char *field, const char *text);
} flags[] = {{"runtime-env-json", "runtime_env", read_json},
             {"metadata-json", "metadata", read_json},
             {"entrypoint-resources", "entrypoint_resources", read_json},
             {"entrypoint-num-cpus", "entrypoint_num_cpus", read_number},
             {"entrypoint-num-gpus", "entrypoint_num_gpus", read_number}};

static int read_flags(struct options *o, int argc, char **argv) {
    struct option longs[RV_ARRAY_LEN(flags) + 4] = {{0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(flags); i++) longs[i] = (struct option){flags[i].name, 1, NULL, (int)i + 1000};
    longs[RV_ARRAY_LEN(flags)] = (struct option){"ca-file", 1, NULL, 'c'};
    longs[RV_ARRAY_LEN(flags) + 1] = (struct option){"insecure", 0, NULL, 'i'};
    longs[RV_ARRAY_LEN(flags) + 2] = (struct option){"help", 0, NULL, 'h'};
    for (int c; (c = getopt_long(argc, argv, "+", longs, NULL)) != -1;) {
        int r = 0;
        if (c == 'h') {
            (void)fputs(help, stdout);
            return 1;
        }
        if (c == 'c')
            o->ca_file = optarg;
        else if (c == 'i')
            o->insecure = true;
        else if (c >= 1000)
            r = flags[c - 1000].read(o, flags[c - 1000].name, flags[c - 1000].field, optarg);
        else
            r = EXIT_USAGE;
        if (r != 0) return r;
    }
    return 0;
}

static int read_token(struct options *o) {
    const char *token = getenv("RAY_AUTH_TOKEN"), *path = getenv("RAY_AUTH_TOKEN_PATH");
    char text[FILE_MAX];
    const char *kubernetes = getenv("RAY_ENABLE_K8S_TOKEN_AUTH");
    if (path == NULL && kubernetes != NULL && strcmp(kubernetes, "true") == 0) path = KUBERNETES_TOKEN;
    if (token == NULL && path != NULL) {
        FILE *f = fopen(path, "re");
        size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
        if (f != NULL) (void)fclose(f);
        if (n == 0) return usage_error("cannot read the token in ", path);
        text[n] = 0;
        token = text;
    }
    struct rv_str s = rv_str(token);
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ') s.n--;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ') return usage_error("the token has control characters", "");
    o->token = rv_arena_str(o->arena, s);
    return 0;
}

static void read_entrypoint(struct options *o, int argc, char **argv) {
    rv_autobuf struct rv_buf b = {0};
    for (int i = optind; i < argc; i++) rv_buf_addf(&b, "%s%s", i > optind ? " " : "", argv[i]);
    rv_node_set_str(o->arena, o->request, "entrypoint", rv_buf_str(&b));
}

int options_read(struct options *o, int argc, char **argv) {
    const char *address = getenv("RAY_DASHBOARD_ADDRESS"), *id = getenv("RAY_JOB_SUBMISSION_ID");
    *o = (struct options){.arena = rv_arena_new()};
    o->request = rv_node_map(o->arena);
    int r = read_flags(o, argc, argv);
    if (r != 0) return r;
    if (address == NULL || *address == 0) return usage_error("RAY_DASHBOARD_ADDRESS is not set", "");
    if (id == NULL || *id == 0) return usage_error("RAY_JOB_SUBMISSION_ID is not set", "");
    for (const char *p = id; *p != 0; p++)
        if (strchr("/?#% \r\n\t", *p) != NULL)
            return usage_error("RAY_JOB_SUBMISSION_ID has a character that no id has: ", id);
    if (read_address(o, rv_str(address)) != 0)
        return usage_error("RAY_DASHBOARD_ADDRESS is not host:port or a URL: ", address);
    read_entrypoint(o, argc, argv);
    o->id = rv_arena_str(o->arena, rv_str(id));
    rv_node_set_str(o->arena, o->request, "submission_id", o->id);
    return read_token(o);
}
