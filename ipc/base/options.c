/* options.c - see options.h. */
#include "options.h"

#include <stdio.h>

#include "nearest.h"

void options_refuse(const char *program, char *const *argv, const struct option *longs) {
    const char *given = argv[optind - 1];
    struct rv_str name = rv_str(given);
    rv_autobuf struct rv_buf hint = {0};
    while (name.n != 0 && name.p[0] == '-') name = (struct rv_str){name.p + 1, name.n - 1};
    const char *value = name.n != 0 ? memchr(name.p, '=', name.n) : NULL;
    if (value != NULL) name.n = (size_t)(value - name.p);
    struct nearest near = nearest_begin(name);
    for (const struct option *o = longs; o->name != NULL; o++) {
        if (rv_str_is(name, o->name)) {
            fprintf(stderr, "%s: %s %s\n", program, given, o->has_arg != 0 ? "needs a value" : "takes no value");
            return;
        }
        nearest_offer(&near, rv_str(o->name));
    }
    if (near.best.n != 0) rv_buf_addf(&hint, ": did you mean \"--" RV_STR_FMT "\"?", RV_STR_ARG(near.best));
    fprintf(stderr, "%s: there is no option %s%s\n", program, given, hint.n != 0 ? rv_buf_cstr(&hint) : "");
}
