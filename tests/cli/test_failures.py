"""Whatever fails beside the traffic is counted and shown, and never reaches the app."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tests.cli.conftest import PATIENCE_SECONDS, Lines, Sidewatch

BIG = "word " * 20_000


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def figures(running: Sidewatch, metric: str) -> dict[str, float]:
    """Return a metric's samples by their labels."""
    status, page = running.get("/metrics")
    found = re.findall(rf"^{metric}(?:{{(.*)}})? (\S+)$", page, re.MULTILINE)
    return {labels: float(value) for labels, value in found} if status == 200 else {}


class Headless(Sidewatch):
    """One whose standard output is a file of the caller's: nobody reads the exchange log."""

    def __init__(self, upstream: str, output: int) -> None:
        arguments = ["--upstream", upstream, "--watchers", "none", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        command = [sys.executable, "-m", "sidecar.cli", "serve", *arguments]
        self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE, text=True)
        self.err = Lines(self.process.stderr)


def closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize(
    ("output", "error"),
    [(lambda: os.open("/dev/full", os.O_WRONLY), "OSError"), (closed_pipe, "BrokenPipeError")],
    ids=["full disk", "closed pipe"],
)
def test_a_log_that_cannot_be_written_is_counted_and_traffic_goes_on(upstream, output, error):
    descriptor = output()
    running = Headless(upstream.url, descriptor)
    os.close(descriptor)
    try:
        running.up()
        for _ in range(5):
            assert running.post().status == 200
        wanted = f'error="{error}",sink="exchange_log"'
        until(lambda: figures(running, "sidewatch_sink_errors_total").get(wanted, 0) >= 5)
        until(lambda: figures(running, "sidewatch_seen_exchanges_total") == {"": 5})  # workers report every second
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait()


def test_an_observer_that_hangs_fills_the_channel_and_nothing_else(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "pii", "--set", "capture.queue_bytes=100KiB").up()
    observer = running.children()["sidecar.observer"]
    os.kill(observer, signal.SIGSTOP)
    try:
        for _ in range(40):
            assert running.post(text=BIG).status == 200
    finally:
        os.kill(observer, signal.SIGCONT)
    until(lambda: sum(figures(running, "sidewatch_watcher_exchanges_total").values()) >= 40)
    dropped = figures(running, "sidewatch_captures_dropped_total")['reason="channel_full"']
    assert 20 < dropped < 40
    ledger = figures(running, "sidewatch_watcher_exchanges_total")
    assert sum(ledger.values()) == figures(running, "sidewatch_seen_exchanges_total")[""] == 40
    assert ledger['reason="channel_full",state="skipped",watcher="pii"'] > 0


def test_an_observer_that_crashes_again_and_again_costs_no_request(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "pii").up()
    lines = 0
    for crash in range(3):
        assert running.post().status == 200
        os.kill(running.children()["sidecar.observer"], signal.SIGKILL)
        assert running.post().status == 200
        ended = running.err.event("observer ended: starting it again", after=lines)
        assert (ended["code"], ended["exits"]) == (-9, crash + 1)
        lines = len(running.err.all)
        running.err.event("worker connected", after=lines)
        assert running.get("/healthz")[0] == 200
    until(lambda: figures(running, "sidewatch_observer_losses_total") == {"": 3})
    until(lambda: sum(figures(running, "sidewatch_watcher_exchanges_total").values()) == 6)
    assert figures(running, "sidewatch_seen_exchanges_total") == {"": 6}
    assert running.stop() == 0


def test_a_worker_that_crashes_is_back_and_what_it_left_open_is_counted(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "pii", "--workers", "2").up()
    running.err.wait(lambda line: '"worker": 1' in line and "worker connected" in line)
    opened: list[object] = []

    def open_stream() -> None:
        opened.append(running.post("/slow"))

    streams = [threading.Thread(target=open_stream) for _ in range(12)]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.join()
    until(lambda: figures(running, "sidewatch_in_flight") == {"": 12})
    lines = len(running.err.all)
    os.kill(running.children()["sidecar.proxy"], signal.SIGKILL)
    ended = running.err.event("worker 1 ended: starting it again", after=lines)
    assert ended["code"] == -9
    running.err.wait(lambda line: '"worker": 1' in line and "worker connected" in line, after=lines)
    upstream.release.set()
    for _ in range(10):
        assert running.post().status == 200
    until(lambda: sum(figures(running, "sidewatch_watcher_exchanges_total").values()) >= 22)
    ledger = figures(running, "sidewatch_watcher_exchanges_total")
    assert sum(ledger.values()) == figures(running, "sidewatch_seen_exchanges_total")[""] == 22
    assert ledger['reason="worker_lost",state="skipped",watcher="pii"'] > 0
    assert figures(running, "sidewatch_in_flight") == {"": 0}
