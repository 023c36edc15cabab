#include "view.h"
#include "internal.h"

static const struct sb_view *const views[] = {&sb_events_view};

const struct sb_view *sb_view_of(const char *group) {
    for (size_t i = 0; i < RV_ARRAY_LEN(views); i++)
        if (strcmp(views[i]->group, group) == 0) return views[i];
    return NULL;
}

const struct sb_resource *sb_view_stored(struct sb_storage *s, const struct sb_resource *r) {
    if (r->view == NULL) return r;
    return sb_resource_find(s, RV_STR(""), rv_str(r->view->stored_version), rv_str(r->view->stored_plural));
}

void sb_view_show(const struct sb_resource *served, struct rv_arena *a, struct rv_node *object) {
    if (served->view != NULL) served->view->show(a, object);
}

int sb_view_take(struct sb_storage *s, const struct sb_resource *served, struct rv_arena *a, struct rv_node *object,
                 struct rv_val old, struct sb_status *st) {
    (void)s;
    if (served->view == NULL) return 0;
    struct rv_node *causes = rv_node_array(a);
    served->view->take(a, object, old, causes);
    if (rv_node_len(causes) == 0) return 0;
    return sb_fail_causes(st, served, rv_node_text(rv_node_path(object, "metadata.name")), causes);
}
