"""The effective configuration as YAML, fit for a terminal, a log or the admin page: secrets are hidden."""

from typing import Any

import msgspec
import yaml

from sidecar.config.problem import Path, hidden
from sidecar.settings import Settings


def masked(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain data with every secret replaced."""
    tree = _masked((), msgspec.to_builtins(settings))
    assert isinstance(tree, dict)
    return tree


def to_yaml(settings: Settings) -> str:
    """Return the whole configuration, defaults included, as YAML."""
    return yaml.safe_dump(masked(settings), sort_keys=False, allow_unicode=True, width=100)


def _masked(path: Path, value: object) -> object:
    if isinstance(value, dict):
        return {key: _masked((*path, str(key)), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked((*path, index), item) for index, item in enumerate(value)]
    return hidden(path, value)
