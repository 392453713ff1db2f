"""Sizes and durations as people write them: "64MiB", "30s", "1h30m"."""

import math
import re
from typing import Final

_SIZE: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-zA-Z]*)")
_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)")
_SIZES: Final = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    # Kubernetes writes Ki, people write KiB or K
    **dict.fromkeys(("k", "ki", "kib"), 1024),
    **dict.fromkeys(("m", "mi", "mib"), 1024**2),
    **dict.fromkeys(("g", "gi", "gib"), 1024**3),
}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def maybe_bytes(text: str) -> int | None:
    """Return the size in bytes, None where the text is not one."""
    match = _SIZE.fullmatch(text.strip())
    factor = _SIZES.get(match["unit"].lower()) if match else None
    size = float(match["number"]) * factor if match and factor else math.inf
    return round(size) if math.isfinite(size) else None


def maybe_seconds(text: str) -> float | None:
    """Return the duration in seconds, None where the text is not one. A bare number is seconds."""
    text = text.strip()
    try:
        number = float(text)
        return number if math.isfinite(number) else None
    except ValueError:
        pass
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0].replace(" ", "") for part in parts) != text.replace(" ", ""):
        return None
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)
