/* Credentials for requests to Ray: whose Secret is read, how often, and what becomes of a token that was changed. */
#include "executor_fixture.h"
#include "supervisor/requests/credential_cache.h"
#include "supervisor/requests/recent.h"

/* A Secret is read for a Service of its own namespace only; the plugin never learns its value. */
static void credentials(void) {
    struct fixture *w = fixture_new();
    w->stage->s.config->proxy_http = true;
    struct ask a = {.id = 0, .verb = RV_VERB_HTTP, .url = "http://ray.n.svc:8265/x", .secret = "n/token"};
    script_on(w->server, &(struct script_answer){.when = "GET /api/v1/namespaces/n/secrets/token",
                                                 .body = "{\"data\":{\"auth_token\":\"czNjcjN0\"}}"});
    script_on(w->server, &(struct script_answer){.when = "services/ray:8265/proxy/x", .body = "{\"ok\":1}"});
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 0)->code == 0 && strcmp(w->a.results[0].body, "{\"ok\":1}") == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(w->server)->headers, "x-ray-authorization: Bearer s3cr3t\r\n"));
    script_on(w->server, &(struct script_answer){.when = "POST /apis/events", .body = "{}", .times = 2});
    a = (struct ask){.id = 1, .verb = RV_VERB_HTTP, .url = "http://ray.other.svc:8265/x", .secret = "n/token"};
    fixture_ask(w, &w->a, &a);
    a = (struct ask){.id = 2, .verb = RV_VERB_HTTP, .url = "http://127.0.0.1:1/x", .secret = "n/token"};
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_TRUE(w->a.results[1].code == RV_E_DENIED && w->a.results[2].code == RV_E_DENIED); /* at once */
    CU_ASSERT_PTR_NOT_NULL(strstr(w->a.results[1].message, "may not reach http://ray.other.svc:8265/x"));
    CU_ASSERT_PTR_NOT_NULL(strstr(w->a.results[2].message, "may not send Secret n/token"));
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_EQUAL(script_count_of(w->server, "secrets"), 1);
    script_on(w->server,
              &(struct script_answer){.when = "secrets/token", .body = "{\"data\":{\"other\":\"czNjcjN0\"}}"});
    a = (struct ask){.id = 3, .verb = RV_VERB_HTTP, .url = "http://ray.n.svc:8265/x", .secret = "n/token-2"};
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 3)->code, RV_E_CREDENTIAL); /* and not that of an endpoint */
    CU_ASSERT_PTR_NOT_NULL(strstr(w->a.results[3].message, "of Secret n/token-2 cannot be used"));
    script_on(w->server, &(struct script_answer){.when = "secrets/token", .status = 404});
    a = (struct ask){.id = 4, .verb = RV_VERB_HTTP, .url = "http://ray.n.svc:8265/x", .secret = "n/token-3"};
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 4)->code, RV_E_CREDENTIAL);
    CU_ASSERT_EQUAL(script_count_of(w->server, "proxy"), 1);
    fixture_free(w);
}

/* The Secret is read once for many requests, and again when Ray refuses what is kept. */
static void kept_credentials(void) {
    static const char old[] = "{\"data\":{\"auth_token\":\"b2xk\"}}", new[] = "{\"data\":{\"auth_token\":\"bmV3\"}}";
    struct fixture *w = fixture_new();
    w->stage->s.config->proxy_http = true;
    struct ask a = {.id = 0, .verb = RV_VERB_HTTP, .url = "http://ray.n.svc:8265/x", .secret = "n/token"};
    script_on(w->server, &(struct script_answer){.when = "secrets/token", .body = old});
    script_on(w->server, &(struct script_answer){.when = "proxy/x", .body = "{\"ok\":1}", .times = 2});
    for (a.id = 0; a.id < 2; a.id++) {
        fixture_ask(w, &w->a, &a);
        CU_ASSERT_EQUAL(fixture_result(w, &w->a, a.id)->http, 200);
    }
    CU_ASSERT_EQUAL(script_count_of(w->server, "secrets"), 1);

    script_on(w->server, &(struct script_answer){.when = "proxy/x", .status = 403, .body = "{}"});
    script_on(w->server, &(struct script_answer){.when = "secrets/token", .body = new});
    script_on(w->server, &(struct script_answer){.when = "proxy/x", .body = "{\"ok\":2}"});
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 2)->http == 200 && strcmp(w->a.results[2].body, "{\"ok\":2}") == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(w->server)->headers, "x-ray-authorization: Bearer new\r\n"));

    script_on(w->server, &(struct script_answer){.when = "proxy/x", .status = 403, .body = "{}", .times = 2});
    script_on(w->server, &(struct script_answer){.when = "secrets/token", .body = new});
    a.id = 3;
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 3)->http, 403); /* the one that is there now is refused as well */
    CU_ASSERT_TRUE(script_count_of(w->server, "secrets") == 3 && script_count_of(w->server, "proxy") == 6);
    fixture_free(w);
}

