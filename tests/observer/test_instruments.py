"""Cells, their bounds and how they are rendered."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.observer.instruments import Instruments


def rendered(instruments: Instruments) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(instruments)
    return generate_latest(registry).decode()


def test_counters_gauges_and_histograms_are_rendered() -> None:
    instruments = Instruments()
    instruments.add("sidewatch_flags_total", ("pii", "EMAIL", "prompt", "default"))
    instruments.add("sidewatch_flags_total", ("pii", "EMAIL", "prompt", "default"), 2)
    instruments.set("sidewatch_workers", (), 4)
    instruments.observe("sidewatch_watcher_duration_seconds", ("pii",), [0.0002, 0.0002, 3.0, 99.0])
    page = rendered(instruments)
    assert 'sidewatch_flags_total{direction="prompt",label="EMAIL",route="default",watcher="pii"} 3.0' in page
    assert "sidewatch_workers 4.0" in page
    assert 'sidewatch_watcher_duration_seconds_bucket{le="0.0001",watcher="pii"} 0.0' in page
    assert 'sidewatch_watcher_duration_seconds_bucket{le="0.00025",watcher="pii"} 2.0' in page
    assert 'sidewatch_watcher_duration_seconds_bucket{le="5.0",watcher="pii"} 3.0' in page
    assert 'sidewatch_watcher_duration_seconds_bucket{le="+Inf",watcher="pii"} 4.0' in page
    assert 'sidewatch_watcher_duration_seconds_count{watcher="pii"} 4.0' in page
    assert 'sidewatch_watcher_duration_seconds_sum{watcher="pii"} 102.0004' in page


def test_a_bucket_holds_values_up_to_its_bound() -> None:
    instruments = Instruments()
    instruments.observe("sidewatch_added_latency_seconds", (), [0.001])
    page = rendered(instruments)
    assert 'le="0.0005"} 0.0' in page
    assert 'le="0.001"} 1.0' in page


def test_values_past_a_labels_limit_become_other_and_are_counted() -> None:
    instruments = Instruments(label_values=3)
    for number in range(10):
        instruments.add("sidewatch_price_misses_total", ("openai", f"model-{number}"))
    assert instruments.value("sidewatch_price_misses_total", ("openai", "model-2")) == 1
    assert instruments.value("sidewatch_price_misses_total", ("openai", "other")) == 7
    assert instruments.value("sidewatch_label_overflow_total", ("sidewatch_price_misses_total", "model")) == 7


def test_each_configured_label_has_a_limit_of_its_own() -> None:
    instruments = Instruments(label_values=2)
    for number in range(3):
        instruments.add("sidewatch_label_exchanges_total", ("tenant", f"t{number}"))
    instruments.add("sidewatch_label_exchanges_total", ("app", "shop"))
    assert instruments.value("sidewatch_label_exchanges_total", ("tenant", "other")) == 1
    assert instruments.value("sidewatch_label_exchanges_total", ("app", "shop")) == 1


def test_the_values_that_drift_streams_are_kept_by_take_no_room_from_the_watchers_labels() -> None:
    instruments = Instruments(label_values=2)
    for number in range(3):
        instruments.set("sidewatch_drift_samples", ("default", "m", "prompt", f"tenant-{number}"), 1)
    instruments.add("sidewatch_flags_total", ("pii", "EMAIL", "prompt", "default"))
    assert instruments.value("sidewatch_flags_total", ("pii", "EMAIL", "prompt", "default")) == 1
    assert instruments.value("sidewatch_drift_samples", ("default", "m", "prompt", "other")) == 1


def test_a_metric_past_its_series_adds_up_under_other() -> None:
    instruments = Instruments(label_values=100, series=3)
    for number in range(10):
        instruments.add("sidewatch_decode_errors_total", (f"format-{number}", "bad_json"))
    page = list(text_string_to_metric_families(rendered(instruments)))
    samples = {
        sample.labels["format"]: sample.value
        for family in page
        for sample in family.samples
        if family.name == "sidewatch_decode_errors"
    }
    assert samples == {"format-0": 1.0, "format-1": 1.0, "format-2": 1.0, "other": 7.0}
    assert instruments.value("sidewatch_label_overflow_total", ("sidewatch_decode_errors_total", "series")) == 7


def test_long_values_are_cut_and_odd_ones_escaped() -> None:
    instruments = Instruments()
    instruments.add("sidewatch_price_misses_total", ('a"\n\\', "m" * 1_000))
    assert f'model="{"m" * 128}",provider="a\\"\\n\\\\"' in rendered(instruments)


def test_a_cleared_gauge_is_gone() -> None:
    instruments = Instruments()
    instruments.set("sidewatch_drift_effect", ("r", "m", "prompt", ""), 0.5)
    instruments.clear("sidewatch_drift_effect")
    assert "sidewatch_drift_effect" not in rendered(instruments)


def test_an_unknown_metric_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        Instruments().add("sidewatch_typo_total")
