/* base64.h - base64 with its two alphabets (RFC 4648). Both directions reserve the memory of the result first, so that
 * a secret leaves no copies behind in memory that a growing buffer gave back. */
#ifndef RV_IPC_BASE_BASE64_H
#define RV_IPC_BASE_BASE64_H

#include "rayvisor/base.h"

enum rv_base64_form {
    RV_BASE64_STANDARD, /* '+' and '/'; written with padding */
    RV_BASE64_URL,      /* '-' and '_'; written without padding */
};

void rv_base64_encode(struct rv_bytes bytes, enum rv_base64_form form, struct rv_buf *out);
/* Padding may stand at the end only and may be left out; line breaks and blanks are skipped. -EINVAL for anything else,
 * and out is then as before. */
int rv_base64_decode(struct rv_str text, enum rv_base64_form form, struct rv_buf *out);

#endif
