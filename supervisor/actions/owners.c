/* owners.c - reads owners whose watch is not up to date (see owners.h). */
#include "owners.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "rayvisor/k8s.h"
#include "supervisor/bus/feeds.h"

enum { REMEMBERED = 256 };
static const int64_t FOR = INT64_C(1000000000); /* how long an answer is valid, in ns */

struct owners {
    struct supervisor *s;
    struct {
        uint64_t uid; /* a hash of the uid */
        int64_t at;
    } seen[REMEMBERED];
};

struct owners *owners_new(struct supervisor *s) {
    struct owners *o = rv_alloc(sizeof *o);
    o->s = s;
    return o;
}

struct owners *owners_free(struct owners *o) {
    free(o);
    return NULL;
}

static struct rv_val controller_in(struct rv_val object) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false)) return it.val;
    return RV_VAL_ABSENT;
}

static struct rv_val controller_of(const struct rv_action *a) {
    if (a->verb != RV_VERB_CREATE && a->verb != RV_VERB_APPLY) return RV_VAL_ABSENT;
    return controller_in((struct rv_val){a->body.p, a->body.n});
}

bool owners_same(const struct rv_action *a, struct rv_val found) {
    struct rv_str want = rv_path_str(controller_in((struct rv_val){a->body.p, a->body.n}), "uid");
    return want.n != 0 && rv_str_eq(rv_path_str(controller_in(found), "uid"), want);
}

static const struct store_object *find_owner(const struct owners *o, const struct rv_action *a, struct rv_val ref) {
    return o->s->feeds != NULL ? feeds_find_stale(o->s->feeds, rv_path_str(ref, "apiVersion"), rv_path_str(ref, "kind"),
                                                  a->ns, rv_path_str(ref, "name"), rv_path_str(ref, "uid"))
                               : NULL;
}

char *owners_check_path(struct owners *o, const struct rv_action *a) {
    struct rv_val ref = controller_of(a);
    const struct store_object *known = rv_val_set(ref) ? find_owner(o, a, ref) : NULL;
    if (known == NULL) return NULL;
    uint64_t h = hash64_bytes(RV_HASH64_BEGIN, known->uid);
    if (o->seen[h % REMEMBERED].uid == h && clock_monotonic() - o->seen[h % REMEMBERED].at < FOR) return NULL;
    return kube_path(rv_str(store_collection_api_version(known->collection)), known->ns,
                     rv_str(store_collection_resource(known->collection)), known->name, RV_STR(""), NULL);
}

int owners_check_answer(struct owners *o, const struct rv_action *a, const struct kube_response *r) {
    struct rv_val ref = controller_of(a);
    struct rv_str uid = rv_path_str(ref, "uid");
    rv_autobuf struct rv_buf mp = {0};
    bool forbidden = r->code == RV_E_FORBIDDEN || r->code == RV_E_UNAUTHORIZED;
    if (forbidden) return 0; /* it cannot be found out; continue without the check */
    if (r->code != 0 && r->code != RV_E_NOT_FOUND) return r->code;
    if (r->code == 0 && rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &mp, NULL) != 0)
        return RV_E_UNAVAILABLE;
    struct rv_val object = {mp.p, mp.n};
    const struct store_object *known = find_owner(o, a, ref);
    rv_autofree char *api = NULL, *resource = NULL;
    if (known != NULL) { /* these are copies, because the next call changes the cache */
        api = rv_strdup(rv_str(store_collection_api_version(known->collection)));
        resource = rv_strdup(rv_str(store_collection_resource(known->collection)));
    }
    if (r->code == 0 && rv_str_eq(rv_path_str(object, "metadata.uid"), uid)) {
        uint64_t h = hash64_bytes(RV_HASH64_BEGIN, uid);
        o->seen[h % REMEMBERED].uid = h;
        o->seen[h % REMEMBERED].at = clock_monotonic();
        if (known != NULL) store_written(o->s->store, rv_str(api), rv_str(resource), object, NULL);
        return 0;
    }
    if (known != NULL) {
        rv_autofree char *ns = rv_strdup(known->ns), *name = rv_strdup(known->name);
        store_written_deleted(o->s->store, rv_str(api), rv_str(resource), rv_str(ns), rv_str(name), uid);
    }
    return RV_E_NOT_FOUND;
}
