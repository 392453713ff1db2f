{{- define "sidewatch.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sidewatch.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "sidewatch.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "sidewatch.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sidewatch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "sidewatch.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: sidewatch
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Never with anything that an upgrade may change: selectors are immutable. */}}
{{- define "sidewatch.selector" -}}
app.kubernetes.io/name: {{ include "sidewatch.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "sidewatch.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "sidewatch.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "sidewatch.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "sidewatch.configMapName" -}}
{{ .Values.existingConfigMap | default (include "sidewatch.fullname" .) }}
{{- end -}}

{{/*
The configuration file: `config`, completed with the upstream and the mounted files.
Call with the chart's context, or with a dict of `root` and `injected`.
*/}}
{{- define "sidewatch.config" -}}
{{- $root := default . .root -}}
{{- $values := $root.Values -}}
{{- $config := deepCopy $values.config -}}
{{- if and (not $values.upstream) (not (dig "routes" list $config)) (not (dig "upstream" "" $config)) -}}
{{- fail "\nSidewatch needs to know where traffic goes: set `upstream` (for example --set upstream=https://api.openai.com) or `config.routes`" -}}
{{- end -}}
{{- if $values.upstream -}}
{{- $_ := set $config "upstream" $values.upstream -}}
{{- end -}}
{{- $observer := dict "memory_limit_bytes" $values.sidecar.observerMemoryLimit -}}
{{- $_ := set $config "observer" (merge (dig "observer" dict $config) $observer) -}}
{{- if or (not .injected) $values.injector.mountFiles -}}
{{- if $values.files.driftReference.configMap -}}
{{- $drift := dig "drift" dict $config -}}
{{- $_ := set $config "drift" (merge (dict "reference" (printf "/etc/sidewatch/drift/%s" $values.files.driftReference.key)) $drift) -}}
{{- end -}}
{{- if $values.files.prices.configMap -}}
{{- $prices := dig "prices" dict $config -}}
{{- $_ := set $config "prices" (merge (dict "file" (printf "/etc/sidewatch/prices/%s" $values.files.prices.key)) $prices) -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
What of the configuration only a new start takes over: pods are replaced when its hash changes, and for no other
setting, because those reload by themselves. (Addresses and workers are flags of the container, and so replace it anyway.)
*/}}
{{- define "sidewatch.restartSettings" -}}
{{- $config := deepCopy .Values.config -}}
{{- $found := dict "default" .Values.sidecar.observerMemoryLimit -}}
{{- $observer := dig "observer" dict $config -}}
{{- range $key := list "enabled" "threads" "nice" "memory_limit_bytes" -}}
{{- if hasKey $observer $key -}}{{- $_ := set $found (printf "observer.%s" $key) (get $observer $key) -}}{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "sidewatch.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.sidecar.runAsUser }}
runAsGroup: {{ .Values.sidecar.runAsUser }}
fsGroup: {{ .Values.sidecar.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "sidewatch.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ .Values.sidecar.runAsUser }}
runAsGroup: {{ .Values.sidecar.runAsUser }}
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/*
The ports of every upstream, of the inference server, the judge, a drift reference by URL, and of outgoing proxies, for the
network policy: a JSON list without doubles.
*/}}
{{- define "sidewatch.upstreamPorts" -}}
{{- $urls := list -}}
{{- with .Values.upstream -}}{{- $urls = append $urls . -}}{{- end -}}
{{- range .Values.config.routes -}}
{{- $urls = append $urls .upstream -}}
{{- if contains "://" (default "" .proxy) -}}{{- $urls = append $urls .proxy -}}{{- end -}}
{{- end -}}
{{- range .Values.sidecar.env -}}
{{- if and (regexMatch "(?i)^(https?|all)_proxy$" (toString .name)) (contains "://" (toString .value)) -}}{{- $urls = append $urls .value -}}{{- end -}}
{{- end -}}
{{- with dig "drift" "reference" "" .Values.config -}}{{- if contains "://" . -}}{{- $urls = append $urls . -}}{{- end -}}{{- end -}}
{{- with .Values.config.upstream -}}{{- $urls = append $urls . -}}{{- end -}}
{{- with dig "watchers" "remote" "endpoint" "" .Values.config -}}{{- $urls = append $urls . -}}{{- end -}}
{{- with dig "judge" "endpoint" "" .Values.config -}}{{- $urls = append $urls . -}}{{- end -}}
{{- $ports := list -}}
{{- range $urls -}}
{{- $url := urlParse . -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
{{- $ports = append $ports (int (default (ternary "80" "443" (eq $url.scheme "http")) $port)) -}}
{{- end -}}
{{- $ports | default (list 443) | uniq | toJson -}}
{{- end -}}

{{/* The pod of `helm test`, which a network policy with peers of the user's would keep out. */}}
{{- define "sidewatch.testPeer" -}}
{{- if .Values.tests.enabled -}}
- podSelector:
    matchLabels:
      {{- include "sidewatch.selector" (dict "root" . "component" "test") | nindent 6 }}
{{- end -}}
{{- end -}}
