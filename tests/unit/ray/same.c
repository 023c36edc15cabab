/* same.c - comparing a built object with a stored one (see same.h). */
#include "same.h"

#include <stdio.h>

#include "rayvisor/json.h"
#include "rayvisor/k8s.h"

/* What the recordings call the reference's version. */
#define REFERENCE_VERSION "v1.7.0"
enum { DEPTH_MAX = 40 };

struct walk {
    const char *title;
    struct rv_buf path;
    unsigned differences;
};

static void differ(struct walk *w, const char *what, struct rv_val ours, struct rv_val stored) {
    w->differences++;
    if (w->title == NULL) return;
    rv_autobuf struct rv_buf a = {0}, b = {0};
    if (rv_val_present(ours)) rv_json_write(ours, &a);
    if (rv_val_present(stored)) rv_json_write(stored, &b);
    printf("\n    %s: %s: %s\n      ours   %s\n      stored %s", w->title, rv_buf_cstr(&w->path), what,
           a.n != 0 ? rv_buf_cstr(&a) : "-", b.n != 0 ? rv_buf_cstr(&b) : "-");
}

/* ---- what the API server adds -------------------------------------------------------------------------------- */

/* value: as JSON; NULL: any, because it depends on the object (an address, a port number, the kubelet's words). */
static const struct {
    const char *path_end, *value;
} defaults[] = {
    {"terminationMessagePath", "\"/dev/termination-log\""},
    {"terminationMessagePolicy", "\"File\""},
    {"imagePullPolicy", NULL}, /* by the image's tag */
    {"ports.protocol", "\"TCP\""},
    {"fieldRef.apiVersion", "\"v1\""},
    {"containers.resources", "{}"},
    {"httpGet.scheme", "\"HTTP\""},
    {"configMap.defaultMode", "420"},
    {"projected.defaultMode", "420"},
    {"serviceAccountToken.expirationSeconds", "3600"},
    {"spec.dnsPolicy", "\"ClusterFirst\""},
    {"spec.enableServiceLinks", "true"},
    {"spec.preemptionPolicy", "\"PreemptLowerPriority\""},
    {"spec.priority", "0"},
    {"spec.restartPolicy", "\"Always\""},
    {"spec.schedulerName", "\"default-scheduler\""},
    {"spec.securityContext", "{}"},
    {"spec.serviceAccount", NULL}, /* the old spelling of serviceAccountName */
    {"spec.serviceAccountName", "\"default\""},
    {"spec.terminationGracePeriodSeconds", "30"},
    {"spec.tolerations", NULL},
    {"spec.internalTrafficPolicy", "\"Cluster\""},
    {"spec.externalTrafficPolicy", "\"Cluster\""},
    {"spec.ipFamilies", "[\"IPv4\"]"},
    {"spec.ipFamilyPolicy", "\"SingleStack\""},
    {"spec.sessionAffinity", "\"None\""},
    {"spec.type", "\"ClusterIP\""},
    {"ports.targetPort", NULL},
    {"ports.nodePort", NULL},
    {"status", NULL},
};

static bool is_json(struct rv_val v, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    return rv_json_to_mp(rv_str(text), NULL, &b, NULL) == 0 && rv_val_equal(v, (struct rv_val){b.p, b.n});
}

static bool path_ends(struct walk *w, const char *end) {
    struct rv_str path = rv_buf_str(&w->path);
    size_t n = strlen(end);
    return rv_str_ends(path, end) && (path.n == n || path.p[path.n - n - 1] == '.');
}

/* The volume with the service account's token, and its mounts. */
static bool injected(struct rv_val element) { return rv_str_starts(rv_path_str(element, "name"), "kube-api-access-"); }

static bool all_injected(struct rv_val list) {
    if (rv_val_type(list) != RV_ARRAY || rv_val_len(list) == 0) return false;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (!injected(it.val)) return false;
    return true;
}

