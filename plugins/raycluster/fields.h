/* fields.h - the words of the ray.io/v1 contract that the controller writes or reads, in one place: labels,
 * annotations, ports, condition types. Users' tools match on them; none may change.
 */
#ifndef PLUGINS_RAYCLUSTER_FIELDS_H
#define PLUGINS_RAYCLUSTER_FIELDS_H

/* Labels */
#define RC_LABEL_CLUSTER "ray.io/cluster"
#define RC_LABEL_NODE_TYPE "ray.io/node-type" /* head, worker */
#define RC_LABEL_REPLICA_INDEX "ray.io/worker-group-replica-index"
#define RC_LABEL_GROUP "ray.io/group" /* the head's group is RC_HEAD_GROUP */
#define RC_LABEL_IS_RAY_NODE "ray.io/is-ray-node"
#define RC_LABEL_IDENTIFIER "ray.io/identifier"
#define RC_LABEL_SERVE "ray.io/serve"
#define RC_LABEL_ORIGIN_NAME "ray.io/originated-from-cr-name"
#define RC_LABEL_ORIGIN_KIND "ray.io/originated-from-crd"
#define RC_LABEL_APP_NAME "app.kubernetes.io/name"
#define RC_LABEL_CREATED_BY "app.kubernetes.io/created-by"
#define RC_HEAD_GROUP "headgroup"

/* Annotations */
#define RC_ANNOTATION_FT_ENABLED "ray.io/ft-enabled"
#define RC_ANNOTATION_STORAGE_NAMESPACE "ray.io/external-storage-namespace"
#define RC_ANNOTATION_OVERWRITE_CMD "ray.io/overwrite-container-cmd"
#define RC_ANNOTATION_SERVE_SERVICE "ray.io/enable-serve-service"
#define RC_ANNOTATION_KEEP_HEAD_DOWN "ray.io/disable-provisioned-head-restart"
#define RC_ANNOTATION_SPEC_HASH "ray.io/upgrade-strategy-recreate-hash"
#define RC_ANNOTATION_VERSION "ray.io/kuberay-version"

/* Ports; head rayStartParams `port` replaces the GCS port in addresses only, never in the Service. */
enum {
    RC_PORT_GCS = 6379,
    RC_PORT_DASHBOARD = 8265,
    RC_PORT_CLIENT = 10001,
    RC_PORT_METRICS = 8080,
    RC_PORT_SERVE = 8000,
    RC_PORT_DASHBOARD_AGENT = 52365,
};

/* Condition types of status.conditions */
#define RC_CONDITION_HEAD_READY "HeadPodReady"
#define RC_CONDITION_PROVISIONED "RayClusterProvisioned"
#define RC_CONDITION_REPLICA_FAILURE "ReplicaFailure"
#define RC_CONDITION_SUSPENDING "RayClusterSuspending"
#define RC_CONDITION_SUSPENDED "RayClusterSuspended"

#endif
