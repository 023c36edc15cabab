/* resolver.c - name resolution for direct requests, separate from the requests (see resolver.h).
 *
 * curl resolves each name in a thread that waits in getaddrinfo(). With a DNS server that does not answer, this takes
 * 10 to 20 s with glibc's usual options. Such a thread can only be waited for, which stops the whole supervisor, or be
 * left behind. These rules keep the number of threads small and never wait for one:
 *
 *   - Requests never resolve names. If a name is not in curl's cache, the request ends at once
 *     (CURLOPT_RESOLVER_START_FUNCTION refuses), waits here, and begins again when a lookup has filled the cache.
 *     Addresses, kept connections and cached names need no lookup. So the time-out of a request never meets a thread.
 *   - A lookup is an easy handle that ends when it has an address, instead of connecting. It has no time-out and exists
 *     exactly as long as its thread, even if nobody waits for it any more. There are at most RESOLVING_MAX lookups and
 *     so at most that many threads, whatever plugins request. (With time-outs that leave threads behind, we would have
 *     to guess how long those live. A thread pool of our own would repeat what curl does.)
 *   - A name has one lookup, for all requests that wait for it. So a name that hangs takes one place. Further names
 *     wait in order, without a thread. A name that nobody waits for any more leaves the queue.
 *   - CURLOPT_QUICK_EXIT, which leaves threads behind, is used only at the end of the supervisor. */
#include "resolver.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { NO_LIMIT_MS = 24 * 3600 * 1000, FOUND_MAX = 16 };

struct lookup {
    struct resolver *owner;
    CURL *easy;          /* NULL while it waits for a place */
    struct rv_buf found; /* struct sockaddr_storage, one after the other */
    struct curl_slist *forget;
    char *name, why[CURL_ERROR_SIZE];
    struct resolver_waiter *waits, **waits_last;
    struct lookup *next, **back;
};

struct resolver {
    CURLM *multi;
    void (*on_address)(void *arg, const char *name, const struct sockaddr *a);
    void *arg;
    struct lookup *running, *queue, **queue_last;
    size_t running_n;
};

static void unlink_lookup(struct lookup *l) {
    *l->back = l->next;
    if (l->next != NULL)
        l->next->back = l->back;
    else if (l->owner->queue_last == &l->next)
        l->owner->queue_last = l->back;
}

static void lookup_free(struct lookup *l) {
    unlink_lookup(l);
    if (l->easy != NULL) {
        l->owner->running_n--;
        curl_multi_remove_handle(l->owner->multi, l->easy);
        curl_easy_cleanup(l->easy);
    }
    curl_slist_free_all(l->forget);
    rv_buf_free(&l->found);
    free(l->name);
    free(l);
}

/* Called for one address after the other. */
static curl_socket_t on_found(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
    struct lookup *l = arg;
    (void)purpose;
    if (l->found.n < FOUND_MAX * sizeof(struct sockaddr_storage) && a->addrlen <= sizeof(struct sockaddr_storage)) {
        struct sockaddr_storage one = {0};
        memcpy(&one, &a->addr, a->addrlen);
        rv_buf_add(&l->found, &one, sizeof one);
    }
    l->owner->on_address(l->owner->arg, l->name, (const struct sockaddr *)&a->addr);
    return CURL_SOCKET_BAD;
}

static void start(struct lookup *l) {
    struct resolver *n = l->owner;
    rv_autobuf struct rv_buf url = {0}, forget = {0};
    rv_buf_addf(&url, "http://%s/", l->name);
    rv_buf_addf(&forget, "-%s", l->name); /* a new lookup must not use the cache, because pods change their addresses */
    l->forget = curl_slist_append(NULL, rv_buf_cstr(&forget));
    if (l->forget == NULL) rv_oom();
    unlink_lookup(l);
    l->next = n->running;
    if (l->next != NULL) l->next->back = &l->next;
    l->back = &n->running;
    n->running = l;
    n->running_n++;
    CURL *e = l->easy = curl_easy_init();
    if (e == NULL) rv_oom();
    curl_easy_setopt(e, CURLOPT_URL, rv_buf_cstr(&url));
    curl_easy_setopt(e, CURLOPT_RESOLVE, l->forget);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)NO_LIMIT_MS); /* 0 would mean five minutes */
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, l->why);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_found);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, l);
    if (curl_multi_add_handle(n->multi, e) != CURLM_OK) rv_oom();
}

