/* names.h - what the objects of a RayCluster are called. Users' scripts match on these names, so the rules are part of
 * the contract, even the odd ones. Pod names keep the first 50 bytes and are in lower case. Checked names keep the last
 * 50 bytes, and labels the last 63. Everything returned lives in the arena. */
#ifndef PLUGINS_RAYCLUSTER_NAMES_H
#define PLUGINS_RAYCLUSTER_NAMES_H

#include "rayvisor/base.h"

/* A name of at most 50 bytes that does not begin with a digit or punctuation. */
struct rv_str rc_name_checked(struct rv_arena *a, struct rv_str s);
/* A label's value of at most 63 bytes that does not begin with punctuation. */
struct rv_str rc_name_label(struct rv_arena *a, struct rv_str s);
/* OpenShift puts the namespace into a route's host name, so it limits the length of the name. */
struct rv_str rc_name_route(struct rv_arena *a, struct rv_str s, struct rv_str ns);

/* Prefixes for metadata.generateName, with their dash at the end. */
struct rv_str rc_name_head_prefix(struct rv_arena *a, struct rv_str cluster);
struct rv_str rc_name_worker_prefix(struct rv_arena *a, struct rv_str cluster, struct rv_str group);
/* The whole name of the head pod, if the setting asks for deterministic head names. */
struct rv_str rc_name_head_fixed(struct rv_arena *a, struct rv_str cluster);

/* `custom` (headService.metadata.name) is used unless it is empty. */
struct rv_str rc_name_head_service(struct rv_arena *a, struct rv_str cluster, struct rv_str custom);
struct rv_str rc_name_serve_service(struct rv_arena *a, struct rv_str cluster);
struct rv_str rc_name_headless_service(struct rv_arena *a, struct rv_str cluster);
struct rv_str rc_name_ingress(struct rv_arena *a, struct rv_str cluster);
/* The name of a worker group's NetworkPolicy, or of the head's if `group` is empty. Names of objects have no capital
 * letters, but names of groups may. */
struct rv_str rc_name_policy(struct rv_arena *a, struct rv_str cluster, struct rv_str group);
/* <service>.<ns>.svc.<domain> */
struct rv_str rc_name_fqdn(struct rv_arena *a, struct rv_str service, struct rv_str ns, struct rv_str domain);

#endif
