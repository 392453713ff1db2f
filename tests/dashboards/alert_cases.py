"""What makes each alert fire and what does not: input series, as promtool's unit tests write them.

`1+2x100` is 1, 3, 5, ... one value a minute.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Case:
    """`at` is the time of evaluation; `labels` and `text` are expected of the firing alert."""

    alert: str
    at: str
    fires: dict[str, str]
    quiet: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    severity: str = "warning"


def _ended(status: str, values: str, ending: str = "complete") -> dict[str, str]:
    return {f'sidewatch_exchanges_total{{namespace="shop",route="r",status="{status}",ending="{ending}"}}': values}


SEEN = 'sidewatch_seen_exchanges_total{namespace="shop"}'
BUSY = {SEEN: "0+60x6000"}
LEDGER = 'sidewatch_watcher_exchanges_total{{namespace="shop",watcher="pii",state="{}",reason="{}"}}'
FLAGS = 'sidewatch_flags_total{{namespace="shop",route="r",watcher="{}",label="x",direction="{}"}}'
DRIFT = 'sidewatch_drift_state{{namespace="shop",route="r",model="m",direction="{}",state="{}"}}'
EVENTS = 'sidewatch_drift_events_total{{namespace="shop",route="r",model="m",direction="{}",state="drift"}}'

CASES = (
    Case(
        "SidewatchAvailabilityBudgetBurn",
        "70m",
        BUSY | _ended("200", "0+40x100") | _ended("503", "0+20x100"),
        BUSY | _ended("200", "0+60x100") | _ended("503", "0+0x100") | _ended("none", "0+30x100", "client_gone"),
        {"namespace": "shop"},
        "The model API fails for shop: 33.33% of exchanges end in an error (LONG window, FACTOR times the budget)",
        "critical",
    ),
    Case(
        "SidewatchLatencyBudgetBurn",
        "70m",
        BUSY
        | {
            'sidewatch_first_byte_seconds_bucket{namespace="shop",le="10.24"}': "0+0x100",
            'sidewatch_first_byte_seconds_count{namespace="shop"}': "0+60x100",
        },
        BUSY
        | {
            'sidewatch_first_byte_seconds_bucket{namespace="shop",le="10.24"}': "0+59x100",
            'sidewatch_first_byte_seconds_count{namespace="shop"}': "0+60x100",
        },
        {"namespace": "shop"},
        "The model API is slow for shop: 100% of first bytes take over 10 s (LONG window, FACTOR times the budget)",
        "critical",
    ),
    Case(
        "SidewatchCoverageBudgetBurn",
        "70m",
        BUSY | {LEDGER.format("clean", ""): "0+45x100", LEDGER.format("skipped", "overload"): "0+15x100"},
        BUSY | {LEDGER.format("clean", ""): "0+10x100", LEDGER.format("skipped", "not_applicable"): "0+50x100"},
        {"namespace": "shop"},
        "Traffic of shop is not inspected: 25% of verdicts are missing (LONG window, FACTOR times the budget)",
        "critical",
    ),
    Case(
        "SidewatchFlagRateAnomaly",
        "1000m",
        BUSY | {FLAGS.format("toxicity", "prompt"): "0+1x900 905+10x200"},
        BUSY | {FLAGS.format("toxicity", "prompt"): "0+1x1200"},
        {"namespace": "shop", "watcher": "toxicity"},
        "toxicity flags three times its usual share of exchanges in shop",
    ),
    Case(
        "SidewatchPiiInCompletions",
        "30m",
        {FLAGS.format("secrets", "completion"): "_x22 1x20"},
        {FLAGS.format("secrets", "completion"): "5x40", FLAGS.format("pii", "prompt"): "0+3x40"},
        {"namespace": "shop", "route": "r", "watcher": "secrets"},
        "Completions on r hold secrets findings: 1 in 10 minutes",
    ),
    Case(
        "SidewatchInjectionSpike",
        "300m",
        {FLAGS.format("injection", "prompt"): "0+0x280 1+4x40"},
        {FLAGS.format("injection", "prompt"): "0+4x400"},
        {"namespace": "shop", "route": "r"},
        "Prompt injection attempts on r: 40 in 10 minutes, five times the daily average",
        "critical",
    ),
    Case(
        "SidewatchDrift",
        "20m",
        {DRIFT.format("prompt", "drift"): "1x30"},
        {DRIFT.format("prompt", "drift"): "0x30", DRIFT.format("prompt", "insufficient_data"): "1x30"},
        {"namespace": "shop", "route": "r", "model": "m", "direction": "prompt"},
        "prompts of m on r have drifted from their reference",
    ),
    Case(
        "SidewatchProviderChanged",
        "30m",
        {EVENTS.format("provider"): "0x20 1x20"},
        {EVENTS.format("prompt"): "0x20 1x20"},
        {"namespace": "shop", "route": "r", "model": "m"},
        "The provider changed behind m on r: the answers differ, the prompts do not",
    ),
    Case(
        "SidewatchObserverRestarting",
        "20m",
        {'sidewatch_observer_losses_total{namespace="shop",pod="p",instance="i"}': "0x5 1 2 3 4x30"},
        {'sidewatch_observer_losses_total{namespace="shop",pod="p",instance="i"}': "0x5 1x30"},
        {"namespace": "shop", "pod": "p", "instance": "i"},
        "The observer of i was lost 3.214 times in 15 minutes; traffic is not affected",
    ),
    Case(
        "SidewatchCapturesDropped",
        "30m",
        BUSY | {'sidewatch_captures_dropped_total{namespace="shop",reason="channel_full"}': "0+3x40"},
        BUSY | {'sidewatch_captures_dropped_total{namespace="shop",reason="excluded"}': "0+30x40"},
        {"namespace": "shop", "reason": "channel_full"},
        "Over 1% of exchanges in shop do not reach the observer (channel_full)",
    ),
    Case(
        "SidewatchBacklogOld",
        "20m",
        {'sidewatch_backlog_age_seconds{namespace="shop",pod="p",instance="i"}': "90x30"},
        {'sidewatch_backlog_age_seconds{namespace="shop",pod="p",instance="i"}': "30x30"},
        {"namespace": "shop", "pod": "p", "instance": "i"},
        "The observer of i is 1m 30s behind the traffic",
    ),
    Case(
        "SidewatchSinkFailing",
        "20m",
        {'sidewatch_sink_errors_total{namespace="shop",sink="log",error="full"}': "0+1x30"},
        {'sidewatch_sink_errors_total{namespace="shop",sink="log",error="full"}': "7x30"},
        {"namespace": "shop", "sink": "log"},
        "Records are lost in shop: the sink log failed 10 times in 10 minutes",
    ),
    Case(
        "SidewatchWatcherFailing",
        "20m",
        {'sidewatch_watcher_circuit_open{namespace="shop",watcher="pii"}': "1x30"},
        {'sidewatch_watcher_circuit_open{namespace="shop",watcher="pii"}': "0x30"},
        {"namespace": "shop", "watcher": "pii"},
        "The watcher pii fails in shop: its exchanges are counted as skipped",
    ),
    Case(
        "SidewatchDecodeErrors",
        "50m",
        {
            'sidewatch_decode_errors_total{namespace="shop",format="ollama",error="bad_json"}': "0+1x60",
            'sidewatch_decoded_exchanges_total{namespace="shop",format="ollama"}': "0+10x60",
        },
        {
            'sidewatch_decode_errors_total{namespace="shop",format="ollama",error="bad_json"}': "0+1x60",
            'sidewatch_decoded_exchanges_total{namespace="shop",format="ollama"}': "0+100x60",
        },
        {"namespace": "shop", "format": "ollama"},
        "Over 5% of ollama exchanges cannot be decoded in shop",
    ),
    Case(
        "SidewatchPricesMissing",
        "70m",
        {'sidewatch_price_misses_total{namespace="shop",provider="openai",model="new"}': "0+10x80"},
        {'sidewatch_price_misses_total{namespace="shop",provider="openai",model="new"}': "0+1x80"},
        {"namespace": "shop", "provider": "openai", "model": "new"},
        "No price is known for new of openai: its cost is missing from every figure",
        "info",
    ),
    Case(
        "SidewatchInjectorCertificateExpiring",
        "70m",
        {'sidewatch_injector_certificate_expiry_timestamp_seconds{namespace="mon"}': "608400x80"},
        {'sidewatch_injector_certificate_expiry_timestamp_seconds{namespace="mon"}': "8640000x80"},
        {"namespace": "mon"},
        "The injector's certificate in mon ends in 6d 23h 50m 0s",
    ),
    Case(
        "SidewatchNothingSeen",
        "1600m",
        {SEEN: "0+10x1400 14000x400"},
        {SEEN: "0+10x2000"},
        {"namespace": "shop"},
        "No exchange was seen in shop for an hour; yesterday at this time there were some",
    ),
    Case(
        "SidewatchDown",
        "80m",
        {'sidewatch_build_info{namespace="shop",version="1"}': "1x60"},
        {'sidewatch_build_info{namespace="shop",version="1"}': "1x200"},
        {},
        "No Sidewatch is scraped any more; an hour ago there was one",
        "critical",
    ),
)
