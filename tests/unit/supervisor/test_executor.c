/* The pipeline from a plugin's wish to its result: what is sent, what is sent again and what never, whose turn it is,
 * and that every action is answered exactly once. */
#include "executor_fixture.h"
#include "rayvisor/k8s.h"

#include <stdio.h>
#include <stdlib.h>

#include "supervisor/bus/feeds.h"

#define OWNED(uid) ",\"ownerReferences\":[{\"uid\":\"x\"},{\"uid\":\"" uid "\",\"controller\":true}]"
#define STATUS(code, reason) "{\"kind\":\"Status\",\"reason\":\"" reason "\",\"message\":\"told\",\"code\":" code "}"

static void what_is_sent(void) {
    static const struct {
        struct ask ask;
        const char *line, *type, *body;
    } rows[] = {
        {{.verb = RV_VERB_CREATE, .name = "p", .body = "{\"a\":1}"}, "POST " PODS, "application/json", "{\"a\":1}"},
        {{.verb = RV_VERB_APPLY, .name = "p", .body = "{\"a\":1}"},
         "PATCH " PODS "/p?fieldManager=rayvisor-toy&force=true",
         "application/apply-patch+yaml",
         "{\"a\":1}"},
        {{.verb = RV_VERB_APPLY, .name = "p", .body = "{\"a\":1}", .uid = "u"},
         "PATCH " PODS "/p?fieldManager=rayvisor-toy&force=true",
         "application/apply-patch+yaml",
         "{\"a\":1,\"metadata\":{\"uid\":\"u\"}}"},
        {{.verb = RV_VERB_MERGE_PATCH, .name = "p", .subresource = "status", .body = "{\"status\":{}}"},
         "PATCH " PODS "/p/status",
         "application/merge-patch+json",
         "{\"status\":{}}"},
        {{.verb = RV_VERB_MERGE_PATCH, .name = "p", .body = "{\"metadata\":{\"a\":1}}", .uid = "u", .version = "7"},
         "PATCH " PODS "/p",
         "application/merge-patch+json",
         "{\"metadata\":{\"a\":1,\"uid\":\"u\",\"resourceVersion\":\"7\"}}"},
        {{.verb = RV_VERB_JSON_PATCH, .name = "p", .body = "[{\"op\":\"remove\",\"path\":\"/a\"}]"},
         "PATCH " PODS "/p",
         "application/json-patch+json",
         "[{\"op\":\"remove\",\"path\":\"/a\"}]"},
        {{.verb = RV_VERB_JSON_PATCH, .name = "p", .body = "[{\"op\":\"x\"}]", .uid = "u", .version = "7"},
         "PATCH " PODS "/p",
         "application/json-patch+json",
         "[{\"op\":\"add\",\"path\":\"/metadata/uid\",\"value\":\"u\"},"
         "{\"op\":\"add\",\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"},{\"op\":\"x\"}]"},
        {{.verb = RV_VERB_DELETE, .name = "p", .grace = -1},
         "DELETE " PODS "/p",
         "application/json",
         "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}"},
        {{.verb = RV_VERB_DELETE, .name = "p", .grace = 5, .propagation = "Foreground", .uid = "u", .version = "7"},
         "DELETE " PODS "/p",
         "application/json",
         "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Foreground\","
         "\"gracePeriodSeconds\":"
         "5,\"preconditions\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}"},
        {{.verb = RV_VERB_DELETE, .name = "p", .version = "7"},
         "DELETE " PODS "/p",
         "application/json",
         "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\","
         "\"preconditions\":{\"resourceVersion\":\"7\"}}"},
        {{.verb = RV_VERB_DELETE_COLLECTION, .selector = "a=b"},
         "DELETE " PODS "?labelSelector=a%3Db",
         "application/json",
         "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}"},
        {{.verb = RV_VERB_GET, .name = "p"}, "GET " PODS "/p", NULL, ""},
        {{.verb = RV_VERB_EVENT, .name = "p", .body = "\"note\""},
         "POST /apis/events.k8s.io/v1/namespaces/n/events",
         "application/json",
         NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = fixture_new();
        script_on(w->server, &(struct script_answer){.body = "{}"});
        fixture_ask(w, &w->a, &rows[i].ask);
        CHECK_ROW(script_count(w->server) == 0, rows[i].line); /* in the loop's own turn */
        CHECK_ROW(fixture_result(w, &w->a, 0)->code == 0, rows[i].line);
        if (rows[i].ask.verb == RV_VERB_EVENT) fixture_sent(w, 1); /* nobody waits for an event */
        const struct script_request *r = script_last(w->server);
        CHECK_ROW(script_count(w->server) == 1 && strcmp(r->line, rows[i].line) == 0, rows[i].line);
        CHECK_ROW(rows[i].body == NULL || strcmp(r->body, rows[i].body) == 0, rows[i].line);
        if (rows[i].body != NULL && strcmp(r->body, rows[i].body) != 0) printf("\n    sent %s", r->body);
        CHECK_ROW(rows[i].type != NULL ? strstr(r->headers, rows[i].type) != NULL
                                       : strstr(r->headers, "Content-Type") == NULL,
                  rows[i].line);
        fixture_free(w);
    }
}

/* The cache has the object before the plugin has the result. */
static void read_your_writes(void) {
    struct fixture *w = fixture_new();
    script_on(w->server, &(struct script_answer){.status = 201, .body = POD("p-x7k2m", "5", "")});
    fixture_ask(w, &w->a,
                &(struct ask){.id = 1, .verb = RV_VERB_CREATE, .body = "{\"metadata\":{\"generateName\":\"p-\"}}"});
    const struct seen_result *r = fixture_result(w, &w->a, 1);
    CU_ASSERT_TRUE(r->code == 0 && r->http == 201 && strcmp(r->name, "p-x7k2m") == 0 && strcmp(r->uid, "u1") == 0);
    CU_ASSERT_TRUE(strcmp(r->version, "5") == 0 && r->cached);
    script_on(w->server, &(struct script_answer){.body = POD("p-x7k2m", "6", "")});
    fixture_ask(w, &w->a, &(struct ask){.id = 2, .verb = RV_VERB_GET, .name = "p-x7k2m"});
    r = fixture_result(w, &w->a, 2);
    CU_ASSERT_TRUE(strcmp(r->body, POD("p-x7k2m", "6", "")) == 0 && r->cached);
    /* What a subresource other than status answers is no such object (a Scale has its name and version). */
    script_on(w->server, &(struct script_answer){.body = POD("p-x7k2m", "8", ",\"kind\":\"Scale\"")});
    fixture_ask(
        w, &w->a,
        &(struct ask){.id = 5, .verb = RV_VERB_MERGE_PATCH, .name = "p-x7k2m", .subresource = "scale", .body = "{}"});
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 5)->code == 0 && !fixture_result(w, &w->a, 5)->cached);
    script_on(w->server, &(struct script_answer){.body = POD("p-x7k2m", "8", "")});
    fixture_ask(
        w, &w->a,
        &(struct ask){.id = 6, .verb = RV_VERB_MERGE_PATCH, .name = "p-x7k2m", .subresource = "status", .body = "{}"});
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 6)->cached);
    /* Deleted: gone at once when the server says so, still there while it has a grace period. */
    script_on(w->server, &(struct script_answer){.body = POD("p-x7k2m", "9", ",\"deletionTimestamp\":\"x\"")});
    fixture_ask(w, &w->a, &(struct ask){.id = 3, .verb = RV_VERB_DELETE, .name = "p-x7k2m", .uid = "u1"});
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 3)->cached);
    script_on(w->server, &(struct script_answer){.body = "{\"kind\":\"Status\",\"status\":\"Success\"}"});
    fixture_ask(w, &w->a, &(struct ask){.id = 4, .verb = RV_VERB_DELETE, .name = "p-x7k2m", .uid = "u1"});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 4)->code, 0);
    CU_ASSERT_PTR_NULL(store_find(w->pods, RV_STR("n"), RV_STR("p-x7k2m")));
    fixture_free(w);
}

