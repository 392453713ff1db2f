"""The primary process: worker 0 of the proxy, and the supervisor of the observer and the further workers.

Light on purpose (its memory is the proxy's): no watcher, no decoder, no HTTP library. Signals: SIGTERM and SIGINT
drain and end with 0, a second one ends at once; SIGHUP reloads, as does a change of the configuration file.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog
import uvloop

from sidecar import __version__, config, logs
from sidecar.config.change import Fingerprint, fingerprint
from sidecar.config.reload import diff
from sidecar.config.resolve import all_routes, enabled_watchers, join_address
from sidecar.errors import CommandError
from sidecar.proxy.worker import RouteError, Started, Worker
from sidecar.runtime import Runtime
from sidecar.settings import Settings
from sidecar.supervisor import CONFIGURATION_EXIT, Child

FIRST_START_SECONDS: Final = 15.0  # the observer loads its models; past it traffic is let in without
FILE_POLL_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 0.1
OBSERVER_PATIENCE_SECONDS: Final = 10.0  # to settle what it still holds

_log = structlog.get_logger("sidewatch")


class StartError(CommandError):
    """Sidewatch cannot start: the message says what to change."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the settings come from, so that they can be loaded again."""

    file: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[tuple[str, str, str], ...] = ()

    def load(self) -> Settings:
        """Return the settings. Raises ConfigError. Blocks on the file."""
        return config.load(self.file, self.environ, self.flags)


