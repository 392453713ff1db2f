"""JSON lines: one document a line, ended by LF or CRLF; blank lines are nothing. The last may lack its end."""

from sidecar.wire.framing import MAX_PIECE_BYTES, Piece

_BOM = b"\xef\xbb\xbf"


class LineReader:
    """Splits bytes into non-blank lines. A line longer than `max_bytes` is left out and noted as a flaw."""

    def __init__(self, max_bytes: int = MAX_PIECE_BYTES) -> None:
        self.flaw = ""
        self._max_bytes = max_bytes
        self._position = 0
        self._fragments: list[bytes] = []
        self._skipping = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return the lines completed by `data`."""
        pieces: list[Piece] = []
        start = 0
        while (newline := data.find(b"\n", start)) >= 0:
            self._fragments.append(data[start:newline])
            self._line(self._position + newline + 1, pieces)
            start = newline + 1
        if start < len(data):
            self._fragments.append(data[start:])
        self._position += len(data)
        return pieces

    def eof(self) -> list[Piece]:
        """Return the last line, where it has no end of its own."""
        pieces: list[Piece] = []
        self._line(self._position, pieces)
        return pieces

    def gap(self) -> None:
        """Forget the half-read line and skip to the next one."""
        self._fragments.clear()
        self._skipping = True

    def _line(self, end: int, pieces: list[Piece]) -> None:
        line = b"".join(self._fragments).removeprefix(_BOM).strip()
        self._fragments.clear()
        if len(line) > self._max_bytes:
            self.flaw = self.flaw or "line_too_long"
        elif line and not self._skipping:
            pieces.append(Piece(end, line))
        self._skipping = False
