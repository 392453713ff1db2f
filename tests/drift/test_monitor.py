"""The monitor: levels, restarts, bad input, bounds, attribution."""

import numpy as np
import pytest

from watchers.drift import DriftError, DriftEvent, DriftMonitor, DriftSettings, Level, Strata, StreamKey
from watchers.watcher import Direction

KEY = StreamKey("default", "gpt", Direction.PROMPT)
Pool = dict[str, np.ndarray]


def monitor(**changes: object) -> DriftMonitor:
    chosen = {"reference_samples": 300, "alarm_every": 20_000.0, **changes}
    return DriftMonitor(DriftSettings(**chosen), "encoder-a")  # type: ignore[arg-type]


def feed(watch: DriftMonitor, rows: np.ndarray, key: StreamKey = KEY, **parts: object) -> list[DriftEvent]:
    return [e for row in rows for e in watch.observe(key, row, **parts)] + watch.flush()  # type: ignore[arg-type]


def mixed(pool: Pool, topic: str, share: float, count: int, seed: int = 0, start: int = 800) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = pool["assistant"][start : start + count].copy()
    chosen = rng.random(count) < share
    rows[chosen] = pool[topic][rng.integers(0, len(pool[topic]), chosen.sum())]
    return rows


def test_too_little_data_is_its_own_level(embeddings: Pool) -> None:
    watch = monitor()
    assert feed(watch, embeddings["assistant"][:299]) == []
    status = watch.snapshot()[KEY]
    assert (status.level, status.reference_samples, status.samples) == (Level.INSUFFICIENT_DATA, 299, 0)


def test_an_unchanged_stream_is_stable_and_stays_so(embeddings: Pool) -> None:
    watch = monitor()
    events = feed(watch, embeddings["assistant"][:2300])
    assert [(e.index, e.level) for e in events] == [(7, Level.STABLE)]
    assert watch.snapshot()[KEY].samples == 2000


@pytest.mark.parametrize(
    ("topic", "share", "within"),
    [("arithmetic", 1.0, 40), ("german", 1.0, 40), ("arithmetic", 0.25, 250), ("german", 0.25, 150)],
)
def test_a_new_topic_is_found(embeddings: Pool, topic: str, share: float, within: int) -> None:
    watch = monitor()
    feed(watch, embeddings["assistant"][:800])
    (drift,) = [e for e in feed(watch, mixed(embeddings, topic, share, 400)) if e.level is Level.DRIFT]
    assert 500 <= drift.index <= 500 + within
    assert drift.since_index is not None
    assert abs(drift.since_index - 500) <= 25
    assert drift.effect >= 1.25
    assert drift.evidence >= 20_000


def test_the_reason_names_the_words_and_the_examples(embeddings: Pool) -> None:
    watch = monitor()
    feed(watch, embeddings["assistant"][:800], exemplar="what is the weather in [LOCATION]", categories={"tenant": "a"})
    events = feed(watch, embeddings["german"][:60], exemplar="wie wird das Wetter", categories={"tenant": "b"})
    (drift,) = [e for e in events if e.level is Level.DRIFT]
    reason = drift.reason
    assert {t["term"] for t in reason["terms"]["more"]} == {"wie", "wird", "das", "wetter"}  # type: ignore[index]
    assert reason["exemplars"]["after"][0] == "wie wird das Wetter"  # type: ignore[index]
    assert reason["labels"][0]["category"] == "tenant"  # type: ignore[index]
    assert reason["clusters"]["new"]["share"] > 0.3  # type: ignore[index]
    assert reason["embedding"]["mmd2_ratio"] > 1  # type: ignore[index]
    assert reason["attribution"] == "prompts"


def test_a_scalar_alone_is_watched(embeddings: Pool) -> None:
    rng, watch = np.random.default_rng(0), monitor()
    rows = embeddings["assistant"][rng.permutation(2400)[:1400]]
    for i, row in enumerate(rows):
        scalars = {"tokens": rng.lognormal(4 + 0.8 * (i >= 1000), 0.5), "refusal_rate": float(rng.random() < 0.02)}
        for event in watch.observe(KEY, row, scalars):
            if event.level is Level.DRIFT:
                assert 700 <= event.index <= 770
                assert event.reason["scores"][0]["score"] == "tokens"  # type: ignore[index]
                return
    pytest.fail("no drift")


