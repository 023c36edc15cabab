/* follow.h - waits for an object, and says how far it is: on a terminal in one line that is written over, elsewhere in
 * a line for each change. */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include <stdio.h>

#include "api.h"
#include "kinds.h"

struct progress {
    FILE *to;
    bool terminal, open; /* open: the line on the terminal has no end yet */
    struct rv_buf last;
};
struct progress progress_on(FILE *to);
void progress_say(struct progress *p, struct rv_str line);
/* Takes the line away from a terminal, for other output. The next progress_say() writes it again. */
void progress_clear(struct progress *p);
void progress_end(struct progress *p);
#define progress_auto __attribute__((cleanup(progress_end)))

enum follow_answer { FOLLOW_ON, FOLLOW_DONE, FOLLOW_FAILED };
struct follow {
    const struct ctl_kind *kind;
    const char *ns;
    struct rv_str name;
    int64_t timeout_ms; /* 0: without an end */
    /* Looks at the newest state, once a second; appends what it waits for. It runs in an arena of its own, which ends
     * with the call: only what `arg` owns may be kept. With FOLLOW_FAILED it sets c->err. */
    enum follow_answer (*look)(void *arg, struct rv_val object, struct progress *p, struct rv_buf *line);
    void *arg;
};
/* Returns 0 at FOLLOW_DONE; an error at FOLLOW_FAILED, after the time-out (with what it waited for last), or if the
 * object is gone. That the API server does not answer is waited out. */
int follow_object(struct ctl_context *c, struct api *api, const struct follow *f);

#endif
