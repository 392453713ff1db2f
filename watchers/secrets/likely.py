# ruff: noqa: E501 (a pattern is read whole)
"""Whether a string is likely a live secret, or a placeholder, an example, a word, a reference to a variable."""

from collections import Counter
from functools import cache
from itertools import pairwise
from math import log2
from typing import Any, Final

from watchers.view import pattern

_PLACEHOLDER: Final = (
    b"example", b"xxxx", b"your", b"placeholder", b"dummy", b"sample", b"changeme", b"change_me", b"change-me", b"redacted",
    b"insert", b"replace", b"<", b">", b"***", b"...", b"${", b"{{", b"}}", b"process.env", b"environ", b"getenv", b"_here",
    b"-here", b"todo", b"fixme", b"foobar", b"not-a-", b"notareal", b"fakekey", b"fake_", b"fake-", b"lorem", b"my-secret", b"mysecret", b"my_secret",
    b"secret_key", b"api_key", b"apikey", b"access_token", b"test_key", b"testkey", b"\xa4\xa4\xa4",
)  # fmt: skip
_REPEATED: Final = 6  # of one character in a row: nothing random does that
_DISTINCT: Final = 5
_SEQUENCE: Final = 0.5  # share of characters that are the one before plus one: "1234567890abcdef"


@cache
def _repeats() -> Any:
    return pattern(
        "|".join(
            f"{chr(code) if chr(code).isalnum() else chr(92) + chr(code)}{{{_REPEATED}}}" for code in range(33, 127)
        )
    )


def entropy(value: bytes) -> float:
    """Return Shannon's entropy of the bytes, in bits a byte."""
    total = len(value)
    return -sum(count / total * log2(count / total) for count in Counter(value).values()) if total else 0.0


def placeholder(value: bytes) -> bool:
    """Say whether nobody's secret looks so: an example, a template's slot, a run of one character, a sequence."""
    lower = value.lower()
    if any(mark in lower for mark in _PLACEHOLDER):
        return True
    steps = sum(after - before == 1 or (before, after) == (57, 48) for before, after in pairwise(lower))
    if steps >= _SEQUENCE * (len(lower) - 1):
        return True
    return len(set(lower)) < min(_DISTINCT, len(lower)) or _repeats().search(lower) is not None


def random_looking(value: bytes, floor: float) -> bool:
    """Say whether a token may be machine-made: digits among letters, and enough entropy."""
    digits = sum(48 <= byte <= 57 for byte in value)
    if not digits or digits == len(value):
        return False
    return entropy(value) >= floor and not placeholder(value)


def chosen_password(value: bytes) -> bool:
    """Say whether a person may have chosen it as a password: not a plain word, a call, a path or a number of a few digits."""
    if len(value) < 5 or placeholder(value) or value.lower() in _COMMON_WORDS or b"(" in value:
        return False
    if (
        b"://" in value
        or value.count(b"/") > 1
        or value.startswith((b"ENC[", b"secretRef:", b"secretKeyRef:", b"vault:"))
    ):
        return False  # where the password is kept
    kinds = [
        any(97 <= byte <= 122 for byte in value),
        any(65 <= byte <= 90 for byte in value[1:]),
        any(48 <= byte <= 57 for byte in value),
        any(chr(byte) in "!@#$%^&*+=?~|_-" for byte in value),
    ]
    return sum(kinds) >= 2 and not _identifier(value)


def _identifier(value: bytes) -> bool:
    """`user_password`, `db-pass`, `newPassword`: a name for the secret rather than the secret."""
    letters = value.replace(b"_", b"").replace(b"-", b"").replace(b".", b"")
    return letters.isalpha() and (letters != value or letters[:1].islower())


_COMMON_WORDS: Final = frozenset(
    b"password passwd secret token string none null true false required incorrect invalid wrong correct reset change changed "
    b"pass pwd user admin root test guest changeit letmein hunter postgres mysql redis mongo rabbitmq hashed encrypted field "
    b"str int varchar char text".split()
)
