/* main.c - rayvisor-submit: submits a job to Ray unless Ray has it, follows its log, and ends with the result of the
 * job.
 *
 *   wait until the dashboard is up ─► does Ray have the job? ─no─► submit ─► follow its log ─► how did it end?
 *                    ▲                                                              │
 *                    └──────────── connection lost: wait, ask, continue ────────────┘
 *
 * What Ray says about the job decides the exit status, never the end of a connection. Ray's log stream starts at the
 * beginning with each connection. So the printed bytes are counted and skipped the next time, and no line is lost or
 * printed twice. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"
#include "http.h"
#include "ipc/base/backoff.h"
#include "ipc/base/random.h"
#include "rayvisor/json.h"

enum {
    EXIT_SUCCEEDED = 0,
    EXIT_FAILED = 1,
    EXIT_STOPPED = 2,
    EXIT_LOST = 3,
    EXIT_REFUSED = 69,
    EXIT_OUTPUT = 74,
    EXIT_SIGNAL = 143
};
enum {
    WAIT_MS = 2000,
    WAIT_MOST_MS = 15000,
    LOG_SILENCE_MS = 15000,
    UNKNOWN_MAX = 3,
    SUBMIT_TRIES = 5,
    LAST_TRIES = 3
};

enum job { JOB_UNKNOWN, JOB_ACTIVE, JOB_SUCCEEDED, JOB_FAILED, JOB_STOPPED, JOB_NO_ANSWER };

struct program {
    struct options o;
    /* Bytes of the log: on standard output, and from this connection. */
    uint64_t printed, seen;
    unsigned failures;   /* failures in a row */
    bool closed;         /* the server ended the stream */
    struct rv_buf reply; /* frames to send */
};

static volatile sig_atomic_t stop;

static void on_signal(int s) {
    (void)s;
    stop = 1;
    _exit(EXIT_SIGNAL);
}

static void log_line(const char *what, const char *detail) {
    (void)fprintf(stderr, "rayvisor-submit: %s%s\n", what, detail);
}

/* Waits longer after each failure, with a random part, so that submitters do not act in step. */
static void wait_a_little(struct program *p) {
    static const struct backoff_pause pause = {.first = WAIT_MS, .most = WAIT_MOST_MS, .below = 25, .above = 25};
    int64_t ms = backoff_pause(pause, p->failures, random_u32());
    (void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- asking
 * ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    enum job job;
} words[] = {{"PENDING", JOB_ACTIVE},
             {"RUNNING", JOB_ACTIVE},
             {"SUCCEEDED", JOB_SUCCEEDED},
             {"FAILED", JOB_FAILED},
             {"STOPPED", JOB_STOPPED}};

static struct rv_str job_path(struct program *p, const char *rest) {
    return rv_arena_fmt(p->o.arena, "/api/jobs/" RV_STR_FMT "%s", RV_STR_ARG(p->o.id), rest);
}

static enum job read_job(const struct http_answer *a, struct rv_buf *message) {
    rv_autobuf struct rv_buf mp = {0};
    if (a->status == 404) return JOB_UNKNOWN;
    if (a->status != 200 || rv_json_to_mp(rv_buf_str(&a->body), NULL, &mp, NULL) != 0) return JOB_NO_ANSWER;
    struct rv_val v = {mp.p, mp.n};
    rv_buf_add_str(message, rv_path_str(v, "message"));
    for (size_t i = 0; i < RV_ARRAY_LEN(words); i++)
        if (rv_str_is(rv_path_str(v, "status"), words[i].word)) return words[i].job;
    return JOB_NO_ANSWER;
}

/* Asks for the state of the job. If there is no answer, it prints why and waits a little. */
static enum job ask_job(struct program *p, struct rv_buf *message) {
    struct http_answer a;
    struct rv_error err = {0};
    enum job job = JOB_NO_ANSWER;
    rv_buf_clear(message);
    if (http_ask(&p->o, "GET", job_path(p, "").p, (struct rv_str){NULL, 0}, &a, &err) == 0) {
        job = read_job(&a, message);
        if (job == JOB_NO_ANSWER)
            rv_error_set(&err, RV_E_UNAVAILABLE, "the answer is not that of a Ray dashboard (HTTP status %u)",
                         a.status);
        rv_buf_free(&a.body);
    }
    p->failures = job == JOB_NO_ANSWER ? p->failures + 1 : 0;
    if (job != JOB_NO_ANSWER) return job;
    log_line("waiting for the dashboard: ", err.text);
    wait_a_little(p);
    return job;
}

static enum job ask_until_answered(struct program *p, struct rv_buf *message) {
    enum job job;
    while ((job = ask_job(p, message)) == JOB_NO_ANSWER) {
    }
    return job;
}

/* ---- submitting
 * -------------------------------------------------------------------------------------------------------- */

/* True for an answer of a proxy that cannot reach Ray. */
static bool of_a_gateway(unsigned status) { return status == 502 || status == 503 || status == 504; }

/* Returns 0 if Ray has the job, otherwise an exit status. Only an answer of Ray counts as a refusal. If the dashboard
 * is restarting, it waits. */
static int submit(struct program *p) {
    static const char known[] = "Please use a different submission_id";
    rv_autobuf struct rv_buf body = {0}, ignored = {0};
    rv_json_write(rv_node_freeze(p->o.arena, p->o.request), &body);
    for (unsigned refused = 0; refused < SUBMIT_TRIES;) {
        struct http_answer a;
        struct rv_error err = {0};
        if (http_ask(&p->o, "POST", "/api/jobs/", rv_buf_str(&body), &a, &err) == 0) {
            rv_autobuf struct rv_buf text = a.body;
            if (a.status >= 200 && a.status < 300) return 0;
            if (text.n != 0 && memmem(text.p, text.n, known, sizeof known - 1) != NULL) return 0;
            rv_error_set(&err, RV_E_UNAVAILABLE, "HTTP status %u: %.*s", a.status, (int)(text.n < 300 ? text.n : 300),
                         rv_buf_cstr(&text));
            refused += of_a_gateway(a.status) ? 0 : 1;
            if (a.status >= 400 && a.status < 500 && a.status != 429) refused = SUBMIT_TRIES;
        }
        p->failures++;
        log_line("the job was not accepted: ", err.text);
        if (refused >= SUBMIT_TRIES) break;
        wait_a_little(p);
        if (ask_job(p, &ignored) > JOB_UNKNOWN && p->failures == 0) return 0; /* only the answer was lost */
    }
    return EXIT_REFUSED;
}

/* ---- the log
 * ------------------------------------------------------------------------------------------------------------ */

static void print(struct program *p, const uint8_t *at, size_t n) {
    uint64_t begin = p->seen;
    p->seen += n;
    if (p->seen <= p->printed) return;
    size_t skip = p->printed > begin ? (size_t)(p->printed - begin) : 0;
    at += skip;
    n -= skip;
    p->printed += n;
    while (n > 0) {
        ssize_t r = write(STDOUT_FILENO, at, n);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) exit(EXIT_OUTPUT); /* nobody reads the output any more */
        at += r;
        n -= (size_t)r;
    }
}

