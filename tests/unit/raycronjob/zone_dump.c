/* zone_dump.c - prints what zones.py compares: "NAME UNIX OFFSET" for moments read from standard input as "NAME UNIX".
 */
#include "plugins/raycronjob/zone.h"

#include <stdio.h>
#include <stdlib.h>

int main(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *space = strchr(line, ' ');
        if (space == NULL) return 1;
        const struct zone *z = zone_find((struct rv_str){line, (size_t)(space - line)});
        long long at = strtoll(space + 1, NULL, 10);
        if (z == NULL)
            printf("%.*s %lld none\n", (int)(space - line), line, at);
        else
            printf("%s %lld %d\n", z->name, at, (int)zone_offset(z, at));
    }
    return 0;
}
