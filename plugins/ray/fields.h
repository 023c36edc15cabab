/* fields.h - the names of the ray.io/v1 contract that the controllers write or read, in one place: labels, annotations,
 * ports, condition types. Users' tools match on them, so none may change. */
#ifndef RAY_FIELDS_H
#define RAY_FIELDS_H

/* Labels */
#define RC_LABEL_CLUSTER "ray.io/cluster"
#define RC_LABEL_NODE_TYPE "ray.io/node-type" /* head or worker */
#define RC_LABEL_REPLICA_INDEX "ray.io/worker-group-replica-index"
#define RC_LABEL_REPLICA_NAME "ray.io/worker-group-replica-name" /* multi-host: the name of the replica */
#define RC_LABEL_HOST_INDEX "ray.io/replica-host-index"          /* multi-host: the index of the host in its replica */
#define RC_LABEL_GROUP "ray.io/group"                            /* the head's group is RC_HEAD_GROUP */
#define RC_LABEL_IS_RAY_NODE "ray.io/is-ray-node"
#define RC_LABEL_IDENTIFIER "ray.io/identifier"
#define RC_LABEL_SERVE "ray.io/serve"
#define RC_LABEL_HEADLESS "ray.io/headless-worker-svc"
#define RC_LABEL_SUBMISSION_MODE "ray.io/job-submission-mode"
#define RC_LABEL_PRIORITY_CLASS "ray.io/priority-class-name"
#define RC_LABEL_GANG "ray.io/gang-scheduling-enabled"
#define RC_NODE_TYPE_CLEANUP "redis-cleanup"
#define RC_LABEL_ORIGIN_NAME "ray.io/originated-from-cr-name"
#define RC_LABEL_ORIGIN_KIND "ray.io/originated-from-crd"
#define RC_LABEL_CRONJOB "ray.io/cronjob-name" /* on RayJobs: the RayCronJob that made it */
#define RC_LABEL_APP_NAME "app.kubernetes.io/name"
#define RC_LABEL_CREATED_BY "app.kubernetes.io/created-by"
#define RC_CREATED_BY "kuberay-operator"
#define RC_HEAD_GROUP "headgroup"
#define RC_SUBMITTER_GROUP "submittergroup"

/* Annotations */
#define RC_ANNOTATION_FT_ENABLED "ray.io/ft-enabled"
#define RC_ANNOTATION_STORAGE_NAMESPACE "ray.io/external-storage-namespace"
#define RC_ANNOTATION_OVERWRITE_CMD "ray.io/overwrite-container-cmd"
#define RC_ANNOTATION_SERVE_SERVICE "ray.io/enable-serve-service"
#define RC_ANNOTATION_SERVE_PROXIES "rayvisor.io/serve-proxy-location" /* ours: the proxy_location of a RayService */
#define RC_ANNOTATION_KEEP_HEAD_DOWN "ray.io/disable-provisioned-head-restart"
#define RC_ANNOTATION_SPEC_HASH "ray.io/upgrade-strategy-recreate-hash"
#define RC_ANNOTATION_VERSION "ray.io/kuberay-version"
#define RC_ANNOTATION_AUTOSCALER "rayvisor.io/autoscaler" /* who scales the cluster: sidecar, operator or shadow */
/* Ours: the version of the operator and a hash of what the pod was created from. */
#define RC_ANNOTATION_POD_SPEC "rayvisor.io/pod-spec"

#define RC_ANNOTATION_FT_DELETION_TIMEOUT "ray.io/gcs-ft-deletion-timeout"
#define RC_ANNOTATION_INGRESS_CLASS "kubernetes.io/ingress.class"
/* On an object other than a pod: the list of its keys that came from the user, so that they can be removed again. Only
 * this operator has it. */
#define RC_ANNOTATION_WRITTEN "rayvisor.io/written"
#define RC_MANAGER "ray.io/kuberay-operator" /* spec.managedBy: this operator, under the reference's name */
#define RC_FINALIZER_REDIS "ray.io/gcs-ft-redis-cleanup-finalizer"

/* Containers and volumes that the operator adds to pods */
#define RC_CONTAINER_WAIT_GCS "wait-gcs-ready"
#define RC_CONTAINER_WAIT_TLS "wait-for-tls-ip-san"
#define RC_CONTAINER_AUTOSCALER "autoscaler"
#define RC_CONTAINER_SUBMITTER "ray-job-submitter" /* in a RayJob in SidecarMode */
#define RC_CONTAINER_COLLECTOR "ray-history-collector"
#define RC_VOLUME_GCS "gcs-storage"
#define RC_GCS_PATH "/data/gcs"
#define RC_VOLUME_TOKEN "ray-token" /* a token of the pod's ServiceAccount */
#define RC_TOKEN_PATH "/var/run/secrets/ray.io/serviceaccount"
#define RC_VOLUME_TLS "ray-tls"
#define RC_TLS_PATH "/etc/ray/tls"

/* Feature gates */
#define RC_GATE_ALL_ALPHA "AllAlpha" /* every gate of that stage that is not named itself */
#define RC_GATE_ALL_BETA "AllBeta"
#define RC_GATE_CONDITIONS "RayClusterStatusConditions"
#define RC_GATE_DELETION_POLICY "RayJobDeletionPolicy"
#define RC_GATE_MULTI_HOST "RayMultiHostIndexing"
#define RC_GATE_NETWORK_POLICY "RayClusterNetworkPolicy"
#define RC_GATE_EMBEDDED_FT "GCSFaultToleranceEmbeddedStorage"
#define RC_GATE_MTLS "RayClusterMTLS"
#define RC_GATE_HISTORY "RayClusterHistoryServer"
#define RC_GATE_WAS "KubernetesWAS"

/* Ports. The head's rayStartParams `port` replaces the GCS port in addresses only, never in the Service. */
enum {
    RC_PORT_GCS = 6379,
    RC_PORT_DASHBOARD = 8265,
    RC_PORT_CLIENT = 10001,
    RC_PORT_METRICS = 8080,
    RC_PORT_SERVE = 8000,
    RC_PORT_DASHBOARD_AGENT = 52365,
};

enum { RC_CLEANUP_DEADLINE_S = 300, RC_FT_DELETION_TIMEOUT_S = 300 };

/* Condition types of status.conditions */
#define RC_CONDITION_HEAD_READY "HeadPodReady"
#define RC_CONDITION_PROVISIONED "RayClusterProvisioned"
#define RC_CONDITION_REPLICA_FAILURE "ReplicaFailure"
#define RC_CONDITION_RECONCILING "Reconciling" /* for kstatus; it exists only while it is True */
#define RC_CONDITION_STALLED "Stalled"         /* for kstatus; it exists only while it is True */
#define RC_CONDITION_OUTDATED "PodsOutdated"   /* ours; it exists only while it is True */
#define RC_CONDITION_SUSPENDING "RayClusterSuspending"
#define RC_CONDITION_SUSPENDED "RayClusterSuspended"

#endif