/* What the first answer leads to; a second try succeeds. sent: how many requests there were in the end. */
static void tries(void) {
    static const struct ask create = {.verb = RV_VERB_CREATE, .name = "p", .body = "{}"},
                            generate = {.verb = RV_VERB_CREATE, .body = "{}"},
                            apply = {.verb = RV_VERB_APPLY, .name = "p", .body = "{}"},
                            patch = {.verb = RV_VERB_JSON_PATCH, .name = "p", .body = "[]"},
                            patch_at = {.verb = RV_VERB_JSON_PATCH, .name = "p", .body = "[]", .version = "3"},
                            merge = {.verb = RV_VERB_MERGE_PATCH, .name = "p", .body = "{}"},
                            delete = {.verb = RV_VERB_DELETE, .name = "p"},
                            delete_it = {.verb = RV_VERB_DELETE, .name = "p", .uid = "u1"},
                            sweep = {.verb = RV_VERB_DELETE_COLLECTION, .selector = "a"},
                            get = {.verb = RV_VERB_GET, .name = "p"};
    static const struct script_answer throttled = {.status = 429},
                                      later = {.status = 503, .headers = "Retry-After: 0\r\n"},
                                      soon = {.status = 503, .body = "{\"details\":{\"retryAfterSeconds\":1}}"},
                                      internal = {.status = 500}, timeout = {.status = 504},
                                      hangup = {.how = SCRIPT_HANGUP}, cut = {.body = "{", .how = SCRIPT_CUT},
                                      damaged = {.body = "{\"a\""},
                                      conflict = {.status = 409, .body = STATUS("409", "Conflict")},
                                      invalid = {.status = 422, .body = STATUS("422", "Invalid")},
                                      forbidden = {.status = 403, .body = STATUS("403", "Forbidden")},
                                      missing = {.status = 404, .body = STATUS("404", "NotFound")};
    static const struct {
        const char *row;
        const struct ask *ask;
        const struct script_answer *first;
        unsigned sent;
        int code;
    } rows[] = {
        {"create, throttled", &create, &throttled, 2, 0},
        {"create, server error", &create, &internal, 2, 0},
        {"create, lost", &create, &hangup, 2, 0},
        {"create, cut", &create, &cut, 2, 0},
        {"create, damaged", &create, &damaged, 2, 0},
        {"generate, throttled", &generate, &throttled, 2, 0},
        {"generate, asked to come back", &generate, &soon, 2, 0},
        {"generate, server error", &generate, &internal, 1, RV_E_UNKNOWN},
        {"generate, unavailable", &generate, &later, 1, RV_E_UNKNOWN},
        {"generate, timeout", &generate, &timeout, 1, RV_E_UNKNOWN},
        {"generate, lost", &generate, &hangup, 1, RV_E_UNKNOWN},
        {"generate, cut", &generate, &cut, 1, RV_E_UNKNOWN},
        {"generate, damaged", &generate, &damaged, 1, RV_E_UNKNOWN},
        {"generate, invalid", &generate, &invalid, 1, RV_E_INVALID},
        {"apply, lost", &apply, &hangup, 2, 0},
        {"apply, conflict", &apply, &conflict, 1, RV_E_CONFLICT},
        {"apply, forbidden", &apply, &forbidden, 1, RV_E_FORBIDDEN},
        {"json patch, lost", &patch, &hangup, 1, RV_E_UNKNOWN},
        {"json patch, throttled", &patch, &throttled, 2, 0},
        {"json patch at a version, lost", &patch_at, &hangup, 2, 0},
        {"merge patch, lost", &merge, &hangup, 2, 0},
        {"merge patch, missing", &merge, &missing, 1, RV_E_NOT_FOUND},
        {"delete, lost", &delete, &hangup, 1, RV_E_UNKNOWN},
        {"delete, missing", &delete, &missing, 1, RV_E_NOT_FOUND},
        {"delete of an incarnation, lost", &delete_it, &hangup, 2, 0},
        {"delete of an incarnation, conflict", &delete_it, &conflict, 1, RV_E_CONFLICT},
        {"delete collection, lost", &sweep, &hangup, 1, RV_E_UNKNOWN},
        {"delete collection, server error", &sweep, &internal, 1, RV_E_UNKNOWN},
        {"delete collection, throttled", &sweep, &throttled, 2, 0},
        {"get, lost", &get, &hangup, 2, 0},
        {"get, timeout", &get, &timeout, 2, 0},
        {"get, missing", &get, &missing, 1, RV_E_NOT_FOUND},
    };
    for (size_t k = 0; k < 2 * RV_ARRAY_LEN(rows); k++) {
        size_t i = k / 2, before = k % 2; /* on a new connection, and on one that was used before */
        struct fixture *w = fixture_new();
        if (before != 0) {
            script_on(w->server, &(struct script_answer){.status = 404});
            fixture_ask(w, &w->a, &(struct ask){.id = 1, .verb = RV_VERB_GET, .name = "warm"});
            CHECK_ROW(fixture_result(w, &w->a, 1)->code == RV_E_NOT_FOUND, rows[i].row);
        }
        script_on(w->server, rows[i].first);
        if (rows[i].sent > 1) script_on(w->server, &(struct script_answer){.body = POD("p", "9", "")});
        fixture_ask(w, &w->a, rows[i].ask);
        const struct seen_result *r = fixture_result(w, &w->a, 0);
        CHECK_ROW(r->code == rows[i].code && script_count(w->server) == before + rows[i].sent, rows[i].row);
        if (r->code != rows[i].code) printf("\n    %s after %zu", rv_error_name(r->code), script_count(w->server));
        CHECK_ROW(rows[i].first->body == NULL || r->code == 0 || r->code == RV_E_UNKNOWN ||
                      (strcmp(r->message, "told") == 0 && r->reason[0] != 0 && r->http == rows[i].first->status),
                  rows[i].row);
        struct executor_stats st;
        executor_stats(w->executor, &st);
        CHECK_ROW(st.done == 1 + before && st.failed == before + (r->code != 0) && st.in_flight == 0, rows[i].row);
        CHECK_ROW(before != 0 || st.retries == rows[i].sent - 1, rows[i].row); /* else curl may have done it */
        CHECK_ROW(w->pauses == st.retries, rows[i].row);
        int64_t least = rows[i].first == &soon ? 1000 : 100, most = rows[i].first == &soon ? 1000 : 200;
        CHECK_ROW(w->pauses == 0 || (w->pause >= least && w->pause <= most), rows[i].row);
        fixture_free(w);
    }
}

