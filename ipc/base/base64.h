/* base64.h - base64 with its two alphabets (RFC 4648). Both directions reserve the memory of the result first. So no
 * copy of a secret stays behind in memory that a growing buffer has freed. */
#ifndef RV_IPC_BASE_BASE64_H
#define RV_IPC_BASE_BASE64_H

#include "rayvisor/base.h"

enum base64_form {
    BASE64_STANDARD, /* uses '+' and '/'; is written with padding */
    BASE64_URL,      /* uses '-' and '_'; is written without padding */
};

void base64_encode(struct rv_bytes bytes, enum base64_form form, struct rv_buf *out);
/* Decodes text and appends the bytes to out. Padding is optional and is accepted only at the end. Line breaks and
 * blanks are skipped. Anything else gives -EINVAL and leaves out as it was. */
int base64_decode(struct rv_str text, enum base64_form form, struct rv_buf *out);

#endif
