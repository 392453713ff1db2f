"""A real Sidewatch under real traffic, scraped by a real Prometheus: panels show series, alerts fire and are over.

The tests run in order on one stack: an idle Sidewatch, quiet traffic, then one fault after the other.
"""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards import rules
from sidecar.demo.script import plan
from sidecar.demo.traffic import App
from tests.dashboards.queries import asked
from tests.dashboards.test_boards import LABELS
from tests.dashboards.test_rules import ALERTS, metrics_in
from tests.live import faults
from tests.live.inference import mlserver
from tests.live.outside import posts
from tests.live.stack import Stack, free_port, get, wait_for
from tests.live.tools import tool

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

# (dashboard, panel) that shows nothing while all is well, and what it takes
BOARDS = ("overview", "safety", "drift", "cost", "health")
SILENT = {
    ("overview", "Firing alerts"): "an alert",
    ("overview", "Errors by route"): "a failed exchange",
    ("health", "Dropped captures by reason"): "a full channel or no observer",
    ("drift", "Changes of level"): "a change that Prometheus saw grow: the first one only makes the series",
    ("safety", "Against its own week"): "a week",
    ("drift", "Fleet against the shared reference (PSI)"): "a shared reference",
    ("drift", "Samples that could not be read"): "an embedding that is no number",
    ("drift", "Clusters that moved"): "a stream in drift",
    ("drift", "Who changed, and since when"): "a stream in drift",
    ("drift", "What carries the change"): "a stream in drift",
    ("health", "Unread, by watcher and reason"): "an exchange that a watcher skips",
    ("health", "Model windows by who ran them"): "an inference server: none by default",
    ("health", "Requests to it by result"): "an inference server: none by default",
    ("health", "Time of an answered request"): "an inference server: none by default",
    ("health", "Errors"): "a sink, watcher or decoder that fails",
    ("safety", "Missed by the first stage"): "a flag that was checked",
    **dict.fromkeys([(board, "mark: Release") for board in BOARDS], "an update"),
    **dict.fromkeys([(board, "mark: Drift") for board in BOARDS], "a drift event"),
    **dict.fromkeys([(board, "mark: Observer restarted") for board in BOARDS], "a lost observer"),
}
# None of the faults below makes these speak.
STAY_SILENT = {
    "mark: Release",
    "Time of an answered request",
    "Samples that could not be read",
    "Fleet against the shared reference (PSI)",
}
PATIENCE_SECONDS = 150


@pytest.fixture(scope="module")
def background(live: Stack) -> Iterator[faults.Background]:
    with faults.background(live) as traffic:
        yield traffic


async def clients(proxy: str, exchanges: int) -> int:
    """Send the demo's calls with the official clients, nothing planted; return how many came back as meant."""
    app = App(proxy, at_once=4)
    try:
        await app.run(plan(exchanges, exchanges, planted_every=exchanges + 1))
    finally:
        await app.close()
    return app.sent.calls - app.sent.failed - app.sent.wrong


def silent(live: Stack, among: set[tuple[str, str]] | None = None) -> set[tuple[str, str]]:
    """Return the panels of which no query answers with series."""
    spoken: dict[tuple[str, str], bool] = {}
    for query in asked():
        place = (query.board, query.panel)
        if among is None or place in among:
            spoken[place] = spoken.get(place, False) or bool(live.query(query.expr))
    return {place for place, series in spoken.items() if not series}


def missed_scrapes(live: Stack) -> bool:
    """Tell whether Prometheus came through at each scrape: on a machine without processor time it does not."""
    return bool(live.query('min_over_time(up{job="sidewatch"}[2m]) == 0'))


def test_prometheus_accepts_every_rule_and_none_of_them_fails(live: Stack) -> None:
    wait_for(lambda: all(rule["health"] == "ok" for rule in evaluated(live)), 30, "every rule evaluated")
    assert len(evaluated(live)) == sum(len(group["rules"]) for group in rules.groups())


