"""A further worker of `--workers N`: `python -m sidecar.proxy --runtime DIR --worker K`, started by the primary.

SIGTERM drains and ends with 0; SIGHUP reads the settings again, which the primary has rewritten by then.
"""

import argparse
import asyncio
import signal

import structlog
import uvloop

from sidecar import logs
from sidecar.config.resolve import enabled_watchers
from sidecar.proxy.worker import RouteError, Worker
from sidecar.runtime import Runtime

_log = structlog.get_logger("sidewatch.worker")


async def _run(runtime: Runtime, number: int) -> None:
    settings = runtime.read()
    directory = runtime.directory if settings.observer.enabled else None
    watchers = enabled_watchers(settings)
    worker = Worker(settings, number=number, runtime=directory, watchers=watchers, serve_admin=False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, runtime, worker)
    await worker.start()
    await stop.wait()
    await worker.drain()


def _reload(runtime: Runtime, worker: Worker) -> None:
    try:
        settings = runtime.read()
        worker.reload(settings, enabled_watchers(settings))
    except (OSError, ValueError, RouteError) as error:
        _log.error("reload failed: the running configuration goes on", error=str(error))


def main() -> None:
    """Run one worker until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.proxy", description="One further proxy worker.")
    parser.add_argument("--runtime", required=True, help="the primary's runtime directory")
    parser.add_argument("--worker", type=int, required=True, help="this worker's number")
    arguments = parser.parse_args()
    runtime = Runtime(arguments.runtime)
    log = runtime.read().log
    logs.configure(log.level, log.format, process=f"proxy {arguments.worker}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(runtime, arguments.worker))


if __name__ == "__main__":
    main()
