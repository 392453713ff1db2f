"""A real Sidewatch under real traffic, scraped by a real Prometheus: every panel shows series, alerts fire and resolve.

The tests run in order on one stack: quiet traffic first, faults afterwards.
"""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from sidecar.demo.script import plan
from sidecar.demo.traffic import App
from tests.dashboards.queries import asked
from tests.live.stack import Stack, get, stack, wait_for

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

# (dashboard, panel) that shows nothing while all is well, and what it takes
SILENT = {
    ("overview", "Firing alerts"): "an alert",
    ("overview", "Errors by route"): "a failed exchange",
    ("cost", "Daily budget used"): "a budget: none by default",
    ("safety", "Refusals by model"): "a completion that the provider marks as a refusal",
    ("health", "Dropped captures by reason"): "a full channel or no observer",
    ("drift", "Changes of level"): "a change that Prometheus saw grow: the first one only makes the series",
    ("health", "Unread, by watcher and reason"): "an exchange that a watcher skips",
    ("health", "Model windows by who ran them"): "an inference server: none by default",
    ("health", "Errors"): "a sink, watcher or decoder that fails",
    **dict.fromkeys([(b, "mark: Release") for b in ("overview", "safety", "drift", "cost", "health")], "an update"),
    **dict.fromkeys([(b, "mark: Drift") for b in ("overview", "safety", "drift", "cost", "health")], "a drift event"),
    **dict.fromkeys(
        [(b, "mark: Observer restarted") for b in ("overview", "safety", "drift", "cost", "health")], "a lost observer"
    ),
}
AFTER_FAULTS = {
    ("overview", "Firing alerts"),
    ("overview", "Errors by route"),
    ("overview", "mark: Observer restarted"),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("stack")) as started:
        yield started


async def traffic(proxy: str, exchanges: int) -> int:
    """Send the demo's calls with the official clients; return how many were answered as the provider meant."""
    app = App(proxy, at_once=8)
    try:
        await app.run(plan(exchanges, exchanges))
    finally:
        await app.close()
    return app.sent.calls - app.sent.failed - app.sent.wrong


def broken(proxy: str) -> int:
    """Send one exchange to the provider that fails; return the status."""
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Where is my parcel?"}]}'
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{proxy}/broken/v1/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def silent(live: Stack) -> set[tuple[str, str]]:
    """Return the panels of which no query answers with series."""
    spoken = {(query.board, query.panel): False for query in asked()}
    for query in asked():
        spoken[query.board, query.panel] |= bool(live.query(query.expr))
    return {place for place, series in spoken.items() if not series}


def test_every_panel_shows_series_under_traffic(live: Stack) -> None:
    for _ in range(2):  # the second round is growth that Prometheus can see
        assert asyncio.run(traffic(live.proxy, 80)) == 80
        wait_for(lambda: live.query("sum(sidewatch_backlog_exchanges) == 0"), 30, "an empty backlog")
    wait_for(lambda: silent(live) <= set(SILENT), 15, f"series for {silent(live) - set(SILENT)}")


def test_prometheus_accepts_every_rule_and_none_of_them_fails(live: Stack) -> None:
    groups = get(f"{live.prometheus}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 50
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_nothing_alerts_under_quiet_traffic_but_personal_data_in_it(live: Stack) -> None:
    firing = {series["metric"]["alertname"] for series in live.query('ALERTS{alertstate="firing"}')}
    assert firing <= {"SidewatchPiiInCompletions", "SidewatchInjectionSpike"}  # the traffic has both, planted


def test_a_burst_of_5xx_burns_the_budget_and_is_told_as_over(live: Stack) -> None:
    name, which = "SidewatchAvailabilityBudgetBurn", {"namespace": "shop", "severity": "critical", "long": "1h"}
    assert [broken(live.proxy) for _ in range(80)] == [503] * 80
    wait_for(lambda: live.outside.got(name, "firing", **which), 60, f"{name} fires")
    (alert, *_) = live.outside.got(name, "firing", **which)
    assert alert["annotations"]["runbook_url"].endswith("#sidewatchavailabilitybudgetburn")
    assert alert["annotations"]["summary"].startswith("The model API fails for shop")
    assert asyncio.run(traffic(live.proxy, 80)) == 80
    wait_for(lambda: live.outside.got(name, "resolved", **which), 90, f"{name} resolves")


def test_an_observer_that_is_killed_again_and_again_alerts_and_traffic_goes_on(live: Stack) -> None:
    for _ in range(4):
        live.kill_observer()
        assert asyncio.run(traffic(live.proxy, 8)) == 8
    name = "SidewatchObserverRestarting"
    wait_for(lambda: live.outside.got(name, "firing", namespace="shop", pod="app-1"), 60, f"{name} fires")
    assert not silent(live) & AFTER_FAULTS
    wait_for(lambda: live.outside.got(name, "resolved", namespace="shop", pod="app-1"), 100, f"{name} resolves")
