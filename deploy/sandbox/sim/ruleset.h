/* ruleset.h - a list of rules that are made with the control API: POST adds a rule, GET lists the rules, and DELETE
 * removes one or all of them. What a rule contains and means is the matter of its type. */
#ifndef SIM_RULESET_H
#define SIM_RULESET_H

#include "ipc/base/json_writer.h"
#include "rayvisor/base.h"
#include "rayvisor/value.h"

/* The struct of a type begins with it. */
struct sim_rule {
    int64_t id;
};
struct sim_rule_type {
    size_t size; /* of the struct */
    /* Reads the body of a POST into a zeroed rule. After an error the rule is cleared by the caller. */
    int (*read)(struct sim_rule *r, struct rv_val body, struct rv_error *err);
    void (*write)(const struct sim_rule *r, struct jsonw *w); /* members of an object that is open */
    void (*clear)(struct sim_rule *r);                        /* frees what the rule owns, but not the rule */
};
struct sim_ruleset {
    const struct sim_rule_type *type;
    struct sim_rule **v; /* the oldest first */
    size_t n;
    int64_t last_id;
};

struct sim_ruleset *sim_ruleset_new(const struct sim_rule_type *type);
void sim_ruleset_free(struct sim_ruleset *s);
/* Answers a request of the control API. rest: "" means all rules, otherwise the id of one. */
int sim_ruleset_control(struct sim_ruleset *s, struct rv_str method, struct rv_str rest, struct rv_val body,
                        struct rv_buf *out, struct rv_error *err);
char *sim_rule_text(struct rv_val map, const char *path); /* NULL if it is absent or empty */

#endif
