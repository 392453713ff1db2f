"""Recording rules beside the service levels: rates, quantiles, coverage, cost, and the fleet's drift."""

from collections.abc import Iterator
from typing import Final

from dashboards.rule import Rule, grown, quantile, record

_ROUTE: Final = "namespace, route"
_MODEL: Final = "namespace, gen_ai_request_model"
_STREAM: Final = "namespace, route, model, direction, label"
_INJECTIONS: Final = 'sidewatch_flags_total{watcher="injection"}'

EXPRESSIONS: Final = {
    "sidewatch:exchanges:rate5m": f"sum by ({_ROUTE}) (rate(sidewatch_exchanges_total[5m]))",
    "sidewatch:seen_exchanges:increase1h": "sum by (namespace) (increase(sidewatch_seen_exchanges_total[1h]))",
    "sidewatch:first_byte_seconds:p50_5m": quantile(0.5, "sidewatch_first_byte_seconds", _ROUTE),
    "sidewatch:first_byte_seconds:p95_5m": quantile(0.95, "sidewatch_first_byte_seconds", _ROUTE),
    "sidewatch:first_byte_seconds:p99_5m": quantile(0.99, "sidewatch_first_byte_seconds", _ROUTE),
    "sidewatch:time_to_first_chunk_seconds:p95_5m": quantile(
        0.95, "gen_ai_client_operation_time_to_first_chunk_seconds", _MODEL
    ),
    "sidewatch:added_latency_seconds:p99_5m": quantile(0.99, "sidewatch_added_latency_seconds", "namespace"),
    "sidewatch:tokens:rate5m": f"sum by ({_MODEL}, type) (rate(sidewatch_tokens_total[5m]))",
    "sidewatch:cost:rate1h": f"sum by ({_MODEL}, currency) (rate(sidewatch_cost_total[1h]))",
    "sidewatch:cost:increase5m": "sum by (namespace, currency) (increase(sidewatch_cost_total[5m]))",
    "sidewatch:cost:increase1h": "sum by (namespace, currency) (increase(sidewatch_cost_total[1h]))",
    "sidewatch:cost:increase1d": "sum by (namespace, currency) (increase(sidewatch_cost_total[1d]))",
    "sidewatch:coverage:ratio_rate5m": "1 - sidewatch:coverage_errors:ratio_rate5m",
    "sidewatch:flags:rate5m": "sum by (namespace, watcher, direction) (rate(sidewatch_flags_total[5m]))",
    "sidewatch:injections:increase10m": f"sum by ({_ROUTE}) ({grown(_INJECTIONS, '10m')})",
    "sidewatch:drift_effect:max": f"max by ({_STREAM}) (sidewatch_drift_effect)",
    "sidewatch:drift_replicas:ratio": f'avg by ({_STREAM}) (sidewatch_drift_state{{state="drift"}})',
}


def recorded() -> Iterator[Rule]:
    for name, expression in EXPRESSIONS.items():
        yield record(name, expression)
