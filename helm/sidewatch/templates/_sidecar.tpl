{{/*
The Sidewatch container, written once: the gateway, the injector's template and any chart that includes it by
hand use this. Call with a dict: `root` (the chart's context), `kind`, and for an injected one `injected` true:
  gateway  listens on every address of the pod
  native   an initContainer with restartPolicy Always, for the app of the same pod alone
  classic  an ordinary container for the app of the same pod
The preStop pause: behind a Service, until no new connection is sent here; beside an app, so that the app ends first.
An injected one has ports that apps seldom use, and leaves out `files`, which its namespace need not have.
*/}}
{{- define "sidewatch.container" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $traffic := ternary $values.listenAddress "127.0.0.1" (eq .kind "gateway") -}}
{{- $ports := ternary $values.injector.ports $values.sidecar.ports (default false .injected) -}}
name: sidewatch
image: {{ include "sidewatch.image" $root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/sidewatch/config/sidewatch.yaml
  - --listen={{ $traffic }}:{{ $ports.traffic }}
  - --admin={{ $values.listenAddress }}:{{ $ports.admin }}
  - --workers={{ $values.sidecar.workers }}
{{- if eq .kind "native" }}
restartPolicy: Always
{{- end }}
ports:
  - name: sw-traffic
    containerPort: {{ $ports.traffic }}
    protocol: TCP
  - name: sw-admin
    containerPort: {{ $ports.admin }}
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
{{- if ne .kind "native" }}
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
{{ include "sidewatch.volumeMounts" . | indent 2 }}
{{- end -}}

{{- define "sidewatch.volumeMounts" -}}
{{- $values := .root.Values -}}
- name: sidewatch-config
  mountPath: /etc/sidewatch/config
  readOnly: true
- name: sidewatch-tmp
  mountPath: /tmp
{{- if or (not .injected) $values.injector.mountFiles }}
{{- if $values.files.driftReference.configMap }}
- name: sidewatch-drift
  mountPath: /etc/sidewatch/drift
  readOnly: true
{{- end }}
{{- if $values.files.prices.configMap }}
- name: sidewatch-prices
  mountPath: /etc/sidewatch/prices
  readOnly: true
{{- end }}
{{- if $values.files.packs.claimName }}
- name: sidewatch-packs
  mountPath: /packs
  readOnly: true
{{- end }}
{{- end }}
{{- with $values.sidecar.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The volumes of that container: whole directories, so that a changed ConfigMap reaches the running process.
Call with the chart's context, or with a dict as above.
*/}}
{{- define "sidewatch.volumes" -}}
{{- $root := default . .root -}}
{{- $values := $root.Values -}}
- name: sidewatch-config
  configMap:
    name: {{ include "sidewatch.configMapName" $root }}
- name: sidewatch-tmp
  emptyDir:
    medium: Memory
    sizeLimit: {{ $values.sidecar.tmpSizeLimit }}
{{- if or (not .injected) $values.injector.mountFiles }}
{{- with $values.files.driftReference.configMap }}
- name: sidewatch-drift
  configMap:
    name: {{ . }}
{{- end }}
{{- with $values.files.prices.configMap }}
- name: sidewatch-prices
  configMap:
    name: {{ . }}
{{- end }}
{{- with $values.files.packs.claimName }}
- name: sidewatch-packs
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- end }}
{{- with $values.sidecar.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
