/* number.c - see number.h. newlocale("C") returns a static object, so no call allocates. */
#include "number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

double number_parse(const char *text) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double v = strtod_l(text, NULL, c);
    freelocale(c);
    return v;
}

void number_format(double v, char ret[32]) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t old = uselocale(c);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(ret, 32, "%.*g", digits, v);
        if (strtod(ret, NULL) == v) break;
    }
    uselocale(old);
    freelocale(c);
}
