"""What a reload may change. Sockets, the number of processes and their memory are fixed until the next start."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sidecar.config.problem import key_of
from sidecar.settings import Settings

# Keys that need a restart: they stand for sockets that are bound and processes that run.
RESTART: Final = (
    "listen",
    "admin",
    "workers",
    "observer.enabled",
    "observer.threads",
    "observer.nice",
    "observer.memory_limit_bytes",
)


@dataclass(frozen=True, slots=True)
class Changes:
    """Keys that differ between two configurations. `settings` is the new one, fixed keys at their old values."""

    settings: Settings
    applied: tuple[str, ...]
    needs_restart: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.applied or self.needs_restart)


def diff(old: Settings, new: Settings) -> Changes:
    """Return what changed, and the settings that can be used without a restart."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    changed = sorted(_changed(before, after, ()))
    fixed = tuple(key for key in changed if key in RESTART)
    for key in fixed:
        *sections, name = key.split(".")
        _section(after, sections)[name] = _section(before, sections)[name]
    applied = tuple(key for key in changed if key not in fixed)
    return Changes(msgspec.convert(after, Settings), applied, fixed)


def _section(tree: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    for part in parts:
        tree = tree[part]
    return tree


def _changed(before: Any, after: Any, path: tuple[str, ...]) -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        return [item for key in keys for item in _changed(before.get(key), after.get(key), (*path, key))]
    return [] if before == after else [key_of(path)]
