"""Captures to outcomes, in a thread of its own: decode, read, judge, decide, hand to the sinks, settle.

Batches are as large as what waits, up to a limit: one at a time when idle, many under load. Whatever goes wrong
with an exchange, it is settled: the ledger has one state for it and every watcher.
"""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import structlog

from sidecar.observer.backlog import Backlog, Origin, Waiting
from sidecar.observer.instruments import Instruments
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Coverage, Outcome, Reason, State, coverage
from sidecar.observer.parts import Parts
from sidecar.observer.selftest import Selftest
from sidecar.observer.usage_estimate import with_estimated_usage
from sidecar.records import records
from sidecar.where import where
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Exchange, Operation
from watchers.budget import allotted
from watchers.cascade import Depth
from watchers.watcher import Judgement, Record, Skip

log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 0.5  # how long the thread sleeps before it looks for the end
SEEN_TEXTS: Final = 50_000  # remembered, to count a flag once though conversations replay it
DEFERRED: Final = 4  # of the queue's length, the part that may be put off to be judged again
BROKEN: Final = Coverage(State.SKIPPED, Skip.ERROR)

Settle = Callable[[Origin, list[int], dict[str, int]], None]


class Pipeline:
    """`settle` gets the exchanges of one origin and what they add to its ledger; it is called in the thread."""

    def __init__(
        self,
        backlog: Backlog,
        parts: Parts,
        instruments: Instruments,
        settle: Settle,
        selftest: Selftest | None = None,
    ) -> None:
        self.parts = parts  # replaced as a whole at a reload, between two batches
        self._backlog, self._instruments, self._settle, self._selftest = backlog, instruments, settle, selftest
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._deferred: deque[Waiting] = deque()  # doubted by the first stage, when there was no time for more
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._logged: set[str] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Judge what waits, then end; False when that took too long."""
        self._stopping.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._test(self.parts)
            waits = 0.0 if self._deferred else IDLE_SECONDS
            batch = self._backlog.take(self.parts.settings.observer.batch_exchanges, waits)
            parts, depth = self.parts, Depth.CASCADE  # asked after the wait: a reload may have replaced them meanwhile
            if batch:
                with self._guarded("pipeline"):  # the thread has to live: without it the observer would only pretend to
                    depth = parts.pace.depth(len(self._backlog), time.monotonic() - batch[0].since_seconds)
                    self._batch(batch, parts, depth)
            if self._deferred and depth is not Depth.ALONE:
                self._judge([self._deferred.popleft()], parts, Depth.CASCADE)  # no second chance to be in the sample
                continue
            if batch:
                continue
            self._idle(parts)
            if self._stopping.is_set():
                return

    def _test(self, parts: Parts) -> None:
        if self._selftest is not None:
            with self._guarded("selftest"):
                self._selftest.maybe_run(parts)

    def _idle(self, parts: Parts) -> None:
        """Use a pause of the traffic; called at least once before the end."""
        if parts.drift is not None:
            with self._guarded("drift"):
                parts.drift.flush()

    def _batch(self, batch: Sequence[Waiting], parts: Parts, depth: Depth) -> None:
        full = [parts.pace.sampled() for _ in batch] if depth is not Depth.FULL else [True] * len(batch)
        for in_full, at in ((True, Depth.FULL), (False, depth)):
            part = [waiting for waiting, yes in zip(batch, full, strict=True) if yes is in_full]
            if part:
                self._judge(part, parts, at)

    def _judge(self, batch: Sequence[Waiting], parts: Parts, depth: Depth) -> None:
        """Judge exchanges at one depth, to the end."""
        outcomes: list[Outcome] = []
        deferred: list[Waiting] = []
        try:
            with parts.reading(depth):
                outcomes, deferred = self._outcomes(batch, parts, depth)
                self._emit(outcomes, parts)
        except Exception as error:  # the boundary: what is not an outcome by now is settled as broken
            self._failed("pipeline", error)
        finally:
            self._deferred += deferred
            done = [waiting for waiting in batch if waiting not in deferred]
            self._settle_all(done, outcomes, parts)
            self._backlog.done(done)
            self._instruments.set("sidewatch_deferred_exchanges", (), len(self._deferred))

    def _outcomes(self, batch: Sequence[Waiting], parts: Parts, depth: Depth) -> tuple[list[Outcome], list[Waiting]]:
        """Return what was judged, and what is to be judged again when there is time: the first stage doubts it."""
        with self._timed("decode"):
            found = [(waiting, self._maybe_decoded(waiting, parts)) for waiting in batch]
        read = [(waiting, replace(one, full=depth is Depth.FULL)) for waiting, one in found if one is not None]
        decoded = [outcome for _, outcome in read]
        texts = [record for outcome in decoded for record in outcome.records]
        with self._timed("watch"):
            judged = parts.panel.judge(texts, whole=depth is Depth.FULL)
        outcomes, deferred = list[Outcome](), list[Waiting]()
        room = parts.settings.observer.queue_exchanges // DEFERRED - len(self._deferred)
        for (waiting, outcome), part in zip(read, _split(judged, decoded), strict=True):
            if len(deferred) < room and _doubted(part):
                deferred.append(waiting)
            else:
                outcomes.append(self._judged(outcome, part))
        return outcomes, deferred

    def _maybe_decoded(self, waiting: Waiting, parts: Parts) -> Outcome | None:
        """Return None where it raised: that exchange is settled as broken, and the batch goes on."""
        with self._guarded("pipeline"):
            return self._decoded(waiting, parts)
        return None

    def _decoded(self, waiting: Waiting, parts: Parts) -> Outcome:
        capture, route = waiting.capture, parts.routes.get(waiting.capture.route)
        exchange = with_estimated_usage(
            decode(
                capture,
                hint=route.format if route else None,
                provider=route.provider if route else None,
                upstream_host=route.host if route else None,
                max_decoded_bytes=parts.settings.observer.decoded_bytes,
            )
        )
        counted = exchange.format == "unknown" and parts.settings.observer.unknown_formats == "count"
        cost = parts.prices.maybe_cost(exchange)
        return Outcome(
            capture=capture,
            exchange=exchange,
            records=() if counted else self._texts(capture.id, exchange, parts),
            labels=parts.labels.read(capture),
            cost=cost,
            price_missing=cost is None
            and exchange.operation is not Operation.COUNT_TOKENS
            and bool(exchange.usage.input or exchange.usage.output),
            incomplete=waiting.incomplete,
            unread=Reason.UNKNOWN_FORMAT if counted else _unread(waiting, exchange),
        )

    def _texts(self, exchange_id: str, exchange: Exchange, parts: Parts) -> tuple[Record, ...]:
        """Return what watchers read; where models do, the exchange's token budget is shared out among its texts."""
        texts = records(exchange_id, exchange)
        if parts.encoder is not None:
            texts = allotted(texts, parts.settings.observer.text_tokens, parts.encoder.cost)
        return tuple(texts)

    def _judged(self, outcome: Outcome, judged: dict[str, list[Judgement]]) -> Outcome:
        fresh = self._fresh(outcome.records)
        covered = {
            name: coverage(list(_counting(judgements, outcome.records, fresh)), outcome.unread)
            for name, judgements in judged.items()
        }
        return replace(outcome, judgements=judged, coverage=covered, fresh=fresh)

    def _fresh(self, texts: Sequence[Record]) -> frozenset[int]:
        """Return the positions of texts that count: new ones, and history that went by unseen."""
        fresh = set()
        for record in texts:
            key = blake2b(record.text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if record.fresh or key not in self._seen:
                fresh.add(record.position)
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > SEEN_TEXTS:
            self._seen.popitem(last=False)
        return frozenset(fresh)

    def _emit(self, outcomes: Sequence[Outcome], parts: Parts) -> None:
        with self._timed("mask"):
            masked = [(outcome, self._masker(outcome, parts)) for outcome in outcomes]
        if parts.drift is not None:
            with self._timed("drift"), self._guarded("drift"):
                parts.drift.emit([one for one in masked if one[0].full])  # what was not chosen at random would mislead
        with self._timed("emit"):
            for outcome, masker in masked:
                self._emit_one(outcome, masker, parts)

    def _masker(self, outcome: Outcome, parts: Parts) -> Masker:
        with self._guarded("mask"):
            return parts.masker(outcome)
        return Masker(outcome.records, {})  # withholds every text

    def _emit_one(self, outcome: Outcome, masker: Masker, parts: Parts) -> None:
        with self._guarded("metrics"):
            parts.metrics.emit(outcome)
        with self._guarded("exchange_log"):
            parts.exchange_log.emit(outcome, masker)
        with self._guarded("recent"):
            parts.recent.emit(outcome)
        if parts.judge is not None:
            with self._guarded("judge"):
                parts.judge.emit(outcome, masker)
        ended = outcome.capture.started_unix_seconds + outcome.capture.ended_seconds
        self._instruments.observe("sidewatch_observation_lag_seconds", (), [max(time.time() - ended, 0.0)])

    def _settle_all(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome], parts: Parts) -> None:
        by_id = {outcome.capture.id: outcome.coverage for outcome in outcomes}
        broken = dict.fromkeys(parts.names, BROKEN)
        by_origin: dict[Origin, tuple[list[int], Counter[str]]] = {}
        for waiting in batch:
            numbers, ledger = by_origin.setdefault(waiting.origin, ([], Counter()))
            numbers.append(waiting.number)
            ledger.update(covered.key(name) for name, covered in by_id.get(waiting.capture.id, broken).items())
        for origin, (numbers, ledger) in by_origin.items():
            self._settle(origin, numbers, dict(ledger))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._instruments.observe("sidewatch_stage_duration_seconds", (stage,), [time.monotonic() - began])

    @contextmanager
    def _guarded(self, sink: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # the boundary: a sink that fails costs neither the others nor the settling
            self._failed(sink, error)

    def _failed(self, sink: str, error: Exception) -> None:
        kind = type(error).__name__
        self._instruments.add("sidewatch_sink_errors_total", (sink, kind))
        if (key := f"{sink}:{kind}") not in self._logged:
            self._logged.add(key)
            log.error("sink failed", sink=sink, error=kind, at=where(error))


def _unread(waiting: Waiting, exchange: Exchange) -> str | None:
    """Return why the watchers did not get all of the exchange's text, None where they did."""
    capture = waiting.capture
    if waiting.incomplete or capture.request.truncated or capture.response.truncated:
        return Reason.TRUNCATED
    return Reason.DECODE_ERROR if exchange.decode_error else None


def _counting(judged: Sequence[Judgement], texts: Sequence[Record], fresh: frozenset[int]) -> Iterator[Judgement]:
    """Yield the judgements; what the budget left out of history is not missed: the exchange that brought it counted it."""
    for record, judgement in zip(texts, judged, strict=True):
        if judgement.skipped == Skip.BUDGET and record.position not in fresh:
            yield replace(judgement, skipped=None if judgement.verdicts else Skip.NOT_APPLICABLE)
        else:
            yield judgement


def _doubted(judged: dict[str, list[Judgement]]) -> bool:
    return any(judgement.skipped == Skip.OVERLOAD for judgements in judged.values() for judgement in judgements)


def _split(judged: dict[str, list[Judgement]], outcomes: Sequence[Outcome]) -> Iterator[dict[str, list[Judgement]]]:
    """Yield each exchange's part of a batch's judgements."""
    at = 0
    for outcome in outcomes:
        end = at + len(outcome.records)
        yield {name: judgements[at:end] for name, judgements in judged.items()}
        at = end
