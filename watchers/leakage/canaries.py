"""Strings that the operator planted: seeing one, in any usual disguise, proves a leak."""

import base64
import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from watchers.letters import Letters, letters

LEAST_CHARS: Final = 6  # letters and digits of a canary: shorter ones occur by chance


@dataclass(frozen=True, slots=True)
class Form:
    """How a canary may look. `exact`: the case counts, as in base64."""

    needle: bytes
    exact: bool


class Canaries:
    """Finds canaries as they stand, spaced out, reversed, and as base64, hex or rot13."""

    def __init__(self, strings: Sequence[str]) -> None:
        self._forms = tuple(form for string in strings for form in _forms(string))

    def find(self, text: Letters) -> Iterator[tuple[int, int]]:
        """Yield the characters of each form that occurs, once a form."""
        lower = text.lower
        for form in self._forms:
            at = (text.data if form.exact else lower).find(form.needle)
            if at >= 0:
                yield text.original(at, at + len(form.needle))


def _forms(string: str) -> Iterator[Form]:
    plain = letters(string).lower
    raw = string.encode("utf-8", "replace")
    for needle in (plain, plain[::-1], raw.hex().encode(), letters(codecs.encode(string, "rot13")).lower):
        yield Form(needle, exact=False)
    for shift in range(3):  # base64 depends on where in a group of three bytes the canary starts
        encoded = base64.b64encode(b"\0" * shift + raw)
        whole = len(encoded) - 4 if (shift + len(raw)) % 3 else len(encoded)
        needle = encoded[4 if shift else 0 : whole]
        if len(needle) >= LEAST_CHARS:
            yield Form(needle, exact=True)
