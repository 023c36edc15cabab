/* kept_text.c - see kept_text.h. */
#include "kept_text.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

void kept_text_read(const char *path, struct rv_buf *ret) {
    char chunk[4096];
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) rv_buf_add(ret, chunk, n);
    fclose(f);
}

static void write_file(const char *path, const struct rv_buf *text) {
    FILE *f = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(text->p, 1, text->n, f), text->n);
    fclose(f);
}

static const char *next_line(const char *line) {
    size_t n = strcspn(line, "\n");
    return line + n + (line[n] == '\n');
}

static void print_difference(const char *path, const char *want, const char *got) {
    const char *command = want;
    int number = 1;
    while (*want != 0 && strcspn(want, "\n") == strcspn(got, "\n") && strncmp(want, got, strcspn(want, "\n")) == 0) {
        if (*want == '>') command = want;
        want = next_line(want);
        got = next_line(got);
        number++;
    }
    printf("\n    %s:%d: after %.*s\n    want %.*s\n    got  %.*s", path, number, (int)strcspn(command, "\n"), command,
           (int)strcspn(want, "\n"), want, (int)strcspn(got, "\n"), got);
}

void kept_text_check(const char *path, struct rv_buf *want, struct rv_buf *got) {
    bool same = want->n == got->n && memcmp(want->p, got->p, want->n) == 0;
    if (!same && getenv("RAYVISOR_WRITE_STORIES") != NULL)
        write_file(path, got);
    else if (!same)
        print_difference(path, rv_buf_cstr(want), rv_buf_cstr(got));
    CU_ASSERT_TRUE(same);
}
