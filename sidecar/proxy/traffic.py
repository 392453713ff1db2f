"""What this worker counted since it began: plain numbers, bounded in kind, sent whole to the observer each second.

They are the traffic's truth whatever becomes of captures and of the observer.
"""

from bisect import bisect_left
from collections import Counter
from typing import Final

from sidecar.channel import ADDED_BOUNDS, DURATION_BOUNDS, Histogram, Totals, Traffic
from sidecar.usage import cpu_seconds, resident_bytes

ROWS: Final = 2_000  # combinations of route, method, status and ending; past it the row of "other" counts
_METHODS: Final = frozenset(b"GET HEAD POST PUT DELETE OPTIONS TRACE PATCH".split())


class Tally:
    """The counters of one worker."""

    def __init__(self, worker: int, pid: int, watchers: tuple[str, ...]) -> None:
        self.watchers = watchers
        self.seen = 0
        self.in_flight = 0
        self.client_connections = 0
        self.observer_losses = 0
        self.reloads_refused = 0
        self.ledger: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.connects: Counter[str] = Counter()
        self._worker = worker
        self._pid = pid
        self._rows: dict[tuple[str, bytes, int, str], Traffic] = {}
        self._added = Histogram([0] * (len(ADDED_BOUNDS) + 1), 0.0)

    def exchange(
        self,
        route: str,
        method: bytes,
        status: int,
        ending: str,
        sizes: tuple[int, int],
        duration: float,
        first: float | None,
    ) -> None:
        """Count an ended exchange. `sizes` are the bytes of request and response body; times in seconds."""
        row = self._rows.get((route, method, status, ending)) or self._row(route, method, status, ending)
        row.exchanges += 1
        row.request_bytes += sizes[0]
        row.response_bytes += sizes[1]
        row.duration.counts[bisect_left(DURATION_BOUNDS, duration)] += 1
        row.duration.sum += duration
        if first is not None:
            row.first_byte.counts[bisect_left(DURATION_BOUNDS, first)] += 1
            row.first_byte.sum += first

    def added(self, seconds: float) -> None:
        """Count what the proxy itself took of an exchange's time to first byte."""
        self._added.counts[bisect_left(ADDED_BOUNDS, seconds)] += 1
        self._added.sum += seconds

    def watch(self, watchers: tuple[str, ...], unsettled: int) -> None:
        """Settle for these watchers from now on. What passed while one was not among them was not for it: `disabled`.

        So every watcher's states add up to `seen`, less the `unsettled`, whenever it began.
        """
        self.watchers = watchers
        for watcher in watchers:
            settled = sum(count for key, count in self.ledger.items() if key.partition("\0")[0] == watcher)
            if missed := self.seen - unsettled - settled:
                self.ledger[f"{watcher}\0skipped\0disabled"] += missed

    def skip(self, reason: str, exchanges: int = 1) -> None:
        """Enter exchanges that no watcher will see in the ledger."""
        for watcher in self.watchers:
            self.ledger[f"{watcher}\0skipped\0{reason}"] += exchanges

    def refuse(self, limit: str) -> None:
        """Count a connection or request that met a limit, by the limit's name."""
        self.refused[limit] += 1

    def totals(self, channel_bytes: int) -> Totals:
        return Totals(
            worker=self._worker,
            pid=self._pid,
            seen=self.seen,
            in_flight=self.in_flight,
            traffic=list(self._rows.values()),
            dropped=dict(self.dropped),
            ledger=dict(self.ledger),
            added_seconds=self._added,
            upstream_connects=dict(self.connects),
            client_connections=self.client_connections,
            observer_losses=self.observer_losses,
            channel_bytes=channel_bytes,
            refused=dict(self.refused),
            watchers=list(self.watchers),
            reloads_refused=self.reloads_refused,
            cpu_seconds=cpu_seconds(),
            resident_bytes=resident_bytes(self._pid),
        )

    def _row(self, route: str, method: bytes, status: int, ending: str) -> Traffic:
        known = method if method in _METHODS else b"OTHER"
        key = (route, known, status, ending)
        if len(self._rows) >= ROWS and key not in self._rows:
            key = (route, b"OTHER", 0, ending)
        if key not in self._rows:
            size = len(DURATION_BOUNDS) + 1
            shown = str(key[2]) if key[2] else "none"
            self._rows[key] = Traffic(
                route, key[1].decode(), shown, ending, 0, 0, 0, Histogram([0] * size, 0.0), Histogram([0] * size, 0.0)
            )
        return self._rows[key]
