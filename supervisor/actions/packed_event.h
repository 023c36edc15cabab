/* packed_event.h - a waiting event in a packed form. A burst may leave thousands of them, and the form in which an
 * action is carried out needs four times as much memory. */
#ifndef ACTIONS_PACKED_EVENT_H
#define ACTIONS_PACKED_EVENT_H

#include "event_queue.h"
#include "ipc/protocol/msg.h"

struct packed_event {
    struct event_queue_item item; /* first member: an item is its event */
    uint32_t header_n, body_n, plugin_n;
    uint8_t bytes[];
};
/* Copies an ACTION message with the verb EVENT, and the name of its plugin. The caller frees it with free(). */
struct packed_event *packed_event_new(const struct msg *m, const char *plugin);
/* The message borrows from w. Returns 0, or the error of the decoder. */
int packed_event_decode(const struct packed_event *w, struct msg *ret, struct rv_str *ret_plugin, struct rv_error *err);

#endif
