"""Lone surrogates in an Exchange's strings: pairs that were cut in two are joined, the others become U+FFFD.

JSON can carry half of a character (`\\ud83d`), and a stream can cut a pair into two events. No string that leaves the
decoders may hold one, because it cannot be encoded as UTF-8.
"""

import dataclasses
from typing import Any

import orjson

from sidecar.wire.exchange import Exchange


def repaired(exchange: Exchange) -> Exchange:
    """Return `exchange`, equal where all its strings are whole."""
    try:
        orjson.dumps(exchange)
    except TypeError:
        return _repair(exchange)  # type: ignore[no-any-return]
    return exchange


def repair_text(text: str) -> str:
    """Return `text` without lone surrogates."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _repair(value: Any) -> Any:
    if isinstance(value, str) and type(value) is str:
        return repair_text(value)
    if isinstance(value, tuple):
        return tuple(_repair(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _repair(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return type(value)(**fields)
    return value
