/* test_admission.c - what the webhook knows without a connection: reviews and answers, keys and their rotation, and
 * what the API server is told. */
#include "supervisor/admission/keyring.h"
#include "supervisor/admission/review.h"
#include "supervisor/admission/sync.h"
#include "tests/unit/sdk/suite.h"

#include <stdlib.h>

#define REVIEW(request) "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":" request "}"
#define RESOURCE "\"uid\":\"u\",\"resource\":{\"group\":\"ray.io\",\"version\":\"v1\",\"resource\":\"rayclusters\"}"

static void reviews_that_are_none(void) {
    static const char *const rows[] = {"",
                                       "{",
                                       "[]",
                                       "{}",
                                       REVIEW("null"),
                                       REVIEW("{}"),
                                       REVIEW("{\"uid\":7}"),
                                       "{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"kind\":\"AdmissionReview\","
                                       "\"request\":{\"uid\":\"u\"}}",
                                       REVIEW("{\"uid\":\"u\",\"uid\":\"v\"}")};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct review r;
        CHECK_ROW(review_parse(rv_str(rows[i]), &r, &err) != 0 && err.text[0] != 0, rows[i]);
        review_free(&r);
    }
}

/* What is decided without a plugin. */
static void what_passes(void) {
    static const struct {
        const char *what, *request;
        bool passes;
    } rows[] = {
        {"new", "{" RESOURCE ",\"operation\":\"CREATE\",\"object\":{\"spec\":{}},\"oldObject\":null}", false},
        {"another spec",
         "{" RESOURCE ",\"operation\":\"UPDATE\",\"object\":{\"spec\":{\"a\":1}},\"oldObject\":{\"spec\":{\"a\":2}}}",
         false},
        {"the same spec",
         "{" RESOURCE ",\"operation\":\"UPDATE\",\"object\":{\"metadata\":{},\"spec\":{\"a\":1,\"b\":2}},"
         "\"oldObject\":{\"metadata\":{\"finalizers\":[\"x\"]},\"spec\":{\"b\":2,\"a\":1}}}",
         true},
        {"being deleted",
         "{" RESOURCE ",\"operation\":\"UPDATE\",\"object\":{\"metadata\":{\"deletionTimestamp\":"
         "\"2026-01-01T00:00:00Z\"},\"spec\":{\"a\":1}},\"oldObject\":{\"spec\":{\"a\":2}}}",
         true},
        {"status",
         "{" RESOURCE ",\"operation\":\"UPDATE\",\"subResource\":\"status\",\"object\":{\"spec\":{\"a\":1}},"
         "\"oldObject\":{\"spec\":{\"a\":2}}}",
         true},
        {"deletion", "{" RESOURCE ",\"operation\":\"DELETE\",\"object\":null,\"oldObject\":{\"spec\":{\"a\":2}}}",
         true},
        {"no object", "{" RESOURCE ",\"operation\":\"CREATE\",\"object\":7}", true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf text = {0};
        struct review r;
        rv_buf_addf(&text, "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":%s}",
                    rows[i].request);
        CHECK_ROW(review_parse(rv_buf_str(&text), &r, NULL) == 0, rows[i].what);
        CHECK_ROW(rv_str_is(r.api_version, "ray.io/v1") && rv_str_is(r.resource, "rayclusters"), rows[i].what);
        CHECK_ROW(review_passes(&r) == rows[i].passes, rows[i].what);
        review_free(&r);
    }
}

static void pairs(void) {
    static const char *const paths[] = {"spec.a"};
    struct rv_projection *p = rv_projection_new(paths, 1, NULL);
    struct review r;
    rv_autobuf struct rv_buf whole = {0}, some = {0}, one = {0};
    static const char text[] = REVIEW("{" RESOURCE ",\"operation\":\"UPDATE\",\"object\":{\"spec\":{\"a\":1,\"b\":2}},"
                                      "\"oldObject\":{\"spec\":{\"a\":3,\"b\":4}}}");
    CU_ASSERT_EQUAL(review_parse(rv_str(text), &r, NULL), 0);
    CU_ASSERT_TRUE(review_pair(&r, NULL, &whole) == 0 && review_pair(&r, p, &some) == 0);
    struct rv_val all = {whole.p, whole.n}, part = {some.p, some.n};
    CU_ASSERT_TRUE(rv_val_len(all) == 2 && rv_path_int(rv_val_at(all, 1), "spec.b", 0) == 4);
    CU_ASSERT_TRUE(rv_path_int(rv_val_at(part, 0), "spec.a", 0) == 1 &&
                   rv_path_int(rv_val_at(part, 1), "spec.a", 0) == 3);
    CU_ASSERT_FALSE(rv_val_present(rv_val_path(rv_val_at(part, 0), "spec.b")));
    r.before = RV_VAL_ABSENT;
    CU_ASSERT_TRUE(review_pair(&r, NULL, &one) == 0 && rv_val_len((struct rv_val){one.p, one.n}) == 1);
    rv_projection_free(p);
    review_free(&r);
}

