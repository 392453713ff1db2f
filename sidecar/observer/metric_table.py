"""Every metric with its type, help, labels and buckets: one literal table behind the exposition and docs/metrics.md.

`gen_ai_*` are the OpenTelemetry GenAI semantic conventions' client metrics in Prometheus form, with the conventions'
bucket boundaries (semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md); `sidewatch_*` are our own.
`python -m sidecar.observer.metric_table` prints the documentation.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sidecar.channel import ADDED_BOUNDS, DURATION_BOUNDS

Labels = tuple[str, ...]
Cell = list[float]  # counter, gauge: [value]; histogram: one count a bucket, one above the last, the sum


class Type(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row. `buckets` are upper bounds without +Inf, for histograms only."""

    name: str
    type: Type
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


C, G, H = Type.COUNTER, Type.GAUGE, Type.HISTOGRAM

GEN_AI: Final = (
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "gen_ai_response_model",
    "route",
)
STREAM: Final = ("route", "model", "direction", "label")
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
SCORES: Final = (0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 1.0)
WORK: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

METRICS: Final[tuple[Metric, ...]] = (
    # The conversation with the model, from decoded exchanges.
    Metric(
        "gen_ai_client_operation_duration_seconds",
        H,
        "GenAI operation duration.",
        (*GEN_AI, "error_type"),
        DURATION_BOUNDS,
    ),
    Metric(
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        H,
        "Time from the request to the first chunk of generated output, streams only.",
        GEN_AI,
        DURATION_BOUNDS,
    ),
    Metric(
        "gen_ai_client_operation_time_per_output_chunk_seconds",
        H,
        "Time between one chunk of generated output and the next, streams only.",
        GEN_AI,
        DURATION_BOUNDS,
    ),
    Metric(
        "gen_ai_client_token_usage",
        H,
        "Tokens of one operation, as the provider said.",
        (*GEN_AI, "gen_ai_token_type"),
        TOKENS,
    ),
    Metric(
        "sidewatch_tokens_total",
        C,
        "Tokens by type (input, output; cached_input, cache_write_input and reasoning are parts of them) and source.",
        (*GEN_AI, "type", "source"),
    ),
    Metric("sidewatch_cost_total", C, "Cost of exchanges in the labelled currency.", (*GEN_AI, "currency", "source")),
    Metric("sidewatch_price_misses_total", C, "Exchanges with tokens and no known price.", ("provider", "model")),
    Metric("sidewatch_finish_reasons_total", C, "Completions by finish reason.", ("route", "model", "finish_reason")),
    Metric("sidewatch_tool_calls_total", C, "Tool calls written by models.", ("route", "model")),
    Metric("sidewatch_refusals_total", C, "Completions that the model marked as a refusal.", ("route", "model")),
    Metric(
        "sidewatch_decoded_exchanges_total",
        C,
        "Exchanges by wire format; unknown where no decoder knew it.",
        ("format", "provider", "operation", "stream", "route"),
    ),
    Metric("sidewatch_decode_errors_total", C, "Exchanges that could not be decoded in full.", ("format", "error")),
    # Watchers.
    Metric(
        "sidewatch_watcher_exchanges_total",
        C,
        "Coverage ledger: each exchange ends in one state (clean, flagged, screened, skipped with a reason) per watcher.",
        ("watcher", "state", "reason"),
    ),
    Metric("sidewatch_watcher_duration_seconds", H, "Time of one batch in one watcher.", ("watcher",), WORK),
    Metric("sidewatch_watcher_errors_total", C, "Batches in which a watcher failed.", ("watcher", "error")),
    Metric("sidewatch_watcher_circuit_open", G, "1 while a failing watcher is left alone.", ("watcher",)),
    Metric(
        "sidewatch_watcher_score",
        H,
        "Calibrated scores of judged texts; of watchers that find things (pii, secrets), scores of what they found.",
        ("watcher", "label", "direction"),
        SCORES,
    ),
    Metric(
        "sidewatch_flags_total",
        C,
        "Flagged texts; one replayed in a conversation's history counts once.",
        ("watcher", "label", "direction", "route"),
    ),
    Metric(
        "sidewatch_selftest_passed",
        G,
        "1 where the watcher saw what it must in known texts, and only that.",
        ("watcher",),
    ),
    Metric("sidewatch_selftest_timestamp_seconds", G, "Unix time of the last self-test."),
    # The inference server, where the pack's graph runs on one.
    Metric(
        "sidewatch_remote_requests_total",
        C,
        "Requests to the inference server: ok, timeout, connection, malformed, or the HTTP status.",
        ("result",),
    ),
    Metric("sidewatch_remote_request_duration_seconds", H, "Time of one answered request to it.", (), WORK),
    Metric(
        "sidewatch_remote_windows_total",
        C,
        "Text windows by who ran them: server, fallback (the local graph) or nobody (not inspected).",
        ("source",),
    ),
    Metric("sidewatch_remote_circuit_open", G, "1 while the inference server is left alone after a failure."),
    # The judge, a model's second opinion on a sample.
    Metric(
        "sidewatch_judge_exchanges_total",
        C,
        "The judge's own ledger: each exchange ends clean, flagged, or skipped with a reason (most: not_sampled).",
        ("state", "reason"),
    ),
    Metric("sidewatch_judge_requests_total", C, "Attempts to ask the judge, by outcome.", ("outcome",)),
    Metric(
        "sidewatch_judge_question_duration_seconds",
        H,
        "One question to the judge, retries included.",
        (),
        DURATION_BOUNDS,
    ),
    Metric(
        "sidewatch_judge_tokens_total",
        C,
        "Tokens that the judge took: input and output as its endpoint said, reserved where it did not say.",
        ("type",),
    ),
    Metric("sidewatch_judge_cost_total", C, "What the judge's answers cost, in the labelled currency.", ("currency",)),
    Metric("sidewatch_judge_score", H, "Probabilities that the judge gave.", ("label",), SCORES),
    Metric(
        "sidewatch_judge_verdicts_total",
        C,
        "What the judge said beside what the watcher of that label said of the same texts: they disagree where one says "
        "flagged and the other clean; sample tells the exchanges chosen at random from those chosen because flagged.",
        ("label", "judge", "watcher", "sample"),
    ),
    Metric("sidewatch_judge_waiting", G, "Exchanges that wait for the judge."),
    Metric("sidewatch_judge_budget_left_ratio", G, "Share of the judge's budget of the day that is left."),
    Metric(
        "sidewatch_first_stage_checks_total",
        C,
        "Texts read in full whatever the first stage said of them: cleared, doubted, caught (doubted and flagged), missed.",
        ("watcher", "result"),
    ),
    # Drift. `direction` is prompt, completion, or provider: what answers behind the model's name.
    Metric("sidewatch_drift_state", G, "1 for the stream's present level.", (*STREAM, "state")),
    Metric("sidewatch_drift_effect", G, "Distance of the recent window from the reference.", STREAM),
    Metric("sidewatch_drift_evidence", G, "Evidence of the sequential test against no change.", STREAM),
    Metric("sidewatch_drift_alarm_every", G, "Promised samples between false alarms: evidence that alarms.", STREAM),
    Metric("sidewatch_drift_samples", G, "Samples seen since the stream began.", STREAM),
    Metric("sidewatch_drift_skipped", G, "Samples that could not be read, by reason.", (*STREAM, "reason")),
    Metric("sidewatch_drift_events_total", C, "Changes of a stream's level.", (*STREAM, "state")),
    Metric("sidewatch_drift_attribution", G, "1 for who changed, while a stream is raised.", (*STREAM, "attribution")),
    Metric("sidewatch_drift_since_timestamp_seconds", G, "Unix time of the change, while a stream is raised.", STREAM),
    Metric("sidewatch_drift_score_effect", G, "Effect of the scores that carry a change.", (*STREAM, "score")),
    Metric(
        "sidewatch_drift_cluster_share",
        G,
        "Share of the clusters that grew or shrank most, before and after a change.",
        (*STREAM, "cluster", "when"),
    ),
    Metric(
        "sidewatch_drift_bins_total",
        C,
        "Samples in the bins of the shared reference: the nearest cluster, the tenth of each scalar.",
        (*STREAM, "feature", "bin"),
    ),
    Metric(
        "sidewatch_drift_reference_share",
        G,
        "The shared reference's own share of each bin.",
        ("direction", "feature", "bin"),
    ),
    Metric("sidewatch_drift_reference_usable", G, "1 where `drift.reference` is set and could be used, else 0."),
    Metric("sidewatch_drift_streams", G, "Streams that are followed."),
    Metric("sidewatch_drift_closed_streams_total", C, "Streams closed to make room, the longest unused first."),
    # The proxy's own figures, kept by the workers and added up here.
    Metric("sidewatch_seen_exchanges_total", C, "Exchanges that began."),
    Metric("sidewatch_exchanges_total", C, "Exchanges that ended.", ("route", "method", "status", "ending")),
    Metric("sidewatch_request_bytes_total", C, "Bytes of request bodies.", ("route",)),
    Metric("sidewatch_response_bytes_total", C, "Bytes of response bodies.", ("route",)),
    Metric("sidewatch_exchange_duration_seconds", H, "Exchange from first to last byte.", ("route",), DURATION_BOUNDS),
    Metric(
        "sidewatch_first_byte_seconds", H, "From the request to the response's first byte.", ("route",), DURATION_BOUNDS
    ),
    Metric("sidewatch_added_latency_seconds", H, "What the proxy itself added to an exchange.", (), ADDED_BOUNDS),
    Metric("sidewatch_in_flight", G, "Exchanges under way."),
    Metric("sidewatch_client_connections", G, "Open client connections."),
    Metric("sidewatch_refused_total", C, "Connections and requests that met a limit of the proxy.", ("limit",)),
    Metric("sidewatch_upstream_connects_total", C, "Connections to upstreams.", ("route", "outcome")),
    Metric("sidewatch_captures_dropped_total", C, "Exchanges not handed over whole.", ("reason",)),
    Metric("sidewatch_channel_bytes", G, "Bytes that wait in the workers for the observer."),
    Metric("sidewatch_workers", G, "Connected proxy workers."),
    Metric(
        "sidewatch_proxy_resident_memory_bytes",
        G,
        "Resident memory of the workers together; pages that they share count for each.",
    ),
    Metric("sidewatch_proxy_cpu_seconds_total", C, "Processor time of the workers together."),
    Metric("sidewatch_observer_losses_total", C, "Times that the workers lost the observer."),
    # The observer itself.
    Metric("sidewatch_backlog_exchanges", G, "Exchanges that wait to be judged."),
    Metric(
        "sidewatch_deferred_exchanges", G, "Exchanges that the first stage doubts, to be judged when there is time."
    ),
    Metric("sidewatch_backlog_bytes", G, "Bytes of exchanges that wait or are being received."),
    Metric("sidewatch_backlog_age_seconds", G, "How long the oldest one has waited."),
    Metric("sidewatch_open_captures", G, "Exchanges being received from the workers."),
    Metric("sidewatch_observer_dropped_total", C, "Captures that the observer gave up.", ("reason",)),
    Metric("sidewatch_observation_lag_seconds", H, "From an exchange's end to its outcome in the sinks.", (), LAG),
    Metric("sidewatch_stage_duration_seconds", H, "Time of one batch in one stage of the pipeline.", ("stage",), WORK),
    Metric("sidewatch_sink_errors_total", C, "Outcomes that a sink could not take.", ("sink", "error")),
    Metric("sidewatch_label_exchanges_total", C, "Exchanges by configured label.", ("label", "value")),
    Metric("sidewatch_label_tokens_total", C, "Tokens by configured label.", ("label", "value", "type")),
    Metric("sidewatch_label_cost_total", C, "Cost by configured label.", ("label", "value", "currency")),
    Metric("sidewatch_label_flags_total", C, "Flagged texts by configured label.", ("label", "value", "watcher")),
    Metric("sidewatch_label_overflow_total", C, "Label values replaced by other.", ("metric", "label")),
    Metric(
        "sidewatch_settings_reloads_total",
        C,
        "Settings reloads: applied, refused by the observer, or invalid, which it never got.",
        ("result",),
    ),
    Metric("sidewatch_observer_start_time_seconds", G, "Unix time at which this observer began."),
    Metric("sidewatch_observer_resident_memory_bytes", G, "Resident memory of the observer."),
    Metric("sidewatch_observer_cpu_seconds_total", C, "Processor time of the observer."),
    Metric("sidewatch_build_info", G, "Always 1; the version is in the label.", ("version",)),
)

BY_NAME: Final = {metric.name: metric for metric in METRICS}


def documentation() -> str:
    """Return docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "Made by `python -m sidecar.observer.metric_table`. Durations are seconds, sizes are bytes. A label takes at",
        "most `metrics.label_values` values and a metric has at most `metrics.series` series; past that a value",
        "becomes `other` and `sidewatch_label_overflow_total` counts it.",
        "",
        "| name | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    rows = [f"| `{m.name}` | {m.type} | {', '.join(f'`{label}`' for label in m.labels)} | {m.help} |" for m in METRICS]
    return "\n".join([*lines, *rows, ""])


if __name__ == "__main__":
    print(documentation(), end="")  # noqa: T201
