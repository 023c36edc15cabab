/* h2_session.h - the client's side of one HTTP/2 connection: bytes in, bytes out, requests and their answers.
 *
 * A session does no I/O. The owner of the connection passes received bytes to h2_session_receive() and sends what
 * h2_session_output() returns. Then it takes the streams that have ended from h2_session_next_ended(). There are no
 * callbacks, so a test or a fuzzer can play the server with plain bytes. nghttp2 does the framing.
 *
 * The server may send H2_FIRST_BYTES of an answer's body at once. It may send more only after h2_stream_admit(). A
 * caller without space for large answers does not admit them, and other streams are not affected.
 *
 * Every stream that was submitted and not dropped ends exactly once. The memory that a server can use is bounded: by
 * max_bytes of each request, by H2_HEADERS_MAX, by the bounds of trailers.h and by those of nghttp2. */
#ifndef REQUESTS_H2_SESSION_H
#define REQUESTS_H2_SESSION_H

#include "trailers.h"

enum { H2_FIRST_BYTES = 16384, H2_HEADERS_MAX = 32768, H2_WHY_MAX = 256 };

struct h2_request { /* all of it is copied, except for the body */
    struct rv_str method, scheme, authority, path, content_type;
    /* A header line, "Name: value", or NULL. It is never put into the tables of the header compression. */
    const char *credential;
    struct rv_bytes body; /* borrowed until the stream has ended or was dropped */
    size_t max_bytes;     /* limit on the body of the answer */
};

enum h2_end {
    H2_ANSWERED,      /* the whole answer has arrived */
    H2_NOT_PROCESSED, /* the server did not process it and will not; it may be sent again */
    H2_RESET,         /* the server reset the stream, or sent no valid answer */
    H2_TOO_BIG,       /* the answer is larger than max_bytes */
    H2_LOST,          /* the request was sent, and the connection is lost */
};

struct h2_session;
struct h2_stream {
    void *user; /* the caller's own pointer */
    /* The following are valid when the stream has ended. */
    enum h2_end end;
    unsigned status;
    bool json; /* according to its content type */
    struct rv_buf body;
    struct trailers trailers;
    char why[H2_WHY_MAX]; /* empty for H2_ANSWERED */
    /* Internal to the session. */
    struct h2_session *owner;
    struct h2_stream *next, **back;
    struct trailers early; /* headers that may replace trailers */
    struct rv_buf text;    /* the header fields that are sent */
    struct rv_bytes left;  /* the part of the request's body that is not sent yet */
    /* `unread`: bytes of the initial window that have been used. */
    size_t header_bytes, max_bytes, unread;
    int32_t id;
    bool sent, whole, answered, too_big, dropped, over, admitted;
};

struct h2_session *h2_session_new(void);
struct h2_session *h2_session_free(struct h2_session *s); /* also frees its streams */
/* Returns why no server would accept such a request, or NULL. */
const char *h2_request_problem(const struct h2_request *r);
/* False if no new request can be sent on this connection. Running requests may still be answered. */
bool h2_session_accepts(const struct h2_session *s);
/* Returns NULL if the session accepts no more requests. */
struct h2_stream *h2_session_submit(struct h2_session *s, const struct h2_request *r, void *user);
/* True if the answer is larger than the initial window and waits for h2_stream_admit(). */
bool h2_stream_waits(const struct h2_stream *t);
void h2_stream_admit(struct h2_stream *t);
/* The caller does not want the answer any more. The server is told so, and the stream is freed as soon as possible. */
void h2_stream_drop(struct h2_stream *t);

void h2_session_receive(struct h2_session *s, struct rv_bytes bytes);
/* Appends bytes to send, until `out` has about `enough` bytes. */
void h2_session_output(struct h2_session *s, struct rv_buf *out, size_t enough);
/* True if nothing more will be sent or received, so that the connection can be closed. */
bool h2_session_is_over(const struct h2_session *s);
/* Why the session accepts no new requests, or why it is over. "" if there is no reason yet. */
const char *h2_session_why(const struct h2_session *s);
/* The connection is lost: all streams end. */
void h2_session_lose(struct h2_session *s, const char *why);

/* Returns a stream that has ended, which the caller frees, or NULL. */
struct h2_stream *h2_session_next_ended(struct h2_session *s);
struct h2_stream *h2_stream_free(struct h2_stream *t);

#endif
