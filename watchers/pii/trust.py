"""Which of the pack's tags to believe: a model sees telephone numbers in sums and addresses in house numbers alone.

What is written in digits must look like what the tag says; a piece of an address counts only beside another piece.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from watchers.view import pattern
from watchers.watcher import Span

_GAP: Final = 4  # characters between two pieces of one address: a comma, a line's end, an indent
_PHONE: Final = pattern(r"^[+(]{0,2}\d[\d ()./-]{5,24}\d(?: ?(?:x|ext\.?) ?\d{1,6})?$")
_PHONE_DIGITS: Final = (7, 15)
_ID_DIGITS: Final = 5
_DATE_DIGITS: Final = 4
_POSTAL_DIGITS: Final = 4
_LEAST_CHARS: Final = 6  # of an address
_REACH: Final = 200  # characters that a piece of an address may be long


def trusted(text: str, tags: Sequence[Span], patterns: Sequence[Span]) -> list[Span]:
    """Return the tags to believe, in order, a date of birth as a date: that it is one of birth only words can say."""
    kept = [_dated(tag) for tag in tags if _believable(text[tag.start : tag.end], tag.label)]
    anchors = sorted(
        (span for span in (*kept, *patterns) if span.label in ("STREET_ADDRESS", "LOCATION")),
        key=lambda span: span.start,
    )
    starts = [span.start for span in anchors]
    return [tag for tag in kept if tag.label != "STREET_ADDRESS" or _address(text, tag, anchors, starts)]


def _dated(tag: Span) -> Span:
    return Span(tag.start, tag.end, "DATE_TIME", tag.score) if tag.label == "DATE_OF_BIRTH" else tag


def _believable(value: str, label: str) -> bool:
    digits = sum(map(str.isdigit, value))
    if label == "PHONE_NUMBER":
        least, most = _PHONE_DIGITS
        return least <= digits <= most and _PHONE.search(value.strip().encode("latin-1", "replace")) is not None
    if label == "ID_NUMBER":
        return digits >= _ID_DIGITS and not any(sign in value for sign in "=*+<>")
    if label in ("DATE_TIME", "DATE_OF_BIRTH"):
        return digits >= _DATE_DIGITS or sum(map(str.isalpha, value)) >= 3
    return True


def _address(text: str, tag: Span, anchors: Sequence[Span], starts: Sequence[int]) -> bool:
    """Say whether it is whole (a number and a name), becomes whole with a piece beside it, or is a town's postal code."""
    if _whole(text[tag.start : tag.end]):
        return True
    first, last = bisect_left(starts, tag.start - _REACH), bisect_left(starts, tag.end + _GAP + 1)
    for other in anchors[first:last]:
        beside = -_GAP <= other.start - tag.end <= _GAP or -_GAP <= tag.start - other.end <= _GAP
        if not beside or other == tag:
            continue
        if other.label == "LOCATION":
            if sum(map(str.isdigit, text[tag.start : tag.end])) >= _POSTAL_DIGITS:
                return True
        elif _whole(text[min(tag.start, other.start) : max(tag.end, other.end)]):
            return True
    return False


def _whole(value: str) -> bool:
    return len(value) >= _LEAST_CHARS and any(map(str.isdigit, value)) and any(map(str.isalpha, value))
