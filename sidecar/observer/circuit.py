"""A circuit breaker: what goes on failing is left alone for a while, twice as long each time."""

from typing import Final

FAILURES: Final = 5
REST_SECONDS: Final = 5.0
LONGEST_REST_SECONDS: Final = 600.0


class Circuit:
    """Open after `failures` in a row; lets one try again after a rest that doubles up to `longest_rest_seconds`."""

    def __init__(
        self,
        failures: int = FAILURES,
        rest_seconds: float = REST_SECONDS,
        longest_rest_seconds: float = LONGEST_REST_SECONDS,
    ) -> None:
        self._bound, self._first_rest_seconds, self._longest = failures, rest_seconds, longest_rest_seconds
        self._failures = 0
        self._closed_again_at, self._rest_seconds = 0.0, rest_seconds

    def is_open(self, now: float) -> bool:
        return now < self._closed_again_at

    def succeeded(self) -> None:
        self._failures, self._rest_seconds = 0, self._first_rest_seconds

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._failures >= self._bound:
            self._closed_again_at = now + self._rest_seconds
            self._rest_seconds = min(2 * self._rest_seconds, self._longest)
