/* toy.c - a small controller for the fault tests that does what its objects say.
 *
 * For each ConfigMap with the label toy=yes it keeps a child ConfigMap <name>-child. data.mode makes it misbehave while
 * it reconciles that one object: crash, hang, leak, flood, deny (requests a Secret that it was not granted), slow,
 * probe (tries what the sandbox forbids), scribble (fills the disk by the recording), chatter (logs much, once), http
 * (sends a request to data.url, with data.grpc = yes by gRPC, and reports the answer in an event). A ConfigMap with the
 * label toy-note=yes concerns the one that its data.of names; map() dies on it if its data.mode is crash. validate()
 * does what data.verdict says: refuse, warn, crash, hang. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "rayvisor/json.h"
#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"
#include "tests/plugins/forbidden_calls.h"
#include "toy_kinds.h"

struct toy {
    bool chattered;
    char greeting[64]; /* a setting: the text that is explained if all is well */
    const struct rv_host_api *api;
    struct rv_host *host;
};

/* settings.mood says how new settings are received. */
static int32_t toy_settings(void *state, struct rv_error *err) {
    struct toy *t = state;
    struct rv_val v = t->api->settings(t->host);
    struct rv_str greeting = rv_path_str(v, "greeting"), mood = rv_path_str(v, "mood");
    if (rv_str_is(mood, "crash")) abort();
    if (rv_str_is(mood, "refuse")) return rv_error_set(err, RV_E_CONFIG, "the mood is not acceptable");
    snprintf(t->greeting, sizeof t->greeting, RV_STR_FMT, RV_STR_ARG(greeting));
    return 0;
}

static int32_t toy_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    struct toy *t = rv_alloc(sizeof *t);
    t->api = api;
    t->host = h;
    *ret_state = t;
    return toy_settings(t, err);
}

static void toy_fini(void *state) { free(state); }

static void create(struct toy *t, const char *resource, const char *kind, const struct rv_object *o,
                   const char *suffix) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf body = {0};
    struct rv_str name = rv_arena_fmt(a, RV_STR_FMT "%s", RV_STR_ARG(o->name), suffix);
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata");
    rv_node_set_cstr(a, n, "apiVersion", "v1");
    rv_node_set_cstr(a, n, "kind", kind);
    rv_node_set_str(a, meta, "name", name);
    rv_node_set_str(a, meta, "namespace", o->ns);
    rv_node_set_cstr(a, rv_node_ensure_map(a, meta, "labels"), "toy-child", "yes");
    rv_meta_set_controller(a, n, RV_STR("v1"), RV_STR("ConfigMap"), o->name, o->uid);
    rv_node_encode(n, &body);
    struct rv_action act = {.size = sizeof act,
                            .verb = RV_VERB_CREATE,
                            .api_version = RV_STR("v1"),
                            .resource = rv_str(resource),
                            .ns = o->ns,
                            .name = name,
                            .body = rv_buf_bytes(&body)};
    (void)t->api->act(t->host, &act);
}

static void note(struct toy *t, const struct rv_object *o, const char *reason, const char *text) {
    struct rv_event e = {.size = sizeof e,
                         .reason = rv_str(reason),
                         .action = RV_STR("Play"),
                         .note = rv_str(text),
                         .api_version = RV_STR("v1"),
                         .kind = RV_STR("ConfigMap"),
                         .ns = o->ns,
                         .name = o->name,
                         .uid = o->uid,
                         .controller = RV_STR("toy-controller")};
    (void)t->api->event(t->host, &e);
}

#ifdef TOY_GREEDY
/* What a constructor gets before the plugin is known: a socket, or a process that lives on. */
static bool early_socket, early_fork, early_exec, early_kill, early_write, early_filter, early_calls;

/* Installs a filter that makes every further installation of a filter succeed without effect. The sandbox's own filter
 * would then be missing, and nobody would notice. */
