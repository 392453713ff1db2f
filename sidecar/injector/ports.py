"""Which ports the sidecar takes in a pod: the pod's own choice, else the template's or the next that nobody there uses.

Seen are the ports that containers declare and those that their probes and hooks call; what an app opens without a
word about it cannot be seen, which is why the template's are unusual ones.
"""

from collections.abc import Iterator, Mapping

from sidecar.injector.template import Json, Template

_CALLS = ("httpGet", "tcpSocket", "grpc")


def chosen_ports(
    pod: Json, notes: Mapping[str, str], template: Template, prefix: str, warnings: list[str]
) -> tuple[int, int]:
    """Return (traffic, admin)."""
    taken = {
        port for key in ("containers", "initContainers") for box in pod["spec"].get(key) or [] for port in _of(box)
    }
    found: list[int] = []
    for key, default in zip(("port", "admin-port"), _defaults(template), strict=True):
        port = _wish(notes.get(key, ""), taken, prefix + key, warnings)
        if port is None:
            port = next(port for port in range(default, 65536) if port not in taken)
        taken.add(port)
        found.append(port)
    return found[0], found[1]


def _of(container: Json) -> Iterator[int]:
    for port in container.get("ports") or []:
        yield port.get("containerPort")
    hooks = container.get("lifecycle") or {}
    callers = [container.get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness")]
    for caller in [*callers, hooks.get("postStart"), hooks.get("preStop")]:
        for call in _CALLS:
            port = ((caller or {}).get(call) or {}).get("port")
            if isinstance(port, int):
                yield port


def _wish(value: str, taken: set[int], name: str, warnings: list[str]) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and 1024 <= int(value) <= 65535):
        warnings.append(f"{name} is {value!r}, expected a port from 1024 to 65535: the default is used")
        return None
    if int(value) in taken:
        warnings.append(f"{name} is {value}, which the pod uses already: the default is used")
        return None
    return int(value)


def _defaults(template: Template) -> tuple[int, int]:
    ports = {one["name"]: int(one["containerPort"]) for one in template.containers[template.kind]["ports"]}
    return ports["sw-traffic"], ports["sw-admin"]
