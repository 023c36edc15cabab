/* h2_session.h - the client's side of one HTTP/2 connection: bytes in, bytes out, requests and their answers.
 *
 * A session does no I/O. Whoever owns the connection puts received bytes into h2_session_receive(), sends what
 * h2_session_output() gives, and then takes the streams that have ended from h2_session_next_ended(). No callback is
 * ever made, so a test or a fuzzer can play the server with plain bytes. The framing itself is nghttp2's.
 *
 * Of an answer's body the server may send H2_FIRST_BYTES at once. More comes only after h2_stream_admit(), so that who
 * has no room for large answers just does not admit them; other streams are not held up by that.
 *
 * Every stream that was submitted and not dropped ends exactly once. What a server can make a session keep is bounded:
 * by max_bytes of each request, by H2_HEADERS_MAX, by the bounds of trailers.h and by those of nghttp2. */
#ifndef REQUESTS_H2_SESSION_H
#define REQUESTS_H2_SESSION_H

#include "trailers.h"

enum { H2_FIRST_BYTES = 16384, H2_HEADERS_MAX = 32768, H2_WHY_MAX = 256 };

struct h2_request { /* all of it is copied, but for the body */
    struct rv_str method, scheme, authority, path, content_type;
    const char *credential; /* a header line, "Name: value", or NULL. Never enters the header compression's tables */
    struct rv_bytes body;   /* lent until the stream has ended or was dropped */
    size_t max_bytes;       /* of the answer's body */
};

enum h2_end {
    H2_ANSWERED,      /* the whole answer has come */
    H2_NOT_PROCESSED, /* the server did not and will not look at it: it may be sent again */
    H2_RESET,         /* the server gave it up, or sent what is no answer */
    H2_TOO_BIG,       /* the answer is larger than was asked for */
    H2_LOST,          /* it was sent, and the connection is gone */
};

struct h2_session;
struct h2_stream {
    void *user; /* the caller's */
    /* The following are for a stream that has ended. */
    enum h2_end end;
    unsigned status;
    bool json; /* by its content type */
    struct rv_buf body;
    struct trailers trailers;
    char why[H2_WHY_MAX]; /* not for H2_ANSWERED */
    /* The session's own. */
    struct h2_session *owner;
    struct h2_stream *next, **back;
    struct trailers early;                  /* headers that may stand for trailers */
    struct rv_buf text;                     /* the header fields that are sent */
    struct rv_bytes left;                   /* of the request's body */
    size_t header_bytes, max_bytes, unread; /* unread: taken from the window that was given first */
    int32_t id;
    bool sent, whole, answered, too_big, dropped, over, admitted;
};

struct h2_session *h2_session_new(void);
struct h2_session *h2_session_free(struct h2_session *s); /* with all its streams */
/* Why no server would take such a request; NULL: it is fine. */
const char *h2_request_problem(const struct h2_request *r);
/* False: nothing new may be sent on this connection. What is under way may still be answered. */
bool h2_session_accepts(const struct h2_session *s);
/* NULL: the session accepts no more. */
struct h2_stream *h2_session_submit(struct h2_session *s, const struct h2_request *r, void *user);
/* Its answer is larger than what may come at once, and waits. */
bool h2_stream_waits(const struct h2_stream *t);
void h2_stream_admit(struct h2_stream *t);
/* Nobody wants the answer any more: the server is told, and the stream is freed when it may be. */
void h2_stream_drop(struct h2_stream *t);

void h2_session_receive(struct h2_session *s, struct rv_bytes bytes);
/* Adds what is to be sent, until `out` holds about `enough` bytes. */
void h2_session_output(struct h2_session *s, struct rv_buf *out, size_t enough);
/* Nothing more will be sent or received: the connection can be closed. */
bool h2_session_is_over(const struct h2_session *s);
/* Why the session accepts nothing new, or is over; "" when there is no reason yet. */
const char *h2_session_why(const struct h2_session *s);
/* The connection is gone: all streams end. */
void h2_session_lose(struct h2_session *s, const char *why);

/* A stream that has ended, which is the caller's to free; NULL: none. */
struct h2_stream *h2_session_next_ended(struct h2_session *s);
struct h2_stream *h2_stream_free(struct h2_stream *t);

#endif
