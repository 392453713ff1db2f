"""Adding the workers' figures up."""

from sidecar.channel import Histogram, Traffic
from sidecar.observer.worker_totals import WorkerTotals
from tests.observer.traffic import totals

LEDGER = ("sidewatch_watcher_exchanges_total",)


def traffic(exchanges: int) -> Traffic:
    histogram = Histogram([exchanges, *[0] * 14], exchanges * 0.25)
    return Traffic(
        "default", "POST", "200", "complete", exchanges, 10 * exchanges, 20 * exchanges, histogram, histogram
    )


def test_workers_are_added_up_and_a_newer_state_replaces_the_older() -> None:
    workers = WorkerTotals()
    workers.update(totals(worker=0, seen=3, traffic=[traffic(3)], in_flight=2))
    workers.update(totals(worker=0, seen=5, traffic=[traffic(5)], in_flight=1, cpu_seconds=0.5, resident_bytes=7))
    workers.update(
        totals(worker=1, pid=101, seen=7, traffic=[traffic(7)], in_flight=4, upstream_connects={"default\0new": 2})
    )
    workers.update(totals(worker=2, pid=102, cpu_seconds=2.0, resident_bytes=3))
    workers.update(totals(worker=2, pid=103, cpu_seconds=0.25, resident_bytes=4))

    sums = workers.sums()
    assert repr(sums.counters["sidewatch_seen_exchanges_total", ()]) == "12"  # a count is shown whole
    assert sums.counters["sidewatch_exchanges_total", ("default", "POST", "200", "complete")] == 12
    assert sums.counters["sidewatch_response_bytes_total", ("default",)] == 240
    assert sums.counters["sidewatch_upstream_connects_total", ("default", "new")] == 2
    assert sums.histograms["sidewatch_exchange_duration_seconds", ("default",)] == [12, *[0] * 14, 3.0]
    assert sums.counters["sidewatch_proxy_cpu_seconds_total", ()] == 2.75
    assert workers.gauges()["sidewatch_in_flight"] == 5
    assert workers.gauges()["sidewatch_proxy_resident_memory_bytes"] == 11


def test_a_worker_that_died_before_anything_was_settled_has_lost_all() -> None:
    workers = WorkerTotals()
    workers.update(totals(pid=100, seen=3, watchers=["pii"]))
    workers.update(totals(pid=200, watchers=["pii"]))
    assert workers.sums().counters["sidewatch_watcher_exchanges_total", ("pii", "skipped", "worker_lost")] == 3


def test_what_met_a_limit_is_shown_also_of_a_worker_that_is_gone() -> None:
    workers = WorkerTotals()
    workers.update(totals(pid=100, refused={"request_head_bytes": 3, "client_connections": 1}))
    workers.update(totals(pid=200, refused={"request_head_bytes": 2}))
    counters = workers.sums().counters
    assert counters["sidewatch_refused_total", ("request_head_bytes",)] == 5
    assert counters["sidewatch_refused_total", ("client_connections",)] == 1


def test_a_replaced_workers_figures_are_kept() -> None:
    workers = WorkerTotals()
    workers.update(totals(pid=100, seen=10, in_flight=3, dropped={"channel_full": 2}))
    workers.update(totals(pid=200, seen=1))
    sums = workers.sums()
    assert sums.counters["sidewatch_seen_exchanges_total", ()] == 11
    assert sums.counters["sidewatch_captures_dropped_total", ("channel_full",)] == 2
    assert workers.gauges()["sidewatch_in_flight"] == 0


def test_what_a_dead_worker_had_not_settled_is_lost_so_that_the_ledger_adds_up_to_seen() -> None:
    workers = WorkerTotals()
    ledger = {"pii\0clean\0": 6, "pii\0flagged\0": 1, "bias\0skipped\0overload": 10, "disabled-since\0clean\0": 4}
    workers.update(totals(pid=100, seen=10, ledger=ledger, watchers=["pii", "bias"]))
    workers.update(totals(pid=200, seen=2, ledger={"pii\0clean\0": 2, "bias\0clean\0": 2}))
    counters = workers.sums().counters
    found = {labels: count for (name, labels), count in counters.items() if name == "sidewatch_watcher_exchanges_total"}
    assert found == {
        ("pii", "clean", ""): 8,
        ("pii", "flagged", ""): 1,
        ("pii", "skipped", "worker_lost"): 3,
        ("bias", "skipped", "overload"): 10,
        ("bias", "clean", ""): 2,
        ("disabled-since", "clean", ""): 4,
    }
