"""The observer as a process: started as the primary starts it, fed over its socket, asked over its pages."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.channel import Histogram, Kind, Traffic
from sidecar.observer.metric_table import BY_NAME
from sidecar.runtime import Runtime
from sidecar.settings import Drift, Log, Observer, Settings, Watchers
from tests.observer.conftest import Connect
from tests.observer.traffic import answer, chat, opened, totals
from watchers.pack import BUNDLED

# Patterns alone, so that a start is quick; one test runs with the pack.
SETTINGS = Settings(
    upstream="https://api.openai.com", watchers=Watchers(enabled=["secrets"]), drift=Drift(enabled=False)
)
TOKEN = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


class Running:
    """One observer process."""

    def __init__(self, runtime: Runtime, process: asyncio.subprocess.Process) -> None:
        self.runtime, self.process = runtime, process

    @property
    def channel(self) -> Path:
        return Path(self.runtime.channel_socket)

    async def line(self) -> dict[str, Any]:
        assert self.process.stdout
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), 30))

    async def logged(self, event: str) -> dict[str, Any]:
        """Read the application log up to an event."""
        assert self.process.stderr
        while True:
            found = json.loads(await asyncio.wait_for(self.process.stderr.readline(), 30))
            if found["event"] == event:
                return found

    async def page(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
        connector = aiohttp.UnixConnector(self.runtime.admin_socket)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://observer{path}", headers=headers) as response,
        ):
            return response.status, response.headers["Content-Type"], await response.text()

    async def ended(self) -> int:
        await asyncio.wait_for(self.process.communicate(), 30)  # a full pipe would keep `wait` from returning
        assert self.process.returncode is not None
        return self.process.returncode


Start = Callable[[Settings], Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    running: list[Running] = []

    async def started(settings: Settings) -> Running:
        runtime = Runtime(str(tmp_path))
        runtime.write(settings)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sidecar.observer", "--runtime", str(tmp_path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        running.append(Running(runtime, process))
        return running[-1]

    yield started
    for each in running:
        if each.process.returncode is None:
            each.process.kill()
            await each.process.communicate()


async def test_exchanges_go_in_and_settlements_lines_and_pages_come_out(start: Start, connect: Connect) -> None:
    observer = await start(SETTINGS)
    await observer.logged("observer ready")
    worker = await connect(observer.channel)
    worker.hello(pid=77)
    histogram = Histogram([0] * 5 + [2] + [0] * 9, 0.6)
    traffic = [Traffic("default", "POST", "200", "complete", 2, 300, 400, histogram, histogram)]
    worker.exchange(
        1, chat(("user", f"use {TOKEN} or mail bob.miller@example.com")), answer("fine"), proxy_seconds=0.0004
    )
    worker.exchange(2, chat(("user", "hello")), answer("hi"))
    ledger = await worker.settlements(2)
    assert ledger == {"secrets\0flagged\0": 1, "secrets\0clean\0": 1}
    worker.send(Kind.TOTALS, 0, 0.0, totals(pid=77, seen=2, traffic=traffic, ledger=ledger, in_flight=1))
    worker.exchange(3, chat(("user", "hello")), answer("hi"))  # settled after the totals were read
    await worker.settlements(3)
    assert (await observer.line())["prompt"][0]["text"] == "use [VENDOR_TOKEN] or mail [EMAIL_ADDRESS]"
    await _pages(observer)
    observer.process.send_signal(signal.SIGTERM)
    assert await observer.ended() == 0


async def _pages(observer: Running) -> None:
    code, kind, page = await observer.page("/metrics")
    assert (code, kind.split(";")[0]) == (200, "text/plain")
    for line in (
        'sidewatch_watcher_exchanges_total{reason="",state="flagged",watcher="secrets"} 1.0',
        'sidewatch_exchanges_total{ending="complete",method="POST",route="default",status="200"} 2.0',
        'sidewatch_exchange_duration_seconds_bucket{le="0.32",route="default"} 2.0',
        'sidewatch_exchange_duration_seconds_bucket{le="0.16",route="default"} 0.0',
        "sidewatch_in_flight 1.0",
        "sidewatch_workers 1.0",
        "sidewatch_open_captures 0.0",
        'gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model='
        '"gpt-4o",gen_ai_response_model="gpt-4o-2024-08-06",gen_ai_token_type="input",route="default"} 3000.0',
    ):
        assert line in page.splitlines(), line
    _, kind, page = await observer.page("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert page.endswith("# EOF\n")
    status = json.loads((await observer.page("/status"))[2])
    assert status["coverage"]["seen"] == 2
    assert status["selftest"]["watchers"] == {"secrets": "passed"}
    secrets = {"clean": 1, "flagged": 1, "screened": 0, "skipped": {}, "settled": 2, "inspected_share": 1.0}
    assert status["coverage"]["watchers"]["secrets"] == secrets
    assert [flag["label"] for flag in status["recent_flags"][0]["flags"]] == ["VENDOR_TOKEN"]
    assert TOKEN not in json.dumps(status)
    assert json.loads((await observer.page("/config"))[2])["watchers"]["enabled"] == ["secrets"]
    assert json.loads((await observer.page("/drift"))[2]) == []
    index = json.loads((await observer.page("/"))[2])
    assert {"/healthz", "/readyz", "/metrics", "/status", "/drift", "/drift/accept", "/config"} == index.keys()
    for path in index.keys() - {"/healthz", "/readyz", "/drift/accept"}:
        assert (await observer.page(path))[0] == 200
    assert (await observer.page("/drift/accept", "POST"))[0] == 404


async def test_the_first_metrics_page_of_an_idle_observer_names_only_metrics_of_the_table(start: Start) -> None:
    observer = await start(SETTINGS)
    await observer.logged("observer ready")
    _, _, page = await observer.page("/metrics")
    names = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    assert names <= BY_NAME.keys()
    assert "sidewatch_build_info" in names
    for result in ("applied", "refused", "invalid"):  # from 0: Prometheus sees no increase where a series begins at 1
        assert f'sidewatch_settings_reloads_total{{result="{result}"}} 0.0' in page.splitlines()


async def test_a_reload_changes_the_watchers_and_a_bad_one_does_not(start: Start, connect: Connect) -> None:
    observer = await start(
        Settings(upstream="http://x", watchers=Watchers(enabled=["none"]), drift=Drift(enabled=False))
    )
    await observer.logged("observer ready")
    observer.runtime.write(
        Settings(upstream="http://x", watchers=Watchers(enabled=["nosuch"]), drift=Drift(enabled=False))
    )
    observer.process.send_signal(signal.SIGHUP)
    assert (
        "there is no watcher of type 'nosuch'"
        in (await observer.logged("settings not reloaded: the old ones go on"))["problem"]
    )
    observer.runtime.write(
        Settings(upstream="http://x", watchers=Watchers(enabled=["secrets"]), drift=Drift(enabled=False))
    )
    observer.process.send_signal(signal.SIGHUP)
    assert (await observer.logged("settings reloaded"))["watchers"] == ["secrets"]
    worker = await connect(observer.channel)
    worker.hello()
    worker.exchange(1, chat(("user", "hello")), answer("hi"))
    assert await worker.settlements(1) == {"secrets\0clean\0": 1}


async def test_a_reload_to_a_damaged_pack_or_a_factory_that_raises_leaves_the_old_watchers(
    start: Start, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme.py").write_text("def make(order):\n    return {}['nothing']\n")
    (tmp_path / "acme-1.0.dist-info").mkdir()
    (tmp_path / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (tmp_path / "acme-1.0.dist-info" / "entry_points.txt").write_text("[sidewatch.watchers]\nacme = acme:make\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    observer = await start(SETTINGS)
    await observer.logged("observer ready")
    shutil.copytree(BUNDLED, tmp_path / "pack")
    with (tmp_path / "pack" / "model.onnx").open("r+b") as graph:
        graph.write(b"damaged")
    told = []
    for watchers in (Watchers(enabled=["bias"], pack=str(tmp_path / "pack")), Watchers(enabled=["acme"])):
        observer.runtime.write(Settings(upstream="http://x", watchers=watchers, drift=Drift(enabled=False)))
        observer.process.send_signal(signal.SIGHUP)
        told.append(await observer.logged("settings not reloaded: the old ones go on"))
    assert "model.onnx: sha256 is" in told[0]["problem"]
    assert "'acme': it cannot be made: KeyError: 'nothing'" in told[1]["problem"]
    worker = await connect(observer.channel)
    worker.hello()
    worker.exchange(1, chat(("user", "hello")), answer("hi"))
    assert await worker.settlements(1) == {"secrets\0clean\0": 1}


async def test_settings_that_cannot_be_used_end_the_start_with_78(start: Start) -> None:
    observer = await start(Settings(upstream="http://x", watchers=Watchers(enabled=["bias"], pack="/nowhere")))
    assert "/nowhere/pack.json" in (await observer.logged("the observer cannot start"))["problem"]
    assert await observer.ended() == 78


async def test_what_waits_at_the_end_is_still_judged(start: Start, connect: Connect) -> None:
    observer = await start(SETTINGS)
    await observer.logged("observer ready")
    worker = await connect(observer.channel)
    worker.hello()
    for number in range(60):
        worker.exchange(number, chat(("user", "hello " * 200)), answer("hi"))
    worker.send(Kind.OPEN, 99, 0.0, opened())
    await worker.settlements(1)
    observer.process.send_signal(signal.SIGTERM)
    ledger = await worker.settlements(60)
    assert ledger == {"secrets\0clean\0": 60}
    assert await observer.ended() == 0


async def test_a_stuck_reader_of_stdout_does_not_stop_the_settling(start: Start, connect: Connect) -> None:
    settings = Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["secrets"]),
        drift=Drift(enabled=False),
        log=Log(text_chars=100_000),
    )
    observer = await start(settings)
    await observer.logged("observer ready")
    worker = await connect(observer.channel)
    worker.hello()
    for number in range(150):  # 15 MB of lines: more than the pipe and the queue hold
        worker.exchange(number, chat(("user", "hi")), answer("a" * 100_000))
        await worker.writer.drain()
    assert await worker.settlements(150) == {"secrets\0clean\0": 150}
    _, _, page = await observer.page("/metrics")
    assert 'sidewatch_sink_errors_total{error="full",sink="exchange_log"}' in page


async def test_overload_is_settled_and_counted_and_the_ledger_adds_up(start: Start, connect: Connect) -> None:
    settings = Settings(
        upstream="http://x",
        watchers=Watchers(enabled=["secrets"]),
        drift=Drift(enabled=False),
        observer=Observer(queue_exchanges=5, batch_exchanges=1),
        log=Log(text="none"),
    )
    observer = await start(settings)
    await observer.logged("observer ready")
    worker = await connect(observer.channel)
    worker.hello()
    for number in range(500):
        worker.exchange(number, chat(("user", "hello " * 300)), answer("hi"))
    ledger = await worker.settlements(500)
    assert ledger.keys() == {"secrets\0clean\0", "secrets\0skipped\0overload"}
    assert sum(ledger.values()) == 500


async def test_what_comes_while_the_watchers_load_is_judged(start: Start, connect: Connect) -> None:
    observer = await start(SETTINGS)
    while not observer.channel.exists():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    worker = await connect(observer.channel)
    assert not observer.runtime.observer_ready()
    worker.hello()
    worker.exchange(1, chat(("user", f"use {TOKEN}")), answer("fine"))
    assert await worker.settlements(1) == {"secrets\0flagged\0": 1}
    assert [(await observer.logged("observer ready"))["watchers"]] == [["secrets"]]
    assert observer.runtime.observer_ready()


async def test_what_is_too_much_while_the_watchers_load_is_counted(start: Start, connect: Connect) -> None:
    observer = await start(
        Settings(
            upstream="http://x",
            watchers=Watchers(enabled=["secrets"]),
            drift=Drift(enabled=False),
            observer=Observer(queue_exchanges=2),
        )
    )
    while not observer.channel.exists():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    worker = await connect(observer.channel)
    worker.hello()
    for number in range(5):
        worker.exchange(number, chat(("user", "hello")), answer("hi"))
    assert await worker.settlements(5) == {"secrets\0clean\0": 2, "secrets\0skipped\0overload": 3}
    await observer.logged("observer ready")
    page = (await observer.page("/metrics"))[2]
    assert 'sidewatch_observer_dropped_total{reason="overload"} 3.0' in page.splitlines()


async def test_it_steps_back_for_the_proxy(start: Start) -> None:
    observer = await start(SETTINGS)
    await observer.logged("observer ready")
    assert os.getpriority(os.PRIO_PROCESS, observer.process.pid) == 10
    assert os.sched_getscheduler(observer.process.pid) == os.SCHED_BATCH


async def test_with_the_pack_every_built_in_watcher_reads_and_memory_stays_within_the_promise(
    start: Start, connect: Connect
) -> None:
    observer = await start(Settings(upstream="http://x"))
    await observer.logged("observer ready")
    idle = json.loads((await observer.page("/status"))[2])["resident_bytes"]
    assert idle < 250_000_000
    worker = await connect(observer.channel)
    worker.hello()
    worker.exchange(1, chat(("user", "You are all stupid idiots and I hate you.")), answer("I am sorry."))
    ledger = await worker.settlements(1)
    assert ledger["toxicity\0flagged\0"] == 1
    assert {key.split("\0")[0] for key in ledger} == {"toxicity", "bias", "injection", "pii", "secrets"}
    streams = json.loads((await observer.page("/drift"))[2])
    levels = {stream["direction"]: stream["level"] for stream in streams}
    assert levels == dict.fromkeys(("prompt", "completion", "provider"), "insufficient_data")
    worker.exchange(2, chat(("user", "Mail me at bob.miller@example.com")), answer("Call +1 212 555 0175."))
    worker.exchange(3, chat(("user", "What is the capital of France?")), answer("Paris."))
    await worker.settlements(3)
    series = [line for line in (await observer.page("/metrics"))[2].splitlines() if not line.startswith("#")]
    assert len([line for line in series if 'watcher="pii"' in line and "watcher_score" in line]) <= 100
    assert len(series) < 1_500