static void start_queued(struct resolver *n) {
    while (n->queue != NULL && n->running_n < RESOLVING_MAX) start(n->queue);
}

static struct lookup *find(struct lookup *first, const char *name) {
    while (first != NULL && strcmp(first->name, name) != 0) first = first->next;
    return first;
}

static struct lookup *enqueue(struct resolver *n, const char *name) {
    struct lookup *l = rv_alloc(sizeof *l);
    l->owner = n;
    l->name = rv_strdup(rv_str(name));
    l->waits_last = &l->waits;
    l->back = n->queue_last;
    *n->queue_last = l;
    n->queue_last = &l->next;
    return l;
}

void resolver_wait(struct resolver *n, struct resolver_waiter *w, const char *name, resolver_fn done, void *arg) {
    struct lookup *l = find(n->running, name);
    if (l == NULL) l = find(n->queue, name);
    if (l == NULL) l = enqueue(n, name);
    *w = (struct resolver_waiter){.lookup = l, .done = done, .arg = arg, .back = l->waits_last};
    *l->waits_last = w;
    l->waits_last = &w->next;
    start_queued(n);
}

static void leave(struct lookup *l, struct resolver_waiter *w) {
    *w->back = w->next;
    if (w->next != NULL)
        w->next->back = w->back;
    else
        l->waits_last = w->back;
    w->lookup = NULL;
}

void resolver_cancel(struct resolver_waiter *w) {
    struct lookup *l = w->lookup;
    if (l == NULL) return;
    leave(l, w);
    /* A lookup with a thread stays until the thread has ended. */
    if (l->waits == NULL && l->easy == NULL) lookup_free(l);
}

void resolver_describe(const struct resolver_waiter *w, struct rv_buf *out) {
    const struct lookup *l = w->lookup;
    if (l->easy != NULL)
        rv_buf_addf(out, "cannot resolve %s: the DNS server does not answer", l->name);
    else
        rv_buf_addf(
            out, "cannot resolve %s: names are not being resolved, the DNS server does not answer for %zu others (%s)",
            l->name, l->owner->running_n, l->owner->running->name);
}

bool resolver_reap(struct resolver *n, CURL *easy) {
    struct lookup *l = n->running;
    while (l != NULL && l->easy != easy) l = l->next;
    if (l == NULL) return false;
    while (l->waits != NULL) {
        struct resolver_waiter *w = l->waits;
        leave(l, w);
        w->found = rv_buf_bytes(&l->found);
        w->done(w->arg, l->found.n != 0 ? NULL : l->why[0] != 0 ? l->why : "the name cannot be resolved");
    }
    lookup_free(l);
    start_queued(n);
    return true;
}

/* Follows curl's rules: it accepts 127.1 and 0x7f000001 as addresses as well. */
char *resolver_host_of_url(struct rv_str url, bool *ret_name) {
    rv_autofree char *text = rv_strdup(url);
    char *host = NULL, *port = NULL, *result = NULL;
    struct in_addr v4;
    CURLU *u = curl_url();
    if (u == NULL) rv_oom();
    if (curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        rv_autobuf struct rv_buf b = {0};
        for (char *c = host; *c != 0; c++) *c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 32 : *c);
        rv_buf_addf(&b, "%s:%s", host, port);
        result = rv_strdup(rv_buf_str(&b));
        *ret_name = host[0] != '[' && inet_pton(AF_INET, host, &v4) != 1;
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return result;
}

struct resolver *resolver_new(CURLM *multi, void (*on_address)(void *arg, const char *name, const struct sockaddr *a),
                              void *arg) {
    struct resolver *n = rv_alloc(sizeof *n);
    n->multi = multi;
    n->on_address = on_address;
    n->arg = arg;
    n->queue_last = &n->queue;
    return n;
}

struct resolver *resolver_free(struct resolver *n) {
    if (n == NULL) return NULL;
    while (n->running != NULL) lookup_free(n->running);
    while (n->queue != NULL) lookup_free(n->queue);
    free(n);
    return NULL;
}