def test_a_restart_in_the_middle_changes_nothing(embeddings: Pool) -> None:
    rows = np.concatenate([embeddings["assistant"][:700], mixed(embeddings, "german", 0.5, 300)])
    scalars = {"tokens": 12.0}
    whole, first, second = monitor(), monitor(), monitor()
    expected = [e for row in rows for e in whole.observe(KEY, row, scalars, {"tenant": "a"}, "text")]
    found = [e for row in rows[:805] for e in first.observe(KEY, row, scalars, {"tenant": "a"}, "text")]
    second.load(first.save())
    found += [e for row in rows[805:] for e in second.observe(KEY, row, scalars, {"tenant": "a"}, "text")]
    assert found == expected
    assert [e.level for e in expected][:2] == [Level.STABLE, Level.DRIFT]
    assert second.snapshot() == whole.snapshot()


@pytest.mark.parametrize("rows", [0, 100])
def test_a_restart_while_learning_loses_nothing(embeddings: Pool, rows: int) -> None:
    first, second = monitor(), monitor()
    feed(first, embeddings["assistant"][:rows])
    second.load(first.save())
    feed(second, embeddings["assistant"][rows:500])
    assert second.snapshot()[KEY].samples == 200


@pytest.mark.parametrize("data", [b"", b"something else", b"sidewatch-drift-3\nrubbish", b"sidewatch-drift-2\n"])
def test_damaged_state_is_refused(data: bytes) -> None:
    with pytest.raises(DriftError):
        monitor().load(data)


def test_state_cut_short_is_refused_and_changes_nothing(embeddings: Pool) -> None:
    watch = monitor()
    feed(watch, embeddings["assistant"][:400])
    data = watch.save()
    with pytest.raises(DriftError):
        watch.load(data[: len(data) // 2])
    assert watch.snapshot()[KEY].samples == 100


def test_another_encoders_state_is_refused(embeddings: Pool) -> None:
    watch = monitor()
    with pytest.raises(DriftError, match="encoder-b"):
        DriftMonitor(watch.settings, "encoder-b").load(watch.save())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (np.full(96, np.nan, np.float32), "not_finite"),
        (np.full(96, np.inf, np.float32), "not_finite"),
        (np.zeros(96, np.float32), "zero_embedding"),
        (np.ones(5, np.float32), "wrong_shape"),
        (np.ones((2, 96), np.float32), "wrong_shape"),
        (None, "empty"),
    ],
)
def test_what_cannot_be_read_is_counted_and_harms_nothing(
    embeddings: Pool, row: np.ndarray | None, reason: str
) -> None:
    clean, dirty = monitor(), monitor()
    for i, good in enumerate(embeddings["assistant"][:900]):
        expected = clean.observe(KEY, good)
        if i % 3 == 1:
            assert dirty.observe(KEY, row) == []
        assert dirty.observe(KEY, good) == expected
    assert dirty.snapshot()[KEY].skipped == {reason: 300}
    assert dirty.snapshot()[KEY].evidence == clean.snapshot()[KEY].evidence


@pytest.mark.parametrize("scalar", [np.nan, np.inf, -np.inf, 1e308])
def test_odd_scalars_raise_no_alarm(scalar: float) -> None:
    rng, watch = np.random.default_rng(0), monitor()
    for i in range(1500):
        value = scalar if i % 50 == 0 else rng.random()
        assert [e.level for e in watch.observe(KEY, None, {"latency": value}) if e.level is Level.DRIFT] == []


def test_one_repeated_prompt_raises_no_alarm(embeddings: Pool) -> None:
    events = feed(monitor(), np.repeat(embeddings["assistant"][:1], 2000, 0), scalars={"tokens": 9.0})
    assert [e.level for e in events] == [Level.STABLE]


def test_a_constant_stream_that_changes_its_constant_is_drift(embeddings: Pool) -> None:
    watch = monitor()
    feed(watch, np.repeat(embeddings["assistant"][:1], 800, 0))
    events = feed(watch, np.repeat(embeddings["german"][:1], 40, 0))
    assert [e.level for e in events] == [Level.DRIFT]


