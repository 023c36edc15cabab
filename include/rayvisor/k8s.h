/* rayvisor/k8s.h - Kubernetes conventions that every controller needs: names, quantities, selectors, times, owner
 * references, conditions. All functions depend only on their arguments. Texts and nodes that they make are in the arena
 * that is passed. */
#ifndef RAYVISOR_K8S_H
#define RAYVISOR_K8S_H

#include "rayvisor/plugin.h"
#include "rayvisor/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- names (RFC 1123, RFC 1035, Kubernetes "names" and "labels" pages) ------------------------------- */
/* Each function returns NULL if the name is valid. Otherwise it returns a constant sentence that says what is
 * accepted. */
const char *rv_name_dns1123_label(struct rv_str s);
const char *rv_name_dns1123_subdomain(struct rv_str s);
const char *rv_name_dns1035_label(struct rv_str s);
const char *rv_name_label_key(struct rv_str s);   /* a qualified name with an optional DNS prefix */
const char *rv_name_label_value(struct rv_str s); /* may also be empty */
/* Functions that shorten a name. It matters which end is cut, because two names that differ only there become equal. */
struct rv_str rv_name_first(struct rv_str s, size_t max); /* at most the first max bytes, as a view of s */
/* At most the last max bytes, as a view of s. */
struct rv_str rv_name_last(struct rv_str s, size_t max);
/* A copy with ASCII letters in lower case. */
struct rv_str rv_name_lower(struct rv_arena *a, struct rv_str s);
/* A copy. Its first byte is replaced by 'r' if it is punctuation, or if it is a digit and digits are not allowed. */
struct rv_str rv_name_legal_start(struct rv_arena *a, struct rv_str s, bool digit_allowed);
/* The suffix as a whole, after as many first bytes of base as fit into max bytes. */
struct rv_str rv_name_with_suffix(struct rv_arena *a, struct rv_str base, const char *suffix, size_t max);
/* A label value made from a name: at most its last 63 bytes, with a valid first byte. */
struct rv_str rv_name_to_label_value(struct rv_arena *a, struct rv_str s);
/* Converts 5 random bytes to five characters of the alphabet that Kubernetes uses for generated names. */
void rv_name_suffix(const uint8_t random[5], char ret[6]);

/* ---- quantities (apimachinery resource.Quantity) ------------------------------------------------------ */
/* An exact value: an integer number of 10^-9 units in 128 bits, and the format in which it was written. */
enum rv_quantity_format { RV_QUANTITY_DECIMAL_SI, RV_QUANTITY_BINARY_SI, RV_QUANTITY_EXPONENT };
__extension__ typedef __int128 rv_int128;
struct rv_quantity {
    rv_int128 nano; /* value * 1e9; saturates at the limits */
    enum rv_quantity_format format;
};
/* Parses text such as "500m" or "2Gi". Returns -EINVAL if it is malformed. */
int rv_quantity_parse(struct rv_str s, struct rv_quantity *ret);
/* Converts a value that is a string, an int or a float. Returns -EINVAL if it is another type or malformed. */
int rv_quantity_from_val(struct rv_val v, struct rv_quantity *ret);
/* Adds b to *a. If *a is zero, it takes the format of b (like Quantity.Add() of apimachinery). */
void rv_quantity_add(struct rv_quantity *a, struct rv_quantity b);
void rv_quantity_mul(struct rv_quantity *a, int64_t factor);
int rv_quantity_cmp(struct rv_quantity a, struct rv_quantity b);
bool rv_quantity_is_zero(struct rv_quantity q);
int64_t rv_quantity_ceil(struct rv_quantity q); /* rounded up to an integer, saturating (like Quantity.Value()) */
double rv_quantity_to_double(struct rv_quantity q);
/* Writes the canonical form ("1500m", "5Gi", "0"). It has at most 40 bytes and a NUL. */
void rv_quantity_format(struct rv_quantity q, char ret[48]);

/* ---- selectors ------------------------------------------------------------------------------------------ */
/* A label selector. Parses text such as "a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1" (labels.Parse of apimachinery).
 * Returns NULL and sets err (RV_E_PARSE or RV_E_INVALID) if it is malformed. Free it with rv_selector_free(). */
