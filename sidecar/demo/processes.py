"""The demo's other processes: the provider, and Sidewatch as a user would start it."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from sidecar.demo.traffic import APP_HEADER, PLANTED_HEADER, TOPIC_HEADER
from sidecar.errors import CommandError
from sidecar.supervisor import prepare

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_LOG_LINE_BYTES: Final = 1 << 22
_ADDRESSES: Final = re.compile(r"sidewatch: proxy (?P<proxy>\S+) → .*  admin (?P<admin>\S+)")


@dataclass(frozen=True, slots=True)
class Running:
    """A running Sidewatch: its addresses and the pipe with its exchange log."""

    proxy: str
    admin: str
    log: asyncio.StreamReader


def configuration(provider: str, listen: str, admin: str, reference_exchanges: int) -> str:
    """Return the configuration as YAML: two routes to the provider, labels from the app's headers, a quick learner."""
    routes = [
        {"name": "openai", "prefix": "/", "upstream": provider, "provider": "openai"},
        {"name": "anthropic", "prefix": "/anthropic", "upstream": provider, "provider": "anthropic"},
    ]
    labels = [
        {"name": "app", "header": APP_HEADER, "metric": True},
        {"name": "topic", "header": TOPIC_HEADER},
        {"name": "planted", "header": PLANTED_HEADER},
    ]
    drift = {"reference_exchanges": reference_exchanges, "options": {"alarm_every": 10_000, "window": 128}}
    tree = {"listen": listen, "admin": admin, "routes": routes, "observer": {"labels": labels}, "drift": drift}
    return yaml.safe_dump(tree, sort_keys=False)


@contextlib.asynccontextmanager
async def provider(pace_seconds: float) -> AsyncIterator[str]:
    """Run the provider; yield its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sidecar.demo.provider", str(pace_seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        process.stdin.close()  # it ends with its standard input
        await _ended(process)


@contextlib.asynccontextmanager
async def sidewatch(config: Path, messages: Path) -> AsyncIterator[Running]:
    """Run `sidewatch serve`; its messages go to a file, so that they do not disturb the screen."""
    with messages.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sidecar.cli", "serve", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=_LOG_LINE_BYTES,
            preexec_fn=prepare(os.getpid()),
        )
    assert process.stdout is not None
    try:
        found = await _addresses(process, messages)
        yield Running(found["proxy"], found["admin"], process.stdout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await _ended(process)


async def _addresses(process: asyncio.subprocess.Process, messages: Path) -> re.Match[str]:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        text = await asyncio.to_thread(messages.read_text, "utf-8", "replace")
        if found := _ADDRESSES.search(text):
            return found
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise CommandError(f"sidewatch serve did not start:\n{text}")
        await asyncio.sleep(0.05)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
