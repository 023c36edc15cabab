/* The system's time zone database: what is read of a file, what is refused, and what a folder becomes. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/zoneinfo/tzif.h"
#include "supervisor/zoneinfo/zoneinfo.h"
#include "tests/unit/sdk/suite.h"

struct change {
    int64_t at;
    uint8_t type;
};

static void add_number(struct rv_buf *b, uint64_t v, size_t n) {
    while (n-- > 0) rv_buf_addc(b, (uint8_t)(v >> 8 * n));
}

static void add_block(struct rv_buf *b, char version, const struct change *c, size_t n, const int32_t *offsets,
                      size_t types, size_t width) {
    rv_buf_adds(b, "TZif");
    rv_buf_addc(b, (uint8_t)version);
    for (int i = 0; i < 15; i++) rv_buf_addc(b, 0);
    const size_t counts[] = {0, 0, 0, n, types, 4};
    for (size_t i = 0; i < RV_ARRAY_LEN(counts); i++) add_number(b, counts[i], 4);
    for (size_t i = 0; i < n; i++) add_number(b, (uint64_t)c[i].at, width);
    for (size_t i = 0; i < n; i++) rv_buf_addc(b, c[i].type);
    for (size_t i = 0; i < types; i++) {
        add_number(b, (uint32_t)offsets[i], 4);
        add_number(b, 0, 2);
    }
    rv_buf_add(b, "ABC", 4);
}

/* A file with three clocks, and what the rows below change of it. */
struct form {
    const char *name;
    char version;
    int64_t second; /* of the second change */
    uint8_t type;   /* its clock */
    int32_t offset; /* of the last clock */
    const char *footer;
    size_t cut; /* so many bytes are missing at the end */
    int want;
};

static void make(const struct form *f, struct rv_buf *b) {
    const struct change changes[] = {{1500000000, 1}, {f->second, f->type}};
    const int32_t offsets[] = {-3600, 3600, f->offset};
    add_block(b, f->version, NULL, 0, offsets, 1, 4);
    add_block(b, f->version, changes, 2, offsets, 3, 8);
    rv_buf_adds(b, f->footer);
    b->n -= f->cut;
}

static void files(void) {
    static const struct form rows[] = {
        {"as it should be", '2', 1600000000, 2, 7200, "\nCET-1CEST,M3.5.0,M10.5.0/3\n", 0, 0},
        {"a newer version", '4', 1600000000, 2, 7200, "\nUTC0\n", 0, 0},
        {"version 1", '\0', 1600000000, 2, 7200, "\nUTC0\n", 0, RV_E_PARSE},
        {"no rule", '2', 1600000000, 2, 7200, "\n\n", 0, RV_E_PARSE},
        {"no footer", '2', 1600000000, 2, 7200, "", 0, RV_E_PARSE},
        {"a footer without end", '2', 1600000000, 2, 7200, "\nUTC0", 0, RV_E_PARSE},
        {"a control character in the rule", '2', 1600000000, 2, 7200, "\nUTC\0330\n", 0, RV_E_PARSE},
        {"cut in the footer's newline", '2', 1600000000, 2, 7200, "\nUTC0\n", 1, RV_E_PARSE},
        {"cut in the block", '2', 1600000000, 2, 7200, "\nUTC0\n", 12, RV_E_PARSE},
        {"times that go back", '2', 1400000000, 2, 7200, "\nUTC0\n", 0, RV_E_PARSE},
        {"the same time twice", '2', 1500000000, 2, 7200, "\nUTC0\n", 0, RV_E_PARSE},
        {"a clock that is not there", '2', 1600000000, 3, 7200, "\nUTC0\n", 0, RV_E_PARSE},
        {"an offset of years", '2', 1600000000, 2, 99999999, "\nUTC0\n", 0, RV_E_PARSE},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf b = {0};
        struct tzif z;
        struct rv_error err = {0};
        make(&rows[i], &b);
        int r = tzif_parse(rv_buf_bytes(&b), &z, &err);
        CHECK_ROW(r == rows[i].want, rows[i].name);
        CHECK_ROW((r == 0) == (err.text[0] == 0), rows[i].name);
        if (r != 0) continue;
        CHECK_ROW(z.n == 2 && tzif_at(&z, 0) == 1500000000 && tzif_at(&z, 1) == 1600000000, rows[i].name);
        CHECK_ROW(tzif_first_offset(&z) == -3600 && tzif_offset(&z, 0) == 3600 && tzif_offset(&z, 1) == 7200,
                  rows[i].name);
        CHECK_ROW(z.rule.n == strlen(rows[i].footer) - 2, rows[i].name);
    }
}

/* Every cut of a good file is refused, and none is read beyond its end (AddressSanitizer would tell). */
static void cuts(void) {
    rv_autobuf struct rv_buf b = {0};
    make(&(struct form){"", '2', 1600000000, 2, 7200, "\nUTC0\n", 0, 0}, &b);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *copy = rv_alloc(n);
        struct tzif z;
        memcpy(copy, b.p, n);
        CU_ASSERT_EQUAL(tzif_parse((struct rv_bytes){copy, n}, &z, NULL), RV_E_PARSE);
        free(copy);
    }
}

static void put(const char *dir, const char *name, struct rv_bytes bytes) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/%s", dir, name);
    rv_autoclose int fd = open(rv_buf_cstr(&path), O_WRONLY | O_CREAT | O_EXCL, 0600);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
}

static void folder(void) {
    char dir[] = "/tmp/zoneinfo-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    rv_autobuf struct rv_buf zone = {0}, out = {0}, sub = {0};
    make(&(struct form){"", '2', 1600000000, 2, 7200, "\nX-2\n", 0, 0}, &zone);
    for (const char *const *name = (const char *const[]){"Europe", "posix", NULL}; *name != NULL; name++) {
        rv_buf_clear(&sub);
        rv_buf_addf(&sub, "%s/%s", dir, *name);
        CU_ASSERT_EQUAL_FATAL(mkdir(rv_buf_cstr(&sub), 0700), 0);
        put(rv_buf_cstr(&sub), "Here", rv_buf_bytes(&zone));
    }
    put(dir, "Factory", rv_buf_bytes(&zone));
    put(dir, "odd name", rv_buf_bytes(&zone));
    put(dir, "leapseconds", (struct rv_bytes){(const uint8_t *)"# text\n", 7});
    put(dir, "tzdata.zi", (struct rv_bytes){(const uint8_t *)"# version 2030z\nR A\n", 20});
    CU_ASSERT_EQUAL(zoneinfo_pack(dir, &out, NULL), 0);
    CU_ASSERT_EQUAL(rv_mp_check(rv_buf_bytes(&out), NULL), 0);
    CU_ASSERT_TRUE(json_is((struct rv_val){out.p, out.n},
                           "{\"version\":\"2030z\",\"zones\":{\"Europe/Here\":[3600,[1600000000,7200],\"X-2\"]}}"));
    rv_buf_clear(&sub);
    rv_buf_addf(&sub, "rm -r %s", dir);
    CU_ASSERT_EQUAL(system(rv_buf_cstr(&sub)), 0); // NOLINT(cert-env33-c)
    rv_buf_clear(&out);
    struct rv_error err = {0};
    CU_ASSERT_NOT_EQUAL(zoneinfo_pack(dir, &out, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No such file"));
}

static const struct suite_test tests[] = {{"files", files}, {"cuts", cuts}, {"a folder", folder}};
SUITE_MAIN("zoneinfo", tests)
