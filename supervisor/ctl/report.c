/* report.c - the command `report`: a folder with what support needs, without secrets (mask.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "ask.h"
#include "document.h"
#include "ipc/base/file.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/loop.h"
#include "mask.h"
#include "rayvisor/k8s.h"
#include "report_log.h"
#include "why.h"

enum { CONFIG_MAX = 1 << 20, WHY_MAX = 50, VERSION_MAX = 1 << 16 };

struct report {
    struct ctl_context *c;
    struct api *api; /* NULL if there is none */
    const char *folder;
    struct rv_buf readme; /* what could not be read, a line each */
    int64_t now;
    unsigned whys;
    struct rv_val status; /* of the operator; absent if it does not answer */
};

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int write_file(struct report *r, const char *name, struct rv_str text) {
    const char *path = rv_arena_fmt(r->c->arena, "%s/%s", r->folder, name).p;
    rv_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    for (size_t at = 0; fd >= 0 && at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n <= 0) return rv_error_set(&r->c->err, -errno, "cannot write %s: %s", path, strerror(errno));
        at += (size_t)n;
    }
    return fd >= 0 ? 0 : rv_error_set(&r->c->err, -errno, "cannot make %s: %s", path, strerror(errno));
}

static int write_document(struct report *r, const char *name, struct rv_val v) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_val safe = rv_node_freeze(r->c->arena, mask_value(r->c->arena, v));
    if (strstr(name, ".yaml") != NULL)
        document_yaml(safe, &b);
    else
        rv_json_write_pretty(safe, &b);
    return write_file(r, name, rv_buf_str(&b));
}

static void note(struct report *r, const char *what, const char *why) {
    rv_buf_addf(&r->readme, "not in this report: %s: " RV_STR_FMT "\n", what,
                RV_STR_ARG(mask_text(r->c->arena, rv_str(why))));
}

static int make_folder(struct report *r) {
    char at[32];
    rv_time_format(r->now, at);
    for (char *p = at; *p != 0; p++)
        if (*p == ':') *p = '-';
    r->folder = r->c->out != NULL ? r->c->out : rv_arena_fmt(r->c->arena, "rayvisor-report-%s", at).p;
    if (mkdir(r->folder, 0700) != 0)
        return rv_error_set(&r->c->err, -errno, "cannot make the folder %s: %s", r->folder, strerror(errno));
    static const char *const inside[] = {"objects", "explain", "history", "why"};
    for (size_t i = 0; i < RV_ARRAY_LEN(inside); i++)
        if (mkdir(rv_arena_fmt(r->c->arena, "%s/%s", r->folder, inside[i]).p, 0700) != 0)
            return rv_error_set(&r->c->err, -errno, "cannot make a folder in %s: %s", r->folder, strerror(errno));
    return 0;
}

/* ---- the operator ----------------------------------------------------------------------------------------------- */

/* The answer to a question, as a file. */
static int add_answer(struct report *r, const char *question, const char *file, struct rv_val *ret) {
    struct rv_val v;
    if (ask_supervisor(r->c, question, &v) != 0) {
        note(r, file, r->c->err.text);
        return 0;
    }
    *ret = v;
    return write_document(r, file, v);
}

/* The file may be on another machine. Its comments are not kept. */
static int add_config(struct report *r) {
    rv_autobuf struct rv_buf text = {0};
    struct rv_error err = {0};
    struct rv_str path = rv_path_str(r->status, "configuration.file");
    if (path.n == 0) return note(r, "config.yaml", "the operator did not answer, or has no configuration file"), 0;
    if (file_read(rv_arena_str(r->c->arena, path).p, CONFIG_MAX, &text, &err) != 0)
        return note(r, "config.yaml", err.text), 0;
    struct rv_node *n = mask_yaml(r->c->arena, rv_buf_str(&text));
    return write_document(r, "config.yaml", rv_node_freeze(r->c->arena, n));
}

static int add_versions(struct report *r) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str kubernetes = {0};
    struct rv_error err = {0};
    struct jsonw w = {.out = &b};
    if (r->api != NULL && api_text(r->api, "/version", VERSION_MAX, "its version", &kubernetes, &err) != 0)
        note(r, "the version of Kubernetes", err.text);
    rv_autobuf struct rv_buf packed = {0};
    if (kubernetes.n != 0) (void)rv_json_to_mp(kubernetes, NULL, &packed, NULL);
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "rayvisorctl", RV_VERSION);
    jsonw_str(&w, "rayvisord", rv_path_str(r->status, "version"));
    jsonw_val(&w, "kubernetes", (struct rv_val){packed.p, packed.n});
    jsonw_end_object(&w);
    rv_buf_addc(&b, '\n');
    return write_file(r, "versions.json", rv_buf_str(&b));
}

static int add_log(struct report *r) {
    struct rv_str text;
    struct rv_error err = {0};
    if (report_log(r->c, r->api, &text, &err) != 0) return note(r, "operator.log", err.text), 0;
    return write_file(r, "operator.log", mask_text(r->c->arena, text));
}

