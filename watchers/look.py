"""What of a text was read for one watcher's question: all of it, what a first stage doubted, or nothing.

An encoder that screens (`watchers.cascade`) answers with less than a full encoding where that is enough for what is
asked; any other answers in full. Watchers ask through `read` and need not know which it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from watchers.encoding import Encoder, Encoding
from watchers.watcher import Screen, Span

# What can be asked for beside the heads: whether the token tags would find what flags, and whether they would find anything.
CONTACTS, NAMES = "contacts", "names"
FLAGGING: Final = ("STREET_ADDRESS", "PHONE_NUMBER")  # types of tags that flag; of the others the spans are masked


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of a text. `encoding` is None where it is doubted and the full encoder was not to read it.

    `doubted` is None where no first stage was asked; `whole` says that the full encoder read all of it. `marks` are the
    first stage's own likely names, where the full encoder did not look for them.
    """

    encoding: Encoding | None
    doubted: bool | None = None
    whole: bool = True
    marks: tuple[Span, ...] = ()

    def screen(self, flagged: bool) -> Screen | None:
        """Return what the first stage's word was worth, now that it is known whether the text is flagged."""
        if self.doubted is None:
            return None
        return (
            (Screen.CAUGHT if flagged else Screen.DOUBTED)
            if self.doubted
            else (Screen.MISSED if flagged else Screen.CLEARED)
        )


def both(one: Look, other: Look) -> Look:
    """Return two views' looks as one: doubted where either is, whole where both are."""
    doubted = None if one.doubted is None else one.doubted or bool(other.doubted)
    return Look(one.encoding, doubted, one.whole and other.whole, one.marks)


NO_LOOK: Final = Look(None)  # nothing was to be read


@runtime_checkable
class Screening(Protocol):
    """An encoder that need not read everything in full."""

    def read(self, texts: Sequence[tuple[str, int | None]], asked: str) -> list[Look]:
        """Read as much of each text, given with its budget, as `asked` (a head, `CONTACTS` or `NAMES`) needs."""
        ...


def read(encoder: Encoder, texts: Sequence[tuple[str, int | None]], asked: str) -> list[Look]:
    """Read texts, each with its budget, for a head or the token tags: by a cascade or in full."""
    if isinstance(encoder, Screening):
        return encoder.read(texts, asked)
    return [Look(one) for one in encoder.encode([text for text, _ in texts], [budget for _, budget in texts])]