static bool disarm(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {RV_ARRAY_LEN(code), code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ||
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

__attribute__((constructor)) static void grab(void) {
    char *const argv[] = {(char[]){"true"}, NULL};
    pid_t child = fork();
    if (child == 0) _exit(0);
    early_fork = child >= 0;
    early_write = open("/tmp/toy-was-here", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EPERM;
    early_socket = socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
    early_exec = execv("/bin/nothing-here", argv) != 0 && errno != EPERM;
    early_kill = kill(getppid(), 0) == 0 || prctl(PR_SET_PDEATHSIG, 0) == 0;
    early_filter = disarm();
    early_calls = first_call_not_refused() != NULL;
}
#else
static const bool early_socket, early_fork, early_exec, early_kill, early_write, early_filter, early_calls;
#endif

/* Reports what the sandbox allows as an event: one word for each attempt. */
static void probe(struct toy *t, const struct rv_object *o) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/docker.sock"};
    struct rlimit limit = {1, 1};
    pid_t parent = getppid(), child = fork();
    if (child == 0) _exit(0);
    char *const argv[] = {(char[]){"true"}, NULL};
    const struct {
        const char *name;
        bool allowed;
    } tries[] = {
        {"open", open("/etc/passwd", O_RDONLY) >= 0},
        {"write", open("/tmp/toy-was-here", O_WRONLY | O_CREAT, 0600) >= 0},
        {"network", socket(AF_INET, SOCK_STREAM, 0) >= 0},
        {"unix", socket(AF_UNIX, SOCK_STREAM, 0) >= 0},
        {"connect", connect(-1, (struct sockaddr *)&address, sizeof address) != 0 && errno != EPERM},
        {"fork", child >= 0},
        {"exec", execv("/bin/nothing-here", argv) != 0 && errno != EPERM},
        {"kill", kill(parent, 0) == 0},
        {"limit", prlimit(parent, RLIMIT_CORE, NULL, &limit) == 0},
        {"owner", fcntl(0, F_SETOWN, parent) == 0},
        {"code", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED},
        {"early socket", early_socket},
        {"early fork", early_fork},
        {"early exec", early_exec},
        {"early kill", early_kill},
        {"early write", early_write},
        {"early filter", early_filter},
        {"calls", first_call_not_refused() != NULL},
        {"early calls", early_calls},
        {"think", getpid() > 0},
    };
    rv_autobuf struct rv_buf text = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(tries); i++)
        rv_buf_addf(&text, "%s %s%s", tries[i].name, tries[i].allowed ? "allowed" : "denied",
                    i + 1 < RV_ARRAY_LEN(tries) ? ", " : "");
    note(t, o, "Probed", rv_buf_cstr(&text));
}

/* What a terminal obeys, what turns text around, the ends of a line, and names that are the supervisor's. */
#define EVIL                                                                                                           \
    "\x1b]0;title\x07\xc2\x9b"                                                                                         \
    "2J\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\x7f\r\n{\"level\":\"error\",\"msg\":\"forged\"}"

static void forge(struct toy *t, const struct rv_object *o) {
    static const char *const keys[] = {"plugin", "#plugin",      "msg",  "level",
                                       "time",   "component",    "host", "a",
                                       "a",      "#a",           "name", "x=1 level=error msg=forged",
                                       EVIL,     "k\xe2\x80\x8b"};
    struct rv_field fields[RV_ARRAY_LEN(keys)];
    for (size_t i = 0; i < RV_ARRAY_LEN(keys); i++) fields[i] = (struct rv_field){rv_str(keys[i]), RV_STR("forged")};
    fields[0].value = RV_STR(EVIL);
    t->api->log(t->host, RV_LOG_INFO, RV_STR("honest " EVIL), fields, RV_ARRAY_LEN(fields));
    note(t, o, "Forged", "honest " EVIL);
}

/* Writes a gigabyte into the host's own recording, whose descriptor it looks for. */
static void scribble(void) {
    static const char bytes[1 << 20];
    for (int fd = 3; fd < 128; fd++)
        for (int i = 0; i < 1024 && lseek(fd, 0, SEEK_END) >= 0 && write(fd, bytes, sizeof bytes) > 0;) i++;
}

static void misbehave(struct toy *t, const struct rv_object *o, struct rv_str mode) {
    if (rv_str_is(mode, "crash")) abort();
    while (rv_str_is(mode, "hang")) (void)t->api->now(t->host);
    while (rv_str_is(mode, "leak")) {
        char *p = malloc(1 << 20);
        if (p == NULL) abort();
        memset(p, 1, 1 << 20);
        usleep(1000);
    }
    for (int i = 0; i < 100000 && rv_str_is(mode, "flood"); i++) note(t, o, "Flood", "one of many");
    for (int i = 0; i < 20000 && rv_str_is(mode, "chatter") && !t->chattered; i++)
        t->api->log(t->host, RV_LOG_INFO, RV_STR("one of many"), NULL, 0);
    if (rv_str_is(mode, "chatter")) t->chattered = true;
    if (rv_str_is(mode, "deny")) create(t, "secrets", "Secret", o, "-stolen");
    if (rv_str_is(mode, "probe")) probe(t, o);
    if (rv_str_is(mode, "slow")) usleep(200000);
    if (rv_str_is(mode, "forge")) forge(t, o);
    if (rv_str_is(mode, "scribble")) scribble();
}

/* Returns true while it waits for the answer. */
static bool ask(struct toy *t, const struct rv_object *o) {
    rv_autobuf struct rv_buf text = {0};
    const struct rv_result *r;
    for (uint64_t i = 0; (r = t->api->result(t->host, i)) != NULL; i++) {
        if (r->verb != RV_VERB_HTTP) continue;
        bool grpc = rv_result_grpc_status(r) >= 0 && r->body.n >= 5;
        size_t skip = grpc ? 5 : 0; /* the bytes before the message */
        rv_buf_addf(&text, "%s %u ", rv_error_name(r->code), r->http_status);
        if (r->json != 0)
            rv_json_write((struct rv_val){r->body.p, r->body.n}, &text);
        else
            rv_buf_add(&text, r->body.p + skip, r->body.n - skip);
        rv_buf_add_str(&text, r->message);
        if (rv_result_grpc_status(r) >= 0)
            rv_buf_addf(&text, " grpc=%d " RV_STR_FMT, (int)rv_result_grpc_status(r),
                        RV_STR_ARG(rv_result_trailer(r, "grpc-message")));
        note(t, o, "Answered", rv_buf_cstr(&text));
        return false;
    }
    if (t->api->result(t->host, 0) != NULL) return false;
    static const uint8_t empty_message[5] = {0};
    struct rv_http_request q = {.size = sizeof q, .method = RV_STR("GET"), .url = rv_path_str(o->value, "data.url")};
    if (rv_str_is(rv_path_str(o->value, "data.grpc"), "yes")) {
        q.method = RV_STR("POST");
        q.content_type = RV_STR("application/grpc");
        q.body = (struct rv_bytes){empty_message, sizeof empty_message};
        q.http2 = 1;
    }
    return t->api->http(t->host, &q) == 0;
}

static void toy_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct toy *t = state;
    struct rv_object o = {.size = sizeof o}, child = {.size = sizeof child};
    if (t->api->get(t->host, 0, key->ns, key->name, &o) != 0) return;
    const struct rv_result *r;
    for (uint64_t i = 0; (r = t->api->result(t->host, i)) != NULL; i++)
        if (r->code != 0 && r->verb != RV_VERB_HTTP) {
            out->code = r->code == RV_E_DENIED ? RV_TERMINAL : RV_RETRY;
            out->message = t->api->keep(t->host, r->message);
            return;
        }
    if (rv_str_is(rv_path_str(o.value, "data.mode"), "http") && ask(t, &o)) return;
    misbehave(t, &o, rv_path_str(o.value, "data.mode"));
    rv_autobuf struct rv_buf name = {0};
    rv_buf_addf(&name, RV_STR_FMT "-child", RV_STR_ARG(o.name));
    if (t->api->get(t->host, 1, o.ns, rv_buf_str(&name), &child) == 0) {
        rv_autobuf struct rv_buf said = {0};
        rv_buf_addf(&said, "the child is there%s%s", t->greeting[0] != 0 ? ", " : "", t->greeting);
        if (rv_str_is(rv_path_str(o.value, "data.mode"), "forge")) rv_buf_adds(&said, ", " EVIL);
        t->api->explain(t->host, rv_buf_str(&said));
        return;
    }
    t->api->explain(t->host, RV_STR("making the child"));
    create(t, "configmaps", "ConfigMap", &o, "-child");
}

