"""Keeps one child process running: started again when it dies, later each time, never given up.

Children die with the primary (Linux: parent-death signal), live in process groups of their own so that Ctrl-C in a
terminal reaches the primary only (not in sessions: Linux may share the processor out by session, and then a child's
niceness would not count against the primary), write to the primary's stdout and stderr, and make themselves the kernel's first choice when
memory runs out: an observer may be lost, the traffic not.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from sidecar.usage import resident_bytes

FIRST_DELAY_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 30.0  # a child that lived this long is no crash loop: the delay begins anew
MEMORY_CHECK_SECONDS: Final = 1.0
CONFIGURATION_EXIT: Final = 78  # EX_CONFIG of sysexits.h: the configuration or a model cannot be used
_OOM_SCORE: Final = 800  # of 1000
_PR_SET_PDEATHSIG: Final = 1

_log = structlog.get_logger("sidewatch")


class Child:
    """One supervised process. `run` is its whole life; cancel nothing, call `stop`."""

    def __init__(self, name: str, arguments: Sequence[str], memory_limit_bytes: int = 0) -> None:
        self.name = name
        self.exits = 0
        self.last_exit_code: int | None = None
        self.ended_once = asyncio.Event()
        self._arguments = [sys.executable, *arguments]
        self._memory_limit_bytes = memory_limit_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._hurry = asyncio.Event()  # ends the wait for the next start

    @property
    def pid(self) -> int | None:
        """The running process's id, None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Start the process and start it again whenever it ends, until `stop`."""
        delay = FIRST_DELAY_SECONDS
        while not self._stopping:
            began = time.monotonic()
            await self._run_once()
            if self._stopping:
                return
            lived = time.monotonic() - began
            delay = self._delay(delay, lived)
            _log.warning(
                f"{self.name} ended: starting it again",
                code=self.last_exit_code,
                lived_seconds=round(lived, 3),
                again_in_seconds=delay,
                exits=self.exits,
            )
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), delay)

    def _delay(self, last: float, lived_seconds: float) -> float:
        if self.last_exit_code == CONFIGURATION_EXIT:
            return LONGEST_DELAY_SECONDS  # nothing will change until the configuration does
        if lived_seconds > STEADY_SECONDS or self.exits == 1:
            return FIRST_DELAY_SECONDS
        return next_delay(last)

    async def _run_once(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                preexec_fn=prepare(os.getpid()),
            )
        except OSError as error:
            _log.error(f"{self.name} cannot be started", error=str(error))
            self.last_exit_code = None
        else:
            self._process = process
            if self._stopping:  # since before there was a process to tell
                self.signal(signal.SIGTERM)
            self.last_exit_code = await self._wait(process)
        self.exits += 1
        self.ended_once.set()

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        ended = asyncio.ensure_future(process.wait())
        while not (await asyncio.wait({ended}, timeout=MEMORY_CHECK_SECONDS))[0]:
            used_bytes = resident_bytes(process.pid)
            if self._memory_limit_bytes and used_bytes > self._memory_limit_bytes:
                _log.error(f"{self.name} is over its memory limit: ended", bytes=used_bytes)
                self.signal(signal.SIGKILL)
        return ended.result()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process to get it."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def reload(self) -> None:
        """Tell it that its settings were rewritten; one that waits to be started again is started now."""
        self.signal(signal.SIGHUP)
        self._hurry.set()

    async def stop(self, patience_seconds: float) -> None:
        """Ask it to end and wait; past `patience_seconds` it is killed."""
        self._stopping = True
        self._hurry.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), patience_seconds)
        except TimeoutError:
            _log.warning(f"{self.name} did not end in time: killed", patience_seconds=patience_seconds)
            self.signal(signal.SIGKILL)
            await process.wait()


def next_delay(delay: float) -> float:
    """Return the wait after one more crash: twice as long, up to the longest."""
    return min(delay * 2, LONGEST_DELAY_SECONDS)


def prepare(parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes another program: die with its parent, be the first to go, not with Ctrl-C."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def in_child() -> None:
        os.setpgid(0, 0)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write(str(_OOM_SCORE))

    return in_child
