/* curl_loop.h - one curl multi handle on an loop. curl says which sockets and which time-out it wants, the loop
 * waits for them, and each transfer that has ended is reported.
 *
 * Easy handles belong to whoever adds them to the multi handle. They are removed from it before they are freed. */
#ifndef CURL_CURL_LOOP_H
#define CURL_CURL_LOOP_H

#include "ipc/base/loop.h"

#include <curl/curl.h>

struct curl_loop;
struct curl_loop_callbacks {
    /* A transfer has ended. Its handle is still in the multi handle. It may be removed, freed or added again. */
    void (*done)(void *arg, CURL *easy, CURLcode result);
    /* Called after every turn of curl, when all ended transfers have been reported; may be NULL. */
    void (*turned)(void *arg);
    void *arg;
};
struct curl_loop *curl_loop_new(struct loop *l, const struct curl_loop_callbacks *cb);
struct curl_loop *curl_loop_free(struct curl_loop *c); /* no transfer may be in it any more */
CURLM *curl_loop_multi(const struct curl_loop *c);

#endif
