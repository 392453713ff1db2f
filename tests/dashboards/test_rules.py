"""The rules file is the code's, uses metrics that exist, has a runbook for every alert, and passes promtool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from dashboards import rules
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


def test_every_reason_counts_against_coverage_or_is_known_not_to() -> None:
    """The proxy's reasons are literals of its code: whatever it enters in the ledger is here."""
    proxy = {"disabled", "excluded", "observer_down", "channel_full", "observer_lost", "unaccounted", "worker_lost"}
    chosen = {"disabled", "excluded", "unknown_format"}
    nothing_to_read = {"no_text", "empty", "not_applicable", "unsupported_language", "decode_error"}
    assert set(rules.LOST.split("|")) == proxy.union(Skip, Reason) - chosen - nothing_to_read
    code = "".join(Path("sidecar", name).read_text() for name in REASONS_IN)
    entered = set(re.findall(r"""(?:skip\(|_miss\(|skipped\\0)"?([a-z_]+)""", code)) | {CHANNEL_FULL}
    assert entered - {"reason", "self"} == proxy


REASONS_IN = ("proxy/observer_link.py", "observer/worker_totals.py")


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
    assert ALERTS[name]["annotations"]["runbook_url"] == f"{rules.RUNBOOKS}#{name.lower()}"
    section = RUNBOOKS.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
    for part in ("**Means**", "**Check**", "**Do**"):
        assert part in section


def test_every_runbook_belongs_to_an_alert() -> None:
    assert set(re.findall(r"^## (Sidewatch\w+)$", RUNBOOKS, re.MULTILINE)) == set(ALERTS)


def test_every_alert_has_a_case_except_the_budget_that_is_off_by_default() -> None:
    assert set(ALERTS) - {case.alert for case in CASES} == {"SidewatchBudgetBurn"}


def promtool_test(case: Case, series: dict[str, str], alerts: list[dict[str, Any]]) -> dict[str, Any]:
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    checks = [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": alerts}]
    return {"interval": "1m", "input_series": inputs, "alert_rule_test": checks}


BURNS = (
    ("critical", "1h", "5m", "14.4"),
    ("critical", "6h", "30m", "6"),
    ("warning", "1d", "2h", "3"),
    ("warning", "3d", "6h", "1"),
)


def firing(case: Case) -> list[dict[str, Any]]:
    """Return the alerts expected of a case; one that burns a budget this fast fires in every window."""
    if not case.alert.endswith("BudgetBurn"):
        return [expected(case, case.labels | {"severity": case.severity}, case.summary)]
    return [
        expected(
            case,
            case.labels | {"severity": severity, "long": long, "short": short},
            case.summary.replace("LONG", long).replace("FACTOR", factor),
        )
        for severity, long, short, factor in BURNS
    ]


def expected(case: Case, labels: dict[str, str], summary: str) -> dict[str, Any]:
    notes = {"summary": summary, "runbook_url": f"{rules.RUNBOOKS}#{case.alert.lower()}"}
    return {"exp_labels": labels, "exp_annotations": notes}


def run_promtool(tmp_path: Path, rule_text: str, tests: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    (tmp_path / "rules.yaml").write_text(rule_text)
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
    return subprocess.run([tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=100)


@pytest.mark.live
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_when_it_should_and_not_otherwise(case: Case, tmp_path: Path) -> None:
    tests = [
        promtool_test(case, case.fires, firing(case)),
        promtool_test(case, case.quiet, []),
        promtool_test(case, {}, []),
    ]
    done = run_promtool(tmp_path, rules.render(), tests)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.live
def test_a_budget_alerts_once_it_is_set(tmp_path: Path) -> None:
    cost = {'sidewatch_cost_total{namespace="shop",currency="USD"}': "0+1x1500"}
    case = Case("SidewatchBudgetBurn", "1450m", cost, {})
    with_budget = rules.render().replace("expr: vector(0.0)", "expr: vector(100)")
    labels = {"namespace": "shop", "currency": "USD", "severity": "warning"}
    summary = "shop spent 1.44k USD on models in 24 hours, over the daily budget"
    alerts = [expected(case, labels, summary)]
    done = run_promtool(tmp_path, with_budget, [promtool_test(case, cost, alerts)])
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_promtool(tmp_path, rules.render(), [promtool_test(case, cost, [])])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.live
def test_the_rules_pass_the_linter() -> None:
    command = [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(rules.FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
