"""Dates; a date of birth where a word announces it."""

from collections.abc import Iterator
from typing import Final

from watchers.pii.page import Finding, Page
from watchers.view import pattern

_MONTH: Final = (
    r"(?i:jan(?:uary|uar|vier|eiro)?|feb(?:ruary|ruar|braio)?|fev(?:rier|ereiro)?|mar(?:ch|s|zo|co)?|ma(?:rz|art)|apr(?:il|ile)?|avr(?:il)?|"
    r"abr(?:il)?|may|mai|mayo|maio|maggio|mei|june?|juni|juin|junio|junho|giugno|july?|juli|juil(?:let)?|julio|julho|luglio|"
    r"aug(?:ust|ustus)?|aout|ago(?:sto)?|sep(?:t|tember|tembre|tiembre)?|set(?:embro|tembre)?|oct(?:ober|obre)?|okt(?:ober)?|"
    r"out(?:ubro)?|ott(?:obre)?|nov(?:ember|embre|iembre|embro)?|dec(?:ember|embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?|"
    r"enero|febrero|janv|gennaio|gen)"
)
_TIME: Final = r"(?:(?:T|,? (?:at )?)[0-2]?\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)? ?(?:(?i:am|pm)|Z|[+-]\d\d:?\d\d)?)?"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_MON: Final = r"(?:0?[1-9]|1[0-2])"
_YEAR: Final = r"(?:1[89]|20)\d\d"
_DATE: Final = pattern(
    rf"\b(?:{_YEAR}-{_MON}-{_DAY}{_TIME}|{_YEAR}/{_MON}/{_DAY}{_TIME}|{_YEAR}\.{_MON}\.{_DAY}{_TIME}|"
    rf"{_DAY}([./-]){_DAY}[./-](?:{_YEAR}|\d\d){_TIME}|"
    rf"{_DAY}(?:st|nd|rd|th|\.|er|o|º)?[ -](?:of |de |de l'|d')?{_MONTH}\b\.?(?:,? |-|/| de | del )(?:{_YEAR}|'\d\d){_TIME}|"
    rf"{_MONTH}\b\.?[ -]{_DAY}(?:st|nd|rd|th)?(?:,? |-)(?:{_YEAR}|'\d\d){_TIME}|"
    rf"{_YEAR}[ -]{_MONTH}[ -]{_DAY})\b"
)
_DAY_AND_MONTH: Final = pattern(
    rf"\b(?:{_DAY}(?:st|nd|rd|th|\.)? (?:of |de )?{_MONTH}|{_MONTH} {_DAY}(?:st|nd|rd|th)?)\b"
)
_COMPACT: Final = pattern(
    rf"\b(?:{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2]){_YEAR}|"
    rf"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))\b"
)
_EAST_ASIAN: Final = pattern(rf"\b{_YEAR}\xc0 ?{_MON}\xc0 ?{_DAY}\xc0")
_MIN_DIGITS: Final = 3


def find_dates(page: Page) -> Iterator[Finding]:
    birth = "birth" in page.topics
    if page.digits < (1 if birth else _MIN_DIGITS):
        return
    data = page.data
    for match in _DATE.finditer(data):
        start, end = match.span()
        while data[end - 1 : end] == b" ":
            end -= 1
        if page.isolated(start, end):
            near = birth and page.near("birth", start, end, before=40, after=12)
            yield Finding(start, end, "DATE_OF_BIRTH" if near else "DATE_TIME", 0.9 if near else 0.7)
    if b"\xc0" in data:
        for start, end in page.matches(_EAST_ASIAN):
            near = birth and page.near("birth", start, end, before=20, after=10)
            yield Finding(start, end, "DATE_OF_BIRTH" if near else "DATE_TIME", 0.9 if near else 0.7)
    if birth:
        yield from _birthdays(page)


def _birthdays(page: Page) -> Iterator[Finding]:
    """What is too short to be called a date elsewhere: "born on May 3rd", "DOB 19840503"."""
    for regex, before, score in ((_DAY_AND_MONTH, 24, 0.75), (_COMPACT, 24, 0.75)):
        for start, end in page.matches(regex):
            if page.near("birth", start, end, before=before, after=0) and page.isolated(start, end):
                yield Finding(start, end, "DATE_OF_BIRTH", score)
