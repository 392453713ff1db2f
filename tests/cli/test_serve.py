"""`sidewatch serve` from start to end: addresses, signals, children, what it loads."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sidecar.usage import resident_bytes

HEAVY = ("numpy", "aiohttp", "orjson", "prometheus_client", "onnxruntime", "tokenizers", "watchers")


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_port_zero_is_printed_as_the_real_one_and_traffic_passes(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "none").up()
    serving = running.err.event("serving")
    assert serving["proxy"] == f"http://{running.proxy}"
    assert serving["admin"] == f"http://{running.admin}"
    assert not running.proxy.endswith(":0")
    response = running.post()
    assert (response.status, response.headers["X-Upstream"]) == (200, "one")
    assert json.loads(response.read())["id"] == "chatcmpl-1"
    assert running.get("/healthz")[0] == 200
    assert running.get("/readyz")[0] == 200


def test_the_first_exchange_is_logged_with_the_hash_of_its_body(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "none").up()
    body = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}'
    connection = http.client.HTTPConnection(running.proxy, timeout=20)
    connection.request("POST", "/v1/chat/completions", body)
    connection.getresponse().read()
    line = running.out.event("exchange")
    assert line["request_sha256"] == hashlib.sha256(body).hexdigest()
    assert line["capture_incomplete"] is None
    assert (line["format"], line["usage"]) == ("openai-chat", {"source": "provider", "input": 9, "output": 2})


def test_the_end_finishes_an_open_stream_and_leaves_nothing_behind(sidewatch, upstream, tmp_path):
    running = sidewatch("--upstream", upstream.url, "--watchers", "none", env={"TMPDIR": str(tmp_path)}).up()
    observer = running.children()["sidecar.observer"]
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o700]
    response = running.post("/slow")
    assert response.read(5) == b"first"
    running.process.send_signal(signal.SIGTERM)
    running.err.event("draining")
    host, port = running.proxy.split(":")
    with pytest.raises(OSError):
        connect_until_refused(host, int(port))
    upstream.release.set()
    assert response.read() == b"last"
    assert running.process.wait(20) == 0
    assert running.out.event("exchange")["ending"] == "complete"
    assert not alive(observer)
    assert list(tmp_path.iterdir()) == []


def connect_until_refused(host: str, port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        socket.create_connection((host, port), 5).close()


def test_a_second_signal_ends_at_once(sidewatch, upstream, tmp_path):
    running = sidewatch("--upstream", upstream.url, "--watchers", "none", env={"TMPDIR": str(tmp_path)}).up()
    observer = running.children()["sidecar.observer"]
    response = running.post("/slow")
    assert response.read(5) == b"first"
    running.process.send_signal(signal.SIGTERM)
    running.err.event("draining")
    assert running.stop(signal.SIGINT) == 130
    deadline = time.monotonic() + 10
    while alive(observer) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(observer)
    assert list(tmp_path.iterdir()) == []


def ledger(metrics: str, watcher: str) -> dict[str, float]:
    """Return exchanges by state and reason for one watcher."""
    rows = re.findall(r"^sidewatch_watcher_exchanges_total\{(.+)\} (\S+)$", metrics, re.MULTILINE)
    found = {}
    for labels, value in rows:
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if pairs["watcher"] == watcher:
            found["/".join(filter(None, (pairs["state"], pairs["reason"])))] = float(value)
    return found


def test_killing_the_observer_under_load_fails_no_request_and_loses_no_count(sidewatch, upstream):
    began = time.monotonic()
    running = sidewatch("--upstream", upstream.url, "--watchers", "pii").up()
    # Two seconds on a machine that has time; on one that has not, about as long as the first start took.
    patience = max(2.0, 1.5 * (time.monotonic() - began))
    done, stop, failed = [0], threading.Event(), []

    def load() -> None:
        connection = http.client.HTTPConnection(running.proxy, timeout=20)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "mail me at a@example.org"}]})
        while not stop.is_set():
            try:
                connection.request("POST", "/v1/chat/completions", body)
                response = connection.getresponse()
                if response.status != 200 or json.loads(response.read())["id"] != "chatcmpl-1":
                    failed.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)
            done[0] += 1
            time.sleep(0.005)  # the load's pace, not a synchronisation

    def after_requests(count: int) -> None:
        target = done[0] + count
        while done[0] < target:
            time.sleep(0.01)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            after_requests(60)
            lines = len(running.err.all)
            os.kill(running.children()["sidecar.observer"], signal.SIGKILL)
            killed = time.monotonic()
            running.err.event("worker connected", after=lines)
            assert time.monotonic() - killed < patience
        after_requests(60)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    states = settled_ledger(running, done[0])
    assert states["flagged"] > 0
    assert sum(states.values()) == done[0]
    assert set(states) <= {"flagged", "clean", "skipped/observer_lost", "skipped/observer_down"}


def settled_ledger(running, seen: int) -> dict[str, float]:
    deadline = time.monotonic() + 15
    while True:
        status, text = running.get("/metrics")
        states = ledger(text, "pii")
        if (status == 200 and sum(states.values()) >= seen) or time.monotonic() > deadline:
            return states
        time.sleep(0.1)


def test_the_observer_steps_back_in_every_thread_once_it_is_up(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "toxicity", "--set", "observer.nice=7").up()
    observer = running.children()["sidecar.observer"]
    threads = [int(name) for name in os.listdir(f"/proc/{observer}/task")]
    assert len(threads) > 1
    assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {7}
    assert os.getpriority(os.PRIO_PROCESS, running.process.pid) == os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getsid(observer) == os.getsid(
        running.process.pid
    )  # else, by session, it would count as much as the proxy
    assert os.getpgid(observer) == observer  # Ctrl-C in a terminal is not for it


def test_several_workers_share_the_port_and_the_counts(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--watchers", "none", "--workers", "2").up()
    running.err.wait(lambda line: '"worker": 1' in line and "worker connected" in line)
    for _ in range(40):
        assert running.post().status == 200
    deadline = time.monotonic() + 15
    page: dict[str, float] = {}
    while page.get("seen_exchanges_total") != 40 and time.monotonic() < deadline:
        found = re.findall(
            r"^sidewatch_(seen_exchanges_total|proxy_\S+) (\S+)$", running.get("/metrics")[1], re.MULTILINE
        )
        page = {name: float(value) for name, value in found}
    assert page["seen_exchanges_total"] == 40
    workers = (running.process.pid, running.children()["sidecar.proxy"])
    assert page["proxy_resident_memory_bytes"] == pytest.approx(sum(map(resident_bytes, workers)), rel=0.1)
    assert 0.1 < page["proxy_cpu_seconds_total"] < 30
    assert running.stop() == 0


def test_a_watcher_that_cannot_be_built_stops_the_start(sidewatch, upstream):
    running = sidewatch(
        "--upstream", upstream.url, "--watchers", "house", "--set", "watchers.settings.house.type=no-such-type"
    )
    assert running.process.wait(20) == 2
    running.err.wait(lambda line: "no-such-type" in line and "house" in line)
    assert running.err.wait(lambda line: line.startswith("sidewatch: ")) == (
        "sidewatch: the observer cannot use its settings or models: its message is above"
    )


def test_a_port_in_use_is_told_with_the_remedy(sidewatch, upstream):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        running = sidewatch("--upstream", upstream.url, "--set", "observer.enabled=false", "--listen", address)
        assert running.process.wait(20) == 1
    line = running.err.wait(lambda line: line.startswith("sidewatch: "))
    assert line.startswith(f"sidewatch: cannot listen on {address} and 127.0.0.1:0: ")
    assert line.endswith("choose another port (0 picks a free one), or end the process that holds it")


def test_a_temporary_directory_with_too_long_a_name_is_told(sidewatch, upstream, tmp_path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    running = sidewatch("--upstream", upstream.url, env={"TMPDIR": str(long)})
    assert running.process.wait(20) == 1
    assert "name is too long for a socket" in running.err.wait(lambda line: line.startswith("sidewatch: "))
    assert list(long.iterdir()) == []


def test_without_an_observer_traffic_passes_all_the_same(sidewatch, upstream):
    running = sidewatch("--upstream", upstream.url, "--set", "observer.enabled=false").up()
    assert running.post().status == 200
    assert running.children() == {}
    assert running.get("/healthz")[0] == 200
    assert running.stop() == 0


def test_a_configuration_error_is_exit_code_two():
    command = [sys.executable, "-m", "sidecar.cli", "serve", "--upstream", "api.example.com"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert ended.stderr == (
        'sidewatch: --upstream: upstream = "api.example.com": expected http:// or https:// and a host; '
        "did you mean https://api.example.com?\n"
    )


def test_the_primary_is_light(sidewatch, upstream):
    code = f"import sys, sidecar.serve, sidecar.cli; sidecar.cli._parser(); print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert loaded.stdout == "[]\n"
    running = sidewatch("--upstream", upstream.url, "--watchers", "none").up()
    assert running.post().status == 200
    maps = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert [name for name in HEAVY if f"/{name}/" in maps] == []
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{running.process.pid}/status").read_text())[1])
    assert resident <= 45 * 1024
