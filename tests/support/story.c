/* story.c - see story.h. */
#include "story.h"

#include <CUnit/CUnit.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "history.h"
#include "kept_text.h"
#include "rayvisor/json.h"

enum { RULES = 16, EXPLAINED = 8, ASKED = 64, ROUNDS = 1000, BODY_MAX = 1500 };
#define BEGINNING INT64_C(1700000000000000000)
#define MS INT64_C(1000000)

const struct rv_plugin *rv_plugin_v3(void);

struct refusal {
    char verb[16], resource[48], name[64], text[200];
    int code;
};

struct answer {
    char method[8], part[128];
    int code;
    uint32_t status;
    char *body;
};

struct story {
    const struct story_opts *o;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
    struct rv_buf out; /* the text as it is now */
    char *settings, *manifest;
    int64_t shown, next; /* the time of the last line, and of the next pass when it was last told */
    bool kubelets;
    struct refusal refusals[RULES];
    size_t refusal_n;
    struct answer answers[RULES];
    size_t answer_n;
    struct {
        char *name, *text;
    } explained[EXPLAINED];
    /* Of repeated questions only the answers that differ from those before are shown, and how many others there were.
     */
    char *asked[ASKED];
    unsigned repeated;
};

/* ---- what is printed --------------------------------------------------------------------------------------------- */

static void say(struct story *s, const char *fmt, ...) RV_PRINTF(2, 3);
static void say(struct story *s, const char *fmt, ...) {
    va_list ap;
    if (s->shown != s->api->now) rv_buf_addf(&s->out, "[%.3f s]\n", (double)(s->api->now - BEGINNING) / 1e9);
    s->shown = s->api->now;
    va_start(ap, fmt);
    rv_buf_vaddf(&s->out, fmt, ap);
    va_end(ap);
    rv_buf_addc(&s->out, '\n');
}

static const char *verb_name(uint32_t verb) {
    static const char *const names[] = {
        [RV_VERB_CREATE] = "create",     [RV_VERB_APPLY] = "apply",
        [RV_VERB_MERGE_PATCH] = "patch", [RV_VERB_JSON_PATCH] = "json-patch",
        [RV_VERB_DELETE] = "delete",     [RV_VERB_DELETE_COLLECTION] = "delete-collection",
        [RV_VERB_GET] = "get",           [RV_VERB_EVENT] = "event",
        [RV_VERB_HTTP] = "http",         [RV_VERB_TIMER] = "timer"};
    return verb < RV_ARRAY_LEN(names) && names[verb] != NULL ? names[verb] : "?";
}

/* Of a pod that is created only what tells its place: what else objects consist of has tests of its own. */
static void say_pod(struct story *s, struct rv_val pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "metadata.labels")); rv_iter_next(&it);) {
        rv_autobuf struct rv_buf key = {0};
        rv_buf_add_str(&key, it.key);
        if (strstr(rv_buf_cstr(&key), "replica") == NULL && strstr(rv_buf_cstr(&key), "host") == NULL) continue;
        say(s, "    %s=" RV_STR_FMT, rv_buf_cstr(&key), RV_STR_ARG(rv_val_str(it.val)));
    }
}

static void say_condition(struct story *s, struct rv_val c) {
    say(s, "    " RV_STR_FMT "=" RV_STR_FMT " since " RV_STR_FMT ", " RV_STR_FMT ": " RV_STR_FMT,
        RV_STR_ARG(rv_path_str(c, "type")), RV_STR_ARG(rv_path_str(c, "status")),
        RV_STR_ARG(rv_path_str(c, "lastTransitionTime")), RV_STR_ARG(rv_path_str(c, "reason")),
        RV_STR_ARG(rv_path_str(c, "message")));
}

