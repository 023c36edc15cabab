/* fuzz_manifest.c - the manifest of a vendor's plugin. The defaults of its settings must be valid settings. */
#include "supervisor/config/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rv_error err = {0};
    struct manifest *m = manifest_parse((struct rv_str){(const char *)data, size}, "f.yaml", &err);
    if (m == NULL) {
        if (err.code == 0 || err.text[0] == 0) abort();
        return 0;
    }
    if (m->kind_n == 0 || m->name.n == 0) abort();
    struct schema_reader r = {&m->doc, &err};
    rv_autobuf struct rv_buf settings = {0};
    if (manifest_settings(m, &r, NULL, &settings) == 0 &&
        rv_mp_check((struct rv_bytes){settings.p, settings.n}, NULL) != 0)
        abort();
    manifest_free(m);
    return 0;
}
