"""Safety: what the watchers found, where it came from, and how sure they were."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.boards.board import board
from dashboards.boards.panels import (
    NS,
    ROUTE,
    also,
    bars,
    by_top,
    counted,
    graph,
    grown,
    now,
    number,
    query,
    rate,
    rows,
    spread,
)

FLAGS = "sidewatch_flags_total"


def safety() -> Dashboard:
    found = f'{ROUTE},watcher=~"$watcher"'
    scored = f'{NS},watcher=~"$watcher"'
    share = f"({rate('sidewatch_watcher_exchanges_total', also(scored, 'state', 'flagged'), 'watcher')}) / ({rate('sidewatch_watcher_exchanges_total', also(scored, 'state', 'clean|flagged|screened'), 'watcher')})"
    return board(
        "safety",
        "Safety",
        "What each watcher flagged, by label, route and direction, and how its scores are spread.",
        ("namespace", "route", "watcher", "label", "value"),
        [
            (
                "At a glance",
                [
                    *(_found(title, which, runbook) for title, which, runbook in KINDS),
                ],
            ),
            (
                "Where it comes from",
                [
                    graph(
                        "Flags by watcher",
                        "Flagged texts per minute; one replayed in a conversation's history counts once.",
                        "short",
                        query(f"60 * ({rate(FLAGS, found, 'watcher')})", "{{watcher}}"),
                        stack=True,
                        runbook="SidewatchFlagRateAnomaly",
                    ),
                    graph(
                        "Flagged share of exchanges",
                        "Of the exchanges that a watcher read, the share in which it flagged something: does not rise with traffic alone.",
                        "percentunit",
                        query(share, "{{watcher}}"),
                        runbook="SidewatchFlagRateAnomaly",
                    ),
                    graph(
                        "Flags by direction",
                        "Prompts: what users and tools send. Completions: what the model says.",
                        "short",
                        query(f"60 * ({rate(FLAGS, found, 'direction')})", "{{direction}}"),
                        stack=True,
                    ),
                    graph(
                        "Flags by route",
                        "Flagged texts per minute on the routes with most of them.",
                        "short",
                        query(f"60 * ({by_top(rate(FLAGS, found, 'route'), 'route', FLAGS, found)})", "{{route}}"),
                        stack=True,
                    ),
                    graph(
                        "Flags by label",
                        "Flagged texts per minute, the most frequent labels.",
                        "short",
                        query(
                            f"60 * ({by_top(rate(FLAGS, found, 'watcher, label'), 'watcher, label', FLAGS, found)})",
                            "{{watcher}}/{{label}}",
                        ),
                        stack=True,
                    ),
                    bars(
                        "Apps with most flags",
                        "Flagged texts over the range by a configured label (app, tenant, user): choose it above.",
                        "short",
                        f'sum by (label, value) (increase(sidewatch_label_flags_total{{{NS},watcher=~"$watcher",label=~"$label",value=~"$value"}}[$__range]))',
                        "{{label}} {{value}}",
                        whole=True,
                    ),
                ],
            ),
            (
                "Records",
                [
                    rows(
                        "Most frequent findings",
                        "Flagged texts over the range. The records are in the exchange log: event = exchange, with watcher/label among its flags; texts are masked there.",
                        "short",
                        f"topk(20, {grown(FLAGS, found, 'watcher, label, direction, route')}) > 0",
                        {
                            "watcher": "Watcher",
                            "label": "Label",
                            "direction": "Direction",
                            "route": "Route",
                            "Value": "Flags",
                        },
                        width=12,
                        whole=True,
                        runbook="SidewatchFlagRateAnomaly",
                        absent="Nothing was flagged",
                    ),
                    bars(
                        "Against its own week",
                        "Flags an exchange in the last hour, in multiples of the watcher's own last week: 3 alerts. Nothing where it flagged nothing before. Needs the recording rules.",
                        "x",
                        f"max by (watcher) (sidewatch:flags_per_exchange:ratio_rate1h{{{scored}}} / (sidewatch:flags_per_exchange:baseline7d{{{scored}}} > 0))",
                        "{{watcher}}",
                        steps={2: "yellow", 3: "red"},
                        width=6,
                        runbook="SidewatchFlagRateAnomaly",
                        absent="No baseline yet",
                    ),
                    bars(
                        "Refusals by model",
                        "Completions that the model marked as a refusal, over the range.",
                        "short",
                        grown("sidewatch_refusals_total", ROUTE, "model"),
                        "{{model}}",
                        absent="No refusals",
                        width=6,
                        whole=True,
                    ),
                ],
            ),
            (
                "Scores",
                [
                    spread(
                        "Scores of prompts",
                        "How the chosen watchers' calibrated scores are spread; a cloud that climbs is a change even below the threshold.",
                        "percentunit",
                        "sidewatch_watcher_score",
                        f'{scored},direction="prompt"',
                        width=12,
                    ),
                    spread(
                        "Scores of completions",
                        "The same for what models say.",
                        "percentunit",
                        "sidewatch_watcher_score",
                        f'{scored},direction="completion"',
                        width=12,
                    ),
                ],
            ),
            (
                "Second opinions",
                [
                    graph(
                        "The judge and the watchers disagree",
                        "Of the exchanges that a judge read at random, the share in which it flags what the watcher of that label does not, or the other way round: a rise is a reason to look at both.",
                        "percentunit",
                        query(DISAGREE, "{{label}}"),
                        absent="No judge is configured",
                        width=6,
                    ),
                    graph(
                        "What the judge did",
                        "Exchanges per minute that the judge read, and those that it did not, by reason; most are not part of its sample.",
                        "short",
                        query(
                            f"60 * ({rate('sidewatch_judge_exchanges_total', also(NS, 'state', 'clean|flagged'), 'state')})",
                            "{{state}}",
                        ),
                        query(f"60 * ({rate('sidewatch_judge_exchanges_total', UNREAD, 'reason')})", "{{reason}}"),
                        absent="No judge is configured",
                        stack=True,
                        width=6,
                    ),
                    graph(
                        "Judge's budget left",
                        "Share of its budget of the day (UTC), on the replica that has least: at 0 it asks no more until midnight.",
                        "percentunit",
                        query(f"min(sidewatch_judge_budget_left_ratio{{{NS}}})", "left"),
                        absent="No judge is configured",
                        steps={0: "red", 0.1: "green"},
                        width=6,
                    ),
                    graph(
                        "Missed by the first stage",
                        "Of the flags on texts that were read in full whatever the first stage said, the share that it would have cleared, over an hour: the card promises half a percent on hard texts.",
                        "percentunit",
                        query(MISSED, "{{watcher}}"),
                        absent="No flag was checked",
                        steps={0.02: "orange"},
                        width=6,
                    ),
                ],
            ),
        ],
    )


CHECKS = "sidewatch_first_stage_checks_total"
_CHECKED = rate(CHECKS, also(NS, "result", "missed|caught"), "watcher", "1h")
# Before its first miss there is no such series, and the share is 0.
MISSED = f"(({rate(CHECKS, also(NS, 'result', 'missed'), 'watcher', '1h')}) or 0 * {_CHECKED}) / ({_CHECKED} > 0)"
UNREAD = f'{NS},state="skipped",reason!="not_sampled"'
_SAMPLED = f'{NS},sample="random"'
VERDICTS = "sidewatch_judge_verdicts_total"


def _judged(judge: str, watcher: str) -> str:
    return f'rate({VERDICTS}{{{_SAMPLED},judge="{judge}",watcher="{watcher}"}}[$__rate_interval])'


_BOTH = rate(VERDICTS, also(_SAMPLED, "watcher", "clean|flagged"), "label")
DISAGREE = by_top(
    f"sum by (label) ({_judged('flagged', 'clean')} or {_judged('clean', 'flagged')}) / ({_BOTH} > 0)",
    "label",
    VERDICTS,
    NS,
)


# title, which flags, runbook
KINDS = (
    ("Toxicity", 'watcher="toxicity"', "SidewatchFlagRateAnomaly"),
    ("Bias", 'watcher="bias"', "SidewatchFlagRateAnomaly"),
    ("Injection", 'watcher="injection"', "SidewatchInjectionSpike"),
    ("PII in prompts", 'watcher="pii",direction="prompt"', "SidewatchFlagRateAnomaly"),
    ("PII in completions", 'watcher="pii",direction="completion"', "SidewatchPiiInCompletions"),
    ("Secrets in completions", 'watcher="secrets",direction="completion"', "SidewatchPiiInCompletions"),
)


def _found(title: str, which: str, runbook: str) -> object:
    tells = f"Flagged texts over the range: {title.lower()}."
    return number(
        title,
        tells,
        "short",
        now(counted(grown(FLAGS, f"{ROUTE},{which}"))),
        # What models say is an incident; what users write is not, unless there is more of it than usual.
        steps={1: "orange"} if "completion" in which else None,
        whole=True,
        runbook=runbook,
    )
