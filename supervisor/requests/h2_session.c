/* h2_session.c - see h2_session.h.
 *
 * A stream is in one of two lists: in `open` until nghttp2 has closed it, then in `ended` until the owner takes it. A
 * dropped stream also stays in `open`, because nghttp2 still points to its header fields. */
#include "h2_session.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* FRAMES_MAX, BESIDE_MAX: so many frames and bytes may come after each request without being a part of an answer. */
enum { WINDOW = 1 << 20, FIELDS_MAX = 8, FRAMES_MAX = 1000, BESIDE_MAX = 4 << 20 };

struct h2_session {
    nghttp2_session *ng;
    struct h2_stream *open, *ended, **ended_last;
    size_t frames; /* since the last request, that were no part of an answer */
    void *frame;   /* see frame_memory() */
    size_t frame_n;
    int64_t beside; /* bytes of these, and of frames that nghttp2 does not tell of; headers are among them */
    bool goaway, broken;
    char why[H2_WHY_MAX];
};

static const char *error_name(uint32_t code) { return nghttp2_http2_strerror(code); }

/* Text from the server is used in messages. Only printable ASCII is kept. */
static void add_printable(char *to, size_t capacity, const uint8_t *p, size_t n) {
    size_t at = strlen(to);
    for (size_t i = 0; i < n && at + 1 < capacity; i++) to[at++] = (char)(p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '?');
    to[at] = 0;
}

/* ---- the end of a stream -------------------------------------------------------------------------------- */

struct h2_stream *h2_stream_free(struct h2_stream *t) {
    if (t == NULL) return NULL;
    rv_buf_free(&t->body);
    trailers_free(&t->trailers);
    trailers_free(&t->early);
    if (t->text.p != NULL) explicit_bzero(t->text.p, t->text.cap);
    rv_buf_free(&t->text);
    free(t);
    return NULL;
}

static void unlink_stream(struct h2_stream *t) {
    *t->back = t->next;
    if (t->next != NULL) t->next->back = t->back;
}

static void stream_ended(struct h2_stream *t, enum h2_end end, const char *why) {
    struct h2_session *s = t->owner;
    if (t->over) return;
    t->over = true;
    unlink_stream(t);
    t->end = end;
    t->left = (struct rv_bytes){NULL, 0};
    if (end != H2_ANSWERED && why != t->why) snprintf(t->why, sizeof t->why, "%s", why);
    trailers_merge(&t->trailers, &t->early);
    t->next = NULL;
    t->back = s->ended_last;
    *s->ended_last = t;
    s->ended_last = &t->next;
}

static void stream_closed(struct h2_stream *t, uint32_t error) {
    char why[H2_WHY_MAX];
    snprintf(why, sizeof why, "the request was reset (%s)", error_name(error));
    if (t->too_big)
        stream_ended(t, H2_TOO_BIG, t->why);
    else if (t->answered)
        stream_ended(t, H2_ANSWERED, "");
    else if (error == NGHTTP2_REFUSED_STREAM || !t->sent)
        stream_ended(t, H2_NOT_PROCESSED, t->owner->why[0] != 0 ? t->owner->why : why);
    else
        stream_ended(t, H2_RESET, why);
}

static void give_up(struct h2_stream *t, const char *why) {
    if (t->too_big) return;
    t->too_big = true;
    snprintf(t->why, sizeof t->why, "%s", why);
    rv_buf_free(&t->body);
    (void)nghttp2_submit_rst_stream(t->owner->ng, NGHTTP2_FLAG_NONE, t->id, NGHTTP2_CANCEL);
}

/* ---- what nghttp2 tells --------------------------------------------------------------------------------- */

static struct h2_stream *stream_of(nghttp2_session *ng, int32_t id) {
    return nghttp2_session_get_stream_user_data(ng, id);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *arg) {
    struct h2_stream *t = stream_of(ng, f->hd.stream_id);
    (void)arg;
    if (t != NULL) t->whole = t->status >= 200; /* the headers of the answer are complete, so these are trailers */
    return 0;
}