/* A patch has all conditions; those that change are shown. */
static void say_conditions(struct story *s, const struct rv_action *a, struct rv_val fresh) {
    const struct rv_fake_object *o = rv_fakeapi_find(s->api, a->api_version, a->resource, a->name);
    struct rv_val old = o != NULL ? rv_val_path(o->value, "status.conditions") : RV_VAL_ABSENT;
    if (!rv_val_present(fresh)) return;
    for (struct rv_iter it = rv_iter(fresh); rv_iter_next(&it);) {
        rv_autobuf struct rv_buf type = {0};
        rv_buf_add_str(&type, rv_path_str(it.val, "type"));
        if (!rv_val_equal(rv_condition_find(old, rv_buf_cstr(&type)), it.val)) say_condition(s, it.val);
    }
    for (struct rv_iter it = rv_iter(old); rv_iter_next(&it);) {
        rv_autobuf struct rv_buf type = {0};
        rv_buf_add_str(&type, rv_path_str(it.val, "type"));
        if (!rv_val_present(rv_condition_find(fresh, rv_buf_cstr(&type))))
            say(s, "    %s is taken away", rv_buf_cstr(&type));
    }
}

static void say_action(struct story *s, const struct rv_action *a) {
    rv_autobuf struct rv_buf json = {0};
    struct rv_val body = {a->body.p, a->body.n};
    say(s, "  %s " RV_STR_FMT "%s" RV_STR_FMT "/" RV_STR_FMT "%s", verb_name(a->verb), RV_STR_ARG(a->resource),
        a->subresource.n != 0 ? "." : "", RV_STR_ARG(a->subresource), RV_STR_ARG(a->name),
        a->verb == RV_VERB_DELETE && a->pre_uid.n == 0 ? " whoever it is" : "");
    if (a->propagation.n != 0) say(s, "    propagation " RV_STR_FMT, RV_STR_ARG(a->propagation));
    if (a->selector.n != 0) say(s, "    selector " RV_STR_FMT, RV_STR_ARG(a->selector));
    if (a->verb == RV_VERB_CREATE && rv_str_is(a->resource, "pods")) {
        say_pod(s, body);
        return;
    }
    if (a->body.n == 0 || (a->verb == RV_VERB_CREATE && !s->o->bodies)) return;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_node *rest_of_body = rv_node_from(arena, body);
    rv_node_remove(rv_node_get(rest_of_body, "status"), "conditions");
    rv_json_write(rv_node_freeze(arena, rest_of_body), &json);
    say(s, "    %s", rv_buf_cstr(&json));
    say_conditions(s, a, rv_val_path(body, "status.conditions"));
}

static void show_explained(struct story *s) {
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next) {
        if (strcmp(o->resource, s->o->explained) != 0) continue;
        size_t i = 0;
        while (i < EXPLAINED && s->explained[i].name != NULL && strcmp(s->explained[i].name, o->name) != 0) i++;
        CU_ASSERT_TRUE_FATAL(i < EXPLAINED);
        const char *text = rv_fakehost_explained(s->host, o->name);
        if (s->explained[i].name == NULL) s->explained[i].name = rv_strdup(rv_str(o->name));
        if (s->explained[i].text != NULL && strcmp(s->explained[i].text, text) == 0) continue;
        free(s->explained[i].text);
        s->explained[i].text = rv_strdup(rv_str(text));
        say(s, "  explains %s:", o->name);
        for (const char *line = text; *line != 0; line += strcspn(line, "\n"), line += *line == '\n')
            say(s, "    %.*s", (int)strcspn(line, "\n"), line);
    }
}

/* ---- what the host asks ------------------------------------------------------------------------------------------ */

/* Requests are shown when they are carried out; this adds the events and what failed. */
static void on_note(void *arg, const char *line) {
    struct story *s = arg;
    const char *result = strrchr(line, ':');
    if (strncmp(line, "  event ", 8) == 0) say(s, "%s", line);
    if (strncmp(line, "  verb ", 7) == 0 && result != NULL && strcmp(result, ": done") != 0)
        say(s, "    %s", result + 2);
}

static bool matches(const char *pattern, struct rv_str text) {
    char copy[256];
    snprintf(copy, sizeof copy, RV_STR_FMT, RV_STR_ARG(text));
    return fnmatch(pattern, copy, 0) == 0;
}

