/* fields.h - the words of the RayService contract (labels, annotations, conditions, reasons), beside those that
 * RayClusters share (plugins/ray/fields.h). Users' tools match on them; none may change. What begins with
 * rayvisor.io/ is ours. */
#ifndef RAYSERVICE_FIELDS_H
#define RAYSERVICE_FIELDS_H

#include "plugins/ray/fields.h"

#define RS_FINALIZER "ray.io/rayservice-finalizer"
#define RS_GATE_INCREMENTAL "RayServiceIncrementalUpgrade"

/* Annotations */
#define RS_ANNOTATION_HASH "ray.io/hash-without-replicas-and-workers-to-delete" /* on RayClusters */
#define RS_ANNOTATION_GROUPS "ray.io/num-worker-groups"                         /* on RayClusters */
#define RS_ANNOTATION_INIT_TIMEOUT "ray.io/initializing-timeout"
#define RS_ANNOTATION_DEADLINE "rayvisor.io/upgrade-deadline"      /* duration, or seconds; 0: none */
#define RS_ANNOTATION_POLICY "rayvisor.io/upgrade-deadline-policy" /* RollBack or Report */
#define RS_ANNOTATION_DRAIN "rayvisor.io/max-drain"                /* duration, or seconds */
#define RS_ANNOTATION_TRAFFIC "rayvisor.io/traffic"                /* Gateway (default) or Endpoints */
#define RS_ANNOTATION_GATEWAY "rayvisor.io/gateway"                /* an existing one: [NAMESPACE/]NAME[:LISTENER] */
#define RS_ANNOTATION_HOSTNAMES "rayvisor.io/hostnames"            /* of the routes, separated by commas */

/* Condition types of status.conditions */
#define RS_READY "Ready"
#define RS_UPGRADE "UpgradeInProgress"
#define RS_ROLLBACK "RollbackInProgress"
#define RS_SUSPENDING "Suspending"
#define RS_SUSPENDED "Suspended"
#define RS_RECONCILING "Reconciling" /* kstatus; only while True */
#define RS_STALLED "Stalled"         /* kstatus; only while True */

/* Reasons of conditions */
#define RS_REASON_INITIALIZING "Initializing"
#define RS_REASON_INIT_TIMEOUT "InitializingTimeout"
#define RS_REASON_INVALID "ValidationFailed"

/* Values of annotations */
#define RS_POLICY_ROLL_BACK "RollBack"
#define RS_POLICY_REPORT "Report"
#define RS_TRAFFIC_GATEWAY "Gateway"
#define RS_TRAFFIC_ENDPOINTS "Endpoints"
#define RS_PROXY_HEAD_ONLY "HeadOnly"
#define RS_PROXY_DISABLED "Disabled"

#define RS_MANAGED_SLICES "rayvisor.io" /* endpointslice.kubernetes.io/managed-by */
#define RS_LABEL_SLICE_SERVICE "kubernetes.io/service-name"
#define RS_LABEL_SLICE_MANAGER "endpointslice.kubernetes.io/managed-by"

enum {
    RS_NAME_MAX = 47, /* a cluster's 53 less a dash and five characters */
    RS_DELETION_DELAY_S = 60,
    RS_CONFIG_KEPT_MAX = 128 << 10, /* a longer configuration is kept by its hash alone */
    RS_DEPLOYMENTS_MAX = 256,       /* of an answer of Serve, applications likewise */
    RS_MESSAGE_MAX = 1024,
};

#endif
