/* controller.c - see controller.h. */
#include "controller.h"

#include <stdlib.h>

#include "fields.h"

int32_t rc_controller_init(size_t size, const struct rv_host_api *api, struct rv_host *h,
                           int32_t (*settings)(void *state, struct rv_error *err), void **ret_state,
                           struct rv_error *err) {
    struct rc_controller *k = rv_alloc(size);
    *k = (struct rc_controller){api, h};
    int32_t r = settings != NULL ? settings(k, err) : 0;
    if (r != 0) {
        free(k);
        return r;
    }
    *ret_state = k;
    return 0;
}

struct rc_context rc_context_of(const struct rc_controller *k, struct rv_arena *a, const char *kind,
                                const char *controller, const struct rv_object *o) {
    return (struct rc_context){.api = k->api,
                               .host = k->host,
                               .arena = a,
                               .kind = kind,
                               .controller = controller,
                               .ns = o->ns,
                               .name = o->name,
                               .uid = o->uid};
}

bool rc_managed_elsewhere(struct rv_val spec) {
    struct rv_val manager = rv_val_get(spec, "managedBy");
    return rv_val_set(manager) && !rv_str_is(rv_val_str(manager), RC_MANAGER);
}
