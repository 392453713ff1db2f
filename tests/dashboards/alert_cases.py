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
    # one alert for each: its further labels; what is no label stands in the summary
    bursts: tuple[dict[str, str], ...] = ({},)


def _ended(status: str, values: str, ending: str = "complete") -> dict[str, str]:
    return {f'sidewatch_exchanges_total{{namespace="shop",route="r",status="{status}",ending="{ending}"}}': values}


SEEN = 'sidewatch_seen_exchanges_total{namespace="shop"}'
BUSY = {SEEN: "0+60x6000"}
LEDGER = 'sidewatch_watcher_exchanges_total{{namespace="shop",watcher="pii",state="{}",reason="{}"}}'
FLAGS = 'sidewatch_flags_total{{namespace="shop",route="r",watcher="{}",label="x",direction="{}"}}'
DRIFT = 'sidewatch_drift_state{{namespace="shop",route="r",model="m",direction="{}",state="{}"}}'
EFFECT = 'sidewatch_drift_effect{namespace="shop",route="r",model="m",direction="prompt"}'
EVENTS = 'sidewatch_drift_events_total{{namespace="shop",route="r",model="m",direction="{}",state="drift"}}'

BURNS = (
    {"severity": "critical", "long": "1h", "short": "5m", "FACTOR": "14.4"},
    {"severity": "critical", "long": "6h", "short": "30m", "FACTOR": "6"},
    {"severity": "warning", "long": "1d", "short": "2h", "FACTOR": "3"},
    {"severity": "warning", "long": "3d", "short": "6h", "FACTOR": "1"},
)

