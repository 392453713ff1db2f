"""A watcher of a package of its own that fails on one text and lingers on another: what a bad model does to the others."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from watchers.registry import Order
from watchers.watcher import Judgement, Record, Verdict

TRIP: Final = "the word that breaks a watcher"
LINGER: Final = "the word that takes a watcher's time"
LINGER_SECONDS: Final = 0.1


class Tripwire:
    model = "tripwire-1"
    labels: Mapping[str, float] = {"trip": 0.5}

    def __init__(self, name: str) -> None:
        self.name = name

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        if any(TRIP in record.text for record in records):
            raise RuntimeError("tripped")
        time.sleep(LINGER_SECONDS * sum(LINGER in record.text for record in records))
        return [Judgement((Verdict(self.name, "trip", 0.0, 0.5, False, self.model),)) for _ in records]


def make(order: Order) -> Tripwire:
    return Tripwire(order.name)
