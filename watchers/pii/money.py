"""Payment: cards, IBAN, account and routing numbers, addresses of cryptocurrencies. A checksum that fails is no finding."""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from watchers.pii.keccak import keccak256
from watchers.pii.page import Finding, Page
from watchers.view import pattern

_CARD: Final = pattern(
    r"\d{12,19}|\d{4}(?:[ .-]|  | - )\d{4}(?:[ .-]|  | - )\d{4}(?:[ .-]|  | - )(?:\d{4}(?:[ -]\d{1,3})?|\d{1,4})|"
    r"\d{4}[ .-]\d{6}[ .-]\d{4,5}|\d{6}[ -]\d{10,13}|\d{4}[ -]\d{5}[ -]\d{6}"
)
# First digits (as a range of their first six), lengths, and whether the brand is common enough to need no context.
# Sources: ISO/IEC 7812 issuer ranges as published by the networks.
_BRANDS: Final = (
    (400000, 499999, (13, 16, 19), True),  # Visa
    (510000, 559999, (16,), True),  # Mastercard
    (222100, 272099, (16,), True),  # Mastercard, 2-series
    (340000, 349999, (15,), True),  # American Express
    (370000, 379999, (15,), True),
    (300000, 305999, (14, 16, 17, 18, 19), True),  # Diners Club
    (309500, 309599, (14, 16, 17, 18, 19), True),
    (360000, 369999, (14, 16, 17, 18, 19), True),
    (380000, 399999, (14, 16, 17, 18, 19), True),
    (601100, 601199, (16, 19), True),  # Discover
    (622126, 622925, (16, 17, 18, 19), True),
    (640000, 659999, (16, 19), True),
    (352800, 358999, (16, 17, 18, 19), True),  # JCB
    (180000, 180099, (15,), True),
    (213100, 213199, (15,), True),
    (620000, 629999, (16, 17, 18, 19), True),  # UnionPay
    (220000, 220499, (16,), True),  # Mir
    (979200, 979299, (16,), False),  # Troy
    (810000, 829999, (16,), False),  # RuPay, UnionPay
    (500000, 509999, (12, 13, 14, 15, 16, 17, 18, 19), False),  # Maestro, Elo, Verve
    (560000, 639999, (12, 13, 14, 15, 16, 17, 18, 19), False),
    (660000, 699999, (12, 13, 14, 15, 16, 17, 18, 19), False),
)
# Characters of an IBAN by country: SWIFT's IBAN registry.
_IBAN_LENGTH: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18,
    "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29,
    "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
_IBAN: Final = pattern(rf"\b(?i:{'|'.join(_IBAN_LENGTH)}) ?\d\d(?:[ -]?[A-Za-z0-9]){{11,30}}")
_ACCOUNT: Final = pattern(r"\d{6,17}|\d{2,5}(?:[ -]\d{2,6}){1,4}")
_ROUTING: Final = pattern(r"\d{9}|\d{4}-\d{4}-\d")
_SORT_CODE: Final = pattern(r"\d\d([ -])\d\d[ -]\d\d|\d{6}")
_SWIFT: Final = pattern(r"\b[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b")
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58: Final = pattern(r"\b[1-9A-HJ-NP-Za-km-z]{25,108}\b")
_BECH32: Final = pattern(r"\b(?i:bc1|tb1|ltc1|addr1)[02-9ac-hj-np-zAC-HJ-NP-Z]{11,104}\b")
_ETHER: Final = pattern(r"\b0x[0-9a-fA-F]{40}\b")
# Version byte of a base58check payload of 21 bytes: Bitcoin, Litecoin, Dogecoin, Dash, Tron.
_VERSIONS: Final = frozenset({0x00, 0x05, 0x30, 0x32, 0x1E, 0x16, 0x4C, 0x10, 0x41})
_RIPPLE: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_HASHES: Final = 32  # checksums worked out in one text; past it the shape and the context decide


def luhn(digits: str) -> bool:
    """Say whether a string of ASCII digits passes the Luhn check (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = ord(char) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def find_cards(page: Page) -> Iterator[Finding]:
    if page.digits < 12 or not page.numeric:
        return
    for start, end in page.matches(_CARD):
        digits = "".join(char for char in page.text(start, end) if char.isdigit())
        if not page.isolated(start, end) or len(set(digits)) < 2 or not luhn(digits):
            continue
        score = _brand_score(digits, page.near("card", start, end), len(digits) != end - start)
        if score:
            yield Finding(start, end, "CREDIT_CARD", score)


def _brand_score(digits: str, announced: bool, grouped: bool) -> float:
    first = int(digits[:6])
    for low, high, lengths, common in _BRANDS:
        if low <= first <= high and len(digits) in lengths:
            if announced:
                return 0.99
            if common and (grouped or len(digits) >= 14):
                return 0.95 if grouped else 0.85
    return 0.8 if announced and len(digits) >= 12 else 0.0


def find_ibans(page: Page) -> Iterator[Finding]:
    if page.digits < 8 or not page.numeric:
        return
    for start, end in page.matches(_IBAN):
        end = _iban_end(page.text(start, end), start)
        if end and page.isolated(start, end) and _in_fours(page.data[start:end]) and _mod97(page.text(start, end)):
            yield Finding(start, end, "IBAN_CODE", 0.98)


def _iban_end(text: str, start: int) -> int:
    """Return where the country's number of characters is complete, 0 where there are too few."""
    left = _IBAN_LENGTH[text[:2].upper()]
    for place, char in enumerate(text):
        left -= char.isalnum()
        if left == 0:
            return start + place + 1
    return 0