CASES = (
    Case(
        "SidewatchAvailabilityBudgetBurn",
        "70m",
        BUSY | _ended("200", "0+40x100") | _ended("503", "0+20x100"),
        BUSY | _ended("200", "0+60x100") | _ended("503", "0+0x100") | _ended("none", "0+30x100", "client_gone"),
        {"namespace": "shop"},
        "The model API fails for shop: 33.33% of exchanges end in an error (LONG window, FACTOR times the budget)",
        bursts=BURNS,
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
        "The model API is slow for shop: 100% of first bytes take over 10.24 s (LONG window, FACTOR times the budget)",
        bursts=BURNS,
    ),
    Case(
        "SidewatchCoverageBudgetBurn",
        "70m",
        BUSY | {LEDGER.format("clean", ""): "0+45x100", LEDGER.format("skipped", "overload"): "0+15x100"},
        BUSY | {LEDGER.format("clean", ""): "0+10x100", LEDGER.format("skipped", "not_applicable"): "0+50x100"},
        {"namespace": "shop"},
        "Traffic of shop is not inspected: 25% of verdicts are missing (LONG window, FACTOR times the budget)",
        bursts=BURNS,
    ),
    Case(
        "SidewatchCoverageBudgetBurn",
        "70m",  # a worker that died, and verdicts that nobody accounts for
        BUSY
        | {
            LEDGER.format("clean", ""): "0+45x100",
            LEDGER.format("skipped", "worker_lost"): "0+10x100",
            LEDGER.format("skipped", "unaccounted"): "0+5x100",
        },
        BUSY | {LEDGER.format("clean", ""): "0+10x100", LEDGER.format("skipped", "unknown_format"): "0+50x100"},
        {"namespace": "shop"},
        "Traffic of shop is not inspected: 25% of verdicts are missing (LONG window, FACTOR times the budget)",
        bursts=BURNS,
    ),
    Case(
        "SidewatchFlagRateAnomaly",
        "1000m",
        BUSY | {FLAGS.format("toxicity", "prompt"): "0+1x900 905+10x200"},
        BUSY | {FLAGS.format("toxicity", "prompt"): "0+1x1200"},
        {"namespace": "shop", "watcher": "toxicity"},
        "toxicity flags far more than usual in shop: VALUE an exchange (LONG window)",
        bursts=({"long": "1h", "short": "5m", "VALUE": "166.7m"}, {"long": "6h", "short": "30m", "VALUE": "58.22m"}),
    ),
    Case(
        "SidewatchFlagRateAnomaly",
        "1000m",  # a watcher that never flagged: its baseline is 0, and twenty flags an hour are news
        BUSY | {LEDGER.format("clean", ""): "0+60x1200", FLAGS.format("pii", "prompt"): "0x960 1+5x200"},
        # the same burst where nothing is known of the twelve hours before
        {SEEN: "_x900 0+60x600", FLAGS.format("pii", "prompt"): "_x900 0x60 1+5x200"},
        {"namespace": "shop", "watcher": "pii"},
        "pii flags far more than usual in shop: VALUE an exchange (LONG window)",
        bursts=({"long": "1h", "short": "5m", "VALUE": "54.44m"}, {"long": "6h", "short": "30m", "VALUE": "9.074m"}),
    ),
    Case(
        "SidewatchPiiInCompletions",
        "30m",
        {FLAGS.format("secrets", "completion"): "_x22 1x20"},
        # known before; of prompts; and known before a gap in the scrapes
        {
            FLAGS.format("secrets", "completion"): "5x40",
            FLAGS.format("pii", "prompt"): "0+3x40",
            FLAGS.format("pii", "completion"): "5x4 _x18 5x20",
        },
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
        "SidewatchInjectionSpike",
        "60m",  # the first ones ever, within one scrape
        {FLAGS.format("injection", "prompt"): "_x54 15x40"},
        {FLAGS.format("injection", "prompt"): "_x54 9x40"},
        {"namespace": "shop", "route": "r"},
        "Prompt injection attempts on r: 15 in 10 minutes, five times the daily average",
        "critical",
    ),
    Case(
        "SidewatchDrift",
        "20m",
        {DRIFT.format("prompt", "drift"): "1x30", EFFECT: "2.5x30"},
        {DRIFT.format("prompt", "drift"): "0x30", DRIFT.format("prompt", "insufficient_data"): "1x30", EFFECT: "9x30"},
        {"namespace": "shop", "route": "r", "model": "m", "direction": "prompt"},
        "prompts of m on r have drifted: 2.5 times their natural variation",
    ),
    Case(
        "SidewatchProviderChanged",
        "30m",
        {EVENTS.format("provider"): "_x20 1x20"},
        {EVENTS.format("prompt"): "0x20 1x20"},
        {"namespace": "shop", "route": "r", "model": "m"},
        "The provider changed behind m on r: the answers differ, the prompts do not",
    ),
    Case(
        "SidewatchProviderChanged",
        "200m",  # hours ago, and not accepted yet
        {DRIFT.format("provider", "drift").replace("}", ',label="acme"}'): "0x20 1x300"},
        {DRIFT.format("provider", "drift"): "0x300", DRIFT.format("completion", "drift"): "1x300"},
        {"namespace": "shop", "route": "r", "model": "m", "label": "acme"},
        "The provider changed behind m on r (acme): the answers differ, the prompts do not",
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
        "SidewatchCapturesDropped",
        "30m",  # all in one scrape, and the reason's first
        BUSY | {'sidewatch_captures_dropped_total{namespace="shop",reason="observer_lost"}': "_x25 20x40"},
        BUSY | {'sidewatch_captures_dropped_total{namespace="shop",reason="observer_lost"}': "_x25 2x40"},
        {"namespace": "shop", "reason": "observer_lost"},
        "Over 1% of exchanges in shop do not reach the observer (observer_lost)",
    ),
    Case(
        "SidewatchSelftestFailing",
        "20m",
        {'sidewatch_selftest_passed{namespace="shop",watcher="bias"}': "1x5 0x30"},
        {'sidewatch_selftest_passed{namespace="shop",watcher="bias"}': "1x15 0x3 1x20"},
        {"namespace": "shop", "watcher": "bias"},
        "The watcher bias does not see what it must, or flags what it must not, in shop",
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
        "SidewatchInferenceServerAway",
        "20m",
        {'sidewatch_remote_circuit_open{namespace="shop",pod="a",instance="i"}': "1x30"},
        # Away for nine minutes, and back.
        {'sidewatch_remote_circuit_open{namespace="shop",pod="a",instance="i"}': "0x10 1x9 0x10"},
        {"namespace": "shop", "pod": "a", "instance": "i"},
        "i cannot use its inference server: the model runs in the observer, or texts are counted as skipped",
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
        "No exchange was seen in shop for an hour; yesterday at this time there were 600",
    ),
    Case(
        "SidewatchNothingSeen",
        "11600m",  # past a week: the whole namespace is gone; or it rests on this day of every week
        {SEEN: "0+10x11450 _x400"},
        {SEEN: "0x2000 0+10x9450 94500x400"},
        {"namespace": "shop"},
        "No exchange was seen in shop for an hour; yesterday at this time there were 600",
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
