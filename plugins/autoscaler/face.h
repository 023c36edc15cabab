/* face.h - requests and nodes in the form in which they are compared: small numbers instead of names.
 *
 * A shape is what equal requests have in common. A face is what equal nodes have in common: what is left on them of
 * each resource that any request mentions, and which labels they have that any request mentions.
 */
#ifndef AUTOSCALER_FACE_H
#define AUTOSCALER_FACE_H

#include "plugins/autoscaler/intern.h"
#include "plugins/autoscaler/model.h"

struct face_need {
    uint32_t name;
    int64_t amount;
};

struct face_tag { /* a label */
    uint32_t key, value;
};

struct face_match {
    uint32_t key;
    enum as_operator op;
    const uint32_t *values;
    uint32_t n;
};

struct face_selector {
    const struct face_match *matches;
    uint32_t n;
};

struct shape {
    const struct face_need *needs; /* sorted by name */
    uint32_t n_needs;
    const struct face_selector *selectors;
    uint32_t n_selectors;
    const struct face_tag *apart;
    uint32_t n_apart, n_constraints;
    bool gpu;
    double sum;
    double unit_price; /* what one costs at least, by the share of a node; -1: not computed yet */
};

/* One resource of a face. */
struct face_entry {
    uint32_t name;
    uint32_t flags; /* FACE_HAS.. */
    int64_t total, left;
};
enum { FACE_IN_TOTAL = 1, FACE_LEFT_KNOWN = 2, FACE_ASKED = 4 };
enum { FACE_RUNNING = 1, FACE_GPU = 2, FACE_GPU_ASKED = 4, FACE_USED = 8 };

/* Its bytes are its identity: no padding, entries and tags directly behind it. */
struct face {
    int32_t group;
    uint32_t flags, label_score, rest_n, n_entries, n_tags;
    double rest_min, rest_sum;
};
static inline struct face_entry *face_entries(const struct face *f) { return (struct face_entry *)(void *)(f + 1); }
static inline struct face_tag *face_tags(const struct face *f) {
    return (struct face_tag *)(void *)(face_entries(f) + f->n_entries);
}

/* The names that requests mention. Filled while shapes are made; faces see no others. */
struct face_names {
    struct intern resources, keys, values;
    struct intern shape_ids;
    struct shape *shapes; /* by number */
    uint32_t cap;
    uint32_t gpu;
    struct rv_buf scratch;
};

void face_names_init(struct face_names *t, struct rv_arena *a);
uint32_t face_shape(struct face_names *t, const struct as_request *request);
/* As Ray sorts requests: what is hardest to place comes first. */
int face_shape_cmp(const struct face_names *t, const struct shape *a, const struct shape *b);

/* A face in the buffer, which is cleared. left NULL: all of total. rest_use and rest_n: see pack_node. */
void face_build(struct face_names *t, struct rv_buf *out, int32_t group, bool running, struct as_resources total,
                const struct as_resources *left, struct as_labels labels, double *ret_rest_use, uint32_t *ret_rest_n);

/* How well a node compares: higher is better, the earlier the heavier. */
struct face_score {
    uint32_t label;
    bool gpu_ok;
    uint32_t matching;
    double least, mean;
};

/* A face that requests are tried on: a copy with room for more. */
struct face_trial {
    struct face head;
    struct face_entry *entries;
    struct face_tag *tags;
    uint32_t cap_entries, cap_tags;
    struct rv_arena *arena;
};
void face_trial_begin(struct face_trial *t, const struct face *f);
/* Places as many as fit, at most count; returns how many. */
int64_t face_place(struct face_trial *t, const struct shape *s, int64_t count, const struct face_names *names);
bool face_fits_amounts(const struct face *f, const struct shape *s, const struct face_names *names);
struct face_score face_score(const struct face_trial *t);
void face_trial_store(const struct face_trial *t, struct rv_buf *out); /* as face_build */
double face_use(const struct face *f, double rest_use, uint32_t rest_n);
double face_share(const struct face *f,
                  const struct shape *s); /* of a node: the largest part of one resource, 0 to 1 */

#endif
