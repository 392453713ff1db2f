"""Configured labels of an exchange (tenant, app, user, ...) from request headers or JSON paths of the request body."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from sidecar.settings import Label
from sidecar.wire import bodies
from sidecar.wire.capture import Capture
from sidecar.wire.content_encoding import unpack

LABEL_CHARS: Final = 256
HASH_BYTES: Final = 8  # 64 bits: a million users collide with a chance of 3e-8
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Labels:
    """Reads all configured labels. The body is parsed only where a label needs it."""

    def __init__(self, labels: Sequence[Label], decoded_bytes: int) -> None:
        self._labels, self._decoded_bytes = tuple(labels), decoded_bytes
        self._paths = {label.name: path_steps(label.json_path) for label in labels if label.json_path}
        self.of_metrics = frozenset(label.name for label in labels if label.metric)

    def read(self, capture: Capture) -> dict[str, str]:
        """Return label -> value; the label's default where the exchange has none."""
        if not self._labels:
            return {}
        headers = {name.lower(): value for name, value in capture.request_headers}
        body = self._body(capture, headers) if self._paths else None
        return {label.name: self._value(label, headers, body) for label in self._labels}

    def _body(self, capture: Capture, headers: Mapping[str, str]) -> object:
        encodings = headers.get("content-encoding", "").split(",")
        content = unpack(capture.request, encodings, self._decoded_bytes)
        return bodies.parse(content, cut=True)[0]  # of a body that was kept in part, what can be read

    def _value(self, label: Label, headers: Mapping[str, str], body: object) -> str:
        value = headers.get(label.header.lower()) if label.header else None
        if value is None and label.json_path:
            value = maybe_at(body, self._paths[label.name])
        if not value:
            return label.default
        return hashed(value) if label.hashed else value[:LABEL_CHARS]


def path_steps(path: str) -> tuple[str | int, ...]:
    """Return the steps of `metadata.tags[0]`; a leading `$.` is allowed."""
    found = _STEP.findall(path.removeprefix("$"))
    return tuple(int(index) if index else key for key, index in found)


def maybe_at(body: object, steps: Sequence[str | int]) -> str | None:
    """Return the string, number or boolean at a path, as text; None where there is none."""
    for step in steps:
        if isinstance(step, str):
            body = body.get(step) if isinstance(body, dict) else None
        else:
            body = body[step] if isinstance(body, list) and step < len(body) else None
    if isinstance(body, bool):
        return str(body).lower()
    return str(body) if isinstance(body, str | int | float) else None


def hashed(value: str) -> str:
    """Return a short hash, the same in every replica. It hides a value but lets a guess be checked."""
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).hexdigest()
