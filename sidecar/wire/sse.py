"""Server-sent events, as the HTML standard parses them and as providers really send them.

*Source*: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Lines end with LF,
CR or CRLF (which may be cut in two); a byte order mark may lead; several data lines join with LF. Unlike a browser, an
event that the end of the stream leaves without its blank line is given all the same, and `id` and `retry` are ignored.
"""

from sidecar.wire.framing import MAX_PIECE_BYTES, Piece

_BOM = b"\xef\xbb\xbf"


class SseReader:
    """Splits bytes into events. An event longer than `max_bytes` is left out and noted as a flaw."""

    def __init__(self, max_bytes: int = MAX_PIECE_BYTES) -> None:
        self.flaw = ""
        self._max_bytes = max_bytes
        self._position = 0  # of the first byte not yet taken into a line
        self._line: list[bytes] = []  # the fragments of a line whose end has not come
        self._line_bytes = 0
        self._after_cr = False  # a LF that comes next belongs to the line end before it
        self._first_line = True
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = b""
        self._skipping = False  # after a gap: until the next blank line

    def feed(self, data: bytes) -> list[Piece]:
        """Return the events completed by `data`."""
        if self._after_cr and data:
            self._after_cr = False
            if data[:1] == b"\n":
                self._position += 1
                data = data[1:]
        if b"\n" not in data and b"\r" not in data:
            self._keep(data)
            return []
        return self._lines(self._take_line() + data)

    def eof(self) -> list[Piece]:
        """Return the event that the end of the stream leaves unfinished."""
        pieces: list[Piece] = []
        line = self._take_line()
        self._position += len(line)
        if line:
            self._content(line)
        self._dispatch(self._position, pieces)
        return pieces

    def gap(self) -> None:
        """Forget the half-read event and skip to the first event border of what comes next."""
        self._position += self._line_bytes
        self._take_line()
        self._forget_event()
        self._after_cr = self._first_line = False
        self._skipping = True

    def _keep(self, fragment: bytes) -> None:
        if fragment:
            self._line.append(fragment)
            self._line_bytes += len(fragment)

    def _take_line(self) -> bytes:
        line = b"".join(self._line)
        self._line.clear()
        self._line_bytes = 0
        return line

    def _lines(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        for line in data.splitlines(keepends=True):
            if line.endswith(b"\r\n"):
                content = line[:-2]
            elif line.endswith((b"\n", b"\r")):
                content = line[:-1]
            else:
                self._keep(line)
                return pieces
            # The position is that of the first line-end byte, so that a CRLF cut in two gives the same one.
            if content:
                self._content(content)
            else:
                self._dispatch(self._position + 1, pieces)
            self._position += len(line)
        self._after_cr = data.endswith(b"\r")
        return pieces

    def _content(self, line: bytes) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data_bytes += len(value) + 1
            if self._data_bytes <= self._max_bytes:
                self._data.append(value)
        elif field == b"event":
            self._name = value

    def _dispatch(self, end: int, pieces: list[Piece]) -> None:
        if self._data_bytes > self._max_bytes and not self._skipping:
            self.flaw = self.flaw or "event_too_long"
        elif self._data and not self._skipping:
            pieces.append(Piece(end, b"\n".join(self._data), self._name.decode("utf-8", "replace")))
        self._forget_event()
        self._skipping = False

    def _forget_event(self) -> None:
        self._data = []
        self._data_bytes = 0
        self._name = b""
