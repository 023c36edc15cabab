/* say_parts.h - what the questions of each kind share (say.h). Internal to say.c and say_kinds.c. */
#ifndef CTL_SAY_PARTS_H
#define CTL_SAY_PARTS_H

#include "say.h"

struct saying {
    struct rv_arena *arena;
    const struct ctl_kind *kind; /* NULL for a pod */
    struct rv_val object, status;
    int64_t now;
    struct say said;
};

/* Returns true if it is the answer, which is then in s->said. A list of them ends with NULL. */
typedef bool (*say_question)(struct saying *s);
extern const say_question say_raycluster[], say_rayjob[], say_rayservice[], say_raycronjob[];

struct rv_val say_condition(const struct saying *s, const char *type);
bool say_is(const struct saying *s, const char *type, const char *status);
struct rv_str say_message(const struct saying *s, const char *type);
/* Returns true. */
bool say_it(struct saying *s, enum say_state state, const char *fmt, ...) RV_PRINTF(3, 4);
/* If the condition has the status: says `before`, its message and its reason. */
bool say_by(struct saying *s, const char *type, const char *status, enum say_state state, const char *before);
/* Notes what is expected, if it is earlier than what is noted already. 0: nothing. */
void say_next(struct saying *s, int64_t at, const char *then);

#endif
