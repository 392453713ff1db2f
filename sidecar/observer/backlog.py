"""The exchanges that wait to be judged: bounded by number and bytes, newest refused when full.

The bytes of captures still being received count too, so that one bound holds for everything between the
channel and the pipeline. The collector puts on the event loop; the pipeline takes in its thread.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.wire.capture import Capture


class Origin(Protocol):
    """Where an exchange came from and its settling goes to."""

    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """One capture on its way to the pipeline. `incomplete` says why the worker did not hand over all of it."""

    capture: Capture
    incomplete: str | None
    origin: Origin
    number: int
    held_bytes: int
    since_seconds: float = field(default_factory=time.monotonic)


class Backlog:
    """A bounded queue whose bytes are released when the taker says `done`."""

    def __init__(self, exchanges: int, size_bytes: int) -> None:
        self.limit_exchanges, self.limit_bytes = exchanges, size_bytes
        self._waiting: deque[Waiting] = deque()
        self._held_bytes = 0
        self._ready = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    @property
    def age_seconds(self) -> float:
        """How long the oldest one has waited; 0 when none does."""
        with self._ready:
            return time.monotonic() - self._waiting[0].since_seconds if self._waiting else 0.0

    def hold(self, size_bytes: int) -> bool:
        """Reserve room for bytes being received; False when there is none."""
        with self._ready:
            if self._held_bytes + size_bytes > self.limit_bytes:
                return False
            self._held_bytes += size_bytes
            return True

    def release(self, size_bytes: int) -> None:
        """Give back what was held for a capture that is not put."""
        with self._ready:
            self._held_bytes -= size_bytes

    def put(self, waiting: Waiting) -> bool:
        """Append, or refuse when full: then its bytes are released and the caller settles it as skipped."""
        with self._ready:
            if len(self._waiting) >= self.limit_exchanges:
                self._held_bytes -= waiting.held_bytes
                return False
            self._waiting.append(waiting)
            self._ready.notify()
            return True

    def take(self, at_most: int, timeout_seconds: float) -> list[Waiting]:
        """Return up to `at_most`, oldest first, as soon as there is one; empty after the timeout."""
        with self._ready:
            if not self._waiting:
                self._ready.wait(timeout_seconds)
            return [self._waiting.popleft() for _ in range(min(at_most, len(self._waiting)))]

    def done(self, batch: Sequence[Waiting]) -> None:
        """Release a taken batch's bytes."""
        self.release(sum(waiting.held_bytes for waiting in batch))