static void answers(void) {
    static const struct {
        struct review_answer a;
        const char *text;
    } rows[] = {
        {{.refused = false}, "{\"uid\":\"u\",\"allowed\":true}"},
        {{.refused = true, .status = 422, .message = {"spec.x \033[31m\nis wrong", 21}},
         "{\"uid\":\"u\",\"allowed\":false,\"status\":{\"code\":422,\"message\":\"spec.x \\\\u001b[31m\\\\nis "
         "wrong\"}}"},
        {{.warnings = {"one\ntwo\n\n", 9}}, "{\"uid\":\"u\",\"allowed\":true,\"warnings\":[\"one\",\"two\"]}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf b = {0}, want = {0};
        rv_autoarena struct rv_arena *a = rv_arena_new();
        review_answer(RV_STR("u"), &rows[i].a, &b);
        rv_buf_addf(&want, "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":%s}",
                    rows[i].text);
        CHECK_ROW(rv_val_equal(from_json(a, rv_buf_cstr(&b)), from_json(a, rv_buf_cstr(&want))), rv_buf_cstr(&b));
    }
}

/* ---- keys
 * ------------------------------------------------------------------------------------------------------------ */

enum { PERIOD = 2592000 };
static const int64_t T = INT64_C(1800000000);
static const char names[] = "DNS:hook.ns.svc,IP:127.0.0.1";

static struct rv_val data_of(struct rv_arena *a, const struct keyring *k) {
    rv_autobuf struct rv_buf json = {0};
    keyring_write(k, &json);
    return from_json(a, rv_buf_cstr(&json));
}

static bool same_text(const struct rv_buf *a, const struct rv_buf *b) {
    return a->n == b->n && a->n != 0 && memcmp(a->p, b->p, a->n) == 0;
}

static void keys_come_back(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct keyring k = {0}, got = {0};
    struct rv_error err = {0};
    CU_ASSERT_EQUAL(keyring_make(&k, names, T, PERIOD, &err), 0);
    struct rv_val data = data_of(a, &k);
    CU_ASSERT_EQUAL(keyring_read(&got, data, &err), 0);
    CU_ASSERT_TRUE(got.now.ends == T + 2 * PERIOD && got.next.ends == T + 3 * PERIOD && got.token.n == 43);
    CU_ASSERT_TRUE(same_text(&k.now.key, &got.now.key) && same_text(&k.token, &got.token));
    CU_ASSERT_TRUE(keyring_serves(&got, names) && keyring_serves(&got, "IP:127.0.0.1"));
    CU_ASSERT_FALSE(keyring_serves(&got, "DNS:other.ns.svc") || keyring_serves(&got, "IP:127.0.0.2"));
    /* Each of its parts is needed, and must be what it is said to be. */
    static const char *const parts[] = {"ca.crt", "tls.crt", "tls.key", "next-ca.crt", "next.crt", "next.key", "token"};
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++)
        for (int how = 0; how < 3; how++) {
            struct rv_node *n = rv_node_from(a, data);
            if (how == 1 && i == 6) continue;
            if (how == 0)
                rv_node_set(a, n, parts[i], NULL);
            else
                rv_node_set_str(a, n, parts[i], how == 1 ? rv_val_str(rv_val_get(data, "token")) : RV_STR("!"));
            CHECK_ROW(keyring_read(&got, rv_node_freeze(a, n), &err) == RV_E_PARSE, parts[i]);
        }
    struct rv_node *swapped = rv_node_from(a, data); /* a key that is not the certificate's */
    rv_node_set_str(a, swapped, "tls.key", rv_val_str(rv_val_get(data, "next.key")));
    CU_ASSERT_EQUAL(keyring_read(&got, rv_node_freeze(a, swapped), &err), RV_E_PARSE);
    keyring_free(&k);
    keyring_free(&got);
}

