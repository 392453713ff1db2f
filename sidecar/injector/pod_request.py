"""What one pod asks for with its labels and annotations, and whether it can be had.

Opt-in: a label or annotation `sidewatch.dev/inject: "true"`. Everything else overrides the chart's defaults for
this pod. A wrong override is never a reason to refuse the pod: it becomes a warning, and the default stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sidecar.injector.template import Json, Template

PREFIX = "sidewatch.dev/"
INJECTED = PREFIX + "injected"
SCRAPE = PREFIX + "scrape"
_YES = {"true", "enabled", "yes", "1"}


@dataclass(frozen=True, slots=True)
class PodRequest:
    """`ports` are (traffic, admin). `base_urls` are templates by variable; `containers` None means all of them."""

    config: str
    ports: tuple[int, int]
    base_urls: Mapping[str, str]
    containers: frozenset[str] | None
    config_map: str | None
    image: str | None
    native: bool
    warnings: tuple[str, ...]


def wanted(pod: Json) -> bool:
    """Tell whether the pod opted in; an annotation wins over a label."""
    meta = pod.get("metadata") or {}
    value = (meta.get("annotations") or {}).get(
        PREFIX + "inject", (meta.get("labels") or {}).get(PREFIX + "inject", "")
    )
    return str(value).lower() in _YES


def obstacle(pod: Json, namespace: str, template: Template, native: bool) -> str | None:
    """Return why this pod cannot get the sidecar, or None."""
    spec = pod["spec"]
    if namespace in {"kube-system", "kube-public", "kube-node-lease", *template.exclude_namespaces}:
        return f"namespace {namespace} is excluded"
    if _is_windows(spec):
        return "Windows pods are not supported"
    if spec.get("hostNetwork"):
        return "the pod uses the host's network, where the sidecar's ports would be the node's"
    if not native and _ends_by_itself(pod):
        return "a classic sidecar would keep this Job from finishing: it needs Kubernetes 1.29 or newer"
    return None


def already_injected(pod: Json) -> bool:
    spec = pod["spec"]
    named = [one.get("name") for key in ("containers", "initContainers") for one in spec.get(key) or []]
    return "sidewatch" in named


def read_request(pod: Json, template: Template) -> PodRequest:
    """Combine the pod's annotations with the template."""
    notes = {
        key.removeprefix(PREFIX): str(value)
        for key, value in ((pod.get("metadata") or {}).get("annotations") or {}).items()
        if key.startswith(PREFIX)
    }
    warnings: list[str] = []
    default_traffic, default_admin = _template_ports(template)
    traffic = _port(notes, "port", default_traffic, warnings)
    admin = _port(notes, "admin-port", default_admin, warnings)
    containers = notes.get("containers")
    return PodRequest(
        config=_config(notes, template, warnings),
        ports=(traffic, admin),
        base_urls=_base_urls(notes, template, warnings),
        containers=None if containers is None else frozenset(_names(containers)),
        config_map=notes.get("config-map"),
        image=notes.get("image"),
        native=_native(notes, template, warnings),
        warnings=tuple(warnings),
    )


def _native(notes: Mapping[str, str], template: Template, warnings: list[str]) -> bool:
    kind = notes.get("kind", template.kind)
    if kind not in ("native", "classic"):
        warnings.append(f"{PREFIX}kind is {kind!r}, expected native or classic: {template.kind} is used")
        kind = template.kind
    return kind == "native"


def _config(notes: Mapping[str, str], template: Template, warnings: list[str]) -> str:
    config: dict[str, Any] = dict(template.config)
    try:
        own = yaml.safe_load(notes.get("config", "")) or {}
    except yaml.YAMLError:
        own = None
    if not isinstance(own, dict):
        warnings.append(f"{PREFIX}config is not a YAML mapping: ignored")
        own = {}
    config = _merged(config, own)
    if "upstream" in notes:
        config.pop("routes", None)
        config["upstream"] = notes["upstream"]
    if "watchers" in notes:
        config = _merged(config, {"watchers": {"enabled": _names(notes["watchers"])}})
    return yaml.safe_dump(config, sort_keys=True)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _base_urls(notes: Mapping[str, str], template: Template, warnings: list[str]) -> dict[str, str]:
    chosen = notes.get("base-urls")
    if chosen is None:
        return dict(template.base_urls)
    names = [] if chosen == "none" else _names(chosen)
    known = ", ".join(template.base_urls)
    warnings += [
        f"{PREFIX}base-urls names {name}, expected some of {known}" for name in names if name not in template.base_urls
    ]
    return {name: template.base_urls[name] for name in names if name in template.base_urls}


def _port(notes: Mapping[str, str], key: str, default: int, warnings: list[str]) -> int:
    value = notes.get(key, "")
    if not value:
        return default
    if value.isascii() and value.isdigit() and 1024 <= int(value) <= 65535:
        return int(value)
    warnings.append(f"{PREFIX}{key} is {value!r}, expected a port from 1024 to 65535: {default} is used")
    return default


def _template_ports(template: Template) -> tuple[int, int]:
    ports = {one["name"]: int(one["containerPort"]) for one in template.containers[template.kind]["ports"]}
    return ports["sw-traffic"], ports["sw-admin"]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _is_windows(spec: Json) -> bool:
    selector = spec.get("nodeSelector") or {}
    return "windows" in {(spec.get("os") or {}).get("name"), selector.get("kubernetes.io/os")}


def _ends_by_itself(pod: Json) -> bool:
    owners = (pod.get("metadata") or {}).get("ownerReferences") or []
    return pod["spec"].get("restartPolicy") in ("Never", "OnFailure") or any(one.get("kind") == "Job" for one in owners)
