"""Random strings that a regular expression matches: what a credential of a published pattern looks like."""

import random
import string
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

_MOST_REPEATS = 24  # where the pattern has no bound
_ANY = string.ascii_letters + string.digits
_POSIX = {"[:alnum:]": "A-Za-z0-9", "[:alpha:]": "A-Za-z", "[:digit:]": "0-9", "[:xdigit:]": "0-9a-f"}
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: string.digits,
    kinds.CATEGORY_WORD: _ANY + "_",
    kinds.CATEGORY_SPACE: " ",
    kinds.CATEGORY_NOT_SPACE: _ANY,
    kinds.CATEGORY_NOT_WORD: " ",
    kinds.CATEGORY_NOT_DIGIT: string.ascii_letters,
}


def string_of(pattern: str, rng: random.Random) -> str:
    """Return one string that `pattern` matches; raises re.error for what Python's syntax does not know."""
    for name, members in _POSIX.items():
        pattern = pattern.replace(name, members)
    return _sequence(
        parser.parse(pattern.replace("(?i)", "").replace(r"\z", r"\Z")), rng
    )  # which RE2 takes in the middle, too


def _sequence(tokens, rng: random.Random) -> str:
    return "".join(_one(kind, value, rng) for kind, value in tokens)


def _one(kind, value, rng: random.Random) -> str:
    if kind is kinds.LITERAL:
        return chr(value)
    if kind is kinds.ANY:
        return "."  # most often a point that nobody escaped
    if kind is kinds.NOT_LITERAL:
        return rng.choice(_ANY)
    if kind is kinds.IN:
        return rng.choice(_choices(value))
    if kind is kinds.BRANCH:
        return _sequence(rng.choice(value[1]), rng)
    if kind is kinds.SUBPATTERN:
        return _sequence(value[-1], rng)
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        least, most, inner = value
        count = rng.randint(least, max(least, min(int(most), least + _MOST_REPEATS)))
        return "".join(_sequence(inner, rng) for _ in range(count))
    return ""  # anchors and assertions take no characters


def _choices(members) -> str:
    if members[0][0] is kinds.NEGATE:
        banned = set(_choices(members[1:]))
        return "".join(char for char in _ANY + "-_ " if char not in banned)
    found = []
    for kind, value in members:
        if kind is kinds.LITERAL:
            found.append(chr(value))
        elif kind is kinds.RANGE:
            found += [chr(code) for code in range(value[0], value[1] + 1)]
        elif kind is kinds.CATEGORY:
            found += _CATEGORIES[value]
    return "".join(found)
