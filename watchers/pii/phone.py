# ruff: noqa: E501 (a pattern is read whole)
"""Telephone numbers: an international prefix, a national format, or a word that announces them.

The patterns find what looks like one; the `phonenumbers` library says whether a country's plan knows it. It is asked about at most
`_ASKED` candidates a text (about 25 microseconds each): past that the format and the words decide alone.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import phonenumbers

from watchers.pii.page import Finding, Page
from watchers.pii.topics import TOPICS
from watchers.view import pattern

_EXTENSION: Final = r"(?: {0,2}(?i:x|ext\.?|extension|#|durchwahl|poste) {0,2}\d{1,6})?"
_NUMBER: Final = pattern(rf"(?:\+ ?|\(\+?)?\d\)?(?:(?: ?[()./-]{{0,2}} ?| - )\(?\d\)?){{6,}}{_EXTENSION}")
_TIGHT: Final = pattern(r"\+?\d(?:[().-]{0,2}\d){6,14}")
_NORTH_AMERICAN: Final = pattern(
    r"^(?:(?:\+|00)?1[ .-]{0,3})?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?:\D{1,12}\d{1,6})?$"
)
_FORMATTED: Final = pattern(
    r"^(?:(?:\+|00)\d{1,3}[ .-]?)?(?:\(0?\d{1,4}\) ?\d{2,4}[ .-]?\d{2,5}(?:[ .-]?\d{2,4})?|\d{3}[.-]\d{3}[.-]\d{4})(?: {0,2}\D{1,9}\d{1,6})?$"
)
_TRUNK: Final = pattern(r"^0\d{1,5}[ /-]\d{2,8}(?:[ -]\d{2,6}){0,4}$")
_DATE: Final = pattern(r"^(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))(?: \d{1,4})*$")
_YEARS: Final = pattern(r"^(?:1[89]|20)\d\d ?[-/] ?(?:1[89]|20)?\d\d$")
_DOTTED: Final = pattern(r"^\d{1,3}(?:\.\d{1,3}){3}$|^\d+\.\d+$")
_SSN_SHAPED: Final = pattern(r"^\d{3}-\d{2}-\d{4}$")
_THOUSANDS: Final = pattern(r"^\d{1,3}(?:[ .]\d{3})+$")
_SUM: Final = pattern(r"^\d+ ?[-/] \d+$|^\d+ [-/] ?\d+$|^\d{4,}[-/]\d{3,4}$|^\d{2}00-\d{2}[0-5]0$")
_OTHERS: Final = TOPICS.keys() - {
    "phone",
    "phone_kind",
    "address",
    "website",
    "username",
    "gps",
    "zip",
    "driver",
    "birth",
}
_OTHER_BEFORE: Final = 24
_ASKED: Final = 64
_MIN_DIGITS: Final = 7
_MAX_DIGITS: Final = 15
_MAX_CHARS: Final = 48
# Plans tried for a number without a country code, the largest first; `countries` replaces them.
COUNTRIES: Final = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "BR", "AU", "NL", "JP")
_ASSIGNED: Final = b"=$\x80#*<>"  # before a bare number these make it an amount or a value


class Phones:
    """Finds telephone numbers by the plans of `countries` (ISO 3166 codes, tried in order)."""

    def __init__(self, countries: Sequence[str] = COUNTRIES) -> None:
        self._countries = tuple(countries)

    def find(self, page: Page) -> Iterator[Finding]:
        if page.digits < _MIN_DIGITS or not page.numeric:
            return
        asked = 0
        for start, end in self._candidates(page):
            start, end = _trimmed(page.data, start, end)
            if not _plausible(page, start, end):
                continue
            asked += 1
            score = self._score(page, start, end, asked <= _ASKED)
            if score:
                yield Finding(start, end, "PHONE_NUMBER", score)

    def _candidates(self, page: Page) -> Iterator[tuple[int, int]]:
        """Runs of digits; one that is too long for a number is a list of numbers, parted by blanks."""
        for start, end in page.matches(_NUMBER):
            if end - start <= _MAX_CHARS:
                yield start, end
            else:
                yield from (match.span() for match in _TIGHT.finditer(page.data, start, end))

    def _score(self, page: Page, start: int, end: int, ask: bool) -> float:
        text = page.text(start, end)
        announced = page.near("phone", start, end, before=40, after=14) or page.near("phone_kind", start, end, 0, 14)
        if text.startswith(("+", "(+")):
            return self._international(text, announced, ask)
        if text.startswith("00"):
            known = ask and _known("+" + text[2:], ())
            return 0.9 if known or announced else 0.0
        return self._national(page, start, text, announced, ask)

    def _international(self, text: str, announced: bool, ask: bool) -> float:
        if ask and _known(text, ()):
            return 0.97
        digits = sum(char.isdigit() for char in text)
        grouped = any(char in " -.()" for char in text)
        if digits < 9 and not announced:
            return 0.0
        return 0.8 if announced or grouped else 0.6

    def _national(self, page: Page, start: int, text: str, announced: bool, ask: bool) -> float:
        if not announced and any(
            page.near(topic, start, start, _OTHER_BEFORE, 0) for topic in page.topics.keys() & _OTHERS
        ):
            return 0.0  # "NHS number 943 476 5918": a mistyped one is not a telephone number either
        encoded = text.encode("latin-1")
        if _NORTH_AMERICAN.search(encoded):
            return 0.9 if announced else 0.75
        known = ask and _known(text, self._countries)
        if announced:
            return 0.9 if known else _announced_score(text)
        if _THOUSANDS.search(encoded) or _SSN_SHAPED.search(encoded):
            return 0.0
        if _FORMATTED.search(encoded):
            return 0.65 if known or text.count("-") == 2 or text.count(".") == 2 or text.startswith("(") else 0.0
        if known and _TRUNK.search(encoded) and page.data[max(0, start - 1) : start] not in _ASSIGNED:
            return 0.6
        return 0.0


def _announced_score(text: str) -> float:
    """A number that no plan knows: a word announces it, so its shape must only not be another's."""
    digits = sum(char.isdigit() for char in text)
    if digits == len(text) and digits not in (7, 8, 9, 10, 11, 12):
        return 0.0
    return 0.7


def _trimmed(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Leave out a closing bracket without its opening one, and the reverse."""
    if data[end - 1] == 41 and data[start:end].count(b"(") < data[start:end].count(b")"):
        end -= 1
    if data[start] == 40 and b")" not in data[start:end]:
        start += 1
    return start, end


def _plausible(page: Page, start: int, end: int) -> bool:
    text = page.data[start:end]
    digits = sum(48 <= byte <= 57 for byte in text.split(b"x")[0])
    if not _MIN_DIGITS <= digits <= _MAX_DIGITS + 3 or not page.isolated(start, end):
        return False
    if (start and page.data[start - 1] in b"$%&=\xa3*^~") or page.data[end : end + 1] in (b"%", b"*", b"=", b"^"):
        return False
    if page.data[end : end + 2] == b" =" or b"isbn" in page.lower[max(0, start - 12) : start]:
        return False
    return not (_SUM.search(text) or _DATE.search(text) or _YEARS.search(text) or _DOTTED.search(text))


@lru_cache(maxsize=1024)
def _known(text: str, countries: tuple[str, ...]) -> bool:
    """Say whether the plan of the number's own country code, or of one of the countries, holds it."""
    for country in countries or (None,):
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, country)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
