/* rayvisor-host on the command line: which plugins --check takes, what it says of others, and of wrong arguments. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

struct outcome {
    int status;
    char out[8192];
};

static struct outcome run(const char *before, const char *args) {
    struct outcome o = {0};
    rv_autobuf struct rv_buf command = {0};
    rv_buf_addf(&command, "%s " HOST_BINARY " %s 2>&1", before, args);
    FILE *p = popen(rv_buf_cstr(&command), "re"); /* NOLINT(cert-env33-c): fixed text */
    if (p == NULL) abort();
    o.out[fread(o.out, 1, sizeof o.out - 1, p)] = 0;
    int status = pclose(p);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

static void check(const char *before, const char *args, int status, const char *says) {
    struct outcome o = run(before, args);
    bool said = strstr(o.out, says) != NULL;
    if (!said || o.status != status) printf("\n    %s %s: %d: %s", before, args, o.status, o.out);
    CHECK_ROW(o.status == status, args);
    CHECK_ROW(said, before[0] != 0 ? before : args);
}

#define TEN "a123456789"

static void misfits(void) {
    static const struct {
        const char *wrong; /* see misfit.c */
        int status;
        const char *says;
    } rows[] = {
        {"", 0, "{\"name\":\"misfit\",\"version\":\"1.2\",\"abi\":\"3.0\"}\n"},
        {"MISFIT=nothing=", 78, "rv_plugin_v3() returned nothing"},
        {"MISFIT=size=8", 78, "no Rayvisor plugin descriptor"},
        {"MISFIT=size=64", 78, "kinds must be set"}, /* of before there were kinds */
        {"MISFIT=magic=7", 78, "no Rayvisor plugin descriptor (magic 00000007,"},
        {"MISFIT=major=2", 78, "was built for plugin ABI 2, this host has ABI 3"},
        {"MISFIT=major=4", 78, "was built for plugin ABI 4, this host has ABI 3"},
        {"MISFIT=name=", 78, "name, version, init and reconcile must be set"},
        {"MISFIT=version=", 78, "name, version, init and reconcile must be set"},
        {"MISFIT=init=", 78, "name, version, init and reconcile must be set"},
        {"MISFIT=reconcile=", 78, "name, version, init and reconcile must be set"},
        {"MISFIT=kinds=", 78, "kinds must be set"},
        {"MISFIT=kind_n=", 78, "kinds must be set"},
        {"MISFIT=name=a", 0, "\"name\":\"a\""},
        {"MISFIT=name=z-9", 0, "\"name\":\"z-9\""},
        {"MISFIT=name=" TEN TEN TEN "1", 0, "\"name\":\"" TEN},
        {"MISFIT=name=" TEN TEN TEN "12", 78, "its name must look like"},
        {"MISFIT=name=A", 78, "its name must look like"},
        {"MISFIT=name=9a", 78, "its name must look like"},
        {"MISFIT=name=-a", 78, "its name must look like"},
        {"MISFIT=name=a_b", 78, "its name must look like"},
        {"MISFIT=version=$(printf %064d 0)", 0, "\"version\":\"0000"},
        {"MISFIT=version=$(printf %065d 0)", 78, "its version be short UTF-8 text"},
        {"MISFIT=version=$(printf '\\377')", 78, "its version be short UTF-8 text"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        check(rows[i].wrong, "--check " MISFIT, rows[i].status, rows[i].says);
}

static void arguments(void) {
    static const struct {
        const char *args;
        int status;
        const char *says;
    } rows[] = {
        {"", 64, "usage: rayvisor-host --check"},
        {"--help", 0, "usage: rayvisor-host --check"},
        {"--chek x", 64, "there is no option --chek: did you mean \"--check\"?"},
        {"--check", 64, "--check needs a value"},
        {"--check /nonexistent.so", 78, "cannot load the plugin: /nonexistent.so"},
        {"--check /bin/sh", 78, "cannot load the plugin"},
        {"--check " LIBRARY, 78, "does not export rv_plugin_v3"},
        {"--replay /nonexistent", 64, "usage: "},
        {"--replay /nonexistent " MISFIT, 78, "cannot read the recording /nonexistent: No such file"},
        {"--replay /dev/null /nonexistent.so", 78, "cannot load the plugin"},
        {"--replay /dev/null " MISFIT, 0, ""},
        {"--lane /x", 64, "usage: "},
        {"--plugin /x", 64, "usage: "},
        {"--lane /x --plugin /y --record-max -1", 64, "usage: "},
        {"--lane /x --plugin /y --record-max x", 64, "usage: "},
        {"--lane /x --plugin /y --max-memory -1", 64, "usage: "},
        {"--lane /x --plugin /y --parent 0", 64, "usage: "},
        {"--lane /x --plugin /y --log-format xml", 64, "usage: "},
        {"--lane /x --plugin /y --sandbox maybe", 64, "usage: "},
        /* well formed, but nobody gave a token */
        {"--lane /x --plugin /y --record-max 0 --max-memory 0 --parent 1 --sandbox off 3</dev/null", 78,
         "no token on descriptor 3"},
        {"--lane /x --plugin /y --log-format json 3</dev/null", 78, "{\"time\":"},
        {"--lane /x --plugin /y --log-format text 3</dev/null", 78, " error host: cannot start reason="},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) check("", rows[i].args, rows[i].status, rows[i].says);
}

/* With the kinds and settings of a configuration: {} in msgpack is one byte. */
static void as_configured(void) {
    static const struct {
        const char *args;
        int status;
        const char *says;
    } rows[] = {
        {"--check " MISFIT " --as-configured --sandbox off 3</dev/null", 78, "rayvisor-host: "},
        {"--check /nonexistent.so --as-configured --sandbox off 3<$f", 78, "cannot load the plugin"},
        {"--check " TOY " --as-configured --sandbox off 3<$f", 78, "rayvisor-host: "}, /* its kinds are missing */
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        check("f=$(mktemp); printf '\\200' >$f;", rows[i].args, rows[i].status, rows[i].says);
}

static const struct suite_test tests[] = {
    {"misfits", misfits}, {"arguments", arguments}, {"as configured", as_configured}};
SUITE_MAIN("rayvisor-host's command line", tests)
