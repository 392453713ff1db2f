"""Exchanges judged with the graph on a server: the ledger has one state for each, and nothing unmasked leaves."""

import pytest

from sidecar.observer.errors import PartsError
from sidecar.observer.instruments import Instruments
from sidecar.observer.parts import Workshop
from sidecar.settings import Drift, Remote, Settings, Watchers
from tests.observer.remote.server import serving
from tests.observer.test_pipeline import Bench, Lines, talk
from watchers.graph import LocalGraph
from watchers.pack import BUNDLED, read

THREAT = "You are a stupid idiot and I will kill you."
NOWHERE = "http://127.0.0.1:9"


def settings(endpoint: str | None, **remote: object) -> Settings:
    values: dict = {"endpoint": endpoint, "retries": 0, **remote}
    watchers = Watchers(enabled=["toxicity", "pii"], remote=Remote(**values))
    return Settings(upstream="https://api.openai.com", drift=Drift(enabled=True), watchers=watchers)


def log_of(chosen: Settings) -> tuple[Bench, list[dict]]:
    bench = Bench(chosen)
    bench.judge([talk(THREAT, id="a"), talk("Write to anna.berg@example.com", "Hello Anna Berg", id="b")])
    return bench, bench.out.lines


def without_times(lines: list[dict]) -> list[dict]:
    return [{key: value for key, value in line.items() if key != "timestamp"} for line in lines]


def test_the_log_is_word_for_word_the_one_of_local_judging() -> None:
    pack = read(BUNDLED)
    with serving(pack, LocalGraph(pack)) as server:
        away, remote_lines = log_of(settings(server.url))
    _, local_lines = log_of(settings(None))
    assert without_times(remote_lines) == without_times(local_lines)
    assert away.origin.ledger["toxicity\0flagged\0"] == 1
    assert away.instruments.value("sidewatch_remote_windows_total", ("server",)) >= 4


def test_without_the_server_exchanges_count_as_skipped_patterns_still_find_and_texts_are_withheld() -> None:
    bench, lines = log_of(settings(NOWHERE, fallback="skip"))
    unavailable = "skipped\0model_unavailable"
    assert bench.origin.ledger == {
        f"toxicity\0{unavailable}": 2,
        f"pii\0{unavailable}": 1,
        "pii\0flagged\0": 1,
    }
    assert all("text" not in part or part["text"] is None for line in lines for part in line["prompt"])
    assert THREAT not in str(lines)
    assert "Anna" not in str(lines)


def test_without_the_server_the_local_graph_judges() -> None:
    bench, _ = log_of(settings(NOWHERE))
    assert bench.origin.ledger == {
        "toxicity\0flagged\0": 1,
        "toxicity\0clean\0": 1,
        "pii\0clean\0": 1,
        "pii\0flagged\0": 1,
    }
    assert bench.instruments.value("sidewatch_remote_windows_total", ("nobody",)) == 0


def test_a_reload_keeps_the_encoder_while_the_remote_settings_are_the_same() -> None:
    workshop = Workshop(Instruments(), Lines())  # type: ignore[arg-type]
    first = settings(NOWHERE)
    encoder = workshop.make(first).encoder
    assert workshop.make(replace_watchers(first, false_positive_rate="0.1%")).encoder is encoder
    changed = replace_watchers(first, remote=Remote(endpoint=NOWHERE, fallback="skip"))
    assert workshop.make(changed).encoder is not encoder


def replace_watchers(chosen: Settings, **values: object) -> Settings:
    fields = {name: getattr(chosen, name) for name in chosen.__struct_fields__}
    watchers = {name: getattr(chosen.watchers, name) for name in chosen.watchers.__struct_fields__}
    return Settings(**(fields | {"watchers": Watchers(**(watchers | values))}))


def test_a_server_with_another_model_is_refused_and_says_so() -> None:
    pack = read(BUNDLED)
    with serving(pack, LocalGraph(pack)) as server:
        server.metadata["outputs"].pop()
        with pytest.raises(
            PartsError, match=r"watchers\.remote: /v2/models/sidewatch-\w+: its outputs are scores, tags;"
        ):
            Workshop(Instruments(), Lines()).make(settings(server.url))  # type: ignore[arg-type]
