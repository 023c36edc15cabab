/* story.h - unit tests of a whole controller that are text files.
 *
 * A story has commands, each on a line that begins with "> ", and after each command what the controller did because of
 * it: its requests with their bodies, its events, its metrics, and what it explains about its objects. The test carries
 * out the commands in a fake host (rayvisor/test.h) and compares all the text. Lines that begin with "#" are comments.
 *
 *     > settings JSON                      before "go": what differs from the manifest's defaults
 *     > create RESOURCE JSON               an object of a user, or of another controller
 *     > go                                 starts the plugin
 *     > wait TIME                          500ms, 5s or 10m pass; all that follows from that happens
 *     > patch RESOURCE NAME JSON           a merge patch; NAME is a pattern of fnmatch() in every command
 *     > status RESOURCE NAME JSON          a merge patch of the status
 *     > delete RESOURCE NAME
 *     > refuse VERB RESOURCE NAME CODE TEXT    such requests fail with RV_E_<CODE> from now on
 *     > answer METHOD PART STATUS BODY     HTTP requests whose URL contains PART get this; STATUS may be a CODE
 *     > accept                             neither of them holds any longer
 *     > kubelets on|off                    new pods run and are ready at once
 *     > restart                            the plugin's process
 *     > show RESOURCE NAME PATH            prints a field of the objects
 *
 * In a command "$name:RESOURCE" and "$uid:RESOURCE" stand for the newest object of that resource.
 * A line of a command that begins with ">>" continues the line before. With RAYVISOR_WRITE_STORIES=1 the test writes
 * the files anew, for a change that is meant; what changed is then read in the diff. */
#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H

#include "rayvisor/test.h"

struct story;

struct story_opts {
    const char *plugin;    /* "raycluster" */
    bool bodies;           /* created objects are shown whole, all but pods */
    const char *explained; /* the resource of the objects whose explanations are shown */
    /* What everybody else does now, beside the kubelets: true if there was anything to do. May be NULL. */
    bool (*work)(void *arg);
    int64_t step_ms; /* its time goes in steps of at most so many milliseconds; 0: whatever the plugin waits for */
    /* Answers HTTP requests for which the story has no answer. May be NULL. */
    void (*http)(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out);
    /* A command of the controller's own. False if there is no such command. May be NULL. */
    bool (*command)(void *arg, const char *line);
    /* Called when a story begins and when it ends. May be NULL. */
    void (*begin)(void *arg, struct rv_fakeapi *api, struct rv_test_random *random);
    void (*end)(void *arg);
    void *arg;
};

/* Runs every story in tests/unit/<plugin>/stories as one test each. */
void stories_run(const struct story_opts *o);

#endif
