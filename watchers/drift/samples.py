"""One sample of a stream, and a table of samples by column; what may not enter is named here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchers.drift.events import DriftError
from watchers.drift.ranks import Doubles
from watchers.encoding import Floats

Halves = NDArray[np.float16]
SECONDS_AN_HOUR = 3600.0
# Lengths of an embedding that half precision, in which rows are kept, can hold.
LEAST_SIZE, MOST_SIZE = 1e-4, 65_504.0


class Sample(NamedTuple):
    """What one exchange adds to a stream. Times are seconds since the epoch, UTC."""

    embedding: NDArray[np.floating] | None
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
    size = float(embedding @ embedding)  # not finite where any part is not
    if not np.isfinite(size):
        return "not_finite"
    if size < LEAST_SIZE**2:
        return "zero_embedding"
    if size > MOST_SIZE**2:
        return "too_large"
    return None


@dataclass(slots=True)
class Table:
    """Samples by column, in order. A scalar that a sample lacks is NaN; a category that it lacks is "".

    Shapes: `embeddings` float16 (samples, dimensions), or (samples, 0) for a stream without; `scalars` float64 and
    `categories` str, each (samples,).
    """

    embeddings: Halves
    scalars: dict[str, Doubles] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    exemplars: list[str] = field(default_factory=list)
    times: Doubles = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.times)

    def embedded(self) -> NDArray[np.bool_]:
        """Return which samples have an embedding. Shape: (samples,)."""
        has: NDArray[np.bool_] = np.any(self.embeddings.view(np.uint16), axis=1)  # bits: twice as fast as halves
        return has

    def rows(self) -> tuple[NDArray[np.bool_], Floats]:
        """Return which samples have an embedding, and these in single precision."""
        embedded = self.embedded()
        rows = self.embeddings if embedded.all() else self.embeddings[embedded]
        return embedded, rows.astype(np.float32)


def tabulate(samples: Collection[Sample]) -> Table:
    """Put samples into columns; those without an embedding are zero rows where others have one."""
    width = max((len(s.embedding) for s in samples if s.embedding is not None), default=0)
    blank = np.zeros(width, np.float32)
    names = sorted({name for s in samples for name in s.scalars})
    kinds = sorted({name for s in samples for name in s.categories})
    rows = [blank if s.embedding is None else s.embedding for s in samples]
    return Table(
        np.array(rows, np.float16).reshape(len(samples), width),
        {n: np.array([s.scalars.get(n, np.nan) for s in samples], np.float64) for n in names},
        {n: [s.categories.get(n, "") for s in samples] for n in kinds},
        [s.exemplar for s in samples],
        np.array([s.time_seconds for s in samples], np.float64),
    )


def strata_of(times: Doubles, strata: str) -> NDArray[np.int64]:
    """Return the stratum of each time (UTC). Shapes: (times,). 1970-01-01 was a Thursday."""
    if strata == "none":
        return np.zeros(len(times), np.int64)
    hours = np.floor_divide(np.nan_to_num(times), SECONDS_AN_HOUR).astype(np.int64)
    if strata == "hour_of_day":
        return hours % 24
    if strata == "hour_of_week":
        return hours % 168
    if strata == "day_part":
        weekend = (hours // 24 + 3) % 7 >= 5
        return (hours % 24) // 6 + 4 * weekend
    raise DriftError(f"there are no strata {strata}")


STRATA_COUNTS = {"none": 1, "hour_of_day": 24, "hour_of_week": 168, "day_part": 8}
