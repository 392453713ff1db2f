"""All streams of one observer: learns each one's reference, watches it, and tells of every change of level."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from watchers.drift.attribution import attribute
from watchers.drift.baseline import Baseline, from_table
from watchers.drift.bets import Evidence
from watchers.drift.effect import Window
from watchers.drift.events import (
    PROVIDER,
    BaselineError,
    DriftError,
    DriftEvent,
    DriftSettings,
    Level,
    Strata,
    StreamKey,
    StreamStatus,
)
from watchers.drift.promise import Rate
from watchers.drift.provider import NAMES, RAISED, Provider, moved_signs
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
    DriftEvent, DriftSettings, Evidence, Map, Provider, Ranks, Rate, Reference, Sample, Scalar, Stream,
    StreamKey, StreamStatus, Table, Window, Witness,
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
    7 stable
    419 drift
    """

    def __init__(self, settings: DriftSettings, encoder: str, shared: Baseline | None = None) -> None:
        """`shared`: the reference of every new stream of its direction, which then learns none of its own.

        Raises: BaselineError for the baseline of another encoder.
        """
        if shared is not None:
            self._own(shared, encoder)
        self.settings, self.shared = settings, shared
        self.encoder = encoder
        self.closed = 0  # streams closed for room, counted
        self._streams: OrderedDict[StreamKey, Stream] = OrderedDict()
        self._told: dict[StreamKey, DriftEvent] = {}  # the last change of each stream that is raised
        self._providers: dict[StreamKey, Provider] = {}  # of the streams of completions, opened and closed with them

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
        A sample that cannot be read (NaN, zero vector, wrong shape) is counted in the stream's `skipped`. Categories
        of completions that name what answered (`provider.NAMES`) go to the stream of the direction `provider`.
        """
        watched, kinds = self._stream(stream), categories or {}
        names: dict[str, str] = {}
        if stream.direction is Direction.COMPLETION:
            names = {name: kind for name, kind in kinds.items() if name in NAMES}
            kinds = {name: kind for name, kind in kinds.items() if name not in NAMES}
        events = watched.observe(Sample(embedding, scalars or {}, kinds, exemplar, time_seconds))
        if stream.direction is not Direction.COMPLETION:
            return self._noted([self._attributed(event) for event in events])
        provider = self._provider(stream)
        about = provider.observe(names, time_seconds)
        about += provider.follow(watched, self._streams.get(stream.counterpart()))
        return self._noted([*about, *(self._attributed(event) for event in events)])  # who changed is known by now

    def flush(self) -> list[DriftEvent]:
        """Weigh what still waits: samples are weighed in runs of up to 16. Call it where traffic pauses or ends."""
        events = [e for stream in self._streams.values() for e in stream.flush()]
        about: list[DriftEvent] = []
        for key, stream in self._streams.items():
            if key.direction is Direction.COMPLETION:
                provider = self._provider(key)
                about += [*provider.flush(), *provider.follow(stream, self._streams.get(key.counterpart()))]
        return self._noted([*(self._attributed(e) for e in events), *about])

    def snapshot(self) -> dict[StreamKey, StreamStatus]:
        """Return every open stream's status."""
        providers = {key: provider.status() for key, provider in self._providers.items()}
        return {key: stream.status() for key, stream in self._streams.items()} | providers

    def told(self) -> dict[StreamKey, DriftEvent]:
        """Return of each stream that is in warning or drift the event that said so, with its reason."""
        return dict(self._told)

    def _noted(self, events: list[DriftEvent]) -> list[DriftEvent]:
        for event in events:
            if event.level in RAISED:
                self._told[event.stream] = event
                self._reattribute(event.stream)
            else:
                self._told.pop(event.stream, None)
        return events

    def _reattribute(self, stream: StreamKey) -> None:
        """Completions that moved before enough of them had to blame the provider are its, too, once it is raised."""
        completions = replace(stream, direction=Direction.COMPLETION)
        told = self._told.get(completions)
        if stream.direction == PROVIDER and told and told.reason.get("attribution") == "completions":
            self._told[completions] = replace(told, reason={**told.reason, "attribution": "provider"})

    def accept(self, stream: StreamKey) -> None:
        """Take the stream's samples since its change (all recent ones where it is stable) as its new normal.

        Raises: DriftError for a stream that is not open, or that has too few samples since the change.
        """
        if stream.direction == PROVIDER:
            self._accept_provider(stream)
        else:
            self.adopt(stream, self.baseline(stream))

    def _accept_provider(self, key: StreamKey) -> None:
        if key not in self._providers:
            raise DriftError(f"no open stream {key}")
        provider = self._providers[key]
        names = provider.accept()
        self._told.pop(key, None)
        if names.level in RAISED:
            reference = from_table(names.present(), self.encoder).reference(self.settings.strata, self.settings.seed)
            provider.names = Stream(key, self.settings, self._share, reference)

    def adopt(self, stream: StreamKey, baseline: Baseline) -> None:
        """Open the stream (or open it afresh) with a baseline as its reference.

        Raises: BaselineError for the baseline of another encoder.
        """
        self._own(baseline, self.encoder)
        self._streams.pop(stream, None)
        self._told.pop(stream, None)
        reference = baseline.reference(self.settings.strata, self.settings.seed)
        self._put(stream, Stream(stream, self.settings, self._share, reference))

    def baseline(self, stream: StreamKey) -> Baseline:
        """Return the stream's samples since its change (all recent ones where it is stable) as a baseline.

        Raises: DriftError for a stream that is not open, or that has too few samples since the change.
        """
        if stream not in self._streams:
            raise DriftError(f"no open stream {stream}")
        return from_table(self._streams[stream].present(), self.encoder)

    def save(self) -> bytes:
        """Return the state of every stream, for `load` after a restart."""
        state = {"encoder": self.encoder, "closed": self.closed}
        state |= {"streams": dict(self._streams), "providers": self._providers, "told": self._told}
        return to_bytes(state, CLASSES)

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
        self._providers = {
            key: provider
            for key, provider in state.get("providers", {}).items()
            if replace(key, direction=Direction.COMPLETION) in self._streams
        }
        open_streams = {*self._streams, *self._providers}
        self._told = {key: event for key, event in state.get("told", {}).items() if key in open_streams}
        for stream in (*self._streams.values(), *(p.names for p in self._providers.values())):
            stream.share = self._share
            stream.settings = replace(
                stream.settings, false_alarm_days=self.settings.false_alarm_days, alarm_every=self.settings.alarm_every
            )

    @staticmethod
    def _own(baseline: Baseline, encoder: str) -> None:
        if baseline.encoder != encoder:
            raise BaselineError(f"the baseline is of encoder {baseline.encoder}, this is {encoder}: build it again")

    @property
    def _share(self) -> float:
        """Return how many streams share one promise: each alarms so many times less often."""
        return float(self.settings.streams if self.settings.across_streams else 1)

    def _attributed(self, event: DriftEvent) -> DriftEvent:
        """Say whether prompts, completions or both changed: the reason's `attribution`."""
        if event.level in (Level.STABLE, Level.INSUFFICIENT_DATA):
            return event
        other = self._streams.get(event.stream.counterpart())
        provider = self._providers.get(event.stream.provider())
        known = None if provider is None else provider.level
        since = event.index + 1 - (event.since_index or 0)
        moved = other is not None and other.level is Level.STABLE and bool(moved_signs(other.explanation(since)))
        found = attribute(
            event, None if other is None else other.status(), moved, known, self._streams[event.stream].budget
        )
        return replace(event, reason={**event.reason, "attribution": found})

    def _stream(self, key: StreamKey) -> Stream:
        found = self._streams.get(key)
        if found is None:
            shared = self.shared if self.shared is not None and self.shared.direction is key.direction else None
            reference = None if shared is None else shared.reference(self.settings.strata, self.settings.seed)
            return self._put(key, Stream(key, self.settings, self._share, reference))
        self._streams.move_to_end(key)
        return found

    def _provider(self, completions: StreamKey) -> Provider:
        key = completions.provider()
        if key not in self._providers:
            self._providers[key] = Provider(key, self.settings, self._share)
        return self._providers[key]

    def _put(self, key: StreamKey, stream: Stream) -> Stream:
        if len(self._streams) >= self.settings.streams:
            closed, _ = self._streams.popitem(last=False)
            self._told.pop(closed, None)
            if closed.direction is Direction.COMPLETION:
                self._providers.pop(closed.provider(), None)
                self._told.pop(closed.provider(), None)
            self.closed += 1
        self._streams[key] = stream
        return stream
