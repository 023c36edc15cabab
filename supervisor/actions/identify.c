/* identify.c - see identify.h. */
#include "identify.h"

#include <stdlib.h>

#include "supervisor/kube/kube.h"
#include "supervisor/requests/answer.h"
#include "supervisor/requests/client_identity.h"

static int64_t now_s(void) { return clock_wall() / INT64_C(1000000000); }

static void end_failed(struct op *op, int code, const char *text) {
    end_op(op, &(struct rv_result){.code = code, .message = rv_str(text)});
}

/* No request was sent. The text says so, because a lost answer would look the same. */
static void no_identity(struct op *op, const char *why) {
    const struct rv_http_request *h = &op->m.http;
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "Secret " RV_STR_FMT "/" RV_STR_FMT " cannot be used as a client certificate: %s",
                RV_STR_ARG(h->secret_ns), RV_STR_ARG(h->client_secret), why);
    end_failed(op, RV_E_CREDENTIAL, rv_buf_cstr(&text));
}

static void take(struct op *op, struct client_identity *fresh) {
    const struct rv_http_request *h = &op->m.http;
    struct client_identities *all = op->x->identities;
    struct client_identity *now = client_identities_put(all, h->secret_ns, h->client_secret, fresh, now_s());
    rv_autofree char *failed = op->tls_failure;
    bool same = now == op->identity;
    op->tls_failure = NULL;
    if (same && failed != NULL) {
        end_failed(op, RV_E_UNAVAILABLE, failed);
        return;
    }
    client_identity_free(op->identity);
    op->identity = client_identity_ref(now);
    op->identify_go_on(op);
}

/* The Secret is in two buffers, which are wiped: the answer's own and this one. */
static void on_secret(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    const struct rv_http_request *h = &op->m.http;
    rv_autobuf struct rv_buf mp = {0};
    const char *why = "the answer is no object";
    struct client_identity *fresh = NULL;
    op->request = NULL;
    if (r->code == RV_E_NOT_FOUND) client_identities_remove(op->x->identities, h->secret_ns, h->client_secret);
    if (r->code != 0)
        why = rv_error_text(r->code);
    else if (rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &mp, NULL) == 0)
        fresh = client_identity_read((struct rv_val){mp.p, mp.n}, &why);
    if (mp.p != NULL) explicit_bzero(mp.p, mp.cap);
    if (fresh == NULL)
        no_identity(op, why);
    else
        take(op, fresh);
}

static void read_secret(struct op *op, void (*go_on)(struct op *op)) {
    const struct rv_http_request *h = &op->m.http;
    rv_autofree char *path =
        kube_path(RV_STR("v1"), h->secret_ns, RV_STR("secrets"), h->client_secret, RV_STR(""), NULL);
    op->identify_go_on = go_on;
    op->request =
        kube_send(op->x->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_secret, op);
}

bool identify_op(struct op *op, void (*go_on)(struct op *op)) {
    const struct rv_http_request *h = &op->m.http;
    if (h->client_secret.n == 0 || op->identity != NULL) return true;
    op->identity =
        client_identity_ref(client_identities_find(op->x->identities, h->secret_ns, h->client_secret, now_s()));
    op->kept_identity = op->identity != NULL;
    if (op->kept_identity) return true;
    read_secret(op, go_on);
    return false;
}

bool identify_again(struct op *op, const struct http_answer *a, void (*go_on)(struct op *op)) {
    if (op->client == NULL || !a->tls || !op->kept_identity) return false;
    op->kept_identity = false;
    op->tls_failure = rv_strdup(a->message);
    read_secret(op, go_on);
    return true;
}