static void note_header(struct h2_stream *t, struct rv_str name, struct rv_str value) {
    int64_t status;
    if (t->whole) {
        trailers_add(&t->trailers, name, value);
    } else if (rv_str_is(name, ":status")) {
        t->status = rv_str_to_int(value, 100, 999, &status) == 0 ? (unsigned)status : 0;
    } else if (rv_str_is(name, "content-type")) {
        t->json = rv_str_starts(value, "application/json");
    } else {
        trailers_add_header(&t->early, name, value);
    }
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *arg) {
    struct h2_stream *t = stream_of(ng, f->hd.stream_id);
    (void)flags;
    (void)arg;
    if (t == NULL || t->dropped || t->too_big) return 0;
    t->header_bytes += name_n + value_n;
    if (t->header_bytes > H2_HEADERS_MAX)
        give_up(t, "the answer's headers are larger than 32 KiB");
    else
        note_header(t, (struct rv_str){(const char *)name, name_n}, (struct rv_str){(const char *)value, value_n});
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg) {
    struct h2_stream *t = stream_of(ng, id);
    (void)flags;
    (void)arg;
    (void)nghttp2_session_consume_connection(ng, n);
    if (t == NULL || t->dropped || t->too_big) return 0;
    if (t->admitted)
        (void)nghttp2_session_consume_stream(ng, id, n);
    else
        t->unread += n;
    if (n > t->max_bytes - t->body.n) {
        give_up(t, "the answer is larger than was asked for");
        return 0;
    }
    rv_buf_add(&t->body, p, n);
    t->owner->beside -= (int64_t)n;
    return 0;
}

/* Records the reason of a GOAWAY from either side. */
static void note_goaway(struct h2_session *s, const char *what, const nghttp2_goaway *g) {
    s->goaway = true;
    snprintf(s->why, sizeof s->why, "%s (%s", what, error_name(g->error_code));
    if (g->opaque_data_len != 0) {
        add_printable(s->why, sizeof s->why, (const uint8_t *)": ", 2);
        add_printable(s->why, sizeof s->why - 1, g->opaque_data, g->opaque_data_len);
    }
    add_printable(s->why, sizeof s->why, (const uint8_t *)")", 1);
}

/* An answer may end before the whole request has been sent. The rest is then not sent. */
static void note_end_of_answer(struct h2_stream *t) {
    t->answered = t->status >= 200;
    if (t->left.n != 0) (void)nghttp2_submit_rst_stream(t->owner->ng, NGHTTP2_FLAG_NONE, t->id, NGHTTP2_NO_ERROR);
}

