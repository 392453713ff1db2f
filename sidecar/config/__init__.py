"""Configuration: file, environment and flags in; Settings or every mistake at once out.

Precedence, later wins: defaults, YAML file, environment (SIDEWATCH_CAPTURE__QUEUE_BYTES), flags. Light imports only:
the primary process loads it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sidecar.config.check import check, check_elsewhere
from sidecar.config.convert import convert
from sidecar.config.layers import Layer, environment_layer, file_layer, flag_layer, merged
from sidecar.config.problem import ConfigError, Problem
from sidecar.settings import Settings

__all__ = ["ConfigError", "Problem", "examine", "load"]


def load(file: str | None, environ: Mapping[str, str], flags: Iterable[tuple[str, str, str]] = ()) -> Settings:
    """Return the checked settings.

    `flags` are (dotted key, value, the flag as typed). Raises ConfigError with every problem found. Blocks on
    the file: never call it on the proxy's loop.
    """
    layers = [file_layer(file, environ)] if file else []
    layer = merged([*layers, environment_layer(environ), flag_layer(flags)])
    settings, problems, whole = convert(layer)
    broken = {problem.key for problem in problems}
    if whole:
        problems += [problem for problem in check(settings, layer.place) if problem.key not in broken]
    if problems:
        raise ConfigError(problems)
    return settings


def examine(tree: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a configuration that another machine will load: its files are there, not here.

    `${NAME}` stands for itself. An empty list does not promise that the files exist.
    """
    settings, problems, whole = convert(Layer(dict(tree)))
    broken = {problem.key for problem in problems}
    if whole:
        problems += [one for one in check_elsewhere(settings) if one.key not in broken]
    return problems
