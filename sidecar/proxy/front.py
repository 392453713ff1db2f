"""What stands behind one listener: routes with their connections, limits, counters and the link for captures."""

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Final

import structlog

from sidecar.proxy.client import ClientConnection
from sidecar.proxy.fault import Fault
from sidecar.proxy.observer_link import ObserverLink
from sidecar.proxy.relay import Relay
from sidecar.proxy.request_head import RequestHead
from sidecar.proxy.routes import Destination, Router
from sidecar.proxy.traffic import Tally
from sidecar.proxy.upstream import Pool, UpstreamConnection
from sidecar.settings import Limits, Timeouts
from sidecar.where import where
from sidecar.wire.capture import Ending

log = structlog.get_logger("sidewatch")

SLOWEST_TICK_SECONDS: Final = 1.0
FASTEST_TICK_SECONDS: Final = 0.02

Pages = Callable[[RequestHead], bytes | None]


class Outlet:
    """One destination with its connections."""

    def __init__(self, destination: Destination, limits: Limits, tally: Tally) -> None:
        self.destination = destination
        self.pool = Pool(
            idle=limits.upstream_idle_connections,
            idle_seconds=limits.upstream_idle_seconds,
            buffer_bytes=limits.buffer_bytes,
            head_bytes=limits.response_head_bytes,
        )
        self._tally = tally

    def connection(self) -> UpstreamConnection:
        return UpstreamConnection(self.pool)

    def count(self, outcome: str) -> None:
        """Count an attempt to connect by its outcome."""
        self._tally.connects[f"{self.destination.name}\0{outcome}"] += 1


class Front:
    """The side that clients see. `pages` answers some requests itself; `link` is None where nothing is captured."""

    def __init__(
        self,
        limits: Limits,
        destinations: list[Destination],
        tally: Tally,
        *,
        link: ObserverLink | None = None,
        pages: Pages | None = None,
        unreachable: Fault = Fault.UPSTREAM_UNREACHABLE,
    ) -> None:
        self.tally = tally
        self.unreachable = unreachable
        self.draining = False
        self.clients: set[ClientConnection] = set()
        self._link = link
        self._pages = pages
        self._tasks: set[asyncio.Task[None]] = set()
        self._outlets: dict[Destination, Outlet] = {}
        self._retired: list[Outlet] = []
        self._told: set[tuple[str, str, str]] = set()
        self.configure(limits, destinations)

    def configure(self, limits: Limits, destinations: list[Destination]) -> None:
        """Use other routes and limits for the exchanges to come; those under way finish on their old ones."""
        self.limits = limits
        self._router = Router(destinations)
        self._retired += self._outlets.values()
        for outlet in self._retired:
            outlet.pool.close()
        self._outlets = {destination: Outlet(destination, limits, self.tally) for destination in destinations}
        self.client_timeouts = _most_patient([destination.timeouts for destination in destinations])
        self.tick_seconds = _tick_seconds([destination.timeouts for destination in destinations], limits)

    # Clients.

    def client(self) -> ClientConnection:
        return ClientConnection(self)

    def admit(self, client: ClientConnection) -> bool:
        """Take a new connection in, unless there are too many."""
        admitted = len(self.clients) < self.limits.client_connections
        self.clients.add(client)
        if not admitted:
            self.tally.refuse("client_connections")
        return admitted

    def tick(self) -> None:
        """Enforce the limits of time: call it every `tick_seconds`."""
        now = monotonic()
        for client in tuple(self.clients):
            try:
                client.tick(now)
            except Exception as error:  # the boundary: one client's flaw must not stop the clock of the others
                self.broke("clock", error)
                client.abort()
        for outlet in self._outlets.values():
            outlet.pool.expire(now)
        self._retired = [outlet for outlet in self._retired if outlet.pool.open]
        self.tally.client_connections = len(self.clients)

    # Exchanges.

    def began(self, relay: Relay, wire: bytes, body: bytes, whole: bool) -> None:
        """Send a request on its way."""
        self._enter()
        head = relay.head
        page = self._pages(head) if self._pages is not None else None
        if page is not None:
            relay.reply(page)
            return
        destination = self._router.find(head)
        tap = self._link.open(destination.name if destination else "", head, relay.started) if self._link else None
        if destination is None:
            relay.refuse(tap, Fault.NO_ROUTE, "no route matches the path and host", None)
        else:
            relay.begin(self._outlets[destination], tap, wire, body, whole)

    def refused(self, relay: Relay, fault: Fault, message: str, limit: str | None) -> None:
        """Answer a request whose head cannot be used. It is an exchange too: seen, counted and handed over."""
        self._enter()
        tap = self._link.open("", relay.head, relay.started) if self._link else None
        relay.refuse(tap, fault, message, limit)

    def ended(self, relay: Relay, ending: Ending, seconds: float, first_byte: float | None, added: float) -> None:
        """Count an exchange that is over."""
        tally = self.tally
        tally.in_flight -= 1
        sizes = (relay.request_bytes, relay.response_bytes)
        tally.exchange(relay.route, relay.head.method, relay.status, ending, sizes, seconds, first_byte)
        if first_byte is not None:
            tally.added(added)

    def may_connect(self) -> bool:
        """Whether one more connection to an upstream is within the limit."""
        pools = [outlet.pool for outlet in (*self._outlets.values(), *self._retired)]
        return sum(len(pool.open) for pool in pools) + len(self._tasks) < self.limits.upstream_connections

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a connection attempt; the set keeps it alive, and counts those under way."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def broke(self, part: str, error: Exception) -> None:
        """Tell of an error that is none of traffic's, once a kind and place; its message may quote traffic."""
        told = (part, type(error).__name__, where(error))
        if told not in self._told:
            self._told.add(told)
            log.error("unexpected error in the proxy", part=part, error=told[1], at=told[2])

    # The end.

    def drain(self) -> None:
        """Close idle connections; answers from here on say that they are their connection's last."""
        self.draining = True
        for client in tuple(self.clients):
            client.drain()

    def close(self) -> None:
        """Cut what is left."""
        for client in tuple(self.clients):
            client.abort()
        for outlet in (*self._outlets.values(), *self._retired):
            outlet.pool.close()

    def _enter(self) -> None:
        self.tally.seen += 1
        self.tally.in_flight += 1


def _most_patient(timeouts: list[Timeouts]) -> Timeouts:
    """Before its head is read a request has no route: the most patient of them counts."""
    return Timeouts(
        client_idle_seconds=max(t.client_idle_seconds for t in timeouts),
        client_head_seconds=max(t.client_head_seconds for t in timeouts),
    )


def _tick_seconds(timeouts: list[Timeouts], limits: Limits) -> float:
    """Fine enough that no limit is overstepped by more than a quarter."""
    shortest = [limits.upstream_idle_seconds]
    for t in timeouts:
        times = (t.first_byte_seconds, t.idle_seconds, t.total_seconds, t.client_idle_seconds, t.client_head_seconds)
        shortest += [seconds for seconds in times if seconds is not None]
    return min(SLOWEST_TICK_SECONDS, max(FASTEST_TICK_SECONDS, min(shortest) / 4))
