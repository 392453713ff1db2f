"""The metrics page as a whole."""

import subprocess
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from sidecar.channel import Histogram, Traffic
from sidecar.observer.backlog import Backlog
from sidecar.observer.collector import Collector
from sidecar.observer.drift_streams import GAUGES
from sidecar.observer.exposition import Exposition
from sidecar.observer.instruments import Instruments
from sidecar.observer.line_writer import LineWriter
from sidecar.observer.metric_table import METRICS, Type
from sidecar.observer.parts import Workshop
from sidecar.observer.selftest import Selftest
from sidecar.observer.view import View
from sidecar.observer.worker_totals import WorkerTotals
from sidecar.settings import Settings, Watchers
from tests.live.tools import tool
from tests.observer.traffic import totals

TRAFFIC = Traffic(
    "r", "GET", "200", "complete", 4, 1, 2, Histogram([4, *[0] * 14], 0.1), Histogram([4, *[0] * 14], 0.1)
)
FULL = totals(
    seen=4,
    traffic=[TRAFFIC],
    dropped={"channel_full": 1},
    ledger={"pii\0clean\0": 4},
    upstream_connects={"r\0new": 1},
    added_seconds=Histogram([3, 1, *[0] * 12], 0.0002),
)


@pytest.fixture
def page(tmp_path: Path) -> tuple[str, str]:
    """Return a page with every metric of the table: the plain text and the OpenMetrics form."""
    instruments = Instruments()
    with open(tmp_path / "log", "wb") as log:
        writer = LineWriter(log.fileno(), lambda _: None)
        parts = Workshop(instruments, writer).make(Settings(upstream="http://x", watchers=Watchers(enabled=["none"])))
        writer.close(1)
    backlog = Backlog(1, 1)
    workers = WorkerTotals()
    workers.update(FULL)
    told = {name for name, *_ in workers.sums().rows()} | workers.gauges().keys()
    for metric in METRICS:
        labels = tuple(f"a {label}" for label in metric.labels)
        if metric.name in told:
            continue
        if metric.type is Type.HISTOGRAM:
            instruments.observe(metric.name, labels, [0.5])
        elif metric.type is Type.COUNTER:
            instruments.add(metric.name, labels)
        else:
            instruments.set(metric.name, labels, 1.0)
    collector = Collector(backlog, workers.update, lambda *_: None, lambda *_: None)
    exposition = Exposition(instruments, View(backlog, collector, workers, lambda: parts, Selftest(instruments)))
    return exposition.render("")[0].decode(), exposition.render("application/openmetrics-text; version=1.0.0")[
        0
    ].decode()


def test_both_forms_can_be_parsed_and_hold_every_metric(page: tuple[str, str]) -> None:
    drift_gauges = {f"sidewatch_drift_{name}" for name in GAUGES}
    expected = {
        metric.name.removesuffix("_total") for metric in METRICS
    } - drift_gauges  # set afresh: there is no stream
    plain = {family.name for family in text_string_to_metric_families(page[0])}
    assert {name.removesuffix("_total") for name in plain} == expected
    assert {family.name for family in openmetrics_families(page[1])} == expected


@pytest.mark.live
def test_promtool_has_nothing_to_say(page: tuple[str, str]) -> None:
    command = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=page[0].encode(), capture_output=True, timeout=60, check=False)
    assert (done.stdout + done.stderr).decode() == ""
    assert done.returncode == 0


def test_the_workers_figures_are_on_it_with_their_bounds(page: tuple[str, str]) -> None:
    lines = page[0].splitlines()
    assert 'sidewatch_added_latency_seconds_bucket{le="5e-05"} 3.0' in lines
    assert 'sidewatch_added_latency_seconds_bucket{le="0.0001"} 4.0' in lines
    assert 'sidewatch_exchanges_total{ending="complete",method="GET",route="r",status="200"} 4.0' in lines
    assert 'sidewatch_watcher_exchanges_total{reason="",state="clean",watcher="pii"} 4.0' in lines
