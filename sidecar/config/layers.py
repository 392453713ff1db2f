"""Where settings come from: the file, the environment, the flags. Each gives a layer; later layers win, key by key.

A layer is a tree of plain values and, for each key, where it stood, so that a mistake is shown with its
file and line, variable or flag. Nothing here knows which settings exist.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any, Final

import yaml

from sidecar.config.problem import ConfigError, Path, Problem, key_of

PREFIX: Final = "SIDEWATCH_"
NOT_SETTINGS: Final = frozenset({"SIDEWATCH_CONFIG"})
# Kubernetes sets these in every pod beside a Service whose name begins with "sidewatch".
_SERVICE: Final = re.compile(r"SIDEWATCH(_.*)?_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_\w+)")
_REFERENCE: Final = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_DEEPEST: Final = 16  # the settings themselves go to five levels


class Text(str):
    """A value from the environment or a flag: text that still has to be read as its setting's type."""

    __slots__ = ()


@dataclass(slots=True)
class Layer:
    """`tree`: nested dicts and lists; `where`: path -> place, for as many paths as are known."""

    tree: dict[str, Any] = field(default_factory=dict)
    where: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> str:
        """Return the place of a path, or of the nearest thing around it."""
        while path and path not in self.where:
            path = path[:-1]
        return self.where.get(path, "")

    def set(self, path: Path, value: object, where: str) -> None:
        """Set one key, making the sections above it."""
        node = self.tree
        for part in path[:-1]:
            below = node.get(str(part))
            if not isinstance(below, dict):
                below = node[str(part)] = {}
            node = below
        node[str(path[-1])] = value
        for length in range(1, len(path)):
            self.where.setdefault(path[:length], where)
        self.where[path] = where


def file_layer(file: str, environ: Mapping[str, str]) -> Layer:
    """Read a YAML file. `${NAME}` in a text is replaced by that environment variable, `$$` by one dollar sign.

    Raises ConfigError where the file cannot be read or is not YAML; mistakes inside it are the layer's problems.
    """
    try:
        text = File(file).read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([Problem(file, f": cannot be read: {reason}", "give the path of a YAML file")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([_not_yaml(file, error)]) from error
    layer = Layer()
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value in ("", "null", "~")):
        return layer
    tree = _FileReader(file, environ, layer).value(root, ())
    if not isinstance(tree, dict):
        raise ConfigError([Problem(file, ": expected keys and values", "write `listen: 127.0.0.1:8080`, for example")])
    layer.tree = tree
    return layer


def _not_yaml(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    where = f"{file}:{mark.line + 1}" if mark else file
    what = getattr(error, "problem", None) or "it cannot be parsed"
    return Problem("file", f": not YAML: {what}", "check indentation, colons and quotes on this line", where)


class _FileReader:
    """Turns YAML nodes into plain values, noting lines, repeated keys and missing variables."""

    def __init__(self, file: str, environ: Mapping[str, str], layer: Layer) -> None:
        self._file, self._environ, self._layer = file, environ, layer
        self._loader = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._layer.where[path] = f"{self._file}:{node.start_mark.line + 1}"
        if len(path) > _DEEPEST:
            raise ConfigError([Problem(key_of(path[:4]), ": nested too deep", "remove the alias that holds itself")])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            value = node.value
        return self._expanded(value, path) if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        keys: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in keys and key != "<<":
                where = f"{self._file}:{key_node.start_mark.line + 1}"
                remedy = "keep one of them"
                self._layer.problems.append(Problem(key_of((*path, key)), ": stands here twice", remedy, where))
            keys.add(key)
        self._loader.flatten_mapping(node)
        tree: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            tree[key] = self.value(value_node, (*path, key))
            self._layer.where[(*path, key)] = f"{self._file}:{key_node.start_mark.line + 1}"
        return tree

    def _expanded(self, text: str, path: Path) -> str:
        def replace(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return "$"
            if name not in self._environ:
                remedy = f"set {name}, or write $${{{name}}} for the text itself"
                what = f": the environment variable {name} is not set"
                self._layer.problems.append(Problem(key_of(path), what, remedy, self._layer.place(path)))
            return self._environ.get(name, "")

        return _REFERENCE.sub(replace, text)


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Read `SIDEWATCH_` variables: the key in upper case, `__` between the levels: SIDEWATCH_CAPTURE__QUEUE_BYTES."""
    layer = Layer()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and not _SERVICE.fullmatch(name):
            path = tuple(name.removeprefix(PREFIX).lower().split("__"))
            layer.set(path, Text(environ[name]), name)
    return layer


def flag_layer(flags: Iterable[tuple[str, str, str]]) -> Layer:
    """Read flags given as (dotted key, value, the flag as the user typed it)."""
    layer = Layer()
    for key, value, flag in flags:
        layer.set(tuple(key.split(".")), Text(value), flag)
    return layer


def merged(layers: Iterable[Layer]) -> Layer:
    """Lay later layers over earlier ones: sections are joined, everything else is replaced whole."""
    result = Layer()
    for layer in layers:
        _lay_over(result, layer.tree, ())
        result.where |= layer.where
        result.problems += layer.problems
    return result


def _lay_over(under: Layer, tree: dict[str, Any], path: Path) -> None:
    for key, value in tree.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(_at(under.tree, here), dict):
            _lay_over(under, value, here)
            continue
        for old in [known for known in under.where if known[: len(here)] == here]:
            del under.where[old]
        under.set(here, value, "")


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def process_environment() -> Mapping[str, str]:
    """Return the process's own environment: the one place that reads it."""
    return os.environ
