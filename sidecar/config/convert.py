"""Turns a layer's tree into Settings, and finds every mistake on the way instead of the first only.

Walks the struct types of `sidecar.settings`; each value is checked by msgspec itself, strictly for the file
("8" is no number there), from text for the environment and flags. A bad value is reported and left at its default, so
that the checks after this one can still run. Units are read off the setting's name: `_bytes`, `_seconds`.
"""

import difflib
import math
import types
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
import yaml

from sidecar.config.layers import Layer, Text
from sidecar.config.problem import HIDDEN, Path, Problem, hidden, key_of, shown
from sidecar.config.units import maybe_bytes, maybe_seconds
from sidecar.settings import Settings

_BAD: Final = object()  # reported already: leave the key out
_KINDS: Final = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def convert(layer: Layer) -> tuple[Settings, list[Problem], bool]:
    """Return the settings, the problems and whether the settings stand for what was written.

    A bad value leaves its default; where an item of a list had to be left out, the indices of the others are no
    longer the user's, and the third value is False: further checks would name the wrong place.
    """
    converter = _Converter(layer)
    tree = converter.struct(layer.tree, Settings, ())
    return msgspec.convert(tree, Settings), layer.problems + converter.problems, converter.whole


class _Converter:
    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self.problems: list[Problem] = []
        self.whole = True

    def struct(self, value: object, kind: type[msgspec.Struct], path: Path) -> Any:
        value = self._read_text(value)
        if value is None and path:
            return {}  # a section with nothing in it
        if not isinstance(value, dict):
            return self._bad(path, value, "keys and values", f"see {_key(path)} in the documentation")
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        result = {}
        for key, item in value.items():
            if key not in fields:
                self._unknown(path, key, fields)
                continue
            result[key] = self.value(item, fields[key].type, (*path, key))
        return self._complete(path, result, [name for name, field in fields.items() if field.required])

    def _complete(self, path: Path, result: dict[str, Any], required: list[str]) -> Any:
        missing = [name for name in required if name not in result]
        for name in missing:
            self._problem((*path, name), ": missing", f"add {name}: … here", at=path)
        if missing or any(result[name] is _BAD for name in required):
            return _BAD
        return {key: item for key, item in result.items() if item is not _BAD}

    def value(self, value: object, kind: Any, path: Path) -> Any:
        """Return the value as plain data of the type, or _BAD when it was reported."""
        plain, optional = without_none(kind)
        origin = get_origin(plain)
        if optional and (value is None or value in (Text(""), Text("null"))):
            return None
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return self.struct(value, plain, path)
        if origin is list:
            return self._list(value, get_args(plain)[0], path)
        if origin is dict:
            return self._dict(value, get_args(plain)[1], path)
        return self._leaf(value, plain, optional, path)

    def _list(self, value: object, kind: Any, path: Path) -> Any:
        if isinstance(value, Text) and kind is str and not value.lstrip().startswith("["):
            value = [item.strip() for item in value.split(",") if item.strip()]
        value = self._read_text(value)
        if value is None:
            return []
        if not isinstance(value, list):
            return self._bad(path, value, "a list", f"write it as a list: {_key(path)}: [{value}]")
        items = [self.value(item, kind, (*path, index)) for index, item in enumerate(value)]
        kept = [item for item in items if item is not _BAD]
        self.whole = self.whole and len(kept) == len(items)
        return kept

    def _dict(self, value: object, kind: Any, path: Path) -> Any:
        value = self._read_text(value)
        if value is None:
            return {}
        if not isinstance(value, dict):
            return self._bad(path, value, "keys and values", f"write it as `{_key(path)}: {{name: value}}`")
        items = {str(key): self.value(item, kind, (*path, str(key))) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not _BAD}

    def _leaf(self, value: object, kind: Any, optional: bool, path: Path) -> Any:
        name = str(path[-1]) if path else ""
        number = str(value) if isinstance(value, Text) else value
        if isinstance(value, str) and name.endswith(("_bytes", "_seconds")):
            number = maybe_bytes(value) if name.endswith("_bytes") else maybe_seconds(value)
        elif kind is object:
            return self._read_text(value)
        if isinstance(number, float) and not math.isfinite(number):
            return self._bad(path, value, _expected(kind, optional, name), "write null where there is to be no limit")
        try:
            return msgspec.convert(number, kind, strict=not isinstance(value, Text))
        except msgspec.ValidationError as error:
            shown_value = hidden(path, value)
            return self._bad(path, value, _expected(kind, optional, name), _remedy(shown_value, kind, error))

    def _read_text(self, value: object) -> object:
        if not isinstance(value, Text):
            return value
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError:
            return str(value)

    def _unknown(self, path: Path, key: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
        elsewhere = [] if near else _places_of(key)
        if near or elsewhere:
            remedy = f"did you mean {key_of((*path, near[0])) if near else elsewhere[0]}?"
        else:
            remedy = f"known here: {', '.join(sorted(known))}"
        self._problem((*path, key), ": unknown key", remedy)

    def _bad(self, path: Path, value: object, expected: str, remedy: str) -> object:
        self._problem(path, f"{shown(path, value)}: expected {expected}", remedy)
        return _BAD

    def _problem(self, path: Path, what: str, remedy: str, at: Path | None = None) -> None:
        place = self._layer.place(path if at is None else at)
        self.problems.append(Problem(key_of(path), what, remedy, place))


def without_none(kind: Any) -> tuple[Any, bool]:
    """Return the type without its None, and whether it had one."""
    if get_origin(kind) in (Union, types.UnionType):
        rest = [item for item in get_args(kind) if item is not type(None)]
        return rest[0], len(rest) < len(get_args(kind))
    return kind, False


def _bounds(kind: Any) -> tuple[Any, msgspec.Meta | None]:
    if get_origin(kind) is Annotated:
        return get_args(kind)[0], get_args(kind)[1]
    return kind, None


def _expected(kind: Any, optional: bool, name: str) -> str:
    plain, meta = _bounds(kind)
    if get_origin(plain) is Literal:
        text = "one of " + ", ".join(str(item) for item in get_args(plain))
    elif name.endswith("_bytes"):
        text = 'a size such as 65536, "512KiB" or "64MiB"'
    elif name.endswith("_seconds"):
        text = 'a duration such as 30, "30s", "5m" or "1h30m"'
    else:
        text = _KINDS.get(plain, "another type")
    if meta is not None and not name.endswith("_bytes"):
        text += range_of(meta)
    return text + (" or null" if optional else "")


def range_of(meta: msgspec.Meta) -> str:
    """Return a range in words: ` from 0 to 1`, ` of at least 1`."""
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge} to {meta.le}"
    if meta.ge is not None:
        return f" of at least {meta.ge}"
    return f" above {meta.gt}" if meta.gt is not None else ""