static int on_action(void *arg, const struct rv_action *a, struct rv_str *message) {
    struct story *s = arg;
    if (a->verb == RV_VERB_EVENT || a->verb == RV_VERB_HTTP) return 0;
    say_action(s, a);
    for (size_t i = s->refusal_n; i-- > 0;) {
        const struct refusal *r = &s->refusals[i];
        if (!matches(r->verb, rv_str(verb_name(a->verb))) || !matches(r->name, a->name)) continue;
        rv_autobuf struct rv_buf resource = {0};
        rv_buf_addf(&resource, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(a->resource), a->subresource.n != 0 ? "." : "",
                    RV_STR_ARG(a->subresource));
        if (!matches(r->resource, rv_buf_str(&resource))) continue;
        *message = rv_str(r->text);
        return r->code;
    }
    return 0;
}

static const struct answer *answer_for(const struct story *s, const struct rv_http_request *r) {
    for (size_t i = s->answer_n; i-- > 0;) {
        const struct answer *a = &s->answers[i];
        if (rv_str_is(r->method, a->method) && memmem(r->url.p, r->url.n, a->part, strlen(a->part)) != NULL) return a;
    }
    return NULL;
}

static bool is_repeated(struct story *s, const char *line, const struct rv_fake_answer *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_hash h = rv_val_hash((struct rv_val){out->body.p, out->json ? out->body.n : 0});
    struct rv_str key = rv_arena_fmt(a, "%s %llx", line, (unsigned long long)h.hi);
    size_t i = 0, n = strcspn(line, ":") + strcspn(strchr(line, ':') + 1, " ");
    while (i < ASKED && s->asked[i] != NULL && strncmp(s->asked[i], line, n) != 0) i++;
    CU_ASSERT_TRUE_FATAL(i < ASKED);
    if (s->asked[i] != NULL && rv_str_is(key, s->asked[i])) {
        s->repeated++;
        return true;
    }
    free(s->asked[i]);
    s->asked[i] = rv_strdup(key);
    return false;
}

static void on_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    struct story *s = arg;
    const struct answer *a = answer_for(s, r);
    if (a != NULL) {
        out->code = a->code;
        out->status = a->status;
        out->json = rv_json_to_mp(rv_str(a->body), NULL, &out->body, NULL) == 0;
        if (!out->json) rv_buf_adds(&out->body, a->body);
    } else if (s->o->http != NULL) {
        s->o->http(s->o->arg, r, out);
    } else {
        out->code = RV_E_UNAVAILABLE;
    }
    rv_autobuf struct rv_buf line = {0};
    rv_buf_addf(&line, "  " RV_STR_FMT " " RV_STR_FMT " within %u ms%s" RV_STR_FMT "%s" RV_STR_FMT ": %s %u",
                RV_STR_ARG(r->method), RV_STR_ARG(r->url), r->timeout_ms, r->secret_name.n != 0 ? " with " : "",
                RV_STR_ARG(r->secret_name), r->secret_name.n != 0 ? "/" : "", RV_STR_ARG(r->secret_key),
                out->code != 0 ? rv_error_name(out->code) : "HTTP", out->status);
    if (rv_str_is(r->method, "GET") && is_repeated(s, rv_buf_cstr(&line), out)) return;
    say(s, "%s", rv_buf_cstr(&line));
    if (r->body.n != 0) say(s, "    %.*s", (int)(r->body.n < BODY_MAX ? r->body.n : BODY_MAX), (const char *)r->body.p);
}

