"""Tolerant JSON: what Python, Go and C++ servers really send, and getters that never raise on a wrong type.

`orjson` reads nearly everything and bounds its own depth (1024). What it refuses is tried once more with the standard
library: NaN and Infinity, lone surrogates, invalid UTF-8 (replaced), a byte order mark. Both parsers end by
themselves on deep nesting, so a megabyte of "[" costs microseconds. Lone surrogates stay in the strings here, because a
stream may cut a pair in two events; `text_repair` mends or replaces them once the Exchange is whole.
"""

import json
from typing import Any, Final

import orjson

MAX_COUNT: Final = 2**53  # a token count above what a double holds is not a count


class JsonError(ValueError):
    """The text is not JSON, or nested too deeply: the caller salvages, or goes on without it."""


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)  # int() is quadratic, and refuses above 4300 digits


_tolerant = json.JSONDecoder(strict=False, parse_int=_bounded_int)


def load(data: bytes | bytearray | str) -> Any:
    """Return the parsed document.

    Raises JsonError.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _load_tolerantly(data)


def _load_tolerantly(data: bytes | bytearray | str) -> Any:
    text_ = data if isinstance(data, str) else data.decode("utf-8", "replace")
    try:
        return _tolerant.decode(text_.removeprefix("\ufeff"))
    except (ValueError, RecursionError, OverflowError) as error:
        raise JsonError(type(error).__name__) from None


def maybe_load(data: bytes | bytearray | str) -> Any:
    """Return the parsed document, or None where it is not JSON."""
    try:
        return load(data)
    except JsonError:
        return None


def dump(value: object, limit: int | None = None) -> str:
    """Return compact JSON text, cut at `limit` characters; a string that is already text stays as it is."""
    if isinstance(value, str):
        dumped = value
    else:
        try:
            dumped = orjson.dumps(value).decode()
        except TypeError:  # lone surrogates, integers above 64 bits, nesting above 254
            dumped = _dump_tolerantly(value)
    return dumped if limit is None else dumped[:limit]


def maybe_dump(value: object) -> str:
    """Return `dump` of a value, and nothing of None."""
    return "" if value is None else dump(value)


def _dump_tolerantly(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, RecursionError):
        return ""


def at(value: object, *path: str | int) -> Any:
    """Return what lies at `path` (keys and list indices), or None."""
    if len(path) == 1 and isinstance(value, dict):  # nearly every call
        return value.get(path[0])
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def text(value: object, *path: str | int) -> str:
    """Return the string at `path`, or ""."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def maybe_text(value: object, *path: str | int) -> str | None:
    """Return the non-empty string at `path`, or None (a number is taken as its text)."""
    found = at(value, *path)
    if isinstance(found, str):
        return found or None
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def obj(value: object, *path: str | int) -> dict[str, Any]:
    """Return the object at `path`, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def items(value: object, *path: str | int) -> list[Any]:
    """Return the list at `path`, or an empty one; null counts as empty."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def objects(value: object, *path: str | int) -> list[dict[str, Any]]:
    """Return the objects of the list at `path`; a single object counts as a list of one."""
    found = at(value, *path)
    if isinstance(found, dict):
        return [found]
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def count(value: object, *path: str | int) -> int | None:
    """Return the non-negative whole number at `path`, or None."""
    found = at(value, *path)
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) <= 16:
        found = int(found)  # some gateways quote numbers
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if 0 <= found <= MAX_COUNT else None


def number(value: object, *path: str | int) -> float | None:
    """Return the finite number at `path`, or None."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if -MAX_COUNT <= found <= MAX_COUNT else None


def flag(value: object, *path: str | int) -> bool | None:
    """Return the boolean at `path`, or None."""
    found = at(value, *path)
    return found if isinstance(found, bool) else None
