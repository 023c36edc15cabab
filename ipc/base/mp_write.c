/* mp_write.c - writes msgpack into a buffer with msgpack-c's packer (see rayvisor/value.h). */
#include "rayvisor/value.h"

#include <msgpack.h>

static int buf_sink(void *data, const char *bytes, size_t n) {
    rv_buf_add(data, bytes, n);
    return 0;
}

#define PACKER(b) (&(msgpack_packer){.data = (b), .callback = buf_sink})

void rv_mp_nil(struct rv_buf *b) { msgpack_pack_nil(PACKER(b)); }
void rv_mp_bool(struct rv_buf *b, bool v) { v ? msgpack_pack_true(PACKER(b)) : msgpack_pack_false(PACKER(b)); }
void rv_mp_int(struct rv_buf *b, int64_t v) { msgpack_pack_int64(PACKER(b), v); }
void rv_mp_uint(struct rv_buf *b, uint64_t v) { msgpack_pack_uint64(PACKER(b), v); }
void rv_mp_float(struct rv_buf *b, double v) { msgpack_pack_double(PACKER(b), v); }
void rv_mp_str(struct rv_buf *b, struct rv_str s) { msgpack_pack_str_with_body(PACKER(b), s.p, s.n); }
void rv_mp_cstr(struct rv_buf *b, const char *text) { rv_mp_str(b, rv_str(text)); }
void rv_mp_bin(struct rv_buf *b, struct rv_bytes bytes) { msgpack_pack_bin_with_body(PACKER(b), bytes.p, bytes.n); }
void rv_mp_array(struct rv_buf *b, size_t n) { msgpack_pack_array(PACKER(b), n); }
void rv_mp_map(struct rv_buf *b, size_t n) { msgpack_pack_map(PACKER(b), n); }

void rv_mp_val(struct rv_buf *b, struct rv_val v) {
    if (v.n == 0)
        rv_mp_nil(b);
    else
        rv_buf_add(b, v.p, v.n);
}
