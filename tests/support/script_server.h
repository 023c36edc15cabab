/* script_server.h - an HTTP server for tests that runs on the test's own loop and answers by a script.
 *
 * It has no thread and no clock. A test runs the loop until what it waits for has happened. Answers are used in the
 * order in which they were given, each for the first request whose "METHOD target" contains its text. */
#ifndef TESTS_SUPPORT_SCRIPT_SERVER_H
#define TESTS_SUPPORT_SCRIPT_SERVER_H

#include "ipc/base/loop.h"

enum script_how {
    SCRIPT_WHOLE,  /* with a length; the connection stays open */
    SCRIPT_STREAM, /* chunked; script_say() adds chunks */
    SCRIPT_CUT,    /* announces more bytes than it sends, and closes the connection */
    SCRIPT_HANGUP, /* closes the connection without a byte */
    SCRIPT_SILENT, /* sends nothing */
};
struct script_answer {   /* its texts must outlive the server */
    const char *when;    /* NULL matches any request */
    unsigned status;     /* 0 means 200 */
    const char *headers; /* further lines, each with \r\n; a Content-Type replaces that for JSON */
    const char *body;
    enum script_how how;
    unsigned times; /* 0 means once */
};
struct script_request {
    char *line; /* "GET /api/v1/pods?limit=500" */
    char *headers, *body;
};

struct script_server;
struct script_server *script_new(struct loop *l);
struct script_server *script_free(struct script_server *s);
const char *script_url(const struct script_server *s); /* "http://127.0.0.1:PORT" */
void script_on(struct script_server *s, const struct script_answer *a);
size_t script_count(const struct script_server *s); /* requests so far */
size_t script_count_of(const struct script_server *s, const char *when);
const struct script_request *script_at(const struct script_server *s, size_t i);
const struct script_request *script_last(const struct script_server *s);
size_t script_unexpected(const struct script_server *s); /* requests without an answer in the script, which get 500 */

/* Returns true if a stream is open. */
bool script_streaming(const struct script_server *s);
void script_say(struct script_server *s, const char *text);          /* sends one chunk to the newest stream */
void script_end(struct script_server *s);                            /* sends the last chunk */
void script_end_with(struct script_server *s, const char *trailers); /* lines, each with \r\n */
void script_cut(struct script_server *s);                            /* sends half a chunk and closes the connection */

/* Runs the loop until the condition holds. Gives up after a time that is long enough for everything to happen. */
#define SCRIPT_UNTIL(loop, condition)                                                                                  \
    do {                                                                                                               \
        int64_t give_up_ = clock_monotonic() + INT64_C(20000000000);                                                   \
        while (!(condition) && clock_monotonic() < give_up_) loop_turn(loop, 20);                                      \
        CU_ASSERT_TRUE(condition);                                                                                     \
    } while (0)

#endif
