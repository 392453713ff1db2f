"""Drift: which streams moved, when, how far, and whether every replica sees it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.boards.board import board
from dashboards.boards.panels import NS, STREAM, also, counted, graph, grown, now, number, query, rate, rows, states

BY = "route, model, direction, label"
NAME = "{{route}} {{model}} {{direction}} {{label}}"
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
                        now(counted(f'sum(max by ({BY}) (sidewatch_drift_state{{{STREAM},state="drift"}}))')),
                        steps={1: "red"},
                        whole=True,
                        runbook="SidewatchDrift",
                    ),
                    number(
                        "Warning",
                        "Streams with some evidence of a change, not enough for an alarm.",
                        "short",
                        now(counted(f'sum(max by ({BY}) (sidewatch_drift_state{{{STREAM},state="warning"}}))')),
                        steps={1: "yellow"},
                        whole=True,
                        runbook="SidewatchDrift",
                    ),
                    number(
                        "Learning",
                        "Streams whose reference is not complete yet: nothing can be said of them.",
                        "short",
                        now(
                            counted(f'sum(max by ({BY}) (sidewatch_drift_state{{{STREAM},state="insufficient_data"}}))')
                        ),
                        whole=True,
                    ),
                    number(
                        "Followed",
                        "Streams that are followed, largest replica.",
                        "short",
                        now('max(sidewatch_drift_streams{namespace=~"$namespace"})'),
                        whole=True,
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
                        now(counted(grown("sidewatch_drift_events_total", also(provider, "state", "drift")))),
                        steps={1: "orange"},
                        whole=True,
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
                        "Decimal orders of magnitude of the sequential test's evidence. It grows with traffic while a change lasts; from the line on it is drift.",
                        "short",
                        query(f"log10(min(sidewatch_drift_alarm_every{{{STREAM}}}))", "alarm"),
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
                    graph(
                        "Clusters that moved",
                        "Share of the clusters that grew or shrank most, since a raised stream's change, less what it was before.",
                        "percentunit",
                        query(
                            f'topk(8, sum by ({BY}, cluster) (sidewatch_drift_cluster_share{{{STREAM},when="after"}}) - sum by ({BY}, cluster) (sidewatch_drift_cluster_share{{{STREAM},when="before"}}))',
                            NAME + ": cluster {{cluster}}",
                        ),
                        least=None,
                        runbook="SidewatchDrift",
                        absent="No stream is raised",
                    ),
                    rows(
                        "Who changed, and since when",
                        "Streams that are raised now. Terms, masked examples and the full reason: /drift on the admin port, and the drift lines of the log.",
                        "dateTimeAsIso",
                        f"topk(20, 1000 * (max by ({BY}) (sidewatch_drift_since_timestamp_seconds{{{STREAM}}})) * on ({BY}) group_left (attribution) (max by ({BY}, attribution) (sidewatch_drift_attribution{{{STREAM}}}) == 1))",
                        {
                            "route": "Route",
                            "model": "Model",
                            "direction": "Direction",
                            "label": "Label",
                            "attribution": "Who changed",
                            "Value": "Since",
                        },
                        width=24,
                        height=6,
                        runbook="SidewatchDrift",
                        absent="No stream is raised",
                    ),
                    graph(
                        "What carries the change",
                        "Effect of the scores that carry a raised stream's change: length, time, a topic, a cluster.",
                        "short",
                        query(
                            f"topk(8, max by ({BY}, score) (sidewatch_drift_score_effect{{{STREAM}}}))",
                            NAME + ": {{score}}",
                        ),
                        width=12,
                        runbook="SidewatchDrift",
                        absent="No stream is raised",
                    ),
                    graph(
                        "Fleet against the shared reference (PSI)",
                        "Population stability index of all replicas together in the last hour; above 0.25 the population is another one. Needs drift.reference and the recording rules.",
                        "short",
                        query(
                            f"topk(8, sidewatch:drift_fleet:psi1h{{{STREAM}}})",
                            "{{route}} {{model}} {{direction}}: {{feature}}",
                        ),
                        steps={0.1: "yellow", 0.25: "red"},
                        width=12,
                        runbook="SidewatchDrift",
                        absent="No shared reference",
                    ),
                    rows(
                        "Changes of level",
                        "Times that each stream came to each level, over the range.",
                        "short",
                        f"topk(20, {grown('sidewatch_drift_events_total', STREAM, BY + ', state')}) > 0",
                        {
                            "route": "Route",
                            "model": "Model",
                            "direction": "Direction",
                            "label": "Label",
                            "state": "To",
                            "Value": "Times",
                        },
                        width=24,
                        height=7,
                        whole=True,
                        runbook="SidewatchDrift",
                        absent="No stream changed its level",
                    ),
                ],
            ),
            (
                "What drift does not see",
                [
                    graph(
                        "Samples that could not be read",
                        "By reason, since the streams began: embeddings and scores that are no numbers. Any at all is a fault of Sidewatch or of a watcher of your own.",
                        "short",
                        query(f"sum by (reason) (sidewatch_drift_skipped{{{STREAM}}})", "{{reason}}"),
                        absent="Every sample was read",
                    ),
                    graph(
                        "Streams closed to make room",
                        "Per hour: more streams than drift.streams allows, and the longest unused one is forgotten. Raise it, or watch fewer labels.",
                        "short",
                        query(
                            counted(f"3600 * ({rate('sidewatch_drift_closed_streams_total', NS)})"),
                            "closed",
                        ),
                    ),
                    graph(
                        "Replicas with the shared reference",
                        "Share of replicas that could read drift.reference: below 100% the fleet's figures leave some out. 0% where none is set.",
                        "percentunit",
                        query(f"avg(sidewatch_drift_reference_usable{{{NS}}})", "replicas"),
                        most=1,
                    ),
                ],
            ),
        ],
    )


def _farthest(metric: str, how: str = "max") -> str:
    return f"{how} by ({BY}) ({metric}{{{STREAM}}}) and on ({BY}) topk(8, max by ({BY}) (max_over_time(sidewatch_drift_effect{{{STREAM}}}[$__range] @ end())))"
