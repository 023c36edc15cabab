/* zone_dump.c - answers the questions of zones.py and schedules.py, one per line of standard input, fields apart by
 * tabs. With a folder as its argument the zones are those of that database, as the supervisor packs it; without one
 * those of the table that is compiled in.
 *
 *   ZONE UNIX               "ZONE UNIX OFFSET": seconds east of UTC at that moment
 *   ZONE UNIX UNTIL LINE    the moments of a cron line after the first and until the second, apart by spaces */
#include <stdio.h>
#include <stdlib.h>

#include "plugins/raycronjob/schedule.h"
#include "supervisor/zoneinfo/zoneinfo.h"

static void show_offset(const char *name, const struct zone *z, long long at) {
    if (z == NULL)
        printf("%s %lld none\n", name, at);
    else
        printf("%s %lld %d\n", name, at, (int)zone_offset(z, at));
}

static void show_moments(const struct zone *z, int64_t at, int64_t until, const char *line) {
    struct schedule s;
    struct rv_error err = {0};
    if (z == NULL || schedule_parse(rv_str(line), &s, &err) != 0) {
        printf("refused %s\n", err.text);
        return;
    }
    while ((at = schedule_next(&s, z, at)) != 0 && at <= until) printf("%lld ", (long long)at);
    printf("\n");
}

int main(int argc, char **argv) {
    char line[512];
    rv_autobuf struct rv_buf packed = {0};
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct rv_error err = {0};
    if (argc > 1 && zoneinfo_pack(argv[1], &packed, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct rv_val database = {packed.p, packed.n};
    const struct zone *z = NULL;
    const char *last = NULL;
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *fields[4] = {line}, *p = line;
        size_t n = 1;
        line[strcspn(line, "\n")] = 0;
        while (n < RV_ARRAY_LEN(fields) && (p = strchr(p, '\t')) != NULL) {
            *p++ = 0;
            fields[n++] = p;
        }
        if (n != 2 && n != 4) return 1;
        if (last == NULL || strcmp(last, fields[0]) != 0) { /* questions about one zone come together */
            rv_arena_reset(arena);
            struct rv_str name = rv_arena_str(arena, rv_str(fields[0]));
            last = name.p;
            z = argc > 1 ? zone_of_database(arena, database, name) : zone_find(name);
        }
        if (n == 2)
            show_offset(fields[0], z, strtoll(fields[1], NULL, 10));
        else
            show_moments(z, strtoll(fields[1], NULL, 10), strtoll(fields[2], NULL, 10), fields[3]);
    }
    return 0;
}
