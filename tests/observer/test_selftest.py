"""The self-test: each watcher sees what it must in known texts; none of it is traffic."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sidecar.observer.instruments import Instruments
from sidecar.observer.panel import Panel
from sidecar.observer.parts import Parts, Workshop
from sidecar.observer.selftest import Result, Selftest, results
from sidecar.settings import BUILT_IN_WATCHERS, Drift, Observer, Settings, Watchers, WatcherSettings
from tests.observer.test_panel import Poisoned
from tests.observer.test_pipeline import SETTINGS, Bench, Lines, talk
from tests.observer.traffic import Words
from watchers.watcher import Watcher


def parts(settings: Settings = SETTINGS, watchers: Sequence[Watcher] | None = None) -> Parts:
    made = Workshop(Instruments(), Lines()).make(settings)  # type: ignore[arg-type]
    return made if watchers is None else replace(made, panel=Panel(watchers, Instruments()))


def every(seconds: float | None) -> Settings:
    return Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["secrets"]),
        drift=Drift(enabled=False),
        observer=Observer(selftest_seconds=seconds),
    )


@pytest.mark.parametrize("rate", ["1%", "0.1%"])
def test_every_built_in_watcher_passes_whatever_the_run(rate: str) -> None:
    watchers = Watchers(enabled=[*BUILT_IN_WATCHERS], false_positive_rate=rate)
    made = parts(Settings(upstream="http://x", watchers=watchers, drift=Drift(enabled=False)))
    for run in (0, 1, 7, 42, 999):
        assert results(made, run) == dict.fromkeys(BUILT_IN_WATCHERS, Result.PASSED)


def test_a_watcher_that_misses_flags_too_much_or_raises_is_told_apart() -> None:
    blind, jumpy = Words("toxicity", "no such word"), Words("bias", "a")
    broken, own = Poisoned("pii", "card"), Words("own", "no such word")
    found = results(parts(watchers=[blind, jumpy, broken, own]))
    assert found == {"toxicity": "missed", "bias": "false_alarm", "pii": "error", "own": "passed"}


def test_a_built_in_under_another_name_has_to_see_the_canary_too() -> None:
    settings = {"mine": WatcherSettings(type="secrets", options={})}
    watchers = Watchers(enabled=["mine"], settings=settings)
    made = parts(Settings(upstream="http://x", watchers=watchers, drift=Drift(enabled=False)))
    assert results(made) == {"mine": Result.PASSED}
    blind = replace(made, panel=Panel([Words("mine", "no such word")], Instruments()))
    assert results(blind) == {"mine": Result.MISSED}


def test_it_runs_at_the_start_and_after_a_reload_and_then_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sidecar.observer.selftest.time.monotonic", lambda: now[0])
    words, instruments = Words("secrets", "AKIA"), Instruments()
    selftest, made = Selftest(instruments), replace(parts(every(300.0)), panel=Panel([words], instruments))
    selftest.maybe_run(made)
    assert len(words.batches) == 2  # the canary and the clean exchange
    assert instruments.value("sidewatch_selftest_passed", ("secrets",)) == 1
    now[0] = 399.0
    selftest.maybe_run(made)
    assert len(words.batches) == 2
    now[0] = 400.0
    words.word = "no such word"
    selftest.maybe_run(made)
    assert len(words.batches) == 4
    assert instruments.value("sidewatch_selftest_passed", ("secrets",)) == 0
    assert selftest.page()["watchers"] == {"secrets": "missed"}
    selftest.maybe_run(replace(made))  # other parts: a reload
    assert len(words.batches) == 6


def test_it_can_be_switched_off() -> None:
    instruments = Instruments()
    Selftest(instruments).maybe_run(parts(every(None)))
    assert [family.name for family in instruments.collect()] == []


def test_it_is_no_traffic() -> None:
    bench = Bench(every(300.0))
    selftest = Selftest(bench.instruments)
    selftest.maybe_run(bench.parts())
    told = {family.name for family in bench.instruments.collect()}
    assert told == {"sidewatch_selftest_passed", "sidewatch_selftest_timestamp_seconds"}
    assert bench.out.lines == []


def test_the_pipeline_tests_before_it_judges_and_counts_only_what_it_judges() -> None:
    bench = Bench(every(300.0))
    bench.judge([talk("hello")], selftest=Selftest(bench.instruments))
    assert bench.instruments.value("sidewatch_selftest_passed", ("secrets",)) == 1
    assert dict(bench.origin.ledger) == {"secrets\0clean\0": 1}
    assert len(bench.out.lines) == 1
