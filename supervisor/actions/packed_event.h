/* packed_event.h - an event that waits in the queue, in a packed form. A burst leaves thousands of them, and the form
 * in which an action is carried out takes four times as much memory. */
#ifndef ACTIONS_PACKED_EVENT_H
#define ACTIONS_PACKED_EVENT_H

#include "event_queue.h"
#include "ipc/protocol/msg.h"

struct packed_event {
    struct event_queue_item item; /* first: the item is the event */
    uint32_t header_n, body_n, plugin_n;
    uint8_t bytes[];
};
/* Copies an ACTION message with verb EVENT and the name of its plugin. The caller frees. */
struct packed_event *packed_event_new(const struct msg *m, const char *plugin);
/* Borrows from w. 0, or why it cannot be read. */
int packed_event_decode(const struct packed_event *w, struct msg *ret, struct rv_str *ret_plugin, struct rv_error *err);

#endif
