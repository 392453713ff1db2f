"""Memory stays flat, however many exchanges with ever new models, tenants and texts go by."""

import gc
import itertools
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from sidecar.observer import panel as panel_module
from sidecar.observer import pipeline as pipeline_module
from sidecar.observer.backlog import Backlog, Waiting
from sidecar.observer.instruments import Instruments
from sidecar.observer.panel import Panel
from sidecar.observer.parts import Workshop
from sidecar.observer.pipeline import Pipeline
from sidecar.settings import Drift, Label, Metrics, Observer, Prices, Settings, Watchers
from tests.observer.traffic import Words, answer, capture, chat


class Nobody:
    """Takes lines and settlements, keeps nothing."""

    def write(self, line: bytes) -> None: ...

    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None: ...


def test_memory_is_flat_over_many_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "SEEN_TEXTS", 200)  # full within the warm-up, and so are the judgements
    monkeypatch.setattr(panel_module, "REMEMBERED", 200)
    labels = [Label(name="tenant", json_path="metadata.tenant", metric=True)]
    settings = Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["none"]),
        observer=Observer(labels=labels),
        drift=Drift(enabled=False),
        metrics=Metrics(label_values=20, series=50),
        prices=Prices(
            currency="EUR"
        ),  # no catalogue: its look-ups of unknown models are slow, and bounded by lru_cache
    )
    instruments, nobody = Instruments(20, 50), Nobody()
    made = Workshop(instruments, nobody).make(settings)  # type: ignore[arg-type]
    parts = replace(made, panel=Panel([Words("fruit", "apple")], instruments))
    numbers = itertools.count()

    def run(exchanges: int) -> int:
        backlog = Backlog(exchanges, 1)
        for number in itertools.islice(numbers, exchanges):
            backlog.put(Waiting(varied(number), None, nobody, number, 0))
        pipeline = Pipeline(backlog, parts, instruments, lambda *_: None)
        pipeline._seen = seen
        pipeline.start()
        assert pipeline.stop(100)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    seen: Any = pipeline_module.OrderedDict()
    tracemalloc.start()
    try:
        run(200)
        after_warm_up = run(200)
        after_many = run(1_200)
    finally:
        tracemalloc.stop()
    assert after_many - after_warm_up < 100_000


def varied(number: int) -> Any:
    request = chat(("user", f"an apple and {number}"), model=f"model-{number}", metadata={"tenant": f"t{number}"})
    reply = answer(f"reply {number}", model=f"served-{number}")
    return capture(request, reply, id=str(number), route=f"route-{number % 7}")
