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
    step_back(settings.observer.nice, settings.observer.threads)
    # Only now, because numpy and onnxruntime read the number of threads when they are loaded.
    from sidecar.observer.parts import PartsError
    from sidecar.observer.process import Observer

    try:
        observer = Observer(runtime, settings, sys.stdout.fileno())
    except PartsError as error:
        log.error("the observer cannot start", problem=str(error))
        return CONFIGURATION_EXIT
    asyncio.run(observer.run())
    return 0


def step_back(nice: int, threads: int) -> None:
    """Let the proxy have the processor first, and keep the numeric libraries to the configured threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with contextlib.suppress(OSError, AttributeError):  # not everywhere, and not allowed everywhere
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))


if __name__ == "__main__":
    sys.exit(main())
