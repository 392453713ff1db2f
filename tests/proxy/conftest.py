"""Every test of the proxy that opens sockets takes `start`: it makes a rig (see rig.py) and stops it at the end."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop

from tests.proxy import certificates
from tests.proxy.rig import Rig, rig


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test on both loops: uvloop where it can be had, asyncio's own elsewhere."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Rig]]]:
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="sw-"))  # short: a socket path has 107 bytes

        async def make(**settings: Any) -> Rig:
            return await stack.enter_async_context(rig(directory, **settings))

        yield make


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> certificates.Files:
    return certificates.write(tmp_path_factory.mktemp("tls"))