static void on_metric(void *arg, struct rv_str name, uint32_t type, double value, struct rv_val labels) {
    struct story *s = arg;
    rv_autobuf struct rv_buf text = {0};
    rv_json_write(labels, &text);
    say(s, "  metric " RV_STR_FMT " %s %u %.9g", RV_STR_ARG(name), rv_buf_cstr(&text), type, value);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static struct rv_val json_of(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_error err = {0};
    if (rv_json_to_mp(rv_str(text), NULL, &b, &err) != 0) {
        printf("\n    %s in %s", err.text, text);
        CU_FAIL_FATAL("a command's JSON");
    }
    struct rv_str copy = rv_arena_str(a, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

static void patch(struct story *s, struct rv_fake_object *o, bool status, const char *json) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const char *text = status ? rv_arena_fmt(a, "{\"status\":%s}", json).p : json;
    CU_ASSERT_EQUAL(rv_fakeapi_patch(s->api, o, status, RV_STR(""), json_of(a, text)), 0);
}

static bool kubelets(struct story *s) {
    bool any = false;
    for (struct rv_fake_object *o = s->api->objects; s->kubelets && o != NULL; o = o->next) {
        if (strcmp(o->resource, "pods") != 0 || rv_meta_deleting(o->value) ||
            rv_val_present(rv_val_path(o->value, "status.phase")))
            continue;
        patch(s, o, true,
              "{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"containerStatuses\":[],\"conditions\":[{\"type\":"
              "\"PodScheduled\",\"status\":\"True\"},{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"x\"}]}");
        any = true;
    }
    return any;
}

static void rest(struct story *s) {
    for (int i = 0; i < ROUNDS; i++) {
        bool more = rv_fakeapi_collect(s->api);
        more |= kubelets(s);
        more |= s->o->work != NULL && s->o->work(s->o->arg);
        more |= rv_fakehost_round(s->host);
        show_explained(s);
        if (!more) return;
    }
    CU_FAIL("it does not come to rest");
}

static void pass(struct story *s, int64_t ms) {
    while (ms > 0) {
        int64_t step = history_next_moment(s->host, s->api);
        if (s->o->step_ms > 0 && step > s->o->step_ms) step = s->o->step_ms;
        if (step > ms) step = ms;
        rv_fakehost_advance(s->host, step);
        rv_fakehost_run(s->host);
        rest(s);
        ms -= step;
    }
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

/* Cuts off the next word. */
static char *word(char **rest_of_line) {
    char *begin = *rest_of_line + strspn(*rest_of_line, " "), *end = begin + strcspn(begin, " ");
    *rest_of_line = *end != 0 ? end + 1 : end;
    *end = 0;
    return begin;
}

static int code_named(const char *name) {
    for (int code = -4096; code < 4096; code++)
        if (code != 0 && strcmp(rv_error_name(code), name) == 0) return code;
    printf("\n    no error has the name %s", name);
    CU_FAIL_FATAL("a command's error");
    return 0;
}

static const char *default_version(const char *resource) {
    if (strncmp(resource, "ray", 3) == 0) return "ray.io/v1";
    if (strcmp(resource, "jobs") == 0) return "batch/v1";
    return "v1";
}

static void do_create(struct story *s, char *line) {
    const char *resource = word(&line), *json = line;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_val v = json_of(a, json);
    struct rv_str version = rv_path_str(v, "apiVersion");
    if (version.n == 0) version = rv_str(default_version(resource));
    CU_ASSERT_EQUAL(rv_fakeapi_create(s->api, version, rv_str(resource), v, &made), 0);
}

static void do_go(struct story *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    s->manifest = rv_strdup(rv_arena_fmt(a, "plugins/%s/%s.yaml", s->o->plugin, s->o->plugin));
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = s->manifest,
                                                         .settings = s->settings != NULL ? s->settings : "{}",
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .note = on_note,
                                                         .http = on_http,
                                                         .refuse = on_action,
                                                         .metric = on_metric,
                                                         .arg = s});
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->host);
}

enum each { EACH_PATCH, EACH_STATUS, EACH_DELETE, EACH_SHOW };

static void show(struct story *s, const struct rv_fake_object *o, const char *path) {
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(rv_val_path(o->value, path), &json);
    say(s, "  %s/%s %s: %s", o->resource, o->name, path, rv_buf_cstr(&json));
}

