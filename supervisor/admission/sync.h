/* sync.h - keeps the keys of the webhook in a Secret that all instances read, and tells the API server what to trust.
 *
 * Only who acts writes: it makes the Secret, changes keys that end soon, and adds caBundle and the path to the webhook
 * validate.rayvisor.io of the ValidatingWebhookConfiguration, which the installation has made (--print-webhook). */
#ifndef ADMISSION_SYNC_H
#define ADMISSION_SYNC_H

#include "keyring.h"
#include "supervisor/supervisor.h"

struct admission_sync;
/* on_keys is called with the keys whenever they are others than before. They are lent. */
struct admission_sync *admission_sync_new(struct supervisor *s, void (*on_keys)(void *arg, const struct keyring *k),
                                          void *arg);
struct admission_sync *admission_sync_free(struct admission_sync *y);

/* The JSON patch for a ValidatingWebhookConfiguration (msgpack of it). Returns false if it has what it should, or if no
 * webhook of it is ours: *ret_ours says which. bundle: PEM; url: "" for the Service. */
bool admission_patch(struct rv_val configuration, struct rv_str bundle, struct rv_str token, struct rv_str url,
                     bool *ret_ours, struct rv_buf *out);

#endif
