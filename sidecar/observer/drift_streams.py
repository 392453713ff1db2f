"""Which streams of the traffic are watched for drift, and what of an exchange goes into each.

One stream a route, requested model and direction. A prompt's sample is the newest user text and what came with the
request; a completion's is the answer and how it came.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from sidecar.observer.instruments import Instruments
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Outcome, State
from sidecar.observer.shared_reference import FleetBins
from sidecar.observer.usage_estimate import tokens
from sidecar.wire.exchange import Operation, UsageSource
from watchers.drift import DriftEvent, DriftMonitor, Level, StreamKey, StreamStatus
from watchers.drift.reference import CONTEXT
from watchers.drift.samples import Sample
from watchers.encoding import Encoder, Floats
from watchers.language import UNKNOWN, language_of, pycld2
from watchers.watcher import Direction, Origin, Record

log = structlog.get_logger(__name__)

WATCHED = (Operation.CHAT, Operation.TEXT_COMPLETION, Operation.GENERATE_CONTENT)
READ = {
    Direction.PROMPT: (Origin.USER, Origin.TOOL_RESULT, Origin.SYSTEM),  # the first that there is
    Direction.COMPLETION: (Origin.COMPLETION, Origin.REFUSAL, Origin.TOOL_CALL),
}
EXEMPLAR_CHARS = 300
MEASURED = ("effect", "evidence", "alarm_every", "samples")
GAUGES = (
    "state", *MEASURED, "skipped", "attribution", "since_timestamp_seconds", "score_effect", "cluster_share",
    "reference_share",
)  # fmt: skip


class DriftStreams:
    """A sink. `encoder` is None where no pack is loaded: then only scalars and categories are watched.

    `label`: each of its values is watched as streams of its own beside the whole. `tell` gets each change of a level; its
    reason quotes masked texts, so it belongs into the exchange log.
    """

    def __init__(
        self,
        monitor: DriftMonitor,
        encoder: Encoder | None,
        instruments: Instruments,
        tell: Callable[[DriftEvent], None],
        label: str | None = None,
    ) -> None:
        shared = monitor.shared
        self._label = label
        self._bins = None if shared is None else FleetBins(shared, instruments)
        self._monitor, self._encoder, self._instruments, self._tell = monitor, encoder, instruments, tell
        self._lock = Lock()  # the pipeline observes, the admin pages read

    def emit(self, batch: Sequence[tuple[Outcome, Masker]]) -> None:
        """Take in a batch; its texts are encoded together (most were, for the watchers)."""
        samples = [
            (outcome, masker, direction, _text(outcome, direction))
            for outcome, masker in batch
            if outcome.exchange.operation in WATCHED and not outcome.exchange.decode_error
            for direction in Direction
        ]
        embeddings = self._embeddings([record for *_, record in samples])
        taken = [
            (key, sample)
            for (outcome, masker, direction, record), embedding in zip(samples, embeddings, strict=True)
            if record is not None
            for key, sample in self._samples(outcome, masker, direction, record, embedding)
        ]
        for key, sample in taken:
            with self._lock:
                events = self._monitor.observe(key, *sample)
            self._told(events)
        if self._bins is not None:
            self._bins.count(taken)

    def flush(self) -> None:
        """Weigh what waits: call it where traffic pauses."""
        with self._lock:
            events = self._monitor.flush()
        self._told(events)

    def save(self, file: Path) -> None:
        """Write the state of all streams; a reader sees the old or the new file. Raises OSError."""
        with self._lock:
            state = self._monitor.save()
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_bytes(state)
        new.replace(file)

    def load(self, file: Path) -> None:
        """Go on where `save` left off. Raises DriftError for a state that cannot be used, OSError."""
        with self._lock:
            self._monitor.load(file.read_bytes())

    def snapshot(self) -> dict[StreamKey, StreamStatus]:
        with self._lock:
            return self._monitor.snapshot()

    def told(self) -> dict[StreamKey, DriftEvent]:
        """Return the last change of each stream that is in warning or drift, with its reason."""
        with self._lock:
            return self._monitor.told()

    def accept(self, stream: StreamKey) -> None:
        """Take a stream's present as its new normal. Raises DriftError for one that is not open."""
        with self._lock:
            self._monitor.accept(stream)
        log.info("drift baseline accepted", **stream_fields(stream))

    def refresh_gauges(self) -> None:
        """Set the drift gauges afresh, before a scrape."""
        put, snapshot, told = self._instruments.set, self.snapshot(), self.told()
        for name in GAUGES:
            self._instruments.clear(f"sidewatch_drift_{name}")
        put("sidewatch_drift_streams", (), len(snapshot))
        put("sidewatch_drift_closed_streams_total", (), self._monitor.closed)
        for key, status in snapshot.items():
            labels = (key.route, key.model, key.direction, key.label)
            for level in Level:
                put("sidewatch_drift_state", (*labels, level), float(status.level is level))
                # Born at 0, so that Prometheus sees the first change as growth.
                self._instruments.add("sidewatch_drift_events_total", (*labels, level), 0.0)
            for name in MEASURED:
                put(f"sidewatch_drift_{name}", labels, float(getattr(status, name)))
            for reason, count in status.skipped.items():
                put("sidewatch_drift_skipped", (*labels, reason), count)
        put("sidewatch_drift_reference_usable", (), float(self._bins is not None))
        if self._bins is not None:
            self._bins.refresh()
        for key, event in told.items():
            self._explain((key.route, key.model, key.direction, key.label), event)

    def _explain(self, labels: tuple[str, ...], event: DriftEvent) -> None:
        """Set the gauges that say why a stream is raised: since when, by whom, which scores and clusters."""
        put, reason = self._instruments.set, event.reason
        put("sidewatch_drift_attribution", (*labels, str(reason.get("attribution", "unknown"))), 1.0)
        since = reason.get("since")
        if isinstance(since, dict) and since["time_seconds"] > 0:
            put("sidewatch_drift_since_timestamp_seconds", labels, float(since["time_seconds"]))
        for row in _rows(reason.get("scores")):
            put("sidewatch_drift_score_effect", (*labels, str(row["score"])), float(row["effect"]))
        clusters = reason.get("clusters")
        for row in [*_rows(clusters, "grown"), *_rows(clusters, "shrunk")]:
            for when in ("before", "after"):
                put("sidewatch_drift_cluster_share", (*labels, str(row["cluster"]), when), float(row[when]))

    def _embeddings(self, records: Sequence[Record | None]) -> Iterator[Floats | None]:
        read = [record for record in records if record is not None]
        texts, budgets = [record.text for record in read], [record.budget_tokens for record in read]
        found = iter(self._encoder.encode(texts, budgets)) if self._encoder and texts else None
        for record in records:
            encoding = None if found is None or record is None else next(found)
            yield None if encoding is None or encoding.unavailable else encoding.embedding

    def _samples(
        self, outcome: Outcome, masker: Masker, direction: Direction, record: Record, embedding: Floats | None
    ) -> Iterator[tuple[StreamKey, Sample]]:
        key = StreamKey(outcome.capture.route, outcome.exchange.request_model or "", direction)
        exemplar = masker.maybe_text(record, EXEMPLAR_CHARS) or ""
        scalars, categories = MEASURES[direction](outcome, record)
        categories = {**categories, **{f"{CONTEXT}{name}": value for name, value in outcome.labels.items() if value}}
        if (language := _language(record.text)) is not None:
            categories["language"] = language
        sample = Sample(embedding, scalars, categories, exemplar, outcome.capture.started_unix_seconds)
        yield key, sample
        if self._label is not None and (value := outcome.labels.get(self._label)):
            yield replace(key, label=value), sample

    def _told(self, events: Sequence[DriftEvent]) -> None:
        for event in events:
            stream = event.stream
            labels = (stream.route, stream.model, stream.direction, stream.label, event.level)
            self._instruments.add("sidewatch_drift_events_total", labels)
            self._tell(event)


