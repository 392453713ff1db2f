"""What the judge may use up: tokens and money of a day, requests of a minute. Pure: times are arguments.

Days are UTC days. What a request may cost is reserved before it is sent and replaced by what it did cost, so that requests
under way cannot overdraw together. A restart of the observer begins the day anew.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens and money; of a request not yet answered, the most that it may take."""

    tokens: int = 0
    cost: float = 0.0


class Allowance:
    """Limits of None do not limit."""

    def __init__(self, tokens_per_day: int | None, cost_per_day: float | None) -> None:
        self.tokens_per_day, self.cost_per_day = tokens_per_day, cost_per_day
        self.tokens, self.cost = 0, 0.0  # used or reserved today
        self._day = -1.0

    def reserve(self, use: Use, unix_seconds: float) -> bool:
        """Take `use` from today's budget; False, and nothing taken, when that is not there."""
        self._turn(unix_seconds)
        tokens_left = math.inf if self.tokens_per_day is None else self.tokens_per_day - self.tokens
        cost_left = math.inf if self.cost_per_day is None else self.cost_per_day - self.cost
        if use.tokens > tokens_left or use.cost > cost_left:
            return False
        self.tokens += use.tokens
        self.cost += use.cost
        return True

    def settle(self, reserved: Use, used: Use, unix_seconds: float) -> None:
        """Replace a reservation by what was used; one of yesterday was given back at midnight."""
        if self._turn(unix_seconds):
            reserved = Use()
        self.tokens = max(0, self.tokens + used.tokens - reserved.tokens)
        self.cost = max(0.0, self.cost + used.cost - reserved.cost)

    def left_share(self, unix_seconds: float) -> float:
        """Return how much of today's budget is left, from 1 to 0: of the scarcer of the two."""
        self._turn(unix_seconds)
        used = 0.0
        if self.tokens_per_day is not None:
            used = self.tokens / self.tokens_per_day
        if self.cost_per_day is not None:
            used = max(used, self.cost / self.cost_per_day)
        return min(1.0, max(0.0, 1.0 - used))

    def _turn(self, unix_seconds: float) -> bool:
        """Begin a new day where one began; a clock that goes backwards does not."""
        day = unix_seconds // DAY_SECONDS
        if day <= self._day:
            return False
        self._day, self.tokens, self.cost = day, 0, 0.0
        return True


class Pace:
    """At most `per_minute` requests a minute, evenly: each call says how long to wait for its turn."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.per_minute, self._clock = per_minute, clock
        self._next_seconds = -math.inf

    def wait_seconds(self) -> float:
        """Take the next turn and return the seconds until it comes."""
        now = self._clock()
        turn = max(now, self._next_seconds)
        self._next_seconds = turn + 60.0 / self.per_minute
        return turn - now
