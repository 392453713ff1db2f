"""The registry: names to watchers, and errors that say what to change."""

from collections.abc import Mapping, Sequence

import pytest

from sidecar.settings import WatcherSettings
from watchers import registry
from watchers.watcher import Judgement, Record, Verdict, WatcherError


class Shouting:
    """A real, tiny watcher: text in capitals."""

    model = "shouting-1"

    def __init__(self, order: registry.Order) -> None:
        self.name = order.name
        self.labels: Mapping[str, float] = {"capitals": 0.5, **order.thresholds}

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        threshold = self.labels["capitals"]
        scores = [float(record.text.isupper()) for record in records]
        return [
            Judgement((Verdict(self.name, "capitals", score, threshold, score >= threshold, self.model),))
            for score in scores
        ]


@pytest.fixture(autouse=True)
def shouting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.FACTORIES, "shouting", Shouting)


def test_builds_named_watchers_in_order_with_their_settings() -> None:
    settings = {"loud": WatcherSettings(type="shouting", thresholds={"capitals": 0.9})}
    built = registry.build(["shouting", "loud"], settings)
    assert [(watcher.name, watcher.labels["capitals"]) for watcher in built] == [("shouting", 0.5), ("loud", 0.9)]


@pytest.mark.parametrize(
    ("names", "settings", "expected"),
    [
        (["nosuch"], {}, "watcher 'nosuch': there is no watcher of type 'nosuch'; use one of "),
        (["shouting"], {"shouting": WatcherSettings(thresholds={"whisper": 0.5})}, "it has no label 'whisper'"),
        (["shouting"], {"shouting": WatcherSettings(thresholds={"capitals": 1.5})}, "threshold 1.5 of 'capitals'"),
        (["mine"], {"mine": WatcherSettings(type="toxicity")}, "it reads the model pack and none is loaded"),
    ],
)
def test_an_order_that_cannot_be_met_names_the_problem(
    names: list[str], settings: dict[str, WatcherSettings], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.FACTORIES, "toxicity", Shouting)
    with pytest.raises(WatcherError) as raised:
        registry.build(names, settings)
    assert expected in str(raised.value)


def test_the_pack_is_needed_only_by_its_heads() -> None:
    assert registry.needs_encoder(["pii", "mine"], {"mine": WatcherSettings(type="bias")})
    assert not registry.needs_encoder(["shouting"], {})