static void note_change(void *arg, const struct store_object *o, bool deleted) {
    rv_buf_addf(arg, "%c" RV_STR_FMT " ", deleted ? '-' : '+', RV_STR_ARG(o->resource_version));
}

/* Who was refused for what it knew is told what is there now, or it would ask the same again at once, for ever. */
static void conflicts(void) {
    static const struct {
        const char *row;
        struct ask ask;
        bool quiet; /* the cache has noted version 6 without telling it */
        struct script_answer newest;
        const char *told;
    } rows[] = {
        {"noted", {.verb = RV_VERB_MERGE_PATCH, .version = "5", .body = "{}"}, true, {.status = 0}, "+6 "},
        {"noted, version in the body",
         {.verb = RV_VERB_MERGE_PATCH, .body = "{\"metadata\":{\"resourceVersion\":\"5\"}}", .subresource = "status"},
         true,
         {.status = 0},
         "+6 "},
        {"not known yet",
         {.verb = RV_VERB_APPLY, .version = "5", .body = "{}"},
         false,
         {.body = POD("p", "7", "")},
         "+7 "},
        {"not known yet, version in the body",
         {.verb = RV_VERB_MERGE_PATCH, .body = "{\"metadata\":{\"resourceVersion\":\"5\"}}"},
         false,
         {.body = POD("p", "7", "")},
         "+7 "},
        {"noted, and newer still",
         {.verb = RV_VERB_JSON_PATCH, .version = "6", .body = "[]"},
         true,
         {.body = POD("p", "7", "")},
         "+6 +7 "},
        {"another incarnation",
         {.verb = RV_VERB_DELETE, .uid = "u1"},
         false,
         {.body = "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u2\",\"resourceVersion\":\"9\"}}"},
         "+9 "},
        {"gone", {.verb = RV_VERB_DELETE, .uid = "u1", .version = "5"}, false, {.status = 404}, "-5 "},
        {"cannot be read", {.verb = RV_VERB_DELETE, .version = "5"}, false, {.status = 403}, ""},
        {"without a condition", {.verb = RV_VERB_APPLY, .body = "{}"}, true, {.status = 0}, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = fixture_new();
        rv_autoarena struct rv_arena *arena = rv_arena_new();
        rv_autobuf struct rv_buf told = {0};
        store_put(w->pods, from_json(arena, POD("p", "5", "")));
        struct store_listener *l = store_listen(w->pods, note_change, &told);
        if (rows[i].quiet) store_put(w->pods, from_json(arena, POD("p", "6", "")));
        script_on(w->server, &(struct script_answer){.status = 409, .body = STATUS("409", "Conflict")});
        bool reads = rows[i].newest.status != 0 || rows[i].newest.body != NULL;
        if (reads) script_on(w->server, &rows[i].newest);
        struct ask a = rows[i].ask;
        a.id = 1;
        a.name = "p";
        CHECK_ROW(told.n == 0, rows[i].row);
        fixture_ask(w, &w->a, &a);
        const struct seen_result *r = fixture_result(w, &w->a, 1);
        CHECK_ROW(r->code == RV_E_CONFLICT && r->http == 409 && strcmp(r->message, "told") == 0, rows[i].row);
        CHECK_ROW(strcmp(r->reason, "Conflict") == 0 && script_count(w->server) == (reads ? 2 : 1), rows[i].row);
        CHECK_ROW(!reads || strcmp(script_last(w->server)->line, "GET " PODS "/p") == 0, rows[i].row);
        CHECK_ROW(rv_str_is(rv_buf_str(&told), rows[i].told), rows[i].row); /* before the result */
        store_unlisten(l);
        fixture_free(w);
    }
}

static void gives_up(void) {
    struct fixture *w = fixture_new();
    script_on(w->server,
              &(struct script_answer){.status = 503, .body = STATUS("503", "ServiceUnavailable"), .times = 5});
    fixture_ask(w, &w->a, &(struct ask){.verb = RV_VERB_APPLY, .name = "p", .body = "{}"});
    for (unsigned tries = 1; tries <= 4; tries++) { /* each pause is twice as long, with up to as much again */
        SCRIPT_UNTIL(w->stage->s.loop, w->pauses == tries);
        int64_t least = INT64_C(50) << tries;
        CU_ASSERT_TRUE(w->pause >= least && w->pause <= 2 * least);
    }
    const struct seen_result *r = fixture_result(w, &w->a, 0);
    CU_ASSERT_TRUE(r->code == RV_E_UNAVAILABLE && r->http == 503 && strcmp(r->message, "told") == 0);
    CU_ASSERT_EQUAL(script_count(w->server), 5);
    fixture_free(w);
}

/* A create that finds its name taken looks who it is. */
static void already_there(void) {
    static const char mine[] =
        "{\"metadata\":{\"name\":\"p\",\"ownerReferences\":[{\"uid\":\"me\",\"controller\":true}]}}",
                      nobodys[] = "{\"metadata\":{\"name\":\"p\"}}";
    static const struct {
        const char *row, *body;
        struct script_answer found;
        int code;
    } rows[] = {
        {"our own", mine, {.body = POD("p", "5", OWNED("me"))}, 0},
        {"somebody else's", mine, {.body = POD("p", "5", OWNED("you"))}, RV_E_EXISTS},
        {"nobody's", mine, {.body = POD("p", "5", "")}, RV_E_EXISTS},
        {"ours has no owner", nobodys, {.body = POD("p", "5", OWNED("me"))}, RV_E_EXISTS},
        {"went meanwhile", mine, {.status = 404}, RV_E_CONFLICT},
        {"may not look", mine, {.status = 403}, RV_E_FORBIDDEN},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = fixture_new();
        script_on(w->server,
                  &(struct script_answer){.when = "POST", .status = 409, .body = STATUS("409", "AlreadyExists")});
        struct script_answer found = rows[i].found;
        found.when = "GET " PODS "/p";
        script_on(w->server, &found);
        fixture_ask(w, &w->a, &(struct ask){.verb = RV_VERB_CREATE, .name = "p", .body = rows[i].body});
        const struct seen_result *r = fixture_result(w, &w->a, 0);
        CHECK_ROW(r->code == rows[i].code && script_count(w->server) == 2, rows[i].row);
        CHECK_ROW(r->code != 0 || (r->cached && strcmp(r->uid, "u1") == 0), rows[i].row);
        fixture_free(w);
    }
    struct fixture *w = fixture_new(); /* a generated name that collides is the server's affair */
    script_on(w->server, &(struct script_answer){.status = 409, .body = STATUS("409", "AlreadyExists")});
    fixture_ask(w, &w->a, &(struct ask){.verb = RV_VERB_CREATE, .body = "{}"});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 0)->code, RV_E_EXISTS);
    fixture_free(w);
}

