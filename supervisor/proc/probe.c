/* probe.c - see probe.h. */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/utf8.h"
#include "plugin_internal.h"
#include "rayvisor/json.h"
#include "supervisor/once/once.h"

enum { OUTPUT_MAX = 64 << 10 };

/* {"kinds":[...],"settings":{...}} */
static void material(const struct config_plugin *p, struct rv_buf *out) {
    rv_mp_map(out, 2);
    rv_mp_cstr(out, "kinds");
    once_encode_kinds(p->manifest, out);
    rv_mp_cstr(out, "settings");
    rv_mp_val(out, (struct rv_val){p->settings.p, p->settings.n});
}

/* Checks what the library says about itself: {"name":"toy","version":"1.0.0","abi":"2.0"} */
static bool fits(const struct manifest *m, const struct rv_buf *out, struct rv_buf *why) {
    rv_autobuf struct rv_buf json = {0}, mp = {0};
    rv_buf_addc(&json, '{');
    rv_buf_add_str(&json, once_last_line(out, "{"));
    if (rv_json_to_mp(rv_buf_str(&json), NULL, &mp, NULL) != 0) {
        rv_buf_adds(why, "the host did not say what the library is");
        return false;
    }
    struct rv_val v = {mp.p, mp.n};
    rv_autofree char *abi = rv_strdup(rv_path_str(v, "abi"));
    char *dot = NULL;
    struct msg_hello h = {.protocol = MSG_VERSION,
                          .plugin = rv_path_str(v, "name"),
                          .plugin_version = rv_path_str(v, "version"),
                          .abi_major = (uint32_t)strtoul(abi, &dot, 10)};
    if (dot != NULL && *dot == '.') h.abi_minor = (uint32_t)strtoul(dot + 1, NULL, 10);
    return session_fits(m, &h, why);
}

static int fail_at(const struct config *c, const struct config_plugin *p, struct rv_str why, struct rv_error *err) {
    const struct yaml_pos *at = settings_blamed(p, why);
    return rv_error_set(err, RV_E_CONFIG, "%s:%zu:%zu: plugin " RV_STR_FMT " cannot run as configured: " RV_STR_FMT,
                        c->doc.file, at->line, at->column, RV_STR_ARG(p->name), RV_STR_ARG(why));
}

int probe_plugin(const struct config *c, const struct config_plugin *p, const char *host, struct rv_error *err) {
    rv_autobuf struct rv_buf said = {0}, why = {0}, given = {0};
    struct once_end end;
    if (access(p->library, R_OK) != 0) {
        rv_buf_addf(&why, "%s: %s", p->library, strerror(errno));
        return fail_at(c, p, rv_buf_str(&why), err);
    }
    material(p, &given);
    const char *const words[] = {"--check", p->library, "--as-configured", NULL};
    const struct once o = {.host = host,
                           .words = words,
                           .sandbox = config_sandbox_name(c),
                           .given = rv_buf_bytes(&given),
                           .timeout_ms = PROBE_MS,
                           .most = OUTPUT_MAX};
    if (once_run(&o, &said, &end, err) != 0) return err->code;
    if (end.ended && WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0)
        return fits(p->manifest, &said, &why) ? 0 : fail_at(c, p, rv_buf_str(&why), err);
    struct rv_str reason = once_last_line(&said, "rayvisor-host: ");
    char how[128];
    death_describe(end.status, how, sizeof how);
    if (!end.ended)
        rv_buf_addf(&why, "its init did not return within %d s", PROBE_MS / 1000);
    else if (reason.n != 0)
        rv_buf_add_str(&why, utf8_clip(reason, 1024));
    else
        rv_buf_addf(&why, "its host died while it was asked: %s", how);
    return fail_at(c, p, rv_buf_str(&why), err);
}