/* For every object of that resource whose name matches. */
static void do_each(struct story *s, enum each what, const char *resource, const char *name, const char *rest_of_line) {
    unsigned n = 0;
    for (struct rv_fake_object *o = s->api->objects, *next; o != NULL; o = next) {
        next = o->next;
        if (strcmp(o->resource, resource) != 0 || fnmatch(name, o->name, 0) != 0) continue;
        n++;
        if (what == EACH_SHOW)
            show(s, o, rest_of_line);
        else if (what == EACH_DELETE)
            CU_ASSERT_EQUAL(rv_fakeapi_delete(s->api, o, RV_STR("")), 0)
        else
            patch(s, o, what == EACH_STATUS, rest_of_line);
    }
    if (n == 0) say(s, "  there is no such object");
}

static void do_refuse(struct story *s, char *line) {
    CU_ASSERT_TRUE_FATAL(s->refusal_n < RULES);
    struct refusal *r = &s->refusals[s->refusal_n++];
    snprintf(r->verb, sizeof r->verb, "%s", word(&line));
    snprintf(r->resource, sizeof r->resource, "%s", word(&line));
    snprintf(r->name, sizeof r->name, "%s", word(&line));
    r->code = code_named(word(&line));
    snprintf(r->text, sizeof r->text, "%s", line);
}

static void do_answer(struct story *s, char *line) {
    CU_ASSERT_TRUE_FATAL(s->answer_n < RULES);
    struct answer *a = &s->answers[s->answer_n++];
    snprintf(a->method, sizeof a->method, "%s", word(&line));
    snprintf(a->part, sizeof a->part, "%s", word(&line));
    const char *status = word(&line);
    if (status[0] >= '0' && status[0] <= '9')
        a->status = (uint32_t)strtoul(status, NULL, 10);
    else
        a->code = code_named(status);
    a->body = rv_strdup(rv_str(line));
}

static void forget_rules(struct story *s) {
    for (size_t i = 0; i < s->answer_n; i++) free(s->answers[i].body);
    s->answer_n = s->refusal_n = 0;
}

static int64_t duration(const char *text) {
    char *unit;
    long n = strtol(text, &unit, 10);
    return strcmp(unit, "ms") == 0 ? n : strcmp(unit, "m") == 0 ? n * 60000 : n * 1000;
}

/* False if there is no such command. */
static bool do_one(struct story *s, char *line) {
    static const char *const each[] = {"patch", "status", "delete", "show"};
    char *rest_of_line = line;
    const char *what = word(&rest_of_line);
    for (size_t i = 0; i < RV_ARRAY_LEN(each); i++) {
        if (strcmp(what, each[i]) != 0) continue;
        const char *resource = word(&rest_of_line), *name = word(&rest_of_line);
        do_each(s, (enum each)i, resource, name, rest_of_line);
        return true;
    }
    if (strcmp(what, "settings") == 0)
        s->settings = rv_strdup(rv_str(rest_of_line));
    else if (strcmp(what, "create") == 0)
        do_create(s, rest_of_line);
    else if (strcmp(what, "go") == 0)
        do_go(s);
    else if (strcmp(what, "wait") == 0)
        pass(s, duration(rest_of_line));
    else if (strcmp(what, "refuse") == 0)
        do_refuse(s, rest_of_line);
    else if (strcmp(what, "answer") == 0)
        do_answer(s, rest_of_line);
    else if (strcmp(what, "accept") == 0)
        forget_rules(s);
    else if (strcmp(what, "kubelets") == 0)
        s->kubelets = strcmp(rest_of_line, "on") == 0;
    else if (strcmp(what, "restart") == 0)
        rv_fakehost_restart(s->host);
    else
        return false;
    return true;
}

/* "$name:RESOURCE" and "$uid:RESOURCE" mean the newest object of that resource. */
static char *with_names(const struct story *s, const char *command) {
    rv_autobuf struct rv_buf b = {0};
    for (const char *at = command; *at != 0;) {
        bool name = strncmp(at, "$name:", 6) == 0, uid = strncmp(at, "$uid:", 5) == 0;
        if (!name && !uid) {
            rv_buf_addc(&b, (uint8_t)*at++);
            continue;
        }
        at += name ? 6 : 5;
        size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz");
        const struct rv_fake_object *found = NULL;
        for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
            if (strlen(o->resource) == n && strncmp(o->resource, at, n) == 0) found = o;
        if (found != NULL) rv_buf_adds(&b, name ? found->name : found->uid);
        at += n;
    }
    return rv_strdup(rv_buf_str(&b));
}

