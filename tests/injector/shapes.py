"""Pods of many shapes, as the API server sends them to a webhook: with defaults filled in, owners set, names generated."""

from typing import Any

Json = dict[str, Any]
_LABELS = {"sidewatch.dev/inject": "true", "app": "shop"}
_TOKEN = {
    "name": "kube-api-access-x",
    "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]},
}


def _pod(spec: Json | None = None, owner: str | None = None, **metadata: Any) -> Json:
    meta: Json = {"generateName": "app-", "namespace": "shop", "labels": _LABELS} | metadata
    if owner:
        api = "batch/v1" if owner == "Job" else "apps/v1"
        reference = {"apiVersion": api, "kind": owner, "name": "owner", "uid": "u-2", "controller": True}
        meta["ownerReferences"] = [reference]
    box = {"name": "app", "image": "app:1", "terminationMessagePath": "/dev/termination-log", "resources": {}}
    base = {
        "containers": [box],
        "restartPolicy": "Always",
        "serviceAccountName": "default",
        "schedulerName": "default-scheduler",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": base | (spec or {})}


# Those that get the sidecar, on any version of Kubernetes.
TAKEN: dict[str, Json] = {
    "one container": _pod(),
    "from a deployment": _pod(owner="ReplicaSet"),
    "from a stateful set": _pod({"hostname": "app-0", "subdomain": "app"}, owner="StatefulSet", name="app-0"),
    "from a daemon set": _pod(
        {"tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}}}, owner="DaemonSet"
    ),
    "several containers": _pod(
        {
            "containers": [
                {"name": "web", "image": "web:1", "ports": [{"containerPort": 8080, "protocol": "TCP"}]},
                {"name": "worker", "image": "worker:1", "command": ["work"]},
                {"name": "proxy", "image": "envoy:1", "ports": [{"containerPort": 18080, "protocol": "TCP"}]},
            ]
        }
    ),
    "existing variables": _pod(
        {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "env": [
                        {"name": "OPENAI_BASE_URL", "value": "https://elsewhere.example/v1"},
                        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                        {"name": "NODE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
                    ],
                }
            ]
        }
    ),
    "a base URL from a secret": _pod(
        {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "env": [
                        {"name": "ANTHROPIC_BASE_URL", "valueFrom": {"configMapKeyRef": {"name": "urls", "key": "a"}}}
                    ],
                }
            ]
        }
    ),
    "a token and data": _pod(
        {
            "volumes": [_TOKEN, {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/data"},
                        {"name": _TOKEN["name"], "mountPath": "/run/t"},
                    ],
                }
            ],
        }
    ),
    "init containers": _pod(
        {
            "initContainers": [
                {"name": "migrate", "image": "app:1", "args": ["migrate"]},
                {
                    "name": "warm",
                    "image": "app:1",
                    "env": [{"name": "OPENAI_BASE_URL", "value": "https://own.example"}],
                },
            ]
        }
    ),
    "empty lists": _pod(
        {"initContainers": [], "volumes": [], "containers": [{"name": "app", "image": "a", "env": []}]}
    ),
    "no labels": _pod(labels=None, annotations={"sidewatch.dev/inject": "true"}),
    "strict security": _pod(
        {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
        }
    ),
    "native sidecars of others": _pod(
        {
            "initContainers": [
                {"name": "mesh", "image": "mesh:1", "restartPolicy": "Always", "ports": [{"containerPort": 19090}]},
                {"name": "migrate", "image": "app:1"},
            ]
        }
    ),
    "limits from a limit range": _pod(
        {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "resources": {
                        "limits": {"cpu": "500m", "memory": "512Mi"},
                        "requests": {"cpu": "100m", "memory": "256Mi"},
                    },
                }
            ],
            "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        annotations={"kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, memory request for container app"},
    ),
    "ports seen in probes and hooks": _pod(
        {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "livenessProbe": {"httpGet": {"path": "/", "port": 18080}},
                    "readinessProbe": {"tcpSocket": {"port": 18081}},
                    "startupProbe": {"grpc": {"port": 18082}},
                    "lifecycle": {"preStop": {"httpGet": {"path": "/stop", "port": 18083}}},
                },
                {"name": "named", "image": "app:1", "livenessProbe": {"httpGet": {"path": "/", "port": "http"}}},
            ]
        }
    ),
    "a port of the host": _pod(
        {"containers": [{"name": "app", "image": "a", "ports": [{"containerPort": 18080, "hostPort": 18080}]}]}
    ),
    "a read-only root and no privileges": _pod(
        {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "securityContext": {
                        "readOnlyRootFilesystem": True,
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsUser": 1000,
                    },
                }
            ],
            "securityContext": {
                "supplementalGroups": [4000],
                "sysctls": [{"name": "net.core.somaxconn", "value": "9"}],
            },
        }
    ),
    "variables from objects": _pod(
        {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "envFrom": [
                        {"configMapRef": {"name": "settings"}},
                        {"prefix": "X_", "secretRef": {"name": "keys"}},
                    ],
                    "env": [{"name": "OLLAMA_HOST", "valueFrom": {"configMapKeyRef": {"name": "urls", "key": "o"}}}],
                }
            ]
        }
    ),
    "waits for a gate": _pod({"schedulingGates": [{"name": "example.com/quota"}], "shareProcessNamespace": True}),
    "wrong in every annotation": _pod(
        annotations={
            "sidewatch.dev/port": "eighty",
            "sidewatch.dev/admin-port": "0",
            "sidewatch.dev/config": "log: [",
            "sidewatch.dev/watchers": "everything",
            "sidewatch.dev/resources": "{requests: {cpu: 2}, limits: {cpu: 1}}",
            "sidewatch.dev/base-urls": "MY_URL",
            "sidewatch.dev/containers": "nobody",
            "sidewatch.dev/config-map": "No Such_Name",
            "sidewatch.dev/image": "an image",
            "sidewatch.dev/kind": "modern",
            "sidewatch.dev/upstream": "example",
            "sidewatch.dev/upsteam": "https://api.example.com",
        }
    ),
    "overridden": _pod(
        annotations={
            "sidewatch.dev/port": "15001",
            "sidewatch.dev/admin-port": "15002",
            "sidewatch.dev/watchers": "pii,secrets",
            "sidewatch.dev/resources": "{requests: {cpu: 50m}, limits: {cpu: '1', memory: 600Mi}}",
            "sidewatch.dev/base-urls": "OPENAI_BASE_URL",
        }
    ),
}

