/* record.c - writes and replays recordings (see record.h). */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/json_writer.h"
#include "ipc/base/log.h"
#include "rayvisor/k8s.h"

struct recorder {
    int fd; /* -1 when it has ended */
    uint64_t size, max;
};

struct recorder *recorder_open(const char *path, uint64_t max, struct rv_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        rv_error_set(err, -errno, "cannot write the recording %s: %s", path, strerror(errno));
        return NULL;
    }
    struct recorder *r = rv_alloc(sizeof *r);
    *r = (struct recorder){fd, 0, max != 0 ? max : UINT64_MAX};
    return r;
}

struct recorder *recorder_close(struct recorder *r) {
    if (r == NULL) return NULL;
    rv_closep(&r->fd);
    free(r);
    return NULL;
}

static void encode_record(struct rv_buf *b, enum record_what what, struct engine_time now, const struct msg *m) {
    rv_autobuf struct rv_buf header = {0}, body = {0};
    rv_mp_array(b, 6);
    rv_mp_uint(b, what);
    rv_mp_int(b, now.mono);
    rv_mp_int(b, now.wall);
    if (m != NULL) {
        struct msg plain = *m;
        plain.seq = 0;
        msg_encode(&plain, &header, &body);
    }
    rv_mp_bin(b, rv_buf_bytes(&header));
    rv_mp_bin(b, rv_buf_bytes(&body));
    rv_mp_bin(b, m != NULL ? m->payload : (struct rv_bytes){NULL, 0});
}