def stream_fields(key: StreamKey) -> dict[str, str]:
    return {"route": key.route, "model": key.model, "direction": str(key.direction), "label": key.label}


def _language(text: str) -> str | None:
    """Return the language where it is sure; None for a text too short to tell, and where CLD2 is not installed."""
    code = UNKNOWN if pycld2 is None else language_of(text).code
    return None if code == UNKNOWN else code


def _rows(found: object, name: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of a part of a reason; none where it is missing."""
    if name is not None:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, list) else []


def _text(outcome: Outcome, direction: Direction) -> Record | None:
    """Return the text that stands for the exchange in one direction: the last of the first origin that it has."""
    for origin in READ[direction]:
        for record in reversed(outcome.records):
            if record.origin is origin and record.direction is direction:
                return record
    return None


def _rates(outcome: Outcome, direction: Direction) -> dict[str, float]:
    """Return for each watcher that read the exchange 1.0 where it flagged a text of this direction."""
    flagged = {verdict.watcher for record, verdict in outcome.flags() if record.direction is direction}
    read = (name for name, covered in outcome.coverage.items() if covered.state is not State.SKIPPED)
    return {f"{name}_rate": float(name in flagged) for name in read}


def _prompt(outcome: Outcome, record: Record) -> tuple[Mapping[str, float], Mapping[str, str]]:
    scalars = {"tokens": float(tokens([record.text])), "turns": float(len(outcome.exchange.messages))}
    return scalars | _rates(outcome, Direction.PROMPT), {}


def _completion(outcome: Outcome, record: Record) -> tuple[Mapping[str, float], Mapping[str, str]]:
    exchange, timings = outcome.exchange, outcome.exchange.timings
    said = exchange.usage.source is UsageSource.PROVIDER
    measured = {
        "tokens": exchange.usage.output if said else tokens([record.text]),
        "first_token_seconds": timings.first_token_seconds,
        "output_tokens_per_second": outcome.output_tokens_per_second(),
        "duration_seconds": outcome.capture.ended_seconds,
        "refusal_rate": float(any(choice.refusal for choice in exchange.choices)),
        "tool_call_rate": float(any(choice.tool_calls for choice in exchange.choices)),
        "cost": outcome.cost.amount if outcome.cost else None,
    }
    categories = {
        "finish_reason": exchange.choices[0].finish_reason if exchange.choices else None,
        "response_model": exchange.response_model,
        "system_fingerprint": exchange.system_fingerprint,
    }
    scalars = {name: float(value) for name, value in measured.items() if value is not None}
    rates = _rates(outcome, Direction.COMPLETION)  # the watcher of refusals reads the text, the provider may mark one
    rates["refusal_rate"] = max(scalars["refusal_rate"], rates.get("refusal_rate", 0.0))
    return scalars | rates, {name: value for name, value in categories.items() if value}


MEASURES = {Direction.PROMPT: _prompt, Direction.COMPLETION: _completion}
