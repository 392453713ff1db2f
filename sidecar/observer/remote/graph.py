"""The pack's graph on an inference server: windows go out on several connections at once, under one deadline a batch.

An inference is a pure function, so asking again is always safe. What the server does not give in time is None: the
encoder then says that it was not read, or `Backed` runs it here. A server that failed is left alone for a while, and
before it is used (again) its model is compared with the pack: names, types, shapes, and the numbers of one window.
"""

import contextlib
import ctypes
import http.client
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

import numpy as np
import structlog

from sidecar.observer.circuit import Circuit
from sidecar.observer.errors import PartsError
from sidecar.observer.instruments import Instruments
from sidecar.observer.judge.endpoint import NoAnswerError, key_header
from sidecar.observer.remote.link import Address, Link, Reply
from sidecar.observer.remote.protocol import MalformedError, answer, mismatch, model_path, question
from sidecar.proxy.connect import tls_context
from sidecar.settings import Remote
from watchers.graph import Feed, Graph, LocalGraph, Raw
from watchers.pack import Pack

log = structlog.get_logger(__name__)

AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
CHECK_SECONDS: Final = 1.0  # a server that hangs costs no more than this each time it is tried again
FIRST_PAUSE_SECONDS: Final = 0.05
REST_SECONDS, LONGEST_REST_SECONDS = 0.5, 60.0
# Largest difference of a score (a logit) between the server's graph and the local one. Other kernels round in the seventh
# digit, which int8 quantisation can turn into thousandths; graphs of different training differ by 1 and more.
TOLERANCE: Final = 0.05
PROBE: Final = (101, 2017, 2024, 1037, 5236, 10041, 1998, 2026, 2171, 2003, 2198, 3044, 1012, 102)


class MismatchError(Exception):
    """The server has another model: change the setting or the server. The message says what differs."""


class NotServedError(Exception):
    """The server did not answer as it must. `again`: asking again may help."""

    def __init__(self, what: str, again: bool = False) -> None:
        super().__init__(what)
        self.again = again


class Source(StrEnum):
    """Who ran a window."""

    SERVER = "server"
    FALLBACK = "fallback"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Job:
    """One question. `read` makes the answer of a reply with status 200; it raises MalformedError."""

    method: str
    path: str
    body: Callable[[], bytes]
    read: Callable[[Reply], Any]


class RemoteGraph:
    """Implements `watchers.graph.Graph`; a window that the server did not give is None. One thread owns it.

    `local` makes the local graph, for the comparison.
    """

    def __init__(
        self, settings: Remote, address: Address, pack: Pack, instruments: Instruments, local: Callable[[], Graph]
    ) -> None:
        self._settings, self._address, self._pack, self._instruments = settings, address, pack, instruments
        self._path = model_path(settings.model or default_name(pack), settings.version)
        self._local = local
        self._expected: Raw | None = None
        self._links = [Link(address) for _ in range(settings.connections)]
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix="remote")
        self._circuit = Circuit(1, REST_SECONDS, LONGEST_REST_SECONDS)
        self._checked, self._problem, self._said = False, "", ""

    def check(self) -> None:
        """Compare the server's model with the pack now. Raises MismatchError; a server that is away is tried again later."""
        self._checked = self._is_the_packs()
        self._settle(self._checked)

    def run(self, feeds: Sequence[Feed]) -> list[Raw | None]:
        """Return what came in time, one a window, in order."""
        if not feeds or self._circuit.is_open(time.monotonic()):
            return [None] * len(feeds)
        try:
            self._checked = self._checked or self._is_the_packs()
        except MismatchError as error:
            self._problem = str(error)
        found: list[Raw | None] = [None] * len(feeds)
        if self._checked:
            until = time.monotonic() + self._settings.deadline_seconds
            found = self._asked([self._window(feed) for feed in feeds], until)
        self._settle(None not in found)
        return found

    def _settle(self, served: bool) -> None:
        """After a failure the server rests, and is compared anew: another one may come up in its place."""
        if served:
            self._circuit.succeeded()
        else:
            self._circuit.failed(time.monotonic())
            self._checked = False
        self._instruments.set("sidewatch_remote_circuit_open", (), float(not served))
        self._say("" if served else self._problem)

    def _say(self, problem: str) -> None:
        if problem and problem != self._said:
            log.warning("inference server not used", model=self._path, problem=problem)
        elif self._said and not problem:
            log.info("inference server used again", model=self._path)
        self._said = problem

    def _is_the_packs(self) -> bool:
        until = time.monotonic() + min(CHECK_SECONDS, self._settings.deadline_seconds)
        metadata = Job("GET", self._path, bytes, lambda reply: mismatch(reply.body, self._pack) or "")
        (problem,) = self._asked([metadata], until)
        if problem:
            raise MismatchError(f"{self._path}: {problem}")
        if problem is None:
            return False
        until = time.monotonic() + self._settings.deadline_seconds  # a server's first inference is its slowest
        (raw,) = self._asked([self._window(probe())], until)
        if raw is None:
            return False
        if self._expected is None:
            self._expected = self._local().run([probe()])[0]
            _give_back_memory()
        assert self._expected is not None
        if (apart := float(np.abs(raw.scores - self._expected.scores).max())) > TOLERANCE:
            what = f"its scores of one and the same text differ by {apart:.3g} from those of pack {self._pack.model}"
            raise MismatchError(f"{self._path}: {what}; lay the pack out anew with `sidewatch watchers export`")
        return True

    def _window(self, feed: Feed) -> Job:
        def read(reply: Reply) -> Raw:
            return answer(reply.body, reply.json_bytes, feed.ids.shape[1], self._pack)

        return Job("POST", f"{self._path}/infer", partial(question, feed), read)

    def _asked(self, jobs: Sequence[Job], until: float) -> list[Any]:
        """Return the answers, in order, None where there is none by `until`; the first job that fails ends the rest."""
        found: list[Any] = [None] * len(jobs)
        try:
            headers = {"Content-Type": "application/json", **key_header(self._settings)}
        except NoAnswerError as error:
            self._problem = f"the API key cannot be had: {error}"
            return found
        todo = deque(enumerate(jobs))
        work = {
            self._pool.submit(self._work, link, todo, found, headers, until): place
            for place, link in enumerate(self._links[: len(jobs)])
        }
        _, late = wait(work, max(0.0, until - time.monotonic()))
        for future in late:
            self._problem = f"no answer within {self._settings.deadline_seconds:g} s"
            if not future.cancel():  # its thread ends when it notices; the connection is not used any more
                self._links[work[future]].abort()
                self._links[work[future]] = Link(self._address)
        return list(found)

    def _work(
        self, link: Link, todo: deque[tuple[int, Job]], found: list[Any], headers: dict[str, str], until: float
    ) -> None:
        """Answer jobs until none is left, in a thread of the pool."""
        while True:
            try:
                place, job = todo.popleft()
            except IndexError:
                return
            try:
                found[place] = self._answer(link, job, headers, until)
            except NotServedError as error:
                self._problem = str(error)
                todo.clear()

    def _answer(self, link: Link, job: Job, headers: dict[str, str], until: float) -> Any:
        """Return one answer, after retries if need be. Raises NotServedError."""
        body, pause = job.body(), FIRST_PAUSE_SECONDS
        for left in range(self._settings.retries, -1, -1):
            try:
                return self._once(link, job, body, headers, until)
            except NotServedError as error:
                wait_seconds = pause * random.uniform(0.5, 1.5)  # spreads the clients of one server
                if not (left and error.again) or time.monotonic() + wait_seconds >= until:
                    raise
            time.sleep(wait_seconds)
            pause *= 2
        raise AssertionError("unreachable")

    def _once(self, link: Link, job: Job, body: bytes, headers: dict[str, str], until: float) -> Any:
        began = time.monotonic()
        try:
            reply = link.ask(job.method, job.path, body, headers, until)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, TimeoutError) or time.monotonic() >= until:
                self._count("timeout")
                raise NotServedError(f"no answer within {self._settings.deadline_seconds:g} s") from error
            self._count("connection")
            raise NotServedError(f"{type(error).__name__}: {error}", again=True) from error
        if reply.status != 200:
            self._count(f"http_{reply.status}")
            raise NotServedError(f"HTTP {reply.status}", again=reply.status in AGAIN)
        try:
            read = job.read(reply)
        except MalformedError as error:
            self._count("malformed")
            raise NotServedError(str(error)) from error
        self._count("ok")
        self._instruments.observe("sidewatch_remote_request_duration_seconds", (), [time.monotonic() - began])
        return read

    def _count(self, result: str) -> None:
        self._instruments.add("sidewatch_remote_requests_total", (result,))


