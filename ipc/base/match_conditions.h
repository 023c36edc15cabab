/* match_conditions.h - which changes of an object are judged at admission, as CEL: by the webhook
 * (supervisor/config/webhook.c) and by the policies (plugins/ray/field_rules.c), so both ask the same.
 *
 * A change of metadata or status alone passes, and an object that is being deleted: finalizers can always go. */
#ifndef RV_IPC_BASE_MATCH_CONDITIONS_H
#define RV_IPC_BASE_MATCH_CONDITIONS_H

#define MATCH_SPEC_CHANGES "oldObject == null || object.metadata.generation != oldObject.metadata.generation"
#define MATCH_NOT_DELETED "!has(object.metadata.deletionTimestamp)"
/* RV_STR_FMT: the account of the operator. */
#define MATCH_NOT_THE_OPERATOR "request.userInfo.username != '" RV_STR_FMT "'"

#endif
