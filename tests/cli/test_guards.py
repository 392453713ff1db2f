"""What the primary keeps to when its surroundings fail: no reader of its log, an observer that takes too much memory."""

import signal
import subprocess
import sys
import urllib.request

import pytest


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_signal_ends_it_though_nobody_reads_its_log(upstream, log_format):
    command = [sys.executable, "-m", "sidecar.cli", "serve", "--upstream", upstream.url, "--listen", "127.0.0.1:0"]
    command += ["--admin", "127.0.0.1:0", "--set", "observer.enabled=false", "--log-format", log_format]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if line.startswith("sidewatch: proxy "))
        process.stderr.close()  # from here on every line of the log is a broken pipe
        address = line.split()[2]
        request = urllib.request.Request(f"{address}/v1/chat/completions", data=b"{}", method="POST")
        assert urllib.request.urlopen(request, timeout=20).status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_an_observer_over_its_memory_limit_is_ended_and_counted_and_traffic_goes_on(sidewatch, upstream):
    running = sidewatch(
        "--upstream", upstream.url, "--watchers", "none", "--set", "observer.memory_limit_bytes=50000000"
    ).up()
    over = running.err.event("observer is over its memory limit: ended")
    assert over["bytes"] > 50_000_000
    ended = running.err.event("observer ended: starting it again")
    assert (ended["code"], ended["exits"]) == (-9, 1)
    assert running.post().status == 200
    again = running.err.event("observer ended: starting it again", after=len(running.err.all))
    assert again["exits"] > 1
    assert running.post().status == 200
    assert running.stop() == 0
