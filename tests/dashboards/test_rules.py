"""The rules file is the code's, uses metrics that exist, has a runbook for every alert, and passes promtool."""

import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from dashboards import rule as rule_of
from dashboards import rules
from dashboards.levels import EXCUSED, LOST
from sidecar.observer.metric_table import BY_NAME, Type
from sidecar.observer.outcome import Reason
from sidecar.proxy.tap import CHANNEL_FULL
from tests.dashboards.alert_cases import CASES, Case
from tests.live.tools import tool
from watchers.watcher import Skip

RULES = [rule for group in rules.groups() for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RUNBOOKS = Path("dashboards/runbooks.md").read_text()
INJECTOR = {"sidewatch_injector_certificate_expiry_timestamp_seconds"}


def series_names() -> set[str]:
    """Return the names under which every metric of the table is scraped."""
    names = set(INJECTOR)
    for name, metric in BY_NAME.items():
        names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if metric.type is Type.HISTOGRAM else {name}
    return names | {rule["record"] for rule in RULES if "record" in rule}


def test_the_committed_file_is_what_the_code_writes() -> None:
    assert rules.FILE.read_text() == rules.render()


def test_the_chart_ships_the_same_rules() -> None:
    assert Path("helm/sidewatch/files/rules.yaml").read_text() == rules.render()


def metrics_in(expression: str) -> set[str]:
    promql_parser.parse(expression)  # raises on what is not PromQL
    return set(re.findall(r"\b((?:gen_ai|sidewatch)[a-z0-9_]*(?::[a-z0-9_:]+)?)\b(?!\s*[=!]~?\")", expression)) - {
        "gen_ai_request_model"
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("record") or rule["alert"])
def test_every_metric_of_a_rule_exists(rule: dict[str, Any]) -> None:
    assert metrics_in(rule["expr"]) <= series_names()


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_runbook_that_says_what_to_do(name: str) -> None:
    assert ALERTS[name]["annotations"]["runbook_url"] == f"{rule_of.RUNBOOKS}#{name.lower()}"
    section = RUNBOOKS.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
    for part in ("**Means**", "**Check**", "**Do**"):
        assert part in section


def test_every_runbook_belongs_to_an_alert() -> None:
    assert set(re.findall(r"^## (Sidewatch\w+)$", RUNBOOKS, re.MULTILINE)) == set(ALERTS)


def test_every_alert_has_a_case_except_the_budget_that_is_off_by_default() -> None:
    assert set(ALERTS) - {case.alert for case in CASES} == {"SidewatchBudgetBurn"}


def test_every_reason_of_the_ledger_counts_against_coverage_or_is_excused() -> None:
    proxy = [path.read_text() for path in Path("sidecar").rglob("*.py")]
    written = {
        reason for text in proxy for reason in re.findall(r'(?:tally\.skip|_miss)\("(\w+)"|skipped\\0(\w+)', text)
    }
    told = {*Skip, *Reason, CHANNEL_FULL, *(reason for pair in written for reason in pair if reason)}
    assert {"observer_lost", "unaccounted", "worker_lost", "excluded"} <= told
    assert set(LOST) | set(EXCUSED) == told
    assert not set(LOST) & set(EXCUSED)


def test_windows_offsets_and_holds_are_shortened_and_nothing_else() -> None:
    tree = [{"name": "g", "rules": [{"alert": "A", "expr": "rate(m1h[1h] offset 1d) > m[5m]", "for": "2m"}]}]
    assert rules.shortened(tree, {"1h": "10s", "1d": "60s"}, "1s") == [
        {"name": "g", "rules": [{"alert": "A", "expr": "rate(m1h[10s] offset 60s) > m[5m]", "for": "1s"}]}
    ]


def test_objectives_reach_the_rules() -> None:
    text = rules.render(rules.Objectives(availability=0.999, latency_seconds=2.56))
    assert "vector(0.999)" in text
    assert 'le="2.56"' in text
    assert "over 2.56 s" in text


def test_every_objective_is_documented_with_its_default() -> None:
    table = [line for line in Path("docs/dashboards.md").read_text().splitlines() if line.startswith("| `")]
    text = "\n".join(table)
    for name, value in asdict(rules.Objectives()).items():
        assert f"`{name}`" in text
        assert f"{value:g}" in text


def test_the_latency_objective_is_a_bound_of_the_histogram() -> None:
    assert rules.Objectives().latency_seconds in BY_NAME["sidewatch_first_byte_seconds"].buckets


def promtool_test(case: Case, series: dict[str, str], alerts: list[dict[str, Any]]) -> dict[str, Any]:
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    checks = [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": alerts}]
    return {"interval": "1m", "input_series": inputs, "alert_rule_test": checks}


def firing(case: Case) -> list[dict[str, Any]]:
    """Return the alerts expected of a case: one for each of its bursts."""
    alerts = []
    for burst in case.bursts:
        labels = {"severity": case.severity} | {name: value for name, value in burst.items() if name.islower()}
        summary = case.summary
        for name, value in burst.items():
            summary = summary.replace(name.upper(), value)
        alerts.append(expected(case, case.labels | labels, summary))
    return alerts


def expected(case: Case, labels: dict[str, str], summary: str) -> dict[str, Any]:
    notes = {"summary": summary, "runbook_url": f"{rule_of.RUNBOOKS}#{case.alert.lower()}"}
    return {"exp_labels": labels, "exp_annotations": notes}


def needed(rule_text: str, alert: str) -> list[dict[str, Any]]:
    """Return the rules that an alert is made of: a week of all of them would take minutes."""
    groups = yaml.safe_load(rule_text)["groups"]
    all_rules = [each for group in groups for each in group["rules"]]
    names, found = {alert}, set[str]()
    while names != found:
        found = set(names)
        for each in all_rules:
            if (each.get("alert") or each["record"]) in found:
                names |= set(re.findall(r"sidewatch:[a-z0-9_:]+", each["expr"]))
    for group in groups:
        group["rules"] = [each for each in group["rules"] if (each.get("alert") or each["record"]) in names]
    return [group for group in groups if group["rules"]]


def run_promtool(
    tmp_path: Path, rule_text: str, case: Case, tests: list[dict[str, Any]]
) -> subprocess.CompletedProcess[str]:
    chosen = needed(rule_text, case.alert)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": chosen}))
    file = tmp_path / "tests.yaml"
    order = [group["name"] for group in chosen]  # or the same case comes out differently from run to run
    head = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "group_eval_order": order}
    file.write_text(yaml.safe_dump(head | {"tests": tests}))
    return subprocess.run([tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=100)


@pytest.mark.live
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}-{case.at}")
def test_an_alert_fires_when_it_should_and_not_otherwise(case: Case, tmp_path: Path) -> None:
    tests = [
        promtool_test(case, case.fires, firing(case)),
        promtool_test(case, case.quiet, []),
        promtool_test(case, {}, []),
    ]
    done = run_promtool(tmp_path, rules.render(), case, tests)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.live
def test_a_budget_alerts_once_it_is_set(tmp_path: Path) -> None:
    cost = {'sidewatch_cost_total{namespace="shop",currency="USD"}': "0+1x1500"}
    case = Case("SidewatchBudgetBurn", "1450m", cost, {})
    with_budget = rules.render(rules.Objectives(budget_per_day=100))
    labels = {"namespace": "shop", "currency": "USD"}
    fast = "shop spent 60 USD on models in an hour, a third of the daily budget"
    day = "shop spent 1.44k USD on models in 24 hours, over the daily budget"
    alerts = [
        expected(case, labels | {"severity": "critical", "long": "1h"}, fast),
        expected(case, labels | {"severity": "warning", "long": "1d"}, day),
    ]
    done = run_promtool(tmp_path, with_budget, case, [promtool_test(case, cost, alerts)])
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_promtool(tmp_path, rules.render(), case, [promtool_test(case, cost, [])])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.live
def test_the_rules_pass_the_linter() -> None:
    command = [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(rules.FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
