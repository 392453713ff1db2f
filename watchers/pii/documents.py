# ruff: noqa: E501 (a pattern is read whole)
"""Papers without a public checksum: passports, driving licences, plates, policies; a word must announce them."""

from collections.abc import Iterator
from typing import Final

from watchers.pii.money import luhn
from watchers.pii.page import Finding, Page
from watchers.view import CASELESS, pattern

_BETWEEN: Final = r"[\s:#=.,\"'()-]{0,6}"
_IS: Final = (
    r"(?:(?i:number|numbers|num|no|nr|n|nummer|numero|numer|num\.?|id|code|is|it is|it's|was|are|my|the|new|old|us|uk|eu|u\.s|"
    r"german|french|american|british|indian|canadian|spanish|italian|of|for|holder|card|has|est|ist|lautet|es|e|plate|reads|"
    r"registered|as|with|under|de|conduire|conducir|guida|class|state|ca|ny|tx|fl|du|di|del|do)\b[\s:#=.,\"'()-]{1,4}){0,5}"
)
_PASSPORT: Final = pattern(
    r"(?i)\b(?:passports?|reisepass(?:nummer)?|pass-?nr|passnummer|passeport|pasaporte|passaporto|passaporte|paspoort(?:nummer)?|"
    r"paszportu?|pasaport|travel document)\b"
    + _BETWEEN
    + _IS
    + r"([a-z]{0,3} ?\d{6,9}[a-z]{0,2}\d{0,2}|[cfghjklmnprtvwxyz][0-9cfghjklmnprtvwxyz]{8}|[a-z0-9]{2}\d{2}[a-z]{2}\d{3,5}|\d{2}[a-z]{2}\d{5})\b"
)
_FOREIGN_PASSPORT: Final = pattern(
    r"(?:[A-Z]{1,2}\d{7,8}|\d{2} ?\d{7}|\d{4} ?\d{6})"
)  # behind a word of another script
_LICENCE: Final = pattern(
    r"(?i)\b(?:driver'?s?'? ?-?_?(?:licen[cs]e|id|permit)|driving ?-?licen[cs]e|driving permit|licen[cs]e (?:number|no|#|id)|DL(?: ?#| number| no)?|fuhrerschein(?:nummer)?|"
    r"permis de conduire|licencia de conducir|permiso de conducir|carnet de conducir|patente di guida|carta de conducao|cnh|"
    r"rijbewijs(?:nummer)?|korkort|kortekort|forerkort|prawo jazdy|ajokortti)\b"
    + _BETWEEN
    + _IS
    + r"([a-z0-9](?:[ -]?[a-z0-9]){5,19})"
)
_UK_LICENCE: Final = pattern(r"\b[A-Z9]{5}\d[0156]\d[0-3]\d\d[A-Z9]{2}\d[A-Z]{2}\b")
_PLATE: Final = pattern(
    r"\b(?i:licen[cs]e plates?|number plate|plate(?: number| no)?|plates?|registration(?: number| plate| no)?|kennzeichen|matricula|targa|"
    r"kenteken|plaque|immatriculation|tag number)\b"
    + _BETWEEN
    + _IS
    + r"([A-Z0-9]{1,4}[ -]?[A-Z0-9]{1,4}(?:[ -]?[A-Z0-9]{1,4})?)\b"
)
_POLICY: Final = pattern(
    r"(?i)\b(?:policy (?:number|no|id|#)|policy|member id|member number|subscriber id|insurance (?:number|id|no)|group number|mrn|"
    r"medical record(?: number| no)?|patient (?:id|number|no)|chart (?:number|no)|hospital number|health card(?: number| no)?)\b"
    + _BETWEEN
    + _IS
    + r"([a-z]{0,4}[- ]?\d{5,14}(?:-\d{1,4})?[a-z]{0,3})\b"
)
_VIN: Final = pattern(r"\b[A-HJ-NPR-Z0-9]{17}\b")
_IMEI: Final = pattern(r"\b\d{15}\b|\b\d{2}[- ]\d{6}[- ]\d{6}[- ]\d\b")
_VIN_VALUES: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def find_documents(page: Page) -> Iterator[Finding]:
    topics = page.topics
    if page.digits < 3:
        return
    if "passport" in topics:
        for start, end in page.matches(_PASSPORT):
            if _digits(page, start, end) >= 2:
                yield Finding(start, end, "PASSPORT", 0.85)
        yield from _foreign_passports(page)
    if "licence" in topics:
        yield from _licences(page)
    if page.long_token and page.digits >= 5:
        for start, end in page.matches(_UK_LICENCE):
            yield Finding(start, end, "DRIVER_LICENSE", 0.9)
    if "plate" in topics:
        for start, end in page.matches(_PLATE):
            if _digits(page, start, end) and end - start >= 4 and not page.text(start, end).isdigit():
                yield Finding(start, end, "LICENSE_PLATE", 0.75)
    if "insurance" in topics or "medical" in topics:
        for start, end in page.matches(_POLICY):
            label = "MEDICAL_RECORD" if page.near("medical", start, end, before=40, after=0) else "INSURANCE_NUMBER"
            yield Finding(start, end, label, 0.75)
    yield from _devices(page)


def _foreign_passports(page: Page) -> Iterator[Finding]:
    for start, end in page.matches(_FOREIGN_PASSPORT):
        before = page.data[max(0, start - 12) : start]
        announced = any(byte >= CASELESS for byte in before) and page.near("passport", start, end, before=12, after=0)
        if announced and (page.isolated(start, end) or page.data[start - 1] >= CASELESS):
            yield Finding(start, end, "PASSPORT", 0.8)


def _digits(page: Page, start: int, end: int) -> int:
    return sum(48 <= byte <= 57 for byte in page.data[start:end])


def _licences(page: Page) -> Iterator[Finding]:
    """The longest run of groups with digits after the word: "S123-4567-8901 expires" ends before the word."""
    for start, end in page.matches(_LICENCE):
        groups = page.text(start, end).split(" ")
        kept = 0
        while kept < len(groups) and any(map(str.isdigit, groups[kept])):
            kept += 1
        end = start + len(" ".join(groups[:kept]))
        if kept and _digits(page, start, end) >= 4 and page.isolated(start, end) and _drives(page, start, end):
            yield Finding(start, end, "DRIVER_LICENSE", 0.8)


def _drives(page: Page, start: int, end: int) -> bool:
    """A bare "license number" may be a shop's or a program's: only a letter and many digits make it a driver's."""
    return page.near("driver", start, end) or (page.text(start, end)[0].isalpha() and _digits(page, start, end) >= 7)


def _devices(page: Page) -> Iterator[Finding]:
    if "vin" in page.topics:
        for start, end in page.matches(_VIN):
            if _vin(page.text(start, end)):
                yield Finding(start, end, "VEHICLE_ID", 0.9)
    if "imei" in page.topics:
        for start, end in page.matches(_IMEI):
            if luhn("".join(filter(str.isdigit, page.text(start, end)))) and page.near("imei", start, end):
                yield Finding(start, end, "DEVICE_ID", 0.9)


def _vin(text: str) -> bool:
    """ISO 3779 with the North American check digit (49 CFR 565.15)."""
    total = sum(
        weight * (int(char) if char.isdigit() else _VIN_VALUES[char])
        for weight, char in zip(_VIN_WEIGHTS, text, strict=True)
    )
    return "0123456789X"[total % 11] == text[8]