struct rv_selector;
struct rv_selector *rv_selector_parse(struct rv_str text, struct rv_error *err);
/* Reads a LabelSelector object (matchLabels, matchExpressions). As in the API, an absent or null object matches
 * nothing, and an empty one matches everything. */
struct rv_selector *rv_selector_from_val(struct rv_val v, struct rv_error *err);
struct rv_selector *rv_selector_free(struct rv_selector *s);
bool rv_selector_matches(const struct rv_selector *s, struct rv_val labels);
/* Calls fn with each label key in the selector, as often as the key occurs. The key is borrowed for the call. */
void rv_selector_keys(const struct rv_selector *s, void (*fn)(void *arg, struct rv_str key), void *arg);
/* Appends the selector as text that rv_selector_parse() accepts. */
void rv_selector_print(const struct rv_selector *s, struct rv_buf *out);

/* ---- time ----------------------------------------------------------------------------------------------- */
/* RFC 3339 times in UTC. rv_time_parse() returns -EINVAL for a malformed time. */
void rv_time_format(int64_t ns, char ret[32]);       /* 2026-01-02T03:04:05Z */
void rv_time_format_micro(int64_t ns, char ret[40]); /* 2026-01-02T03:04:05.000006Z (MicroTime) */
int rv_time_parse(struct rv_str s, int64_t *ret_ns);

/* ---- metadata ------------------------------------------------------------------------------------------- */
/* The uid of the controller owner (controller: true), or the empty text. */
struct rv_str rv_meta_controller_uid(struct rv_val object);
/* Adds a controller owner reference (controller and blockOwnerDeletion true) to metadata.ownerReferences. If there is a
 * reference with the same uid, it is updated. */
void rv_meta_set_controller(struct rv_arena *a, struct rv_node *object, struct rv_str api_version, struct rv_str kind,
                            struct rv_str name, struct rv_str uid);
/* Returns true if metadata.deletionTimestamp is set. */
bool rv_meta_deleting(struct rv_val object);
/* Functions for finalizers. `meta` is the object's metadata. The manifest must read its finalizers. */
bool rv_meta_has_finalizer(struct rv_val meta, const char *name);
/* A new list of the finalizers of meta without `name`. */
struct rv_node *rv_meta_finalizers_without(struct rv_arena *a, struct rv_val meta, const char *name);
/* A merge patch that adds the finalizer or removes it. It contains the resourceVersion that was read. If somebody else
 * has written in between, the patch fails with a conflict, and no finalizer of others is lost. */
struct rv_node *rv_meta_finalizer_patch(struct rv_arena *a, struct rv_val meta, struct rv_str resource_version,
                                        const char *name, bool present);

/* ---- conditions (metav1.Condition) --------------------------------------------------------------------- */
/* The condition of that type in an array of conditions; absent if there is none. */
struct rv_val rv_condition_find(struct rv_val conditions, const char *type);
bool rv_condition_is(struct rv_val conditions, const char *type, const char *status);
/* Sets or adds a condition in an array node. lastTransitionTime changes to now_ns only if the status changes. Returns
 * true if anything changed. */
bool rv_condition_set(struct rv_arena *a, struct rv_node *conditions, const char *type, const char *status,
                      struct rv_str reason, struct rv_str message, int64_t now_ns);
/* Returns true if the condition was there. */
bool rv_condition_remove(struct rv_node *conditions, const char *type);

/* ---- status --------------------------------------------------------------------------------------------- */
/* An action that writes an object's status: a merge patch of its status subresource, for this uid only (API
 * conventions, "Spec and Status"). `patch` is the content of "status" (rv_node_merge_patch()). The action borrows from
 * the arena and from the texts until it is submitted. Set its tag. Set pre_version if only this version may be
 * written. */
struct rv_action rv_status_patch(struct rv_arena *a, struct rv_str api_version, struct rv_str resource,
                                 const struct rv_key *key, struct rv_str uid, struct rv_node *patch);

#ifdef __cplusplus
}
#endif
#endif