static void toy_map(void *state, const struct rv_object *o, int32_t deleted) {
    struct toy *t = state;
    (void)deleted;
    if (rv_str_is(rv_path_str(o->value, "data.mode"), "crash")) abort();
    t->api->requeue(t->host, &(struct rv_key){o->ns, rv_path_str(o->value, "data.of")}, 0);
}

static void toy_validate(void *state, const struct rv_object *o, const struct rv_object *before,
                         struct rv_verdict *ret) {
    struct toy *t = state;
    struct rv_str how = rv_path_str(o->value, "data.verdict");
    (void)before;
    if (rv_str_is(how, "crash")) abort();
    if (rv_str_is(how, "hang")) raise(SIGSTOP);
    ret->refused = rv_str_is(how, "refuse");
    ret->message = RV_STR("data.verdict is refuse; accepted is anything else");
    if (rv_str_is(how, "warn")) ret->warnings = t->api->keep(t->host, RV_STR("data.verdict is warn\nand another"));
}

#ifndef TOY_NAME
#define TOY_NAME "toy"
#endif
#ifndef TOY_KINDS
#define TOY_KINDS KIND_COUNT
#endif
#ifndef TOY_ABI
#define TOY_ABI RV_ABI_MAJOR
#endif

#ifdef TOY_CRASH_LOAD
__attribute__((constructor)) static void crash_at_load(void) { abort(); }
#endif

