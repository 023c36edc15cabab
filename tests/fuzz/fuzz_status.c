/* fuzz_status.c - an answer that is not 2xx. The first two bytes are the HTTP status. The rest is the body, which may
 * be anything. */
#include "supervisor/kube/status.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    unsigned http = (data[0] | (unsigned)data[1] << 8) % 600;
    rv_autobuf struct rv_buf room = {0};
    struct kube_response r = {.http_status = http};
    kube_status_read((struct rv_bytes){data + 2, size - 2}, &room, &r);
    int code = kube_status_code(http, r.reason);
    if ((code == 0) != (http >= 200 && http < 300) || code > 0) abort();
    if (r.retry_after_ms < 0 || r.retry_after_ms > 3600 * 1000) abort();
    for (size_t i = 0; i < r.message.n; i++)
        if (r.message.p[i] == 0 && memchr(data, 0, size) == NULL && memchr(data, '\\', size) == NULL) abort();
    return 0;
}
