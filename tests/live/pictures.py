"""Draw every dashboard from a real Sidewatch's metrics: `python -m tests.live.pictures [OUT] [MINUTES] [webp|png]`, for docs/dashboards.md.

Runs the live stack, sends the demo's traffic with everything planted, lets the topic shift, breaks a few things, and draws.
Needs Prometheus (tests/live/fetch-tools.sh), Node with `npm install` in tests/live/draw, and Chromium.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sidecar.demo.script import plan
from sidecar.demo.traffic import App
from tests.live import faults
from tests.live.inference import mlserver
from tests.live.stack import Stack, free_port, stack

DRAW = Path("tests/live/draw/draw.mjs")


def draw(live: Stack, out: Path, minutes: float, form: str = "webp") -> None:
    """Draw the last minutes. Raises CalledProcessError where a panel could not be drawn."""
    command = ["node", str(DRAW), "--prometheus", live.prometheus, "--out", str(out), "--minutes", f"{minutes:g}"]
    subprocess.run([*command, "--format", form], check=True, timeout=300)


async def _traffic(live: Stack, seconds: float, exchanges: int = 100_000) -> None:
    app = App(live.proxy, at_once=3)
    deadline = time.monotonic() + seconds
    shift = exchanges
    try:
        for ask in plan(exchanges, shift):
            if time.monotonic() > deadline:
                break
            await app.run([ask])
    finally:
        await app.close()


def main(out: Path, minutes: float, form: str) -> None:
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as live, faults.background(live) as background:
        asyncio.run(_traffic(live, 60 * minutes * 0.5))
        background.topic_shift = True
        faults.fail(live)
        faults.oddities(live)
        with mlserver(Path(folder), free_port()) as url, live.inference_server(url):
            asyncio.run(_traffic(live, 60 * minutes * 0.25))
        faults.flood(live)
        asyncio.run(_traffic(live, 60 * minutes * 0.25))
        live.judged()
        draw(live, out, minutes + 1, form)


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(Path(given.get(1, "docs/dashboards")), float(given.get(2, "4")), given.get(3, "webp"))