static int write_all(int fd, const struct rv_buf *b) {
    for (size_t at = 0; at < b->n;) {
        ssize_t n = write(fd, b->p + at, b->n - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? -errno : -EIO;
        at += (size_t)n;
    }
    return 0;
}

/* Writes each record at once and completely, because the moment before a crash matters most. A partly written record is
 * removed again. */
void recorder_add(struct recorder *r, enum record_what what, struct engine_time now, const struct msg *m) {
    if (r == NULL || r->fd < 0) return;
    rv_autobuf struct rv_buf b = {0};
    encode_record(&b, what, now, m);
    int code = write_all(r->fd, &b);
    if (code != 0) {
        log_warn("the recording ends here: it cannot be written", "reason", strerror(-code));
        if (ftruncate(r->fd, (off_t)r->size) != 0) log_debug("and its last record is not whole");
    }
    r->size += b.n;
    if (code == 0 && r->size >= r->max) log_info("the recording is full and ends here");
    if (code != 0 || r->size >= r->max) rv_closep(&r->fd);
}

/* ---- replay --------------------------------------------------------------------------------------------- */

struct replay {
    struct rv_bytes file;
    const char *key;         /* NAMESPACE/NAME of the only object to be shown; NULL for all */
    struct engine_time time; /* of the present input */
    size_t at;               /* the position after the present record */
    FILE *out;
    struct engine *engine;
    unsigned long requests, differences;
};

struct record {
    int64_t what;
    struct engine_time now;
    struct rv_bytes header, body, payload;
};

/* The length of the msgpack integer or binary at p, including its head. 0 if it is neither. Reads at most n bytes. */
static uint64_t scalar_size(const uint8_t *p, size_t n) {
    static const struct {
        uint8_t code, head;
        bool counted; /* the head ends with the number of bytes that follow */
    } shapes[] = {{0xcc, 2, false}, {0xcd, 3, false}, {0xce, 5, false}, {0xcf, 9, false},
                  {0xd0, 2, false}, {0xd1, 3, false}, {0xd2, 5, false}, {0xd3, 9, false},
                  {0xc4, 2, true},  {0xc5, 3, true},  {0xc6, 5, true}};
    if (p[0] < 0x80 || p[0] >= 0xe0) return 1;
    for (size_t i = 0; i < RV_ARRAY_LEN(shapes); i++) {
        if (p[0] != shapes[i].code) continue;
        uint64_t behind = 0;
        for (size_t k = 1; shapes[i].counted && k < shapes[i].head && k < n; k++) behind = behind << 8 | p[k];
        return shapes[i].head + behind;
    }
    return 0;
}

/* True if the file ends with an incomplete record, because the host died while it wrote. */
static bool is_cut(struct rv_bytes file, size_t at) {
    if (file.p[at++] != 0x96) return false;
    for (int i = 0; i < 6; i++) {
        uint64_t size = at < file.n ? scalar_size(file.p + at, file.n - at) : UINT64_MAX;
        if (size == 0) return false;
        if (size > file.n - at) return true;
        at += (size_t)size;
    }
    return false;
}

/* Reads the record at `at`. Returns its length, 0 at the end, or a negative code if it is broken. */
static int64_t read_record(struct rv_bytes file, size_t at, struct record *ret, struct rv_error *err) {
    if (at >= file.n || is_cut(file, at)) return 0;
    /* The rest is treated as an array with one element, so that the iterator finds the end of the next value. */
    struct rv_iter it = {.p = file.p + at, .end = file.p + file.n, .left = 1};
    if (!rv_iter_next(&it) || rv_mp_check((struct rv_bytes){it.val.p, it.val.n}, NULL) != 0 || rv_val_len(it.val) != 6)
        return rv_error_set(err, RV_E_PARSE, "recording is broken at byte %zu", at);
    *ret = (struct record){rv_val_int(rv_val_at(it.val, 0), -1),
                           {rv_val_int(rv_val_at(it.val, 1), 0), rv_val_int(rv_val_at(it.val, 2), 0)},
                           rv_val_bin(rv_val_at(it.val, 3)),
                           rv_val_bin(rv_val_at(it.val, 4)),
                           rv_val_bin(rv_val_at(it.val, 5))};
    if (ret->what < RECORD_IN || ret->what > RECORD_TICK)
        return rv_error_set(err, RV_E_PARSE, "recording: no such kind of record at byte %zu", at);
    return (int64_t)it.val.n;
}

static bool same(struct rv_bytes a, const struct rv_buf *b) {
    return a.n == b->n && (a.n == 0 || memcmp(a.p, b->p, a.n) == 0);
}

/* {"type":"ACTION","body":{...},"payload":{...}} */
static void write_message(struct jsonw *w, const char *key, const struct msg *m, struct rv_bytes body) {
    jsonw_begin_object(w, key);
    jsonw_text(w, "type", msg_type_name(m->type));
    jsonw_val(w, "body", (struct rv_val){body.p, body.n});
    if (m->payload.n != 0 && m->type == MSG_ACTION && m->action.a.verb != RV_VERB_HTTP)
        jsonw_val(w, "payload", (struct rv_val){m->payload.p, m->payload.n});
    jsonw_end_object(w);
}

static void print_line(struct replay *r, struct rv_buf *line) {
    rv_buf_addc(line, '\n');
    fwrite(line->p, 1, line->n, r->out);
}

static void print_request(struct replay *r, const struct msg *m, const struct rv_buf *body) {
    rv_autobuf struct rv_buf line = {0};
    struct jsonw w = {.out = &line};
    write_message(&w, NULL, m, (struct rv_bytes){body->p, body->n});
    print_line(r, &line);
}

static bool is_shown(const struct replay *r, const struct rv_key *key) {
    if (r->key == NULL) return true;
    rv_autobuf struct rv_buf name = {0};
    rv_buf_addf(&name, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(key->ns), RV_STR_ARG(key->name));
    return strcmp(rv_buf_cstr(&name), r->key) == 0;
}

/* {"type":"DECISION","at":"2026-01-02T03:04:05.000006Z","lines":["...","..."]} */
static void replay_explained(void *arg, const struct rv_key *key, struct rv_str lines) {
    struct replay *r = arg;
    rv_autobuf struct rv_buf line = {0};
    struct jsonw w = {.out = &line};
    char at[40];
    if (r->key == NULL || !is_shown(r, key)) return;
    rv_time_format_micro(r->time.wall, at);
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "type", "DECISION");
    jsonw_text(&w, "at", at);
    jsonw_lines(&w, "lines", lines);
    jsonw_end_object(&w);
    print_line(r, &line);
}

/* Writes a short description such as "create configmaps team/a for team/demo". */
static void describe_message(const struct msg *m, struct rv_buf *out) {
    static const char *const verbs[] = {"",       "create", "apply", "merge patch", "JSON patch", "delete",
                                        "delete", "get",    "event", "HTTP",        "timer"};
    const struct rv_action *a = &m->action.a;
    if (m->type != MSG_ACTION) {
        rv_buf_adds(out, msg_type_name(m->type));
        return;
    }
    rv_buf_adds(out, a->verb < RV_ARRAY_LEN(verbs) ? verbs[a->verb] : "an action");
    if (a->verb == RV_VERB_DELETE_COLLECTION) rv_buf_adds(out, " all");
    if (a->verb == RV_VERB_HTTP) rv_buf_addf(out, " " RV_STR_FMT, RV_STR_ARG(m->action.http.url));
    if (a->resource.n != 0) rv_buf_addf(out, " " RV_STR_FMT, RV_STR_ARG(a->resource));
    if (a->name.n != 0)
        rv_buf_addf(out, " " RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(a->ns), a->ns.n != 0 ? "/" : "",
                    RV_STR_ARG(a->name));
    if (m->action.key.name.n != 0)
        rv_buf_addf(out, " for " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(m->action.key.ns),
                    RV_STR_ARG(m->action.key.name));
}

