"""The watcher `rules`: what an operator can say in one line each. Terms, patterns, lengths, languages, schemas.

Every rule is a label of its own. A rule reads the origins and directions that it names, all of them by default, and
scores 1 where it is broken.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import re2

from watchers.language import UNKNOWN, language_of
from watchers.options import options_of
from watchers.registry import Order
from watchers.schema import Schema, SchemaError
from watchers.verdicts import Verdicts
from watchers.view import pattern, view
from watchers.watcher import Direction, Judgement, Origin, Record, Skip, Span, WatcherError

VERSION: Final = "rules-1"
_THRESHOLD: Final = 0.5
_BROKEN: Final = 1.0
_SPANS: Final = 100  # of one rule in one text
_SHARE: Final = 0.5  # of a text in another language
Found = Callable[[str], Iterator[tuple[int, int]]]

OriginName = Literal[
    "system", "user", "history", "tool_result", "tool_call", "completion", "reasoning", "refusal", "unknown"
]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: exactly one of the conditions; `label` names it in metrics and logs."""

    label: str
    terms: tuple[str, ...] = ()  # whole words or phrases, in any case, accents and look-alike forms folded
    pattern: str | None = None  # RE2
    max_chars: int | None = None
    min_chars: int | None = None
    languages: tuple[str, ...] = ()  # the only ones allowed, ISO 639
    json_schema: dict[str, object] | None = None  # that the text must meet; for origin tool_call: the arguments
    origins: tuple[OriginName, ...] = ()
    direction: Literal["prompt", "completion"] | None = None


class RulesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher in the configuration."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ready:
    label: str
    find: Found
    origins: frozenset[Origin]
    direction: Direction | None

    def reads(self, record: Record) -> bool:
        return record.origin in self.origins and self.direction in (None, record.direction)


class Rules:
    """Checks every rule that reads a record."""

    model = VERSION
    by_text = True

    def __init__(
        self, name: str = "rules", options: RulesOptions | None = None, thresholds: Mapping[str, float] | None = None
    ) -> None:
        """Raises WatcherError for a rule that cannot be understood."""
        self.name = name
        self._rules = [_ready(name, rule) for rule in (options or RulesOptions()).rules]
        self.labels: Mapping[str, float] = {**{rule.label: _THRESHOLD for rule in self._rules}, **(thresholds or {})}
        self._verdicts = Verdicts(name, self.model, self.labels)

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; one that no rule reads is not applicable."""
        return [self._judge(record) for record in records]

    def _judge(self, record: Record) -> Judgement:
        rules = [rule for rule in self._rules if rule.reads(record)]
        if not rules:
            return Judgement(skipped=Skip.NOT_APPLICABLE)
        spans = []
        for rule in rules:
            for _, (start, end) in zip(range(_SPANS), rule.find(record.text), strict=False):
                spans.append(Span(start, end, rule.label, _BROKEN))
        return Judgement(self._verdicts.of_spans(spans))


def _ready(name: str, rule: Rule) -> _Ready:
    given = [key for key in _CONDITIONS if getattr(rule, key) not in (None, ())]
    if len(given) != 1:
        problem = f"rule {rule.label!r} has {len(given)} conditions"
        raise WatcherError(name, problem, f"give exactly one of {', '.join(_CONDITIONS)}")
    try:
        find = _CONDITIONS[given[0]](getattr(rule, given[0]))
    except (re2.error, SchemaError) as error:
        raise WatcherError(name, f"rule {rule.label!r}, {given[0]}: {error}", "mend it") from error
    origins = frozenset(Origin(origin) for origin in rule.origins) or frozenset(Origin)
    return _Ready(rule.label, find, origins, Direction(rule.direction) if rule.direction else None)


def _terms(terms: Sequence[str]) -> Found:
    """ASCII terms on the folded text; terms of other scripts, which fold to nothing, as they stand.

    A script without spaces (a stand-in for caseless letters) ends a word of Latin letters as a space does.
    """
    folded = [term for term in terms if view(term).data.isascii() and term.strip()]
    foreign = [term.lower() for term in terms if term not in folded and term.strip()]
    words = "|".join(re2.escape(view(term).data.decode("ascii")) for term in sorted(folded, key=len, reverse=True))
    regex = pattern(rf"(?i)(?:^|[^A-Za-z0-9_\xde\xfe])({words})") if folded else None

    def find(text: str) -> Iterator[tuple[int, int]]:
        seen = view(text)
        for match in regex.finditer(seen.data) if regex else ():
            start, end = match.span(1)
            if not _in_word(seen.data[end : end + 1]):
                yield seen.original(start, end)
        lower = _lower(text) if foreign else ""
        for term in foreign:
            at = lower.find(term)
            while at >= 0:
                yield at, at + len(term)
                at = lower.find(term, at + len(term))

    return find


def _lower(text: str) -> str:
    """Small letters, each in its capital's place: a few capitals have two, and stay."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _in_word(byte: bytes) -> bool:
    return byte.isalnum() or byte in (b"_", b"\xde", b"\xfe")


def _pattern(source: str) -> Found:
    regex = re2.compile(source)

    def find(text: str) -> Iterator[tuple[int, int]]:
        clean = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate becomes one question mark
        return (match.span() for match in regex.finditer(clean) if match.end() > match.start())

    return find


def _max_chars(most: int) -> Found:
    return lambda text: iter(((most, len(text)),) if len(text) > most else ())


def _min_chars(least: int) -> Found:
    return lambda text: iter(((0, len(text)),) if len(text) < least else ())


def _languages(allowed: Sequence[str]) -> Found:
    def find(text: str) -> Iterator[tuple[int, int]]:
        language = language_of(text)
        if language.code != UNKNOWN and language.share >= _SHARE and language.code not in allowed:
            yield 0, len(text)

    return find


def _schema(schema: Mapping[str, object]) -> Found:
    ready = Schema(schema)
    return lambda text: iter(((0, len(text)),) if next(ready.problems(text), None) else ())


_CONDITIONS: Final[dict[str, Callable[[Any], Found]]] = {
    "terms": _terms,
    "pattern": _pattern,
    "max_chars": _max_chars,
    "min_chars": _min_chars,
    "languages": _languages,
    "json_schema": _schema,
}


def make(order: Order) -> Rules:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    return Rules(order.name, options_of(order, RulesOptions), order.thresholds)
