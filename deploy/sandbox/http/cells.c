/* cells.c - fills cells of tables: a text, an age. */
#include "cells.h"
#include "ipc/base/loop.h"
#include "rayvisor/json.h"

void sb_cell_text(struct rv_str s, const char *none, struct rv_buf *out) {
    rv_json_quote(s.n != 0 ? s : rv_str(none), out);
}

void sb_human_duration(int64_t s, struct rv_buf *out) {
    /* Ages up to `below` are written in `unit`, with the rest in `part` unless that is 0 (like k8s.io/apimachinery's
     * duration). */
    static const struct {
        int64_t below, unit, part;
        char letter, part_letter;
    } steps[] = {{120, 1, 0, 's', 0},
                 {600, 60, 1, 'm', 's'},
                 {10800, 60, 0, 'm', 0},
                 {28800, 3600, 60, 'h', 'm'},
                 {172800, 3600, 0, 'h', 0},
                 {691200, 86400, 3600, 'd', 'h'},
                 {63072000, 86400, 0, 'd', 0},
                 {252288000, 31536000, 86400, 'y', 'd'},
                 {INT64_MAX, 31536000, 0, 'y', 0}};
    if (s < -1) {
        rv_buf_adds(out, "<invalid>");
        return;
    }
    if (s < 0) s = 0;
    size_t i = 0;
    while (s >= steps[i].below) i++;
    rv_buf_addf(out, "%lld%c", (long long)(s / steps[i].unit), steps[i].letter);
    int64_t rest = steps[i].part != 0 ? s % steps[i].unit / steps[i].part : 0;
    if (rest != 0) rv_buf_addf(out, "%lld%c", (long long)rest, steps[i].part_letter);
}

void sb_cell_since(struct rv_val time, const char *unknown, struct rv_buf *out) {
    int64_t t = 0;
    rv_buf_addc(out, '"');
    if (rv_time_parse(rv_val_str(time), &t) != 0)
        rv_buf_adds(out, unknown);
    else
        sb_human_duration((clock_wall() - t) / 1000000000, out);
    rv_buf_addc(out, '"');
}
