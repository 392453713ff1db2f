"""Real Sidewatch, Prometheus and Alertmanager, a provider that can break and a receiver of alerts, on free ports."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import rules
from sidecar.demo.traffic import APP_HEADER
from tests.live.tools import tool

ASSETS = Path("/usr/share/prometheus/alertmanager")
# Alerts look back for minutes and hours; here the same rules look back for seconds. The longer windows stay.
WINDOWS = {"5m": "10s", "10m": "30s", "15m": "60s", "30m": "30s", "1h": "40s"}


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


def quick_rules() -> str:
    """Return rules.yaml with shorter windows and holds, and nothing else changed."""
    tree = yaml.safe_load(rules.FILE.read_text())
    for rule in (rule for group in tree["groups"] for rule in group["rules"]):
        rule["expr"] = re.sub(r"\[(\w+)\]", lambda found: f"[{WINDOWS.get(found[1], found[1])}]", rule["expr"])
        if "for" in rule:
            rule["for"] = "1s"
    return yaml.safe_dump(tree)


@dataclass
class Outside:
    """A model API that answers 503, and the webhook that Alertmanager calls, on one port."""

    alerts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook := self.path == "/hook":
                    outside.alerts.extend(json.loads(body)["alerts"])
                answer = b"{}" if hook else b'{"error":{"message":"overloaded"}}'
                self.send_response(200 if hook else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def got(self, alert: str, status: str, **labels: str) -> list[dict[str, Any]]:
        """Return the alerts received with this name, status and labels."""
        wanted = {"alertname": alert} | labels
        return [a for a in self.alerts if a["status"] == status and a["labels"].items() >= wanted.items()]


@dataclass(frozen=True)
class Stack:
    """Where everything listens. `sidewatch` is the primary's process id."""

    proxy: str
    admin: str
    prometheus: str
    outside: Outside
    sidewatch: int

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return what Prometheus answers now. Raises HTTPError on what it refuses."""
        text = urllib.parse.urlencode({"query": expr})
        found: list[dict[str, Any]] = get(f"{self.prometheus}/api/v1/query?{text}")["data"]["result"]
        return found

    def kill_observer(self) -> None:
        """Kill the observer as the kernel would, and wait for the next one."""
        old = wait_for(self._observer, 30, "an observer")
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: self._observer() not in {0, old}, 30, "another observer")

    def _observer(self) -> int:
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
    ports = {name: free_port() for name in ("proxy", "admin", "prometheus", "alertmanager")}
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    outside = Outside()
    demo = [sys.executable, "-m", "sidecar.demo.provider", "0.002"]
    with contextlib.ExitStack() as opened:
        opened.callback(outside.server.shutdown)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        provider = opened.enter_context(running(demo, folder, **pipes))
        assert provider.stdout
        model = f"http://127.0.0.1:{int(provider.stdout.readline())}"
        configuration = settings(ports, model, outside.url)
        serve = [sys.executable, "-m", "sidecar.cli", "serve", "--config", written(folder, "sidewatch", configuration)]
        sidewatch = opened.enter_context(running(serve, folder))
        opened.enter_context(running(alertmanager(folder, ports["alertmanager"], outside.url), folder, cwd=folder))
        opened.enter_context(running(prometheus(folder, ports), folder, cwd=folder))
        wait_for(lambda: get(f"{url['admin']}/metrics"), 60, "Sidewatch's metrics")
        started = Stack(url["proxy"], url["admin"], url["prometheus"], outside, sidewatch.pid)
        wait_for(lambda: get(f"{url['alertmanager']}/-/ready"), 30, "Alertmanager")
        wait_for(lambda: started.query("sidewatch_build_info"), 30, "a scrape")
        yield started


def written(folder: Path, name: str, tree: Any) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
    return str(file)


def settings(ports: dict[str, int], model: str, broken: str) -> dict[str, Any]:
    routes = [
        {"name": "openai", "prefix": "/", "upstream": model, "provider": "openai"},
        {"name": "anthropic", "prefix": "/anthropic", "upstream": model, "provider": "anthropic"},
        {"name": "broken", "prefix": "/broken", "upstream": broken, "provider": "openai"},
    ]
    return {
        "listen": f"127.0.0.1:{ports['proxy']}",
        "admin": f"127.0.0.1:{ports['admin']}",
        "routes": routes,
        "observer": {"labels": [{"name": "app", "header": APP_HEADER, "metric": True}]},
        "drift": {"reference_exchanges": 50},
    }


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
    written(folder, "rules", quick_rules())
    labels = {"namespace": "shop", "pod": "app-1"}
    target = {"targets": [f"127.0.0.1:{ports['admin']}"], "labels": labels}
    tree = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        "scrape_configs": [{"job_name": "sidewatch", "static_configs": [target]}],
    }
    config = written(folder, "prometheus", tree)
    where = [f"--web.listen-address=127.0.0.1:{ports['prometheus']}", f"--storage.tsdb.path={folder}/tsdb"]
    return [tool("prometheus"), f"--config.file={config}", *where]
