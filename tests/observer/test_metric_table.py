"""The table of metrics: naming rules, and the documentation made of it."""

import re
from pathlib import Path

from sidecar.channel import ADDED_BOUNDS, DURATION_BOUNDS
from sidecar.observer.metric_table import BY_NAME, METRICS, Type, documentation

ROOT = Path(__file__).parents[2]


def test_the_documentation_is_that_of_the_table() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == documentation()


def test_names_follow_the_rules_of_prometheus() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"(sidewatch|gen_ai)_[a-z_]+", metric.name)
        assert (metric.type is Type.COUNTER) == metric.name.endswith("_total"), metric.name
        assert bool(metric.buckets) == (metric.type is Type.HISTOGRAM), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert metric.help.endswith(".")
        assert not {"le", "quantile", "__name__"} & set(metric.labels)
    assert len(BY_NAME) == len(METRICS)


def test_the_conventions_metrics_have_the_conventions_buckets() -> None:
    seconds = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    tokens = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
    for name in ("operation_duration", "operation_time_to_first_chunk", "operation_time_per_output_chunk"):
        assert BY_NAME[f"gen_ai_client_{name}_seconds"].buckets == seconds
    assert BY_NAME["gen_ai_client_token_usage"].buckets == tokens


def test_the_workers_histograms_have_the_channels_bounds() -> None:
    assert BY_NAME["sidewatch_added_latency_seconds"].buckets == ADDED_BOUNDS
    assert BY_NAME["sidewatch_first_byte_seconds"].buckets == DURATION_BOUNDS