/* PING, SETTINGS, empty DATA and the like have no end by themselves, and each costs work. */
static int on_frame_begins(nghttp2_session *ng, const nghttp2_frame_hd *f, void *arg) {
    struct h2_session *s = arg;
    (void)ng;
    bool for_answer =
        f->type == NGHTTP2_HEADERS || f->type == NGHTTP2_CONTINUATION || (f->type == NGHTTP2_DATA && f->length > 0);
    return for_answer || ++s->frames <= FRAMES_MAX ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *f, void *arg) {
    if (f->hd.type == NGHTTP2_GOAWAY) note_goaway(arg, "the server ends the connection", &f->goaway);
    if ((f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) || (f->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct h2_stream *t = stream_of(ng, f->hd.stream_id);
    if (t != NULL && !t->dropped && !t->too_big) note_end_of_answer(t);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *arg) {
    struct h2_stream *t = stream_of(ng, id);
    (void)arg;
    if (t != NULL) stream_closed(t, error);
    return 0;
}

static int on_sent(nghttp2_session *ng, const nghttp2_frame *f, void *arg) {
    struct h2_stream *t = f->hd.type == NGHTTP2_HEADERS ? stream_of(ng, f->hd.stream_id) : NULL;
    if (t != NULL) t->sent = true;
    if (f->hd.type == NGHTTP2_GOAWAY) note_goaway(arg, "the server sent what is no HTTP/2", &f->goaway);
    return 0;
}

/* The request was not sent, because it was dropped or the session has ended. nghttp2 has no stream for it yet. */
static int on_not_sent(nghttp2_session *ng, const nghttp2_frame *f, int error, void *arg) {
    struct h2_session *s = arg;
    (void)ng;
    (void)error;
    if (f->hd.type != NGHTTP2_HEADERS) return 0;
    for (struct h2_stream *t = s->open; t != NULL; t = t->next)
        if (t->id == f->hd.stream_id) {
            stream_ended(t, H2_NOT_PROCESSED, s->why[0] != 0 ? s->why : "the request was not sent");
            break;
        }
    return 0;
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *to, size_t capacity, uint32_t *flags,
                         nghttp2_data_source *source, void *arg) {
    struct h2_stream *t = source->ptr;
    (void)ng;
    (void)id;
    (void)arg;
    size_t n = t->left.n < capacity ? t->left.n : capacity;
    if (n != 0) memcpy(to, t->left.p, n);
    t->left.p += n;
    t->left.n -= n;
    if (t->left.n == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* ---- memory of idle sessions ---------------------------------------------------------------------------- */

/* nghttp2 keeps 16 KiB for the frame that it sends next, for as long as the session lives. A thousand connections that
 * are asked every few seconds would hold them all the time. So that block has pages of its own, and gives them back
 * when everything has been sent: what is in it then is never read again. */
enum { FRAME_LEAST = 16000 };

static void *frame_memory(struct h2_session *s, size_t n) {
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    s->frame = p;
    s->frame_n = n;
    return p;
}

static void frame_is_idle(struct h2_session *s) {
    if (s->frame != NULL) (void)madvise(s->frame, s->frame_n, MADV_DONTNEED);
}

static void *mem_malloc(size_t n, void *arg) {
    struct h2_session *s = arg;
    return n >= FRAME_LEAST && s->frame == NULL ? frame_memory(s, n) : malloc(n);
}

static void mem_free(void *p, void *arg) {
    struct h2_session *s = arg;
    if (p == NULL || p != s->frame) {
        free(p);
        return;
    }
    (void)munmap(s->frame, s->frame_n);
    s->frame = NULL;
}

static void *mem_calloc(size_t n, size_t size, void *arg) {
    (void)arg;
    return calloc(n, size);
}

static void *mem_realloc(void *p, size_t n, void *arg) {
    struct h2_session *s = arg;
    if (p == NULL) return mem_malloc(n, arg);
    if (p != s->frame) return realloc(p, n);
    void *moved = malloc(n);
    if (moved == NULL) return NULL;
    memcpy(moved, p, n < s->frame_n ? n : s->frame_n);
    mem_free(p, arg);
    return moved;
}

/* ---- sessions ------------------------------------------------------------------------------------------- */

static nghttp2_session *make_session(struct h2_session *s) {
    nghttp2_session_callbacks *c;
    nghttp2_session *ng;
    nghttp2_option *o;
    nghttp2_mem mem = {s, mem_malloc, mem_free, mem_calloc, mem_realloc};
    if (nghttp2_session_callbacks_new(&c) != 0 || nghttp2_option_new(&o) != 0) rv_oom();
    nghttp2_option_set_no_auto_window_update(o, 1); /* on_data() and h2_stream_admit() open the windows */
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_frame_begins);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_not_sent);
    if (nghttp2_session_client_new3(&ng, c, s, o, &mem) != 0) rv_oom();
    nghttp2_session_callbacks_del(c);
    nghttp2_option_del(o);
    return ng;
}

struct h2_session *h2_session_new(void) {
    static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                                      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_FIRST_BYTES},
                                                      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX}};
    struct h2_session *s = rv_alloc(sizeof *s);
    s->ended_last = &s->ended;
    s->ng = make_session(s);
    if (nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings, RV_ARRAY_LEN(settings)) != 0 ||
        nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0)
        rv_oom();
    return s;
}

struct h2_session *h2_session_free(struct h2_session *s) {
    if (s == NULL) return NULL;
    nghttp2_session_del(s->ng); /* does not call back for open streams */
    for (struct h2_stream *t = s->open, *next; t != NULL; t = next) {
        next = t->next;
        h2_stream_free(t);
    }
    for (struct h2_stream *t; (t = h2_session_next_ended(s)) != NULL;) h2_stream_free(t);
    free(s);
    return NULL;
}