def test_a_clock_that_jumps_raises_no_alarm(embeddings: Pool) -> None:
    rng, watch = np.random.default_rng(0), monitor(strata=Strata.HOUR_OF_DAY)
    times = rng.uniform(-1e12, 1e12, 2000)
    times[::100] = np.nan
    events = [
        e
        for row, t in zip(embeddings["assistant"][:2000], times, strict=True)
        for e in watch.observe(KEY, row, time_seconds=float(t))
    ]
    assert [e.level for e in events] == [Level.STABLE]


def daily(pool: Pool, days: int, start_day: int = 0) -> list[tuple[np.ndarray, float]]:
    """60 samples a day; the share of arithmetic follows the hour."""
    rng = np.random.default_rng(start_day)
    rows = []
    for i in range(days * 60):
        hour = i % 60 / 60 * 24
        topic = "arithmetic" if rng.random() < 0.4 * (1 + np.sin(hour / 24 * 2 * np.pi)) else "assistant"
        rows.append((pool[topic][rng.integers(len(pool[topic]))], (start_day + i / 60) * 86_400.0))
    return rows


@pytest.mark.parametrize("strata", [Strata.NONE, Strata.HOUR_OF_DAY])
def test_a_daily_rhythm_that_the_reference_knows_raises_no_alarm(embeddings: Pool, strata: Strata) -> None:
    watch = monitor(strata=strata, reference_samples=480)
    events = [e for row, t in daily(embeddings, 30) for e in watch.observe(KEY, row, time_seconds=t)]
    assert Level.DRIFT not in [e.level for e in events]


def test_accepting_makes_the_present_the_new_normal(embeddings: Pool) -> None:
    watch, rng = monitor(), np.random.default_rng(0)
    feed(watch, embeddings["assistant"][:600])
    feed(watch, embeddings["arithmetic"][:200])
    assert watch.snapshot()[KEY].level is Level.DRIFT
    watch.accept(KEY)
    assert watch.snapshot()[KEY].level is Level.INSUFFICIENT_DATA
    events = feed(watch, embeddings["arithmetic"][rng.integers(0, 400, 400)])
    assert [e.level for e in events] == [Level.STABLE]


def test_a_drift_that_goes_away_ends(embeddings: Pool) -> None:
    watch = monitor()
    feed(watch, embeddings["assistant"][:800])
    feed(watch, embeddings["arithmetic"][:100])
    assert watch.snapshot()[KEY].level is Level.DRIFT
    feed(watch, embeddings["assistant"][800:2400])
    assert watch.snapshot()[KEY].level is Level.STABLE


def test_streams_are_bounded_and_the_longest_unused_closes(embeddings: Pool) -> None:
    watch = monitor(streams=2)
    keys = [StreamKey("r", name, Direction.PROMPT) for name in "abc"]
    for key in (keys[0], keys[1], keys[0], keys[2]):
        feed(watch, embeddings["assistant"][:1], key)
    assert (set(watch.snapshot()), watch.closed) == ({keys[0], keys[2]}, 1)


def test_memory_of_a_stream_does_not_grow(embeddings: Pool) -> None:
    watch = monitor()
    feed(watch, embeddings["assistant"][:1700], exemplar="x" * 10_000)
    before = len(watch.save())
    rng = np.random.default_rng(1)
    feed(watch, embeddings["assistant"][rng.integers(0, 2600, 3000)], exemplar="x" * 10_000)
    assert len(watch.save()) < before * 1.05


def both_directions(pool: Pool, prompts: str, completions: str) -> str:
    """Let both directions go on, change, and return the completions' attribution."""
    watch, back = monitor(), KEY.counterpart()
    rng = np.random.default_rng(0)
    for i in range(1100):
        changed = i >= 900
        ask, answer = (pool[t if changed else "assistant"] for t in (prompts, completions))
        watch.observe(KEY, ask[rng.integers(len(ask))])
        length = {"tokens": rng.lognormal(5 if changed and completions != "assistant" else 4, 0.4)}
        for event in watch.observe(back, answer[rng.integers(len(answer))], length):
            if event.level is Level.DRIFT and event.stream == back:
                return str(event.reason["attribution"])
    return "none"


@pytest.mark.parametrize(
    ("prompts", "completions", "expected"),
    [
        ("assistant", "german", "provider"),  # length and embedding changed together, prompts did not
        ("german", "german", "both"),
    ],
)
def test_who_changed(embeddings: Pool, prompts: str, completions: str, expected: str) -> None:
    assert both_directions(embeddings, prompts, completions) == expected


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(DriftError, match="alarm_every is 1"):
        DriftSettings(alarm_every=1)


