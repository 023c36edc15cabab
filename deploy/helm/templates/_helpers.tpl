{{- define "rayvisor.name" -}}{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}{{- end }}
{{- define "rayvisor.fullname" -}}{{ default (include "rayvisor.name" .) .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}{{- end }}
{{- define "rayvisor.account" -}}{{ .Values.serviceAccount.name | default (ternary (include "rayvisor.fullname" .) "default" .Values.serviceAccount.create) }}{{- end }}

{{- define "rayvisor.selector" -}}
app.kubernetes.io/name: {{ include "rayvisor.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rayvisor.labels" -}}
{{ include "rayvisor.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The namespaces that are watched, as {list: [...]}; empty: all. */}}
{{- define "rayvisor.namespaces" -}}
{{- $list := .Values.watchNamespace }}
{{- if and .Values.singleNamespaceInstall (not $list) }}{{ $list = list .Release.Namespace }}{{ end }}
{{- dict "list" $list | toYaml }}
{{- end }}

{{/* The batch scheduler: by its name, or where one is only switched on, Volcano, as in KubeRay's chart. */}}
{{- define "rayvisor.scheduler" -}}{{ .Values.batchScheduler.name | default (ternary "volcano" "" .Values.batchScheduler.enabled) }}{{- end }}

{{/* Requests per second. KubeRay's defaults, left over from its release, limit nothing here. */}}
{{- define "rayvisor.rate" -}}
{{- $k := .Values.kubeClient }}
{{- if and (include "rayvisor.leftover" .) (eq (int $k.qps) 100) (eq (int $k.burst) 200) }}{{ dict "qps" 0 "burst" 0 | toYaml }}{{ else }}{{ dict "qps" (int $k.qps) "burst" (int $k.burst) | toYaml }}{{ end }}
{{- end }}

{{/* What the controllers are set to, as {PLUGIN: {SETTING: VALUE}}: those that run, with what was set. */}}
{{- define "rayvisor.plugins" -}}
{{- $gates := dict }}
{{- range .Values.featureGates }}{{ $_ := set $gates .name .enabled }}{{ end }}
{{- $names := list "raycluster" "rayjob" "rayservice" "autoscaler" }}
{{- range $gate, $plugin := dict "RayCronJob" "raycronjob" "RayClusterNetworkPolicy" "networkpolicy" "RayClusterMTLS" "mtls" }}
{{- if ternary (get $gates $gate) (get $gates "AllAlpha") (hasKey $gates $gate) }}{{ $names = append $names $plugin }}{{ end }}
{{- end }}
{{- range $name, $_ := .Values.settings }}{{ if not (has $name $names) }}{{ fail (printf "settings.%s: this controller does not run; featureGates switches it on" $name) }}{{ end }}{{ end }}
{{- $out := dict }}
{{- range $name := $names }}
{{- $manifest := $.Files.Get (printf "plugins/%s.yaml" $name) | fromYaml }}
{{- $given := dict "featureGates" $gates }}
{{- with include "rayvisor.scheduler" $ }}{{ $_ := set $given "batchScheduler" . }}{{ end }}
{{- if $.Values.configuration.enabled }}{{ $given = merge (omit $.Values.configuration "enabled") $given }}{{ end }}
{{- $settings := dict }}
{{- range $s := $manifest.settings }}{{ if and (hasKey $given $s.name) (get $given $s.name) }}{{ $_ := set $settings $s.name (get $given $s.name) }}{{ end }}{{ end }}
{{- range $key, $value := get $.Values.settings $name | default dict }}{{ $_ := set $settings $key $value }}{{ end }}
{{- $_ := set $out $name $settings }}
{{- end }}
{{- toYaml $out }}
{{- end }}

{{/* The configuration file. */}}
{{- define "rayvisor.config" -}}
{{- $plugins := list }}
{{- range $name, $settings := include "rayvisor.plugins" . | fromYaml }}{{ $plugins = append $plugins (dict "name" $name "settings" $settings) }}{{ end }}
{{- $rate := include "rayvisor.rate" . | fromYaml }}
{{- $lead := dict "enabled" .Values.leaderElectionEnabled "name" (include "rayvisor.fullname" .) "namespace" .Release.Namespace }}
{{- $own := dict
  "http" (dict "bind" (printf "0.0.0.0:%v" .Values.service.port) "probeBind" (printf "0.0.0.0:%v" .Values.probePort))
  "log" (dict "format" (ternary "text" "json" (eq .Values.logging.stdoutEncoder "console")) "level" .Values.logging.level)
  "kubernetes" (dict "namespaces" (get (include "rayvisor.namespaces" . | fromYaml) "list") "proxyHttp" .Values.useKubernetesProxy "qps" (int $rate.qps) "burst" (int $rate.burst))
  "leaderElection" $lead "plugins" $plugins }}
{{- if include "rayvisor.admission" . }}
{{- $a := .Values.admission }}
{{- $_ := set $own "admission" (dict "enabled" true "bind" (printf "0.0.0.0:%v" $a.port) "name" (include "rayvisor.webhook" .) "namespace" .Release.Namespace "failurePolicy" $a.failurePolicy "timeoutSeconds" (int $a.timeoutSeconds)) }}
{{- end }}
{{- mergeOverwrite $own (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* Does one of these conditions hold? Of {when, settings}: "true" or nothing; no conditions: "true". */}}
{{- define "rayvisor.when" -}}
{{- $yes := not .when }}
{{- range .when }}
{{- $parts := splitn "=" 2 . }}
{{- $at := splitn "." 2 $parts._0 }}
{{- $value := get $.settings $at._0 }}
{{- if $at._1 }}{{ $value = get ($value | default dict) $at._1 }}{{ end }}
{{- if eq (toString $value) $parts._1 }}{{ $yes = true }}{{ end }}
{{- end }}
{{- if $yes }}true{{ end }}
{{- end }}

{{/* One rule. Of {apiVersion, resource, subresource, verbs, names}. */}}
{{- define "rayvisor.rule" -}}
- apiGroups: [{{ ternary (splitList "/" .apiVersion | first) "" (contains "/" .apiVersion) | quote }}]
  resources: [{{ ternary (printf "%s/%s" .resource .subresource) .resource (ne (.subresource | default "") "") | quote }}]
  {{- with .names }}
  resourceNames: {{ . | toJson }}
  {{- end }}
  verbs: {{ .verbs | uniq | toJson }}
{{- end }}

{{/* Not empty for an operator that writes nothing: it reads what it would write. */}}
{{- define "rayvisor.twin" -}}{{ ternary "true" "" (eq (.Values.config.mode | default "operate") "twin") }}{{- end }}

{{/* Not empty where the webhook is served; a twin serves none. */}}
{{- define "rayvisor.admission" -}}{{ if and .Values.admission.enabled (not (include "rayvisor.twin" .)) }}true{{ end }}{{- end }}
{{/* The name of its Service, Secret and ValidatingWebhookConfiguration. */}}
{{- define "rayvisor.webhook" -}}{{ printf "%s-admission" (include "rayvisor.fullname" . | trunc 53 | trimSuffix "-") }}{{- end }}

{{/* What rayvisord --print-rbac prints for this configuration, from the same manifests; a test compares. */}}
{{- define "rayvisor.rules" -}}
{{- $twin := include "rayvisor.twin" . }}
{{- if not $twin }}
{{ include "rayvisor.rule" (dict "apiVersion" "events.k8s.io/v1" "resource" "events" "verbs" (list "create" "patch")) }}
{{- end }}
{{- range $name, $set := include "rayvisor.plugins" . | fromYaml }}
{{- $m := $.Files.Get (printf "plugins/%s.yaml" $name) | fromYaml }}
{{- $settings := dict }}
{{- range $m.settings }}{{ if hasKey . "default" }}{{ $_ := set $settings .name .default }}{{ end }}{{ end }}
{{- range $key, $value := $set }}{{ $_ := set $settings $key $value }}{{ end }}
{{- $makes := false }}
{{- range prepend ($m.reads | default list) $m.primary }}
{{- if include "rayvisor.when" (dict "when" .when "settings" $settings) }}
{{ include "rayvisor.rule" (dict "apiVersion" .apiVersion "resource" .resource "verbs" (list "get" "list" "watch")) }}
{{- end }}
{{- end }}
{{- range $w := $m.writes }}
{{- if include "rayvisor.when" (dict "when" $w.when "settings" $settings) }}
{{- $verbs := list }}
{{- range $w.verbs }}
{{- if eq . "create" }}{{ $verbs = append $verbs "create" }}{{ if ne $w.resource "events" }}{{ $verbs = append $verbs "get" }}{{ $makes = true }}{{ end }}
{{- else if eq . "apply" }}{{ $verbs = concat $verbs (list "patch" "create") }}{{ $makes = true }}
{{- else if eq . "own" }}{{ $verbs = append $verbs "delete" }}
{{- else }}{{ $verbs = append $verbs . }}{{ end }}
{{- end }}
{{- if not $twin }}
{{ include "rayvisor.rule" (dict "apiVersion" $w.apiVersion "resource" $w.resource "subresource" $w.subresource "verbs" $verbs) }}
{{- else if ne $w.resource "events" }}
{{ include "rayvisor.rule" (dict "apiVersion" $w.apiVersion "resource" $w.resource "verbs" (list "get")) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $makes (not $twin) }}
{{ include "rayvisor.rule" (dict "apiVersion" $m.primary.apiVersion "resource" $m.primary.resource "subresource" "finalizers" "verbs" (list "update")) }}
{{- end }}
{{- if and $.Values.useKubernetesProxy $m.http }}
{{- range list "services" "pods" }}
{{ include "rayvisor.rule" (dict "apiVersion" "v1" "resource" . "subresource" "proxy" "verbs" (ternary (list "get") (list "get" "create" "update" "patch" "delete") (ne $twin ""))) }}
{{- end }}
{{ include "rayvisor.rule" (dict "apiVersion" "v1" "resource" "pods" "verbs" (list "list")) }}
{{- end }}
{{- if $m.secrets }}
{{ include "rayvisor.rule" (dict "apiVersion" "v1" "resource" "secrets" "verbs" (list "get")) }}
{{- end }}
{{- end }}
{{- /* Objects that nobody works on are told so. */}}
{{- range $kind := include "rayvisor.idle" . | fromYamlArray }}
{{ include "rayvisor.rule" (dict "apiVersion" "ray.io/v1" "resource" (printf "%ss" $kind) "verbs" (list "get" "list" "watch")) }}
{{- end }}
{{- end }}

{{/* The kinds whose controller is switched off. */}}
{{- define "rayvisor.idle" -}}
{{- $plugins := include "rayvisor.plugins" . | fromYaml }}
{{- $idle := list }}
{{- range list "raycluster" "rayjob" "rayservice" "raycronjob" }}{{ if not (hasKey $plugins .) }}{{ $idle = append $idle . }}{{ end }}{{ end }}
{{- toYaml $idle }}
{{- end }}

{{/* Leases by which another operator is seen. */}}
{{- define "rayvisor.otherRule" -}}
{{- $other := .Values.config.otherOperator | default dict }}
{{- include "rayvisor.rule" (dict "apiVersion" "coordination.k8s.io/v1" "resource" "leases" "names" (list ($other.lease | default "ray-operator-leader")) "verbs" (list "get" "list")) }}
{{- end }}

{{/* The namespaces in which it is looked for, as {list: [...]}; "": all. */}}
{{- define "rayvisor.otherNamespaces" -}}
{{- $other := .Values.config.otherOperator | default dict }}
{{- $watched := get (include "rayvisor.namespaces" . | fromYaml) "list" }}
{{- $list := $other.namespaces | default (ternary (append $watched .Release.Namespace | uniq) (list "") (ne (len $watched) 0)) }}
{{- if or (eq ($other.action | default "standBy") "ignore") (include "rayvisor.twin" .) }}{{ $list = list }}{{ end }}
{{- dict "list" $list | toYaml }}
{{- end }}

{{/* Of {root, kind, name}. */}}
{{- define "rayvisor.binding" }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "rayvisor.account" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
