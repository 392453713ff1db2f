# ruff: noqa: E501 (a pattern is read whole)
"""Secrets of no vendor: private keys, JWT, connection strings, authorization headers, what a word calls a password or a key."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from watchers.secrets.likely import chosen_password, entropy, placeholder, random_looking
from watchers.view import pattern

Found = tuple[int, int, str, float]  # start, end, label, score
Search = Callable[[bytes], Iterator[Found]]

_PRIVATE_KEY: Final = pattern(
    r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----([A-Za-z0-9+/=\s\\:,.()-]{40,}?)-----END[ A-Z0-9_-]{0,60}KEY(?: BLOCK)?-----"
)
_CUT_KEY: Final = pattern(
    r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----((?:\\n|\\r|[A-Za-z0-9+/=\s]){60,1000})"
)
_PUTTY: Final = pattern(
    r"PuTTY-User-Key-File-\d:[^\x01]{0,200}?Private-Lines: \d{1,3}\s{1,2}([A-Za-z0-9+/=\s]{60,1000})"
)
_JWT: Final = pattern(r"\b(e[yw][A-Za-z0-9_-]{10,})\.(e[yw][A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{0,}")
_URL_CREDENTIALS: Final = pattern(
    r"\b(?i:[a-z][a-z0-9+.-]{1,30})://[^\s:/@\"'<>]{0,128}:([^\s@/\"'<>]{1,200}|[^\s@\"'<>]{1,200})@[\w.\[-]"
)
_ADO: Final = pattern(
    r"(?i)\b(?:password|pwd)\s{0,2}=\s{0,2}([^;\s\"'<>{}]{4,128});|;\s{0,2}(?:password|pwd)\s{0,2}=\s{0,2}([^;\s\"'<>{}]{4,128})"
)
_HEADER: Final = pattern(
    r"(?i)\b(?:(?:authorization|proxy-authorization)[\"']?\s{0,3}[:=,]\s{0,3}[\"']?(bearer|basic|token|apikey|digest)\s{1,3}|(bearer)\s{1,3})([a-z0-9_.=+/~-]{12,1000})"
)
_USER_OPTION: Final = pattern(r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]{1,2}[\"']?[^\s:\"']{1,64}:([^\s\"']{4,128})")
_TO: Final = r"(?:[\"'\]})]{0,2}\s{0,3}(?::=|=>|:|={1,2}|\bis\b|\bwas\b|\bare\b|\bequals\b|\bto\b|\bist\b|\best\b|\bes\b|\bparola\b)(?:\s{1,2}(?:now|set to|still|just))?:?\s{0,3})"
_PASSWORD: Final = pattern(
    r"(?i)(?:^|[^a-z])(?:password|passwd|passwort|kennwort|passphrase|pass ?code|pwd|pass|pw|contrasena|mot de passe|mdp|senha|wachtwoord|"
    r"haslo|salasana|losenord|adgangskode|passord|sifre|parola|jelszo|heslo|kata sandi)(?: for [\w .@-]{1,40}?| to [\w .@-]{1,40}?| of [\w .@-]{1,40}?)?"
    + _TO
    + r"(?:\"([^\"\n]{4,64})\"|'([^'\n]{4,64})'|\x60([^\x60\n]{4,64})\x60|([^\s\"'\x60<>,;]{4,64}))"
)
_PIN: Final = pattern(
    r"(?i)\b(?:pin|pin code|pincode|pin number|atm pin|card pin|security code|otp|passcode|cvv|cvc|cvv2|verification code|2fa code)"
    r"(?: for [\w ]{1,24}?)?(?:\s{0,2}(?::|=|is|was)\s{0,2}|\s)[\"']?(\d{3,8})\b"
)
_NAMED: Final = pattern(
    r"(?i)(?:^|[^a-z])((?:[a-z0-9]{1,24}[_. -]{1,2}){0,3}(?:api[_ -]?(?:key|token|secret)|apikey|secret(?:[_ -]?(?:key|token|access[_ -]?key))?|"
    r"access[_ -]?(?:key|token)(?:[_ -]?id)?|auth[_ -]?(?:key|token)|client[_ -]?secret|private[_ -]?key|signing[_ -]?(?:key|secret)|"
    r"encryption[_ -]?key|master[_ -]?key|session[_ -]?(?:key|token|id|secret)|refresh[_ -]?token|bearer[_ -]?token|credentials?|"
    r"webhook[_ -]?secret|consumer[_ -]?(?:key|secret)|license[_ -]?key|deploy[_ -]?key|personal[_ -]?access[_ -]?token|token|key|"
    r"recovery[_ -]?(?:key|code)|cookie|jwt[_ -]?secret|hmac[_ -]?key|salt))(?: for [\w .-]{1,30}?)?"
    + _TO
    + r"[\"'\x60]?([A-Za-z0-9_+/=.~!@$%^&*:-]{12,200})"
)
_SEED: Final = pattern(
    r"(?i)\b(?:seed phrase|recovery phrase|mnemonic|seed words|wallet seed|secret phrase)[^\n:]{0,40}?(?::|=|\bis\b)\s{0,3}[\"']?((?:[a-z]{3,8} ){11,23}[a-z]{3,8})\b"
)
_SEED_WORDS: Final = 8  # different ones
_DUMMIES: Final = frozenset(
    b"password pass passwd pwd secret changeme user admin root test guest postgres mysql redis mongo rabbitmq token example "
    b"mypassword mysecret yourpassword pass123 password123 password1 db_password x xx xxx".split()
)
_PARTS: Final = re.compile(rb"[.:/]")
_SETTING: Final = pattern(r"[A-Za-z_][A-Za-z0-9_]{2,40}=[\"']?")
# Words that announce much else, too: what follows must be longer and more random.
_BARE: Final = frozenset(
    (b"key", b"token", b"salt", b"cookie", b"secret", b"session id", b"credential", b"credentials")
)
_NAMED_FLOOR: Final = 3.0
_GENERIC_FLOOR: Final = 3.3


def find(data: bytes, lower: bytes) -> Iterator[Found]:
    """Yield every secret without a vendor; each search runs only where its sign is in the text."""
    if b"eyJ" in data or b"ewo" in data or b"eyA" in data:
        yield from _tokens(data)
    for search in _searches(lower):
        yield from search(data)


def _searches(lower: bytes) -> list[Search]:
    """The searches whose sign is in the text, in a fixed order; one pass, given up once all were seen."""
    wanted: set[Search] = set()
    match = _SIGNS.search(lower)
    while match and len(wanted) < len(_SIGN_OF):
        wanted.add(_SEARCHES[next(group for group in range(_SIGNS.groups) if match.group(group + 1) is not None)])
        match = _SIGNS.search(lower, match.start() + 1)
    if _passwords in wanted:
        wanted.add(_pins)  # a "passcode" may be either
    return [search for search in _SEARCHES if search in wanted]


def _user_options(data: bytes) -> Iterator[Found]:
    return ((*match.span(1), "PASSWORD", 0.9) for match in _USER_OPTION.finditer(data) if _dear(match.group(1)))


def _seeds(data: bytes) -> Iterator[Found]:
    for match in _SEED.finditer(data):
        if len(set(match.group(1).split())) > _SEED_WORDS:
            yield *match.span(1), "SEED_PHRASE", 0.9


def _dear(value: bytes) -> bool:
    return value.lower() not in _DUMMIES and not placeholder(value)


def _private_keys(data: bytes) -> Iterator[Found]:
    for regex in (_PRIVATE_KEY, _CUT_KEY, _PUTTY):
        for match in regex.finditer(data):
            body = match.group(1)
            if entropy(body[:400]) >= 3.5 and b"..." not in body:
                yield match.start(), match.end(), "PRIVATE_KEY", 0.99


def _tokens(data: bytes) -> Iterator[Found]:
    for match in _JWT.finditer(data):
        if _jwt_header(match.group(1)):
            yield match.start(), match.end(), "JWT", 0.98


def _jwt_header(part: bytes) -> bool:
    """Say whether it decodes to a JOSE header: RFC 7515 section 4, RFC 7516 section 4."""
    try:
        header = json.loads(base64.urlsafe_b64decode(part[:2000] + b"=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(header, dict) and ("alg" in header or "enc" in header)


def _urls(data: bytes) -> Iterator[Found]:
    for match in _URL_CREDENTIALS.finditer(data):
        if _dear(match.group(1)) and match.group(1)[:1] not in b"{$%[(" and not match.group(1).isdigit():
            yield *match.span(1), "CONNECTION_STRING", 0.95


def _headers(data: bytes) -> Iterator[Found]:
    for match in _HEADER.finditer(data):
        value = match.group(3).rstrip(b".")
        basic = (match.group(1) or b"").lower() == b"basic"
        if (_basic(value) if basic else random_looking(value, _NAMED_FLOOR)) and not placeholder(value):
            start = match.start(3)
            yield start, start + len(value), "AUTHORIZATION", 0.95


def _basic(value: bytes) -> bool:
    """RFC 7617: base64 of "user:password"."""
    try:
        return b":" in base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False


def _passwords(data: bytes) -> Iterator[Found]:
    for match in _ADO.finditer(data):
        group = 1 if match.group(1) else 2
        if _dear(match.group(group)):
            yield *match.span(group), "CONNECTION_STRING", 0.9
    for match in _PASSWORD.finditer(data):
        group = next(number for number in range(1, 5) if match.group(number) is not None)
        value = match.group(group) if group < 4 else match.group(group).rstrip(b".?,;:)]}")
        if chosen_password(value):
            yield match.start(group), match.start(group) + len(value), "PASSWORD", 0.85


def _pins(data: bytes) -> Iterator[Found]:
    return ((*match.span(1), "PIN", 0.7) for match in _PIN.finditer(data))


def _named(data: bytes) -> Iterator[Found]:
    for match in _NAMED.finditer(data):
        start, end = match.span(2)
        assigned = _SETTING.match(data, start, end)  # "my key: SERVICE_API_KEY=..." names the key twice
        start = assigned.end() if assigned else start
        value = data[start:end]
        value = value if value.endswith(b"==") else value.rstrip(b".,:;!=")
        bare = match.group(1).lower() in _BARE
        floor = _GENERIC_FLOOR if bare else _NAMED_FLOOR
        cut = data[start:end].endswith(b"..")  # "sk-ant-...": the example of a form
        if len(value) >= (20 if bare else 12) and random_looking(value, floor) and not cut and not _reference(value):
            yield start, start + len(value), "GENERIC_SECRET", 0.8


def _reference(value: bytes) -> bool:
    """A path, an address, an expression: something that names a value rather than being one."""
    if b"://" in value or value.count(b"/") > 3 or value.startswith(b"arn:"):
        return True
    # "user:1932:profile:v1", "module.name.attribute", "orders/2026/01.parquet"
    return (b"." in value or value.count(b":") > 1) and not any(map(_long, _PARTS.split(value)))


def _long(part: bytes) -> bool:
    return len(part) >= 16


# What must be in a text, in small letters, for a search to be worth its pass.
_SIGN_OF: Final[dict[Search, str]] = {
    _private_keys: "-----begin|putty-user",
    _urls: "://[^\\s/@]*@",
    _headers: "bearer|authorization",
    _user_options: r"\bcurl\b",
    _passwords: "passw|passphrase|pass ?code|pwd|pass\\b|\\bpw\\b|kennwort|contrasena|\\bmdp|senha|wachtwoord|haslo|salasana|losenord|"
    "adgangskode|sifre|parola|jelszo|heslo|sandi|mot de passe|passord",
    _pins: r"\bpin\b|\bpin ?code|security code|verification code|\botp\b|\bcv[vc]|2fa code|passcode",
    _named: "key|token|secret|credential|cookie|salt\\b|session|recovery code",
    _seeds: "phrase|mnemonic|seed",
}
_SEARCHES: Final = tuple(_SIGN_OF)
_SIGNS: Final = pattern("|".join(f"({signs})" for signs in _SIGN_OF.values()))
