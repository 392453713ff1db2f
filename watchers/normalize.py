"""Views of a text as the encoder should read it, each character traced back to the original.

`plain` is what is always read: emoji become their Unicode names (the vocabulary has none) and what
no tokenizer takes (lone surrogates, invisible and control characters) is dropped. The offsets of a view lead back
to the original, so that evidence points at what was really sent.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import re2
from numpy.typing import NDArray

_EMOJI = (
    "\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\U0001f000-\U0001faff"
)
_DROPPED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e01ef\U0001f3fb-\U0001f3ff\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
)
_SPECIAL = re.compile(f"[{_DROPPED}]|[{_EMOJI}]")


@dataclass(frozen=True, slots=True)
class View:
    """A rewritten text. `origin[i]`: index in the original of the view's character i, int32 (len(text) + 1,)."""

    text: str
    origin: NDArray[np.int32]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Characters of the original that the view's [start, end) was made of."""
        if start >= end:
            return int(self.origin[start]), int(self.origin[start])
        return int(self.origin[start]), int(self.origin[end - 1]) + 1


class Rewriter:
    """Builds a view piece by piece."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._origins: list[NDArray[np.int32]] = []

    def keep(self, text: str, start: int, end: int) -> None:
        """Copy characters of the original."""
        self._parts.append(text[start:end])
        self._origins.append(np.arange(start, end, dtype=np.int32))

    def put(self, new: str, at: int) -> None:
        """Write `new` in the place of the character `at`."""
        self._parts.append(new)
        self._origins.append(np.full(len(new), at, dtype=np.int32))

    def swap(self, new: str, at: int) -> None:
        """Write `new` over as many characters of the original, one for one."""
        self._parts.append(new)
        self._origins.append(np.arange(at, at + len(new), dtype=np.int32))

    def spread(self, new: str, start: int, end: int) -> None:
        """Write `new` for the characters [start, end), each pointing at its share of them."""
        self._parts.append(new)
        self._origins.append((start + np.arange(len(new)) * (end - start) // max(1, len(new))).astype(np.int32))

    def view(self, length: int) -> View:
        origins = [*self._origins, np.array([length], dtype=np.int32)]
        return View("".join(self._parts), np.concatenate(origins))


def plain(text: str) -> View:
    """Emoji by name, invisible characters dropped. Linear time; most texts pass untouched."""
    if text.isascii() and not _SPECIAL.search(text):
        return View(text, np.arange(len(text) + 1, dtype=np.int32))
    made, last = Rewriter(), 0
    for match in _SPECIAL.finditer(text):
        made.keep(text, last, match.start())
        name = _name(match[0])
        if name:
            made.put(f" {name} ", match.start())
        last = match.end()
    made.keep(text, last, len(text))
    return made.view(len(text))


def _name(character: str) -> str:
    """The emoji's name in lower case; empty for what is dropped."""
    if re.match(f"[{_DROPPED}]", character):
        return ""
    return unicodedata.name(character, "").lower().replace("-", " ")


# Letters of other scripts that look like Latin ones (the confusables of Unicode TR39 that occur in practice).
_LOOKALIKE = str.maketrans(
    dict(zip("аеорсухіјѕһԁԛԝАВЕКМНОРСТХУІЈЅ", "aeopcyxijshdqwABEKMHOPCTXYIJS", strict=True))
    | dict(zip("αονρτυχικΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡıոօս", "aovptuxikABEZHIKMNOPTYXaginou", strict=True))
)
_LEET = str.maketrans("013457@$!", "oieastasi")
_LEET_WORD = re.compile(
    r"(?<![\w@$!.])(?=[\w@$!]{3,24}(?![\w@$!]|\.\w))[A-Za-z@$]?[A-Za-z]*[A-Za-z][013457@$!]+[A-Za-z][\w@$!]*"
)
_SPACED = re.compile(r"(?<!\w)[^\W\d_](?:[ .\-_*~][^\W\d_]){3,40}(?!\w)")
_TAG = re.compile(
    r"</?(?:b|i|u|s|em|strong|span|font|small|mark|code|sub|sup|wbr|a|p|div)(?: \w+=[^<>]{0,200})?/?>|<!--|-->",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/]{24,8192}={0,2}(?![\w+/=])")
_HEX = re.compile(r"(?<!\w)(?:[0-9a-fA-F]{2}){12,4096}(?!\w)")
_ESCAPED = re.compile(r"&(?:#x?[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});|%[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}")
_ROT13 = str.maketrans(
    "ABCDEFGHIJKLMabcdefghijklmNOPQRSTUVWXYZnopqrstuvwxyz", "NOPQRSTUVWXYZnopqrstuvwxyzABCDEFGHIJKLMabcdefghijklm"
)
_COMMON = frozenset(
    [
        "the",
        "and",
        "you",
        "all",
        "are",
        "ignore",
        "instructions",
        "that",
        "this",
        "with",
        "what",
        "your",
        "for",
        "not",
        "have",
        "is",
        "of",
        "to",
        "in",
        "it",
        "me",
        "how",
    ]
)
LONGEST_REVEALED = 50_000  # characters looked through for disguises


