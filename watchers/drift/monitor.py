"""All streams of one observer: learns each one's reference, watches it, and tells of every change of level."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from watchers.drift.attribution import attribute
from watchers.drift.baseline import Baseline, from_table
from watchers.drift.bets import Evidence
from watchers.drift.effect import Window
from watchers.drift.events import (
    BaselineError,
    DriftError,
    DriftEvent,
    DriftSettings,
    Level,
    Strata,
    StreamKey,
    StreamStatus,
)
from watchers.drift.ranks import Ranks
from watchers.drift.reference import Reference, Scalar
from watchers.drift.samples import Sample, Table
from watchers.drift.scores import Map
from watchers.drift.state import from_bytes, to_bytes
from watchers.drift.stream import Stream
from watchers.drift.witness import Witness
from watchers.encoding import Floats
from watchers.watcher import Direction

KEPT = (Direction, Level, Strata,
    DriftSettings, Evidence, Map, Ranks, Reference, Sample, Scalar, Stream, StreamKey, Table, Window, Witness,
)  # fmt: skip
CLASSES = {kind.__name__: kind for kind in KEPT}


class DriftMonitor:
    """Watches many streams, a bounded number of them; the one longest unused is closed for a new one.

    `encoder` is the model hash of the embeddings: states and baselines of another one are refused.
    Not safe for concurrent calls; no clock, no I/O. Times are seconds since the epoch.

    >>> import numpy as np
    >>> from watchers.watcher import Direction
    >>> rng = np.random.default_rng(1)
    >>> monitor = DriftMonitor(DriftSettings(reference_samples=200, alarm_every=10_000), encoder="none")
    >>> stream = StreamKey("default", "m", Direction.PROMPT)
    >>> for i in range(1000):
    ...     shift = 1.0 if i >= 600 else 0.0
    ...     for event in monitor.observe(stream, None, {"tokens": rng.normal(shift)}):
    ...         print(event.index, event.level)
    15 stable
    419 drift
    """

    def __init__(self, settings: DriftSettings, encoder: str) -> None:
        self.settings = settings
        self.encoder = encoder
        self.closed = 0  # streams closed for room, counted
        self._streams: OrderedDict[StreamKey, Stream] = OrderedDict()

    def observe(
        self,
        stream: StreamKey,
        embedding: Floats | None = None,
        scalars: Mapping[str, float] | None = None,
        categories: Mapping[str, str] | None = None,
        exemplar: str = "",
        time_seconds: float = 0.0,
    ) -> list[DriftEvent]:
        """Take in one exchange's sample; return the changes of level that it caused (most often none).

        Shapes: `embedding` float32 (dimensions,), unit length, or None. `exemplar`: the text, masked already.
        A sample that cannot be read (NaN, zero vector, wrong shape) is counted in the stream's `skipped`.
        """
        sample = Sample(embedding, scalars or {}, categories or {}, exemplar, time_seconds)
        return [self._attributed(event) for event in self._stream(stream).observe(sample)]

    def flush(self) -> list[DriftEvent]:
        """Weigh what still waits: samples are weighed in runs of up to 16. Call it where traffic pauses or ends."""
        return [self._attributed(e) for stream in self._streams.values() for e in stream.flush()]

    def snapshot(self) -> dict[StreamKey, StreamStatus]:
        """Return every open stream's status."""
        return {key: stream.status() for key, stream in self._streams.items()}

    def accept(self, stream: StreamKey) -> None:
        """Take the stream's samples since its change (all recent ones where it is stable) as its new normal.

        Raises: DriftError for a stream that is not open, or that has too few samples since the change.
        """
        self.adopt(stream, self.baseline(stream))

    def adopt(self, stream: StreamKey, baseline: Baseline) -> None:
        """Open the stream (or open it afresh) with a baseline as its reference.

        Raises: BaselineError for the baseline of another encoder.
        """
        if baseline.encoder != self.encoder:
            raise BaselineError(
                f"the baseline is of encoder {baseline.encoder}, this is {self.encoder}: build it again"
            )
        self._streams.pop(stream, None)
        reference = baseline.reference(self.settings.strata, self.settings.seed)
        self._put(stream, Stream(stream, self.settings, self._budget, reference))

    def baseline(self, stream: StreamKey) -> Baseline:
        """Return the stream's samples since its change (all recent ones where it is stable) as a baseline.

        Raises: DriftError for a stream that is not open, or that has too few samples since the change.
        """
        if stream not in self._streams:
            raise DriftError(f"no open stream {stream}")
        return from_table(self._streams[stream].present(), self.encoder)

    def save(self) -> bytes:
        """Return the state of every stream, for `load` after a restart."""
        return to_bytes({"encoder": self.encoder, "closed": self.closed, "streams": dict(self._streams)}, CLASSES)

    def load(self, data: bytes) -> None:
        """Go on where `save` left off; the settings' seed, window and reference size stay those of the state.

        Raises: DriftError for damaged or foreign bytes, or the state of another encoder; nothing is changed then.
        """
        state = from_bytes(data, CLASSES)
        if not isinstance(state, dict) or not isinstance(state.get("streams"), dict):
            raise DriftError("the state of the drift watch is damaged (no streams)")
        if state["encoder"] != self.encoder:
            raise DriftError(f"the state is of encoder {state['encoder']}, this is {self.encoder}")
        self.closed = state["closed"]
        self._streams = OrderedDict(list(state["streams"].items())[-self.settings.streams :])
        for stream in self._streams.values():
            stream.budget = self._budget

    @property
    def _budget(self) -> float:
        """Return one stream's mean samples between false alarms: where all share one promise, its part of it."""
        streams = self.settings.streams if self.settings.across_streams else 1
        return self.settings.alarm_every * streams

    def _attributed(self, event: DriftEvent) -> DriftEvent:
        """Say whether prompts, completions or both changed: the reason's `attribution`."""
        if event.level in (Level.STABLE, Level.INSUFFICIENT_DATA):
            return event
        other = self._streams.get(event.stream.counterpart())
        found = attribute(event, None if other is None else other.status(), self._budget)
        return replace(event, reason={**event.reason, "attribution": found})

    def _stream(self, key: StreamKey) -> Stream:
        found = self._streams.get(key)
        if found is None:
            return self._put(key, Stream(key, self.settings, self._budget))
        self._streams.move_to_end(key)
        return found

    def _put(self, key: StreamKey, stream: Stream) -> Stream:
        if len(self._streams) >= self.settings.streams:
            self._streams.popitem(last=False)
            self.closed += 1
        self._streams[key] = stream
        return stream
