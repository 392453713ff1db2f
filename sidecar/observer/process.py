"""The observer's life: listen, load, observe, reload, drain.

It listens on `channel.sock` before its watchers are loaded, and what comes meanwhile waits in the backlog, so that a
restarted observer misses as little as can be. Light on purpose: the heavy imports are `engine`'s, in a thread. It
opens `admin.sock` when it is ready.
"""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Final

import structlog

from sidecar.observer.backlog import Backlog, Origin
from sidecar.observer.collector import Collector, Worker
from sidecar.observer.errors import PartsError
from sidecar.observer.priority import step_back
from sidecar.observer.worker_totals import WorkerTotals
from sidecar.runtime import Runtime
from sidecar.settings import Settings
from sidecar.supervisor import CONFIGURATION_EXIT

if TYPE_CHECKING:
    from aiohttp.web import AppRunner

    from sidecar.observer.engine import Engine

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 8.0  # at the end, for what waits; the supervisor gives 10
SAVE_SECONDS: Final = 60.0


class Observer:
    """One observer, writing its exchange log to the file descriptor `output`."""

    def __init__(self, runtime: Runtime, settings: Settings, output: int) -> None:
        self._runtime, self._settings, self._output = runtime, settings, output
        self._backlog = Backlog(settings.observer.queue_exchanges, settings.observer.queue_bytes)
        self._totals = WorkerTotals()
        self._collector = Collector(self._backlog, self._totals.update, self._overload, self._dropped)
        self._engine: Engine | None = None
        self._dropped_early: list[tuple[str, int]] = []
        self._reload_wanted = asyncio.Event()
        self._stop_wanted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> int:
        """Serve until SIGTERM, then judge what waits; return the exit code."""
        self._loop = asyncio.get_running_loop()
        self._handle_signals(self._loop)
        server = await self._loop.create_unix_server(self._collector.server, self._runtime.channel_socket)
        try:
            engine = await asyncio.to_thread(self._load)
        except PartsError as error:
            log.error("the observer cannot start", problem=str(error))
            return CONFIGURATION_EXIT
        self._adopt(engine)
        step_back(self._settings.observer.nice)
        pages = await self._open_pages(engine)
        log.info("observer ready", watchers=engine.parts.names)
        await self._until_stopped(engine)
        server.close()
        await self._drain(engine)
        await pages.cleanup()
        return 0

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGTERM, self._stop_wanted.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_wanted.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the primary's

    def _load(self) -> "Engine":
        from sidecar.observer.engine import Engine

        return Engine(self._settings, self._output, self._backlog, self._collector, self._totals, self._settle)

    def _adopt(self, engine: "Engine") -> None:
        self._engine = engine
        for reason, captures in self._dropped_early:
            engine.dropped(reason, captures)
        engine.start()

    async def _open_pages(self, engine: "Engine") -> "AppRunner":
        from aiohttp import web

        runner = web.AppRunner(engine.pages, access_log=None)
        await runner.setup()
        await web.UnixSite(runner, self._runtime.admin_socket).start()
        return runner

    async def _until_stopped(self, engine: "Engine") -> None:
        async with asyncio.TaskGroup() as group:
            jobs = (self._reload_on_demand(engine), _save_at_times(engine), engine.ask_judge())
            helpers = [group.create_task(job) for job in jobs]
            await self._stop_wanted.wait()
            for helper in helpers:
                helper.cancel()

    async def _reload_on_demand(self, engine: "Engine") -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            await asyncio.to_thread(engine.reload, self._runtime.read)

    async def _drain(self, engine: "Engine") -> None:
        await asyncio.to_thread(engine.stop, DRAIN_SECONDS)
        await asyncio.sleep(0)  # the last settlings are callbacks of this loop
        self._collector.close()
        await asyncio.to_thread(engine.close)

    def _settle(self, origin: Origin, numbers: list[int], ledger: dict[str, int]) -> None:
        """Called in the pipeline's thread."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: the end came before the outcome
            self._loop.call_soon_threadsafe(origin.settle, numbers, ledger)

    def _overload(self, worker: Worker, number: int) -> None:
        worker.settle([number], {f"{name}\0skipped\0overload": 1 for name in self._names()})

    def _names(self) -> list[str]:
        if self._engine is not None:
            return self._engine.parts.names
        from sidecar.config.resolve import enabled_watchers

        return list(enabled_watchers(self._settings))

    def _dropped(self, reason: str, captures: int) -> None:
        if self._engine is None:
            self._dropped_early.append((reason, captures))
        else:
            self._engine.dropped(reason, captures)


async def _save_at_times(engine: "Engine") -> None:
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await asyncio.to_thread(engine.save)
