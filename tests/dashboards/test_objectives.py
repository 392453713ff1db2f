"""What stands under `rules.objectives` in the chart decides whether an alert fires: the rendered rules, run by promtool."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.rules import Objectives
from tests.dashboards.alert_cases import BUSY, CASES, Case
from tests.dashboards.test_rules import firing, promtool_test, run_promtool
from tests.helm.chart import of_kind, render

pytestmark = pytest.mark.live

SLOW = BUSY | {
    'sidewatch_first_byte_seconds_bucket{namespace="shop",le="10.24"}': "0+40x100",
    'sidewatch_first_byte_seconds_bucket{namespace="shop",le="20.48"}': "0+60x100",
    'sidewatch_first_byte_seconds_count{namespace="shop"}': "0+60x100",
}
COST = {'sidewatch_cost_total{namespace="shop",currency="USD"}': "0+1x1500"}


def case_of(alert: str) -> Case:
    return next(case for case in CASES if case.alert == alert)


# objective -> a value with which the alert does not fire that fires otherwise, and that alert with its series
LOOSE: dict[str, tuple[float, Case]] = {
    "availability": (0.5, case_of("SidewatchAvailabilityBudgetBurn")),
    "latency": (
        0.5,
        Case(
            "SidewatchLatencyBudgetBurn",
            "70m",
            SLOW,
            {},
            {"namespace": "shop"},
            "The model API is slow for shop: 33.33% of first bytes take over 10.24 s (LONG window, FACTOR times the budget)",
            # A third is not 14.4 times a twentieth.
            bursts=case_of("SidewatchLatencyBudgetBurn").bursts[1:],
        ),
    ),
    "coverage": (0.5, case_of("SidewatchCoverageBudgetBurn")),
    "flagRate": (1000, case_of("SidewatchFlagRateAnomaly")),
    "driftEffect": (1000, case_of("SidewatchDrift")),
    "backlogSeconds": (100_000, case_of("SidewatchBacklogOld")),
}
LOOSE["latencySeconds"] = (20.48, LOOSE["latency"][1])


def rules_with(**objectives: float) -> str:
    values = {"upstream": "https://a.example", "rules": {"enabled": True, "objectives": objectives}}
    (rule,) = of_kind(render(values), "PrometheusRule")
    return yaml.safe_dump(rule["spec"])


def test_every_objective_is_tried() -> None:
    names = yaml.safe_load(Path("helm/sidewatch/values.yaml").read_text())["rules"]["objectives"]
    assert set(LOOSE) | {"budgetPerDay"} == set(names)
    assert len(names) == len(Objectives.__dataclass_fields__)


@pytest.mark.parametrize("name", LOOSE)
def test_an_alert_that_fires_is_silent_with_a_looser_objective(name: str, tmp_path: Path) -> None:
    value, case = LOOSE[name]
    assert_passes(tmp_path, rules_with(), case, firing(case))
    assert_passes(tmp_path, rules_with(**{name: value}), case, [])


def test_a_budget_that_is_larger_than_what_is_spent_is_silent(tmp_path: Path) -> None:
    case = Case("SidewatchBudgetBurn", "1450m", COST, {})
    spent = "shop spent 1.44k USD on models in 24 hours, over the daily budget"
    labels = {"namespace": "shop", "currency": "USD", "severity": "warning", "long": "1d"}
    alert = Case("SidewatchBudgetBurn", "1450m", COST, {}, labels, spent)
    assert_passes(tmp_path, rules_with(budgetPerDay=1000), case, firing(alert))
    assert_passes(tmp_path, rules_with(budgetPerDay=2000), case, [])


def assert_passes(folder: Path, rule_text: str, case: Case, alerts: list[dict[str, Any]]) -> None:
    done = run_promtool(folder, rule_text, case, [promtool_test(case, case.fires, alerts)])
    assert done.returncode == 0, done.stdout + done.stderr
