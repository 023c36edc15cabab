/* schema.h - tables of the keys that a mapping may have, with their types, their ranges, and where each value is
 * stored.
 *
 * There is one table for each mapping. For an unknown key, a wrong type or a value out of range, the reader reports
 * file:line:column, what is wrong and what is accepted. For an unknown key it also suggests the nearest accepted
 * one. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "yaml_pos.h"

enum schema_type {
    S_TEXT,   /* struct rv_str */
    S_BOOL,   /* bool */
    S_INT,    /* int64_t, min..max */
    S_BYTES,  /* uint64_t, from a quantity such as 256Mi */
    S_CHOICE, /* int: an index into choices */
    S_TEXTS,  /* struct schema_texts */
    S_MAP,    /* struct yaml_pos *, which the caller reads */
    S_LIST,   /* struct yaml_pos * */
    S_ANY,    /* struct yaml_pos * */
};

struct schema_texts {
    struct rv_str *list;
    size_t n;
    bool given;
};

struct schema_key {
    const char *name;
    enum schema_type type;
    size_t offset;
    int64_t min, max;
    const char *const *choices; /* ends with NULL */
    bool required;
};
#define SCHEMA_END                                                                                                     \
    { NULL, S_TEXT, 0, 0, 0, NULL, false }

struct schema_reader {
    const struct yaml_doc *doc;
    struct rv_error *err;
};
/* Fills `into` from a mapping. NULL is an empty mapping. `what` names the mapping in errors ("plugins[2]"). */
int schema_read(const struct schema_reader *r, const struct yaml_pos *map, const char *what,
                const struct schema_key *keys, void *into);
int schema_fail(const struct schema_reader *r, const struct yaml_pos *at, const char *fmt, ...) RV_PRINTF(3, 4);

#endif
