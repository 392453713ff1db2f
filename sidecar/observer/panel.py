"""The one wrapper of all watchers: timing, errors, counting and a circuit breaker; a watcher contains none of them.

A watcher that raises, or answers with something other than one judgement a record, costs the exchange one
`skipped/error` and nothing else: its batch is repeated exchange by exchange, so that one text cannot hide the others.
One that goes on failing, batch after batch, is left alone for a while, twice as long each time.

A conversation carries its history in every exchange. Watchers that judge each text by itself say so (`by_text`); their
judgements are remembered by the text's content, so that the history costs its hashes.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby

import structlog

from sidecar.observer.circuit import Circuit
from sidecar.observer.instruments import Instruments
from sidecar.where import where
from watchers.watcher import Judgement, Record, Skip, Watcher

log = structlog.get_logger(__name__)

ERRORS = Judgement(skipped=Skip.ERROR)
REMEMBERED = 4_096  # judgements of one watcher, 0.2 to 1 KB each; some 40 conversations of 100 turns
PASSING = (Skip.ERROR, Skip.OVERLOAD, Skip.MODEL_UNAVAILABLE)  # says nothing of the text

Key = tuple[bytes, str, str, str, int | None]


class WrongAnswerError(Exception):
    """A watcher broke its contract: another number of judgements, or a score that is no probability."""


class Memory:
    """The last judgements by what was judged; `whole` asks for those alone that rest on no first stage."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Judgement] = OrderedDict()

    def get(self, key: Key, whole: bool) -> Judgement | None:
        found = self._known.get(key)
        if found is None or (whole and not found.whole):
            return None
        self._known.move_to_end(key)
        return found

    def put(self, key: Key, judgement: Judgement) -> None:
        if judgement.skipped in PASSING:
            return
        self._known[key] = judgement
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def key_of(record: Record) -> Key:
    """Return what a judgement by text hangs on."""
    digest = blake2b(record.text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return digest, record.role, record.origin, record.direction, record.budget_tokens


class Guarded:
    """One watcher, guarded."""

    def __init__(self, watcher: Watcher, instruments: Instruments) -> None:
        self.watcher, self._instruments = watcher, instruments
        self._circuit = Circuit()
        self._logged: set[str] = set()
        self._memory = Memory() if getattr(watcher, "by_text", False) else None

    @property
    def resting(self) -> bool:
        return self._circuit.is_open(time.monotonic())

    def judge(self, records: Sequence[Record], keys: Sequence[Key], whole: bool) -> list[Judgement]:
        """Return one judgement a record, whatever the watcher does. `keys`: `key_of` each."""
        if self._memory is None:
            return self._watched(records)
        known = [self._memory.get(key, whole) for key in keys]
        new = [at for at, judgement in enumerate(known) if judgement is None]
        for at, judgement in zip(new, self._watched([records[at] for at in new]) if new else [], strict=True):
            known[at] = judgement
            self._memory.put(keys[at], judgement)
        return [judgement for judgement in known if judgement is not None]

    def _watched(self, records: Sequence[Record]) -> list[Judgement]:
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

    def judge(self, records: Sequence[Record], whole: bool = True) -> dict[str, list[Judgement]]:
        """Return each watcher's judgements, one a record, in order; `whole`: none from memory that rests on less."""
        keys = [key_of(record) for record in records]
        return {
            guarded.watcher.name: guarded.judge(records, keys, whole) if records else [] for guarded in self._guarded
        }
