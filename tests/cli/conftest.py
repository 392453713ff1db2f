"""Real processes: `sidewatch serve` as a user starts it, in front of an upstream in this process."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PATIENCE_SECONDS = 30.0
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
).encode()


class Upstream:
    """Answers every POST; `/slow` sends one chunk, then waits for `release` before the last one."""

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.release = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("X-Upstream", upstream.name)
                self.send_header("Content-Type", "application/json")
                if self.path.endswith("/slow"):
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"5\r\nfirst\r\n")
                    upstream.release.wait(PATIENCE_SECONDS)
                    self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(ANSWER)))
                    self.end_headers()
                    self.wfile.write(ANSWER)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


class Lines:
    """The lines of a pipe as they come; `wait` returns the first one that a condition holds for."""

    def __init__(self, pipe: Any) -> None:
        self.all: list[str] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()
        self.ended = False

    def _read(self, pipe: Any) -> None:
        for line in pipe:
            with self._changed:
                self.all.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait(self, condition: Callable[[str], object], after: int = 0) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while True:
                for line in self.all[after:]:
                    if condition(line):
                        return line
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    raise AssertionError("not there:\n" + "\n".join(self.all[-30:]))
                self._changed.wait(left)

    def event(self, name: str, after: int = 0) -> dict[str, Any]:
        """Return the first JSON line of this event."""
        return json.loads(self.wait(lambda line: line.startswith("{") and json.loads(line)["event"] == name, after))


class Sidewatch:
    """One running `sidewatch serve`."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "sidecar.cli", "serve", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env={**os.environ, **(env or {})}, **pipes)
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def up(self) -> "Sidewatch":
        line = self.err.wait(lambda line: line.startswith("sidewatch: "))
        found = re.fullmatch(r"sidewatch: proxy http://(\S+) → \S.*\S  admin http://(\S+)", line)
        assert found, line
        self.proxy, self.admin = found.groups()
        return self

    def post(
        self, path: str = "/v1/chat/completions", text: str = "Hello", timeout: float = 20.0
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.proxy, timeout=timeout)
        body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]})
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        return connection.getresponse()

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.admin, timeout=20.0)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def children(self) -> dict[str, int]:
        """Return the running children by module: {"sidecar.observer": pid, "sidecar.proxy": pid}."""
        pid = self.process.pid
        found = {}
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            if "-m" in words:
                found[words[words.index("-m") + 1]] = int(child)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def other_upstream() -> Iterator[Upstream]:
    server = Upstream("two")
    yield server
    server.close()


@pytest.fixture
def sidewatch(tmp_path: Path) -> Iterator[Callable[..., Sidewatch]]:
    started: list[Sidewatch] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> Sidewatch:
        free = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        started.append(Sidewatch(*free, *arguments, env={"TMPDIR": str(tmp_path), **(env or {})}))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