def _in_fours(found: bytes) -> bool:
    """Say whether it is written whole, or in groups as on paper: words and numbers of a sentence are not."""
    *groups, last = found.replace(b"-", b" ").split(b" ")
    return all(len(group) == 4 for group in groups) and (len(last) <= 4 or not groups)


def _mod97(text: str) -> bool:
    plain = [char for char in text.upper() if char.isalnum()]
    number = "".join(str(int(char, 36)) for char in plain[4:] + plain[:4])
    return int(number) % 97 == 1


def find_accounts(page: Page) -> Iterator[Finding]:
    if page.digits < 6:
        return
    if "routing" in page.topics:
        yield from _routing_numbers(page)
    if "sort_code" in page.topics:
        for start, end in _near(page, _SORT_CODE, "sort_code", 24):
            yield Finding(start, end, "BANK_NUMBER", 0.8)
    if "bank" in page.topics:
        for start, end in _near(page, _ACCOUNT, "bank", 28):
            if sum(map(str.isdigit, page.text(start, end))) >= 7:
                yield Finding(start, end, "BANK_NUMBER", 0.6)
    if "swift" in page.topics:
        for match in _SWIFT.finditer(page.data):
            start, end = match.span()
            if page.near("swift", start, end, before=32, after=8):
                yield Finding(start, end, "SWIFT_CODE", 0.8)


def _near(page: Page, regex: Any, topic: str, before: int) -> Iterator[tuple[int, int]]:
    for match in regex.finditer(page.data):
        start, end = match.span()
        if page.isolated(start, end) and page.near(topic, start, end, before=before, after=0):
            yield start, end


def _routing_numbers(page: Page) -> Iterator[Finding]:
    for start, end in _near(page, _ROUTING, "routing", 40):
        digits = [int(char) for char in page.text(start, end) if char.isdigit()]
        weights = (3, 7, 1) * 3  # ABA checksum
        first = digits[0] * 10 + digits[1]
        known = first <= 12 or 21 <= first <= 32 or 61 <= first <= 72 or first == 80
        if known and sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 10 == 0:
            yield Finding(start, end, "ROUTING_NUMBER", 0.9)


def find_crypto(page: Page) -> Iterator[Finding]:
    if not page.long_token:
        return
    left = _HASHES
    for start, end in page.matches(_BASE58):
        left -= 1
        score = _base58_score(page, start, end, left > 0)
        if score:
            yield Finding(start, end, "CRYPTO", score)
    if b"1" in page.data:
        for start, end in page.matches(_BECH32):
            if _bech32(page.text(start, end)):
                yield Finding(start, end, "CRYPTO", 0.98)
    if b"0x" in page.data:
        yield from _ether(page)


def _base58_score(page: Page, start: int, end: int, check: bool) -> float:
    text = page.text(start, end)
    if len(text) <= 36 and text[0] in "13LMmn2DAX97T" and check and _base58check(text, _ALPHABET):
        return 0.97
    if text[0] == "r" and len(text) <= 35 and check and _base58check(text, _RIPPLE):
        return 0.97
    mixed = any(map(str.islower, text)) and any(map(str.isupper, text)) and any(map(str.isdigit, text))
    unchecked = (len(text) in range(40, 45)) or (len(text) in (95, 106) and text[0] in "48")  # Solana, Monero
    return 0.7 if mixed and unchecked and page.near("crypto", start, end) else 0.0


def _base58check(text: str, alphabet: str) -> bool:
    number = 0
    for char in text:
        place = alphabet.find(char)
        if place < 0:
            return False
        number = number * 58 + place
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    version = raw[0] in _VERSIONS if alphabet is _ALPHABET else raw[0] == 0
    return version and hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _bech32(text: str) -> bool:
    """Say whether the checksum holds: BIP 173 (bech32) or BIP 350 (bech32m). Mixed case is not allowed."""
    if text.lower() != text and text.upper() != text:
        return False
    prefix, _, rest = text.lower().rpartition("1")
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    values += ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(char) for char in rest]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return min(values) >= 0 and check in (1, 0x2BC830A3)


def _ether(page: Page) -> Iterator[Finding]:
    for left, (start, end) in zip(range(1_000_000), page.matches(_ETHER), strict=False):
        body = page.text(start + 2, end)
        announced = page.near("crypto", start, end)
        if body in (body.lower(), body.upper()):
            if announced and len(set(body)) > 4:
                yield Finding(start, end, "CRYPTO", 0.8)
        elif left >= _HASHES or _eip55(body):
            yield Finding(start, end, "CRYPTO", 0.97)


def _eip55(body: str) -> bool:
    digest = keccak256(body.lower().encode()).hex()
    return all(
        char.isdigit() or char.isupper() == (int(nibble, 16) > 7) for char, nibble in zip(body, digest, strict=False)
    )
