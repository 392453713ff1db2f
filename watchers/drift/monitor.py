"""All streams of one observer: learns each one's reference, watches it, and tells of every change of level."""

from collections import OrderedDict
from collections.abc import Mapping

from watchers.drift.events import DriftError, DriftEvent, DriftSettings, StreamKey, StreamStatus
from watchers.drift.samples import Sample
from watchers.drift.stream import Stream
from watchers.encoding import Floats


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
    0 stable
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
        return self._stream(stream).observe(sample)

    def snapshot(self) -> dict[StreamKey, StreamStatus]:
        """Return every open stream's status."""
        return {key: stream.status() for key, stream in self._streams.items()}

    def accept(self, stream: StreamKey) -> None:
        """Take the stream's recent samples as its new normal: its reference is learned again from now on.

        Raises: DriftError for a stream that is not open.
        """
        if stream not in self._streams:
            raise DriftError(f"no open stream {stream}")
        self._streams[stream] = Stream(stream, self.settings)

    def _stream(self, key: StreamKey) -> Stream:
        found = self._streams.get(key)
        if found is None:
            if len(self._streams) >= self.settings.streams:
                self._streams.popitem(last=False)
                self.closed += 1
            found = self._streams[key] = Stream(key, self.settings)
        self._streams.move_to_end(key)
        return found
