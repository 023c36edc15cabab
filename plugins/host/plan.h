/* plan.h - what a plugin would do: its engine runs over a snapshot of objects until it rests, and every action is done
 * to the snapshot alone (pretend.h).
 *
 * So the plan has the very rules of the controller; there is no second set of them. What only others could answer (a
 * request to Ray, a timer) is withheld, as by a twin: the plugin is not told of it. `rayvisorctl plan` asks for this,
 * by supervisor/plan.
 *
 * What is given, in msgpack:
 *   kinds, settings, timeZones    as in WELCOME
 *   selectors          [text]: the selector of each kind
 *   now                wall clock, ns
 *   seed               a number: another one draws other names
 *   keys               [[namespace, name]]: whose actions are done; others are left alone
 *   objects            [[apiVersion, resource, object]]: what there is
 *   absent             [[apiVersion, resource, namespace, name]]: what was looked for and is not there
 *
 * What comes out is one JSON object:
 *   actions   in their order: verb, apiVersion, resource, subresource, namespace, name, key {namespace, name}, tag; and
 *             code (with reason) if it would be refused; object (as it is afterwards; without what is in a Secret);
 *             of an event warning, reason, action, note; of a request to Ray method and url
 *   said      {namespace, name, lines}: what the plugin explained, pass by pass
 *   unread    [{apiVersion, resource, namespace, name}]: what it wanted to read, and nobody has given
 *   rests     whether it came to rest */
#ifndef HOST_PLAN_H
#define HOST_PLAN_H

#include "rayvisor/plugin.h"

int plan_run(const struct rv_plugin *plugin, struct rv_val given, struct rv_buf *out, struct rv_error *err);

#endif
