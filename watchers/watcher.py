"""The one interface of all watchers, and the nouns that cross it.

A watcher reads a batch of records (the texts of one or more exchanges) and gives one judgement for
each, in order. It is synchronous, does no I/O, reads no clock and keeps no state that a verdict depends on,
so that the same records give the same verdicts in any batch, order or process. Timing, error
counting and batching live outside, in one wrapper, and never in a watcher.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class WatcherError(Exception):
    """A watcher cannot be had as it was asked for: the start stops, a reload goes on with the old one.

    Carries what the configuration should change: the watcher's name, the problem and the remedy.
    """

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"watcher {name!r}: {problem}; {remedy}")
        self.name, self.problem, self.remedy = name, problem, remedy


class Role(StrEnum):
    """Who speaks, in the vocabulary of the chat APIs (developer counts as system, function as tool)."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Direction(StrEnum):
    """Which way a text travels: `prompt` towards the model, `completion` from it."""

    PROMPT = "prompt"
    COMPLETION = "completion"


class Origin(StrEnum):
    """Where in the exchange a text stood; finer than the role."""

    SYSTEM = "system"
    USER = "user"
    HISTORY = "history"  # an assistant turn replayed in the prompt
    TOOL_RESULT = "tool_result"  # a tool's answer or a retrieved document inside the prompt
    TOOL_CALL = "tool_call"  # arguments that the model wrote
    COMPLETION = "completion"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    UNKNOWN = "unknown"  # text found in a body of unknown format


@dataclass(frozen=True, slots=True)
class Record:
    """One text of one exchange.

    `exchange` groups the records of one exchange; `position` is the text's place in it (0-based, in
    wire order). `fresh` is False for turns that an earlier exchange of the conversation already carried:
    those need not be judged again where a cache holds their verdict. `budget_tokens` is what models may read of it out of
    the exchange's budget (`watchers.budget`); None: all of it, 0: nothing.
    """

    exchange: str
    position: int
    text: str
    role: Role
    origin: Origin
    direction: Direction
    fresh: bool = True
    budget_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Evidence: characters `start` to `end` (exclusive) of the record's original text."""

    start: int
    end: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One label's calibrated probability for one record. `score` is in [0, 1]."""

    watcher: str
    label: str
    score: float
    threshold: float
    flagged: bool
    model: str  # hash of the pack, or the version of the rules, that judged
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one watcher says of one record: verdicts, or why it did not look.

    `skipped` is None for a record that was judged in full; otherwise a short reason
    from a closed list (`Skip`). A judgement may hold both: verdicts on the part that was read
    and the reason why the rest was not.
    """

    verdicts: tuple[Verdict, ...] = ()
    skipped: str | None = None
    screen: "Screen | None" = None  # what the first stage said, where one was asked
    whole: bool = True  # False: what the first stage cleared was not read by the full encoder


class Screen(StrEnum):
    """What the first stage said of a text, and whether the full encoder, where it read it, flagged it all the same."""

    CLEARED = "cleared"
    DOUBTED = "doubted"
    CAUGHT = "caught"  # doubted, and flagged
    MISSED = "missed"  # cleared, and flagged


class Skip(StrEnum):
    """Why a record, or the rest of it, was not judged: the closed list behind the coverage ledger."""

    NOT_APPLICABLE = "not_applicable"  # the watcher does not read this role or direction
    EMPTY = "empty"
    BUDGET = "budget"  # past the token budget of the exchange
    UNSUPPORTED_LANGUAGE = "unsupported_language"
    OVERLOAD = "overload"
    MODEL_UNAVAILABLE = "model_unavailable"  # the graph runs on a server that does not answer
    ERROR = "error"


@runtime_checkable
class Watcher(Protocol):
    """Judges records in batches.

    `labels` maps each label to its threshold; every judged record gets one verdict per label.
    Labels of watchers that only find things (patterns) score 0.0 where nothing was found. A watcher may say
    `by_text = True`: a record's judgement hangs on its text, role, origin, direction and budget alone, and may be remembered.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, float]: ...

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record, in order. Must not raise on any text."""
        ...
