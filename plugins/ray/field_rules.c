/* field_rules.c - see field_rules.h. */
#include "field_rules.h"
#include "ipc/base/match_conditions.h"

#include "fields.h"

const struct field_rule field_rules[RULE_COUNT] = {
#define FIELD_X(name, id, holder, field, form, bound, words) [RULE_##name] = {id, field, holder, form, bound, words},
    FIELD_RULES(FIELD_X)
#undef FIELD_X
};

/* ---- for the validators ------------------------------------------------------------------------------------ */

int64_t field_rule_number(enum field_rule_name rule, struct rv_val holder) {
    const struct field_rule *r = &field_rules[rule];
    return rv_path_int(holder, r->field, r->form == FIELD_AT_LEAST ? r->bound : 0);
}

static struct rv_str next_word(struct rv_str *words) {
    const char *end = words->n != 0 ? memchr(words->p, ' ', words->n) : NULL;
    struct rv_str word = {words->p, end != NULL ? (size_t)(end - words->p) : words->n};
    size_t skip = word.n + (end != NULL);
    *words = (struct rv_str){words->p + skip, words->n - skip};
    return word;
}

static bool is_word(struct rv_str text, const char *list) {
    struct rv_str words = rv_str(list);
    while (words.n != 0)
        if (rv_str_eq(next_word(&words), text)) return true;
    return false;
}

bool field_rule_allows(enum field_rule_name rule, struct rv_str text) {
    const struct field_rule *r = &field_rules[rule];
    return r->form == FIELD_NO_LONGER ? text.n <= (size_t)r->bound : text.n == 0 || is_word(text, r->words);
}

bool field_rule_holds(enum field_rule_name rule, struct rv_val holder) {
    const struct field_rule *r = &field_rules[rule];
    if (r->form == FIELD_AT_LEAST) return field_rule_number(rule, holder) >= r->bound;
    if (r->form == FIELD_NO_MORE) return field_rule_number(rule, holder) <= rv_path_int(holder, r->words, r->bound);
    return field_rule_allows(rule, rv_path_str(holder, r->field));
}

/* ---- as CEL ------------------------------------------------------------------------------------------------- */

/* Where a holder stands in a kind. */
static const struct place {
    const char *resource, *path;
    enum field_holder holder;
} places[] = {
    {"rayclusters", "metadata", HOLDER_CLUSTER_METADATA},
    {"rayclusters", "spec", HOLDER_CLUSTER_SPEC},
    {"rayclusters", "spec.workerGroupSpecs", HOLDER_GROUP},
    {"rayjobs", "metadata", HOLDER_JOB_METADATA},
    {"rayjobs", "spec", HOLDER_JOB_SPEC},
    {"rayjobs", "spec.rayClusterSpec", HOLDER_CLUSTER_SPEC},
    {"rayjobs", "spec.rayClusterSpec.workerGroupSpecs", HOLDER_GROUP},
    {"rayservices", "metadata", HOLDER_SERVICE_METADATA},
    {"rayservices", "spec", HOLDER_SERVICE_SPEC},
    {"rayservices", "spec.rayClusterConfig", HOLDER_CLUSTER_SPEC},
    {"rayservices", "spec.rayClusterConfig.workerGroupSpecs", HOLDER_GROUP},
    {"raycronjobs", "metadata", HOLDER_CRONJOB_METADATA},
    {"raycronjobs", "spec.jobTemplate", HOLDER_JOB_SPEC},
    {"raycronjobs", "spec.jobTemplate.rayClusterSpec", HOLDER_CLUSTER_SPEC},
    {"raycronjobs", "spec.jobTemplate.rayClusterSpec.workerGroupSpecs", HOLDER_GROUP},
};

/* "object" and "spec.a" give "object.?spec.?a": what is absent has no value, and no error either. */
static void add_path(struct rv_buf *b, const char *from, const char *path) {
    rv_buf_addf(b, "%s.?", from);
    for (const char *p = path; *p != 0; p++) {
        rv_buf_addc(b, (uint8_t)*p);
        if (*p == '.') rv_buf_addc(b, '?');
    }
}

static void add_check(struct rv_buf *b, const struct field_rule *r, const char *from) {
    struct rv_str words = rv_str(r->words);
    if (r->form == FIELD_NO_LONGER) rv_buf_adds(b, "size(");
    add_path(b, from, r->field);
    switch (r->form) {
    case FIELD_AT_LEAST:
        rv_buf_addf(b, ".orValue(%lld) >= %lld", (long long)r->bound, (long long)r->bound);
        break;
    case FIELD_NO_LONGER:
        rv_buf_addf(b, ".orValue('')) <= %lld", (long long)r->bound);
        break;
    case FIELD_ONE_OF:
        rv_buf_adds(b, ".orValue('') in [''");
        while (words.n != 0) {
            struct rv_str word = next_word(&words);
            rv_buf_addf(b, ", '" RV_STR_FMT "'", RV_STR_ARG(word));
        }
        rv_buf_adds(b, "]");
        break;
    case FIELD_NO_MORE:
        rv_buf_adds(b, ".orValue(0) <= ");
        add_path(b, from, r->words);
        rv_buf_addf(b, ".orValue(%lld)", (long long)r->bound);
        break;
    }
}

