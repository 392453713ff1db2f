"""The proxy's end of the channel: sends captures to the observer while there is one, and keeps the ledger exact.

Nothing here waits. Frames gather for some milliseconds and leave in one write; when the observer reads too slowly
they wait up to `capture.queue_bytes`, past that captures are dropped and counted. When the observer is lost, every
exchange it had not settled is settled here, so that each exchange is counted exactly once for each watcher.
"""

import asyncio
import os
import time
from collections import deque
from typing import Final, cast
from urllib.parse import unquote_to_bytes

from sidecar.channel import HEADER, VERSION, ChannelError, FrameReader, Hello, Kind, Settled, encode
from sidecar.proxy.redact import Redactor
from sidecar.proxy.request_head import RequestHead
from sidecar.proxy.tap import CHANNEL_FULL, Tap, encode_open
from sidecar.proxy.traffic import Tally
from sidecar.settings import Capture

RETRY_SECONDS: Final = 0.1
_GATHER_SECONDS: Final = 0.05  # one write for what came within it: each one wakes the observer, and its answer us
_WRITE_BYTES: Final = 262_144  # of one write: joining more at once would stall the streams
_HIGH_WATER_BYTES: Final = 1_048_576


class Session(asyncio.Protocol):
    """One connection to the observer, from its Hello to its loss."""

    def __init__(self, link: "ObserverLink") -> None:
        self.alive = False
        self.roomy = False  # alive, and nothing waits but what gathers
        self.capture = link.capture
        self.redactor = link.redactor
        self.unsettled: set[int] = set()
        self.tail_bytes = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._link = link
        self._reader = FrameReader()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._flush_due = False
        self._congested = False

    @property
    def channel_bytes(self) -> int:
        return self._waiting_bytes + (self._transport.get_write_buffer_size() if self.alive else 0)

    @property
    def full(self) -> bool:
        """Whether what waits has reached the limit, which nothing but Close, heads and Totals may pass."""
        return self._congested and self.channel_bytes > self.capture.queue_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=min(_HIGH_WATER_BYTES, self.capture.queue_bytes))
        self.alive = self.roomy = True
        self.send(Kind.HELLO, 0, 0.0, encode(Hello(VERSION, self._link.worker, os.getpid())))
        self._link.session = self

    def connection_lost(self, _: Exception | None) -> None:
        self.alive = self.roomy = False
        self._waiting.clear()
        self._waiting_bytes = 0
        self._link.session_lost(self)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for kind, _, _, payload in self._reader.feed(data):
                if kind is not Kind.SETTLED:
                    raise ChannelError(f"{kind.name} from the observer")
                self._settle(payload)
        except ChannelError:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._congested, self.roomy = True, False

    def resume_writing(self) -> None:
        self._congested, self.roomy = False, True
        self.flush()

    def send(self, kind: Kind, number: int, seconds: float, payload: bytes) -> None:
        """Queue one frame."""
        waiting = self._waiting
        waiting.append(HEADER.pack(len(payload), kind, number, seconds))
        waiting.append(payload)
        self._waiting_bytes += HEADER.size + len(payload)
        if self._congested:
            return
        if self._waiting_bytes > _WRITE_BYTES:
            self.flush()
        elif not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._flush_gathered)

    def dropped(self, reason: str) -> None:
        self._link.tally.dropped[reason] += 1

    def close(self) -> None:
        """Close after what was written."""
        self._transport.close()

    def flush(self) -> None:
        """Write what waits, as far as the observer reads."""
        waiting = self._waiting
        while waiting and not self._congested and self.alive:
            parts, size = [], 0
            while waiting and size < _WRITE_BYTES:
                part = waiting.popleft()
                parts.append(part)
                size += len(part)
            self._waiting_bytes -= size
            self._transport.write(b"".join(parts))

    def _flush_gathered(self) -> None:
        self._flush_due = False
        self.flush()

    def _settle(self, settled: Settled) -> None:
        """Enter a batch's outcome; a watcher it says nothing of is a skip too, for every exchange has one state."""
        exchanges = set(settled.exchanges)
        if len(exchanges) != len(settled.exchanges) or not exchanges <= self.unsettled:
            raise ChannelError("settled what was not open")
        self.unsettled -= exchanges
        tally = self._link.tally
        told = dict.fromkeys(tally.watchers, 0)
        for key, count in settled.ledger.items():
            watcher = key.partition("\0")[0]
            if watcher in told:
                told[watcher] += count
                tally.ledger[key] += count
        for watcher, count in told.items():
            if count != len(exchanges):
                tally.ledger[f"{watcher}\0skipped\0unaccounted"] += len(exchanges) - count


