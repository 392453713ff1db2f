"""The observer's place behind the proxy: threads of the numeric libraries, and who has the processor first."""

import contextlib
import os


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
