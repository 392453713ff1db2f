"""From findings that overlap to spans that do not: one type for each character, and one span for each address."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from watchers.pii.national import LABELS as NATIONAL
from watchers.pii.places import TOWN
from watchers.watcher import Span

# A checksum or an unmistakable form settles what a number is; after it the shapes; last what is only marked.
_SETTLED: Final = frozenset(
    {"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "CRYPTO", "IP_ADDRESS", "MAC_ADDRESS", *NATIONAL}
)
_WEAK: Final = frozenset({"URL", "USERNAME", "ZIP_CODE", "SWIFT_CODE", "BANK_NUMBER"})
_TAG_RANK: Final = 3  # after every pattern
_TOWN_RANK: Final = 4  # the pattern only guesses that what follows an address is a town: a tag knows better
_ADDRESS: Final = "STREET_ADDRESS"
_GAP: Final = (
    8  # characters between two pieces of one address: a comma, a line's end, an indent or a quoted line's mark
)
_STREET_LETTERS: Final = 5  # more than a postal code's
_SEPARATORS: Final = frozenset(" \t\r\n,;>?")
# Parts of one thing that two finders saw: their union is the span.
_UNITED: Final = frozenset({"STREET_ADDRESS", "URL"})


def merged(patterns: Iterable[Span], tags: Iterable[Span] = (), text: str = "") -> list[Span]:
    """Return spans in order, none overlapping: patterns before tags, the surest kind first, then the longest.

    `text` is what the spans are of: with it the pieces of an address that only separators part become one span.
    """
    ranked = [(_rank(span), span) for span in patterns] + [(_TAG_RANK, span) for span in tags]
    ranked.sort(key=lambda pair: (pair[0], pair[1].start - pair[1].end, -pair[1].score, pair[1].start, pair[1].label))
    starts: list[int] = []
    taken: list[Span] = []
    for rank, span in ranked:
        parts = _beside_others(starts, taken, span, text) if rank == _TAG_RANK and span.label == _ADDRESS else [span]
        for part in parts:
            if part.end > part.start:
                _place(starts, taken, part, text)
    return _joined(taken, text)


def _overlapped(starts: list[int], taken: list[Span], span: Span) -> slice:
    at = bisect_left(starts, span.start)
    return slice(at - 1 if at and taken[at - 1].end > span.start else at, bisect_left(starts, span.end))


def _beside_others(starts: list[int], taken: list[Span], span: Span, text: str) -> list[Span]:
    """What is left of a tagged address beside what a pattern knows better: a telephone number in its next line."""
    parts, at = [], span.start
    for other in taken[_overlapped(starts, taken, span)]:
        if other.label != span.label:
            parts.append((at, other.start))
            at = other.end
    if not parts:
        return [span]
    parts.append((at, span.end))
    parts = [(start, end) for start, end in parts if any(map(str.isdigit, text[start:end]))]  # `IBAN` is no street
    return [_stripped(replace(span, start=start, end=end), text) for start, end in parts if end > start]


def _stripped(span: Span, text: str) -> Span:
    start, end = span.start, span.end
    while start < end and text[start : start + 1] in _SEPARATORS:
        start += 1
    while start < end and text[end - 1 : end] in _SEPARATORS:
        end -= 1
    return replace(span, start=start, end=end)


def _joined(spans: list[Span], text: str) -> list[Span]:
    """Join an address with the pieces that follow it; a guessed town that follows none is dropped."""
    joined: list[Span] = []
    for span in spans:
        before = joined[-1] if joined else None
        part = span.label in (_ADDRESS, TOWN)
        follows = before and before.label == _ADDRESS and _apart_by_separators(text, before.end, span.start)
        if part and before and follows and not _begins_another(text[span.start : span.end]):
            joined[-1] = replace(before, end=span.end, score=max(before.score, span.score))
        elif span.label != TOWN:
            joined.append(span)
    return joined


def _begins_another(piece: str) -> bool:
    """A house number and a street: the next address of a list, not the rest of this one."""
    return piece[:1].isdigit() and " " in piece and sum(map(str.isalpha, piece)) >= _STREET_LETTERS


def _apart_by_separators(text: str, start: int, end: int) -> bool:
    return end - start <= _GAP and _SEPARATORS.issuperset(text[start:end]) and len(text) >= end


def _rank(span: Span) -> int:
    if span.label in _SETTLED:
        return 0
    if span.label == TOWN:
        return _TOWN_RANK
    return 2 if span.label in _WEAK else 1


def _place(starts: list[int], taken: list[Span], span: Span, text: str) -> None:
    place = _overlapped(starts, taken, span)
    overlapped = taken[place]
    if overlapped:
        label = "LOCATION" if span.label == TOWN else span.label
        if (label not in _UNITED and span.label != TOWN) or any(other.label != label for other in overlapped):
            return
        start = overlapped[0].start
        if span.start < start and not _leads_elsewhere(text[span.start : start]):
            start = span.start
        end = max(span.end, *(other.end for other in overlapped))
        span = Span(start, end, label, max(span.score, *(other.score for other in overlapped)))
    starts[place] = [span.start]
    taken[place] = [span]


def _leads_elsewhere(lead: str) -> bool:
    """What stands before an address, in the line above or behind a comma, is whose it is."""
    return "\n" in lead or "," in lead
