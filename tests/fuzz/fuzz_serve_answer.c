/* fuzz_serve_answer.c - whatever answers in place of Serve becomes bounded statuses, or no answer; whatever a user
 * calls a configuration becomes JSON, or is refused. */
#include "plugins/rayservice/service.h"
#include "rayvisor/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf body = {0}, back = {0};
    struct rv_str text = {(const char *)data, size};
    struct rs_answer answer;
    struct rv_node *config = rs_config_parse(a, text, NULL);
    if (config != NULL && rv_json_to_mp(rs_config_body(a, config, 50), NULL, &back, NULL) != 0) abort();
    if (rv_json_to_mp(text, NULL, &body, NULL) != 0) return 0;
    struct rv_val v = {body.p, body.n};
    if (!rs_answer_read(a, v, &answer)) return 0;
    if (answer.healthy && !answer.running) abort();
    if (answer.running && !answer.any) abort();
    if (rv_node_len(answer.apps) > 256) abort();
    (void)(config != NULL && rs_answer_is_of(a, v, config));
    return 0;
}
