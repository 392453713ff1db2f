"""JSON Schema for what rules need: the arguments of tool calls. A subset of draft 2020-12, said plainly below.

A schema is read once into checks. Unknown keywords are an error, so that no constraint is silently ignored; `pattern`
is RE2, so that checking is linear in the text.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import re2

Check = Callable[[Any, str], Iterator[str]]  # value, path -> what is wrong

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_NOTES: Final = frozenset(
    {"$schema", "$id", "title", "description", "default", "examples", "format", "$comment", "strict"}
)
_DEPTH: Final = 64


class SchemaError(Exception):
    """The schema itself cannot be used; the message says where and why."""


class Schema:
    """A schema, ready to check. Raises SchemaError."""

    def __init__(self, schema: object) -> None:
        self._checks = _checks(schema, "$", 0)

    def problems(self, text: str) -> Iterator[str]:
        """Yield what is wrong with a JSON text: "$.a.b: too long". Nothing of the text itself stands in it."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            yield "$: no JSON"
            return
        yield from _run(self._checks, value, "$")


def _run(checks: list[Check], value: Any, path: str) -> Iterator[str]:
    for check in checks:
        yield from check(value, path)


def _holds(checks: list[Check], value: Any) -> bool:
    return next(_run(checks, value, "$"), None) is None


def _checks(schema: object, path: str, depth: int) -> list[Check]:
    if schema is True:
        return []
    if schema is False:
        return [lambda _, at: iter((f"{at}: nothing is allowed here",))]
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        raise SchemaError(f"{path}: a schema is an object or a boolean, at most {_DEPTH} deep")
    unknown = [key for key in schema if key not in _KEYWORDS and key not in _NOTES]
    if unknown:
        raise SchemaError(f"{path}: keyword {unknown[0]!r} is not supported; known are {', '.join(sorted(_KEYWORDS))}")
    return [
        _KEYWORDS[key](value, schema, f"{path}.{key}", depth + 1) for key, value in schema.items() if key in _KEYWORDS
    ]


def _type(names: Any, _: Any, path: str, __: int) -> Check:
    wanted = [names] if isinstance(names, str) else names
    if not isinstance(wanted, list):
        raise SchemaError(f"{path}: must be a text or a list of texts")
    if not all(isinstance(name, str) and name in _TYPES for name in wanted):
        raise SchemaError(f"{path}: types are {', '.join(_TYPES)}")

    def check(value: Any, at: str) -> Iterator[str]:
        if not any(_is(value, name) for name in wanted):
            yield f"{at}: not {' or '.join(wanted)}"

    return check


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _TYPES[name])


def _properties(of: Any, whole: Any, path: str, depth: int) -> Check:
    if not isinstance(of, Mapping):
        raise SchemaError(f"{path}: must be an object")
    inner = {name: _checks(schema, f"{path}.{name}", depth) for name, schema in of.items()}
    rest = whole.get("additionalProperties", True)
    others = _checks(rest, f"{path}.additionalProperties", depth)

    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, dict):
            for name, item in value.items():
                known = name in inner
                yield from _run(inner[name] if known else others, item, f"{at}.{name if known else '*'}")

    return check


def _additional(_: Any, whole: Any, path: str, depth: int) -> Check:
    """Checked by `properties`; alone it is about every member."""
    return _properties({}, whole, path, depth) if "properties" not in whole else lambda _, __: iter(())


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise SchemaError(f"{path}: must be a list")
    return value


def _required(names: Any, _: Any, path: str, __: int) -> Check:
    wanted = _list(names, path)

    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (f"{at}: lacks {name}" for name in wanted if name not in value)

    return check


def _items(schema: Any, _: Any, path: str, depth: int) -> Check:
    inner = _checks(schema, path, depth)

    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, list):
            for item in value:
                yield from _run(inner, item, f"{at}[]")

    return check


def _enum(allowed: Any, _: Any, path: str, __: int) -> Check:
    plain = [json.dumps(one, sort_keys=True) for one in _list(allowed, path)]

    def check(value: Any, at: str) -> Iterator[str]:
        if json.dumps(value, sort_keys=True) not in plain:
            yield f"{at}: none of the {len(plain)} values allowed"

    return check


def _const(wanted: Any, whole: Any, path: str, depth: int) -> Check:
    return _enum([wanted], whole, path, depth)


def _bound(
    kinds: tuple[type, ...], measure: Callable[[Any], float], wrong: Callable[[float, float], bool], words: str
) -> Any:
    def made(limit: Any, _: Any, path: str, __: int) -> Check:
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            raise SchemaError(f"{path}: must be a number")

        def check(value: Any, at: str) -> Iterator[str]:
            if isinstance(value, kinds) and not isinstance(value, bool) and wrong(measure(value), limit):
                yield f"{at}: {words} {limit}"

        return check

    return made


def _pattern(source: Any, _: Any, path: str, __: int) -> Check:
    if not isinstance(source, str):
        raise SchemaError(f"{path}: must be a text")
    try:
        regex = re2.compile(source)
    except re2.error as error:
        raise SchemaError(f"{path}: {error}; use RE2 syntax") from error

    def check(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, str) and not regex.search(value.encode("utf-8", "replace").decode("utf-8")):
            yield f"{at}: does not match the pattern"

    return check


def _combined(words: str, enough: Callable[[int, int], bool]) -> Any:
    def made(schemas: Any, _: Any, path: str, depth: int) -> Check:
        several = [schemas] if path.endswith(".not") else _list(schemas, path)
        inner = [_checks(schema, f"{path}[{place}]", depth) for place, schema in enumerate(several)]

        def check(value: Any, at: str) -> Iterator[str]:
            if not enough(sum(_holds(checks, value) for checks in inner), len(inner)):
                yield f"{at}: {words}"

        return check

    return made


def _value(value: float) -> float:
    return value


_NUMBER: Final = (int, float)
_KEYWORDS: Final[dict[str, Callable[[Any, Any, str, int], Check]]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minimum": _bound(_NUMBER, _value, lambda it, limit: it < limit, "below"),
    "maximum": _bound(_NUMBER, _value, lambda it, limit: it > limit, "above"),
    "exclusiveMinimum": _bound(_NUMBER, _value, lambda it, limit: it <= limit, "not above"),
    "exclusiveMaximum": _bound(_NUMBER, _value, lambda it, limit: it >= limit, "not below"),
    "minLength": _bound((str,), len, lambda it, limit: it < limit, "shorter than"),
    "maxLength": _bound((str,), len, lambda it, limit: it > limit, "longer than"),
    "minItems": _bound((list,), len, lambda it, limit: it < limit, "fewer items than"),
    "maxItems": _bound((list,), len, lambda it, limit: it > limit, "more items than"),
    "anyOf": _combined("none of the alternatives", lambda held, _: held > 0),
    "oneOf": _combined("not exactly one of the alternatives", lambda held, _: held == 1),
    "allOf": _combined("not all of the parts", lambda held, all_of: held == all_of),
    "not": _combined("what must not be", lambda held, _: held == 0),
}
