"""The nouns of drift: streams, settings, levels, events, and what can be wrong with a reference."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from watchers.watcher import Direction


class DriftError(Exception):
    """Our caller's mistake: a wrong shape, a wrong setting, a state of another version."""


class BaselineError(DriftError):
    """A reference that cannot be used: corrupted, foreign, of another encoder, too small. The message says which."""


class Level(StrEnum):
    """What is known of a stream. `insufficient_data` is not `stable`: nothing may be said yet."""

    INSUFFICIENT_DATA = "insufficient_data"
    STABLE = "stable"
    WARNING = "warning"
    DRIFT = "drift"


class Strata(StrEnum):
    """Compare like with like: samples are ranked only among those of the same part of the day or week."""

    NONE = "none"
    HOUR_OF_DAY = "hour_of_day"  # 24 strata, UTC
    HOUR_OF_WEEK = "hour_of_week"  # 168 strata, UTC: needs weeks of traffic
    DAY_PART = "day_part"  # weekday or weekend, by six-hour part: 8 strata, UTC


PROVIDER: Final = "provider"  # beside the two directions: what answers behind the model's name
Side: TypeAlias = Direction | Literal["provider"]


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """One stream: a route's requested model in one direction, or one label's share of it."""

    route: str
    model: str
    direction: Side
    label: str = ""

    def counterpart(self) -> "StreamKey":
        """Return the same traffic in the other direction."""
        other = Direction.COMPLETION if self.direction is Direction.PROMPT else Direction.PROMPT
        return StreamKey(self.route, self.model, other, self.label)

    def provider(self) -> "StreamKey":
        """Return the key of what answers this traffic."""
        return StreamKey(self.route, self.model, PROVIDER, self.label)


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """Every choice of the drift watch.

    Units: `alarm_every` is the promised mean number of a stream's samples between two false alarms, over
    all streams together where `across_streams` is True. `effect_factor`: how many times the
    reference's natural variation the effect must be for `drift` (1 is enough for `warning`).
    """

    reference_samples: int = 500
    false_alarm_days: float | None = None  # the promise in days instead, by the stream's own rate; see `promise`
    alarm_every: float = 100_000.0
    across_streams: bool = False
    streams: int = 64
    window: int = 512  # samples over which the effect is measured
    effect_factor: float = 1.25
    strata: Strata = Strata.NONE
    exemplars: int = 256  # masked texts kept: recent ones, and of the reference
    exemplar_chars: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("reference_samples", 50), ("alarm_every", 10), ("streams", 1), ("window", 64)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise DriftError(f"{name} is {value}; it must be at least {least}, and finite")
        if self.false_alarm_days is not None and not self.false_alarm_days > 0:
            raise DriftError(f"false_alarm_days is {self.false_alarm_days}; it must be above 0")
        if not self.effect_factor >= 1:
            raise DriftError(f"effect_factor is {self.effect_factor}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """One change of a stream's level. `reason` holds only JSON values; empty when the stream became stable.

    Units: `index` and `since_index` count the stream's samples after its reference, from 0; `effect` is in
    units of the reference's natural variation; `evidence` is the mean number of samples between
    false alarms at which the test would just alarm (so it is compared with `alarm_every`).
    """

    stream: StreamKey
    index: int
    level: Level
    previous: Level
    since_index: int | None
    effect: float
    evidence: float
    reason: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What the metrics and the admin page show of one stream."""

    level: Level
    effect: float
    evidence: float
    samples: int  # after the reference
    reference_samples: int  # learned so far
    since_index: int | None
    alarm_every: float  # the evidence at which it alarms
    skipped: Mapping[str, int]  # reason -> samples not read
    effects: Mapping[str, float]  # each measure, in units of natural variation