def revealed(text: str) -> View | None:
    """The text with its disguises taken off, or None where there are none.

    Look-alike letters, digits for letters inside words, spaced-out and starred words, markup inside text,
    escapes, base64, hex and rot13. Linear time; at most `LONGEST_REVEALED` characters are looked through. An ordinary
    text costs one pass of an automaton, a thirtieth of what the changes themselves cost.
    """
    read = plain(text[:LONGEST_REVEALED])
    current = _unmasked(read)
    if _suspicion().search(current.text.encode("latin-1", "replace")):
        for change in _CHANGES:
            current = change(current)
    return None if current.text == read.text else current


@cache
def _suspicion() -> Any:
    """One RE2 pattern that finds something wherever a change would: what it does not find needs none of them."""
    letter, apart = r"[A-Za-z\x80-\xff?]", r"[ .\-_*~]"  # "?" stands for letters outside Latin-1
    turned = f"(?:{'|'.join(sorted(word.translate(_ROT13) for word in _COMMON))})"
    signs = (
        _ESCAPED.pattern,
        r"</?[A-Za-z]|<!--|-->",
        r"[A-Za-z0-9+/]{24}",
        rf"(?:^|[^0-9A-Za-z_]){letter}(?:{apart}{letter}){{3}}",
        r"[A-Za-z][013457@$!]+[A-Za-z]",
        rf"(?is:(?:^|[^a-z]){turned}(?:[^a-z](?:.*[^a-z])?{turned}){{2}}(?:[^a-z]|$))",
    )
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile("|".join(signs).encode("latin-1"), options)


def _rewritten(view: View, pattern: re.Pattern[str], replace: Callable[[str], str | None]) -> View:
    """Replace matches; equal lengths keep each character's origin, others point at the match's first."""
    made, last = Rewriter(), 0
    for match in pattern.finditer(view.text):
        new = replace(match[0])
        if new is None or new == match[0]:
            continue
        made.keep(view.text, last, match.start())
        if len(new) == len(match[0]):
            made.swap(new, match.start())
        else:
            made.spread(new, match.start(), match.end())
        last = match.end()
    if not last:
        return view
    made.keep(view.text, last, len(view.text))
    inner = made.view(len(view.text))
    return View(inner.text, view.origin[inner.origin])


def _unmasked(view: View) -> View:
    """Compatibility forms and look-alikes, character by character; other scripts' own words are left alone."""
    if view.text.isascii():
        return view
    return _rewritten(view, _FOREIGN_WORD, _latin)


_FOREIGN_WORD = re.compile(r"[^\W\d_]+")


def _latin(word: str) -> str | None:
    if word.isascii():
        return None
    folded = "".join(_single(character) for character in word).translate(_LOOKALIKE)
    changed = any(character.isascii() for character in folded)
    return folded if changed and _mostly_ascii(folded) else None


def _single(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def _mostly_ascii(word: str) -> bool:
    return sum(map(str.isascii, word)) >= 0.8 * len(word)


def _decoded(run: str) -> str | None:
    """Printable text hidden in base64 or hex, or None."""
    for decode in (_from_hex, _from_base64):
        found = decode(run)
        if (
            found
            and len(found) >= 8
            and found.isprintable()
            and (" " in found)
            and sum(map(str.isalpha, found)) > 0.6 * len(found)
        ):
            return f" {found} "
    return None


def _from_hex(run: str) -> str | None:
    try:
        return bytes.fromhex(run).decode()
    except ValueError:
        return None


def _from_base64(run: str) -> str | None:
    try:
        return base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode()
    except ValueError:
        return None


def _removed(_: str) -> str:
    return ""


def _unescaped(run: str) -> str | None:
    if run.startswith("&"):
        found = html.unescape(run)
    elif run.startswith("%"):
        found = chr(int(run[1:], 16)) if int(run[1:], 16) < 128 else run
    else:
        found = chr(int(run[2:], 16))
    return found if len(found) == 1 and found.isprintable() else None


def _unrotated(view: View) -> View:
    """The whole text by rot13, where that has more common English words than the text itself."""
    words = re.findall(r"[a-z]+", view.text.lower()[:4000])
    turned = [word.translate(_ROT13) for word in words]
    if sum(word in _COMMON for word in turned) < max(3, 2 * sum(word in _COMMON for word in words)):
        return view
    return View(view.text.translate(_ROT13), view.origin)


_CHANGES: tuple[Callable[[View], View], ...] = (
    lambda view: _rewritten(view, _ESCAPED, _unescaped),
    lambda view: _rewritten(view, _TAG, _removed),
    lambda view: _rewritten(view, _HEX, _decoded),
    lambda view: _rewritten(view, _BASE64, _decoded),
    lambda view: _rewritten(view, _SPACED, lambda run: run[::2]),
    lambda view: _rewritten(view, _LEET_WORD, lambda run: run.translate(_LEET)),
    _unrotated,
)