def evaluated(live: Stack) -> list[dict[str, Any]]:
    groups = get(f"{live.prometheus}/api/v1/rules")["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_an_idle_sidewatch_alerts_nobody(live: Stack) -> None:
    time.sleep(10)
    assert live.firing() <= {"SidewatchInjectorCertificateExpiring"}  # which was given five days on purpose


def test_every_panel_shows_series_under_traffic_and_nobody_is_alerted(
    live: Stack, background: faults.Background
) -> None:
    for _ in range(2):  # the second round is growth that Prometheus can see
        assert asyncio.run(clients(live.proxy, 60)) == 60
        assert asyncio.run(planted(live)) > 0
        assert set(posts(live.api, faults.plain(70), model="gpt-4.1", pause=0.1)) == {200}  # what will be renamed
        faults.oddities(live)
        live.judged()
    wait_for(lambda: silent(live) <= set(SILENT), 20, f"series for {silent(live) - set(SILENT)}")
    told = {alert["labels"]["alertname"] for alert in live.outside.alerts}
    if missed_scrapes(live):
        told -= {"SidewatchDown"}
    # what is planted is told, and nothing else
    assert told <= {"SidewatchInjectorCertificateExpiring", "SidewatchPiiInCompletions"}
    assert background.failed == 0


async def planted(live: Stack) -> int:
    """Send a little of everything that watchers find, but injections, of which ten are an alert."""
    app = App(live.proxy, at_once=4)
    try:
        await app.run([ask for ask in plan(192, 200) if ask.planted not in {"", "injection"}])
    finally:
        await app.close()
    return app.sent.calls - app.sent.failed


def test_the_metrics_page_passes_promtool(live: Stack) -> None:
    page = get(f"{live.admin}/metrics")
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def faulty(live: Stack, background: faults.Background) -> Stack:
    """Put one fault after the other into the running Sidewatch, each until its alert has fired."""
    time.sleep(15)  # a baseline of quiet traffic
    background.topic_shift = True
    unheard = set(SILENT)
    for name, fault in faults.FAULTS.items():
        fault(live)
        live.judged()
        wait_for(lambda name=name: live.outside.got(name, "firing"), PATIENCE_SECONDS, f"{name} fires")
        unheard = silent(live, unheard)
        if name == "SidewatchProviderChanged":  # before the observer is killed, and forgets what it learned
            wait_for(lambda: live.outside.got("SidewatchDrift", "firing"), PATIENCE_SECONDS, "SidewatchDrift fires")
            unheard = silent(live, unheard)
            faults.accept(live)
    assert {panel for _, panel in unheard} == STAY_SILENT
    faults.renew(live)
    background.stop()
    return live


def test_every_alert_has_a_fault() -> None:
    assert set(faults.FAULTS) | set(faults.WITH_OTHERS) == set(ALERTS)


@pytest.mark.parametrize("name", [*faults.FAULTS, *faults.WITH_OTHERS])
def test_the_alert_fires_and_is_over_when_the_fault_is(name: str, faulty: Stack) -> None:
    wait_for(lambda: faulty.outside.got(name, "firing"), PATIENCE_SECONDS, f"{name} fires")
    alert = faulty.outside.got(name, "firing")[0]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["annotations"]["runbook_url"].endswith(f"#{name.lower()}")
    assert "{{" not in alert["annotations"]["summary"]
    wait_for(lambda: name not in faulty.firing(), PATIENCE_SECONDS, f"{name} stops")
    wait_for(lambda: faulty.outside.got(name, "resolved"), 20, f"{name} is told as over")


OF_A_SERVER = {("health", panel) for panel in ("Model windows by who ran them", "Time of an answered request")}


def test_an_inference_server_that_answers_shows_in_its_panels(faulty: Stack, tmp_path: Path) -> None:
    with mlserver(tmp_path, free_port()) as url, faulty.inference_server(url):

        def spoken() -> bool:
            posts(faulty.api, faults.plain(10), model="m-served", pause=0.1)
            return not silent(faulty, OF_A_SERVER)

        wait_for(spoken, 60, f"series for {OF_A_SERVER}")
    assert faulty.query('sidewatch_remote_windows_total{source="server"} > 0')


def test_every_metric_that_is_asked_for_was_scraped(faulty: Stack) -> None:
    faults.overflow(faulty)
    expressions = [query.expr for query in asked()] + [
        each["expr"] for group in rules.groups() for each in group["rules"]
    ]
    wanted = {name for expression in expressions for name in metrics_in(expression)} - LABELS

    def unseen() -> set[str]:
        return wanted - set(get(f"{faulty.prometheus}/api/v1/label/__name__/values")["data"]) - {OF_THE_SERVER}

    wait_for(lambda: unseen() == NEVER, 20, f"all but {NEVER}, not {unseen()}")


OF_THE_SERVER = "sidewatch_remote_request_duration_seconds_bucket"  # where MLServer cannot be had
# Nothing here makes these: an embedding that is no number, a shared reference (test_fleet_drift.py has one).
NEVER = {
    "sidewatch_drift_skipped",
    "sidewatch_drift_bins_total",
    "sidewatch_drift_reference_share",
    "sidewatch:drift_bins:expected",
    "sidewatch:drift_bins:share1h",
    "sidewatch:drift_fleet:psi1h",
}


def test_no_exchange_failed_while_the_observer_was_killed_stopped_and_flooded(
    faulty: Stack, background: faults.Background
) -> None:
    assert background.sent > 100
    assert background.failed == 0
    assert float(faulty.query("sum(sidewatch_observer_losses_total)")[0]["value"][1]) >= 4
