"""Drift: which streams moved, when, how far, and whether every replica sees it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.boards.board import board
from dashboards.boards.panels import STREAM, also, graph, grown, now, number, query, rows, states

BY = "route, model, direction"
NAME = "{{route}} {{model}} {{direction}}"
LEVELS = (("learning", "#8e8e8e"), ("stable", "green"), ("warning", "yellow"), ("drift", "red"))
# The present level as a number: one of the four states is 1, the others are 0.
LEVEL = (
    f"max by ({BY}) ("
    + " or ".join(
        f'{weight} * sidewatch_drift_state{{{STREAM},state="{state}"}}'
        for weight, state in enumerate(("insufficient_data", "stable", "warning", "drift"))
    )
    + ")"
)


def drift() -> Dashboard:
    provider = f'{STREAM},direction="provider"'
    return board(
        "drift",
        "Drift",
        "Streams (route, model, direction) against their reference: level, distance, evidence, and the provider's own changes.",
        ("namespace", "route", "model"),
        [
            (
                "Now",
                [
                    number(
                        "In drift",
                        "Streams that differ from their reference now.",
                        "short",
                        now(f'sum(max by ({BY}) (sidewatch_drift_state{{{STREAM},state="drift"}})) or vector(0)'),
                        steps={1: "red"},
                        runbook="SidewatchDrift",
                    ),
                    number(
                        "Warning",
                        "Streams with some evidence of a change, not enough for an alarm.",
                        "short",
                        now(f'sum(max by ({BY}) (sidewatch_drift_state{{{STREAM},state="warning"}})) or vector(0)'),
                        steps={1: "yellow"},
                        runbook="SidewatchDrift",
                    ),
                    number(
                        "Learning",
                        "Streams whose reference is not complete yet: nothing can be said of them.",
                        "short",
                        now(
                            f'sum(max by ({BY}) (sidewatch_drift_state{{{STREAM},state="insufficient_data"}})) or vector(0)'
                        ),
                    ),
                    number(
                        "Followed",
                        "Streams that are followed, largest replica.",
                        "short",
                        now('max(sidewatch_drift_streams{namespace=~"$namespace"})'),
                    ),
                    number(
                        "Largest distance",
                        "Distance of the farthest stream from its reference, in units of natural variation.",
                        "short",
                        query(f"max(sidewatch_drift_effect{{{STREAM}}})"),
                        runbook="SidewatchDrift",
                    ),
                    number(
                        "Provider changes",
                        "Times that the answers to like prompts changed together, over the range.",
                        "short",
                        now(f"{grown('sidewatch_drift_events_total', also(provider, 'state', 'drift'))} or vector(0)"),
                        steps={1: "orange"},
                        runbook="SidewatchProviderChanged",
                    ),
                ],
            ),
            (
                "Course",
                [
                    states(
                        "Level of each stream",
                        "The worst replica's level, the 20 streams that moved farthest.",
                        f"({LEVEL}) and on ({BY}) topk(20, max by ({BY}) (max_over_time(sidewatch_drift_effect{{{STREAM}}}[$__range] @ end())))",
                        NAME,
                        LEVELS,
                        width=24,
                        height=9,
                        runbook="SidewatchDrift",
                    ),
                    graph(
                        "Distance from the reference",
                        "Effect size: how far the recent window lies from the reference. This, and not the evidence, says whether it matters.",
                        "short",
                        query(_farthest("sidewatch_drift_effect"), NAME),
                        width=12,
                        runbook="SidewatchDrift",
                    ),
                    graph(
                        "Evidence against no change",
                        "Decimal orders of magnitude of the sequential test's evidence. It grows with traffic while a change lasts.",
                        "short",
                        query(f"log10(clamp_min({_farthest('sidewatch_drift_evidence')}, 1))", NAME),
                        width=12,
                        runbook="SidewatchDrift",
                    ),
                ],
            ),
            (
                "Fleet and events",
                [
                    graph(
                        "Share of replicas in drift",
                        "100%: all traffic changed. A small share: one tenant's, one pod's or one region's.",
                        "percentunit",
                        query(
                            f'avg by ({BY}) (sidewatch_drift_state{{{STREAM},state="drift"}}) and on ({BY}) topk(8, max by ({BY}) (max_over_time(sidewatch_drift_effect{{{STREAM}}}[$__range] @ end())))',
                            NAME,
                        ),
                        most=1,
                        runbook="SidewatchDrift",
                    ),
                    graph(
                        "Samples",
                        "Samples seen since the stream began. A flat line is a stream without traffic.",
                        "short",
                        query(_farthest("sidewatch_drift_samples", "sum"), NAME),
                    ),
                    rows(
                        "Changes of level",
                        "Over the range. Terms, clusters and masked examples of a change: /drift on the admin port, and the drift lines of the log.",
                        "short",
                        f"topk(20, {grown('sidewatch_drift_events_total', STREAM, BY + ', state')}) > 0",
                        {"route": "Route", "model": "Model", "direction": "Direction", "state": "To", "Value": "Times"},
                        runbook="SidewatchDrift",
                        absent="No stream changed its level",
                    ),
                ],
            ),
        ],
    )


def _farthest(metric: str, how: str = "max") -> str:
    return f"{how} by ({BY}) ({metric}{{{STREAM}}}) and on ({BY}) topk(8, max by ({BY}) (max_over_time(sidewatch_drift_effect{{{STREAM}}}[$__range] @ end())))"
