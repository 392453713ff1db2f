"""The pack on real inference servers, as the command laid it out: the same verdicts, and what happens when one goes away."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.observer.instruments import Instruments
from sidecar.observer.remote.graph import on_server
from sidecar.settings import Remote
from tests.live.inference import SERVERS, Serve
from tests.live.stack import free_port
from tests.observer.remote.test_graph import TEXTS, Client, same
from watchers.encoder import PackEncoder
from watchers.registry import build
from watchers.watcher import Direction, Origin, Record, Role

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]
NAMES = ["toxicity", "bias", "injection", "pii", "leakage"]
SERVER = pytest.mark.parametrize("served", SERVERS, indirect=True)


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    serve: Serve = SERVERS[request.param]
    with serve(tmp_path_factory.mktemp(request.param), free_port()) as url:
        yield url


@pytest.fixture(scope="module")
def here() -> PackEncoder:
    return PackEncoder()


@SERVER
def test_encodings_are_bit_for_bit_the_local_ones(served: str, here: PackEncoder) -> None:
    client = Client(served, deadline_seconds=30.0)
    found = client.encode(*TEXTS)
    assert all(same(one, other) for one, other in zip(found, here.encode(TEXTS), strict=True))
    assert client.windows("nobody") == [0]


@SERVER
def test_verdicts_with_their_evidence_are_the_local_ones(served: str, here: PackEncoder) -> None:
    records = [Record("e", at, text, Role.USER, Origin.USER, Direction.PROMPT) for at, text in enumerate(TEXTS)]
    remote = build(NAMES, {}, Client(served, deadline_seconds=30.0).encoder)
    for one, other in zip(remote, build(NAMES, {}, here), strict=True):
        assert one.watch(records) == other.watch(records)


@SERVER
def test_a_model_that_the_server_has_not_is_a_server_that_is_away(served: str) -> None:
    client = Client(served, model="no-such-model", fallback="local")
    assert client.read("hello") == [True]
    assert client.windows("server") == [0]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_killed_and_comes_back_costs_no_verdict(name: str, tmp_path: Path, here: PackEncoder) -> None:
    port = free_port()
    instruments = Instruments()
    expected = here.encode(TEXTS)
    with SERVERS[name](tmp_path, port) as url:
        settings = Remote(endpoint=url, deadline_seconds=30.0)
        encoder = PackEncoder(graph=on_server(settings, instruments, 1), cache_bytes=0)
        assert all(same(*pair) for pair in zip(encoder.encode(TEXTS), expected, strict=True))
    assert all(same(*pair) for pair in zip(encoder.encode(TEXTS), expected, strict=True))
    fallen_back = instruments.value("sidewatch_remote_windows_total", ("fallback",))
    assert fallen_back == 11
    with SERVERS[name](tmp_path, port):
        time.sleep(1.0)  # the rest after one failure, and some
        assert all(same(*pair) for pair in zip(encoder.encode(TEXTS), expected, strict=True))
    assert instruments.value("sidewatch_remote_windows_total", ("fallback",)) == fallen_back
