/* rayvisor/k8s.h - Kubernetes conventions that every controller needs: names, quantities, selectors, times, owner
 * references, conditions. Pure functions of their arguments.
 */
#ifndef RAYVISOR_K8S_H
#define RAYVISOR_K8S_H

#include "rayvisor/plugin.h"
#include "rayvisor/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- names (RFC 1123, RFC 1035, Kubernetes "names" and "labels" pages) ------------------------------- */
/* Each returns NULL when valid, else a static sentence that says what is accepted. */
const char *rv_name_dns1123_label(struct rv_str s);
const char *rv_name_dns1123_subdomain(struct rv_str s);
const char *rv_name_dns1035_label(struct rv_str s);
const char *rv_name_label_key(struct rv_str s);   /* qualified name with optional DNS prefix */
const char *rv_name_label_value(struct rv_str s); /* may be empty */
/* Making a name fit. Which end is cut is part of a controller's contract: two names that differ only there become one.
 */
struct rv_str rv_name_first(struct rv_str s, size_t max); /* at most its first bytes; a view of s */
struct rv_str rv_name_last(struct rv_str s, size_t max);
struct rv_str rv_name_lower(struct rv_arena *a, struct rv_str s);
/* A copy in which a first byte that is punctuation, or a digit where none is allowed, is an 'r'. */
struct rv_str rv_name_legal_start(struct rv_arena *a, struct rv_str s, bool digit_allowed);
/* The suffix whole, and of base the first bytes that still fit into max. */
struct rv_str rv_name_with_suffix(struct rv_arena *a, struct rv_str base, const char *suffix, size_t max);
/* A label's value from a name: at most its last 63 bytes, with a legal start. */
struct rv_str rv_name_to_label_value(struct rv_arena *a, struct rv_str s);
/* Five random characters of the alphabet that Kubernetes uses for generated names, from 5 random bytes. */
void rv_name_suffix(const uint8_t random[5], char ret[6]);

/* ---- quantities (apimachinery resource.Quantity) ------------------------------------------------------ */
/* Exact: an integer count of nano units in 128 bits, with the format it was written in. */
enum rv_quantity_format { RV_QUANTITY_DECIMAL_SI, RV_QUANTITY_BINARY_SI, RV_QUANTITY_EXPONENT };
__extension__ typedef __int128 rv_int128;
struct rv_quantity {
    rv_int128 nano; /* value * 1e9; saturates */
    enum rv_quantity_format format;
};
int rv_quantity_parse(struct rv_str s, struct rv_quantity *ret);
/* From a value that is a string, an int or a float. -EINVAL when it is none or malformed. */
int rv_quantity_from_val(struct rv_val v, struct rv_quantity *ret);
/* Adds b to *a; *a takes b's format while *a is zero (as apimachinery's Add). */
void rv_quantity_add(struct rv_quantity *a, struct rv_quantity b);
void rv_quantity_mul(struct rv_quantity *a, int64_t factor);
int rv_quantity_cmp(struct rv_quantity a, struct rv_quantity b);
bool rv_quantity_is_zero(struct rv_quantity q);
int64_t rv_quantity_ceil(struct rv_quantity q); /* rounded up to an integer, saturating (Quantity.Value()) */
double rv_quantity_to_double(struct rv_quantity q);
/* Canonical form ("1500m", "5Gi", "0"), at most 40 bytes and the NUL. */
void rv_quantity_format(struct rv_quantity q, char ret[48]);

/* ---- selectors ------------------------------------------------------------------------------------------ */
/* Label selector text: "a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1" (apimachinery labels.Parse). */
struct rv_selector;
struct rv_selector *rv_selector_parse(struct rv_str text, struct rv_error *err);
/* From a LabelSelector object (matchLabels, matchExpressions). As in the API: an absent or null one matches nothing, an
 * empty one everything. */
struct rv_selector *rv_selector_from_val(struct rv_val v, struct rv_error *err);
struct rv_selector *rv_selector_free(struct rv_selector *s);
bool rv_selector_matches(const struct rv_selector *s, struct rv_val labels);
/* The label keys that it asks for, as often as it names them. They are lent for the call. */
void rv_selector_keys(const struct rv_selector *s, void (*fn)(void *arg, struct rv_str key), void *arg);
void rv_selector_print(const struct rv_selector *s, struct rv_buf *out);

/* ---- time ----------------------------------------------------------------------------------------------- */
/* RFC 3339 in UTC. Times are nanoseconds since the Unix epoch. */
void rv_time_format(int64_t ns, char ret[32]);       /* 2026-01-02T03:04:05Z */
void rv_time_format_micro(int64_t ns, char ret[40]); /* 2026-01-02T03:04:05.000006Z (MicroTime) */
int rv_time_parse(struct rv_str s, int64_t *ret_ns);

/* ---- metadata ------------------------------------------------------------------------------------------- */
/* Uid of the controller owner (controller: true), or empty. */
struct rv_str rv_meta_controller_uid(struct rv_val object);
/* Adds the controller owner reference (controller and blockOwnerDeletion true) to metadata.ownerReferences; one with
 * the same uid is updated. */
void rv_meta_set_controller(struct rv_arena *a, struct rv_node *object, struct rv_str api_version, struct rv_str kind,
                            struct rv_str name, struct rv_str uid);
bool rv_meta_deleting(struct rv_val object);
/* Finalizers. meta is the object's metadata, which the manifest must read with its finalizers. */
bool rv_meta_has_finalizer(struct rv_val meta, const char *name);
/* Those of meta without that one, as a new list. */
struct rv_node *rv_meta_finalizers_without(struct rv_arena *a, struct rv_val meta, const char *name);
/* A merge patch that adds the finalizer or takes it away. It holds the version that was read, so that a write of
 * somebody else in between is a conflict and nobody else's finalizer is lost. */
struct rv_node *rv_meta_finalizer_patch(struct rv_arena *a, struct rv_val meta, struct rv_str resource_version,
                                        const char *name, bool present);

/* ---- conditions (metav1.Condition) --------------------------------------------------------------------- */
struct rv_val rv_condition_find(struct rv_val conditions, const char *type);
bool rv_condition_is(struct rv_val conditions, const char *type, const char *status);
/* Sets or adds a condition in an array node. lastTransitionTime changes only when status does (now_ns). True when
 * anything changed. */
bool rv_condition_set(struct rv_arena *a, struct rv_node *conditions, const char *type, const char *status,
                      struct rv_str reason, struct rv_str message, int64_t now_ns);
bool rv_condition_remove(struct rv_node *conditions, const char *type);

/* ---- status --------------------------------------------------------------------------------------------- */
/* The write of an object's status: a merge patch of its status subresource, for this incarnation (uid) only (API
 * conventions, "Spec and Status"). `patch` is what goes under "status" (rv_node_merge_patch()). The action borrows from
 * the arena and the texts until it is submitted; set its tag, and pre_version where only this version may be written.
 */
struct rv_action rv_status_patch(struct rv_arena *a, struct rv_str api_version, struct rv_str resource,
                                 const struct rv_key *key, struct rv_str uid, struct rv_node *patch);

#ifdef __cplusplus
}
#endif
#endif
