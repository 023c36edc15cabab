#include "load.h"
#include "deploy/sandbox/rules/view.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ipc/base/file.h"
#include "ipc/base/yaml.h"

enum { FILE_MAX = 256 << 20 };

struct rv_node *sb_yaml_parse(struct rv_arena *a, struct rv_str text, struct rv_error *err) {
    struct yaml_opts o = {.anchors = true, .repeats = true, .max_nodes = RV_MP_MAX_NODES};
    return yaml_tree(a, text, &o, err);
}

struct loading {
    struct sb_storage *storage;
    const char *path;
};

static int load_object(void *arg, struct rv_arena *a, struct rv_node *o, struct rv_error *err) {
    struct sb_storage *s = ((struct loading *)arg)->storage;
    const char *path = ((struct loading *)arg)->path;
    if (rv_node_type(o) != RV_MAP) return rv_error_set(err, RV_E_CONFIG, "%s: a document is not a map", path);
    const struct sb_resource *r =
        sb_resource_by_kind(s, rv_node_text(rv_node_get(o, "apiVersion")), rv_node_text(rv_node_get(o, "kind")));
    if (r == NULL)
        return rv_error_set(err, RV_E_CONFIG, "%s: nothing serves apiVersion and kind of this document", path);
    struct rv_str ns = rv_node_text(rv_node_path(o, "metadata.namespace"));
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    int e = sb_view_take(s, r, a, o, RV_VAL_ABSENT, &st);
    r = sb_view_stored(s, r);
    if (e == 0) e = sb_create(s, r, ns.n != 0 ? ns : RV_STR("default"), o, a, NULL, &made, &st);
    if (e != 0) rv_error_set(err, e, "%s: %s", path, st.message);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e;
}

static int load_file(struct sb_storage *s, const char *path, struct rv_error *err) {
    rv_autobuf struct rv_buf text = {0};
    struct yaml_opts o = {.name = path, .anchors = true, .repeats = true, .max_nodes = RV_MP_MAX_NODES};
    int r = file_read(path, FILE_MAX, &text, err);
    return r != 0 ? r : yaml_each(rv_buf_str(&text), &o, load_object, &(struct loading){s, path}, err);
}

static int only_yaml(const struct dirent *d) { return rv_str_ends(rv_str(d->d_name), ".yaml"); }

int sb_load(struct sb_storage *s, const char *path, struct rv_error *err) {
    struct stat st;
    if (stat(path, &st) != 0) return rv_error_set(err, -errno, "--load %s: %s", path, rv_error_text(-errno));
    if (!S_ISDIR(st.st_mode)) return load_file(s, path, err);
    struct dirent **list = NULL;
    int n = scandir(path, &list, only_yaml, alphasort), e = 0;
    for (int i = 0; i < n; i++) {
        rv_autobuf struct rv_buf full = {0};
        rv_buf_addf(&full, "%s/%s", path, list[i]->d_name);
        if (e == 0 && !rv_str_is(RV_STR("kustomization.yaml"), list[i]->d_name))
            e = load_file(s, rv_buf_cstr(&full), err);
        free(list[i]);
    }
    free((void *)list);
    return e;
}