def test_an_unknown_stream_cannot_be_accepted() -> None:
    with pytest.raises(DriftError):
        monitor().accept(KEY)


def test_samples_are_not_changed(embeddings: Pool) -> None:
    rows = embeddings["assistant"][:400].copy()
    feed(monitor(), rows)
    assert np.array_equal(rows, embeddings["assistant"][:400])


def test_the_same_stream_gives_the_same_statuses(embeddings: Pool) -> None:
    rows = mixed(embeddings, "german", 0.2, 1000, start=0)
    first, second = monitor(), monitor()
    assert feed(first, rows) == feed(second, rows)
    assert first.snapshot() == second.snapshot()


def test_a_shared_promise_is_divided_among_the_streams() -> None:
    alone, shared = monitor(), monitor(across_streams=True, streams=10)
    for watch in (alone, shared):
        watch.observe(KEY, None, {"tokens": 1.0})
    assert (alone._streams[KEY].budget, shared._streams[KEY].budget) == (20_000.0, 200_000.0)


def test_a_promise_in_days_follows_the_streams_own_rate() -> None:
    watch = monitor(false_alarm_days=30.0)
    for i in range(400):  # one in 100 seconds: 864 a day
        watch.observe(KEY, None, {"tokens": 1.0 + i % 3}, time_seconds=1e9 + 100.0 * i)
    assert watch.snapshot()[KEY].alarm_every == pytest.approx(30 * 864, rel=0.01)


@pytest.mark.parametrize(
    ("gap", "jump", "expected"),
    [
        (0.01, 0.0, 30 * 24 * 400),  # 400 in four seconds: counted as in an hour
        (100.0, 1e12, 30 * 864 * 40_000 / (40_000 + 86_400)),  # a clock that jumps by far: a day
        (100.0, -1e9, 30 * 864),  # one that jumps back: nothing
        (float("nan"), 0.0, 30 * 24 * 400),
        (1e9, 0.0, 1_000),  # the least
    ],
)
def test_a_promise_in_days_is_bounded(gap: float, jump: float, expected: float) -> None:
    watch = monitor(false_alarm_days=30.0)
    for i in range(400):
        watch.observe(KEY, None, {"tokens": 1.0 + i % 3}, time_seconds=1e9 + gap * i + (jump if i >= 200 else 0.0))
    assert watch.snapshot()[KEY].alarm_every == pytest.approx(expected, rel=0.02)


def test_a_label_that_moves_is_told_and_raises_no_alarm_by_itself(embeddings: Pool) -> None:
    watch = monitor()
    rows = embeddings["assistant"]
    feed(watch, rows[:800], categories={"label.tenant": "a"})
    assert [e.level for e in feed(watch, rows[800:1400], categories={"label.tenant": "b"})] == []
    (drift,) = [
        e for e in feed(watch, embeddings["german"][:60], categories={"label.tenant": "c"}) if e.level is Level.DRIFT
    ]
    assert {row["value"] for row in drift.reason["labels"]} >= {"a", "c"}  # type: ignore[index, attr-defined]


def test_hours_of_the_week_are_strata_of_their_own(embeddings: Pool) -> None:
    watch = monitor(strata=Strata.HOUR_OF_WEEK, reference_samples=480)
    events = [e for row, t in daily(embeddings, 25) for e in watch.observe(KEY, row, time_seconds=t)]
    assert Level.DRIFT not in [e.level for e in events]


def test_a_drift_ends_after_192_samples_that_all_look_unchanged(embeddings: Pool) -> None:
    watch = monitor()
    feed(watch, embeddings["assistant"][:900])
    stream = watch._streams[KEY]
    stream.level, stream._alarmed, stream.since_index, stream._unlike = Level.DRIFT, "nearest", 100, 0

    def ends(samples: int, **effects: float) -> bool:
        stream.samples, stream._effects = samples, effects
        return stream._next_level(1e9) is Level.STABLE

    assert not ends(1000, nearest=1.3)  # looks changed
    assert not ends(1191, nearest=1.2)
    assert ends(1192, nearest=1.2)
    assert not ends(1200, nearest=1.2, distance=2.1)  # another score does
    assert not ends(1391, nearest=1.2, distance=1.9)
    assert ends(1392, nearest=1.2, distance=1.9)
