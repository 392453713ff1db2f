"""Lines to a file descriptor from a thread of their own: a reader that stops reading costs lines, not the pipeline."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

QUEUE_BYTES: Final = 8 * 1024 * 1024
POLL_SECONDS: Final = 0.5  # how often a full pipe is tried again when it does not become writable


class LineWriter:
    """Writes whole lines in order. `on_error` gets "full" or the name of the OSError, once a lost line."""

    def __init__(self, descriptor: int, on_error: Callable[[str], None], queue_bytes: int = QUEUE_BYTES) -> None:
        self._descriptor, self._on_error, self._limit_bytes = descriptor, on_error, queue_bytes
        self._lines: deque[bytes] = deque()
        self._held_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="exchange-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue one line with its newline; past the bound it is dropped and counted."""
        with self._changed:
            full = self._held_bytes + len(line) > self._limit_bytes
            if not full:
                self._lines.append(line)
                self._held_bytes += len(line)
                self._changed.notify_all()
        if full:
            self._on_error("full")

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything queued is written; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._held_bytes, timeout_seconds)

    def close(self, timeout_seconds: float) -> bool:
        """Flush and end the thread; what cannot be written in time is lost."""
        flushed = self.flush(timeout_seconds)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_seconds)
        return flushed

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closing)
                if self._closing:
                    return
                line = self._lines.popleft()
            try:
                self._write(line)
            except OSError as error:
                self._on_error(type(error).__name__)
            with self._changed:
                self._held_bytes -= len(line)
                self._changed.notify_all()

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        while left and not self._closing:
            select.select([], [self._descriptor], [], POLL_SECONDS)
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # the descriptor is shared and someone made it non-blocking
                continue
