/* memo.c - see memo.h. */
#include "memo.h"

#include <stdlib.h>

void serve_memo_forget(struct serve_memo *m) {
    free(m->cluster);
    free(m->waits);
    free(m->error);
    free(m->refused);
    free(m->sent);
    free(m->head_uid);
    rv_buf_free(&m->apps);
    *m = (struct serve_memo){.capacity = -1, .doubted = true};
}

void serve_memo_outdate(struct serve_memo *m) {
    m->fresh = false;
    m->next_ask = 0;
}

void service_memo_failed(struct service_memo *m, const char *reason, struct rv_str why) {
    free(m->failed_why);
    m->failed = reason;
    m->failed_why = reason != NULL ? rv_strdup(why) : NULL;
    m->tried_again = false;
}

void service_memo_init(void *memo) {
    struct service_memo *m = memo;
    *m = (struct service_memo){
        .invalid_reported = -1, .config_reported = -1, .ongoing = -1, .reported_ready = -1, .reported_upgrade = -1};
    for (int i = 0; i < SIDES; i++) serve_memo_forget(&m->serve[i]);
}

void service_memo_release(void *memo) {
    struct service_memo *m = memo;
    for (int i = 0; i < SIDES; i++) serve_memo_forget(&m->serve[i]);
    service_memo_failed(m, NULL, RV_STR(""));
}
