/* admission_policy.c - `admission-policy`: the rules of the controllers that CEL can express. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "plugins/ray/field_rules.h"

int ctl_admission_policy(struct ctl_context *c) {
    const char *user = ctl_value(c, "user");
    rv_autobuf struct rv_buf out = {0};
    if (user == NULL) user = "system:serviceaccount:rayvisor-system:rayvisor";
    if (strpbrk(user, "'\\\n") != NULL)
        return rv_error_set(&c->err, -CTL_USAGE, "--user \"%s\": a user name has no quotes and no line breaks", user);
    field_rules_policy(rv_str(user), &out);
    return fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : rv_error_set(&c->err, -1, "cannot write");
}