/* The answer to the first create is lost; the second finds what the first made. */
static void lost_but_made(void) {
    struct fixture *w = fixture_new();
    script_on(w->server, &(struct script_answer){.when = "POST", .how = SCRIPT_HANGUP});
    script_on(w->server,
              &(struct script_answer){.when = "POST", .status = 409, .body = STATUS("409", "AlreadyExists")});
    script_on(w->server, &(struct script_answer){.when = "GET", .body = POD("p", "5", OWNED("me"))});
    fixture_ask(w, &w->a,
                &(struct ask){.verb = RV_VERB_CREATE,
                              .name = "p",
                              .body = "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"me\",\"controller\":true}]}}"});
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 0)->code == 0 && script_count(w->server) == 3);
    fixture_free(w);
}

static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"};

/* With one place in flight the order of requests is the order of turns. */
static void turns(void) {
    struct fixture *w = fixture_new();
    w->stage->s.config->max_in_flight = 1;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){.body = "{}", .times = 9});
    for (uint64_t i = 0; i < 6; i++)
        fixture_ask(w, &w->a,
                    &(struct ask){.id = i, .verb = RV_VERB_GET, .name = names[i], .key = i < 4 ? "big" : "small"});
    for (uint64_t i = 6; i < 9; i++)
        fixture_ask(w, &w->b, &(struct ask){.id = i, .verb = RV_VERB_GET, .name = names[i]});
    SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n + w->b.result_n == 9);
    rv_autobuf struct rv_buf order = {0};
    for (size_t i = 0; i < 9; i++) rv_buf_adds(&order, strrchr(script_at(w->server, i)->line, 'p') + 1);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&order), "064718523"); /* a's two keys in turn, b in between */
    fixture_free(w);
}

