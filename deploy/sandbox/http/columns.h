/* columns.h - cells that http/columns.c and http/podcolumns.c share. */
#ifndef RV_SANDBOX_COLUMNS_H
#define RV_SANDBOX_COLUMNS_H

#include "cells.h"
#include "table.h"

void sb_add_labels(struct rv_val map, struct rv_buf *b); /* "a=b,c=d", sorted */

void sb_pod_ready(struct rv_val pod, struct rv_buf *out);
void sb_pod_status(struct rv_val pod, struct rv_buf *out);
void sb_pod_restarts(struct rv_val pod, struct rv_buf *out);
void sb_pod_ip(struct rv_val pod, struct rv_buf *out);
void sb_pod_node(struct rv_val pod, struct rv_buf *out);
void sb_pod_nominated(struct rv_val pod, struct rv_buf *out);
void sb_pod_gates(struct rv_val pod, struct rv_buf *out);

#endif
