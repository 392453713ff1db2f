"""The one place that makes watchers by name: a literal table at the end, one row a type.

A factory imports its module when called, so that naming one watcher does not load the others. Third-party watchers
come from the entry-point group `sidewatch.watchers` and only when the configuration names them; an entry point
is a factory like those of the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final, Protocol

from watchers.encoding import Encoder
from watchers.pack import PackError
from watchers.watcher import Watcher, WatcherError

ENTRY_POINTS: Final = "sidewatch.watchers"


class Configured(Protocol):
    """What the configuration says of one watcher; `type` None means the type of the same name."""

    @property
    def enabled(self) -> bool: ...

    @property
    def type(self) -> str | None: ...

    @property
    def thresholds(self) -> Mapping[str, float]: ...

    @property
    def options(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What a factory gets: everything it needs to make one watcher.

    `encoder` is the shared one, None where no pack is loaded; `rate` is the false-positive rate that thresholds
    were chosen for ("1%" or "0.1%"); `thresholds` overrides some labels'. `others`: the options of every configured watcher by
    its type, for one that goes by another's unless it has its own.
    """

    name: str
    encoder: Encoder | None = None
    rate: str = "1%"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


Factory = Callable[[Order], Watcher]


def build(
    names: Sequence[str], settings: Mapping[str, Configured], encoder: Encoder | None = None, rate: str = "1%"
) -> list[Watcher]:
    """Return the named watchers, in order.

    Raises WatcherError with the name, the problem and the remedy: an unknown name or type, a threshold for a label
    that the watcher has not, a watcher of the pack where no pack was loaded, an option it does not know.
    """
    others = {one.type or name: one.options for name, one in settings.items()}
    return [_build_one(name, settings.get(name), Order(name, encoder, rate, others=others)) for name in names]


def needs_encoder(names: Sequence[str], settings: Mapping[str, Configured]) -> bool:
    """Say whether one of the named watchers reads the shared encoder, so that the pack must be loaded."""
    types = ((settings[name].type if name in settings else None) or name for name in names)
    return any(type_name in ENCODER_TYPES or type_name in BETTER_WITH_ENCODER for type_name in types)


def _build_one(name: str, configured: Configured | None, order: Order) -> Watcher:
    type_name = (configured.type if configured else None) or name
    factory = FACTORIES.get(type_name) or _entry_point(name, type_name)
    if configured:
        order = replace(order, thresholds=configured.thresholds, options=configured.options)
    if type_name in ENCODER_TYPES and order.encoder is None:
        raise WatcherError(name, "it reads the model pack and none is loaded", "set watchers.pack or leave it out")
    _check_thresholds(factory, order)
    made = _made(factory, order)
    if made.name != name:  # its verdicts would be another watcher's in the ledger
        raise WatcherError(name, f"its factory made a watcher named {made.name!r}", "take the name from the order")
    return made


def _made(factory: Factory, order: Order) -> Watcher:
    try:
        return factory(order)
    except (WatcherError, PackError):
        raise
    except Exception as error:  # anybody's code: any error is a configuration error of ours
        problem = f"it cannot be made: {type(error).__name__}: {error}"
        raise WatcherError(order.name, problem, "mend its options, or the package it comes from") from error


def _entry_point(name: str, type_name: str) -> Factory:
    found = [point for point in entry_points(group=ENTRY_POINTS) if point.name == type_name]
    if not found:
        known = ", ".join(sorted(FACTORIES))
        remedy = f"use one of {known}, or install a package with the entry point {ENTRY_POINTS}:{type_name}"
        raise WatcherError(name, f"there is no watcher of type {type_name!r}", remedy)
    try:
        factory: Factory = found[0].load()
    except Exception as error:  # third-party code at import: any error is a configuration error of ours
        problem = f"its entry point {found[0].value} cannot be loaded: {type(error).__name__}: {error}"
        raise WatcherError(name, problem, "mend or remove the package") from error
    return factory


def _of(module: str, *arguments: str) -> Factory:
    """Return a factory that imports `module` when called and uses its `make`, with `arguments` after the order."""

    def make(order: Order) -> Watcher:
        made: Watcher = import_module(module).make(order, *arguments)
        return made

    return make


def _check_thresholds(factory: Factory, order: Order) -> None:
    """Raise WatcherError for a label that the watcher has not when it is made without any override."""
    labels = _made(factory, replace(order, thresholds={})).labels if order.thresholds else {}
    for label, threshold in order.thresholds.items():
        if label not in labels:
            raise WatcherError(order.name, f"it has no label {label!r}", f"its labels are {', '.join(sorted(labels))}")
        if not 0.0 <= threshold <= 1.0:
            raise WatcherError(order.name, f"threshold {threshold} of {label!r}", "give a probability from 0 to 1")


# Types that read the shared encoder, those that also work without it, and every built-in type with its factory.
ENCODER_TYPES: Final[frozenset[str]] = frozenset({"toxicity", "bias", "injection"})
BETTER_WITH_ENCODER: Final[frozenset[str]] = frozenset({"pii", "leakage"})
FACTORIES: Final[dict[str, Factory]] = {
    "toxicity": _of("watchers.heads", "toxicity"),
    "bias": _of("watchers.heads", "bias"),
    "injection": _of("watchers.heads", "injection"),
    "pii": _of("watchers.pii.watcher"),
    "secrets": _of("watchers.secrets.watcher"),
    "leakage": _of("watchers.leakage.watcher"),
    "rules": _of("watchers.rules"),
    "refusal": _of("watchers.refusal"),
    "language": _of("watchers.language"),
    "repetition": _of("watchers.repetition"),
    "onnx": _of("watchers.onnx_classifier"),
}