static void credential_cache(void) {
    struct credential_cache *c = credential_cache_new();
    struct rv_http_request h = {.secret_ns = RV_STR("n"), .secret_name = RV_STR("s"), .secret_key = RV_STR("k")},
                           other = h;
    const int64_t lasts = CREDENTIAL_CACHE_S * INT64_C(1000000000);
    other.auth_prefix = RV_STR("Bearer ");
    credential_cache_put(c, &h, RV_STR("A: 1"), 5);
    CU_ASSERT_STRING_EQUAL(credential_cache_find(c, &h, 5 + lasts - 1), "A: 1");
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &other, 5));
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &h, 5 + lasts));
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &h, 5)); /* it was wiped */
    struct rv_http_request keeps = h;
    keeps.flags = RV_HTTP_KEEP_CREDENTIAL;
    credential_cache_put(c, &keeps, RV_STR("A: 2"), 5);
    CU_ASSERT_STRING_EQUAL(credential_cache_find(c, &keeps, 5 + 20 * lasts), "A: 2"); /* as long as it is taken */
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &h, 5 + 20 * lasts));                 /* others want a newer one */
    credential_cache_put(c, &keeps, RV_STR("A: 2"), 5);
    credential_cache_put(c, &other, RV_STR("B: 2"), 5 + 61 * lasts); /* the first was not used for ten minutes */
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &keeps, 5 + 61 * lasts));
    credential_cache_put(c, &h, RV_STR("A: 2"), 5);
    credential_cache_put(c, &other, RV_STR("B: 3"), 5);
    credential_cache_drop(c, &h);
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &h, 5));
    CU_ASSERT_STRING_EQUAL(credential_cache_find(c, &other, 5), "B: 3");
    static char big[CREDENTIAL_CACHE_LINE + 1];
    memset(big, 'x', sizeof big);
    credential_cache_put(c, &h, (struct rv_str){big, sizeof big}, 5);
    CU_ASSERT_PTR_NULL(credential_cache_find(c, &h, 5));
    CU_ASSERT_PTR_NULL(credential_cache_free(c));
}

static unsigned dropped;
static void count_drop(void *value) { dropped += value != NULL; }

/* Many names, of which the one that was used the longest ago gives way: no two share a place. */
static void recent_values(void) {
    enum { MOST = 1000 };
    static int values[MOST + 1];
    struct recent *r = recent_new(MOST, count_drop);
    char name[16];
    dropped = 0;
    for (int i = 0; i < MOST; i++) {
        snprintf(name, sizeof name, "s%d", i);
        recent_put(r, rv_str(name), &values[i]);
    }
    CU_ASSERT_TRUE(dropped == 0 && recent_count(r) == MOST && recent_oldest(r) == &values[0]);
    CU_ASSERT_PTR_EQUAL(recent_find(r, RV_STR("s0")), &values[0]);
    recent_put(r, RV_STR("one more"), &values[MOST]);
    CU_ASSERT_TRUE(dropped == 1 && recent_count(r) == MOST && recent_find(r, RV_STR("s1")) == NULL);
    CU_ASSERT_PTR_EQUAL(recent_find(r, RV_STR("s0")), &values[0]);
    recent_put(r, RV_STR("s0"), &values[1]);
    CU_ASSERT_TRUE(dropped == 2 && recent_count(r) == MOST && recent_find(r, RV_STR("s0")) == &values[1]);
    recent_put(r, (struct rv_str){"s0\0x", 4}, &values[2]);
    CU_ASSERT_PTR_EQUAL(recent_find(r, RV_STR("s0")), &values[1]);
    recent_remove(r, RV_STR("s0"));
    recent_remove(r, RV_STR("s0"));
    CU_ASSERT_PTR_NULL(recent_find(r, RV_STR("s0")));
    recent_free(r);
    CU_ASSERT_EQUAL(dropped, MOST + 3);
}

static const struct suite_test tests[] = {{"credentials", credentials},
                                          {"credentials that are kept", kept_credentials},
                                          {"the cache of credentials", credential_cache},
                                          {"recent values", recent_values}};
SUITE_MAIN("credentials", tests)
