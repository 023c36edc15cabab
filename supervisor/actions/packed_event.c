/* packed_event.c - see packed_event.h. */
#include "packed_event.h"

#include <stdlib.h>

struct packed_event *packed_event_new(const struct msg *m, const char *plugin) {
    rv_autobuf struct rv_buf header = {0}, body = {0};
    size_t plugin_n = strlen(plugin);
    msg_encode(m, &header, &body);
    struct packed_event *w = rv_alloc(sizeof *w + header.n + body.n + plugin_n);
    w->header_n = (uint32_t)header.n;
    w->body_n = (uint32_t)body.n;
    w->plugin_n = (uint32_t)plugin_n;
    memcpy(w->bytes, header.p, header.n);
    memcpy(w->bytes + header.n, body.p, body.n);
    memcpy(w->bytes + header.n + body.n, plugin, plugin_n);
    return w;
}

int packed_event_decode(const struct packed_event *w, struct msg *ret, struct rv_str *ret_plugin,
                        struct rv_error *err) {
    struct rv_bytes header = {w->bytes, w->header_n}, body = {w->bytes + w->header_n, w->body_n};
    *ret_plugin = (struct rv_str){(const char *)w->bytes + w->header_n + w->body_n, w->plugin_n};
    return msg_decode(header, body, (struct rv_bytes){NULL, 0}, true, ret, err);
}
