/* fakehost.h - the real host engine with a plugin in it, and in place of the supervisor a puppeteer: what the API
 * server (fakeapi.h) has is told late, in any order, once or twice, or afresh; what the plugin asks for is done,
 * refused, or done without anybody hearing of it; the host dies and comes back. Nothing happens but by these calls. */
#ifndef TESTS_SUPPORT_FAKEHOST_H
#define TESTS_SUPPORT_FAKEHOST_H

#include "fakeapi.h"
#include "plugins/host/engine.h"

/* The generator of a test: the same start, the same story. */
struct dice {
    uint64_t state;
};
uint32_t dice_roll(struct dice *d, uint32_t n); /* 0 .. n-1 */
bool dice_chance(struct dice *d, uint32_t percent);

/* What a server answers. */
struct fake_answer {
    int code; /* 0 or RV_E_*: no answer came */
    uint32_t status;
    struct rv_buf body; /* msgpack when json, else any text */
    bool json;
    const char *message; /* with a code: why, static; NULL: made up */
};

enum { FAKE_IGNORED = 1 << 20 };

struct fakehost;
struct fakehost_opts {
    const struct rv_plugin *plugin;
    const char *manifest; /* its YAML file */
    const char *settings; /* JSON: what differs from the manifest's defaults */
    struct fakeapi *api;
    struct dice *dice;
    bool lossy;                                /* among the troubles: done, but the answer is lost */
    void (*note)(void *arg, const char *line); /* what happens, for a failure's report; may be NULL */
    void (*http)(void *arg, const struct rv_http_request *r, struct fake_answer *out); /* NULL: nobody asks */
    /* What the API server never does: RV_E_* and, if it likes, words of its own (static); FAKE_IGNORED: it says that
     * it did, and did not; 0: it does. May be NULL. */
    int (*refuse)(void *arg, const struct rv_action *a, struct rv_str *message);
    void (*metric)(void *arg, const struct msg_metric *m); /* may be NULL */
    void *arg;
};
/* Started, welcomed and told everything that is there. NULL with the reason printed. */
struct fakehost *fakehost_new(const struct fakehost_opts *o);
struct fakehost *fakehost_free(struct fakehost *h);

/* Tells one change, if any waits; false when none did. */
bool fakehost_tell(struct fakehost *h);
/* Tells something again that was told before. */
void fakehost_repeat(struct fakehost *h);
/* A snapshot: everything afresh. */
void fakehost_resync(struct fakehost *h);
/* Carries out one request, if any waits. trouble: percent of those that go wrong in one way or the other. */
bool fakehost_serve(struct fakehost *h, uint32_t trouble);
/* Lets the plugin run until it has nothing to do now. */
void fakehost_run(struct fakehost *h);
/* All of these without trouble: every change told, every request served, what follows from it done. Whether anything
 * was to be told or served. */
bool fakehost_round(struct fakehost *h);
/* The clock of API server and host. */
void fakehost_advance(struct fakehost *h, int64_t ms);
/* The process dies: of what was asked some is done yet, the rest never; a new one takes over. */
void fakehost_restart(struct fakehost *h);

/* ms until the plugin wants to run again; -1: never. */
int64_t fakehost_idle_ms(const struct fakehost *h);
size_t fakehost_waiting(const struct fakehost *h); /* changes untold and requests unanswered */
uint64_t
fakehost_writes(const struct fakehost *h); /* asked for ever, events among them; reads are none, of HTTP neither */

#endif
