"""One proxy process's life: listen, reload, drain. `sidecar.serve` drives worker 0, `__main__` the further ones.

    worker = Worker(settings, number=0, runtime="/run/dir", watchers=("toxicity", "pii"), serve_admin=True)
    started = await worker.start()          # started.listen, started.admin: (host, port) really bound
    worker.reload(new_settings)             # routes, timeouts, limits, capture; returns what needs a restart
    await worker.drain()                    # stop accepting, finish open exchanges up to the grace period

It installs no signal handler and sets up no logging: the caller does. `runtime` is the directory with
`channel.sock` and `admin.sock` of the observer, None where there is no observer: then traffic passes all the same.
With several workers each binds the same port with SO_REUSEPORT, so the caller gives the further workers the port that
worker 0 reports, not 0.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sidecar.channel import Totals
from sidecar.config.resolve import all_routes, split_address
from sidecar.proxy.admin import observer_pages, probe_pages
from sidecar.proxy.fault import Fault
from sidecar.proxy.front import Front
from sidecar.proxy.observer_link import ObserverLink
from sidecar.proxy.routes import RouteError, destinations
from sidecar.proxy.traffic import Tally
from sidecar.settings import Limits, Settings

BACKLOG: Final = 4096  # connections not yet accepted; the kernel caps it at net.core.somaxconn
TOTALS_SECONDS: Final = 1.0
LINK_SECONDS: Final = 1.0  # at most, for the first connection to an observer that is there
AGAIN_SECONDS: Final = 1.0  # before work that broke begins again
SETTLE_SECONDS: Final = 2.0  # for the observer to settle the last exchanges of a drained worker
_RESTART_ONLY: Final = ("listen", "admin", "workers")


@dataclass(frozen=True, slots=True)
class Started:
    """The addresses really bound; `admin` is None where this worker does not serve the admin port."""

    listen: tuple[str, int]
    admin: tuple[str, int] | None


class Worker:
    """A proxy process: its listeners, routes, counters and the link to the observer."""

    def __init__(
        self,
        settings: Settings,
        *,
        number: int = 0,
        runtime: str | None = None,
        watchers: tuple[str, ...] = (),
        serve_admin: bool = True,
    ) -> None:
        self._settings = settings
        self._tally = Tally(number, os.getpid(), watchers)
        self._channel = os.path.join(runtime, "channel.sock") if runtime else None
        self._link = ObserverLink(self._channel, number, settings.capture, self._tally)
        self._front = Front(settings.limits, destinations(all_routes(settings)), self._tally, link=self._link)
        self._admin = self._admin_front(runtime) if serve_admin else None
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Started:
        """Bind and accept. Raises OSError where an address cannot be bound."""
        shared = self._settings.workers > 1
        sock = _bind(self._settings.listen, shared=shared)
        admin_sock = None
        if self._admin is not None:
            try:
                admin_sock = _bind(self._settings.admin, shared=False)
            except OSError:
                sock.close()
                raise
        listen, admin = _address(sock), _address(admin_sock) if admin_sock is not None else None
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unhandled)
        lasting = (("observer link", self._link.run), ("clock", self._tick), ("report", self._report))
        self._tasks = [loop.create_task(self._keep(part, work)) for part, work in lasting]
        await self._until_linked()
        await self._listen(self._front, sock)
        if self._admin is not None and admin_sock is not None:
            await self._listen(self._admin, admin_sock)
        return Started(listen, admin)

    def reload(self, settings: Settings, watchers: tuple[str, ...] | None = None) -> list[str]:
        """Apply what can be applied live; return the names of changed settings that need a restart.

        Raises RouteError, having changed nothing.
        """
        routes = destinations(all_routes(settings))
        old, self._settings = self._settings, settings
        self._front.configure(settings.limits, routes)
        self._link.configure(settings.capture)
        if watchers is not None:
            self._tally.watch(watchers, self._link.unsettled)
        return [name for name in _RESTART_ONLY if getattr(old, name) != getattr(settings, name)]

    def reload_refused(self) -> None:
        """Count a configuration that could not be used."""
        self._tally.reloads_refused += 1

    async def drain(self) -> None:
        """Stop accepting, finish open exchanges up to `limits.grace_seconds`, hand the last captures over, close."""
        self._servers[0].close()
        self._front.drain()
        deadline = time.monotonic() + self._settings.limits.grace_seconds
        while self._front.clients and time.monotonic() < deadline:  # noqa: ASYNC110 (once in a process's life)
            await asyncio.sleep(0.02)
        self._front.close()
        await self._link.close(SETTLE_SECONDS)
        for server in self._servers[1:]:
            server.close()
        if self._admin is not None:
            self._admin.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def totals(self) -> Totals:
        """Return the cumulative figures of this worker."""
        session = self._link.session
        return self._tally.totals(session.channel_bytes if session is not None else 0)

    async def _until_linked(self) -> None:
        """Give an observer that is up a moment, so that the very first exchange is watched, too."""
        deadline = time.monotonic() + LINK_SECONDS
        while self._link.session is None and self._observer_is_up() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    def _observer_is_up(self) -> bool:
        return self._channel is not None and os.path.exists(self._channel)

    async def _listen(self, front: Front, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(front.client, sock=sock, backlog=BACKLOG))

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Have what escaped a callback told in the application log: in its form, and without any text of traffic."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self._front.broke(context.get("message", "event loop"), error)
        else:
            loop.default_exception_handler(context)

    async def _keep(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Begin again what was not to end: without its clock no timeout of a worker would hold."""
        while True:
            try:
                return await work()
            except Exception as error:  # the boundary of what runs for the whole of a worker's life
                self._front.broke(part, error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._front.tick_seconds)
            self._front.tick()
            if self._admin is not None:
                self._admin.tick()

    async def _report(self) -> None:
        while True:
            self._link.send_totals()
            await asyncio.sleep(TOTALS_SECONDS)

    def _admin_front(self, runtime: str | None) -> Front:
        path = os.path.join(runtime, "admin.sock") if runtime else os.devnull
        pages = probe_pages(lambda: not self._front.draining, lambda: self._link.session is not None)
        tally = Tally(0, 0, ())  # visits to the admin port are no traffic
        return Front(Limits(), [observer_pages(path)], tally, pages=pages, unreachable=Fault.OBSERVER_AWAY)


def _bind(address: str, *, shared: bool) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _address(sock: socket.socket) -> tuple[str, int]:
    host, port = sock.getsockname()[:2]
    return host, port


__all__ = ["RouteError", "Started", "Worker"]
