/* cells.h - what fills the cells of a table, whoever has the columns. */
#ifndef RV_SANDBOX_CELLS_H
#define RV_SANDBOX_CELLS_H

#include "rayvisor/k8s.h"

void sb_cell_text(struct rv_str s, const char *none, struct rv_buf *out); /* quoted; none when empty */
/* A duration as kubectl prints ages ("5d3h"). */
void sb_human_duration(int64_t seconds, struct rv_buf *out);
/* "5m" since an RFC 3339 time, quoted; unknown is what an absent time shows as. */
void sb_cell_since(struct rv_val time, const char *unknown, struct rv_buf *out);

#endif
