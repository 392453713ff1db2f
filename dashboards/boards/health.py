"""Sidecar health: does Sidewatch itself keep out of the way and keep up?"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.boards.board import board
from dashboards.boards.panels import (
    BASE,
    NS,
    ROUTE,
    also,
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
    states,
)

LEDGER = "sidewatch_watcher_exchanges_total"
POD = "{{namespace}} {{pod}} {{instance}}"
BY_POD = "namespace, pod, instance"


def health() -> Dashboard:
    unread = f'{NS},state="skipped",watcher=~"$watcher"'
    read = f'{NS},state=~"clean|flagged|screened",watcher=~"$watcher"'
    return board(
        "health",
        "Sidecar health",
        "What Sidewatch costs the traffic, and whether its observer keeps up. The app's traffic does not depend on the observer.",
        ("namespace", "route", "watcher"),
        [
            (
                "At a glance",
                [
                    number(
                        "Sidewatches",
                        "Instances that are scraped.",
                        "short",
                        now(f"count(sidewatch_build_info{{{NS}}}) or vector(0)"),
                        steps={BASE: "red", 1: "green"},
                        whole=True,
                        runbook="SidewatchDown",
                    ),
                    number(
                        "Added latency, p99",
                        "What the proxy itself adds to an exchange; 99% wait less.",
                        "s",
                        query(quantile(0.99, "sidewatch_added_latency_seconds", NS)),
                        steps={0.005: "yellow", 0.02: "red"},
                        runbook="SidewatchLatencyBudgetBurn",
                    ),
                    number(
                        "Captures dropped",
                        "Exchanges that passed and were not handed to the observer whole, over the range.",
                        "short",
                        now(counted(grown("sidewatch_captures_dropped_total", NS))),
                        steps={1: "orange"},
                        whole=True,
                        runbook="SidewatchCapturesDropped",
                    ),
                    number(
                        "Backlog's age",
                        "How long the oldest exchange has waited to be judged, worst instance.",
                        "s",
                        query(f"max(sidewatch_backlog_age_seconds{{{NS}}})"),
                        steps={10: "yellow", 60: "red"},
                        runbook="SidewatchBacklogOld",
                    ),
                    number(
                        "Observer losses",
                        "Times that workers lost their observer, over the range.",
                        "short",
                        now(grown("sidewatch_observer_losses_total", NS)),
                        steps={1: "orange", 3: "red"},
                        whole=True,
                        runbook="SidewatchObserverRestarting",
                    ),
                    number(
                        "Watchers failing",
                        "Watchers that were put aside after too many errors, or that failed their self-test.",
                        "short",
                        now(
                            f"count((max by (namespace, watcher) (sidewatch_watcher_circuit_open{{{NS}}}) == 1) or "
                            f"(min by (namespace, watcher) (sidewatch_selftest_passed{{{NS}}}) == 0)) "
                            f"or 0 * sum(sidewatch_build_info{{{NS}}})"
                        ),
                        steps={1: "red"},
                        whole=True,
                        runbook="SidewatchWatcherFailing",
                    ),
                    number(
                        "Workers",
                        "Proxy workers that hand captures to an observer: as many as `workers` on all instances together.",
                        "short",
                        now(f"sum(sidewatch_workers{{{NS}}})"),
                        whole=True,
                        runbook="SidewatchObserverRestarting",
                    ),
                    number(
                        "Youngest observer",
                        "How long ago the observer began that was started last. Minutes, without a release: it was restarted.",
                        "s",
                        now(f"time() - max(sidewatch_observer_start_time_seconds{{{NS}}})"),
                        runbook="SidewatchObserverRestarting",
                    ),
                    number(
                        "Last self-test",
                        "Since the oldest last self-test, worst instance: by default there is one every five minutes.",
                        "s",
                        now(f"time() - min(sidewatch_selftest_timestamp_seconds{{{NS}}})"),
                        steps={1800: "orange"},
                        runbook="SidewatchSelftestFailing",
                        absent="No self-test",
                    ),
                    number(
                        "Settings refused",
                        "Changed configurations that could not be used, over the range: the one before goes on. The log says why.",
                        "short",
                        now(counted(grown("sidewatch_settings_reloads_total", also(NS, "result", "refused|invalid")))),
                        steps={1: "orange"},
                        whole=True,
                    ),
                    number(
                        "Settings applied",
                        "Changed configurations that were taken over without a restart, over the range.",
                        "short",
                        now(counted(grown("sidewatch_settings_reloads_total", also(NS, "result", "applied")))),
                        whole=True,
                    ),
                    number(
                        "Label values past the limit",
                        "Times over the range that a label's value was counted as `other`: raise metrics.label_values, or choose a label with fewer values.",
                        "short",
                        now(counted(grown("sidewatch_label_overflow_total", NS))),
                        steps={1: "yellow"},
                        whole=True,
                    ),
                ],
            ),
            (
                "The proxy",
                [
                    graph(
                        "Added latency",
                        "The proxy's own share of an exchange, normally well below a millisecond.",
                        "s",
                        *percentiles("sidewatch_added_latency_seconds", NS),
                        runbook="SidewatchLatencyBudgetBurn",
                    ),
                    graph(
                        "Under way",
                        "Exchanges and client connections that are open now.",
                        "short",
                        query(f"sum(sidewatch_in_flight{{{NS}}})", "exchanges"),
                        query(f"sum(sidewatch_client_connections{{{NS}}})", "connections"),
                    ),
                    graph(
                        "Connections to upstreams",
                        "New connections per second by outcome. Many: keep-alive does not hold. Any but ok: DNS, TLS or the network.",
                        "cps",
                        query(
                            by_top(
                                rate("sidewatch_upstream_connects_total", ROUTE, "route, outcome"),
                                "route, outcome",
                                "sidewatch_upstream_connects_total",
                                ROUTE,
                            ),
                            "{{route}} {{outcome}}",
                        ),
                        runbook="SidewatchAvailabilityBudgetBurn",
                    ),
                    graph(
                        "Refused",
                        "Connections and requests per minute that met a limit of the proxy: the limit's setting says what it allows.",
                        "short",
                        query(f"60 * ({rate('sidewatch_refused_total', NS, 'limit')})", "{{limit}}"),
                        stack=True,
                        absent="Nothing is refused",
                        width=6,
                    ),
                    graph(
                        "Bytes",
                        "Bodies per second, both ways.",
                        "Bps",
                        query(rate("sidewatch_request_bytes_total", ROUTE), "requests"),
                        query(rate("sidewatch_response_bytes_total", ROUTE), "responses"),
                        width=6,
                    ),
                    graph(
                        "Dropped captures by reason",
                        "Per minute. channel_full: the observer is slower than the traffic. observer_down: it does not run.",
                        "short",
                        query(f"60 * ({rate('sidewatch_captures_dropped_total', NS, 'reason')})", "{{reason}}"),
                        query(
                            f"60 * ({rate('sidewatch_observer_dropped_total', NS, 'reason')})",
                            "in the observer: {{reason}}",
                        ),
                        stack=True,
                        runbook="SidewatchCapturesDropped",
                        absent="Nothing is dropped",
                        width=6,
                    ),
                    graph(
                        "Waiting for the observer",
                        "Bytes that wait in the workers, and in the observer.",
                        "bytes",
                        query(f"sum(sidewatch_channel_bytes{{{NS}}})", "in workers"),
                        query(f"sum(sidewatch_backlog_bytes{{{NS}}})", "in the observer"),
                        runbook="SidewatchBacklogOld",
                        width=6,
                    ),
                ],
            ),
            (
                "The observer",
                [
                    graph(
                        "Lag",
                        "From an exchange's end to its outcome in the sinks.",
                        "s",
                        *percentiles("sidewatch_observation_lag_seconds", NS),
                        steps={60: "red"},
                        runbook="SidewatchBacklogOld",
                    ),
                    graph(
                        "Backlog",
                        "Exchanges that wait to be judged or are being received; deferred: the first stage doubts them, they are judged when there is time.",
                        "short",
                        query(f"sum(sidewatch_backlog_exchanges{{{NS}}})", "wait"),
                        query(f"sum(sidewatch_open_captures{{{NS}}})", "being received"),
                        query(f"sum(sidewatch_deferred_exchanges{{{NS}}})", "deferred"),
                        runbook="SidewatchBacklogOld",
                    ),
                    graph(
                        "Time by stage",
                        "Share of one core that each stage of the pipeline takes.",
                        "percentunit",
                        query(rate("sidewatch_stage_duration_seconds_sum", NS, "stage"), "{{stage}}"),
                        stack=True,
                        runbook="SidewatchBacklogOld",
                    ),
                    graph(
                        "Time by watcher",
                        "Share of one core that each watcher takes.",
                        "percentunit",
                        query(
                            by_top(
                                rate("sidewatch_watcher_duration_seconds_sum", f'{NS},watcher=~"$watcher"', "watcher"),
                                "watcher",
                                "sidewatch_watcher_duration_seconds_sum",
                                f'{NS},watcher=~"$watcher"',
                            ),
                            "{{watcher}}",
                        ),
                        stack=True,
                        runbook="SidewatchBacklogOld",
                    ),
                    graph(
                        "Memory",
                        "Resident memory of the observers and proxies that take most. Near its limit an observer is restarted.",
                        "bytes",
                        query(
                            f"topk(4, max by ({BY_POD}) (sidewatch_observer_resident_memory_bytes{{{NS}}}))",
                            f"observer {POD}",
                        ),
                        query(
                            f"topk(4, max by ({BY_POD}) (sidewatch_proxy_resident_memory_bytes{{{NS}}}))",
                            f"proxy {POD}",
                        ),
                        runbook="SidewatchObserverRestarting",
                    ),
                    graph(
                        "Processor",
                        "Cores that the busiest observers and proxies use.",
                        "short",
                        query(
                            f"topk(4, {rate('sidewatch_observer_cpu_seconds_total', NS, BY_POD)})", f"observer {POD}"
                        ),
                        query(f"topk(4, {rate('sidewatch_proxy_cpu_seconds_total', NS, BY_POD)})", f"proxy {POD}"),
                        runbook="SidewatchBacklogOld",
                    ),
                ],
            ),
            (
                "Coverage and errors",
                [
                    graph(
                        "Coverage by watcher",
                        "Share of exchanges that a watcher read, of all that passed. Texts that do not concern it are missing here too: see the reasons beside it.",
                        "percentunit",
                        query(
                            f"({rate(LEDGER, read, 'watcher')}) / ({rate(LEDGER, also(NS, 'watcher', '$watcher'), 'watcher')})",
                            "{{watcher}}",
                        ),
                        most=1,
                        runbook="SidewatchCoverageBudgetBurn",
                    ),
                    graph(
                        "Unread, by watcher and reason",
                        "Exchanges per minute that a watcher did not read.",
                        "short",
                        query(
                            f"60 * ({by_top(rate(LEDGER, unread, 'watcher, reason'), 'watcher, reason', LEDGER, unread)})",
                            "{{watcher}}: {{reason}}",
                        ),
                        stack=True,
                        runbook="SidewatchCoverageBudgetBurn",
                        absent="Everything is read",
                    ),
                    graph(
                        "A watcher's batch, p95",
                        "Time of one batch in one watcher; 95% are faster.",
                        "s",
                        query(
                            by_top(
                                quantile(
                                    0.95, "sidewatch_watcher_duration_seconds", f'{NS},watcher=~"$watcher"', "watcher"
                                ),
                                "watcher",
                                "sidewatch_watcher_duration_seconds_sum",
                                f'{NS},watcher=~"$watcher"',
                            ),
                            "{{watcher}}",
                        ),
                        runbook="SidewatchBacklogOld",
                    ),
                    states(
                        "Self-test by watcher",
                        "Known texts through every watcher, by the observer itself: whether each sees what it must, and only that. The worst replica's result.",
                        f'1 - min by (watcher) (sidewatch_selftest_passed{{{NS},watcher=~"$watcher"}})',
                        "{{watcher}}",
                        (("passed", "green"), ("failed", "red")),
                        width=12,
                        runbook="SidewatchSelftestFailing",
                    ),
                    rows(
                        "Errors",
                        "Over the range: sinks that could not take an outcome, watchers that failed, bodies that could not be decoded.",
                        "short",
                        _errors(),
                        {"sink": "Sink", "watcher": "Watcher", "format": "Format", "error": "Error", "Value": "Times"},
                        runbook="SidewatchSinkFailing",
                        absent="No errors",
                        width=12,
                        whole=True,
                    ),
                ],
            ),
            (
                "The inference server, where there is one",
                [
                    graph(
                        "Model windows by who ran them",
                        "Per second, where the model runs on an inference server. fallback: run here; nobody: not inspected.",
                        "short",
                        query(rate("sidewatch_remote_windows_total", NS, "source"), "{{source}}"),
                        stack=True,
                        runbook="SidewatchInferenceServerAway",
                        absent="The model runs here",
                    ),
                    graph(
                        "Requests to it by result",
                        "Per second: ok, timeout, connection, malformed, or the HTTP status.",
                        "reqps",
                        query(rate("sidewatch_remote_requests_total", NS, "result"), "{{result}}"),
                        stack=True,
                        runbook="SidewatchInferenceServerAway",
                        absent="The model runs here",
                    ),
                    graph(
                        "Time of an answered request",
                        "From asking to the whole answer, retries apart: near watchers.remote.deadline_seconds windows are run here or skipped.",
                        "s",
                        *percentiles("sidewatch_remote_request_duration_seconds", NS),
                        runbook="SidewatchInferenceServerAway",
                        absent="No request was answered",
                    ),
                ],
            ),
        ],
    )


def _errors() -> str:
    sources = {
        "sidewatch_sink_errors_total": "sink, error",
        "sidewatch_watcher_errors_total": "watcher, error",
        "sidewatch_decode_errors_total": "format, error",
    }
    return "topk(20, " + " or ".join(grown(metric, NS, by) for metric, by in sources.items()) + ") > 0"