static int add_operator(struct report *r) {
    struct rv_val unused = RV_VAL_ABSENT;
    int x = add_answer(r, "{\"cmd\":\"status\"}", "status.json", &r->status);
    if (x == 0) x = add_answer(r, "{\"cmd\":\"plugins\"}", "plugins.json", &unused);
    if (x == 0) x = add_answer(r, "{\"cmd\":\"leaks\"}", "leaks.json", &unused);
    if (x == 0 && rv_str_is(rv_path_str(r->status, "mode"), "twin"))
        x = add_answer(r, "{\"cmd\":\"twin\"}", "twin.json", &unused);
    if (x == 0) x = add_config(r);
    if (x == 0) x = add_versions(r);
    return x == 0 ? add_log(r) : x;
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

/* What the operator says of one object: the command's answer in a folder of the command's name. An operator that keeps
 * no history, or has forgotten it, has no answer to that question. */
static int add_told(struct report *r, const char *command, const struct ctl_kind *k, struct rv_val object,
                    const char *base) {
    const char *file = rv_arena_fmt(r->c->arena, "%s/%s.json", command, base).p;
    rv_autobuf struct rv_buf q = {0};
    struct jsonw w = {.out = &q};
    struct rv_val v;
    if (!rv_val_present(r->status)) return 0; /* it has been noted that nobody answers */
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "cmd", command);
    jsonw_text(&w, "kind", k->singular);
    jsonw_str(&w, "namespace", rv_path_str(object, "metadata.namespace"));
    jsonw_str(&w, "name", rv_path_str(object, "metadata.name"));
    jsonw_end_object(&w);
    if (ask_supervisor(r->c, rv_buf_cstr(&q), &v) == 0) return write_document(r, file, v);
    if (!rv_str_is(rv_str(command), "history")) note(r, file, r->c->err.text); /* not every object has a history */
    return 0;
}

/* Only of what blocks or has failed, and of so many: each costs requests. */
static int add_why(struct report *r, const struct ctl_kind *k, struct rv_val object, const char *file) {
    enum say_state state = say_object(r->c->arena, k, object, r->now).state;
    struct rv_str ns = rv_path_str(object, "metadata.namespace");
    if (state == SAY_WELL || state == SAY_RESTS || r->whys++ >= WHY_MAX) return 0;
    struct why w = {.c = r->c, .api = r->api, .ns = rv_arena_str(r->c->arena, ns).p, .now = r->now};
    const struct why_node *root = why_tree(&w, k, rv_path_str(object, "metadata.name"));
    return root != NULL ? write_document(r, file, why_document(r->c->arena, root)) : 0;
}

static int add_object(struct report *r, const struct ctl_kind *k, struct rv_val object) {
    struct rv_arena *a = r->c->arena;
    struct rv_str ns = rv_path_str(object, "metadata.namespace"), name = rv_path_str(object, "metadata.name");
    const char *base =
        rv_arena_fmt(a, "%s." RV_STR_FMT "." RV_STR_FMT, k->singular, RV_STR_ARG(ns), RV_STR_ARG(name)).p;
    if (strchr(base, '/') != NULL) return 0; /* no API server has such a name */
    int x = write_document(r, rv_arena_fmt(a, "objects/%s.yaml", base).p, object);
    if (x == 0) x = add_told(r, "explain", k, object, base);
    if (x == 0) x = add_told(r, "history", k, object, base);
    return x == 0 ? add_why(r, k, object, rv_arena_fmt(a, "why/%s.json", base).p) : x;
}

static int add_objects(struct report *r) {
    int x = 0;
    if (r->api == NULL) return 0;
    for (const struct ctl_kind *k = ctl_kinds; x == 0 && k < ctl_kinds + CTL_KIND_N; k++) {
        struct api_list list;
        struct rv_error err = {0};
        const struct api_what what = {.api_version = "ray.io/v1", .resource = k->resource, .ns = r->c->ns};
        if (api_list(r->api, &what, &list, &err) != 0) note(r, k->resource, err.text);
        for (size_t i = 0; x == 0 && i < list.n; i++) x = add_object(r, k, list.items[i]);
    }
    return x;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static int add_readme(struct report *r) {
    char at[32];
    rv_autobuf struct rv_buf b = {0};
    rv_time_format(r->now, at);
    rv_buf_addf(
        &b,
        "Report of %s %s, made at %s.\n\n"
        "versions.json, status.json, plugins.json, config.yaml: the operator\n"
        "operator.log: its last lines; leaks.json: capacity that is held without use; twin.json: if it is a twin, the "
        "differences\n"
        "objects/: the objects of ray.io; explain/: what each plugin decided for them; history/: the last things that\n"
        "happened to them; why/: what blocks them\n\n"
        "No Secret was read. \"" MASKED
        "\" stands for what may be one: values of environment variables, of HTTP headers\n"
        "and of annotations, and values whose name sounds like a secret. YAML in texts is shown as YAML. Look\n"
        "through it before you give it away: names, addresses, images and command lines are in it.\n\n",
        r->c->program, RV_VERSION, at);
    rv_buf_add_str(&b, rv_buf_str(&r->readme));
    if (r->whys > WHY_MAX) rv_buf_addf(&b, "why/ has %d of %u objects that are not well\n", WHY_MAX, r->whys);
    return write_file(r, "README.txt", rv_buf_str(&b));
}

int ctl_report(struct ctl_context *c) {
    struct report r = {.c = c, .now = clock_wall()};
    int x = make_folder(&r);
    if (x != 0) return x;
    const char *output = c->output;
    c->output = "json"; /* answers as they are; files are not shown on a terminal */
    r.api = api_open(c, API_MS);
    if (r.api == NULL) note(&r, "objects", c->err.text);
    x = add_operator(&r);
    if (x == 0) x = add_objects(&r);
    if (x == 0) x = add_readme(&r);
    c->output = output;
    bool partial = r.readme.n != 0;
    rv_buf_free(&r.readme);
    r.api = api_close(r.api);
    if (x != 0) return x;
    if (partial) fprintf(stderr, "%s: some parts could not be read; README.txt says which\n", c->program);
    return print_text(c, "folder", r.folder);
}