bool h2_session_accepts(const struct h2_session *s) {
    return !s->broken && !s->goaway && nghttp2_session_check_request_allowed(s->ng) != 0;
}

bool h2_session_is_over(const struct h2_session *s) {
    return s->broken || (nghttp2_session_want_read(s->ng) == 0 && nghttp2_session_want_write(s->ng) == 0);
}

const char *h2_session_why(const struct h2_session *s) { return s->why; }

void h2_session_receive(struct h2_session *s, struct rv_bytes bytes) {
    if (s->broken || bytes.n == 0) return;
    ssize_t n = nghttp2_session_mem_recv(s->ng, bytes.p, bytes.n);
    if (n == NGHTTP2_ERR_NOMEM) rv_oom();
    s->beside += (int64_t)bytes.n;
    bool flood = s->frames > FRAMES_MAX || s->beside > BESIDE_MAX;
    if (n >= 0 && !flood) return;
    s->broken = true;
    snprintf(s->why, sizeof s->why, "the server sent %s%s",
             flood ? "frames that belong to no answer, without end" : "what is no HTTP/2: ",
             flood ? "" : nghttp2_strerror((int)n));
}

void h2_session_output(struct h2_session *s, struct rv_buf *out, size_t enough) {
    const uint8_t *p;
    bool sent = false;
    while (!s->broken && out->n < enough) {
        ssize_t n = nghttp2_session_mem_send(s->ng, &p);
        if (n == NGHTTP2_ERR_NOMEM) rv_oom();
        if (n < 0) {
            s->broken = true;
            snprintf(s->why, sizeof s->why, "the session cannot go on: %s", nghttp2_strerror((int)n));
        }
        if (n == 0 && sent) frame_is_idle(s);
        if (n <= 0) return;
        sent = true;
        rv_buf_add(out, p, (size_t)n);
    }
}

void h2_session_lose(struct h2_session *s, const char *why) {
    s->broken = true;
    while (s->open != NULL) {
        struct h2_stream *t = s->open;
        enum h2_end end = t->too_big ? H2_TOO_BIG : t->answered ? H2_ANSWERED : t->sent ? H2_LOST : H2_NOT_PROCESSED;
        stream_ended(t, end, t->too_big ? t->why : why);
    }
}

struct h2_stream *h2_session_next_ended(struct h2_session *s) {
    for (struct h2_stream *t; (t = s->ended) != NULL;) {
        unlink_stream(t);
        if (s->ended == NULL) s->ended_last = &s->ended;
        if (!t->dropped) return t;
        h2_stream_free(t);
    }
    return NULL;
}

/* ---- requests ------------------------------------------------------------------------------------------- */

/* Splits "Name: value". */
static bool split_line(const char *line, struct rv_str *name, struct rv_str *value) {
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line) return false;
    *name = (struct rv_str){line, (size_t)(colon - line)};
    *value = rv_str(colon + 1 + strspn(colon + 1, " "));
    return true;
}

static bool value_ok(struct rv_str s) { return s.n == 0 || nghttp2_check_header_value((const uint8_t *)s.p, s.n) != 0; }

static bool name_ok(struct rv_str s) {
    char lower[TRAILER_VALUE_MAX];
    if (s.n == 0 || s.n > sizeof lower || s.p[0] == ':') return false;
    for (size_t i = 0; i < s.n; i++) lower[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 32 : s.p[i]);
    return nghttp2_check_header_name((const uint8_t *)lower, s.n) != 0;
}

const char *h2_request_problem(const struct h2_request *r) {
    struct rv_str name, value;
    if (r->credential != NULL && (!split_line(r->credential, &name, &value) || !name_ok(name) || !value_ok(value)))
        return "the credential cannot be a header of HTTP/2";
    if (!value_ok(r->method) || !value_ok(r->authority) || !value_ok(r->path) || !value_ok(r->content_type))
        return "the method, the URL or the content type has a character that HTTP/2 does not allow";
    return NULL;
}

