"""`sidewatch drift run`: a reference and a stream from rows, one line for each change of level.

A row is a mapping with `text` or `embedding`, and optional fields: numbers are scalars, other strings are
categories, `time_seconds` (seconds since the epoch) is the time. A row that cannot be read is counted, not an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from watchers.drift.baseline import Baseline, build
from watchers.drift.events import DriftError, DriftEvent, DriftSettings, Level, StreamKey
from watchers.drift.monitor import DriftMonitor
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

    Raises: DriftError for a text without an encoder, or an embedding that is no list of numbers.
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
    try:
        return np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise DriftError("an embedding must be a list of numbers") from error


def _sample(row: Row, embedding: Floats | None) -> Sample:
    fields = {k: v for k, v in row.items() if k not in NOT_MEASURED}
    scalars = {k: float(v) for k, v in fields.items() if isinstance(v, bool | int | float)}
    categories = {k: v for k, v in fields.items() if isinstance(v, str)}
    time = row.get("time_seconds")
    text = row.get("text")
    seconds = float(time) if isinstance(time, int | float) else 0.0
    return Sample(embedding, scalars, categories, text if isinstance(text, str) else "", seconds)


def build_from_rows(
    rows: Iterable[Row], encoder: TextEncoder | None, direction: Direction = Direction.PROMPT
) -> Baseline:
    """Build a baseline from rows: `sidewatch baseline build`. Rows that cannot be read are left out."""
    read: list[Sample] = []
    for sample in samples(rows, encoder):
        width = next((len(s.embedding) for s in read[:1] if s.embedding is not None), None)
        if reason_to_skip(sample, width) is None:
            read.append(sample)
    return build(read, encoder.model if encoder is not None else BARE, direction=direction)


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
    baseline = build_from_rows(reference_rows, encoder)
    return replay(baseline, stream_rows, alarm_every, encoder, settings)


def replay(
    baseline: Baseline,
    stream_rows: Iterable[Row],
    alarm_every: float,
    encoder: TextEncoder | None = None,
    settings: DriftSettings | None = None,
) -> Iterator[dict[str, object]]:
    """As `run`, against a baseline that is already there."""
    chosen = settings or DriftSettings(alarm_every=alarm_every)
    monitor = DriftMonitor(chosen, encoder.model if encoder is not None else BARE)
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
        "evidence": status.evidence,
        "alarm_every": chosen.alarm_every,
        "reference_samples": status.reference_samples,
        "skipped": dict(status.skipped),
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
