/* warnings.c - what is valid in a RayCluster and probably not meant. The controller says it in an event, and the
 * validating webhook to who applies the object. */
#include "cluster.h"

/* Version 1 of the autoscaler replaces pods that end. A group that restarts its pods in place works against that. */
static void warn_restarts(const struct rc_cluster *c, rc_warning_fn add, void *arg) {
    rv_autobuf struct rv_buf names = {0};
    if (c->f.autoscaler != 1) return;
    for (struct rv_iter g = rv_iter(rc_groups(c)); rv_iter_next(&g);) {
        struct rv_str policy = rv_path_str(g.val, "template.spec.restartPolicy");
        if (policy.n == 0 || rv_str_is(policy, "Never")) continue;
        rv_buf_addf(&names, "%s" RV_STR_FMT, names.n != 0 ? ", " : "restartPolicy for worker groups [",
                    RV_STR_ARG(rv_path_str(g.val, "groupName")));
    }
    if (names.n == 0) return;
    rv_buf_adds(&names, "] should be Never or unset when using autoscaler V1");
    add(arg, rv_buf_cstr(&names));
}

void rc_warnings(const struct rc_cluster *c, rc_warning_fn add, void *arg) { warn_restarts(c, add, arg); }