/* Whether the API server put this field there. Requests that are not given are those of the limits. */
static bool is_default(struct walk *w, struct rv_val parent, struct rv_val v) {
    if (path_ends(w, "resources.requests")) return rv_val_equal(v, rv_val_get(parent, "limits"));
    if (all_injected(v)) return true;
    for (size_t i = 0; i < RV_ARRAY_LEN(defaults); i++)
        if (path_ends(w, defaults[i].path_end)) return defaults[i].value == NULL || is_json(v, defaults[i].value);
    return false;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static bool is_quantity(struct walk *w) {
    struct rv_str path = rv_buf_str(&w->path);
    return path_ends(w, "sizeLimit") || memmem(path.p, path.n, "resources.limits.", 17) != NULL ||
           memmem(path.p, path.n, "resources.requests.", 19) != NULL;
}

/* The recorded text with our version in place of theirs. */
static void own_version(struct rv_str s, struct rv_buf *out) {
    size_t n = strlen(REFERENCE_VERSION);
    for (size_t i = 0; i < s.n;) {
        bool here = s.n - i >= n && memcmp(s.p + i, REFERENCE_VERSION, n) == 0;
        if (here)
            rv_buf_adds(out, "v" RV_VERSION);
        else
            rv_buf_addc(out, (uint8_t)s.p[i]);
        i += here ? n : 1;
    }
}

static bool same_scalar(struct walk *w, struct rv_val ours, struct rv_val stored) {
    struct rv_quantity a, b;
    if (is_quantity(w))
        return rv_quantity_from_val(ours, &a) == 0 && rv_quantity_from_val(stored, &b) == 0 &&
               rv_quantity_cmp(a, b) == 0;
    if (rv_val_type(ours) != RV_STRING || rv_val_type(stored) != RV_STRING) return rv_val_equal(ours, stored);
    rv_autobuf struct rv_buf want = {0};
    own_version(rv_val_str(stored), &want);
    return rv_str_eq(rv_val_str(ours), rv_buf_str(&want));
}

static void walk(struct walk *w, struct rv_val ours, struct rv_val stored, unsigned depth);

static size_t push(struct walk *w, struct rv_str key) {
    size_t before = w->path.n;
    if (before != 0) rv_buf_addc(&w->path, '.');
    rv_buf_add_str(&w->path, key);
    return before;
}

/* Keys of ours whose stored form the recordings leave out, because it differs from run to run or by design. */
static bool not_compared(struct walk *w) {
    return path_ends(w, "ownerReferences.uid") || path_ends(w, "spec.clusterIP") ||
           path_ends(w, "annotations.ray.io/upgrade-strategy-recreate-hash");
}

/* Go leaves empty lists and maps out when it stores them. */
static bool stored_as_nothing(struct rv_val v) {
    enum rv_type t = rv_val_type(v);
    return t <= RV_NULL || ((t == RV_MAP || t == RV_ARRAY) && rv_val_len(v) == 0);
}

static void walk_map(struct walk *w, struct rv_val ours, struct rv_val stored, unsigned depth) {
    for (struct rv_iter it = rv_iter(ours); rv_iter_next(&it);) {
        size_t before = push(w, it.key);
        struct rv_val there = rv_val_getn(stored, it.key);
        if (rv_val_present(there) && !not_compared(w))
            walk(w, it.val, there, depth + 1);
        else if (!rv_val_present(there) && !not_compared(w) && !stored_as_nothing(it.val))
            differ(w, "only in ours", it.val, there);
        w->path.n = before;
    }
    for (struct rv_iter it = rv_iter(stored); rv_iter_next(&it);) {
        size_t before = push(w, it.key);
        if (!rv_val_present(rv_val_getn(ours, it.key)) && !is_default(w, stored, it.val))
            differ(w, "missing in ours", RV_VAL_ABSENT, it.val);
        w->path.n = before;
    }
}

static void walk_array(struct walk *w, struct rv_val ours, struct rv_val stored, unsigned depth) {
    struct rv_iter mine = rv_iter(ours);
    for (struct rv_iter it = rv_iter(stored); rv_iter_next(&it);) {
        if (injected(it.val)) continue;
        if (rv_iter_next(&mine))
            walk(w, mine.val, it.val, depth + 1);
        else
            differ(w, "element missing in ours", RV_VAL_ABSENT, it.val);
    }
    while (rv_iter_next(&mine)) differ(w, "element only in ours", mine.val, RV_VAL_ABSENT);
}

/* Our own wording of the script that waits for the head; it must ask for the same address. */
static bool same_wait_script(struct walk *w, struct rv_val ours, struct rv_val stored) {
    static const char call[] = "ray health-check --address ";
    struct rv_str a = rv_val_str(ours), b = rv_val_str(stored);
    if (!path_ends(w, "initContainers.args") || b.n == 0) return false;
    const char *at = memmem(b.p, b.n, call, sizeof call - 1);
    if (at == NULL || a.n == 0) return false;
    size_t n = sizeof call - 1;
    while (at + n < b.p + b.n && strchr(" ;\n", at[n]) == NULL) n++;
    return memmem(a.p, a.n, at, n) != NULL;
}

static void walk(struct walk *w, struct rv_val ours, struct rv_val stored, unsigned depth) {
    enum rv_type t = rv_val_type(ours);
    if (depth > DEPTH_MAX)
        differ(w, "too deep", ours, stored);
    else if (t == RV_MAP && rv_val_type(stored) == RV_MAP)
        walk_map(w, ours, stored, depth);
    else if (t == RV_ARRAY && rv_val_type(stored) == RV_ARRAY)
        walk_array(w, ours, stored, depth);
    else if (!same_scalar(w, ours, stored) && !same_wait_script(w, ours, stored))
        differ(w, "not the same", ours, stored);
}

unsigned same_differences(const char *title, struct rv_val ours, struct rv_val stored) {
    struct walk w = {.title = title};
    walk(&w, ours, stored, 0);
    rv_buf_free(&w.path);
    return w.differences;
}
