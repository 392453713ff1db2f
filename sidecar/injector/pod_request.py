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
from sidecar.injector.ports import chosen_ports
from sidecar.injector.resources import observer_within, sound
from sidecar.injector.template import Json, Template

PREFIX = "sidewatch.dev/"
INJECTED = PREFIX + "injected"
SCRAPE = PREFIX + "scrape"
INJECT = PREFIX + "inject"
_YES, _NO = {"true", "enabled", "yes", "1"}, {"false", "disabled", "no", "0", ""}
# What a pod may be annotated with, and what this webhook writes.
NOTES = {
    "upstream", "watchers", "config", "config-map", "base-urls", "containers", "port", "admin-port", "resources", "image",
    "kind",
}  # fmt: skip
_OWN = {"inject", "injected", "effective-config"}
_MAX_CONFIG_CHARS = 32 * 1024
_DEEPEST = 32
_MAX_ANNOTATIONS_BYTES = 256 * 1024  # the API server refuses a pod with more
_MIRROR = "kubernetes.io/config.mirror"
_IMAGE = re.compile(r"[^\s]{1,500}")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


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
    return _inject(meta) in _YES


def misspelt(pod: Json) -> str | None:
    """Return what to say of a pod that may have meant to opt in, or None."""
    value = _inject(pod.get("metadata") or {})
    if value in _YES | _NO:
        return None
    return f"sidewatch was not injected: {INJECT} is {value!r}, expected true or false"


def _inject(meta: Json) -> str:
    return str((meta.get("annotations") or {}).get(INJECT, (meta.get("labels") or {}).get(INJECT, ""))).lower()


def obstacle(pod: Json, namespace: str, template: Template, request: PodRequest) -> str | None:
    """Return why this pod cannot get the sidecar, or None."""
    spec = pod["spec"]
    if namespace in {"kube-system", "kube-public", "kube-node-lease", *template.exclude_namespaces}:
        return f"namespace {namespace} is excluded"
    if _MIRROR in ((pod.get("metadata") or {}).get("annotations") or {}):
        return "this is the image of a static pod, which the kubelet runs as its file says"
    if _is_windows(spec):
        return "Windows pods are not supported"
    if spec.get("hostNetwork"):
        return "the pod uses the host's network, where the sidecar's ports would be the node's"
    if not request.native and _ends_by_itself(pod):
        return "a classic sidecar would keep this Job from finishing: it needs Kubernetes 1.29 or newer"
    there = {one.get("name") for one in spec.get("volumes") or []}
    if clash := sorted(there & {"sidewatch-config", *(one["name"] for one in template.volumes)}):
        return f"the pod has a volume named {clash[0]} already"
    if _annotations_bytes(pod) + len(request.config.encode()) > _MAX_ANNOTATIONS_BYTES - 1024:
        return "the configuration does not fit into the pod's annotations, of which there are 256 KiB at most"
    return request.problem


def _annotations_bytes(pod: Json) -> int:
    notes = (pod.get("metadata") or {}).get("annotations") or {}
    return sum(len(key.encode()) + len(str(value).encode()) for key, value in notes.items())


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
    warnings += [f"{PREFIX}{name} is no annotation of sidewatch" for name in sorted(notes.keys() - NOTES - _OWN)]
    resources = _resources(notes, pod, warnings)
    native = _native(notes, template, warnings)
    box = template.containers["native" if native else "classic"]
    config, problem = _config(notes, template, box.get("resources") if resources is None else resources, warnings)
    return PodRequest(
        config=config,
        ports=chosen_ports(pod, notes, template, PREFIX, warnings),
        base_urls=_base_urls(notes, template, warnings),
        containers=_containers(pod, notes, warnings),
        config_map=_fitting(notes, "config-map", _OBJECT_NAME, "the name of a ConfigMap", warnings),
        image=_fitting(notes, "image", _IMAGE, "an image", warnings),
        resources=resources,
        native=native,
        problem=problem,
        warnings=tuple(warnings),
    )


def _fitting(notes: Mapping[str, str], key: str, shape: re.Pattern[str], what: str, warnings: list[str]) -> str | None:
    value = notes.get(key)
    if not value or shape.fullmatch(value):
        return value
    warnings.append(f"{PREFIX}{key} is {value[:80]!r}, expected {what}: ignored")
    return None


def _containers(pod: Json, notes: Mapping[str, str], warnings: list[str]) -> frozenset[str] | None:
    if "containers" not in notes:
        return None
    there = {one.get("name") for key in ("containers", "initContainers") for one in pod["spec"].get(key) or []}
    chosen = _names(notes["containers"])
    warnings += [
        f"{PREFIX}containers names {name}, which the pod does not have" for name in chosen if name not in there
    ]
    return frozenset(chosen)


def _native(notes: Mapping[str, str], template: Template, warnings: list[str]) -> bool:
    kind = notes.get("kind", template.kind)
    if kind not in ("native", "classic"):
        warnings.append(f"{PREFIX}kind is {kind!r}, expected native or classic: {template.kind} is used")
        kind = template.kind
    return kind == "native"


def _config(
    notes: Mapping[str, str], template: Template, resources: Json | None, warnings: list[str]
) -> tuple[str, str | None]:
    """Return the configuration file, and why there can be none."""
    default = observer_within(template.config, resources)
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
        return yaml.safe_dump(default, sort_keys=True), problem
    return yaml.safe_dump(observer_within(config, resources), sort_keys=True), None


def _first(config: Json) -> str | None:
    problems = examine(config)
    return f"the chart's configuration cannot be used: {problems[0]}" if problems else None


def _mapping(notes: Mapping[str, str], key: str, warnings: list[str]) -> dict[str, Any]:
    text = notes.get(key, "")
    if len(text) > _MAX_CONFIG_CHARS:
        warnings.append(f"{PREFIX}{key} has {len(text)} characters, expected at most {_MAX_CONFIG_CHARS}: ignored")
        return {}
    try:
        own = _with_text_keys(yaml.load(text, _Plain)) or {}  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError):
        own = None
    if isinstance(own, dict):
        return own
    warnings.append(f"{PREFIX}{key} is not a YAML mapping: ignored")
    return {}


class _Plain(yaml.SafeLoader):
    """A few aliases of aliases are a gigabyte, and ten thousand brackets half a second in which no review is answered."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth > _DEEPEST or self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias, or nested too deep")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _resources(notes: Mapping[str, str], pod: Json, warnings: list[str]) -> Json | None:
    """Return what replaces the template's: the pod's wish, or nothing in a pod that has an amount for all of it."""
    wish = _mapping(notes, "resources", warnings)
    if not sound(wish):
        warnings.append(
            f"{PREFIX}resources is not requests and limits of cpu and memory, no request above its limit: ignored"
        )
        wish = {}
    if pod["spec"].get("resources") and not wish:
        return {}
    return {key: {name: str(one) for name, one in amounts.items()} for key, amounts in wish.items()} or None


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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _is_windows(spec: Json) -> bool:
    selector = spec.get("nodeSelector") or {}
    return "windows" in {(spec.get("os") or {}).get("name"), selector.get("kubernetes.io/os")}


def _ends_by_itself(pod: Json) -> bool:
    owners = (pod.get("metadata") or {}).get("ownerReferences") or []
    return pod["spec"].get("restartPolicy") in ("Never", "OnFailure") or any(one.get("kind") == "Job" for one in owners)
