/* cells.h - writes the cells of tables, for all columns. */
#ifndef RV_SANDBOX_CELLS_H
#define RV_SANDBOX_CELLS_H

#include "rayvisor/k8s.h"

/* Writes it quoted; writes `none` if it is empty. */
void sb_cell_text(struct rv_str s, const char *none, struct rv_buf *out);
/* Writes a duration as kubectl prints ages ("5d3h"). */
void sb_human_duration(int64_t seconds, struct rv_buf *out);
/* Writes "5m" since an RFC 3339 time, quoted. If the time is absent, writes `unknown`. */
void sb_cell_since(struct rv_val time, const char *unknown, struct rv_buf *out);

#endif
