"""Fixtures of the observer's tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.observer.traffic import Worker

Connect = Callable[[Path], Awaitable[Worker]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return a function that connects a worker to a socket."""
    workers: list[Worker] = []

    async def to(path: Path) -> Worker:
        workers.append(Worker(*await asyncio.open_unix_connection(path)))
        return workers[-1]

    yield to
    for worker in workers:
        worker.writer.close()