static void write_side(struct jsonw *w, const char *words_key, const char *key, const struct msg *m,
                       struct rv_bytes body) {
    rv_autobuf struct rv_buf words = {0};
    if (m == NULL) {
        jsonw_val(w, words_key, RV_VAL_ABSENT);
        return;
    }
    describe_message(m, &words);
    jsonw_str(w, words_key, rv_buf_str(&words));
    write_message(w, key, m, body);
}

/* Prints both sides: the recorded message and the present one. NULL means none. */
static void print_difference(struct replay *r, const struct record *rec, const struct msg *now, struct rv_bytes body) {
    rv_autobuf struct rv_buf line = {0};
    struct jsonw w = {.out = &line};
    struct msg was;
    bool known = rec != NULL && msg_decode(rec->header, rec->body, rec->payload, true, &was, NULL) == 0;
    r->differences++;
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "difference",
               now == NULL ? "a recorded request was not made"
               : known     ? "the request is another one than was recorded"
                           : "the request was not recorded");
    jsonw_uint(&w, "request", r->requests);
    jsonw_uint(&w, "atByte", r->at);
    write_side(&w, "recorded", "recordedMessage", known ? &was : NULL, known ? rec->body : (struct rv_bytes){NULL, 0});
    write_side(&w, "now", "nowMessage", now, body);
    jsonw_end_object(&w);
    print_line(r, &line);
}

/* The engine sends a message. It must be the next recorded output. */
static void replay_send(void *arg, struct msg *m) {
    struct replay *r = arg;
    rv_autobuf struct rv_buf header = {0}, body = {0};
    struct msg plain = *m;
    plain.seq = 0;
    msg_encode(&plain, &header, &body);
    if (m->type == MSG_FAILED || (m->type == MSG_ACTION && is_shown(r, &m->action.key))) print_request(r, m, &body);
    r->requests++;
    struct record next = {0};
    int64_t n = read_record(r->file, r->at, &next, NULL);
    if (n == 0) return; /* a recording may end anywhere: it was full, or its host was killed */
    struct rv_buf payload = {(uint8_t *)(uintptr_t)m->payload.p, m->payload.n, 0};
    bool hello = m->type == MSG_HELLO; /* the token and the pid differ in each run */
    if (n > 0 && next.what == RECORD_OUT &&
        (hello || (same(next.header, &header) && same(next.body, &body) && same(next.payload, &payload)))) {
        r->at += (size_t)n;
        return;
    }
    print_difference(r, n > 0 && next.what == RECORD_OUT ? &next : NULL, m, (struct rv_bytes){body.p, body.n});
    if (n > 0 && next.what == RECORD_OUT) r->at += (size_t)n;
}

static int play(struct replay *r, const struct record *rec, struct rv_error *err) {
    r->time = rec->now;
    if (rec->what == RECORD_TICK) {
        engine_tick(r->engine, rec->now);
        return 0;
    }
    if (rec->what == RECORD_OUT) { /* recorded, but not sent by the engine */
        print_difference(r, rec, NULL, (struct rv_bytes){NULL, 0});
        return 0;
    }
    struct msg m;
    int code = msg_decode(rec->header, rec->body, rec->payload, false, &m, err);
    if (code != 0) return rv_error_wrap(err, code, "recording");
    return engine_message(r->engine, rec->now, &m, err);
}

int replay_bytes(struct rv_bytes recording, const struct rv_plugin *plugin, const char *key, FILE *out,
                 struct rv_error *err) {
    struct replay r = {.file = recording, .key = key, .out = out};
    r.engine = engine_new(
        &(struct engine_opts){.plugin = plugin, .send = replay_send, .explained = replay_explained, .arg = &r});
    static const uint8_t no_token[32] = {0};
    engine_start(r.engine, (struct engine_time){0, 0}, (struct rv_bytes){no_token, sizeof no_token}, 0);
    struct record rec = {0};
    int64_t n;
    int code = 0;
    while (code == 0 && (n = read_record(recording, r.at, &rec, err)) != 0) {
        if (n < 0)
            code = (int)n;
        else
            r.at += (size_t)n;
        if (code == 0) code = play(&r, &rec, err);
    }
    engine_free(r.engine);
    return code != 0 ? code : r.differences != 0;
}

int replay_run(const char *path, const struct rv_plugin *plugin, const char *key, FILE *out, struct rv_error *err) {
    FILE *f = fopen(path, "re");
    if (f == NULL) return rv_error_set(err, -errno, "cannot read the recording %s: %s", path, strerror(errno));
    rv_autobuf struct rv_buf b = {0};
    uint8_t chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) rv_buf_add(&b, chunk, n);
    fclose(f);
    return replay_bytes(rv_buf_bytes(&b), plugin, key, out, err);
}