class Backed:
    """A remote graph with what stands in for it: `local` makes the graph that then runs here, None leaves the gap."""

    def __init__(self, remote: RemoteGraph, local: Callable[[], Graph] | None, instruments: Instruments) -> None:
        self._remote, self._make, self._instruments = remote, local, instruments
        self._local: Graph | None = None

    def run(self, feeds: Sequence[Feed]) -> list[Raw | None]:
        found = self._remote.run(feeds)
        missing = [place for place, raw in enumerate(found) if raw is None]
        stands_in = Source.NOBODY
        if missing and self._make is not None:
            stands_in, self._local = Source.FALLBACK, self._local or self._make()
            for place, raw in zip(missing, self._local.run([feeds[place] for place in missing]), strict=True):
                found[place] = raw
        for source, windows in ((Source.SERVER, len(feeds) - len(missing)), (stands_in, len(missing))):
            if windows:
                self._instruments.add("sidewatch_remote_windows_total", (source,), windows)
        return found


def on_server(settings: Remote, instruments: Instruments, threads: int) -> Callable[[Pack], Graph] | None:
    """Return what makes the graph on the configured server, None where none is configured.

    The maker raises PartsError where it could only fail: another model there, no key, no certificate.
    """

    def make(pack: Pack) -> Graph:
        local = partial(LocalGraph, pack, threads)
        try:
            key_header(settings)
            address = Address.of(settings.endpoint or "", tls_context(settings.tls))
            remote = RemoteGraph(settings, address, pack, instruments, local)
            remote.check()
        except NoAnswerError as error:
            raise PartsError(f"watchers.remote: the API key cannot be had: {error}") from error
        except OSError as error:
            raise PartsError(f"watchers.remote.tls: {error}") from error
        except MismatchError as error:
            raise PartsError(f"watchers.remote: {error}") from error
        return Backed(remote, local if settings.fallback == "local" else None, instruments)

    return make if settings.endpoint else None


def _give_back_memory() -> None:
    """Return what the local graph had to the system: 40 MB that glibc would keep; elsewhere there is no such call."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def probe() -> Feed:
    """Return the window that is compared: a short sentence."""
    ids = np.array([PROBE], np.int64)
    return Feed(ids, np.zeros_like(ids))


def default_name(pack: Pack) -> str:
    """Return the model's name on the server: it carries the pack's hash, so that a new pack is never taken for the old."""
    return f"sidewatch-{pack.model}"