struct fields {
    struct rv_buf *text;
    nghttp2_nv nv[FIELDS_MAX];
    size_t n;
};

/* The text does not move, because its memory was reserved. */
static void add_field(struct fields *f, struct rv_str name, struct rv_str value, uint8_t flags) {
    if (value.n == 0) return;
    uint8_t *at = f->text->p + f->text->n;
    rv_buf_add_str(f->text, name);
    for (size_t i = 0; i < name.n; i++) at[i] = (uint8_t)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 32 : at[i]);
    rv_buf_add_str(f->text, value);
    flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    f->nv[f->n++] = (nghttp2_nv){at, at + name.n, name.n, value.n, flags};
}

static void add_fields(struct fields *f, const struct h2_request *r) {
    struct rv_str name = {NULL, 0}, value = {NULL, 0};
    if (r->credential != NULL) (void)split_line(r->credential, &name, &value);
    rv_buf_reserve(f->text,
                   128 + r->method.n + r->scheme.n + r->authority.n + r->path.n + r->content_type.n + name.n + value.n);
    add_field(f, RV_STR(":method"), r->method, NGHTTP2_NV_FLAG_NONE);
    add_field(f, RV_STR(":scheme"), r->scheme, NGHTTP2_NV_FLAG_NONE);
    add_field(f, RV_STR(":authority"), r->authority, NGHTTP2_NV_FLAG_NONE);
    add_field(f, RV_STR(":path"), r->path, NGHTTP2_NV_FLAG_NONE);
    /* GRPC servers refuse a request without this header. */
    add_field(f, RV_STR("te"), RV_STR("trailers"), NGHTTP2_NV_FLAG_NONE);
    add_field(f, RV_STR("content-type"), r->content_type, NGHTTP2_NV_FLAG_NONE);
    if (name.n != 0) add_field(f, name, value, NGHTTP2_NV_FLAG_NO_INDEX);
}

static struct h2_stream *stream_new(struct h2_session *s, const struct h2_request *r, void *user) {
    struct h2_stream *t = rv_alloc(sizeof *t);
    t->owner = s;
    t->user = user;
    t->left = r->body;
    t->max_bytes = r->max_bytes;
    t->next = s->open;
    if (t->next != NULL) t->next->back = &t->next;
    t->back = &s->open;
    s->open = t;
    return t;
}

struct h2_stream *h2_session_submit(struct h2_session *s, const struct h2_request *r, void *user) {
    if (!h2_session_accepts(s)) return NULL;
    struct h2_stream *t = stream_new(s, r, user);
    s->frames = 0;
    s->beside = 0;
    struct fields f = {.text = &t->text};
    add_fields(&f, r);
    nghttp2_data_provider body = {.source = {.ptr = t}, .read_callback = read_body};
    t->id = nghttp2_submit_request(s->ng, NULL, f.nv, f.n, r->body.n != 0 ? &body : NULL, t);
    if (t->id == NGHTTP2_ERR_NOMEM) rv_oom();
    if (t->id > 0) return t;
    s->goaway = true; /* no stream ids are left */
    unlink_stream(t);
    h2_stream_free(t);
    return NULL;
}

bool h2_stream_waits(const struct h2_stream *t) {
    return !t->admitted && !t->over && !t->answered && !t->too_big && t->unread >= H2_FIRST_BYTES / 2;
}

void h2_stream_admit(struct h2_stream *t) {
    nghttp2_session *ng = t->owner->ng;
    t->admitted = true;
    (void)nghttp2_session_set_local_window_size(ng, NGHTTP2_FLAG_NONE, t->id, WINDOW);
    (void)nghttp2_session_consume_stream(ng, t->id, t->unread);
}

void h2_stream_drop(struct h2_stream *t) {
    t->dropped = true;
    t->left = (struct rv_bytes){NULL, 0};
    rv_buf_free(&t->body);
    if (!t->over) (void)nghttp2_submit_rst_stream(t->owner->ng, NGHTTP2_FLAG_NONE, t->id, NGHTTP2_CANCEL);
}