class Primary:
    """One running Sidewatch: `run` returns when it has drained."""

    def __init__(self, source: Source, settings: Settings, runtime: Runtime) -> None:
        self._source, self._settings, self._runtime = source, settings, runtime
        self._reload_wanted = asyncio.Event()
        self._stop_wanted = asyncio.Event()
        self._children: list[Child] = []
        with_observer = settings.observer.enabled
        watchers = enabled_watchers(settings)
        try:
            self._worker = Worker(settings, runtime=runtime.directory if with_observer else None, watchers=watchers)
        except RouteError as error:
            raise StartError(str(error), 2) from error

    async def run(self) -> None:
        """Start, serve until a signal, drain. Raises StartError, having undone everything."""
        self._handle_signals()
        seen = await asyncio.to_thread(fingerprint, self._source.file)
        try:
            async with asyncio.TaskGroup() as group:
                await self._start(group)
                helpers = [group.create_task(self._reload_on_demand()), group.create_task(self._watch_file(seen))]
                await self._stop_wanted.wait()
                for helper in helpers:
                    helper.cancel()
                await self._drain()
        except* StartError as group_of_errors:
            raise group_of_errors.exceptions[0] from None

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload_wanted.set)

    def _stop(self, number: signal.Signals) -> None:
        if self._stop_wanted.is_set():
            _log.warning("second signal: ending at once", signal=number.name)
            self._end_at_once(number)
        self._stop_wanted.set()
        _log.info("draining", signal=number.name, grace_seconds=self._settings.limits.grace_seconds)

    def _end_at_once(self, number: signal.Signals) -> None:
        for child in self._children:
            child.signal(signal.SIGKILL)
        self._runtime.remove()
        os._exit(128 + number)

    async def _start(self, group: asyncio.TaskGroup) -> None:
        self._runtime.write(self._settings)
        try:
            await self._start_observer(group)
            started = await self._start_worker()
        except StartError:
            await self._stop_children(0.5)
            raise
        self._settings = msgspec.structs.replace(self._settings, listen=join_address(*started.listen))
        self._runtime.write(self._settings)
        for number in range(1, self._settings.workers):
            arguments = ["-m", "sidecar.proxy", "--runtime", self._runtime.directory, "--worker", str(number)]
            self._supervise(group, Child(f"worker {number}", arguments))
        self._announce(started)

    def _supervise(self, group: asyncio.TaskGroup, child: Child) -> None:
        self._children.append(child)
        group.create_task(child.run())

    async def _start_observer(self, group: asyncio.TaskGroup) -> None:
        """Let the observer come up before traffic, so that the first exchange is watched; but never wait for ever."""
        settings = self._settings.observer
        if not settings.enabled:
            return
        arguments = ["-m", "sidecar.observer", "--runtime", self._runtime.directory]
        child = Child("observer", arguments, memory_limit_bytes=settings.memory_limit_bytes)
        self._supervise(group, child)
        deadline = time.monotonic() + FIRST_START_SECONDS
        while not self._runtime.observer_ready() and not self._stop_wanted.is_set():
            if child.ended_once.is_set():
                if child.last_exit_code == CONFIGURATION_EXIT:
                    raise StartError("the observer cannot use its settings or models: its message is above", 2)
                return
            if time.monotonic() > deadline:
                _log.warning("the observer is not up: traffic is let in without it", seconds=FIRST_START_SECONDS)
                return
            await asyncio.sleep(0.02)

    async def _start_worker(self) -> Started:
        try:
            return await self._worker.start()
        except OSError as error:
            listen, admin = self._settings.listen, self._settings.admin
            remedy = "choose another port (0 picks a free one), or end the process that holds it"
            raise StartError(f"cannot listen on {listen} and {admin}: {error.strerror or error}; {remedy}") from error

    def _announce(self, started: Started) -> None:
        proxy = "http://" + join_address(*started.listen)
        admin = "http://" + join_address(*started.admin) if started.admin else None
        routes = {route.name: route for route in all_routes(self._settings)}
        first = next(iter(routes.values())).upstream if len(routes) == 1 else f"{len(routes)} routes"
        with contextlib.suppress(OSError):  # nobody reads it
            sys.stderr.write(f"sidewatch: proxy {proxy} → {first}  admin {admin}\n")
            sys.stderr.flush()
        _log.info(
            "serving",
            version=__version__,
            proxy=proxy,
            admin=admin,
            routes={name: route.upstream for name, route in routes.items()},
            watchers=list(enabled_watchers(self._settings)),
            workers=self._settings.workers,
            pid=os.getpid(),
        )

    async def _watch_file(self, seen: Fingerprint) -> None:
        """Ask for a reload when the file is another one, and has settled: it may be in the middle of being written."""
        before = seen
        while self._source.file is not None:
            await asyncio.sleep(FILE_POLL_SECONDS if before == seen else SETTLE_SECONDS)
            now = await asyncio.to_thread(fingerprint, self._source.file)
            if now == before and now not in (seen, None):
                seen = now
                self._reload_wanted.set()
            before = now

    async def _reload_on_demand(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            try:
                await self._reload()
            except (config.ConfigError, RouteError) as error:
                problems = error.problems if isinstance(error, config.ConfigError) else [error]
                _log.error("configuration refused: the running one goes on", problems=[str(each) for each in problems])
                self._worker.reload_refused()
            except Exception:  # whatever a reload stumbles over, traffic goes on
                _log.exception("reload failed: the running configuration goes on")
                self._worker.reload_refused()

    async def _reload(self) -> None:
        changes = diff(self._settings, await asyncio.to_thread(self._loaded_again))
        if not changes:
            _log.info("configuration unchanged")
            return
        self._worker.reload(changes.settings, enabled_watchers(changes.settings))  # first: it may refuse a route
        self._settings = changes.settings
        self._runtime.write(self._settings)
        logs.configure(self._settings.log.level, self._settings.log.format, process="proxy")
        for child in self._children:
            child.reload()
        _log.info("configuration reloaded", applied=changes.applied, needs_restart=changes.needs_restart)

    def _loaded_again(self) -> Settings:
        """Return the settings anew. Port 0 stands for the port that was picked."""
        new = self._source.load()
        return msgspec.structs.replace(new, listen=self._settings.listen) if new.listen.endswith(":0") else new

    async def _drain(self) -> None:
        """Finish open exchanges, then let the observer settle what it holds: it goes last."""
        workers = [child for child in self._children if child.name != "observer"]
        grace = self._settings.limits.grace_seconds
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.stop(grace + 5.0))
            group.create_task(self._worker.drain())
        await self._stop_children(OBSERVER_PATIENCE_SECONDS)
        _log.info("drained")

    async def _stop_children(self, patience_seconds: float) -> None:
        for child in self._children:
            await child.stop(patience_seconds)


async def _serve(source: Source, settings: Settings) -> None:
    try:
        runtime = Runtime.make()
    except OSError as error:
        remedy = "mount a writable directory, an emptyDir for example, and name it in TMPDIR"
        raise StartError(f"the temporary directory cannot be used: {error.strerror}; {remedy}") from error
    try:
        await Primary(source, settings, runtime).run()
    finally:
        runtime.remove()


def serve(source: Source) -> None:
    """Run Sidewatch until a signal ends it. Raises ConfigError and StartError."""
    settings = source.load()
    logs.configure(settings.log.level, settings.log.format, process="proxy")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(source, settings))
