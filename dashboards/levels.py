"""Service levels: the share of bad events in seven windows, and alerts where a long and a short one burn fast.

Two windows at once (Google SRE workbook, chapter 5): the page comes early and ends soon. Every level needs a minimum of
traffic: an idle or freshly started sidecar never alerts.
"""

from collections.abc import Iterator
from typing import Final

from dashboards.rule import Rule, alert, objective, record

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# (severity, long window, short window, times the budget, exchanges that the long window needs)
BURNS: Final = (
    ("critical", "1h", "5m", 14.4, 50),
    ("critical", "6h", "30m", 6.0, 100),
    ("warning", "1d", "2h", 3.0, 200),
    ("warning", "3d", "6h", 1.0, 500),
)
# Why a text that could be read was not: the reasons of the ledger that count against coverage.
LOST: Final = (
    "budget",
    "channel_full",
    "error",
    "model_unavailable",
    "observer_down",
    "observer_lost",
    "overload",
    "truncated",
    "unaccounted",
    "worker_lost",
)
# The other reasons: there was nothing to read, the configuration says not to, or another alert tells of it.
EXCUSED: Final = (
    "decode_error",
    "disabled",
    "empty",
    "excluded",
    "no_text",
    "not_applicable",
    "unknown_format",
    "unsupported_language",
)

_ENDED: Final = 'sidewatch_exchanges_total{{ending!~"client_gone|refused|shutdown"}}[{w}]'
_READ: Final = 'sidewatch_watcher_exchanges_total{{state=~"clean|flagged|screened"}}[{w}]'
_UNREAD: Final = f'sidewatch_watcher_exchanges_total{{{{reason=~"{"|".join(LOST)}"}}}}[{{w}}]'
SUMMARIES: Final = {
    "availability": "The model API fails for {{ $labels.namespace }}: {{ $value | humanizePercentage }} of exchanges end in an error",
    "latency": "The model API is slow for {{ $labels.namespace }}: {{ $value | humanizePercentage }} of first bytes take over SECONDS s",
    "coverage": "Traffic of {{ $labels.namespace }} is not inspected: {{ $value | humanizePercentage }} of verdicts are missing",
}


def levels(latency_seconds: float) -> dict[str, tuple[str, str]]:
    """Return for each level the rate of good events and of all, per namespace. `latency_seconds` is a bucket's bound."""
    return {
        "availability": (
            'sum by (namespace) (rate(sidewatch_exchanges_total{{ending="complete",status!~"5..|none"}}[{w}]))',
            f"sum by (namespace) (rate({_ENDED}))",
        ),
        "latency": (
            f'sum by (namespace) (rate(sidewatch_first_byte_seconds_bucket{{{{le="{latency_seconds}"}}}}[{{w}}]))',
            "sum by (namespace) (rate(sidewatch_first_byte_seconds_count[{w}]))",
        ),
        "coverage": (
            f"sum by (namespace) (rate({_READ}))",
            f"sum by (namespace) (rate({_READ}) or rate({_UNREAD}))",
        ),
    }


def recorded_levels(latency_seconds: float) -> Iterator[Rule]:
    for level, (good, every) in levels(latency_seconds).items():
        for window in WINDOWS:
            # No good event at all leaves no series, and must count as all bad.
            total = every.format(w=window)
            share = f"1 - (({good.format(w=window)}) or 0 * {total}) / ({total} > 0)"
            yield record(f"sidewatch:{level}_errors:ratio_rate{window}", share)


def burn_alerts(latency_seconds: float) -> Iterator[Rule]:
    for level, summary in SUMMARIES.items():
        told = summary.replace("SECONDS", f"{latency_seconds:g}")
        for severity, long, short, factor, events in BURNS:
            limit = f"scalar({factor} * (1 - max(sidewatch:objective:{level})))"
            seen = f"sum by (namespace) (increase(sidewatch_seen_exchanges_total[{long}])) > {events}"
            yield alert(
                f"Sidewatch{level.capitalize()}BudgetBurn",
                f"(sidewatch:{level}_errors:ratio_rate{long} > {limit}) and "
                f"(sidewatch:{level}_errors:ratio_rate{short} > {limit}) and ({seen})",
                severity,
                f"{told} ({long} window, {factor:g} times the budget)",
                hold="2m" if severity == "critical" else "15m",
                long=long,
                short=short,
            )


# (long window, short window, share of the objective's factor, flags that the long window needs)
FLAG_BURNS: Final = (("1h", "5m", 1.0, 20), ("6h", "30m", 2 / 3, 60))
BASELINE: Final = "sidewatch:flags_per_exchange:baseline7d"


def recorded_flags() -> Iterator[Rule]:
    """Yield what a watcher flags an exchange, and its own week before as the measure. No flag counts as 0."""
    for window in ("5m", "30m", "1h", "6h"):
        flags = f"sum by (namespace, watcher) (rate(sidewatch_flags_total[{window}]))"
        none = f"0 * sum by (namespace, watcher) (rate(sidewatch_watcher_exchanges_total[{window}]))"
        seen = f"sum by (namespace) (rate(sidewatch_seen_exchanges_total[{window}])) > 0"
        share = f"({flags} or {none}) / on (namespace) group_left () ({seen})"
        yield record(f"sidewatch:flags_per_exchange:ratio_rate{window}", share)
    yield record(BASELINE, "avg_over_time(sidewatch:flags_per_exchange:ratio_rate1h[7d] offset 6h)")


def flag_alerts() -> Iterator[Rule]:
    """Yield alerts on a flag rate far above its own baseline, which must reach back twelve hours."""
    share = "sidewatch:flags_per_exchange:ratio_rate"
    for long, short, part, flags in FLAG_BURNS:
        limit = f"{part:.3g} * {objective('flag_rate')} * {BASELINE}"
        enough = f"sum by (namespace, watcher) (increase(sidewatch_flags_total[{long}])) >= {flags}"
        yield alert(
            "SidewatchFlagRateAnomaly",
            f"({share}{long} > {limit}) and ({share}{short} > {limit}) and ({enough}) and ({share}1h offset 12h)",
            "warning",
            "{{ $labels.watcher }} flags far more than usual in {{ $labels.namespace }}: "
            f"{{{{ $value | humanize }}}} an exchange ({long} window)",
            hold="10m",
            long=long,
            short=short,
        )
