"""The demo from start to end: provider, Sidewatch, app, live screen, summary, and on until Ctrl-C."""

import asyncio
import contextlib
import json
import signal
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from sidecar.demo.picture import Picture
from sidecar.demo.processes import Running, configuration, provider, sidewatch
from sidecar.demo.screen import Screen
from sidecar.demo.script import plan
from sidecar.demo.summary import print_summary
from sidecar.demo.traffic import App

SETTLE_SECONDS: Final = 60.0  # after the last answer, for the observer to judge what waits


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how fast. The shift comes after `shift_at` exchanges; the reference is learned before it."""

    exchanges: int = 480
    shift_at: int = 280
    reference_exchanges: int = 120
    at_once: int = 10
    pace_seconds: float = 0.02
    listen: str = "127.0.0.1:0"
    admin: str = "127.0.0.1:0"
    exit_after_summary: bool = False


async def demo(options: Options, console: Console) -> None:
    """Run the demo. Raises CommandError where Sidewatch does not start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="sidewatch-demo-") as folder:
        config, messages = Path(folder, "sidewatch.yaml"), Path(folder, "sidewatch.log")
        console.print("Starting a local model provider, and Sidewatch in front of it …", style="dim")
        async with provider(options.pace_seconds) as url:
            text = configuration(url, options.listen, options.admin, options.reference_exchanges)
            await asyncio.to_thread(config.write_text, text)
            async with sidewatch(config, messages) as running:
                await _until(stop, _show(options, running, console))
                if not options.exit_after_summary and not stop.is_set():
                    console.print("\nSidewatch and the provider go on; Ctrl-C ends them.", style="bold")
                    await stop.wait()
    console.print("Tidied up.", style="dim")


async def _until(stop: asyncio.Event, work: Any) -> None:
    """Do the work, or leave it when Ctrl-C comes first."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _show(options: Options, running: Running, console: Console) -> None:
    picture, app = Picture(), App(running.proxy, options.at_once)
    title = f"app → sidewatch {running.proxy} → provider     metrics {running.admin}/metrics"
    with Screen(picture, title, options.exchanges, console) as screen:
        reading = asyncio.ensure_future(_read(running.log, picture, screen))
        try:
            await app.run(plan(options.exchanges, options.shift_at))
            await _settled(picture, app)
        finally:
            reading.cancel()
            await app.close()
    status = await asyncio.to_thread(_json, f"{running.admin}/status")
    print_summary(console, picture, app.sent, running.proxy, running.admin, status.get("coverage", {}))


async def _read(log: asyncio.StreamReader, picture: Picture, screen: Screen) -> None:
    while line := await log.readline():
        screen.show(picture.feed(line.decode()))


async def _settled(picture: Picture, app: App) -> None:
    """Wait until every exchange is in the log, and a little longer for the totals, which come once a second."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while picture.exchanges < app.sent.calls and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.2)


def _json(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own admin address
        found: dict[str, Any] = json.load(response)
        return found