/* Whoever trusted the bundle before a change trusts what is served after it, for years. */
static void keys_change_without_a_gap(void) {
    struct keyring k = {0};
    int changes = 0;
    CU_ASSERT_EQUAL(keyring_make(&k, names, T, PERIOD, NULL), 0);
    rv_autobuf struct rv_buf token = {0};
    rv_buf_add(&token, k.token.p, k.token.n);
    for (int64_t now = T; now < T + INT64_C(12) * PERIOD; now += PERIOD / 7) {
        rv_autobuf struct rv_buf before = {0}, after = {0};
        keyring_bundle(&k, &before);
        int changed = keyring_rotate(&k, names, now, PERIOD, NULL);
        CU_ASSERT_TRUE(changed == 0 || changed == 1);
        changes += changed;
        keyring_bundle(&k, &after);
        CU_ASSERT_PTR_NOT_NULL(memmem(before.p, before.n, k.now.ca.p, k.now.ca.n)); /* trusted before it serves */
        if (changed) CU_ASSERT_PTR_NOT_NULL(memmem(after.p, after.n, k.before.p, k.before.n));
        CU_ASSERT_TRUE(k.now.ends - now > PERIOD / 2 && same_text(&token, &k.token));
    }
    CU_ASSERT_TRUE(changes >= 10 && changes <= 12);
    /* Nobody changed them for a year: both have ended. */
    CU_ASSERT_EQUAL(keyring_rotate(&k, names, T + INT64_C(40) * PERIOD, PERIOD, NULL), 1);
    CU_ASSERT_EQUAL(k.now.ends, T + INT64_C(42) * PERIOD);
    keyring_free(&k);
}

/* ---- what the API server is told
 * --------------------------------------------------------------------------------------- */

#define HOOK(client)                                                                                                   \
    "{\"webhooks\":[{\"name\":\"other\",\"clientConfig\":{}},{\"name\":\"validate.rayvisor.io\","                      \
    "\"clientConfig\":" client "}]}"
#define TEST "{\"op\":\"test\",\"path\":\"/webhooks/1/name\",\"value\":\"validate.rayvisor.io\"}"
#define ADD(field, value) "{\"op\":\"add\",\"path\":\"/webhooks/1/clientConfig/" field "\",\"value\":\"" value "\"}"

static void patches(void) {
    static const struct {
        const char *have, *url, *patch; /* patch: NULL: nothing to do */
        bool ours;
    } rows[] = {
        {"{}", "", NULL, false},
        {"{\"webhooks\":[{\"name\":\"other\",\"clientConfig\":{}}]}", "", NULL, false},
        {HOOK("{\"service\":{\"name\":\"s\"}}"), "",
         "[" TEST "," ADD("caBundle", "Qw==") "," ADD("service/path", "/validate/tok") "]", true},
        {HOOK("{\"caBundle\":\"Qw==\",\"service\":{\"path\":\"/old\"}}"), "",
         "[" TEST "," ADD("service/path", "/validate/tok") "]", true},
        {HOOK("{\"caBundle\":\"Qw==\",\"service\":{\"path\":\"/validate/tok\"}}"), "https://h", NULL, true},
        {HOOK("{\"caBundle\":\"old\",\"url\":\"https://h/validate/tok\"}"), "https://h",
         "[" TEST "," ADD("caBundle", "Qw==") "]", true},
        {HOOK("{\"caBundle\":\"Qw==\",\"url\":\"https://h/validate\"}"), "https://h",
         "[" TEST "," ADD("url", "https://h/validate/tok") "]", true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        bool ours;
        bool differs =
            admission_patch(from_json(a, rows[i].have), RV_STR("C"), RV_STR("tok"), rv_str(rows[i].url), &ours, &out);
        CHECK_ROW(differs == (rows[i].patch != NULL) && ours == rows[i].ours, rows[i].have);
        if (differs)
            CHECK_ROW(rv_val_equal(from_json(a, rv_buf_cstr(&out)), from_json(a, rows[i].patch)), rv_buf_cstr(&out));
    }
}

static const struct suite_test tests[] = {{"reviews that are none", reviews_that_are_none},
                                          {"what passes", what_passes},
                                          {"pairs", pairs},
                                          {"answers", answers},
                                          {"keys come back", keys_come_back},
                                          {"keys change without a gap", keys_change_without_a_gap},
                                          {"patches", patches}};
SUITE_MAIN("admission", tests)
