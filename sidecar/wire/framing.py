"""What every framing of a stream gives: pieces, with the position that each one was complete at.

A framing is sans-I/O: `feed(bytes) -> pieces`, `eof() -> pieces`, in linear time however the bytes are cut; positions
count the bytes fed and do not depend on the cuts. `flaw` says what was wrong ("" while nothing was).
"""

from typing import Final, NamedTuple, Protocol

MAX_PIECE_BYTES: Final = 16 * 1024 * 1024  # an image of gpt-image-1 in one SSE line is 1 to 5 MB of base64
MAX_PIECES: Final = 131_072  # as many as the longest answers have tokens (128k); a second of work


class Piece(NamedTuple):
    """One unit of a stream. `end` is the position after its last byte; `failed` marks an exception message."""

    end: int
    data: bytes
    name: str = ""
    failed: bool = False


class Framing(Protocol):
    flaw: str

    def feed(self, data: bytes) -> list[Piece]:
        """Return the pieces completed by `data`."""

    def eof(self) -> list[Piece]:
        """Return what the end of the stream completes."""

    def gap(self) -> None:
        """Forget a half-read piece: what is fed next follows a hole in the stream, at any byte."""
