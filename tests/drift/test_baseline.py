"""Baselines: a file that comes back as it was, and is refused where it is damaged, foreign or too small."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest

from watchers.drift import BaselineError, DriftMonitor, DriftSettings, Level, StreamKey
from watchers.drift.baseline import Baseline, build, diff, export, from_bytes, show, to_bytes
from watchers.drift.samples import Sample
from watchers.watcher import Direction

KEY = StreamKey("r", "m", Direction.PROMPT)


def samples(rows: np.ndarray, text: str = "book a flight", tokens: float = 10.0) -> list[Sample]:
    return [Sample(r, {"tokens": tokens + i % 7}, {"tenant": "a"}, text, 1000.0 + i) for i, r in enumerate(rows)]


@pytest.fixture
def baseline(embeddings: dict[str, np.ndarray]) -> Baseline:
    return build(samples(embeddings["assistant"][:300]), "encoder-a")


def test_a_file_comes_back_as_it_was(baseline: Baseline) -> None:
    again = from_bytes(to_bytes(baseline), "encoder-a")
    assert show(again) == show(baseline)
    assert np.array_equal(again.table.embeddings, baseline.table.embeddings)
    assert np.array_equal(again.bins.centres, baseline.bins.centres)
    assert to_bytes(again) == to_bytes(baseline)


def test_show_tells_counts_times_and_scalars(baseline: Baseline) -> None:
    shown = show(baseline)
    assert (shown["samples_seen"], shown["samples_kept"], shown["dimensions"]) == (300, 300, 96)
    assert shown["time_seconds"] == [1000.0, 1299.0]
    assert shown["scalars"]["tokens"]["p5_p50_p95"] == [10.0, 13.0, 16.0]  # type: ignore[index]
    assert shown["exemplars"] == ["book a flight"] * 5


def test_a_large_source_is_sampled_in_order(embeddings: dict[str, np.ndarray]) -> None:
    rows = samples(embeddings["assistant"][np.arange(3000) % 2600])
    built = build(rows, "encoder-a")
    assert (built.seen, len(built.table), sum(t != "" for t in built.table.exemplars)) == (3000, 2000, 256)
    assert (np.diff(built.table.times) > 0).all()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"{}", b"\x93NUMPY"])
def test_what_is_no_baseline_is_refused(data: bytes) -> None:
    with pytest.raises(BaselineError, match="not a baseline, or a damaged one"):
        from_bytes(data)


def test_every_damaged_file_is_refused_or_unharmed(baseline: Baseline) -> None:
    data, rng = to_bytes(baseline), np.random.default_rng(0)
    for _ in range(60):
        cut = int(rng.integers(len(data)))
        broken = data[:cut] + bytes([data[cut] ^ 0xFF]) + data[cut + 1 :]
        with contextlib.suppress(BaselineError):
            assert show(from_bytes(broken)) == show(baseline)  # a byte that no reader needs
        with pytest.raises(BaselineError):
            from_bytes(data[:cut])


def test_a_foreign_archive_is_refused() -> None:
    out = io.BytesIO()
    np.savez(out, weights=np.zeros(3))
    with pytest.raises(BaselineError):
        from_bytes(out.getvalue())


def test_another_encoders_baseline_is_refused(baseline: Baseline) -> None:
    with pytest.raises(BaselineError, match="encoder-a"):
        from_bytes(to_bytes(baseline), "encoder-b")
    with pytest.raises(BaselineError, match="encoder-a"):
        DriftMonitor(DriftSettings(), "encoder-b").adopt(KEY, baseline)


def test_too_few_rows_are_refused(embeddings: dict[str, np.ndarray]) -> None:
    with pytest.raises(BaselineError, match="39 rows; it needs at least 40"):
        build(samples(embeddings["assistant"][:39]), "encoder-a")


def test_an_adopted_baseline_is_watched_at_once(baseline: Baseline, embeddings: dict[str, np.ndarray]) -> None:
    watch = DriftMonitor(DriftSettings(alarm_every=10_000), "encoder-a")
    watch.adopt(KEY, baseline)
    assert watch.snapshot()[KEY].reference_samples == 300
    levels = [e.level for s in samples(embeddings["german"][:60]) for e in watch.observe(KEY, *s)]
    assert levels == [Level.STABLE, Level.DRIFT]


def test_diff_names_what_changed(baseline: Baseline, embeddings: dict[str, np.ndarray]) -> None:
    other = build(samples(embeddings["german"], "bitte einen Flug buchen", 40.0), "encoder-a")
    found = diff(baseline, other)
    assert found["population_stability"]["cluster"] > 1.0  # type: ignore[index]
    assert found["scalars"]["tokens"]["after"] == pytest.approx(43.0, abs=0.1)  # type: ignore[index]
    assert "flug" in {t["term"] for t in found["terms"]["more"]}  # type: ignore[index]
    assert diff(baseline, baseline)["population_stability"] == {"cluster": 0.0, "tokens": 0.0}
    with pytest.raises(BaselineError):
        diff(baseline, replace(other, encoder="encoder-b"))


def test_export_gives_shares_that_add_up(baseline: Baseline) -> None:
    exported = export(baseline)
    assert sum(exported["shares"]["cluster"]) == pytest.approx(1.0, abs=1e-4)  # type: ignore[index]
    assert len(exported["shares"]["tokens"]) == len(exported["edges"]["tokens"]) + 1  # type: ignore[index]
