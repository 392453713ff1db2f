"""Alerts beside the service levels: safety, drift, money, and Sidewatch's own health."""

from collections.abc import Iterator
from typing import Final

from dashboards.rule import Rule, alert, grown, objective

_LEAK: Final = 'sidewatch_flags_total{watcher=~"pii|secrets",direction="completion"}'
_DROPPED: Final = 'sidewatch_captures_dropped_total{reason!~"excluded|disabled"}'


def alerts() -> Iterator[Rule]:
    yield from _safety()
    yield from _drift()
    yield from _money()
    yield from _observer()
    yield from _outcomes()
    yield from _presence()


def _safety() -> Iterator[Rule]:
    yield alert(
        "SidewatchPiiInCompletions",
        f"sum by (namespace, route, watcher) ({grown(_LEAK, '10m')}) > 0",
        "warning",
        "Completions on {{ $labels.route }} hold {{ $labels.watcher }} findings: {{ $value | humanize }} in 10 minutes",
    )
    yield alert(
        "SidewatchInjectionSpike",
        # Where there was none all day, the average is nothing and not 0.
        "(sidewatch:injections:increase10m >= 10) and (sidewatch:injections:increase10m > "
        "5 * (avg_over_time(sidewatch:injections:increase10m[1d] offset 10m) or 0 * sidewatch:injections:increase10m))",
        "critical",
        "Prompt injection attempts on {{ $labels.route }}: {{ $value | humanize }} in 10 minutes, five times the daily average",
        hold="2m",
    )


def _drift() -> Iterator[Rule]:
    stream, whose = "namespace, route, model, direction, label", "{{ with $labels.label }} ({{ . }}){{ end }}"
    state = f'max by ({stream}) (sidewatch_drift_state{{state="drift",direction!="provider"}}) == 1'
    yield alert(
        "SidewatchDrift",
        f"(sidewatch:drift_effect:max >= {objective('drift_effect')}) and ({state})",
        "warning",
        f"{{{{ $labels.direction }}}}s of {{{{ $labels.model }}}} on {{{{ $labels.route }}}}{whose} have drifted: "
        "{{ $value | humanize }} times their natural variation",
        hold="5m",
    )
    changed, by = '{direction="provider",state="drift"}', "namespace, route, model, label"
    yield alert(
        "SidewatchProviderChanged",
        # Until it is accepted; and for an hour, where it went back by itself.
        f"max by ({by}) (sidewatch_drift_state{changed}) == 1 or "
        f"sum by ({by}) ({grown(f'sidewatch_drift_events_total{changed}', '1h')}) > 0",
        "warning",
        f"The provider changed behind {{{{ $labels.model }}}} on {{{{ $labels.route }}}}{whose}: "
        "the answers differ, the prompts do not",
    )


def _money() -> Iterator[Rule]:
    budget = objective("budget_per_day")
    is_set = "on () (max(sidewatch:objective:budget_per_day) > 0)"
    yield alert(
        "SidewatchBudgetBurn",
        # A third of the day's money in an hour, and it goes on.
        f"(sidewatch:cost:increase1h > {budget} / 3) and (sidewatch:cost:increase5m > {budget} / 36) and {is_set}",
        "critical",
        "{{ $labels.namespace }} spent {{ $value | humanize }} {{ $labels.currency }} on models in an hour, a third of the daily budget",
        hold="2m",
        long="1h",
    )
    yield alert(
        "SidewatchBudgetBurn",
        f"(sidewatch:cost:increase1d > {budget}) and {is_set}",
        "warning",
        "{{ $labels.namespace }} spent {{ $value | humanize }} {{ $labels.currency }} on models in 24 hours, over the daily budget",
        hold="5m",
        long="1d",
    )
    yield alert(
        "SidewatchPricesMissing",
        "sum by (namespace, provider, model) (increase(sidewatch_price_misses_total[1h])) > 100",
        "info",
        "No price is known for {{ $labels.model }} of {{ $labels.provider }}: its cost is missing from every figure",
    )


