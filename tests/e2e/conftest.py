"""One provider and one Sidewatch for all client tests; each test makes its calls directly and through Sidewatch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.replies import Replies
from tests.e2e.server import LoopThread, Provider
from tests.e2e.watched import Both, Sidewatch


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as running:
        yield running


@pytest.fixture(scope="session")
def provider(loop: LoopThread) -> Provider:
    started = Provider(Replies())
    loop.run(started.start())
    return started


@pytest.fixture(scope="session")
def sidewatch(loop: LoopThread, provider: Provider) -> Iterator[Sidewatch]:
    running = Sidewatch("--upstream", f"http://localhost:{provider.port}")
    loop.run(running.tap.start())
    yield running
    running.stop()


@pytest.fixture
def both(provider: Provider, sidewatch: Sidewatch) -> Both:
    provider.take()
    return Both(provider, sidewatch)


@pytest.fixture(scope="session")
def keeping_host(loop: LoopThread, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidewatch]:
    """A Sidewatch that forwards the client's Host header."""
    file: Path = tmp_path_factory.mktemp("config") / "sidewatch.yaml"
    upstream = f"http://localhost:{provider.port}"
    file.write_text(f"routes: [{{name: bedrock, upstream: '{upstream}', keep_host: true}}]\n")
    running = Sidewatch("--config", str(file))
    loop.run(running.tap.start())
    yield running
    running.stop()
