"""The last flagged exchanges, without their texts, for the status page."""

from collections import deque
from threading import Lock
from typing import Any, Final

from sidecar.observer.outcome import Outcome

KEPT: Final = 50


class Recent:
    """A sink that remembers."""

    def __init__(self) -> None:
        self._flagged: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._lock = Lock()

    def emit(self, outcome: Outcome) -> None:
        flags = outcome.flags()
        if not flags:
            return
        entry = {
            "exchange": outcome.capture.id,
            "at_unix_seconds": round(outcome.capture.started_unix_seconds + outcome.capture.ended_seconds, 3),
            "route": outcome.capture.route,
            "model": outcome.exchange.request_model,
            "flags": [
                {
                    "watcher": verdict.watcher,
                    "label": verdict.label,
                    "score": round(verdict.score, 4),
                    "direction": record.direction,
                    "origin": record.origin,
                    "spans": len(verdict.spans),
                }
                for record, verdict in flags
            ],
        }
        with self._lock:
            self._flagged.appendleft(entry)

    def newest(self) -> list[dict[str, Any]]:
        """Return the flagged exchanges, newest first."""
        with self._lock:
            return list(self._flagged)
