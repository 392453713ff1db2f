{{/*
What a schema cannot say: values that fit each by itself and not together, or that the chart would silently ignore.
Each message names the values and the remedy.
*/}}
{{- define "sidewatch.checks" -}}
{{- $values := .Values -}}
{{- range $where, $ports := dict "sidecar" $values.sidecar.ports "injector" $values.injector.ports -}}
{{- if eq (int $ports.traffic) (int $ports.admin) -}}
{{- fail (printf "\n%s.ports.traffic and %s.ports.admin are both %d: give them different ports" $where $where (int $ports.admin)) -}}
{{- end -}}
{{- end -}}
{{- range $key, $instead := dict "listen" "sidecar.ports.traffic" "admin" "sidecar.ports.admin" "workers" "sidecar.workers" -}}
{{- if hasKey $values.config $key -}}
{{- fail (printf "\nconfig.%s would be ignored, because the container is started with a flag for it: set %s" $key $instead) -}}
{{- end -}}
{{- end -}}
{{- range $values.sidecar.env -}}
{{- if and (regexMatch "(?i)(key|token|secret|password)$" (toString .name)) .value -}}
{{- fail (printf "\nsidecar.env gives %s as plain text: take it from an existing Secret, with valueFrom or sidecar.envFrom" .name) -}}
{{- end -}}
{{- end -}}
{{- $observer := dig "observer" "memory_limit_bytes" $values.sidecar.observerMemoryLimit $values.config -}}
{{- $container := dig "limits" "memory" "" $values.sidecar.resources -}}
{{- if and $container (not $values.existingConfigMap) (ge (include "sidewatch.mebibytes" $observer | float64) (include "sidewatch.mebibytes" $container | float64)) -}}
{{- fail (printf "\nthe observer may take %v (sidecar.observerMemoryLimit or config.observer.memory_limit_bytes) and the whole container %v (sidecar.resources.limits.memory): the kernel would end the container, and open streams with it, before the observer alone is restarted; keep the first below the second" $observer $container) -}}
{{- end -}}
{{- if and $values.injector.enabled $values.injector.podDisruptionBudget.enabled (gt (int $values.injector.replicas) 1) -}}
{{- $least := $values.injector.podDisruptionBudget.minAvailable -}}
{{- if and (not (kindIs "string" $least)) (ge (int $least) (int $values.injector.replicas)) -}}
{{- fail (printf "\ninjector.podDisruptionBudget.minAvailable is %d of %d injector.replicas: no node with one of them could be drained" (int $least) (int $values.injector.replicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A size as Kubernetes (1Gi) or Sidewatch (1GiB) writes it, in MiB. */}}
{{- define "sidewatch.mebibytes" -}}
{{- $text := kindIs "string" . | ternary . (printf "%.0f" (float64 (kindIs "string" . | ternary "0" .))) -}}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" | trimSuffix "B" -}}
{{- $factors := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- divf (mulf (regexFind "^[0-9.]+" $text | float64) (get $factors $unit)) 1048576.0 -}}
{{- end -}}
