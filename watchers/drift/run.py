"""`sidewatch drift run`: a reference and a stream from rows, one line for each change of level.

A row is a mapping with `text` or `embedding`, and optional fields: numbers are scalars, other strings are
categories, `time_seconds` (seconds since the epoch) is the time. A row that cannot be read is counted, not an error.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from watchers.drift.baseline import Baseline, build
from watchers.drift.events import BaselineError, DriftError, DriftEvent, DriftSettings, Level, StreamKey
from watchers.drift.monitor import DriftMonitor
from watchers.drift.reference import LEAST_SAMPLES
from watchers.drift.samples import Sample, reason_to_skip
from watchers.encoding import Floats
from watchers.watcher import Direction

STREAM = StreamKey("stream", "", Direction.PROMPT)
NOT_MEASURED = ("text", "embedding", "time_seconds", "id")
CHUNK = 64  # rows encoded together
BARE = "none"  # the encoder's name where every row brings its embedding
Row = Mapping[str, object]


class _Encoded(Protocol):
    @property
    def embedding(self) -> Floats: ...


class TextEncoder(Protocol):
    """What is asked of an encoder here; `watchers.encoding.Encoder` is one."""

    @property
    def model(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Sequence[_Encoded]: ...


def samples(rows: Iterable[Row], encoder: TextEncoder | None) -> Iterator[Sample]:
    """Turn rows into samples, texts encoded in chunks.

    Raises: DriftError for a text without an encoder.
    """
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        texts = [str(r["text"]) for r in chunk if r.get("embedding") is None and r.get("text")]
        if texts and encoder is None:
            raise DriftError("rows with text need an encoder")
        encoded = iter(encoder.encode(texts) if encoder is not None and texts else ())
        for row in chunk:
            given = row.get("embedding")
            embedding = _vector(given) if given is not None else next(encoded).embedding if row.get("text") else None
            yield _sample(row, embedding)


def _vector(given: object) -> Floats:
    """Return an embedding; one that is no list of numbers gets a shape that no stream has, and so is counted."""
    try:
        with np.errstate(over="ignore"):
            return np.asarray(given, np.float32)
    except (TypeError, ValueError, OverflowError):
        return np.zeros((0, 0), np.float32)


def _sample(row: Row, embedding: Floats | None) -> Sample:
    fields = {k: v for k, v in row.items() if k not in NOT_MEASURED}
    scalars = {k: _number(v) for k, v in fields.items() if isinstance(v, bool | int | float)}
    categories = {k: v for k, v in fields.items() if isinstance(v, str)}
    time = row.get("time_seconds")
    text = row.get("text")
    seconds = _number(time) if isinstance(time, int | float) else 0.0
    exemplar = text if isinstance(text, str) else ""
    return Sample(embedding, scalars, categories, exemplar, seconds if math.isfinite(seconds) else 0.0)


def _number(given: float) -> float:
    try:
        return float(given)
    except OverflowError:  # JSON's whole numbers have no bound
        return math.nan


def readable(rows: Iterable[Row], encoder: TextEncoder | None) -> tuple[list[Sample], dict[str, int]]:
    """Return the samples that a reference can take, and how many it cannot, by reason. The first embedding sets the shape."""
    read: list[Sample] = []
    skipped: dict[str, int] = {}
    width: int | None = None
    for sample in samples(rows, encoder):
        reason = reason_to_skip(sample, width)
        if reason is not None:
            skipped[reason] = skipped.get(reason, 0) + 1
            continue
        read.append(sample)
        width = len(sample.embedding) if sample.embedding is not None else width
    if skipped and len(read) < LEAST_SAMPLES:
        counts = ", ".join(f"{count} {reason}" for reason, count in skipped.items())
        raise BaselineError(
            f"the reference has {len(read)} rows that can be read (skipped: {counts}); it needs at least {LEAST_SAMPLES}"
        )
    return read, skipped


def build_from_rows(
    rows: Iterable[Row], encoder: TextEncoder | None, direction: Direction = Direction.PROMPT
) -> Baseline:
    """Build a baseline from rows: `sidewatch baseline build`. Rows that cannot be read are left out.

    Raises: BaselineError where too few are left.
    """
    read, _ = readable(rows, encoder)
    return build(read, _model(encoder), direction=direction)


def _model(encoder: TextEncoder | None) -> str:
    return encoder.model if encoder is not None else BARE


def run(
    reference_rows: Iterable[Row],
    stream_rows: Iterable[Row],
    alarm_every: float = 100_000.0,
    encoder: TextEncoder | None = None,
    settings: DriftSettings | None = None,
) -> Iterator[dict[str, object]]:
    """Feed a stream in order; yield one dictionary for each change of level, then a summary.

    `alarm_every`: promised mean number of samples between false alarms. Raises: DriftError (BaselineError for
    a reference that is too small).
    """
    read, left_out = readable(reference_rows, encoder)
    baseline = build(read, _model(encoder))
    chosen = settings or DriftSettings(alarm_every=alarm_every)
    monitor = DriftMonitor(chosen, _model(encoder))
    monitor.adopt(STREAM, baseline)
    width = baseline.table.embeddings.shape[1] or None
    places: list[int] = []  # of the rows that could be read: events count only those
    seen = alarms = 0
    for seen, sample in enumerate(samples(stream_rows, encoder), 1):
        if reason_to_skip(sample, width) is None:
            places.append(seen - 1)
        for event in monitor.observe(STREAM, *sample):
            alarms += event.level is Level.DRIFT
            yield line(event, places)
    for event in monitor.flush():
        alarms += event.level is Level.DRIFT
        yield line(event, places)
    status = monitor.snapshot()[STREAM]
    yield {
        "summary": True,
        "samples": seen,
        "level": str(status.level),
        "alarms": alarms,
        "effect": round(status.effect, 4),
        "evidence": float(f"{status.evidence:.6g}"),
        "alarm_every": chosen.alarm_every,
        "reference_samples": status.reference_samples,
        "skipped": dict(status.skipped),
        "reference_skipped": left_out,
    }


def line(event: DriftEvent, places: Sequence[int]) -> dict[str, object]:
    """Return one event as the fixed line of `sidewatch drift run`; `places`: each readable sample's row."""
    return {
        "index": places[event.index],
        "level": str(event.level),
        "since_index": None if event.since_index is None else places[event.since_index],
        "effect": round(event.effect, 4),
        "evidence": float(f"{event.evidence:.6g}"),
        "reason": dict(event.reason),
    }
