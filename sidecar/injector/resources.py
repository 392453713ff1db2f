"""The sidecar's requests and limits in one pod, and the observer's limit below them.

The API server refuses a pod whose container requests more than its limit, or whose containers request more than the pod
itself does: such a pod must never come from here.
"""

import re
from typing import Any

from sidecar.config.units import maybe_bytes
from sidecar.injector.template import Json

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_FACTORS = {
    "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
_AMOUNTS = {"cpu", "memory", "ephemeral-storage"}
_OBSERVERS_SHARE = 0.75  # of the container's limit, as in the chart: the rest is the proxy's


def amount(quantity: object) -> float | None:
    """Return a Kubernetes quantity as a number, or None where it is none."""
    found = _QUANTITY.fullmatch(str(quantity))
    return float(found[1]) * _FACTORS[found[2] or ""] if found else None


def sound(wish: dict[str, Any]) -> bool:
    """Tell whether this is requests and limits as a pod may have them, no request above its limit."""
    if not wish.keys() <= {"requests", "limits"}:
        return False
    for amounts in wish.values():
        if not isinstance(amounts, dict) or not amounts.keys() <= _AMOUNTS:
            return False
        if any(amount(one) is None for one in amounts.values()):
            return False
    limits = wish.get("limits") or {}
    asked = (wish.get("requests") or {}).items()
    return all((amount(one) or 0) <= (amount(limits.get(name, one)) or 0) for name, one in asked)


def observer_within(config: Json, resources: Json | None) -> Json:
    """Return the configuration with an observer that is restarted before the kernel ends the container."""
    limit = amount(((resources or {}).get("limits") or {}).get("memory", ""))
    observer = config.get("observer") or {}
    own = observer.get("memory_limit_bytes")
    bound = maybe_bytes(own) if isinstance(own, str) else own
    if limit is None or bound is None or bound < limit:
        return config
    return config | {"observer": observer | {"memory_limit_bytes": int(_OBSERVERS_SHARE * limit)}}
