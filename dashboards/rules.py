"""Recording rules and alerts: the source of rules.yaml.

Service levels are burnt in several windows at once (Google SRE workbook, chapter 5): a page when a long and a
short window both burn fast, so that it comes early and ends soon. Objectives are recorded as constant series, so that an
operator (or the chart) changes one number and not forty expressions. Every ratio needs a minimum of
traffic: an idle or freshly started sidecar never alerts.

`python -m dashboards.rules` writes rules.yaml.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

Rule = dict[str, Any]
RUNBOOKS: Final = "https://github.com/sidewatch/sidewatch/blob/main/dashboards/runbooks.md"
FILE: Final = Path(__file__).parent / "rules.yaml"

OBJECTIVES: Final[dict[str, float]] = {
    "availability": 0.99,  # share of exchanges that the upstream answered whole and without a 5xx
    "latency": 0.95,  # share with a first byte within 10.24 s
    "coverage": 0.99,  # share of exchange x watcher that was inspected, of those that could be
    "budget_per_day": 0.0,  # in the price catalogue's currency; 0: no budget
}

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# (severity, long window, short window, times the budget, exchanges that the long window needs)
BURNS: Final = (
    ("critical", "1h", "5m", 14.4, 50),
    ("critical", "6h", "30m", 6.0, 100),
    ("warning", "1d", "2h", 3.0, 200),
    ("warning", "3d", "6h", 1.0, 500),
)
# Why a text that could be read was not: the reasons that count against coverage.
LOST: Final = "budget|channel_full|error|observer_down|observer_lost|overload|truncated|unaccounted|worker_lost"

_ENDED: Final = 'sidewatch_exchanges_total{{ending!~"client_gone|refused|shutdown"}}[{w}]'
_READ: Final = 'sidewatch_watcher_exchanges_total{{state=~"clean|flagged"}}[{w}]'
_UNREAD: Final = f'sidewatch_watcher_exchanges_total{{{{reason=~"{LOST}"}}}}[{{w}}]'
# service level -> (good events, all events), per namespace
LEVELS: Final[dict[str, tuple[str, str]]] = {
    "availability": (
        'sum by (namespace) (rate(sidewatch_exchanges_total{{ending="complete",status!~"5..|none"}}[{w}]))',
        f"sum by (namespace) (rate({_ENDED}))",
    ),
    "latency": (
        'sum by (namespace) (rate(sidewatch_first_byte_seconds_bucket{{le="10.24"}}[{w}]))',
        "sum by (namespace) (rate(sidewatch_first_byte_seconds_count[{w}]))",
    ),
    "coverage": (
        f"sum by (namespace) (rate({_READ}))",
        f"sum by (namespace) (rate({_READ}) or rate({_UNREAD}))",
    ),
}
SUMMARIES: Final = {
    "availability": "The model API fails for {{ $labels.namespace }}: {{ $value | humanizePercentage }} of exchanges end in an error",
    "latency": "The model API is slow for {{ $labels.namespace }}: {{ $value | humanizePercentage }} of first bytes take over 10 s",
    "coverage": "Traffic of {{ $labels.namespace }} is not inspected: {{ $value | humanizePercentage }} of verdicts are missing",
}


def groups() -> list[dict[str, Any]]:
    """Return the content of rules.yaml: objectives first, so that the chart can replace them."""
    return [
        {"name": "sidewatch-objectives", "rules": objective_rules(OBJECTIVES)},
        {"name": "sidewatch-levels", "rules": [*_recorded_levels()]},
        {"name": "sidewatch-recorded", "rules": [*_recorded()]},
        {"name": "sidewatch-burn", "rules": [*_burn_alerts()]},
        {"name": "sidewatch-alerts", "rules": [*_alerts()]},
    ]


def objective_rules(objectives: dict[str, float]) -> list[Rule]:
    return [{"record": f"sidewatch:objective:{name}", "expr": f"vector({value})"} for name, value in objectives.items()]


def _recorded_levels() -> Iterator[Rule]:
    for level, (good, every) in LEVELS.items():
        for window in WINDOWS:
            # No good event at all leaves no series, and must count as all bad.
            total = every.format(w=window)
            share = f"1 - (({good.format(w=window)}) or 0 * {total}) / ({total} > 0)"
            yield {"record": f"sidewatch:{level}_errors:ratio_rate{window}", "expr": share}


def _burn_alerts() -> Iterator[Rule]:
    for level in LEVELS:
        for severity, long, short, factor, events in BURNS:
            limit = f"scalar({factor} * (1 - max(sidewatch:objective:{level})))"
            seen = f"sum by (namespace) (increase(sidewatch_seen_exchanges_total[{long}])) > {events}"
            yield _alert(
                f"Sidewatch{level.capitalize()}BudgetBurn",
                f"(sidewatch:{level}_errors:ratio_rate{long} > {limit}) and "
                f"(sidewatch:{level}_errors:ratio_rate{short} > {limit}) and ({seen})",
                severity,
                SUMMARIES[level] + f" ({long} window, {factor:g} times the budget)",
                hold="2m" if severity == "critical" else "15m",
                long=long,
                short=short,
            )


def _recorded() -> Iterator[Rule]:
    by = "namespace, route"
    model = "namespace, gen_ai_request_model"
    expressions = {
        "sidewatch:exchanges:rate5m": f"sum by ({by}) (rate(sidewatch_exchanges_total[5m]))",
        "sidewatch:first_byte_seconds:p50_5m": _quantile(0.5, "sidewatch_first_byte_seconds", by),
        "sidewatch:first_byte_seconds:p95_5m": _quantile(0.95, "sidewatch_first_byte_seconds", by),
        "sidewatch:first_byte_seconds:p99_5m": _quantile(0.99, "sidewatch_first_byte_seconds", by),
        "sidewatch:time_to_first_chunk_seconds:p95_5m": _quantile(
            0.95, "gen_ai_client_operation_time_to_first_chunk_seconds", model
        ),
        "sidewatch:added_latency_seconds:p99_5m": _quantile(0.99, "sidewatch_added_latency_seconds", "namespace"),
        "sidewatch:tokens:rate5m": f"sum by ({model}, type) (rate(sidewatch_tokens_total[5m]))",
        "sidewatch:cost:rate1h": f"sum by ({model}, currency) (rate(sidewatch_cost_total[1h]))",
        "sidewatch:cost:increase1d": "sum by (namespace, currency) (increase(sidewatch_cost_total[1d]))",
        "sidewatch:coverage:ratio_rate5m": "1 - sidewatch:coverage_errors:ratio_rate5m",
        "sidewatch:flags:rate5m": "sum by (namespace, watcher, direction) (rate(sidewatch_flags_total[5m]))",
        "sidewatch:flags:rate1h": "sum by (namespace, watcher) (rate(sidewatch_flags_total[1h]))",
        "sidewatch:flags_per_exchange:rate1h": "sidewatch:flags:rate1h / on (namespace) group_left ()"
        " (sum by (namespace) (rate(sidewatch_seen_exchanges_total[1h])) > 0)",
    }
    for name, expression in expressions.items():
        yield {"record": name, "expr": expression}


def _quantile(share: float, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket[5m])))"


def _alerts() -> Iterator[Rule]:
    yield _alert(
        "SidewatchFlagRateAnomaly",
        "(sidewatch:flags_per_exchange:rate1h > 3 * avg_over_time(sidewatch:flags_per_exchange:rate1h[7d] offset 1h)) and "
        "(sidewatch:flags:rate1h * 3600 >= 20) and (count_over_time(sidewatch:flags_per_exchange:rate1h[7d] offset 1h) > 360)",
        "warning",
        "{{ $labels.watcher }} flags three times its usual share of exchanges in {{ $labels.namespace }}",
        hold="10m",
    )
    yield _alert(
        "SidewatchPiiInCompletions",
        # A series that is born with its first flag has no increase yet: its value is what it grew by.
        "sum by (namespace, route, watcher) ((F unless F offset 10m) or increase(F[10m])) > 0".replace(
            "F", 'sidewatch_flags_total{watcher=~"pii|secrets",direction="completion"}'
        ),
        "warning",
        "Completions on {{ $labels.route }} hold {{ $labels.watcher }} findings: {{ $value | humanize }} in 10 minutes",
    )
    yield _alert(
        "SidewatchInjectionSpike",
        '(sum by (namespace, route) (increase(sidewatch_flags_total{watcher="injection"}[10m])) >= 10) and '
        '(sum by (namespace, route) (rate(sidewatch_flags_total{watcher="injection"}[10m])) > '
        '5 * sum by (namespace, route) (rate(sidewatch_flags_total{watcher="injection"}[1d] offset 10m)))',
        "critical",
        "Prompt injection attempts on {{ $labels.route }}: {{ $value | humanize }} in 10 minutes, five times the daily average",
        hold="2m",
    )
    yield _alert(
        "SidewatchDrift",
        'max by (namespace, route, model, direction) (sidewatch_drift_state{state="drift",direction!="provider"}) == 1',
        "warning",
        "{{ $labels.direction }}s of {{ $labels.model }} on {{ $labels.route }} have drifted from their reference",
        hold="5m",
    )
    yield _alert(
        "SidewatchProviderChanged",
        'sum by (namespace, route, model) (increase(sidewatch_drift_events_total{direction="provider",state="drift"}[1h])) > 0',
        "warning",
        "The provider changed behind {{ $labels.model }} on {{ $labels.route }}: the answers differ, the prompts do not",
    )
    yield _alert(
        "SidewatchBudgetBurn",
        "(sidewatch:cost:increase1d > scalar(max(sidewatch:objective:budget_per_day))) and on () "
        "(max(sidewatch:objective:budget_per_day) > 0)",
        "warning",
        "{{ $labels.namespace }} spent {{ $value | humanize }} {{ $labels.currency }} on models in 24 hours, over the daily budget",
        hold="5m",
    )
    yield _alert(
        "SidewatchObserverRestarting",
        "sum by (namespace, pod, instance) (increase(sidewatch_observer_losses_total[15m])) > 2",
        "warning",
        "The observer of {{ $labels.instance }} was lost {{ $value | humanize }} times in 15 minutes; traffic is not affected",
    )
    yield _alert(
        "SidewatchCapturesDropped",
        '(sum by (namespace, reason) (rate(sidewatch_captures_dropped_total{reason!~"excluded|disabled"}[10m])) > '
        "on (namespace) group_left () 0.01 * sum by (namespace) (rate(sidewatch_seen_exchanges_total[10m]))) and on (namespace) "
        "(sum by (namespace) (increase(sidewatch_seen_exchanges_total[10m])) > 20)",
        "warning",
        "Over 1% of exchanges in {{ $labels.namespace }} do not reach the observer ({{ $labels.reason }})",
        hold="5m",
    )
    yield _alert(
        "SidewatchBacklogOld",
        "max by (namespace, pod, instance) (sidewatch_backlog_age_seconds) > 60",
        "warning",
        "The observer of {{ $labels.instance }} is {{ $value | humanizeDuration }} behind the traffic",
        hold="10m",
    )
    yield _alert(
        "SidewatchSinkFailing",
        "sum by (namespace, sink) (increase(sidewatch_sink_errors_total[10m])) > 0",
        "warning",
        "Records are lost in {{ $labels.namespace }}: the sink {{ $labels.sink }} failed {{ $value | humanize }} times in 10 minutes",
        hold="5m",
    )
    yield _alert(
        "SidewatchWatcherFailing",
        "max by (namespace, watcher) (sidewatch_watcher_circuit_open) == 1 or "
        "sum by (namespace, watcher) (increase(sidewatch_watcher_errors_total[10m])) > 5",
        "warning",
        "The watcher {{ $labels.watcher }} fails in {{ $labels.namespace }}: its exchanges are counted as skipped",
        hold="5m",
    )
    yield _alert(
        "SidewatchDecodeErrors",
        "(sum by (namespace, format) (rate(sidewatch_decode_errors_total[30m])) > "
        "0.05 * sum by (namespace, format) (rate(sidewatch_decoded_exchanges_total[30m]))) and "
        "(sum by (namespace, format) (increase(sidewatch_decode_errors_total[30m])) > 10)",
        "warning",
        "Over 5% of {{ $labels.format }} exchanges cannot be decoded in {{ $labels.namespace }}",
        hold="10m",
    )
    yield _alert(
        "SidewatchPricesMissing",
        "sum by (namespace, provider, model) (increase(sidewatch_price_misses_total[1h])) > 100",
        "info",
        "No price is known for {{ $labels.model }} of {{ $labels.provider }}: its cost is missing from every figure",
    )
    yield _alert(
        "SidewatchInjectorCertificateExpiring",
        "min by (namespace) (sidewatch_injector_certificate_expiry_timestamp_seconds) - time() < 14 * 86400",
        "warning",
        "The injector's certificate in {{ $labels.namespace }} ends in {{ $value | humanizeDuration }}",
        hold="1h",
    )
    yield _alert(
        "SidewatchNothingSeen",
        "(sum by (namespace) (increase(sidewatch_seen_exchanges_total[1h])) == 0) and "
        "(sum by (namespace) (increase(sidewatch_seen_exchanges_total[1h] offset 1d)) > 50)",
        "warning",
        "No exchange was seen in {{ $labels.namespace }} for an hour; yesterday at this time there were some",
        hold="15m",
    )
    yield _alert(
        "SidewatchDown",
        "absent(sidewatch_build_info) and on () (count(sidewatch_build_info offset 1h) > 0)",
        "critical",
        "No Sidewatch is scraped any more; an hour ago there was one",
        hold="5m",
    )


def _alert(name: str, expr: str, severity: str, summary: str, *, hold: str | None = None, **labels: str) -> Rule:
    rule: Rule = {"alert": name, "expr": expr}
    if hold:
        rule["for"] = hold
    rule["labels"] = {"severity": severity} | labels
    rule["annotations"] = {"summary": summary, "runbook_url": f"{RUNBOOKS}#{name.lower()}"}
    return rule


def render() -> str:
    """Return the text of rules.yaml."""
    head = "# Written by `make dashboards` from dashboards/rules.py: change that.\n"
    return head + yaml.safe_dump({"groups": groups()}, sort_keys=False, width=1000)


if __name__ == "__main__":
    FILE.write_text(render())
