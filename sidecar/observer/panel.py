"""The one wrapper of all watchers: timing, errors, counting and a circuit breaker; a watcher contains none of them.

A watcher that raises, or answers with something other than one judgement a record, costs the exchange one
`skipped/error` and nothing else: its batch is repeated exchange by exchange, so that one text cannot hide the others.
One that goes on failing, batch after batch, is left alone for a while, twice as long each time.
"""

import math
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

import structlog

from sidecar.observer.circuit import Circuit
from sidecar.observer.instruments import Instruments
from sidecar.observer.where import where
from watchers.watcher import Judgement, Record, Skip, Watcher

log = structlog.get_logger(__name__)

ERRORS = Judgement(skipped=Skip.ERROR)


class WrongAnswerError(Exception):
    """A watcher broke its contract: another number of judgements, or a score that is no probability."""


class Guarded:
    """One watcher, guarded."""

    def __init__(self, watcher: Watcher, instruments: Instruments) -> None:
        self.watcher, self._instruments = watcher, instruments
        self._circuit = Circuit()
        self._logged: set[str] = set()

    @property
    def resting(self) -> bool:
        return self._circuit.is_open(time.monotonic())

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record, whatever the watcher does."""
        began = time.monotonic()
        if self._circuit.is_open(began):
            return [ERRORS] * len(records)
        judged, failed = self._attempt(records)
        ended = time.monotonic()
        self._circuit.failed(ended) if failed else self._circuit.succeeded()
        name = (self.watcher.name,)
        self._instruments.observe("sidewatch_watcher_duration_seconds", name, [ended - began])
        self._instruments.set("sidewatch_watcher_circuit_open", name, float(self._circuit.is_open(ended)))
        return judged

    def _attempt(self, records: Sequence[Record]) -> tuple[list[Judgement], bool]:
        """Return the judgements and whether every part of the batch failed."""
        whole = self._maybe_watch(records)
        if whole is not None:
            return whole, False
        parts = list(by_exchange(records))
        if len(parts) < 2:
            return [ERRORS] * len(records), True
        answers = [(part, self._maybe_watch(part)) for part in parts]
        judged = [judgement for part, answer in answers for judgement in answer or [ERRORS] * len(part)]
        return judged, all(answer is None for _, answer in answers)

    def _maybe_watch(self, records: Sequence[Record]) -> list[Judgement] | None:
        try:
            return checked(self.watcher.watch(records), len(records))
        except Exception as error:  # the boundary: whatever a watcher does stays here
            self._count(error)
            return None

    def _count(self, error: Exception) -> None:
        kind = type(error).__name__
        self._instruments.add("sidewatch_watcher_errors_total", (self.watcher.name, kind))
        if kind not in self._logged:
            self._logged.add(kind)
            log.error("watcher failed", watcher=self.watcher.name, error=kind, at=where(error))


def checked(judged: Sequence[Judgement], expected: int) -> list[Judgement]:
    """Return the judgements, or raise WrongAnswerError."""
    if len(judged) != expected:
        raise WrongAnswerError(f"{len(judged)} judgements, {expected} expected")
    for judgement in judged:
        for verdict in judgement.verdicts:
            if not (math.isfinite(verdict.score) and 0.0 <= verdict.score <= 1.0):
                raise WrongAnswerError(f"score {verdict.score} of {verdict.label}, a probability expected")
    return list(judged)


def by_exchange(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records of each exchange; those of one exchange stand together in a batch."""
    for _, group in groupby(records, key=lambda record: record.exchange):
        yield list(group)


class Panel:
    """All watchers that are on."""

    def __init__(self, watchers: Sequence[Watcher], instruments: Instruments) -> None:
        self._guarded = [Guarded(watcher, instruments) for watcher in watchers]

    @property
    def watchers(self) -> list[Watcher]:
        return [guarded.watcher for guarded in self._guarded]

    @property
    def resting(self) -> frozenset[str]:
        """Names of the watchers that are left alone now."""
        return frozenset(guarded.watcher.name for guarded in self._guarded if guarded.resting)

    def judge(self, records: Sequence[Record]) -> dict[str, list[Judgement]]:
        """Return each watcher's judgements, one a record, in order."""
        return {guarded.watcher.name: guarded.judge(records) if records else [] for guarded in self._guarded}
