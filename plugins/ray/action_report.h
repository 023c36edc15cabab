/* action_report.h - what became of an action, told as an event. Each controller has a table with a row for each kind of
 * action that it asks for. */
#ifndef RAY_ACTION_REPORT_H
#define RAY_ACTION_REPORT_H

#include "context.h"

enum { RC_NO_KIND = -1 };

struct rc_action_report {
    const char *what;          /* "RayCluster" */
    const char *did, *failed;  /* reasons of the two events; did NULL: a success is not told */
    const char *action, *verb; /* "Create", "create" */
    const char *past;          /* "Created" */
    int kind;                  /* as which kind the object is found that a create asked for; RC_NO_KIND */
};

/* The usual rows. word: as it stands in the events' reasons. */
#define RC_REPORT_CREATE(what, word, kind)                                                                             \
    { what, "Created" word, "FailedToCreate" word, "Create", "create", "Created", kind }
#define RC_REPORT_UPDATE(what, word)                                                                                   \
    { what, "Updated" word, "FailedToUpdate" word, "Update", "update", "Updated", RC_NO_KIND }
#define RC_REPORT_DELETE(what, word)                                                                                   \
    { what, "Deleted" word, "FailedToDelete" word, "Delete", "delete", "Deleted", RC_NO_KIND }

/* "Created RayCluster ns/name", and then the suffix, which may be "". */
void rc_report_success(struct rc_context *x, const struct rc_action_report *t, const struct rv_result *r,
                       const char *suffix);
/* Tells a failure, with the words of the API server, or with the advice to delete or rename what has the name. Gives
 * what was told. */
struct rv_str rc_report_failure(struct rc_context *x, const struct rc_action_report *t, const struct rv_result *r);
/* The create failed only because an earlier request made the object, and the answer to that was lost. */
bool rc_made_before(const struct rc_context *x, const struct rc_action_report *t, const struct rv_result *r);
/* What was to be changed or deleted is gone, or is not as it was read: the mirror shows what comes next. */
bool rc_overtaken(const struct rv_result *r);

#endif
