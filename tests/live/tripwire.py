"""A watcher of a package of its own that fails on one text: what a broken model does to the others."""

from collections.abc import Mapping, Sequence
from typing import Final

from watchers.registry import Order
from watchers.watcher import Judgement, Record, Verdict

TRIP: Final = "the word that breaks a watcher"


class Tripwire:
    model = "tripwire-1"
    labels: Mapping[str, float] = {"trip": 0.5}

    def __init__(self, name: str) -> None:
        self.name = name

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        if any(TRIP in record.text for record in records):
            raise RuntimeError("tripped")
        return [Judgement((Verdict(self.name, "trip", 0.0, 0.5, False, self.model),)) for _ in records]


def make(order: Order) -> Tripwire:
    return Tripwire(order.name)
