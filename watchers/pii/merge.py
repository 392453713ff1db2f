"""From findings that overlap to spans that do not: one type for each character."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from watchers.pii.national import LABELS as NATIONAL
from watchers.watcher import Span

# A checksum or an unmistakable form settles what a number is; after it the shapes; last what is only marked.
_SETTLED: Final = frozenset(
    {"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "CRYPTO", "IP_ADDRESS", "MAC_ADDRESS", *NATIONAL}
)
_WEAK: Final = frozenset({"URL", "USERNAME", "ZIP_CODE", "SWIFT_CODE", "BANK_NUMBER"})
_TAG_RANK: Final = 3  # after every pattern
# Parts of one thing that two finders saw: their union is the span.
_UNITED: Final = frozenset({"STREET_ADDRESS", "URL"})


def merged(patterns: Iterable[Span], tags: Iterable[Span] = ()) -> list[Span]:
    """Return spans in order, none overlapping: patterns before tags, the surest kind first, then the longest."""
    ranked = [(_rank(span), span) for span in patterns] + [(_TAG_RANK, span) for span in tags]
    ranked.sort(key=lambda pair: (pair[0], pair[1].start - pair[1].end, -pair[1].score, pair[1].start, pair[1].label))
    starts: list[int] = []
    taken: list[Span] = []
    for _, span in ranked:
        if span.end > span.start:
            _place(starts, taken, span)
    return taken


def _rank(span: Span) -> int:
    if span.label in _SETTLED:
        return 0
    return 2 if span.label in _WEAK else 1


def _place(starts: list[int], taken: list[Span], span: Span) -> None:
    at = bisect_left(starts, span.start)
    first = at - 1 if at and taken[at - 1].end > span.start else at
    last = bisect_left(starts, span.end)
    overlapped = taken[first:last]
    if overlapped:
        if span.label not in _UNITED or any(other.label != span.label for other in overlapped):
            return
        ends = [other.end for other in overlapped]
        score = max(span.score, *(other.score for other in overlapped))
        span = Span(min(span.start, overlapped[0].start), max(span.end, *ends), span.label, score)
    starts[first:last] = [span.start]
    taken[first:last] = [span]