static void on_frame(void *arg, enum frames_event event, const uint8_t *at, size_t n) {
    struct program *p = arg;
    uint8_t mask[4];
    random_bytes(mask, sizeof mask);
    if (event == FRAMES_DATA) print(p, at, n);
    if (event == FRAMES_PING) frames_write(&p->reply, FRAMES_OP_PONG, at, n, mask);
    if (event == FRAMES_CLOSE) {
        frames_write(&p->reply, FRAMES_OP_CLOSE, at, n < 2 ? n : 2, mask);
        p->closed = true;
    }
}

/* Follows until the server ends the stream or the connection breaks. A log may be silent for long, so Ray is asked now
 * and then whether the job still runs. */
static void follow(struct program *p, struct rv_error *err) {
    rv_autobuf struct rv_buf early = {0}, message = {0};
    struct frames frames = {0};
    uint8_t piece[65536];
    p->seen = 0;
    p->closed = false;
    struct wire *w = http_upgrade(&p->o, job_path(p, "/logs/tail").p, &early, err);
    if (w == NULL) return;
    wire_timeout(w, LOG_SILENCE_MS);
    int r = frames_feed(&frames, early.p, early.n, on_frame, p);
    while (r == 0 && !p->closed) {
        ssize_t n = wire_read(w, piece, sizeof piece, err);
        if (n == RV_E_TIMEOUT) {
            if (ask_job(p, &message) != JOB_ACTIVE) break;
            continue;
        }
        if (n <= 0) break;
        p->failures = 0;
        r = frames_feed(&frames, piece, (size_t)n, on_frame, p);
        /* If the server is gone, this fails. What it sent before is still read. */
        if (p->reply.n != 0) (void)wire_write(w, p->reply.p, p->reply.n, NULL);
        rv_buf_clear(&p->reply);
    }
    wire_close(w);
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------------- */

static int report_end(struct program *p, enum job job, struct rv_buf *message) {
    static const struct {
        const char *text;
        int status;
    } ends[] = {[JOB_SUCCEEDED] = {"succeeded", EXIT_SUCCEEDED},
                [JOB_FAILED] = {"failed", EXIT_FAILED},
                [JOB_STOPPED] = {"was stopped", EXIT_STOPPED}};
    (void)fprintf(stderr, "rayvisor-submit: job " RV_STR_FMT " %s%s%s\n", RV_STR_ARG(p->o.id), ends[job].text,
                  message->n != 0 && job != JOB_SUCCEEDED ? ": " : "",
                  job != JOB_SUCCEEDED ? rv_buf_cstr(message) : "");
    return ends[job].status;
}

/* If the stream of a job that has ended was cut off, it is read again from its beginning. */
static int watch(struct program *p) {
    rv_autobuf struct rv_buf message = {0};
    unsigned unknown = 0, tries = 0;
    for (;;) {
        struct rv_error err = {0};
        follow(p, &err);
        bool whole = p->closed;
        enum job job = ask_until_answered(p, &message);
        unknown = job == JOB_UNKNOWN ? unknown + 1 : 0;
        if (unknown >= UNKNOWN_MAX) {
            log_line("Ray no longer knows the job: its head was restarted, or the job was deleted", "");
            return EXIT_LOST;
        }
        if (job > JOB_ACTIVE && (whole || ++tries > LAST_TRIES)) return report_end(p, job, &message);
        p->failures++;
        if (!whole && err.text[0] != 0) log_line("the log broke off, going on: ", err.text);
        wait_a_little(p);
    }
}

int main(int argc, char **argv) {
    struct program p = {0};
    rv_autobuf struct rv_buf message = {0};
    int r = options_read(&p.o, argc, argv);
    if (r != 0) return r == 1 ? 0 : r;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    enum job job = ask_until_answered(&p, &message);
    if (job == JOB_UNKNOWN) {
        r = submit(&p);
        if (r != 0) return r;
        (void)fprintf(stderr, "rayvisor-submit: job " RV_STR_FMT " submitted\n", RV_STR_ARG(p.o.id));
    }
    return watch(&p);
}
