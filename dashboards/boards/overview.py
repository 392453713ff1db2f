"""Overview: is anything wrong, and where to look. Alerts and objectives first, then the four signals, then the watchers."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.boards.board import board
from dashboards.boards.panels import (
    BASE,
    GEN_AI,
    NS,
    ROUTE,
    STREAM,
    by_top,
    counted,
    graph,
    grown,
    now,
    number,
    percentiles,
    quantile,
    query,
    rate,
    rows,
)

FAILED: Final = f'{ROUTE},ending!~"client_gone|refused|shutdown|complete"'
SERVER_ERROR: Final = f'{ROUTE},ending="complete",status=~"5.."'
COUNTED: Final = f'{ROUTE},ending!~"client_gone|refused|shutdown"'
SPENT: Final = f'{GEN_AI},type=~"input|output"'
BURN_STEPS: Final = {1: "yellow", 6: "orange", 14.4: "red"}


def burn(level: str) -> str:
    """Return how many times faster than the objective allows the error budget is spent."""
    return f"max(sidewatch:{level}_errors:ratio_rate1h{{{NS}}}) / scalar(1 - max(sidewatch:objective:{level}))"


def overview() -> Dashboard:
    tells = "Traffic, errors, latency, tokens, cost, coverage and flags at a glance. Begin here when an alert fires."
    errors = f"(({rate('sidewatch_exchanges_total', FAILED)} or vector(0)) + ({rate('sidewatch_exchanges_total', SERVER_ERROR)} or vector(0))) / {rate('sidewatch_exchanges_total', COUNTED)}"
    ttft = "gen_ai_client_operation_time_to_first_chunk_seconds"
    chunk = "gen_ai_client_operation_time_per_output_chunk_seconds"
    states = f'{ROUTE},ending="complete",status=~"4..|5.."'
    return board(
        "overview",
        "Overview",
        tells,
        ("namespace", "route", "model"),
        [
            (
                "Is anything wrong?",
                [
                    rows(
                        "Firing alerts",
                        "Alerts that fire now; empty is good. Every one has a section in the runbooks.",
                        "short",
                        'max by (alertname, severity, namespace) (ALERTS{alertname=~"Sidewatch.*",alertstate="firing",namespace=~"$namespace|"})',
                        {
                            "alertname": "Alert",
                            "severity": "Severity",
                            "namespace": "Namespace",
                        },
                        first_pixels=320,
                        width=12,
                        absent="No alert fires",
                    ),
                    number(
                        "Availability burn",
                        "Error budget of the last hour, in multiples of what the objective allows: 1 uses it up exactly; 14.4 pages.",
                        "x",
                        now(burn("availability")),
                        steps=BURN_STEPS,
                        runbook="SidewatchAvailabilityBudgetBurn",
                    ),
                    number(
                        "Latency burn",
                        "First bytes over 10 s in the last hour, in multiples of what the objective allows.",
                        "x",
                        now(burn("latency")),
                        steps=BURN_STEPS,
                        runbook="SidewatchLatencyBudgetBurn",
                    ),
                    number(
                        "Coverage burn",
                        "Exchanges that no watcher read in the last hour, in multiples of what the objective allows.",
                        "x",
                        now(burn("coverage")),
                        steps=BURN_STEPS,
                        runbook="SidewatchCoverageBudgetBurn",
                    ),
                    number(
                        "Streams in drift",
                        "Streams of route, model and direction that differ from their reference now.",
                        "short",
                        now(
                            counted(
                                f'sum(max by (route, model, direction, label) (sidewatch_drift_state{{{ROUTE},state="drift"}}))'
                            )
                        ),
                        steps={1: "red"},
                        whole=True,
                        runbook="SidewatchDrift",
                    ),
                    number(
                        "Failing self-tests",
                        "Watchers that do not see what they must in known texts, or flag what they must not.",
                        "short",
                        now(
                            f"count(min by (namespace, pod, instance, watcher) (sidewatch_selftest_passed{{{NS}}}) == 0) or 0 * sum(sidewatch_selftest_passed{{{NS}}})"
                        ),
                        steps={1: "red"},
                        whole=True,
                        runbook="SidewatchSelftestFailing",
                    ),
                    number(
                        "PII and secrets in answers",
                        "Completions' texts with personal data or a secret over the range; one replayed in a history counts once.",
                        "short",
                        now(
                            counted(
                                grown("sidewatch_flags_total", f'{ROUTE},watcher=~"pii|secrets",direction="completion"')
                            )
                        ),
                        steps={1: "orange"},
                        whole=True,
                        runbook="SidewatchPiiInCompletions",
                    ),
                    number(
                        "Traffic",
                        "Exchanges that end per second.",
                        "reqps",
                        query(rate("sidewatch_exchanges_total", ROUTE)),
                    ),
                    number(
                        "Errors",
                        "Share of exchanges that end in a 5xx, a broken stream or no answer. Clients that left are not counted.",
                        "percentunit",
                        query(errors),
                        steps={0.01: "yellow", 0.05: "red"},
                        runbook="SidewatchAvailabilityBudgetBurn",
                    ),
                    number(
                        "First token, p95",
                        "From the request to the first generated output, streams only; 95% are faster.",
                        "s",
                        query(quantile(0.95, ttft, GEN_AI)),
                        steps={5: "yellow", 10: "red"},
                        runbook="SidewatchLatencyBudgetBurn",
                    ),
                    number(
                        "Flags per minute",
                        "Texts that a watcher flags; one replayed in a history counts once.",
                        "short",
                        query(counted(f"60 * ({rate('sidewatch_flags_total', ROUTE)})")),
                        runbook="SidewatchFlagRateAnomaly",
                    ),
                    number(
                        "Tokens per minute",
                        "Input and output tokens, as providers count them.",
                        "short",
                        query(f"60 * ({rate('sidewatch_tokens_total', SPENT)})"),
                    ),
                    number(
                        "Cost per hour",
                        "Cost of all exchanges at the present rate, by currency.",
                        "short",
                        query(f"3600 * ({rate('sidewatch_cost_total', GEN_AI, 'currency')})", "{{currency}}"),
                        runbook="SidewatchBudgetBurn",
                    ),
                ],
            ),
            (
                "Traffic",
                [
                    graph(
                        "Exchanges by route",
                        "Exchanges that end per second, the busiest routes.",
                        "reqps",
                        query(
                            by_top(
                                rate("sidewatch_exchanges_total", ROUTE, "route"),
                                "route",
                                "sidewatch_exchanges_total",
                                ROUTE,
                            ),
                            "{{route}}",
                        ),
                        stack=True,
                    ),
                    graph(
                        "Errors by route",
                        "4xx and 5xx answers and broken exchanges per second. 4xx is the caller's, 5xx the provider's; anything but a status is a network matter.",
                        "reqps",
                        query(
                            by_top(
                                rate("sidewatch_exchanges_total", states, "route, status"),
                                "route, status",
                                "sidewatch_exchanges_total",
                                states,
                            ),
                            "{{route}} {{status}}",
                        ),
                        query(
                            by_top(
                                rate("sidewatch_exchanges_total", FAILED, "route, ending"),
                                "route, ending",
                                "sidewatch_exchanges_total",
                                FAILED,
                            ),
                            "{{route}} {{ending}}",
                        ),
                        runbook="SidewatchAvailabilityBudgetBurn",
                        absent="No errors",
                    ),
                    graph(
                        "Duration of an exchange",
                        "From the first byte of the request to the last of the answer.",
                        "s",
                        *percentiles("sidewatch_exchange_duration_seconds", ROUTE),
                    ),
                    graph(
                        "First token by model, p95",
                        "From the request to the first generated output, streams only.",
                        "s",
                        query(
                            by_top(
                                quantile(0.95, ttft, GEN_AI, "gen_ai_request_model"),
                                "gen_ai_request_model",
                                f"{ttft}_count",
                                GEN_AI,
                            ),
                            "{{gen_ai_request_model}}",
                        ),
                        steps={10: "red"},
                        runbook="SidewatchLatencyBudgetBurn",
                    ),
                    graph(
                        "Tokens by type",
                        "Tokens per second as providers count them. Cached and reasoning tokens are parts of input and output, and not drawn here.",
                        "short",
                        query(rate("sidewatch_tokens_total", SPENT, "type"), "{{type}}"),
                        stack=True,
                    ),
                    graph(
                        "Cost by model",
                        "Cost per hour of the models that cost most.",
                        "short",
                        query(
                            f"3600 * ({by_top(rate('sidewatch_cost_total', GEN_AI, 'gen_ai_request_model, currency'), 'gen_ai_request_model, currency', 'sidewatch_cost_total', GEN_AI)})",
                            "{{gen_ai_request_model}} {{currency}}",
                        ),
                        stack=True,
                        runbook="SidewatchBudgetBurn",
                    ),
                    graph(
                        "Between two chunks by model, p95",
                        "Time between one chunk of generated output and the next, streams only: what a reader feels as slow typing.",
                        "s",
                        query(
                            by_top(
                                quantile(0.95, chunk, GEN_AI, "gen_ai_request_model"),
                                "gen_ai_request_model",
                                f"{chunk}_count",
                                GEN_AI,
                            ),
                            "{{gen_ai_request_model}}",
                        ),
                        width=12,
                        runbook="SidewatchLatencyBudgetBurn",
                    ),
                    graph(
                        "Tool calls by model",
                        "Per minute, as models write them. A jump without more traffic is a loop, or an agent that does what it should not.",
                        "short",
                        query(
                            f"60 * ({by_top(rate('sidewatch_tool_calls_total', STREAM, 'model'), 'model', 'sidewatch_tool_calls_total', STREAM)})",
                            "{{model}}",
                        ),
                        stack=True,
                        width=12,
                        absent="No tool is called",
                    ),
                ],
            ),
            (
                "Watching",
                [
                    graph(
                        "Coverage",
                        "Share of verdicts given, of those that could be: what was dropped, skipped for load or lost with the observer is missing from 100%. Needs the recording rules.",
                        "percentunit",
                        query(f"min by (namespace) (sidewatch:coverage:ratio_rate5m{{{NS}}})", "{{namespace}}"),
                        steps={BASE: "red", 0.99: "green"},
                        most=1,
                        runbook="SidewatchCoverageBudgetBurn",
                    ),
                    graph(
                        "Flags by watcher",
                        "Flagged texts per minute.",
                        "short",
                        query(f"60 * ({rate('sidewatch_flags_total', ROUTE, 'watcher')})", "{{watcher}}"),
                        stack=True,
                        runbook="SidewatchFlagRateAnomaly",
                    ),
                    graph(
                        "Distance from the reference",
                        "How far the streams have moved, in units of their natural variation; the largest ones. Details on the Drift dashboard.",
                        "short",
                        query(
                            f"topk(5, max by (route, model, direction, label) (sidewatch_drift_effect{{{ROUTE}}}))",
                            "{{route}} {{model}} {{direction}} {{label}}",
                        ),
                        runbook="SidewatchDrift",
                    ),
                ],
            ),
        ],
    )
