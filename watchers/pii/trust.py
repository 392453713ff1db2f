"""Which of the pack's tags to believe: a model sees telephone numbers in sums and addresses in house numbers alone.

What is written in digits must look like what the tag says and be the whole of what stands there; a piece of an address counts only
beside another piece.
"""

import re
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
_LONGEST: Final = 48  # characters that a number may go on with at either end: more is no number
_JOINTS: Final = frozenset("-./_:")
_CODE: Final = pattern(r"^[A-Za-z]{3,}[-_:]|^[0-9a-f]{8,}$")  # what a number is for ("ORD-00840"), or a hash
_CATALOGUED: Final = pattern(r"^97[89]-\d{1,5}-")  # ISBN
_SPACED_DATE: Final = pattern(r"^\d{1,2} \d{1,2} (?:19|20)\d\d$")
_MIXED_DIGITS: Final = 4  # of an id with capitals
_NO_STREET: Final = pattern(r"(?i)\b(?:gate|seat|flight|row|terminal|platform)\b")
# No house has such a number: money, a term of a sum, a part of a larger number before it; a measure or the sum's next sign after it.
_COUNTS_BEFORE: Final = pattern(r"(?:[$=*+<>\xa3\xd7] ?|\d[.,])$")
_COUNTS_AFTER: Final = pattern(
    r"(?i)^(?:[.,]\d| ?(?:[=*+%<>\xb0\xd7]|(?:x|by) \d|(?:sq(?:uare)?|cubic|ft|feet|foot|inch(?:es)?|[ckm]m|(?-i:m|g)|met(?:er|re)s?"
    r"|yards|miles|[km]g|lbs?|floors?|stor(?:ies|eys)|years?|months?|weeks?|days?|hours?|minutes?|uhr|pp|bce?|ce)\b))"
)
_DIGITS: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W\d_]{2,}|[^\W\d_a-zA-Z]")
# Words beside which a number is no address: of streets there must be another one.
_NAMELESS: Final = re.compile(
    r"a|about|ab|and|answer|are|as|at|because|bc|bce|by|ce|chapter|class|cm|each|equals|far|fährt|feet|find|floor|floors|for"
    r"|from|ft|grade|has|have|he|how|if|in|inch|inches|is|it|km|kg|line|long|m|measure|measures|metres|meters|mm|of|on|only"
    r"|or|over|page|part|pier|pp|port|root|route|section|she|so|square|step|take|takes|than|that|the|then|they|this|to|total"
    r"|uhr|um|und|under|von|was|were|what|when|will|with|yards",
    re.IGNORECASE,
)


def trusted(text: str, tags: Sequence[Span], patterns: Sequence[Span]) -> list[Span]:
    """Return the tags to believe, in order, a date of birth as a date: that it is one of birth only words can say."""
    whole = (_whole_number(text, tag) if tag.label in ("PHONE_NUMBER", "ID_NUMBER") else tag for tag in tags)
    kept = [
        _dated(tag) for tag in whole if _believable(text[tag.start : tag.end], tag.label) and not _numbered(text, tag)
    ]
    anchors = sorted(
        (span for span in (*kept, *patterns) if span.label in ("STREET_ADDRESS", "LOCATION")),
        key=lambda span: span.start,
    )
    starts = [span.start for span in anchors]
    return [tag for tag in kept if tag.label != "STREET_ADDRESS" or _address(text, tag, anchors, starts)]


def _whole_number(text: str, tag: Span) -> Span:
    """Return it with what letters, digits and joints go on with at either end: a part of a number is none."""
    start, end = tag.start, tag.end
    while (
        start > 0
        and tag.start - start < _LONGEST
        and (text[start - 1].isalnum() or (start > 1 and _joins(text[start - 2 : start + 1])))
    ):
        start -= 1
    while end < len(text) and end - tag.end < _LONGEST and (text[end].isalnum() or _joins(text[end - 1 : end + 2])):
        end += 1
    return Span(start, end, tag.label, tag.score)


def _numbered(text: str, tag: Span) -> bool:
    """Say whether it is the number of a line or a source: "[66792839] done in 7 ms"."""
    return tag.label == "PHONE_NUMBER" and text[tag.start - 1 : tag.start] == "[" and text.startswith("]", tag.end)


def _joins(three: str) -> bool:
    return len(three) == 3 and three[1] in _JOINTS and three[0].isalnum() and three[2].isalnum()


def _dated(tag: Span) -> Span:
    return Span(tag.start, tag.end, "DATE_TIME", tag.score) if tag.label == "DATE_OF_BIRTH" else tag


def _believable(value: str, label: str) -> bool:
    digits, raw = sum(map(str.isdigit, value)), value.encode("latin-1", "replace")
    if label == "PHONE_NUMBER":
        least, most = _PHONE_DIGITS
        other = _CATALOGUED.search(raw) or _SPACED_DATE.search(raw)
        return least <= digits <= most and not other and _PHONE.search(raw.strip()) is not None
    if label == "ID_NUMBER":
        return _id(value, raw, digits)
    if label in ("DATE_TIME", "DATE_OF_BIRTH"):
        return digits >= _DATE_DIGITS or sum(map(str.isalpha, value)) >= 3
    return True


def _id(value: str, raw: bytes, digits: int) -> bool:
    if len(value) >= _LONGEST or any(sign in value for sign in "=*+<>"):
        return False
    if not value.isdigit() and (_CODE.search(raw) or _CATALOGUED.search(raw)):
        return False
    return digits >= (_MIXED_DIGITS if any(map(str.isupper, value)) else _ID_DIGITS)


def _address(text: str, tag: Span, anchors: Sequence[Span], starts: Sequence[int]) -> bool:
    """Say whether it is whole (a number and a name), becomes whole with a piece beside it, or is a town's postal code."""
    if _whole(text, tag.start, tag.end):
        return not _NO_STREET.search(text[tag.start : tag.end].encode("latin-1", "replace"))
    first, last = bisect_left(starts, tag.start - _REACH), bisect_left(starts, tag.end + _GAP + 1)
    for other in anchors[first:last]:
        beside = -_GAP <= other.start - tag.end <= _GAP or -_GAP <= tag.start - other.end <= _GAP
        if not beside or other == tag:
            continue
        if other.label == "LOCATION":
            if sum(map(str.isdigit, text[tag.start : tag.end])) >= _POSTAL_DIGITS:
                return True
        elif _whole(text, min(tag.start, other.start), max(tag.end, other.end)):
            return True
    return False


def _whole(text: str, start: int, end: int) -> bool:
    """Say whether there is a number that could be a house's, and a word that could be a street's."""
    value = text[start:end]
    return (
        len(value) >= _LEAST_CHARS
        and any(not _NAMELESS.fullmatch(word) for word in _WORD.findall(value))
        and any(
            _of_a_house(text, start + at, start + after) for at, after in map(re.Match.span, _DIGITS.finditer(value))
        )
    )


def _of_a_house(text: str, start: int, end: int) -> bool:
    before, after = (
        part.encode("latin-1", "replace") for part in (text[max(0, start - 2) : start], text[end : end + 12])
    )
    return not _COUNTS_BEFORE.search(before) and not _COUNTS_AFTER.search(after)