static void do_command(struct story *s, const char *command) {
    rv_autofree char *copy = with_names(s, command);
    bool known = s->o->command != NULL && s->o->command(s->o->arg, copy);
    if (!known && !do_one(s, copy)) {
        printf("\n    no such command: %s", command);
        CU_FAIL_FATAL("a command");
    }
    if (s->host == NULL) return;
    rest(s);
    if (s->repeated > 0) say(s, "  %u questions with answers as before", s->repeated);
    s->repeated = 0;
    int64_t idle = rv_fakehost_idle_ms(s->host), next = s->api->now + idle * MS;
    if (idle >= 0 && next != s->next) say(s, "  the next pass in %lld ms", (long long)idle);
    s->next = next;
}

/* ---- a whole story ----------------------------------------------------------------------------------------------- */

static void begin(struct story *s, const struct story_opts *o) {
    *s = (struct story){.o = o, .api = rv_fakeapi_new(BEGINNING), .random = {1}, .shown = BEGINNING};
    if (o->begin != NULL) o->begin(o->arg, s->api, &s->random);
}

static void end(struct story *s) {
    if (s->host != NULL) rv_fakehost_free(s->host);
    rv_fakeapi_free(s->api);
    if (s->o->end != NULL) s->o->end(s->o->arg);
    forget_rules(s);
    for (size_t i = 0; i < EXPLAINED; i++) {
        free(s->explained[i].name);
        free(s->explained[i].text);
    }
    for (size_t i = 0; i < ASKED; i++) free(s->asked[i]);
    free(s->settings);
    free(s->manifest);
    rv_buf_free(&s->out);
}

/* Carries out the commands of the text; s->out becomes the text with what really happened. */
static void tell(struct story *s, const char *text) {
    rv_autobuf struct rv_buf command = {0};
    for (const char *line = text; *line != 0;) {
        size_t n = strcspn(line, "\n");
        const char *next = line + n + (line[n] == '\n');
        bool is = line[0] == '>';
        if (is || line[0] == '#' || n == 0) rv_buf_addf(&s->out, "%.*s\n", (int)n, line);
        if (is && n > 2)
            rv_buf_addf(&command, "%.*s", (int)(n - (line[1] == '>' ? 3 : 2)), line + (line[1] == '>' ? 3 : 2));
        if (is && strncmp(next, ">>", 2) != 0) {
            do_command(s, rv_buf_cstr(&command));
            rv_buf_clear(&command);
        }
        line = next;
    }
}

/* The version of the operator is in annotations of objects. */
static void without_version(struct rv_buf *text) {
    static const char version[] = "v" RV_VERSION, instead[] = "v$VERSION";
    struct rv_buf fresh = {0};
    const char *at = rv_buf_cstr(text);
    for (const char *found; (found = strstr(at, version)) != NULL; at = found + sizeof version - 1) {
        rv_buf_add(&fresh, at, (size_t)(found - at));
        rv_buf_adds(&fresh, instead);
    }
    rv_buf_adds(&fresh, at);
    rv_buf_free(text);
    *text = fresh;
}

static void check_story(const struct story_opts *o, const char *path) {
    struct story s;
    rv_autobuf struct rv_buf want = {0};
    kept_text_read(path, &want);
    begin(&s, o);
    tell(&s, rv_buf_cstr(&want));
    without_version(&s.out);
    kept_text_check(path, &want, &s.out);
    end(&s);
}

void stories_run(const struct story_opts *o) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    glob_t found;
    CU_ASSERT_EQUAL_FATAL(glob(rv_arena_fmt(a, "tests/unit/%s/stories/*.txt", o->plugin).p, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) check_story(o, found.gl_pathv[i]);
    globfree(&found);
}
