"""What is known of one exchange in the end: the noun that every sink gets.

Coverage is decided here: each exchange and watcher ends in exactly one state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sidecar.wire.capture import Capture
from sidecar.wire.exchange import Exchange
from watchers.watcher import Judgement, Record, Skip, Verdict


class State(StrEnum):
    CLEAN = "clean"
    FLAGGED = "flagged"
    SCREENED = "screened"  # nothing found, and part of it or all was cleared by the first stage alone
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why an exchange counts as skipped, beside the watchers' own `Skip`."""

    TRUNCATED = "truncated"  # the capture holds only part of a body
    DECODE_ERROR = "decode_error"
    UNKNOWN_FORMAT = "unknown_format"  # and the configuration says to count such exchanges only
    NO_TEXT = "no_text"  # nothing to read: a list of models, an embedding of numbers, an error


@dataclass(frozen=True, slots=True)
class Coverage:
    """One watcher's state for one exchange; `reason` is empty unless skipped."""

    state: State
    reason: str = ""

    def key(self, watcher: str) -> str:
        """Return the ledger's key."""
        return f"{watcher}\0{self.state}\0{self.reason}"


@dataclass(frozen=True, slots=True)
class Cost:
    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`judgements` holds for each watcher one judgement a record, in order."""

    capture: Capture
    exchange: Exchange
    records: tuple[Record, ...] = ()
    judgements: Mapping[str, Sequence[Judgement]] = field(default_factory=dict)
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cost: Cost | None = None
    price_missing: bool = False
    incomplete: str | None = None  # why the worker did not hand over all of it
    unread: str | None = None  # why the watchers did not get all of its text
    fresh: frozenset[int] = frozenset()  # positions of the records that no earlier exchange carried
    full: bool = True  # judged in full whatever its texts look like: an unbiased sample of the traffic

    def flags(self) -> list[tuple[Record, Verdict]]:
        """Return every flagged verdict with its record, in wire order within a watcher."""
        return [
            (record, verdict)
            for judged in self.judgements.values()
            for record, judgement in zip(self.records, judged, strict=True)
            for verdict in judgement.verdicts
            if verdict.flagged
        ]

    def output_tokens_per_second(self) -> float | None:
        """Return the rate of a stream's answer from its first token on; None where it cannot be known."""
        times, tokens = self.exchange.timings.output_chunk_seconds, self.exchange.usage.output
        if not self.exchange.stream or not tokens or len(times) < 2 or times[-1] <= times[0]:
            return None
        return tokens / (times[-1] - times[0])

    def error_type(self) -> str:
        """Return OpenTelemetry's `error.type`: the provider's, else how the exchange ended; "" when it went well."""
        if self.exchange.error is not None:
            return self.exchange.error.type
        return "" if self.capture.ending == "complete" else str(self.capture.ending)


# The gravest first: an exchange with several reasons is counted under the first that holds.
GRAVITY: Final = (Skip.ERROR, Skip.OVERLOAD, Skip.MODEL_UNAVAILABLE, Skip.UNSUPPORTED_LANGUAGE, Skip.BUDGET)
NOTHING_TO_READ: Final = (Skip.EMPTY, Skip.NOT_APPLICABLE)


def coverage(judged: Sequence[Judgement], unread: str | None) -> Coverage:
    """Return one watcher's state for one exchange: flagged, else skipped when something was not read, else clean.

    What the first stage cleared, and the full encoder did not read, makes it screened rather than clean.

    `unread` is a reason that holds for the exchange as a whole. Texts that are not the watcher's (another role, no
    characters) are not missed; an exchange that has no others was not inspected either.
    """
    if any(verdict.flagged for judgement in judged for verdict in judgement.verdicts):
        return Coverage(State.FLAGGED)
    skips = {judgement.skipped for judgement in judged}
    for reason in GRAVITY:
        if reason in skips:
            return Coverage(State.SKIPPED, reason)
    if unread is not None:
        return Coverage(State.SKIPPED, unread)
    others = skips - {None, *NOTHING_TO_READ}
    if others:  # a watcher's own reason
        return Coverage(State.SKIPPED, Skip.ERROR)
    if None in skips:
        whole = all(judgement.whole for judgement in judged)
        return Coverage(State.CLEAN if whole else State.SCREENED)
    return Coverage(State.SKIPPED, Skip.NOT_APPLICABLE if Skip.NOT_APPLICABLE in skips else Reason.NO_TEXT)
