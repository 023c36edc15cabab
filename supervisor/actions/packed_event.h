/* packed_event.h - an event that waits for its turn, packed: a burst leaves thousands of them, and in the form in which
 * an action is carried out each would take four times as much. */
#ifndef ACTIONS_WAITING_H
#define ACTIONS_WAITING_H

#include "event_queue.h"
#include "ipc/protocol/msg.h"

struct waiting {
    struct news_item news; /* first: the item is the event */
    uint32_t header_n, body_n, plugin_n;
    uint8_t bytes[];
};
/* Copies an ACTION message with verb EVENT and the name of its plugin. The caller frees. */
struct waiting *waiting_pack(const struct msg *m, const char *plugin);
/* Borrows from w. 0, or why it cannot be read. */
int waiting_open(const struct waiting *w, struct msg *ret, struct rv_str *ret_plugin, struct rv_error *err);

#endif