def _observer() -> Iterator[Rule]:
    yield alert(
        "SidewatchObserverRestarting",
        "sum by (namespace, pod, instance) (increase(sidewatch_observer_losses_total[15m])) > 2",
        "warning",
        "The observer of {{ $labels.instance }} was lost {{ $value | humanize }} times in 15 minutes; traffic is not affected",
    )
    yield alert(
        "SidewatchCapturesDropped",
        f"(sum by (namespace, reason) ({grown(_DROPPED, '10m')}) > "
        "on (namespace) group_left () 0.01 * sum by (namespace) (increase(sidewatch_seen_exchanges_total[10m]))) and "
        "on (namespace) (sum by (namespace) (increase(sidewatch_seen_exchanges_total[10m])) > 20)",
        "warning",
        "Over 1% of exchanges in {{ $labels.namespace }} do not reach the observer ({{ $labels.reason }})",
        hold="5m",
    )
    yield alert(
        "SidewatchBacklogOld",
        f"max by (namespace, pod, instance) (sidewatch_backlog_age_seconds) > {objective('backlog_seconds')}",
        "warning",
        "The observer of {{ $labels.instance }} is {{ $value | humanizeDuration }} behind the traffic",
        hold="10m",
    )
    yield alert(
        "SidewatchSelftestFailing",
        "min by (namespace, watcher) (sidewatch_selftest_passed) == 0",
        "warning",
        "The watcher {{ $labels.watcher }} does not see what it must, or flags what it must not, in {{ $labels.namespace }}",
        hold="10m",
    )


def _outcomes() -> Iterator[Rule]:
    yield alert(
        "SidewatchSinkFailing",
        f"sum by (namespace, sink) ({grown('sidewatch_sink_errors_total', '10m')}) > 0",
        "warning",
        "Records are lost in {{ $labels.namespace }}: the sink {{ $labels.sink }} failed {{ $value | humanize }} times in 10 minutes",
        hold="5m",
    )
    yield alert(
        "SidewatchWatcherFailing",
        "max by (namespace, watcher) (sidewatch_watcher_circuit_open) == 1 or "
        "sum by (namespace, watcher) (increase(sidewatch_watcher_errors_total[10m])) > 5",
        "warning",
        "The watcher {{ $labels.watcher }} fails in {{ $labels.namespace }}: its exchanges are counted as skipped",
        hold="5m",
    )
    yield alert(
        "SidewatchInferenceServerAway",
        "max by (namespace, pod, instance) (sidewatch_remote_circuit_open) == 1",
        "warning",
        "{{ $labels.instance }} cannot use its inference server: the model runs in the observer, or texts are counted as skipped",
        hold="10m",
    )
    yield alert(
        "SidewatchDecodeErrors",
        "(sum by (namespace, format) (rate(sidewatch_decode_errors_total[30m])) > "
        "0.05 * sum by (namespace, format) (rate(sidewatch_decoded_exchanges_total[30m]))) and "
        "(sum by (namespace, format) (increase(sidewatch_decode_errors_total[30m])) > 10)",
        "warning",
        "Over 5% of {{ $labels.format }} exchanges cannot be decoded in {{ $labels.namespace }}",
        hold="10m",
    )


def _presence() -> Iterator[Rule]:
    seen = "sidewatch:seen_exchanges:increase1h"
    yield alert(
        "SidewatchInjectorCertificateExpiring",
        "min by (namespace) (sidewatch_injector_certificate_expiry_timestamp_seconds) - time() < 14 * 86400",
        "warning",
        "The injector's certificate in {{ $labels.namespace }} ends in {{ $value | humanizeDuration }}",
        hold="1h",
    )
    yield alert(
        "SidewatchNothingSeen",
        # A week ago, too, where it is known: a quiet Saturday is no alarm.
        f"({seen} offset 1d > 50) unless ({seen} offset 1w < 50) unless ({seen} > 0)",
        "warning",
        "No exchange was seen in {{ $labels.namespace }} for an hour; yesterday at this time there were {{ $value | humanize }}",
        hold="15m",
    )
    yield alert(
        "SidewatchDown",
        "absent(sidewatch_build_info) and on () (count(sidewatch_build_info offset 1h) > 0)",
        "critical",
        "No Sidewatch is scraped any more; an hour ago there was one",
        hold="5m",
    )
