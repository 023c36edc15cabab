/* access.c - resources that only answer questions: who am I, what may I do. Whoever has the token may do everything. */
#include "http.h"
#include "rayvisor/json.h"

static const struct {
    const char *group, *plural, *kind, *status;
} questions[] = {
    {"authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview",
     "{\"allowed\":true,\"reason\":\"the sandbox allows everything\"}"},
    {"authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview",
     "{\"allowed\":true,\"reason\":\"the sandbox allows everything\"}"},
    {"authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview",
     "{\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}],\"nonResourceRules\":[{"
     "\"verbs\":"
     "[\"*\"],\"nonResourceURLs\":[\"*\"]}],\"incomplete\":false}"},
    {"authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview",
     "{\"userInfo\":{\"username\":\"admin\",\"groups\":[\"system:masters\",\"system:authenticated\"]}}"},
};

bool sb_access_group(size_t i, const char **ret_group) {
    static const char *const groups[] = {"authorization.k8s.io", "authentication.k8s.io"};
    if (i >= RV_ARRAY_LEN(groups)) return false;
    *ret_group = groups[i];
    return true;
}

void sb_access_list(struct rv_str group, struct rv_str version, struct jsonw *w) {
    for (size_t i = 0; rv_str_is(version, "v1") && i < RV_ARRAY_LEN(questions); i++) {
        if (!rv_str_is(group, questions[i].group)) continue;
        jsonw_begin_object(w, NULL);
        jsonw_text(w, "name", questions[i].plural);
        jsonw_text(w, "singularName", "");
        jsonw_bool(w, "namespaced", false);
        jsonw_text(w, "kind", questions[i].kind);
        jsonw_begin_array(w, "verbs");
        jsonw_text(w, NULL, "create");
        jsonw_end_array(w);
        jsonw_end_object(w);
    }
}

bool sb_access(struct sb_request *q, struct sb_response *r) {
    size_t i = 0;
    for (; i < RV_ARRAY_LEN(questions); i++) {
        struct rv_str path = rv_arena_fmt(q->arena, "/apis/%s/v1/%s", questions[i].group, questions[i].plural);
        if (rv_str_eq(q->path, path)) break;
    }
    if (i == RV_ARRAY_LEN(questions)) return false;
    if (strcmp(q->method, "POST") != 0) {
        sb_fail(r, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        return true;
    }
    bool bare = strcmp(questions[i].plural, "selfsubjectreviews") == 0; /* its request has no fields */
    struct rv_node *body = bare ? rv_node_map(q->arena) : sb_read_body(q, r);
    if (body == NULL) return true;
    rv_autobuf struct rv_buf mp = {0};
    rv_json_to_mp(rv_str(questions[i].status), NULL, &mp, NULL);
    rv_node_set_fmt(q->arena, body, "apiVersion", "%s/v1", questions[i].group);
    rv_node_set_cstr(q->arena, body, "kind", questions[i].kind);
    rv_node_set(q->arena, body, "status", rv_node_copy(q->arena, rv_node_from(q->arena, (struct rv_val){mp.p, mp.n})));
    r->http = 201;
    rv_json_write(rv_node_freeze(q->arena, body), &r->body);
    return true;
}
