"""Objects of this package as bytes and back, so that a watch survives a restart.

MessagePack, zlib and a closed list of our own classes: reading a state runs no foreign code. An object that two others
share is written once. The bytes begin with a mark and a version; anything else is refused.
"""

import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum

import msgspec
import numpy as np

from watchers.drift.events import DriftError

MARK = b"sidewatch-drift-3\n"


def to_bytes(value: object, classes: Mapping[str, type]) -> bytes:
    """Return a value of plain data, arrays and objects of `classes` as bytes."""
    return MARK + zlib.compress(msgspec.msgpack.encode(_Writer(classes).plain(value)), 1)


def from_bytes(data: bytes, classes: Mapping[str, type]) -> object:
    """Return what `to_bytes` was given. Raises: DriftError for bytes that it did not write."""
    if not data.startswith(MARK):
        raise DriftError("this is not a state of the drift watch, or one of another version")
    try:
        return _Reader(classes).value(msgspec.msgpack.decode(zlib.decompress(data[len(MARK) :])))
    except (zlib.error, msgspec.MsgspecError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise DriftError(f"the state of the drift watch is damaged ({type(error).__name__})") from error


class _Writer:
    def __init__(self, classes: Mapping[str, type]) -> None:
        self._names = {kind: name for name, kind in classes.items()}
        self._seen: dict[int, int] = {}
        self._held: list[object] = []  # keeps the ids above from being reused

    def plain(self, value: object) -> object:
        if value is None or isinstance(value, bool | float | bytes) or type(value) in (int, str):
            return value
        if isinstance(value, StrEnum):
            return {"!": "enum", "c": self._names[type(value)], "n": str(value)}
        if isinstance(value, np.ndarray):
            return {
                "!": "array",
                "t": value.dtype.str,
                "s": list(value.shape),
                "b": np.ascontiguousarray(value).tobytes(),
            }
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.random.Generator):
            state = value.bit_generator.state
            numbers = [str(state["state"]["state"]), str(state["state"]["inc"]), state["has_uint32"], state["uinteger"]]
            return {"!": "random", "n": numbers}
        return self._container(value)

    def _container(self, value: object) -> object:
        if isinstance(value, deque):
            return {"!": "deque", "n": value.maxlen, "v": [self.plain(v) for v in value]}
        if isinstance(value, Mapping):
            return {"!": "map", "v": [[self.plain(k), self.plain(v)] for k, v in value.items()]}
        if type(value) in self._names:
            return self._object(value)
        if isinstance(value, list | tuple):
            return {"!": "list" if isinstance(value, list) else "tuple", "v": [self.plain(v) for v in value]}
        raise TypeError(f"{type(value).__name__} has no place in a state")

    def _object(self, value: object) -> object:
        if id(value) in self._seen:
            return {"!": "again", "n": self._seen[id(value)]}
        self._held.append(value)
        self._seen[id(value)] = len(self._seen)
        name = self._names[type(value)]
        if isinstance(value, tuple):
            return {"!": "row", "c": name, "v": [self.plain(v) for v in value]}
        parts = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else vars(value)
        return {"!": "object", "c": name, "v": [[k, self.plain(v)] for k, v in parts.items()]}


class _Reader:
    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._seen: list[object] = []

    def value(self, plain: object) -> object:
        if not isinstance(plain, dict):
            return plain
        kind = plain["!"]
        if kind == "array":
            return np.frombuffer(plain["b"], np.dtype(plain["t"])).reshape(plain["s"]).copy()
        if kind == "random":
            return _generator(plain["n"])
        if kind == "enum":
            return self._classes[plain["c"]](plain["n"])
        if kind == "again":
            return self._seen[plain["n"]]
        return self._container(kind, plain)

    def _container(self, kind: str, plain: dict[str, object]) -> object:
        parts = plain["v"]
        if not isinstance(parts, list):
            raise ValueError(kind)
        if kind == "object":
            return self._object(self._classes[str(plain["c"])], parts)
        if kind == "map":
            return {self.value(k): self.value(v) for k, v in parts}
        if kind == "row":
            place = len(self._seen)
            self._seen.append(None)
            self._seen[place] = self._classes[str(plain["c"])](*(self.value(v) for v in parts))
            return self._seen[place]
        values = [self.value(v) for v in parts]
        if kind == "deque":
            length = plain["n"]
            return deque(values, maxlen=length if isinstance(length, int) else None)
        return values if kind == "list" else tuple(values)

    def _object(self, kind: type, parts: list[object]) -> object:
        made: object = object.__new__(kind)
        self._seen.append(made)
        for part in parts:
            if not isinstance(part, list):
                raise ValueError(kind.__name__)
            object.__setattr__(made, part[0], self.value(part[1]))
        return made


def _generator(numbers: list[object]) -> np.random.Generator:
    bits = np.random.PCG64()
    state, increment, has, integer = (int(str(n)) for n in numbers)
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": increment},
        "has_uint32": has,
        "uinteger": integer,
    }
    return np.random.Generator(bits)