def _remedy(value: object, kind: Any, error: msgspec.ValidationError) -> str:
    plain, _ = _bounds(kind)
    if value == HIDDEN and plain is str:
        return "put it in quotes"
    if plain is str and isinstance(value, int | float):
        return f'put it in quotes: "{value}"'
    if get_origin(plain) is Literal and isinstance(value, str):
        near = difflib.get_close_matches(value, [str(item) for item in get_args(plain)], n=1)
        return f"did you mean {near[0]}?" if near else "write one of these"
    if isinstance(value, str) and plain in (int, float, bool) and not isinstance(value, Text):
        return "write it without quotes" if _is_number(value) else "change the value"
    return (
        "give a value in this range"
        if "`" in str(error) and (">" in str(error) or "<" in str(error))
        else ("change the value, or remove the key for the default")
    )


def _is_number(text: str) -> bool:
    return maybe_seconds(text) is not None or text in ("true", "false")


def _places_of(key: str, kind: Any = Settings, path: Path = ()) -> list[str]:
    """Return the keys of other sections with this name: the usual mistake is a wrong indentation."""
    found = []
    for field in msgspec.structs.fields(kind):
        here = (*path, field.name)
        plain, _ = without_none(field.type)
        if field.name == key:
            found.append(key_of(here))
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            found += _places_of(key, plain, here)
    return found


def _key(path: Path) -> str:
    return str(path[-1]) if path else "it"