#ifdef TOY_OLD_CALL
/* Calls getpid() as a 32-bit program does. In a filter for 64-bit calls its number means another call. */
__attribute__((constructor)) static void call_as_32_bit(void) {
#ifdef __x86_64__
    long r = 20;
    __asm__ volatile("int $0x80" : "+a"(r) : : "memory");
#else
    raise(SIGSYS);
#endif
}
#endif

#ifdef TOY_X32_CALL
/* Calls getpid() as a program of 32-bit pointers does. */
__attribute__((constructor)) static void call_as_x32(void) {
#ifdef __x86_64__
    (void)syscall(0x40000000 | SYS_getpid);
#else
    raise(SIGSYS);
#endif
}
#endif

#ifdef TOY_CRASH_INIT
static int32_t crash_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)toy_init(api, h, ret_state, err);
    abort();
}
#define toy_init crash_init
#endif

static const struct rv_plugin toy = {.size = sizeof toy,
                                     .magic = RV_ABI_MAGIC,
                                     .abi_major = TOY_ABI,
                                     .abi_minor = RV_ABI_MINOR,
                                     .name = TOY_NAME,
                                     .version = "1.0.0",
                                     .kinds = rv_manifest_kinds,
                                     .kind_n = TOY_KINDS,
                                     .init = toy_init,
                                     .reconcile = toy_reconcile,
                                     .map = toy_map,
                                     .settings_changed = toy_settings,
                                     .fini = toy_fini,
                                     .validate = toy_validate};
RV_PLUGIN(toy)
