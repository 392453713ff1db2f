"""What a wire format has to say for itself: one class a format, fed with parsed pieces, writing into a builder.

The driver (`decode`) undoes encodings and framings and calls, in this order: `request` once with the parsed request
body; then either `response` with a whole JSON document, or `event` for each piece of a stream, or `error` when the
status says so, or `response_bytes` for what is not JSON; then `end`. A format whose streamed pieces look like its
whole response defines only `response`, and `event` calls it. No method may raise on wrong types: use the getters of
`json_text`. (The driver catches what does, and the exchange is then marked `decoder_failed`.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sidecar.wire import json_text, provider_error
from sidecar.wire.builder import ExchangeBuilder
from sidecar.wire.exchange import Operation

KEEP_ALIVES: Final = ("ping", "heartbeat", "keepalive", "keep-alive")  # SSE events whose data need not be JSON


@dataclass(frozen=True, slots=True)
class Call:
    """What surrounds the bodies. Header names are in lower case; of repeated ones the last counts."""

    method: str = "POST"
    path: str = "/"  # raw: percent-encoded, without the query
    query: Mapping[str, str] = field(default_factory=dict)  # decoded; of repeated names the last counts
    request_headers: Mapping[str, str] = field(default_factory=dict)
    response_headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    response_size_bytes: int = 0  # of the whole body on the wire, also where less was captured


class Decoder:
    """The base of every format: override what the format has; `self.exchange` is the builder to write into."""

    name: ClassVar[str] = "unknown"
    provider: ClassVar[str] = "unknown"  # where neither host, path nor body tells
    operation: ClassVar[Operation] = Operation.UNKNOWN
    streams_array: ClassVar[bool] = False  # a top-level JSON array is a stream of events (Gemini without alt=sse)
    streams_lines: ClassVar[bool] = False  # JSON lines, even a single one, are a stream of events (Ollama)

    def __init__(self, call: Call) -> None:
        """Begin one exchange; a format that overrides this keeps it free of I/O and cheap."""
        self.call = call
        self.done = False  # the stream said so with `[DONE]`; set by whoever takes the stream apart
        self.exchange = ExchangeBuilder(self.name, self.operation, self.provider)

    def request(self, body: Any) -> None:
        """Read the parsed request body: JSON, or a form as an object of strings and multipart.File."""

    def request_bytes(self, data: bytes) -> None:
        """Read a request body that is neither JSON nor a form; the base ignores it."""

    def response(self, body: Any) -> None:
        """Read a whole JSON response of status < 400."""

    def event(self, name: str, data: Any) -> None:  # noqa: ARG002
        """Read one parsed piece of a stream: an SSE event, a JSON line, an array's item or an event-stream message.

        `name` is the SSE `event:` field or the `:event-type` header, else "". `data` that is not JSON comes as text.
        """
        self.response(data)

    def piece(self, name: str, data: bytes) -> None:
        """Read one piece of a stream as bytes; the base parses it and calls `event`."""
        try:
            parsed = json_text.load(data)
        except json_text.JsonError:
            if name in KEEP_ALIVES or not data.strip():
                return
            parsed = data.decode("utf-8", "replace")
            if name != "error":
                self.exchange.fail_decoding("bad_event")
        self.event(name, parsed)
        if isinstance(parsed, dict) and "error" in parsed:  # any gateway may write its own into any format's stream
            self.take_error(parsed, in_stream=True)
        elif name == "error":  # the event's name alone says so; a format that knows its errors has taken it already
            self.take_named_error(parsed)

    def exception(self, name: str, data: bytes) -> None:
        """Read an exception or error message of a binary event stream (the status was 200 long ago)."""
        body = json_text.maybe_load(data)
        self.exchange.fail(name or None, json_text.text(body, "message"), in_stream=True)

    def client_message(self, data: Any) -> None:
        """Read one parsed WebSocket message of the client; text that is not JSON comes as text."""
        if isinstance(data, dict):
            self.request(data)

    def server_message(self, data: Any) -> None:
        """Read one parsed WebSocket message of the server."""
        self.event("", data)

    def response_bytes(self, data: bytes) -> None:
        """Read a whole response that is not JSON (or too broken to be); `error` answers never come here."""
        if self.exchange.complete:
            self.exchange.fail_decoding("bad_json" if data.lstrip().startswith((b"{", b"[")) else "not_json")

    def error(self, body: Any) -> None:
        """Read the body of an answer of status >= 400: parsed JSON, else text."""
        found = provider_error.find(body, self.call.status)
        self.exchange.fail(found.type, found.message)

    def take_error(self, body: Any, *, in_stream: bool = False) -> bool:
        """Record the error that a body or event announces under "error"; return whether there was one."""
        found = provider_error.maybe_find(body, in_stream=in_stream)
        if found is not None:
            self.exchange.fail(found.type, found.message, in_stream=in_stream)
        return found is not None

    def take_named_error(self, data: Any) -> None:
        """Record the error of a stream's event that is called `error`: its data is flat fields, or text."""
        found = provider_error.named(data)
        self.exchange.fail(found.type, found.message, in_stream=True)

    def end(self) -> None:
        """Finish: called once after the last piece, also when the response was cut."""