/* Many may be on the way, but only one for an object. */
static void in_flight(void) {
    struct fixture *w = fixture_new();
    struct executor_stats st;
    w->stage->s.config->max_in_flight = 3;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){.how = SCRIPT_STREAM, .body = "{}", .times = 3});
    script_on(w->server, &(struct script_answer){.body = "{}", .times = 3});
    fixture_ask(w, &w->a, &(struct ask){.id = 0, .verb = RV_VERB_MERGE_PATCH, .name = "same", .body = "{}"});
    fixture_ask(w, &w->b, &(struct ask){.id = 1, .verb = RV_VERB_MERGE_PATCH, .name = "same", .body = "{}"});
    for (uint64_t i = 2; i < 6; i++)
        fixture_ask(w, &w->a, &(struct ask){.id = i, .verb = RV_VERB_GET, .name = names[i], .key = names[i]});
    SCRIPT_UNTIL(w->stage->s.loop, script_count(w->server) == 3);
    for (int i = 0; i < 20; i++) loop_turn(w->stage->s.loop, 1);
    executor_stats(w->executor, &st);
    CU_ASSERT_TRUE(script_count(w->server) == 3 && script_count_of(w->server, "same") == 1);
    CU_ASSERT_TRUE(st.in_flight == 3 && st.queued == 3 && !executor_idle(w->executor));
    for (int i = 0; i < 3; i++) script_end(w->server);
    SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n == 5 && w->b.result_n == 1);
    CU_ASSERT_TRUE(executor_idle(w->executor) && script_count_of(w->server, "same") == 2);
    fixture_free(w);
}

/* What holds no place in flight: timers and requests to Ray. */
static void besides(void) {
    struct fixture *w = fixture_new();
    struct script_server *ray = script_new(w->stage->s.loop);
    rv_autobuf struct rv_buf url = {0}, api = {0};
    rv_buf_addf(&url, "%s/api/jobs/", script_url(ray));
    rv_buf_addf(&api, "%s/api/v1/secrets", script_url(w->server));
    w->stage->s.config->max_in_flight = 1;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){.how = SCRIPT_SILENT});
    script_on(ray, &(struct script_answer){.body = "{\"jobs\":[1]}"});
    script_on(ray, &(struct script_answer){.how = SCRIPT_HANGUP});
    fixture_ask(w, &w->a, &(struct ask){.id = 0, .verb = RV_VERB_GET, .name = "p"});
    SCRIPT_UNTIL(w->stage->s.loop, script_count(w->server) == 1);
    fixture_ask(w, &w->a, &(struct ask){.id = 1, .verb = RV_VERB_TIMER});
    fixture_ask(w, &w->a, &(struct ask){.id = 2, .verb = RV_VERB_HTTP, .url = rv_buf_cstr(&url)});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 1)->code, 0);
    const struct seen_result *r = fixture_result(w, &w->a, 2);
    CU_ASSERT_TRUE(r->code == 0 && r->http == 200 && strcmp(r->body, "{\"jobs\":[1]}") == 0);
    fixture_ask(w, &w->a, &(struct ask){.id = 3, .verb = RV_VERB_HTTP, .url = rv_buf_cstr(&url), .method = "POST"});
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 3)->code == RV_E_UNAVAILABLE && script_count(ray) == 2); /* never again */
    fixture_ask(w, &w->a, &(struct ask){.id = 4, .verb = RV_VERB_HTTP, .url = rv_buf_cstr(&api)});
    CU_ASSERT_TRUE(fixture_result(w, &w->a, 4)->code == RV_E_DENIED && script_count(w->server) == 1);
    executor_free(w->executor); /* before the server that it talks to */
    w->executor = executor_new(&w->stage->s);
    CU_ASSERT_EQUAL(w->a.results[0].code, RV_E_SHUTDOWN);
    CU_ASSERT_EQUAL(script_unexpected(ray), 0);
    script_free(ray);
    fixture_free(w);
}

/* Halved by each 429, raised by each success. */
static void throttle(void) {
    struct fixture *w = fixture_new();
    struct executor_stats st;
    w->stage->s.config->max_in_flight = 4;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){.status = 429, .headers = "Retry-After: 1\r\n"});
    script_on(w->server, &(struct script_answer){.how = SCRIPT_STREAM, .body = "{}", .times = 2});
    script_on(w->server, &(struct script_answer){.body = "{}", .times = 4});
    fixture_ask(w, &w->a, &(struct ask){.id = 0, .verb = RV_VERB_GET, .name = names[0]});
    SCRIPT_UNTIL(w->stage->s.loop, (executor_stats(w->executor, &st), st.retries == 1));
    for (uint64_t i = 1; i < 6; i++)
        fixture_ask(w, &w->a, &(struct ask){.id = i, .verb = RV_VERB_GET, .name = names[i], .key = names[i]});
    SCRIPT_UNTIL(w->stage->s.loop, script_count(w->server) == 2);
    executor_stats(w->executor, &st);
    CU_ASSERT_TRUE(st.in_flight == 2 && st.queued == 4); /* one of them waits for its second try */
    script_end(w->server);
    SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n == 1 && script_streaming(w->server));
    script_end(w->server);
    SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n == 6);
    fixture_free(w);
}

