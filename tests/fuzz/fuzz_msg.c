/* fuzz_msg.c - frames from a hostile peer. Byte 0: the side; then header length, body length (2 bytes, big-endian
 * each); then header, body, payload. What is accepted must survive being encoded and decoded again. */
#include "ipc/protocol/msg.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct msg *m, bool from_host) {
    rv_autobuf struct rv_buf header = {0}, body = {0};
    struct msg again;
    msg_encode(m, &header, &body);
    if (msg_decode(rv_buf_bytes(&header), rv_buf_bytes(&body), m->payload, from_host, &again, NULL) != 0) abort();
    if (again.type != m->type || again.seq != m->seq) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5) return 0;
    bool from_host = data[0] & 1;
    size_t header_n = (size_t)data[1] << 8 | data[2], body_n = (size_t)data[3] << 8 | data[4], left = size - 5;
    if (header_n > left) header_n = left;
    if (body_n > left - header_n) body_n = left - header_n;
    const uint8_t *header = data + 5, *body = header + header_n, *payload = body + body_n;
    struct msg m;
    struct rv_error err = {0};
    int r = msg_decode((struct rv_bytes){header, header_n}, (struct rv_bytes){body, body_n},
                       (struct rv_bytes){payload, left - header_n - body_n}, from_host, &m, &err);
    if (r != 0 && (err.code != r || err.text[0] == 0)) abort(); /* never a refusal without a reason */
    if (r == 0 && msg_type_name(m.type)[0] != 'u') check_again(&m, from_host);
    struct msg_kind k;
    for (size_t i = 0; r == 0 && m.type == MSG_WELCOME && msg_kind_at(m.welcome.kinds, i, &k); i++) continue;
    return 0;
}
