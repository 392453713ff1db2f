"""The JSON patch (RFC 6902) that puts the sidecar into one pod: pure, idempotent, additive.

Nothing of the pod is replaced: containers keep their order and every variable that the user set. The configuration
travels in an annotation and reaches the sidecar through a downward-API volume, because a ConfigMap of the
release's namespace cannot be mounted in another one; the kubelet updates that file when the annotation changes.
"""

import copy
from collections.abc import Iterator
from typing import Any

from sidecar.injector.pod_request import (
    INJECTED,
    PREFIX,
    SCRAPE,
    PodRequest,
    already_injected,
    misspelt,
    obstacle,
    read_request,
    wanted,
)
from sidecar.injector.template import Json, Template

Operation = dict[str, Any]
_CONFIG = PREFIX + "effective-config"


def injection(pod: Json, namespace: str, template: Template) -> tuple[list[Operation], list[str]]:
    """Return (patch, warnings for the user) for one pod; an empty patch leaves it as it is."""
    if already_injected(pod):
        return [], []
    if not wanted(pod):
        return [], [reason] if (reason := misspelt(pod)) else []
    request = read_request(pod, template)
    reason = obstacle(pod, namespace, template, request)
    if reason:
        return [], [f"sidewatch was not injected: {reason}"]
    operations = [
        *_metadata(pod, request, template),
        *_volumes(pod, request, template),
        *_container(pod, request, template),
        *_environment(pod, request),
    ]
    return operations, [*request.warnings, *_env_from_warnings(pod, request)]


def _metadata(pod: Json, request: PodRequest, template: Template) -> Iterator[Operation]:
    meta = pod.get("metadata")
    if meta is None:
        yield _add("/metadata", {})
    for key, values in (
        ("labels", {SCRAPE: "true"}),
        ("annotations", {INJECTED: template.version, _CONFIG: request.config}),
    ):
        if not (meta or {}).get(key):
            yield _add(f"/metadata/{key}", values)
            continue
        for name, value in values.items():
            yield _add(f"/metadata/{key}/{_escape(name)}", value)


def _volumes(pod: Json, request: PodRequest, template: Template) -> Iterator[Operation]:
    volumes = [_config_volume(request), *(one for one in template.volumes if one["name"] != "sidewatch-config")]
    yield from _append(pod["spec"], "/spec", "volumes", volumes)


def _config_volume(request: PodRequest) -> Json:
    if request.config_map:
        return {"name": "sidewatch-config", "configMap": {"name": request.config_map}}
    item = {"path": "sidewatch.yaml", "fieldRef": {"fieldPath": f"metadata.annotations['{_CONFIG}']"}}
    return {"name": "sidewatch-config", "downwardAPI": {"items": [item]}}


def _container(pod: Json, request: PodRequest, template: Template) -> Iterator[Operation]:
    container = _configured(template.containers["native" if request.native else "classic"], request)
    if not request.native:
        yield _add("/spec/containers/-", container)
    elif pod["spec"].get("initContainers"):
        # First, so that the app's own init containers can already use it.
        yield _add("/spec/initContainers/0", container)
    else:
        yield _add("/spec/initContainers", [container])


def _configured(template: Json, request: PodRequest) -> Json:
    container = copy.deepcopy(template)
    traffic, admin = request.ports
    ports = {"--listen": traffic, "--admin": admin}
    for place, arg in enumerate(container["args"]):
        if (flag := arg.partition("=")[0]) in ports:
            container["args"][place] = f"{arg.rpartition(':')[0]}:{ports[flag]}"
    for port in container["ports"]:
        port["containerPort"] = traffic if port["name"] == "sw-traffic" else admin
    if request.image:
        container["image"] = request.image
    if request.resources is not None:
        container["resources"] = request.resources
    return container


def _environment(pod: Json, request: PodRequest) -> Iterator[Operation]:
    # A native sidecar goes in front of the init containers, and so moves them one place on.
    moved = 1 if request.native and pod["spec"].get("initContainers") else 0
    for key, shift in (("initContainers", moved), ("containers", 0)):
        if key == "initContainers" and not request.native:
            continue  # a classic sidecar is not running yet when they do
        for index, container in enumerate(pod["spec"].get(key) or []):
            if request.containers is not None and container.get("name") not in request.containers:
                continue
            own = {one["name"] for one in container.get("env") or []}
            new = [
                {"name": name, "value": url.replace("{port}", str(request.ports[0]))}
                for name, url in request.base_urls.items()
                if name not in own
            ]
            yield from _append(container, f"/spec/{key}/{index + shift}", "env", new)


def _env_from_warnings(pod: Json, request: PodRequest) -> Iterator[str]:
    if not request.base_urls:
        return
    for container in pod["spec"].get("containers") or []:
        if container.get("envFrom") and (request.containers is None or container.get("name") in request.containers):
            yield (
                f"container {container.get('name')}: a base URL that comes from envFrom is overridden by sidewatch; "
                f"annotate {PREFIX}base-urls with the variables to set, or none"
            )


def _append(owner: Json, path: str, key: str, items: list[Json]) -> Iterator[Operation]:
    if not items:
        return
    if not owner.get(key):
        yield _add(f"{path}/{key}", items)
        return
    for item in items:
        yield _add(f"{path}/{key}/-", item)


def _add(path: str, value: object) -> Operation:
    return {"op": "add", "path": path, "value": value}


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
