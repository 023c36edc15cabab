/* keyed_hash.h - a hash with a secret key (SipHash-2-4), for tables whose keys are texts that a plugin chooses. Who
 * does not know the key cannot make texts that collide. hash.h has a quicker one, for names of objects. */
#ifndef PROC_KEYED_HASH_H
#define PROC_KEYED_HASH_H

#include "rayvisor/base.h"

struct keyed_hash {
    uint64_t key[2];
};
struct keyed_hash keyed_hash_new(void); /* with a random key */
uint64_t keyed_hash(const struct keyed_hash *k, struct rv_str text);
/* Of two texts: "ab", "c" and "a", "bc" have different hashes. */
uint64_t keyed_hash_pair(const struct keyed_hash *k, struct rv_str a, struct rv_str b);

#endif
