/* escapes.c - see escapes.h. */
#include "escapes.h"

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool code_complete(struct escapes *e) {
    bool low = e->code >= 0xdc00 && e->code <= 0xdfff, wanted = e->high;
    e->state = ESCAPES_TEXT;
    e->high = e->code >= 0xd800 && e->code <= 0xdbff;
    return low == wanted;
}

static bool step(struct escapes *e, uint8_t c) {
    int v;
    switch (e->state) {
    case ESCAPES_TEXT:
        if (c != '\\') return !e->high;
        e->state = ESCAPES_BACKSLASH;
        return true;
    case ESCAPES_BACKSLASH:
        e->state = c == 'u' ? ESCAPES_HEX : ESCAPES_TEXT;
        e->digits = e->code = 0;
        return c == 'u' || !e->high;
    case ESCAPES_HEX:
        v = hex_value(c);
        if (v < 0) { /* a syntax error, which yajl reports better */
            *e = (struct escapes){0};
            return true;
        }
        e->code = e->code << 4 | (unsigned)v;
        return ++e->digits < 4 || code_complete(e);
    }
    return true;
}

bool escapes_feed(struct escapes *e, const uint8_t *p, size_t n) {
    const uint8_t *end = p + n;
    while (p < end) {
        if (e->state == ESCAPES_TEXT && !e->high) { /* the usual case: jump to the next backslash */
            p = memchr(p, '\\', (size_t)(end - p));
            if (p == NULL) return true;
        }
        if (!step(e, *p++)) return false;
    }
    return true;
}