static void refused(void) {
    struct fixture *w = fixture_new();
    w->a.config.max_in_flight = 2;
    script_on(w->server, &(struct script_answer){.when = "POST /apis/events", .body = "{}"});
    for (uint64_t i = 0; i < 2; i++)
        fixture_ask(w, &w->a, &(struct ask){.id = i, .verb = RV_VERB_DELETE, .resource = "secrets", .name = "s"});
    CU_ASSERT_TRUE(w->a.results[0].code == RV_E_DENIED && w->a.results[1].code == RV_E_DENIED); /* at once */
    CU_ASSERT_PTR_NOT_NULL(strstr(w->a.results[0].message, "may not delete secrets (v1) in namespace n"));
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_EQUAL(script_count(w->server), 1); /* said once */
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(w->server)->body, "\"ActionDenied\""));
    /* More open at once than the host was told: not our host. */
    script_on(w->server, &(struct script_answer){.body = "{}", .times = 2});
    for (uint64_t i = 2; i < 5; i++)
        fixture_ask(w, &w->a, &(struct ask){.id = i, .verb = RV_VERB_GET, .name = names[i]});
    CU_ASSERT_TRUE(w->a.results[4].code == RV_E_THROTTLED && w->a.results[3].times == 0);
    CU_ASSERT_EQUAL(executor_open(w->executor, &w->a.client), 2);
    CU_ASSERT_EQUAL(executor_open(w->executor, &w->b.client), 0);
    SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n == 5);
    CU_ASSERT_TRUE(w->a.results[2].code == 0 && w->a.results[3].code == 0);
    /* What waits for others than the API server is counted by itself. */
    w->a.config.max_http = 1;
    fixture_ask(w, &w->a, &(struct ask){.id = 5, .verb = RV_VERB_TIMER, .delay_ms = 50});
    fixture_ask(w, &w->a, &(struct ask){.id = 6, .verb = RV_VERB_TIMER});
    CU_ASSERT_TRUE(w->a.results[6].code == RV_E_THROTTLED && w->a.results[5].times == 0);
    loop_turn(w->stage->s.loop, 0);
    CU_ASSERT_EQUAL(executor_open(w->executor, &w->a.client), 0);
    CU_ASSERT_EQUAL(w->a.results[5].times, 0); /* it runs, but a timer is nothing to wait for */
    CU_ASSERT_PTR_NOT_NULL(strstr(w->a.results[6].message, "limits.maxHttp"));
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 5)->code, 0);
    fixture_free(w);
}

/* No API server takes an object of that size: it is answered at once, and sent nowhere. */
static void too_large(void) {
    struct fixture *w = fixture_new();
    static const uint32_t verbs[] = {RV_VERB_CREATE, RV_VERB_APPLY, RV_VERB_MERGE_PATCH};
    rv_autobuf struct rv_buf body = {0};
    rv_buf_adds(&body, "{\"data\":\"");
    for (size_t i = 0; i < OBJECT_BYTES_MAX; i++) rv_buf_addc(&body, 'x');
    rv_buf_adds(&body, "\"}");
    for (uint64_t i = 0; i < RV_ARRAY_LEN(verbs); i++) {
        fixture_ask(w, &w->a, &(struct ask){.id = i, .verb = verbs[i], .name = "p", .body = rv_buf_cstr(&body)});
        CU_ASSERT_TRUE(w->a.results[i].times == 1 && w->a.results[i].code == RV_E_TOO_BIG);
    }
    CU_ASSERT_TRUE(script_count(w->server) == 0 && executor_open(w->executor, &w->a.client) == 0);
    fixture_free(w);
}

/* A plugin that died: what waits is dropped, what was sent ends in the cache, nobody is told. */
/* So many per second, for all and for one plugin: what is asked for at once takes at least so long. */
static void paced(void) {
    static const struct {
        const char *row;
        int64_t qps, burst, own;
        unsigned n, least_ms;
    } rows[] = {{"for all", 40, 4, 0, 16, 300},
                {"for one plugin", 0, 0, 20, 26, 300},
                {"the slower one", 1000, 10, 20, 26, 300}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = fixture_new();
        w->stage->s.config->qps = rows[i].qps;
        w->stage->s.config->burst = rows[i].burst;
        w->a.config.actions_per_second = rows[i].own;
        script_on(w->server, &(struct script_answer){.body = "{}", .times = rows[i].n});
        int64_t began = clock_monotonic();
        for (unsigned k = 0; k < rows[i].n; k++) {
            char name[16];
            snprintf(name, sizeof name, "p%u", k);
            fixture_ask(w, &w->a, &(struct ask){.id = k, .verb = RV_VERB_GET, .name = name, .key = name});
        }
        SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n == rows[i].n);
        CHECK_ROW(clock_monotonic() - began >= rows[i].least_ms * INT64_C(1000000), rows[i].row);
        CHECK_ROW(script_count(w->server) == rows[i].n, rows[i].row);
        fixture_free(w);
    }
}

