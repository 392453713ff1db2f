"""What judges and shows: parts, pipeline and pages, loaded in one go while captures already come in."""

import sys
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from sidecar.observer.admin import application
from sidecar.observer.backlog import Backlog
from sidecar.observer.collector import Collector
from sidecar.observer.errors import PartsError
from sidecar.observer.exposition import Exposition
from sidecar.observer.instruments import Instruments
from sidecar.observer.line_writer import LineWriter
from sidecar.observer.parts import Parts, Workshop, drift_state
from sidecar.observer.pipeline import Pipeline, Settle
from sidecar.observer.selftest import Selftest
from sidecar.observer.view import View
from sidecar.observer.worker_totals import WorkerTotals
from sidecar.settings import Settings

log = structlog.get_logger(__name__)

FLUSH_SECONDS: Final = 1.0


class Engine:
    """The loaded observer: `start` it, and `stop` it in the end. Raises PartsError for settings that cannot be used."""

    def __init__(
        self,
        settings: Settings,
        output: int,
        backlog: Backlog,
        collector: Collector,
        totals: WorkerTotals,
        settle: Settle,
    ) -> None:
        self._instruments = Instruments(settings.metrics.label_values, settings.metrics.series)
        self._writer = LineWriter(output, self._sink_error)
        self._workshop = Workshop(self._instruments, self._writer, colors=sys.stdout.isatty())
        self._backlog = backlog
        selftest = Selftest(self._instruments)
        self._pipeline = Pipeline(backlog, self._workshop.make(settings), self._instruments, settle, selftest)
        view = View(backlog, collector, totals, lambda: self.parts, selftest)
        self.pages: web.Application = application(view, Exposition(self._instruments, view))

    @property
    def parts(self) -> Parts:
        return self._pipeline.parts

    async def ask_judge(self) -> None:
        """Put a sample of exchanges to the judge, until cancelled; idle while none is configured."""
        await self._workshop.judge.run()

    def start(self) -> None:
        self._pipeline.start()

    def stop(self, timeout_seconds: float) -> None:
        """Judge what waits and keep the drift streams; past the timeout the rest is left."""
        if not self._pipeline.stop(timeout_seconds):
            log.warning("ended before everything was judged", waiting=len(self._backlog))
        self.save()

    def close(self) -> None:
        """Write out what is left of the exchange log."""
        if not self._writer.close(FLUSH_SECONDS):
            log.warning("ended before the exchange log was written")

    def dropped(self, reason: str, captures: int) -> None:
        self._instruments.add("sidewatch_observer_dropped_total", (reason,), captures)

    def save(self) -> None:
        """Keep the drift streams for the next start; a disk that fails is counted and told once a minute at most."""
        file, drift = drift_state(self.parts.settings), self.parts.drift
        if file is None or drift is None:
            return
        try:
            drift.save(file)
        except OSError as error:
            self._instruments.add("sidewatch_sink_errors_total", ("drift_state", type(error).__name__))
            log.error("drift streams not saved", file=str(file), problem=error.strerror)

    def reload(self, read: Callable[[], Settings]) -> None:
        """Make everything anew from the settings; what cannot be made leaves the old in place."""
        try:
            settings = read()
            parts = self._workshop.make(settings)
        except Exception as error:  # the boundary: whatever new settings bring, the old parts go on
            problem = str(error) if isinstance(error, PartsError | OSError | ValueError) else repr(error)
            log.error("settings not reloaded: the old ones go on", problem=problem)
            self._instruments.add("sidewatch_settings_reloads_total", ("refused",))
            return
        self._pipeline.parts = parts
        limits, metrics = settings.observer, settings.metrics
        self._backlog.limit_exchanges, self._backlog.limit_bytes = limits.queue_exchanges, limits.queue_bytes
        self._instruments.label_values, self._instruments.series = metrics.label_values, metrics.series
        self._instruments.add("sidewatch_settings_reloads_total", ("applied",))
        log.info("settings reloaded", watchers=parts.names)

    def _sink_error(self, kind: str) -> None:
        self._instruments.add("sidewatch_sink_errors_total", ("exchange_log", kind))
