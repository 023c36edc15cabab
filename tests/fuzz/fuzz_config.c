/* fuzz_config.c - the configuration file: any text gives a configuration or one error with a position. */
#include "supervisor/config/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct config_env env = {"/nonexistent/install", "/nonexistent/build", "raycluster"};
    struct rv_error err = {0};
    struct config *c = config_parse((struct rv_str){(const char *)data, size}, "f.yaml", &env, &err);
    if (c == NULL) {
        if (err.code == 0 || err.text[0] == 0) abort();
        return 0;
    }
    rv_autobuf struct rv_buf rbac = {0};
    config_print_rbac(c, RV_STR("n"), &rbac);
    config_free(c);
    return 0;
}