static void forgotten(void) {
    struct fixture *w = fixture_new();
    w->stage->s.config->max_in_flight = 1;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){.how = SCRIPT_STREAM, .body = POD("p0", "5", "")});
    script_on(w->server, &(struct script_answer){.body = "{}"});
    fixture_ask(w, &w->a, &(struct ask){.id = 0, .verb = RV_VERB_CREATE, .name = "p0", .body = "{}"});
    fixture_ask(w, &w->a, &(struct ask){.id = 1, .verb = RV_VERB_CREATE, .name = "p1", .body = "{}"});
    fixture_ask(w, &w->b, &(struct ask){.id = 0, .verb = RV_VERB_GET, .name = "p2"});
    SCRIPT_UNTIL(w->stage->s.loop, script_streaming(w->server));
    executor_forget(w->executor, &w->a.client);
    script_end(w->server);
    SCRIPT_UNTIL(w->stage->s.loop, w->b.result_n == 1);
    CU_ASSERT_TRUE(w->a.result_n == 0 && script_count(w->server) == 2);
    CU_ASSERT_PTR_NOT_NULL(store_find(w->pods, RV_STR("n"), RV_STR("p0")));
    fixture_free(w);
}

static void shutdown_now(void) {
    struct fixture *w = fixture_new();
    w->stage->s.config->max_in_flight = 2;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){.status = 429, .headers = "Retry-After: 3600\r\n"});
    struct executor_stats st;
    fixture_ask(w, &w->a, &(struct ask){.id = 0, .verb = RV_VERB_GET, .name = "p0"}); /* waits for its second try */
    SCRIPT_UNTIL(w->stage->s.loop, (executor_stats(w->executor, &st), st.retries == 1));
    fixture_ask(w, &w->a, &(struct ask){.id = 1, .verb = RV_VERB_TIMER});
    fixture_ask(w, &w->b, &(struct ask){.id = 2, .verb = RV_VERB_GET, .name = "p2", .key = "other"});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 1)->code, 0);
    executor_free(w->executor);
    CU_ASSERT_EQUAL(w->a.results[0].code, RV_E_SHUTDOWN);
    CU_ASSERT_EQUAL(w->b.result_n, 0); /* had no turn yet, and is not sent any more */
    w->executor = executor_new(&w->stage->s);
    w->stage->s.stopping = true; /* on the way out nothing is tried again */
    script_on(w->server, &(struct script_answer){.when = "p3", .status = 503});
    fixture_ask(w, &w->a, &(struct ask){.id = 3, .verb = RV_VERB_GET, .name = "p3"});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 3)->code, RV_E_UNAVAILABLE);
    fixture_free(w);
}

static void count_codes(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n) {
    rv_buf_addf(arg, "%s %s %s %llu; ", plugin, verb, code, (unsigned long long)n);
}

static void counts(void) {
    struct fixture *w = fixture_new();
    script_on(w->server, &(struct script_answer){.body = "{}", .times = 2});
    script_on(w->server, &(struct script_answer){.status = 404});
    for (uint64_t i = 0; i < 3; i++) {
        fixture_ask(w, &w->a, &(struct ask){.id = i, .verb = RV_VERB_GET, .name = "p"});
        (void)fixture_result(w, &w->a, i);
    }
    rv_autobuf struct rv_buf b = {0};
    executor_each_count(w->executor, count_codes, &b);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&b), "toy get OK 2; toy get NOT_FOUND 1; ");
    fixture_free(w);
}

#define CLUSTER(uid)                                                                                                   \
    "{\"kind\":\"RayCluster\",\"metadata\":{\"name\":\"c\",\"namespace\":\"n\",\"uid\":\"" uid                         \
    "\",\"resourceVersion\":\"3\"}}"
#define CLUSTERS "/apis/ray.io/v1/namespaces/n/rayclusters"

/* The watch of the owners is broken: they are asked for before something is made for them. */

static const char owned[] = "{\"metadata\":{\"generateName\":\"p-\",\"ownerReferences\":[{\"apiVersion\":\"ray.io/v1\","
                            "\"kind\":\"RayCluster\",\"name\":\"c\",\"uid\":\"c1\",\"controller\":true}]}}";
static const struct owner_row {
    struct script_answer owner;
    uint32_t verb;
    const char *body;
    int code;
    size_t asked, made;
    bool cached;
} owner_rows[] = {
    {{.body = CLUSTER("c1")}, RV_VERB_CREATE, owned, 0, 1, 2, true}, /* once for both */
    {{.body = CLUSTER("c1")}, RV_VERB_APPLY, owned, 0, 1, 2, true},
    {{.status = 404, .times = 2}, RV_VERB_CREATE, owned, RV_E_NOT_FOUND, 1, 1, false}, /* then it is not in the cache
                                                                                        */
    {{.body = CLUSTER("c2"), .times = 2}, RV_VERB_CREATE, owned, RV_E_NOT_FOUND, 1, 1, false},
    {{.status = 403, .times = 2}, RV_VERB_CREATE, owned, 0, 2, 2, true},
    {{.status = 400, .times = 2}, RV_VERB_CREATE, owned, RV_E_INVALID, 2, 0, true}, /* unclear: not made */
    {{.times = 1}, RV_VERB_CREATE, "{}", 0, 0, 2, true},                            /* nobody owns it */
};

