"""The provider behind a model's name: told by the names that came with the answers, or by completions that moved alone."""

import numpy as np
import pytest

from watchers.drift import DriftError, DriftEvent, DriftMonitor, DriftSettings, Level, StreamKey
from watchers.drift.provider import moved_signs
from watchers.watcher import Direction

ASKED = StreamKey("default", "gpt", Direction.PROMPT)
ANSWERED = ASKED.counterpart()
BEHIND = ASKED.provider()
FINGERPRINTS = ("fp_1", "fp_2", "fp_3")


def monitor() -> DriftMonitor:
    return DriftMonitor(DriftSettings(reference_samples=150, alarm_every=20_000.0), "encoder-a")


def feed(
    watch: DriftMonitor,
    exchanges: int,
    seed: int = 0,
    *,
    model: str = "gpt-1",
    fingerprints: tuple[str, ...] = FINGERPRINTS,
    asked: float = 3.0,
    answered: float = 5.0,
) -> list[DriftEvent]:
    """`asked`, `answered`: the log of the usual length; the answer's time follows its length."""
    rng, events = np.random.default_rng(seed), []
    for _ in range(exchanges):
        events += watch.observe(ASKED, None, {"tokens": rng.lognormal(asked, 0.5)})
        tokens = rng.lognormal(answered, 0.5)
        scalars = {"tokens": tokens, "duration_seconds": tokens * rng.lognormal(-4, 0.2)}
        names = {"response_model": model, "system_fingerprint": str(rng.choice(fingerprints)), "finish_reason": "stop"}
        events += watch.observe(ANSWERED, None, scalars, names)
    return events + watch.flush()


def raised(events: list[DriftEvent]) -> list[tuple[str, str]]:
    return [(str(e.stream.direction), str(e.level)) for e in events if e.level in (Level.WARNING, Level.DRIFT)]


def test_an_unchanged_provider_is_stable_for_long() -> None:
    watch = monitor()
    events = feed(watch, 3000)
    assert raised(events) == []
    assert watch.snapshot()[BEHIND].level is Level.STABLE
    assert watch.snapshot()[BEHIND].samples == 2850


@pytest.mark.parametrize("change", [{"model": "gpt-2"}, {"fingerprints": ("fp_9",)}])
def test_another_name_is_told_of_the_provider_alone(change: dict[str, object]) -> None:
    watch = monitor()
    assert raised(feed(watch, 800)) == []
    events = feed(watch, 60, 1, **change)  # type: ignore[arg-type]
    assert raised(events)[-1] == ("provider", "drift")
    assert {direction for direction, _ in raised(events)} == {"provider"}
    (event,) = [e for e in events if e.level is Level.DRIFT]
    assert event.stream == BEHIND
    assert abs((event.since_index or 0) - 650) <= 8
    assert event.reason["attribution"] == "provider"
    assert event.reason["cause"] == "names"
    assert event.reason["labels"][0]["after"] > 0.8  # type: ignore[index]


def test_completions_that_move_in_several_ways_while_prompts_do_not_are_the_providers() -> None:
    watch = monitor()
    feed(watch, 800)
    events = feed(watch, 80, 1, answered=5.8)
    assert sorted(raised(events)) == [("completion", "drift"), ("provider", "drift")]
    told = watch.told()[BEHIND]
    assert told.reason["signs"] == ["length", "latency"]
    assert told.reason["attribution"] == "provider"
    assert watch.told()[ANSWERED].reason["attribution"] == "provider"
    assert watch.snapshot()[BEHIND].level is Level.DRIFT


def test_completions_that_follow_the_prompts_are_not() -> None:
    watch = monitor()
    feed(watch, 800)
    events = feed(watch, 80, 1, asked=4.0, answered=6.0)
    assert {direction for direction, _ in raised(events)} == {"prompt", "completion"}
    assert watch.snapshot()[BEHIND].level is Level.STABLE


def test_it_ends_with_the_completions_drift() -> None:
    watch = monitor()
    feed(watch, 800)
    feed(watch, 80, 1, answered=5.8)
    events = feed(watch, 1500, 2)
    assert ("provider", "stable") in [(e.stream.direction, e.level) for e in events]
    assert BEHIND not in watch.told()


def test_another_name_goes_on_until_it_is_accepted_as_normal() -> None:
    watch = monitor()
    feed(watch, 800)
    feed(watch, 100, 1, model="gpt-2")
    assert watch.snapshot()[BEHIND].level is Level.DRIFT
    watch.accept(BEHIND)
    assert watch.snapshot()[BEHIND].level is Level.INSUFFICIENT_DATA
    events = feed(watch, 300, 2, model="gpt-2")
    assert [e.level for e in events if e.stream == BEHIND] == [Level.STABLE]
    assert raised(feed(watch, 60, 3, model="gpt-1"))[-1] == ("provider", "drift")


def test_a_restart_keeps_what_was_told_and_what_is_known() -> None:
    first, second = monitor(), monitor()
    feed(first, 800)
    feed(first, 60, 1, model="gpt-2")
    second.load(first.save())
    assert second.snapshot() == first.snapshot()
    assert second.told() == first.told()
    assert second.told()[BEHIND].reason["attribution"] == "provider"


def test_what_is_not_known_cannot_be_accepted() -> None:
    watch = monitor()
    feed(watch, 10)
    with pytest.raises(DriftError, match="nothing is known"):
        watch.accept(BEHIND)


def test_closing_the_completions_closes_their_provider() -> None:
    watch = DriftMonitor(DriftSettings(streams=2), "encoder-a")
    feed(watch, 2)
    watch.observe(StreamKey("default", "other", Direction.PROMPT), None, {"tokens": 1.0})
    watch.observe(StreamKey("default", "third", Direction.PROMPT), None, {"tokens": 1.0})
    assert {key.model for key in watch.snapshot()} == {"other", "third"}


def test_signs_count_once_each() -> None:
    sure = {"p_value_adjusted": 0.0001}
    scalars = {"duration_seconds": sure, "first_token_seconds": sure, "cost": sure, "refusal_rate": sure}
    assert moved_signs({"scalars": scalars, "embedding": {"mmd2_ratio": 0.5}}) == ["refusals", "latency"]
    assert moved_signs({"scalars": {}, "embedding": {"mmd2_ratio": 1.5}}) == ["embedding"]
    assert moved_signs({}) == []
