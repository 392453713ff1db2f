"""Any other API: the texts found in its bodies, so that watchers can read them; nothing is claimed about their meaning.

The string values of JSON are taken in wire order, less those that are names of things (ids, types, models). In a stream
the strings at one place of its events are joined, because that is how text arrives in pieces; a string that is the same
in every event is taken once.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from sidecar.wire import json_text
from sidecar.wire.decoder import Call, Decoder
from sidecar.wire.multipart import File

MAX_TEXTS: Final = 512
MAX_CHARACTERS: Final = 262_144  # of all texts together
MAX_NODES: Final = 100_000  # of JSON, in one body
_MAX_UNBROKEN: Final = 512  # a longer string without any white space is base64, a hash list, ...: not text

_NAMING_KEYS: Final = frozenset(
    ("id", "type", "object", "model", "role", "status", "finish_reason", "event", "format", "encoding", "mime_type")
)

Path = int  # a place in a document: the hash of its parent's Path and its key; tuples would cost depth x nodes


class Unknown(Decoder):
    """Collects `text_found`."""

    name = "unknown"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._texts: dict[tuple[str, Path], list[str]] = {}
        self._characters = 0

    def request(self, body: Any) -> None:
        self._collect("request", body)

    def client_message(self, data: Any) -> None:
        self._collect("request", data)

    def request_bytes(self, data: bytes) -> None:
        self._add("request", 0, _maybe_plain_text(data))

    def response(self, body: Any) -> None:
        self._collect("response", body)

    def response_bytes(self, data: bytes) -> None:
        self._add("response", 0, _maybe_plain_text(data))

    def piece(self, name: str, data: bytes) -> None:
        parsed = json_text.maybe_load(data)
        self.event(name, _maybe_plain_text(data) if parsed is None else parsed)

    def error(self, body: Any) -> None:
        super().error(body)
        self._collect("response", body)

    def end(self) -> None:
        for fragments in self._texts.values():
            same = len(fragments) > 1 and all(fragment == fragments[0] for fragment in fragments)
            self.exchange.text_found.append(fragments[0] if same else "".join(fragments))

    def _collect(self, side: str, body: Any) -> None:
        for path, text in _strings(body):
            self._add(side, path, text)

    def _add(self, side: str, path: Path, text: str) -> None:
        text = text[: MAX_CHARACTERS - self._characters]
        key = (side, path)
        if text and (key in self._texts or len(self._texts) < MAX_TEXTS):
            self._characters += len(text)
            self._texts.setdefault(key, []).append(text)


def _strings(body: Any) -> Iterator[tuple[Path, str]]:
    """Give the string values of `body` with their paths, in wire order; iterative, so that depth does not matter."""
    waiting: list[tuple[Path, Any]] = [(0, body)]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, str) and _is_text(value):
            yield path, value
        elif isinstance(value, dict):
            waiting += reversed(
                [(hash((path, key)), item) for key, item in islice(value.items(), MAX_NODES) if not _names(key, item)]
            )
        elif isinstance(value, list):
            waiting += reversed([(hash((path, index)), item) for index, item in enumerate(value[:MAX_NODES])])
        elif isinstance(value, File) and value.filename:
            yield path, value.filename


def _names(key: str, value: Any) -> bool:
    """Return whether a member names a thing, going by its key: such a value is one word."""
    named = key in _NAMING_KEYS or key.endswith("_id")
    return named and isinstance(value, str) and not any(character.isspace() for character in value[:_MAX_UNBROKEN])


def _is_text(value: str) -> bool:
    return bool(value) and (len(value) <= _MAX_UNBROKEN or len(value[:_MAX_UNBROKEN].split(maxsplit=1)) > 1)


def _maybe_plain_text(data: bytes) -> str:
    """Return `data` as text, or "" where it is binary."""
    start = data[:MAX_CHARACTERS]
    text = start.decode("utf-8", "replace")
    return "" if b"\x00" in start or text.count("�") > len(text) // 50 + 1 else text
