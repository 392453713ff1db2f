"""Real Sidewatch and injector, Prometheus and Alertmanager, a provider that can break and a receiver, on free ports."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from dashboards import rules
from sidecar.demo.traffic import APP_HEADER
from sidecar.settings import BUILT_IN_WATCHERS
from tests.injector.test_patch import NATIVE
from tests.injector.test_server import write_certificate
from tests.live.outside import Outside
from tests.live.tools import tool

ASSETS = Path("/usr/share/prometheus/alertmanager")
# Alerts look back for minutes, hours and days; here the same rules look back for seconds.
WINDOWS = {
    "5m": "10s", "10m": "30s", "15m": "90s", "30m": "20s", "1h": "40s", "2h": "45s",
    "6h": "50s", "12h": "60s", "1d": "90s", "3d": "100s", "7d": "60s", "1w": "100s",
}  # fmt: skip
OBJECTIVES = rules.Objectives(latency_seconds=1.28, backlog_seconds=2, budget_per_day=20)
LABELS = {"namespace": "shop", "pod": "app-1"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(found: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll another process for what it does not announce; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if value := found():
                return value
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds} s: {what}")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as response:
        text = response.read().decode()
    return json.loads(text) if text.startswith("{") else text


@dataclass(frozen=True)
class Stack:
    """Where everything listens. `sidewatch` is the primary's process id, `file` its configuration."""

    proxy: str
    admin: str
    prometheus: str
    outside: Outside
    sidewatch: int
    file: Path
    certificates: Path

    @property
    def api(self) -> str:
        """Return the address of the API that fails as it is told, through the proxy."""
        return f"{self.proxy}/outside/v1/chat/completions"

    def inference_server(self, url: str) -> contextlib.AbstractContextManager[None]:
        """Run the model on this server, and here again when the context ends."""
        return self.configured(lambda tree: tree["watchers"].update(remote={"endpoint": url}))

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return what Prometheus answers now. Raises HTTPError on what it refuses."""
        text = urllib.parse.urlencode({"query": expr})
        found: list[dict[str, Any]] = get(f"{self.prometheus}/api/v1/query?{text}")["data"]["result"]
        return found

    def firing(self) -> set[str]:
        return {series["metric"]["alertname"] for series in self.query('ALERTS{alertstate="firing"}')}

    def judged(self, seconds: float = 120) -> None:
        """Wait until next to nothing waits to be judged, and Prometheus has seen so."""
        wait_for(lambda: self.query("sum(sidewatch_backlog_exchanges) < 4"), seconds, "an empty backlog")

    def kill_observer(self) -> None:
        """Kill the observer as the kernel would, and wait for the next one."""
        old = wait_for(self.observer, 30, "an observer")
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: self.observer() not in {0, old}, 30, "another observer")

    @contextlib.contextmanager
    def stopped_observer(self) -> Iterator[None]:
        """Hold the observer still, as a machine without processor time would."""
        pid = self.observer()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let the observer write no further byte into a file."""
        pid = self.observer()
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    @contextlib.contextmanager
    def configured(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Run with a changed configuration file, which Sidewatch reloads by itself."""
        before = self.file.read_text()
        tree = yaml.safe_load(before)
        change(tree)
        self.file.write_text(yaml.safe_dump(tree))
        try:
            yield
        finally:
            self.file.write_text(before)

    def observer(self) -> int:
        children = Path(f"/proc/{self.sidewatch}/task/{self.sidewatch}/children").read_text().split()
        named = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        return next((pid for pid, line in named.items() if b"sidecar.observer" in line), 0)


@contextlib.contextmanager
def running(command: list[str], folder: Path, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process; its output goes to a file in the folder. It is ended in any case."""
    with (folder / f"{Path(command[0]).name}-{len([*folder.iterdir()])}.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, **({"stdout": log, "stdin": subprocess.DEVNULL} | more))
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


@contextlib.contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """Run everything until Prometheus has scraped Sidewatch once."""
    ports = {name: free_port() for name in ("proxy", "admin", "prometheus", "alertmanager", "injector")}
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    outside = Outside()
    demo = [sys.executable, "-m", "sidecar.demo.provider", "0.002"]
    with contextlib.ExitStack() as opened:
        opened.callback(outside.server.shutdown)
        for command in (alertmanager(folder, ports["alertmanager"], outside.url), prometheus(folder, ports)):
            opened.enter_context(running(command, folder, cwd=folder))
        provider = opened.enter_context(running(demo, folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert provider.stdout
        model = f"http://127.0.0.1:{int(provider.stdout.readline())}"
        file = Path(written(folder, "sidewatch", settings(ports, model, outside.url)))
        serve = [sys.executable, "-m", "sidecar.cli", "serve", "--config", str(file)]
        sidewatch = opened.enter_context(running(serve, folder, env=os.environ | {"PYTHONPATH": plugin(folder)}))
        certificates = folder / "certificates"
        opened.enter_context(running(injector(folder, certificates, ports["injector"]), folder))
        wait_for(lambda: sidewatch.poll() is not None or get(f"{url['admin']}/metrics"), 90, "Sidewatch's metrics")
        assert sidewatch.poll() is None, [*folder.glob("*.log")]
        wait_for(lambda: get(f"{url['alertmanager']}/-/ready"), 30, "Alertmanager")
        started = Stack(url["proxy"], url["admin"], url["prometheus"], outside, sidewatch.pid, file, certificates)
        wait_for(lambda: started.query("sidewatch_build_info"), 30, "a scrape")
        yield started


def written(folder: Path, name: str, tree: Any) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
    return str(file)


def settings(ports: dict[str, int], model: str, outside: str) -> dict[str, Any]:
    routes = [
        {"name": "openai", "prefix": "/", "upstream": model, "provider": "openai"},
        {"name": "anthropic", "prefix": "/anthropic", "upstream": model, "provider": "anthropic"},
        {"name": "outside", "prefix": "/outside", "upstream": outside, "provider": "openai"},
    ]
    return {
        "listen": f"127.0.0.1:{ports['proxy']}",
        "admin": f"127.0.0.1:{ports['admin']}",
        "routes": routes,
        "capture": {"queue_bytes": "1MiB"},
        "observer": {
            "labels": [{"name": "app", "header": APP_HEADER, "metric": True}],
            "queue_exchanges": 200,
            "nice": 0,
        },
        "metrics": {"label_values": 60},
        "judge": {
            "endpoint": f"{outside}/judge",
            "model": "gpt-4o-mini",
            "sample": 0.5,
            "sample_flagged": 1.0,
            "requests_per_minute": 1_000,
        },
        "watchers": {"enabled": [*BUILT_IN_WATCHERS, "tripwire"], "settings": {"tripwire": {"type": "tripwire"}}},
        "drift": {"reference_exchanges": 50, "options": {"alarm_every": 20_000}},
    }


def plugin(folder: Path) -> str:
    """Install a watcher that fails on one text beside the others, as a package; return the path to find it."""
    about = folder / "plugin" / "tripwire-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tripwire\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[sidewatch.watchers]\ntripwire = tests.live.tripwire:make\n")
    return os.pathsep.join([str(folder / "plugin"), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])


def injector(folder: Path, certificates: Path, port: int) -> list[str]:
    certificates.mkdir()
    write_certificate(certificates, 5)
    template = written(folder, "template", msgspec.to_builtins(NATIVE))
    where = ["--template", template, "--certificates", str(certificates), "--listen", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "sidecar.cli", "injector", *where]


def alertmanager(folder: Path, port: int, hook: str) -> list[str]:
    """Return the command of an Alertmanager that tells the hook of every alert at once."""
    if not ASSETS.exists():
        pytest.skip(f"{ASSETS} is missing, where Debian's Alertmanager looks: run tests/live/fetch-tools.sh as root")
    route = {"receiver": "hook", "group_by": ["..."], "group_wait": "1s", "group_interval": "1s"}
    receiver = {"name": "hook", "webhook_configs": [{"url": f"{hook}/hook", "send_resolved": True}]}
    config = written(folder, "alertmanager", {"route": route, "receivers": [receiver]})
    where = ["--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={folder}/am"]
    return [tool("prometheus-alertmanager"), f"--config.file={config}", *where]


def prometheus(folder: Path, ports: dict[str, int]) -> list[str]:
    """Return the command of a Prometheus that scrapes every second and evaluates the quick rules as often."""
    written(folder, "rules", rules.render(OBJECTIVES, WINDOWS, "3s"))
    sidewatch = {"targets": [f"127.0.0.1:{ports['admin']}"], "labels": LABELS}
    webhook = {"targets": [f"127.0.0.1:{ports['injector']}"], "labels": {"namespace": "mon"}}
    tls = {"scheme": "https", "tls_config": {"insecure_skip_verify": True}}
    tree = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        "scrape_configs": [
            {"job_name": "sidewatch", "static_configs": [sidewatch]},
            {"job_name": "injector", "static_configs": [webhook], **tls},
        ],
    }
    config = written(folder, "prometheus", tree)
    where = [f"--web.listen-address=127.0.0.1:{ports['prometheus']}", f"--storage.tsdb.path={folder}/tsdb"]
    return [tool("prometheus"), f"--config.file={config}", *where]
