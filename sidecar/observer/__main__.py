"""`python -m sidecar.observer --runtime DIR`: started and restarted by the primary, never by hand.

Exit codes: 0 after SIGTERM, 78 where the settings cannot be used (a restart would not help).
"""

import argparse
import asyncio
import contextlib
import os
import sys

import structlog

from sidecar import logs
from sidecar.runtime import Runtime
from sidecar.supervisor import CONFIGURATION_EXIT

log = structlog.get_logger(__name__)


def main() -> int:
    """Run the observer; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.observer", description=__doc__)
    parser.add_argument("--runtime", required=True, help="the primary's runtime directory")
    runtime = Runtime(parser.parse_args().runtime)
    settings = runtime.read()
    logs.configure(settings.log.level, settings.log.format, process="observer")
    limit_threads(settings.observer.threads)
    from sidecar.observer.parts import PartsError
    from sidecar.observer.process import Observer

    try:
        observer = Observer(runtime, settings, sys.stdout.fileno())
    except PartsError as error:
        log.error("the observer cannot start", problem=str(error))
        return CONFIGURATION_EXIT
    step_back(settings.observer.nice)
    asyncio.run(observer.run())
    return 0


def limit_threads(threads: int) -> None:
    """Keep the numeric libraries to the configured threads; they read this when they are loaded."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def step_back(nice: int) -> None:
    """Let the proxy have the processor first, from now on and in every thread there is.

    Not before the models are loaded: a restarted observer should be back soon, also on a busy machine. Linux
    keeps a priority for each thread; threads started later inherit it.
    """
    for thread in map(int, os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ["0"]):
        with contextlib.suppress(OSError, AttributeError):  # not everywhere, and not allowed everywhere
            os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(nice, os.getpriority(os.PRIO_PROCESS, thread)))


if __name__ == "__main__":
    sys.exit(main())