static void add_message(struct rv_buf *b, const struct field_rule *r, const struct place *at) {
    struct rv_str words = rv_str(r->words);
    rv_buf_addf(b, "%s%s.%s ", at->path, r->holder == HOLDER_GROUP ? "[]" : "", r->field);
    if (r->form == FIELD_AT_LEAST) rv_buf_addf(b, "must be at least %lld", (long long)r->bound);
    if (r->form == FIELD_NO_LONGER) rv_buf_addf(b, "must have at most %lld characters", (long long)r->bound);
    if (r->form == FIELD_NO_MORE) rv_buf_addf(b, "must not be greater than %s", r->words);
    for (const char *before = "must be one of "; r->form == FIELD_ONE_OF && words.n != 0; before = ", ") {
        struct rv_str word = next_word(&words);
        rv_buf_addf(b, "%s" RV_STR_FMT, before, RV_STR_ARG(word));
    }
    rv_buf_addf(b, " (rule %s)", r->id);
}

static void print_rule(const struct field_rule *r, const struct place *at, struct rv_buf *out) {
    rv_autobuf struct rv_buf check = {0}, message = {0};
    if (r->holder == HOLDER_GROUP) {
        add_path(&check, "object", at->path);
        rv_buf_adds(&check, ".orValue([]).all(g, ");
        add_check(&check, r, "g");
        rv_buf_adds(&check, ")");
    } else {
        rv_autobuf struct rv_buf from = {0};
        add_path(&from, "object", at->path);
        add_check(&check, r, rv_buf_cstr(&from));
    }
    add_message(&message, r, at);
    rv_buf_addf(out, "    - expression: \"" RV_STR_FMT "\"\n      message: \"" RV_STR_FMT "\"\n      reason: Invalid\n",
                RV_STR_ARG(rv_buf_str(&check)), RV_STR_ARG(rv_buf_str(&message)));
}

static void print_conditions(const char *resource, struct rv_str user, struct rv_buf *out) {
    rv_buf_addf(out,
                "  matchConditions:\n"
                "    - name: spec-changes\n"
                "      expression: " MATCH_SPEC_CHANGES "\n"
                "    - name: not-deleted\n"
                "      expression: \"" MATCH_NOT_DELETED "\"\n"
                "    - name: not-the-operator\n"
                "      expression: " MATCH_NOT_THE_OPERATOR "\n",
                RV_STR_ARG(user));
    if (strcmp(resource, "raycronjobs") == 0) return; /* it has no other manager */
    rv_buf_adds(out, "    - name: not-managed-elsewhere\n      expression: object.?spec.?managedBy.orValue('" RC_MANAGER
                     "') == '" RC_MANAGER "'\n");
}

static void print_policy(const char *resource, struct rv_str user, struct rv_buf *out) {
    rv_buf_addf(
        out,
        "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\n"
        "metadata:\n  name: rayvisor-%s\nspec:\n  failurePolicy: Fail\n  matchConstraints:\n    resourceRules:\n"
        "      - apiGroups: [ray.io]\n        apiVersions: [v1]\n        operations: [CREATE, UPDATE]\n"
        "        resources: [%s]\n",
        resource, resource);
    print_conditions(resource, user, out);
    rv_buf_adds(out, "  validations:\n");
    for (size_t i = 0; i < RV_ARRAY_LEN(places); i++)
        for (size_t r = 0; r < RULE_COUNT; r++)
            if (strcmp(places[i].resource, resource) == 0 && places[i].holder == field_rules[r].holder)
                print_rule(&field_rules[r], &places[i], out);
    rv_buf_addf(out,
                "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\n"
                "metadata:\n  name: rayvisor-%s\nspec:\n  policyName: rayvisor-%s\n  validationActions: [Deny]\n",
                resource, resource);
}

void field_rules_policy(struct rv_str user, struct rv_buf *out) {
    static const char *const resources[] = {"rayclusters", "rayjobs", "rayservices", "raycronjobs"};
    rv_buf_adds(out, "# Generated by rayvisorctl admission-policy from the controllers' own table of rules.\n");
    for (size_t i = 0; i < RV_ARRAY_LEN(resources); i++) print_policy(resources[i], user, out);
}
