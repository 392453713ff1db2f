{{/*
The Sidewatch container, written once: the gateway, the injector's template and any chart that includes it by
hand use this. Call with a dict: `root` (the chart's context) and `kind`:
  gateway  listens on every address of the pod
  native   an initContainer with restartPolicy Always, for the app of the same pod alone
  classic  an ordinary container for the app of the same pod, with a preStop pause so that the app ends first
*/}}
{{- define "sidewatch.container" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $traffic := ternary "0.0.0.0" "127.0.0.1" (eq .kind "gateway") -}}
name: sidewatch
image: {{ include "sidewatch.image" $root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/sidewatch/config/sidewatch.yaml
  - --listen={{ $traffic }}:{{ $values.sidecar.ports.traffic }}
  - --admin=0.0.0.0:{{ $values.sidecar.ports.admin }}
  - --workers={{ $values.sidecar.workers }}
{{- if eq .kind "native" }}
restartPolicy: Always
{{- end }}
ports:
  - name: sw-traffic
    containerPort: {{ $values.sidecar.ports.traffic }}
    protocol: TCP
  - name: sw-admin
    containerPort: {{ $values.sidecar.ports.admin }}
    protocol: TCP
env:
  - name: SIDEWATCH_LIMITS__GRACE_SECONDS
    value: {{ $values.sidecar.gracePeriodSeconds | quote }}
{{- with $values.sidecar.env }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $values.sidecar.envFrom }}
envFrom:
{{ toYaml . | indent 2 }}
{{- end }}
startupProbe:
  httpGet:
    path: /readyz
    port: sw-admin
{{ toYaml $values.sidecar.startupProbe | indent 2 }}
livenessProbe:
  httpGet:
    path: /healthz
    port: sw-admin
{{ toYaml $values.sidecar.livenessProbe | indent 2 }}
{{- if eq .kind "gateway" }}
readinessProbe:
  httpGet:
    path: /readyz
    port: sw-admin
{{ toYaml $values.sidecar.readinessProbe | indent 2 }}
{{- end }}
{{- if eq .kind "classic" }}
lifecycle:
  preStop:
    exec:
      command: ["python3", "-c", "import time; time.sleep(5)"]
{{- end }}
resources:
{{ toYaml $values.sidecar.resources | indent 2 }}
securityContext:
{{ include "sidewatch.containerSecurityContext" $root | indent 2 }}
volumeMounts:
{{ include "sidewatch.volumeMounts" $root | indent 2 }}
{{- end -}}

{{- define "sidewatch.volumeMounts" -}}
- name: sidewatch-config
  mountPath: /etc/sidewatch/config
  readOnly: true
- name: sidewatch-tmp
  mountPath: /tmp
{{- if .Values.files.driftReference.configMap }}
- name: sidewatch-drift
  mountPath: /etc/sidewatch/drift
  readOnly: true
{{- end }}
{{- if .Values.files.prices.configMap }}
- name: sidewatch-prices
  mountPath: /etc/sidewatch/prices
  readOnly: true
{{- end }}
{{- if .Values.files.packs.claimName }}
- name: sidewatch-packs
  mountPath: /packs
  readOnly: true
{{- end }}
{{- with .Values.sidecar.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The volumes of that container: whole directories, so that a changed ConfigMap reaches the running process. */}}
{{- define "sidewatch.volumes" -}}
- name: sidewatch-config
  configMap:
    name: {{ include "sidewatch.configMapName" . }}
- name: sidewatch-tmp
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.sidecar.tmpSizeLimit }}
{{- with .Values.files.driftReference.configMap }}
- name: sidewatch-drift
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.files.prices.configMap }}
- name: sidewatch-prices
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.files.packs.claimName }}
- name: sidewatch-packs
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- with .Values.sidecar.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
