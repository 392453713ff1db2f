"""The observer's life: load, listen, observe, reload, drain.

It listens on `channel.sock` only when its watchers are loaded: whoever waits for the socket has a ready observer.
"""

import asyncio
import contextlib
import signal
import sys
from typing import Final

import structlog
from aiohttp import web

from sidecar.observer.admin import application
from sidecar.observer.backlog import Backlog, Origin
from sidecar.observer.collector import Collector, Worker
from sidecar.observer.exposition import Exposition
from sidecar.observer.instruments import Instruments
from sidecar.observer.line_writer import LineWriter
from sidecar.observer.outcome import Coverage, State
from sidecar.observer.parts import PartsError, Workshop, drift_state
from sidecar.observer.pipeline import Pipeline
from sidecar.observer.view import View
from sidecar.observer.worker_totals import WorkerTotals
from sidecar.runtime import Runtime
from sidecar.settings import Settings
from watchers.watcher import Skip

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 8.0  # at the end, for what waits; the supervisor gives 10
FLUSH_SECONDS: Final = 1.0
SAVE_SECONDS: Final = 60.0
OVERLOAD: Final = Coverage(State.SKIPPED, Skip.OVERLOAD)


class Observer:
    """One observer. Raises PartsError where the settings cannot be used."""

    def __init__(self, runtime: Runtime, settings: Settings, output: int) -> None:
        self._runtime = runtime
        self._instruments = Instruments(settings.metrics.label_values, settings.metrics.series)
        self._writer = LineWriter(output, self._sink_error)
        self._workshop = Workshop(self._instruments, self._writer, colors=sys.stdout.isatty())
        self._backlog = Backlog(settings.observer.queue_exchanges, settings.observer.queue_bytes)
        self._totals = WorkerTotals()
        self._collector = Collector(self._backlog, self._totals.update, self._overload, self._dropped)
        self._pipeline = Pipeline(self._backlog, self._workshop.make(settings), self._instruments, self._settle)
        self._view = View(self._backlog, self._collector, self._totals, lambda: self._pipeline.parts)
        self._exposition = Exposition(self._instruments, self._view)
        self._reload_wanted = asyncio.Event()
        self._stop_wanted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Serve until SIGTERM, then judge what waits and end."""
        self._loop = asyncio.get_running_loop()
        self._handle_signals(self._loop)
        runner = web.AppRunner(application(self._view, self._exposition), access_log=None)
        await runner.setup()
        await web.UnixSite(runner, self._runtime.admin_socket).start()
        self._pipeline.start()
        server = await self._loop.create_unix_server(self._collector.server, self._runtime.channel_socket)
        log.info("observer ready", watchers=self._pipeline.parts.names)
        await self._until_stopped()
        server.close()
        await self._drain()
        await runner.cleanup()

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGTERM, self._stop_wanted.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_wanted.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the primary's

    async def _until_stopped(self) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._reload_on_demand()), group.create_task(self._save_at_times())]
            await self._stop_wanted.wait()
            for helper in helpers:
                helper.cancel()

    async def _save_at_times(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await asyncio.to_thread(self._save)

    def _save(self) -> None:
        """Keep the drift streams for the next start; a disk that fails is counted and told once a minute at most."""
        parts = self._pipeline.parts
        file = drift_state(parts.settings)
        if file is None or parts.drift is None:
            return
        try:
            parts.drift.save(file)
        except OSError as error:
            self._instruments.add("sidewatch_sink_errors_total", ("drift_state", type(error).__name__))
            log.error("drift streams not saved", file=str(file), problem=error.strerror)

    async def _reload_on_demand(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            result = await asyncio.to_thread(self._reload)
            self._instruments.add("sidewatch_settings_reloads_total", (result,))

    def _reload(self) -> str:
        """Make everything anew from the settings; what cannot be made leaves the old in place."""
        try:
            settings = self._runtime.read()
            parts = self._workshop.make(settings)
        except (PartsError, OSError, ValueError) as error:
            log.error("settings not reloaded: the old ones go on", problem=str(error))
            return "refused"
        self._pipeline.parts = parts
        limits, metrics = settings.observer, settings.metrics
        self._backlog.limit_exchanges, self._backlog.limit_bytes = limits.queue_exchanges, limits.queue_bytes
        self._instruments.label_values, self._instruments.series = metrics.label_values, metrics.series
        log.info("settings reloaded", watchers=parts.names)
        return "applied"

    async def _drain(self) -> None:
        if not await asyncio.to_thread(self._pipeline.stop, DRAIN_SECONDS):
            log.warning("ended before everything was judged", waiting=len(self._backlog))
        await asyncio.to_thread(self._save)
        await asyncio.sleep(0)  # the last settlings are callbacks of this loop
        self._collector.close()
        if not await asyncio.to_thread(self._writer.close, FLUSH_SECONDS):
            log.warning("ended before the exchange log was written")

    def _settle(self, origin: Origin, numbers: list[int], ledger: dict[str, int]) -> None:
        """Called in the pipeline's thread."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: the end came before the outcome
            self._loop.call_soon_threadsafe(origin.settle, numbers, ledger)

    def _overload(self, worker: Worker, number: int) -> None:
        worker.settle([number], {OVERLOAD.key(name): 1 for name in self._pipeline.parts.names})

    def _dropped(self, reason: str, captures: int) -> None:
        self._instruments.add("sidewatch_observer_dropped_total", (reason,), captures)

    def _sink_error(self, kind: str) -> None:
        self._instruments.add("sidewatch_sink_errors_total", ("exchange_log", kind))