static void owner_row(size_t i) {
    const struct owner_row *r = &owner_rows[i];
    struct fixture *w = fixture_new();
    rv_autofree char *row = NULL;
    if (asprintf(&row, "row %zu", i) < 0) rv_oom();
    const struct manifest_kind kind = {
        .api_version = RV_STR("ray.io/v1"), .resource = RV_STR("rayclusters"), .kind = RV_STR("RayCluster")};
    w->stage->s.feeds = feeds_new(&w->stage->s);
    script_on(w->server, &(struct script_answer){
                             .when = "rayclusters?limit",
                             .body = "{\"metadata\":{\"resourceVersion\":\"3\"},\"items\":[" CLUSTER("c1") "]}"});
    script_on(w->server, &(struct script_answer){.when = "rayclusters?watch", .status = 403});
    struct feed *feed = feed_join(w->stage->s.feeds, &kind, NULL, NULL);
    SCRIPT_UNTIL(w->stage->s.loop, script_count_of(w->server, "rayclusters?watch") == 1);
    struct script_answer owner = r->owner;
    owner.when = CLUSTERS "/c";
    script_on(w->server, &owner);
    script_on(w->server, &(struct script_answer){.when = PODS, .status = 201, .body = POD("p-1", "5", ""), .times = 2});
    int64_t began = clock_monotonic();
    for (uint64_t id = 0; id < 2; id++) {
        fixture_ask(
            w, &w->a,
            &(struct ask){.id = id, .verb = r->verb, .name = r->verb == RV_VERB_APPLY ? "p-1" : NULL, .body = r->body});
        int want = id == 0 || r->made != 1 ? r->code : 0;
        CHECK_ROW(fixture_result(w, &w->a, id)->code == want, row);
    }
    bool late = clock_monotonic() - began > INT64_C(900000000); /* what was asked counts for a second */
    CHECK_ROW(late || script_count_of(w->server, CLUSTERS "/c") == r->asked, row);
    CHECK_ROW(script_count_of(w->server, PODS) == r->made, row);
    CHECK_ROW((store_find(feed_collection(feed), RV_STR("n"), RV_STR("c")) != NULL) == r->cached, row);
    executor_free(w->executor);
    w->stage->s.feeds = feeds_free(w->stage->s.feeds);
    w->executor = executor_new(&w->stage->s);
    fixture_free(w);
}

static void owners(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(owner_rows); i++) owner_row(i);
}

/* A plugin that takes nothing: the bodies of its results are bounded, however many it asks for; what is in the way of
 * nothing goes on, and all come when it takes them. */
static void unread_results_by(bool proxy) {
    enum { ASKED = 60, BODY = 1 << 20 };
    struct fixture *w = fixture_new();
    struct script_server *ray = proxy ? w->server : script_new(w->stage->s.loop);
    const char *base = proxy ? "http://ray.n.svc:8265" : script_url(ray);
    w->stage->s.config->proxy_http = proxy;
    rv_autobuf struct rv_buf url = {0}, later = {0}, body = {0};
    rv_buf_addf(&url, "%s/logs", base);
    rv_buf_addf(&later, "%s/later", base);
    rv_buf_reserve(&body, BODY + 1);
    memset(body.p, 'x', BODY);
    body.n = BODY;
    script_on(ray, &(struct script_answer){.when = "/logs",
                                           .body = rv_buf_cstr(&body),
                                           .headers = "Content-Type: text/plain\r\n",
                                           .times = ASKED});
    for (uint64_t id = 0; id < ASKED; id++)
        fixture_ask(w, &w->a,
                    &(struct ask){.id = id, .verb = RV_VERB_HTTP, .url = rv_buf_cstr(&url), .timeout_ms = 60000});
    SCRIPT_UNTIL(w->stage->s.loop, w->a.waiting >= RESULT_BYTES_MAX);
    fixture_ask(w, &w->a, &(struct ask){.id = 60, .verb = RV_VERB_HTTP, .url = rv_buf_cstr(&later)});
    fixture_ask(w, &w->a, &(struct ask){.id = 61, .verb = RV_VERB_TIMER, .key = "other"});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 61)->code, 0);
    for (int i = 0; i < 20; i++) loop_turn(w->stage->s.loop, 10);
    CU_ASSERT_EQUAL(w->a.waiting, RESULT_BYTES_MAX);
    CU_ASSERT_EQUAL(script_count_of(ray, "/later"), 0); /* it has not begun */
    script_on(ray, &(struct script_answer){.when = "/later", .body = "{}"});
    while (w->a.result_n < ASKED + 2) {
        size_t before = w->a.result_n;
        w->a.waiting = 0;
        executor_wake(w->executor);
        SCRIPT_UNTIL(w->stage->s.loop, w->a.result_n > before);
        CU_ASSERT_TRUE_FATAL(w->a.result_n > before);
        CU_ASSERT_TRUE(w->a.waiting <= RESULT_BYTES_MAX);
    }
    for (uint64_t id = 0; id < ASKED + 1; id++) CU_ASSERT_EQUAL(w->a.results[id].code, 0);
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    CU_ASSERT_EQUAL(script_unexpected(ray), 0);
    if (!proxy) script_free(ray);
    fixture_free(w);
}

static void unread_results(void) {
    unread_results_by(false);
    unread_results_by(true);
}

static const struct suite_test tests[] = {{"too large", too_large},
                                          {"what is sent", what_is_sent},
                                          {"read your writes", read_your_writes},
                                          {"tries", tries},
                                          {"conflicts", conflicts},
                                          {"gives up", gives_up},
                                          {"already there", already_there},
                                          {"lost but made", lost_but_made},
                                          {"turns", turns},
                                          {"in flight", in_flight},
                                          {"besides", besides},
                                          {"throttle", throttle},
                                          {"refused", refused},
                                          {"paced", paced},
                                          {"forgotten", forgotten},
                                          {"unread results", unread_results},
                                          {"shutdown", shutdown_now},
                                          {"counts", counts},
                                          {"owners", owners}};
SUITE_MAIN("executor", tests)
