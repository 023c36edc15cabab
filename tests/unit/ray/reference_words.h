/* reference_words.h - what the reference operator says, as the contract quotes it. Tools match on such texts, so ours
 * have the same words in the same order. More may stand before, between sentences and behind. A star is what differs.
 */
#ifndef TESTS_RAY_REFERENCE_WORDS_H
#define TESTS_RAY_REFERENCE_WORDS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* By the numbers of the contract's table of rules (section 5.2). */
static const struct {
    int rule;
    const char *words;
} reference_refusals[] = {
    {1, "headGroupSpec should have at least one container"},
    {2, "resource fields should not be set in both rayStartParams and Resources for * group; please use only one"},
    {3, "rayStartParams['labels'] is not supported for * group; please use the top-level Labels field instead"},
    {4, "invalid label key for * group: '*', error: *"},
    {4, "invalid label value for key '*' in * group: '*', error: *"},
    {5, "workerGroupSpec should have at least one container"},
    {6, "worker group * must set both minReplicas and maxReplicas when autoscaling is disabled"},
    {7, "worker group * has negative minReplicas *"},
    {7, "* negative maxReplicas *"},
    {8, "worker group * has minReplicas * greater than maxReplicas *"},
    {9, "resource fields should not be set in both rayStartParams and Resources for * group; please use only one"},
    {9, "rayStartParams['labels'] is not supported for * group; please use the top-level Labels field instead"},
    {9, "invalid label key for * group: '*', error: *"},
    {9, "invalid label value for key '*' in * group: '*', error: *"},
    {10, "worker group *: idleTimeoutSeconds must be non-negative, got *"},
    {11, "worker group *: idleTimeoutSeconds is set, but autoscaler v2 is not enabled. Please set "
         ".spec.autoscalerOptions.version to 'v2' (or set RAY_enable_autoscaler_v2 environment variable to 'true' in "
         "the head pod if using KubeRay < 1.4.0)"},
    {12, "worker group *: priority is set, but RayVersion was not specified. Ray version 2.56.0 or later is required"},
    {13, "* priority is set, but RayVersion format is invalid: *, *"},
    {13, "* priority is set, but minimum Ray version is 2.56.0, got *"},
    {14, "worker group *: priority is set to *, but autoscaler v2 is not enabled. Priority is only supported with "
         "autoscaler v2 enabled"},
    {15, "ray.io/ft-enabled annotation and GcsFaultToleranceOptions are both set. Please use only "
         "GcsFaultToleranceOptions to configure GCS fault tolerance"},
    {16, "RAY_REDIS_ADDRESS is set which implicitly enables GCS fault tolerance, but GcsFaultToleranceOptions is not "
         "set. Please set GcsFaultToleranceOptions to enable GCS fault tolerance"},
    {17, "cannot set `redis-password` in rayStartParams when GcsFaultToleranceOptions is enabled - use "
         "GcsFaultToleranceOptions.RedisPassword instead"},
    {18, "cannot set `REDIS_PASSWORD` env var in head Pod when GcsFaultToleranceOptions is enabled - use "
         "GcsFaultToleranceOptions.RedisPassword instead"},
    {19, "cannot set `RAY_REDIS_ADDRESS` env var in head Pod when GcsFaultToleranceOptions is enabled - use "
         "GcsFaultToleranceOptions.RedisAddress instead"},
    {20, "cannot set `ray.io/external-storage-namespace` annotation when GcsFaultToleranceOptions is enabled - use "
         "GcsFaultToleranceOptions.ExternalStorageNamespace instead"},
    {21, "the embedded RocksDB GCS fault tolerance backend (GcsFaultToleranceOptions.Backend: 'rocksdb') requires the "
         "GCSFaultToleranceEmbeddedStorage feature gate to be enabled"},
    {22, "cannot set GcsFaultToleranceOptions.* when backend is 'rocksdb'"},
    {23,
     "GcsFaultToleranceOptions.Storage.ClaimName is mutually exclusive with size, storageClassName, and accessModes"},
    {24, "cannot set `RAY_gcs_storage` or `RAY_gcs_storage_path` env var in head Pod when the embedded GCS FT backend "
         "is used - these are managed by KubeRay"},
    {25, "cannot set a volume mount named \"gcs-storage\" or mounted at /data/gcs in the head container when the "
         "embedded GCS FT backend is used - it is managed by KubeRay"},
    {26, "cannot set a volume named \"gcs-storage\" in the head Pod when the embedded GCS FT backend is used - it is "
         "managed by KubeRay"},
    {27,
     "cannot set GcsFaultToleranceOptions.Storage when backend is 'redis' - it only applies to the 'rocksdb' backend"},
    {28, "cannot set redis username in rayStartParams or environment variables - use "
         "GcsFaultToleranceOptions.RedisUsername instead"},
    {29, "worker group * can be suspended only when the RayJobDeletionPolicy feature gate is enabled"},
    {30, "environment variable RAY_enable_autoscaler_v2 cannot be set to '*' when enableInTreeAutoscaling is false. "
         "Please set enableInTreeAutoscaling: true to use autoscaler v2"},
    {31, "worker group * cannot be suspended with Autoscaler enabled"},
    {32, "both .spec.autoscalerOptions.version and head Pod env var RAY_enable_autoscaler_v2 are set, please only use "
         "the former"},
    {33, "restartPolicy for head Pod should be Never or unset when using autoscaler V2"},
    {34, "restartPolicy for worker group * should be Never or unset when using autoscaler V2"},
    {35, "autoscalerOptions.idleTimeoutSeconds must be non-negative, got *"},
    {36, "autoscalerOptions.env must not contain KUBERAY_GEN_AUTOSCALER_START_CMD: it is managed by KubeRay and "
         "injected automatically into the autoscaler container"},
    {37, "RayClusterHistoryServer feature gate is not enabled"},
    {38, "historyServerOptions.collectorOptions must be set"},
    {39, "historyServerOptions.collectorOptions.image must be set"},
    {40, "historyServerOptions.collectorOptions.env must not contain *: it is managed by KubeRay and injected "
         "automatically into the collector container"},
    {41, "STORAGE_BACKEND environment variable must be set with a literal string value in "
         "historyServerOptions.collectorOptions.env"},
    {42, "* environment variable must be set when STORAGE_BACKEND is *"},
    {43, "* must be set when STORAGE_BACKEND is AZUREBLOB and AZURE_STORAGE_AUTH_MODE is *"},
    {43, "either AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL environment variable must be set when "
         "STORAGE_BACKEND is AZUREBLOB"},
    {44, "*pod template must not define a container with name 'ray-history-collector' when history server collector "
         "options are enabled"},
    {45, "authOptions.mode is 'token' but RayVersion was not specified. Ray version 2.52.0 or later is required"},
    {46, "authOptions.mode is 'token' but RayVersion format is invalid: *, *"},
    {46, "authOptions.mode is 'token' but minimum Ray version is 2.52.0, got *"},
    {47, "authOptions.enableK8sTokenAuth is enabled but minimum Ray version is 2.55.0, got *"},
    {47, "authOptions.enableK8sTokenAuth is enabled and authOptions.secretName is also set"},
    {48, "authOptions.enableK8sTokenAuth is enabled but authOptions.mode not set to 'token'"},
    {49, "spec.networkPolicy requires the RayClusterNetworkPolicy feature gate to be enabled"},
    {50, "networkPolicy.*Rules cannot be set when mode is \"*\" (* is not restricted)"},
    {51, "worker group name \"*\" must be a valid DNS1123 label when networkPolicy is enabled (it is embedded in the "
         "NetworkPolicy name): *"},
    {52, "networkPolicy.workerGroups[\"*\"].*Rules cannot be set when *"},
    {52, "networkPolicy.workerGroups[\"*\"] does not match any group name in workerGroupSpecs"},
    {53, "spec.tlsOptions requires the RayClusterMTLS feature gate to be enabled"},
    {54, "cannot set * environment variable in * when tlsOptions is set - the operator manages TLS configuration "
         "automatically"},
    {54, "autoscalerOptions.env * for the autoscaler automatically"},
    {55, "cannot use volume mount named \"ray-tls\" in * when tlsOptions is set - the operator manages TLS "
         "configuration automatically"},
    {55, "cannot use volume mount at path \"/etc/ray/tls\" in *"},
};

/* Are the parts between the stars in the text, in this order? */
static inline bool has_reference_words(const char *text, const char *words) {
    while (*words != 0) {
        size_t n = strcspn(words, "*");
        const char *at = n != 0 ? memmem(text, strlen(text), words, n) : text;
        if (at == NULL) return false;
        text = at + n;
        words += n + (words[n] == '*');
    }
    return true;
}

/* Is it one of the rule's texts? Also true of rules that are not the reference's. */
static inline bool refused_as_by_reference(int rule, const char *text) {
    bool any = false;
    for (size_t i = 0; i < sizeof reference_refusals / sizeof *reference_refusals; i++) {
        if (reference_refusals[i].rule != rule) continue;
        if (has_reference_words(text, reference_refusals[i].words)) return true;
        any = true;
    }
    return !any;
}

#endif