class ObserverLink:
    """Opens taps on the current session, and finds the observer again when it was lost."""

    def __init__(self, path: str | None, worker: int, capture: Capture, tally: Tally) -> None:
        self.worker = worker
        self.tally = tally
        self.session: Session | None = None
        self._path = path
        self._number = 0
        self._closing = False
        self.configure(capture)

    def configure(self, capture: Capture) -> None:
        """Use other capture settings for the exchanges to come."""
        self.capture = capture
        self.redactor = Redactor(capture.redact_headers, capture.redact_query)
        self._excluded = tuple(path.encode() for path in capture.exclude_paths)
        if self.session is not None:
            self.session.capture, self.session.redactor = capture, self.redactor

    @property
    def unsettled(self) -> int:
        return len(self.session.unsettled) if self.session is not None else 0

    async def run(self) -> None:
        """Keep a session open until cancelled."""
        if self._path is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, session = await loop.create_unix_connection(lambda: Session(self), self._path)
                await session.lost
            except OSError:
                pass
            await asyncio.sleep(RETRY_SECONDS)

    def open(self, route: str, head: RequestHead, started: float) -> Tap | None:
        """Begin the copy of an exchange, or enter in the ledger why there is none."""
        session = self.session
        if self._path is None or not self.capture.enabled:
            self.tally.skip("disabled")
        elif self._excluded and self._is_excluded(head.target):
            self.tally.skip("excluded")
        elif session is None:
            self._miss("observer_down")
        elif session.full:
            self._miss(CHANNEL_FULL)
        else:
            return self._tap(session, route, head, started)
        return None

    def send_totals(self) -> None:
        session = self.session
        if session is not None and not (session.full and session.unsettled):
            totals = self.tally.totals(session.channel_bytes)
            session.send(Kind.TOTALS, 0, 0.0, encode(totals))

    def session_lost(self, session: Session) -> None:
        """Settle what the observer did not."""
        lost = len(session.unsettled)
        session.unsettled.clear()
        if lost:
            self.tally.skip("observer_lost", lost)
            self.tally.dropped["observer_lost"] += lost
        if self.session is session:
            self.session = None
            self.tally.observer_losses += not self._closing

    async def close(self, seconds: float) -> None:
        """Hand over what waits, give the observer `seconds` to settle it, then close."""
        deadline = time.monotonic() + seconds
        session = self.session
        while session is not None and session.alive and time.monotonic() < deadline:
            session.flush()
            if not session.unsettled and not session.channel_bytes:
                break
            await asyncio.sleep(0.01)
        self._closing = True
        if session is not None and session.alive:
            self.session_lost(session)
            self.session = session
            self.send_totals()
            session.flush()
            session.close()
            self.session = None

    def _miss(self, reason: str) -> None:
        self.tally.skip(reason)
        self.tally.dropped[reason] += 1

    def _tap(self, session: Session, route: str, head: RequestHead, started: float) -> Tap:
        self._number += 1
        session.unsettled.add(self._number)
        session.send(Kind.OPEN, self._number, 0.0, encode_open(session.redactor, route, head, time.time()))
        return Tap(session, self._number, started, head.length)

    def _is_excluded(self, target: bytes) -> bool:
        path = target.partition(b"?")[0]
        return (unquote_to_bytes(path) if b"%" in path else path).startswith(self._excluded)
