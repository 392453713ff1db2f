"""What one pod asks for with its labels and annotations, and whether it can be had.

Opt-in: a label or annotation `sidewatch.dev/inject: "true"`. Everything else overrides the chart's defaults for
this pod. A wrong override is never a reason to refuse the pod: it becomes a warning, and the default stays. That goes
for the configuration as a whole, too: a native sidecar that cannot read its own would keep the app from starting.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sidecar.config import examine
from sidecar.injector.template import Json, Template

PREFIX = "sidewatch.dev/"
INJECTED = PREFIX + "injected"
SCRAPE = PREFIX + "scrape"
_YES = {"true", "enabled", "yes", "1"}
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_AMOUNTS = {"cpu", "memory", "ephemeral-storage"}


@dataclass(frozen=True, slots=True)
class PodRequest:
    """`ports` are (traffic, admin). `base_urls` are templates by variable; `containers` None means all of them.

    `problem` is why no configuration can be given at all: the chart's own is wrong.
    """

    config: str
    ports: tuple[int, int]
    base_urls: Mapping[str, str]
    containers: frozenset[str] | None
    config_map: str | None
    image: str | None
    resources: Json | None
    native: bool
    problem: str | None
    warnings: tuple[str, ...]


def wanted(pod: Json) -> bool:
    """Tell whether the pod opted in; an annotation wins over a label."""
    meta = pod.get("metadata") or {}
    value = (meta.get("annotations") or {}).get(
        PREFIX + "inject", (meta.get("labels") or {}).get(PREFIX + "inject", "")
    )
    return str(value).lower() in _YES


def obstacle(pod: Json, namespace: str, template: Template, request: PodRequest) -> str | None:
    """Return why this pod cannot get the sidecar, or None."""
    spec = pod["spec"]
    if namespace in {"kube-system", "kube-public", "kube-node-lease", *template.exclude_namespaces}:
        return f"namespace {namespace} is excluded"
    if _is_windows(spec):
        return "Windows pods are not supported"
    if spec.get("hostNetwork"):
        return "the pod uses the host's network, where the sidecar's ports would be the node's"
    if not request.native and _ends_by_itself(pod):
        return "a classic sidecar would keep this Job from finishing: it needs Kubernetes 1.29 or newer"
    return request.problem


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
    config, problem = _config(notes, template, warnings)
    containers = notes.get("containers")
    return PodRequest(
        config=config,
        ports=_ports(pod, notes, template, warnings),
        base_urls=_base_urls(notes, template, warnings),
        containers=None if containers is None else frozenset(_names(containers)),
        config_map=notes.get("config-map"),
        image=notes.get("image"),
        resources=_resources(notes, warnings),
        native=_native(notes, template, warnings),
        problem=problem,
        warnings=tuple(warnings),
    )


def _native(notes: Mapping[str, str], template: Template, warnings: list[str]) -> bool:
    kind = notes.get("kind", template.kind)
    if kind not in ("native", "classic"):
        warnings.append(f"{PREFIX}kind is {kind!r}, expected native or classic: {template.kind} is used")
        kind = template.kind
    return kind == "native"


def _config(notes: Mapping[str, str], template: Template, warnings: list[str]) -> tuple[str, str | None]:
    """Return the configuration file, and why there can be none."""
    own = _mapping(notes, "config", warnings)
    config = _merged(template.config, own)
    if "upstream" in notes:
        config.pop("routes", None)
        config["upstream"] = notes["upstream"]
    if "watchers" in notes:
        config = _merged(config, {"watchers": {"enabled": _names(notes["watchers"])}})
    if problems := examine(config):
        if not (problem := _first(template.config)):
            warnings.append(
                f"the pod's {PREFIX} annotations are no configuration ({problems[0]}): the defaults are used"
            )
        return yaml.safe_dump(template.config, sort_keys=True), problem
    return yaml.safe_dump(config, sort_keys=True), None


def _first(config: Json) -> str | None:
    problems = examine(config)
    return f"the chart's configuration cannot be used: {problems[0]}" if problems else None


def _mapping(notes: Mapping[str, str], key: str, warnings: list[str]) -> dict[str, Any]:
    try:
        own = yaml.safe_load(notes.get(key, "")) or {}
    except yaml.YAMLError:
        own = None
    if isinstance(own, dict):
        return own
    warnings.append(f"{PREFIX}{key} is not a YAML mapping: ignored")
    return {}


def _resources(notes: Mapping[str, str], warnings: list[str]) -> Json | None:
    own = _mapping(notes, "resources", warnings)
    sound = own.keys() <= {"requests", "limits"} and all(
        isinstance(amounts, dict)
        and amounts.keys() <= _AMOUNTS
        and all(_QUANTITY.fullmatch(str(amount)) for amount in amounts.values())
        for amounts in own.values()
    )
    if not sound:
        warnings.append(f"{PREFIX}resources is not requests and limits of cpu and memory: ignored")
        return None
    return {key: {name: str(amount) for name, amount in amounts.items()} for key, amounts in own.items()} or None


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


def _ports(pod: Json, notes: Mapping[str, str], template: Template, warnings: list[str]) -> tuple[int, int]:
    """Return (traffic, admin): what the pod asks for, else the template's or the next port that no container declares."""
    spec = pod["spec"]
    taken = {
        port.get("containerPort")
        for key in ("containers", "initContainers")
        for container in spec.get(key) or []
        for port in container.get("ports") or []
    }
    found: list[int] = []
    for key, default in zip(("port", "admin-port"), _template_ports(template), strict=True):
        chosen = _port(notes, key, warnings)
        if chosen is None:
            chosen = next(port for port in range(default, 65536) if port not in taken)
        taken.add(chosen)
        found.append(chosen)
    return found[0], found[1]


def _port(notes: Mapping[str, str], key: str, warnings: list[str]) -> int | None:
    value = notes.get(key, "")
    if not value:
        return None
    if value.isascii() and value.isdigit() and 1024 <= int(value) <= 65535:
        return int(value)
    warnings.append(f"{PREFIX}{key} is {value!r}, expected a port from 1024 to 65535: the default is used")
    return None


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
