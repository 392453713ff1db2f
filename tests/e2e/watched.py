"""The real `sidewatch serve` process behind a wire tap, and the comparison of a call made directly and through it."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from tests.e2e.server import Provider, Served
from tests.e2e.tap import Heard, Tap

PATIENCE_SECONDS = 30.0
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}


class Lines:
    """The JSON lines of a pipe, read in a thread of its own."""

    def __init__(self, pipe: IO[str]) -> None:
        self._lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            if line.startswith("{"):
                with self._changed:
                    self._lines.append(json.loads(line))
                    self._changed.notify_all()

    def mark(self) -> int:
        """Return how many lines there are, for `after`."""
        return len(self._lines)

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines so far."""
        with self._changed:
            return list(self._lines)

    def wait(self, number: int = 1, after: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        """Return the first `number` lines that have the `wanted` values; AssertionError if they never come."""

        def found() -> list[dict[str, Any]]:
            lines = self._lines[after:]
            return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= number, PATIENCE_SECONDS), (wanted, self._lines[-3:])
            return found()[:number]


class Sidewatch:
    """One running `sidewatch serve`; `url` is the tap in front of it."""

    def __init__(self, *arguments: str) -> None:
        listen = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--watchers", "none", "--set", "log.text=raw"]
        command = [sys.executable, "-m", "sidecar.cli", "serve", *listen, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout
        assert self.process.stderr
        self.log, self.diary = Lines(self.process.stdout), Lines(self.process.stderr)
        try:
            (serving,) = self.diary.wait(event="serving")
            self.diary.wait(event="worker connected")
        except AssertionError:
            self.process.kill()
            raise
        self.tap = Tap(int(serving["proxy"].rpartition(":")[2]))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.tap.port}"

    def logged(self, request_body: bytes, number: int = 1, after: int = 0) -> list[dict[str, Any]]:
        """Return the log lines of the exchanges with this request body."""
        return self.log.wait(number, after, event="exchange", request_sha256=hashlib.sha256(request_body).hexdigest())

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE_SECONDS) == 0


@dataclass(frozen=True)
class Call:
    """What came of a call that was made through Sidewatch, after it was found equal to the direct one."""

    result: Any
    served: list[Served]
    logged: list[dict[str, Any]]

    @property
    def line(self) -> dict[str, Any]:
        return self.logged[-1]

    @property
    def completion(self) -> str:
        return "".join(text["text"] for text in self.line["completion"])


class Both:
    """Makes a call directly and through Sidewatch; asserts equal results and, on the wire, equal bytes."""

    def __init__(self, provider: Provider, sidewatch: Sidewatch) -> None:
        self.provider, self.sidewatch = provider, sidewatch

    def __call__(self, call: Callable[[str], Any]) -> Call:
        """Make the call twice. Raises AssertionError where client or wire saw a difference."""
        direct = call(f"http://127.0.0.1:{self.provider.port}")
        before = self.provider.take()
        self.sidewatch.tap.reset()
        mark = self.sidewatch.log.mark()
        watched = call(self.sidewatch.url)
        served = self.provider.take()
        assert served
        assert watched == direct
        assert [each.request.target for each in served] == [each.request.target for each in before]
        self._same_bytes(served)
        lines = [self.sidewatch.logged(each.request.body, len(served), mark)[n] for n, each in enumerate(served)]
        return Call(watched, served, lines)

    def refused(self, call: Callable[[str], Any]) -> Call:
        """Do the same with a call that has to raise; the result is (type, status, text) of its error."""
        return self(lambda url: refusal(call, url))

    def _same_bytes(self, served: list[Served]) -> None:
        assert self.sidewatch.tap.answered(len(served))
        requests, responses = self.sidewatch.tap.heard()
        assert len(requests) == len(responses) == len(served)
        for request, response, each in zip(requests, responses, served, strict=True):
            assert (request.first, bytes(request.body)) == (each.request.target, each.request.body)
            assert end_to_end(request.headers) == end_to_end(each.request.headers)
            assert (response.first, bytes(response.body)) == (str(each.reply.status), bytes(each.body))
            assert end_to_end(response.headers) == [*each.reply.headers, *length_of(response)]


def refusal(call: Callable[[str], Any], url: str) -> tuple[str, int | None, str]:
    """Return the error of a call in a form that can be compared."""
    try:
        answer = call(url)
    except Exception as error:
        return type(error).__name__, getattr(error, "status_code", None), str(error)
    raise AssertionError(answer)


def end_to_end(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that a proxy has to keep, in order and case; the values without blanks around them."""
    return [(name, value.strip()) for name, value in headers if name.lower() not in HOP_BY_HOP]


def length_of(response: Heard) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers if name.lower() == "content-length"]


def wait_until(condition: Callable[[], object]) -> None:
    """Poll for what no event announces."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
