"""The promise in days, as samples: how much traffic a stream has, measured on the stream.

"One false alarm in 30 days" is 30 times the samples of a day. A day's samples are those seen so far over the time that
they took, at least an hour (a burst at the start is no day's rate) and gaps of more than a day counted as one (a clock
that jumps, a stopped service). The bound follows the rate as it is measured; it depends on when samples came and
never on what they were, so that the bets stay fair, and it stays between 1,000 and 10 million samples.
"""

import math

DAY_SECONDS = 86_400.0
LEAST_SECONDS = 3_600.0
LEAST_SAMPLES, MOST_SAMPLES = 1_000.0, 10_000_000.0


class Rate:
    """How many samples a stream has a day. Units: seconds since the epoch."""

    def __init__(self) -> None:
        self.samples = 0
        self.elapsed_seconds = 0.0
        self._last: float | None = None

    def update(self, time_seconds: float) -> None:
        """Take in one sample's time; one that is not finite counts without moving the clock."""
        self.samples += 1
        if not math.isfinite(time_seconds):
            return
        if self._last is not None:
            self.elapsed_seconds += min(max(time_seconds - self._last, 0.0), DAY_SECONDS)
        self._last = time_seconds

    def samples_in(self, days: float) -> float:
        """Return how many samples come in so many days, within bounds."""
        a_day = self.samples * DAY_SECONDS / max(self.elapsed_seconds, LEAST_SECONDS)
        return min(max(days * a_day, LEAST_SAMPLES), MOST_SAMPLES)
