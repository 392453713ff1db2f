"""A wire tap: a TCP relay between a client and the proxy that keeps each connection's bytes, both ways."""

import asyncio
import contextlib
import ssl
import threading
from dataclasses import dataclass, field

import httptools

PATIENCE_SECONDS = 20


@dataclass
class Connection:
    """What the client sent (`up`) and received (`down`), exactly, and whether it has `left`."""

    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    left: bool = False


@dataclass
class Heard:
    """One HTTP message, parsed from tapped bytes: `first` is the target of a request, the status of a response."""

    first: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False


class Tap:
    """Relays a free port to `target_port`; `connections` grows by one for each client connection."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.connections: list[Connection] = []
        self.changed = threading.Condition()
        self.port = 0

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen; with `tls`, end it here."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection()
        self.connections.append(connection)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        up = asyncio.ensure_future(self._copy(reader, to_writer, connection.up))
        up.add_done_callback(lambda _: self._note_left(connection))
        await asyncio.gather(up, self._copy(to_reader, writer, connection.down))

    def _note_left(self, connection: Connection) -> None:
        with self.changed:
            connection.left = True
            self.changed.notify_all()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                with self.changed:
                    record += data
                    self.changed.notify_all()
                writer.write(data)
                await writer.drain()
        writer.close()

    def heard(self) -> tuple[list[Heard], list[Heard]]:
        """Return all requests and responses so far, in order of their connections."""
        requests = [message for each in self.connections for message in parse(each.up, httptools.HttpRequestParser)]
        responses = [message for each in self.connections for message in parse(each.down, httptools.HttpResponseParser)]
        return requests, responses

    def answered(self, requests: int) -> bool:
        """Wait until as many requests have answers, whole or as much as the client stayed for; return whether they have.

        Some clients leave on `[DONE]`, before the chunk that ends the body has come.
        """
        with self.changed:
            return self.changed.wait_for(lambda: self._whole() >= requests, timeout=PATIENCE_SECONDS)

    def _whole(self) -> int:
        answers = [(each, parse(each.down, httptools.HttpResponseParser)) for each in self.connections]
        return sum(message.whole or each.left for each, messages in answers for message in messages)

    def reset(self) -> None:
        self.connections = []


class _Listener:
    """httptools' callbacks, gathered into Heard messages."""

    def __init__(self, messages: list[Heard]) -> None:
        self._messages = messages
        self.parser: httptools.HttpResponseParser | None = None

    def on_message_begin(self) -> None:
        self._messages.append(Heard())

    def on_url(self, url: bytes) -> None:
        self._messages[-1].first += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._messages[-1].headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if isinstance(self.parser, httptools.HttpResponseParser):
            self._messages[-1].first = str(self.parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        self._messages[-1].body += body

    def on_message_complete(self) -> None:
        self._messages[-1].whole = True


def parse(data: bytearray, parser_type: type) -> list[Heard]:
    """Return the HTTP messages in one direction of a connection."""
    messages: list[Heard] = []
    listener = _Listener(messages)
    listener.parser = parser_type(listener)
    with contextlib.suppress(httptools.HttpParserUpgrade):
        listener.parser.feed_data(bytes(data))
    return messages
