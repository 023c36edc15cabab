{{/* Values of KubeRay's operator chart. Those at its defaults are taken and do nothing, so that its release can be upgraded to this chart with
     its own values (helm upgrade --reuse-values). What has no meaning here is refused, with what to do instead. */}}

{{/* Of {into, from}: adds what is not there, in maps within too. Sprig's merge would take false and 0 for not there. */}}
{{- define "rayvisor.fill" -}}
{{- range $key, $value := .from }}
{{- if not (hasKey $.into $key) }}{{ $_ := set $.into $key $value }}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $.into $key)) }}{{ include "rayvisor.fill" (dict "into" (get $.into $key) "from" $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* With --reuse-values Helm takes the other chart's defaults for this one's. Every template begins with this. */}}
{{- define "rayvisor.defaults" -}}
{{- include "rayvisor.fill" (dict "into" .Values "from" (.Files.Get "defaults.yaml" | fromYaml)) }}
{{- end }}

{{/* "true" if the defaults of KubeRay's chart are among the values. */}}
{{- define "rayvisor.leftover" -}}
{{- if or .Values.operatorCommand .Values.componentOverride (hasKey .Values "reconcileConcurrency") }}true{{ end }}
{{- end }}

{{/* Environment variables of KubeRay's operator, and the settings in their place: [plugins, setting, how]. */}}
{{- define "rayvisor.variables" -}}
ENABLE_INIT_CONTAINER_INJECTION: [[raycluster], initContainerInjection]
ENABLE_RAY_HEAD_CLUSTER_IP_SERVICE: [[raycluster, rayjob, rayservice, autoscaler], headClusterIPService]
CLUSTER_DOMAIN: [[raycluster, rayjob, rayservice, autoscaler], clusterDomain]
USE_INGRESS_ON_OPENSHIFT: [[raycluster], openshiftRoutes, "the other way round: false makes Ingresses, which is the default"]
RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV: [[raycluster], requeueSeconds]
ENABLE_GCS_FT_REDIS_CLEANUP: [[raycluster], redisCleanup]
ENABLE_ZERO_DOWNTIME: [[rayservice], zeroDowntime]
ENABLE_PROBES_INJECTION: [[raycluster], probesInjection]
DELETE_RAYJOB_CR_AFTER_JOB_FINISHES: [[rayjob], deleteRayJobAfterJobFinishes]
ENABLE_DETERMINISTIC_HEAD_POD_NAME: [[raycluster], deterministicHeadName]
ENABLE_LOGIN_SHELL: [[raycluster, rayjob], loginShell]
ENABLE_RANDOM_POD_DELETE: [[raycluster], randomPodDelete]
RAYJOB_DEPLOYMENT_STATUS_TRANSITION_GRACE_PERIOD_SECONDS: [[rayjob], transitionGracePeriodSeconds]
RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS: [[rayjob], statusCheckTimeoutSeconds]
{{- end }}

{{/* One line for each entry of env. */}}
{{- define "rayvisor.refusedVariables" -}}
{{- $known := include "rayvisor.variables" . | fromYaml }}
{{- range .Values.env | default list }}
{{- $at := get $known .name }}
{{- if $at }}
- env {{ .name }}: take it away, and set {{ range $n, $of := index $at 0 }}{{ if $n }}, {{ end }}settings.{{ $of }}.{{ index $at 1 }}{{ end }}{{ if gt (len $at) 2 }} ({{ index $at 2 }}){{ else if .value }} to {{ .value }}{{ end }}
{{- else }}
- env {{ .name }}: take it away; the operator reads no variables, config/README.md has its settings
{{- end }}
{{- end }}
{{- end }}

{{/* Everything that is refused, one line each. */}}
{{- define "rayvisor.refused" -}}
{{- $v := .Values }}
{{- if regexMatch "(^|/)kuberay[^/]*(/operator)?$" $v.image.repository }}
- image.repository {{ $v.image.repository }} is another operator's: set image.repository to where your image of Rayvisor is, and image.tag to "" or its tag
{{- else if and (include "rayvisor.leftover" .) (regexMatch "^v1\\.[0-9]+\\.[0-9]+$" $v.image.tag) }}
- image.tag {{ $v.image.tag }} is another operator's: set image.tag to "" (this chart's version) or to the tag of your image
{{- end }}
{{- if not (has ($v.operatorCommand | default "/manager") (list "/manager")) }}
- operatorCommand: take it away; the image has one program
{{- end }}
{{- if not (has ($v.componentOverride | default "kuberay-operator") (list "kuberay-operator")) }}
- componentOverride: take it away; set labels for labels of your own
{{- end }}
{{- if ne (toString ($v.reconcileConcurrency | default 1)) "1" }}
- reconcileConcurrency: take it away; objects are worked on side by side without a limit. config.kubernetes.maxInFlight bounds the requests
{{- end }}
{{- include "rayvisor.refusedVariables" . }}
{{- if ne ($v.logging.fileEncoder | default "json") "json" }}
- logging.fileEncoder: take it away; logs go to stderr, in the form of logging.stdoutEncoder
{{- end }}
{{- range list "baseDir" "fileName" "sizeLimit" }}
{{- if get $v.logging . }}
- logging.{{ . }}: take it away; logs go to stderr, and the node's log agent keeps them
{{- end }}
{{- end }}
{{- if eq (toString $v.metrics.enabled) "false" }}
- metrics.enabled: take it away; /metrics is always there. A NetworkPolicy says who may reach it
{{- end }}
{{- end }}

{{/* What the schema cannot say of the configuration, and rayvisord would refuse. */}}
{{- define "rayvisor.refusedConfig" -}}
{{- $c := include "rayvisor.config" . | fromYaml }}
{{- $lead := merge dict $c.leaderElection (dict "leaseSeconds" 15 "renewSeconds" 10 "retrySeconds" 2) }}
{{- if or (ge (int $lead.renewSeconds) (int $lead.leaseSeconds)) (ge (int $lead.retrySeconds) (int $lead.renewSeconds)) }}
- config.leaderElection needs retrySeconds ({{ int $lead.retrySeconds }}) < renewSeconds ({{ int $lead.renewSeconds }}) < leaseSeconds ({{ int $lead.leaseSeconds }})
{{- end }}
{{- $beat := merge dict ($c.heartbeat | default dict) (dict "intervalMs" 1000 "timeoutMs" 10000) }}
{{- if lt (int $beat.timeoutMs) (mul 2 (int $beat.intervalMs)) }}
- config.heartbeat.timeoutMs must be at least twice intervalMs ({{ int $beat.intervalMs }})
{{- end }}
{{- $gates := dict }}
{{- range .Values.featureGates }}{{ $_ := set $gates .name .enabled }}{{ end }}
{{- if not (ternary (get $gates "RayClusterStatusConditions") (ternary (get $gates "AllBeta") true (hasKey $gates "AllBeta")) (hasKey $gates "RayClusterStatusConditions")) }}
- featureGates: RayClusterStatusConditions cannot be switched off: conditions are always written
{{- end }}
{{- if and (eq (include "rayvisor.scheduler" .) "kubernetes-was") (not (get $gates "KubernetesWAS")) (not (get $gates "AllAlpha")) }}
- batchScheduler.name kubernetes-was needs the feature gate KubernetesWAS
{{- end }}
{{- end }}

{{- define "rayvisor.check" -}}
{{- $wrong := printf "%s%s" (include "rayvisor.refused" .) (include "rayvisor.refusedConfig" .) }}
{{- if trim $wrong }}{{ fail (printf "these values cannot be used:%s\n" (printf "\n%s" (trim $wrong))) }}{{ end }}
{{- end }}
