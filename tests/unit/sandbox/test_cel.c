/* test_cel.c - the evaluator of x-kubernetes-validations: its results, and that it refuses what it does not support. */
#include "deploy/sandbox/rules/cel.h"
#include "json.h"

static const struct {
    const char *rule, *self, *old; /* old NULL: absent */
    bool holds;
} judged[] = {
    /* literals and comparison */
    {"true", "1", NULL, true},
    {"false", "1", NULL, false},
    {"self == 1", "1", NULL, true},
    {"self == 1", "1.0", NULL, true},
    {"self != 1", "2", NULL, true},
    {"self < 10", "9", NULL, true},
    {"self < 10", "10", NULL, false},
    {"self <= 10", "10", NULL, true},
    {"self >= 10", "9", NULL, false},
    {"self > 1", "2", NULL, true},
    {"self < 'b'", "'a'", NULL, true},
    {"self < 'b'", "'b'", NULL, false},
    {"self <= 'b'", "'b'", NULL, true},
    {"self > 'a'", "'aa'", NULL, true},
    {"self >= 'b'", "'a'", NULL, false},
    {"self > ''", "'a'", NULL, true},
    {"false < self", "true", NULL, true},
    {"self < 9007199254740993", "9007199254740992", NULL, true}, /* as floats they are the same */
    {"self > 9007199254740992", "9007199254740993", NULL, true},
    {"self == 9007199254740993", "9007199254740992", NULL, false},
    {"self <= 9223372036854775807", "9223372036854775807", NULL, true},
    {"self < 9223372036854775807", "9223372036854775808", NULL, false},
    {"self.a < self.b", "{'a':18446744073709551614,'b':18446744073709551615}", NULL, true},
    {"self.a > self.b", "{'a':-1,'b':-2}", NULL, true},
    {"self.a < self.b", "{'a':1,'b':1.5}", NULL, true},
    {"self < 2", "'1'", NULL, false}, /* of two kinds: an error, either way round */
    {"self > 2", "'1'", NULL, false},
    {"self >= 'a'", "true", NULL, false},
    {"self.a <= self.b", "{'a':[1],'b':[1]}", NULL, false},
    {"size(self) == 3", "'\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80'", NULL, true}, /* characters, not bytes */
    {"self == 'a'", "'a'", NULL, true},
    {"self == \"a\"", "'a'", NULL, true},
    {"self == 'a'", "'b'", NULL, false},
    {"self == ''", "''", NULL, true},
    {"self == true", "true", NULL, true},
    {"self", "true", NULL, true},
    {"!self", "true", NULL, false},
    {"!!self", "true", NULL, true},
    {"self == [1, 2]", "[1,2]", NULL, true},
    {"self == []", "[]", NULL, true},
    /* lists */
    {"self in ['a', 'b']", "'b'", NULL, true},
    {"self in ['a', 'b']", "'c'", NULL, false},
    {"self in []", "'c'", NULL, false},
    {"'a' in self", "['x','a']", NULL, true},
    {"!(self in ['a'])", "'b'", NULL, true},
    /* fields */
    {"self.a == 1", "{'a':1}", NULL, true},
    {"self.a.b.c == 'x'", "{'a':{'b':{'c':'x'}}}", NULL, true},
    {"has(self.a)", "{'a':1}", NULL, true},
    {"has(self.a)", "{'b':1}", NULL, false},
    {"has(self.a.b)", "{'a':{'b':false}}", NULL, true},
    {"!has(self.a)", "{}", NULL, true},
    {"self.a == 1", "{}", NULL, false}, /* an error, and a rule that errs does not hold */
    {"self.a != 1", "{}", NULL, false},
    {"size(self) > 2", "'abc'", NULL, true},
    {"size(self.l) == 0", "{'l':[]}", NULL, true},
    {"size(self.l) == 0", "{}", NULL, false},
    /* logic: the left side decides whether the right one may err */
    {"has(self.a) && self.a > 1", "{}", NULL, false},
    {"!has(self.a) || self.a > 1", "{}", NULL, true},
    {"!has(self.a) || self.a > 1", "{'a':1}", NULL, false},
    {"true || self.a == 1", "{}", NULL, true},
    {"true && self.a == 1", "{}", NULL, false},
    {"false || true && false", "1", NULL, false},
    {"(false || true) && true", "1", NULL, true},
    {"true || false && false", "1", NULL, true},
    {"self && true", "1", NULL, false}, /* a number is no truth */
    {"1", "1", NULL, false},
    {"  self==1||self  ==  2 ", "2", NULL, true},
    /* transitions */
    {"self == oldSelf", "'a'", "'a'", true},
    {"self == oldSelf", "'a'", "'b'", false},
    {"self.a >= oldSelf.a", "{'a':2}", "{'a':1}", true},
    {"has(oldSelf.a) == has(self.a)", "{'a':2}", "{}", false},
};

/* Everything else is refused when the definition is made: a rule that is passed over is worse than none. */
static const char *const refused[] = {
    "",
    "self ==",
    "self = 1",
    "self == 1 1",
    "(self == 1",
    "self == 'open",
    "self == 'a\\n'",
    "self in ['a'",
    "self.",
    "self.a[0] == 1",
    "self['a'] == 1",
    "other == 1",
    "self.all(x, x > 1)",
    "self.exists(x, x == 'a')",
    "self.matches('^a$')",
    "self.startsWith('a')",
    "self.a.size() > 1",
    "self ? true : false",
    "self + 1 == 2",
    "self == -1",
    "self == 1.5",
    "self == {'a': 1}",
    "self == null",
    "has(self.a, self.b)",
    "has(1)",
    "size('abc') == 3",
    "duration(self) > duration('1s')",
    "selfish == 1",
    "self == oldSelfish",
    "isQuantity(self)",
    "self == 99999999999999999999",
    "((((((((((((((((((((((((((((((((((((((((self == 1))))))))))))))))))))))))))))))))))))))))",
    "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!self",
};

static struct rv_val value(struct rv_arena *a, const char *json) {
    return json != NULL ? rv_node_freeze(a, parse(a, json)) : RV_VAL_ABSENT;
}

static void test_judged(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(judged); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        bool transition = false;
        int e = cel_check(rv_str(judged[i].rule), &transition, NULL);
        bool holds = cel_holds(rv_str(judged[i].rule), value(a, judged[i].self), value(a, judged[i].old));
        bool right = e == 0 && holds == judged[i].holds && transition == (judged[i].old != NULL);
        if (!right) fprintf(stderr, "%s with %s: %d %d %d\n", judged[i].rule, judged[i].self, e, holds, transition);
        CU_ASSERT(right);
    }
}

static void test_refused(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(refused); i++) {
        bool transition;
        struct rv_error err = {0};
        int e = cel_check(rv_str(refused[i]), &transition, &err);
        if (e == 0) fprintf(stderr, "taken: %s\n", refused[i]);
        CU_ASSERT(e == RV_E_INVALID);
        CU_ASSERT(e == 0 || strstr(err.text, "the sandbox cannot judge the rule") != NULL);
    }
}

int main(void) {
    static const CU_TestInfo tests[] = {{"judged", test_judged}, {"refused", test_refused}, CU_TEST_INFO_NULL};
    return run_suite("cel", tests);
}
