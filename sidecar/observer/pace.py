"""How deep the texts of a batch are read, from how long exchanges wait: in full while that can be kept up.

`observer.first_stage` decides: off is always in full; auto goes to the cascade when exchanges have waited longer than
`observer.behind_seconds`, and to the first stage alone at `FAR` times that or when the queue is half full; always begins
with the cascade. Of what is not read in full by then, a random share is all the same: on those exchanges the first
stage is watched, and they alone feed the drift streams while the cascade is on.
"""

import random
from collections.abc import Callable
from typing import Final

from sidecar.settings import Observer
from watchers.cascade import Depth

FAR: Final = 5  # times `behind_seconds`


class Pace:
    """`draw` gives the random numbers; nobody outside should foresee them."""

    def __init__(self, settings: Observer, draw: Callable[[], float] = random.SystemRandom().random) -> None:
        self._settings, self._draw = settings, draw

    def depth(self, waiting: int, age_seconds: float) -> Depth:
        """Return how deep to read now: `waiting` exchanges are behind the batch, whose oldest has waited so long."""
        behind = self._settings.behind_seconds
        if self._settings.first_stage == "off":
            return Depth.FULL
        if age_seconds > FAR * behind or waiting > self._settings.queue_exchanges // 2:
            return Depth.ALONE
        always = self._settings.first_stage == "always"
        return Depth.CASCADE if always or age_seconds > behind else Depth.FULL

    def sampled(self) -> bool:
        """Say whether an exchange is read in full whatever the depth."""
        return self._draw() < self._settings.first_stage_sample
