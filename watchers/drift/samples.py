"""One sample of a stream, and a table of samples by column; what may not enter is named here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchers.drift.ranks import Doubles
from watchers.encoding import Floats

SECONDS_AN_HOUR = 3600.0


class Sample(NamedTuple):
    """What one exchange adds to a stream. Times are seconds since the epoch, UTC."""

    embedding: Floats | None
    scalars: Mapping[str, float]
    categories: Mapping[str, str]
    exemplar: str
    time_seconds: float


def reason_to_skip(sample: Sample, dimensions: int | None) -> str | None:
    """Return why a sample may not enter the statistics, or None. `dimensions` is None before the first."""
    embedding = sample.embedding
    if embedding is None:
        return None if sample.scalars or sample.categories else "empty"
    if embedding.ndim != 1 or (dimensions is not None and len(embedding) != dimensions):
        return "wrong_shape"
    size = float(embedding @ embedding)
    if not np.isfinite(size):
        return "not_finite"
    return "zero_embedding" if size < 1e-12 else None


@dataclass(slots=True)
class Table:
    """Samples by column, in order. A scalar that a sample lacks is NaN; a category that it lacks is "".

    Shapes: `embeddings` float32 (samples, dimensions), or (samples, 0) for a stream without; `scalars` float64 and
    `categories` str, each (samples,).
    """

    embeddings: Floats
    scalars: dict[str, Doubles] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    exemplars: list[str] = field(default_factory=list)
    times: Doubles = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.times)


def tabulate(samples: Sequence[Sample]) -> Table:
    """Put samples into columns; those without an embedding are zero rows where others have one."""
    width = max((len(s.embedding) for s in samples if s.embedding is not None), default=0)
    blank = np.zeros(width, np.float32)
    names = sorted({name for s in samples for name in s.scalars})
    kinds = sorted({name for s in samples for name in s.categories})
    return Table(
        np.array([blank if s.embedding is None else s.embedding for s in samples], np.float32).reshape(-1, width),
        {n: np.array([s.scalars.get(n, np.nan) for s in samples], np.float64) for n in names},
        {n: [s.categories.get(n, "") for s in samples] for n in kinds},
        [s.exemplar for s in samples],
        np.array([s.time_seconds for s in samples], np.float64),
    )


def strata_of(times: Doubles, strata: str) -> NDArray[np.int64]:
    """Return the stratum of each time (UTC). Shapes: (times,). 1970-01-01 was a Thursday."""
    hours = np.floor_divide(np.nan_to_num(times), SECONDS_AN_HOUR).astype(np.int64)
    if strata == "hour_of_day":
        return hours % 24
    if strata == "day_part":
        weekend = (hours // 24 + 3) % 7 >= 5
        return (hours % 24) // 6 + 4 * weekend
    return np.zeros(len(hours), np.int64)


STRATA_COUNTS = {"none": 1, "hour_of_day": 24, "day_part": 8}