# Jobs: with a native sidecar they get it and finish; a classic one would keep them from finishing.
JOBS: dict[str, Json] = {
    "from a job": _pod({"restartPolicy": "Never"}, owner="Job", labels=_LABELS | {"batch.kubernetes.io/job-name": "j"}),
    "from a cron job": _pod({"restartPolicy": "OnFailure"}, owner="Job"),
}

# Those that stay as they are, and what the user is told (None: nothing, they did not ask).
LEFT: dict[str, tuple[Json, str | None]] = {
    "did not ask": (_pod(labels={"app": "shop"}), None),
    "no labels and no annotations": (_pod(labels=None), None),
    "refuses by annotation": (_pod(annotations={"sidewatch.dev/inject": "false"}), None),
    "host network": (_pod({"hostNetwork": True}), "host's network"),
    "windows": (_pod({"os": {"name": "windows"}}), "Windows"),
    "windows by selector": (_pod({"nodeSelector": {"kubernetes.io/os": "windows"}}), "Windows"),
    "misspelt": (_pod(labels={"sidewatch.dev/inject": "ture"}), "is 'ture', expected true or false"),
    "a static pod's image": (
        _pod(annotations={"kubernetes.io/config.mirror": "c0ffee", "kubernetes.io/config.source": "file"}),
        "static pod",
    ),
    "a volume of the same name": (
        _pod({"volumes": [{"name": "sidewatch-tmp", "emptyDir": {}}]}),
        "has a volume named sidewatch-tmp already",
    ),
    "no room in its annotations": (_pod(annotations={"example.com/notes": "x" * 262_100}), "256 KiB at most"),
    "has one by hand": (
        _pod({"containers": [{"name": "app", "image": "a"}, {"name": "sidewatch", "image": "s"}]}),
        None,
    ),
}
