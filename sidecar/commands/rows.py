"""JSON lines as rows: what `drift`, `baseline` and `watchers` read. A bad line ends the command with its place."""

import contextlib
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from typing import IO, Any

from sidecar.errors import CommandError

Row = dict[str, Any]


def rows(file: str) -> Iterator[Row]:
    """Yield the objects of a JSON-lines file; `-` is standard input, `.gz` is unpacked. Raises CommandError."""
    try:
        with _opened(file) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parsed(line, f"{file}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise CommandError(f"{file}: cannot be read: {reason}", 2) from error


def _opened(file: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if file == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    return gzip.open(file, "rb") if file.endswith(".gz") else open(file, "rb")  # type: ignore[return-value]


def _parsed(line: bytes, place: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise CommandError(f"{place}: not JSON; write one object a line", 2) from None
    if not isinstance(row, dict):
        raise CommandError(f'{place}: not an object; write {{"text": "…"}} or {{"embedding": [..]}}', 2)
    return row


def write_json(content: object, indent: int | None = None) -> None:
    """Write one JSON document and a newline to standard output."""
    text = json.dumps(content, indent=indent, ensure_ascii=False, default=_plain)
    # Half of a surrogate pair, which JSON can carry and UTF-8 cannot, goes out as it came: as an escape.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)  # numpy's numbers and arrays
