"""How soon a killed observer is back: connected (captures are taken in again) and ready (its watchers judge).

    python tests/bench/restart.py [--kills 5] [--watchers NAME,...]

With kill -9, first without traffic, then under a load. Every request must be answered. It ends with 1 where it took more than
two seconds to be connected again.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.contention import Caller
from tests.bench.serving import Served, served
from tests.bench.soak import Upstream

CLIENTS, PAUSE_SECONDS = 8, 0.02
PROMISED_SECONDS, PATIENCE_SECONDS = 2.0, 60.0


async def back(running: Served) -> tuple[float, float]:
    """Kill the observer; return the seconds until workers are connected to its successor, and until that is ready."""
    killed, began = running.observer, time.monotonic()
    os.kill(killed, signal.SIGKILL)
    await said(running, "/readyz", b'"down"')
    connected = await said(running, "/readyz", b'"up"')
    ready = await said(running, "/status", b'"uptime_seconds"')
    return connected - began, ready - began


async def said(running: Served, path: str, wanted: bytes) -> float:
    """Wait until a page says something; return when."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # 502 while there is no observer
            if wanted in await asyncio.to_thread(running.page, path):
                return time.monotonic()
        await asyncio.sleep(0.005)
    raise TimeoutError(f"{path} never said {wanted!r}")


async def load(port: int, seed: int, stop: asyncio.Event) -> int:
    caller, done = Caller(port, random.Random(seed)), 0
    while not stop.is_set():
        await caller.call()
        done += 1
        await asyncio.sleep(PAUSE_SECONDS)
    caller.close()
    return done


async def run(kills: int, arguments: list[str]) -> bool:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    worst = 0.0
    with served(f"http://127.0.0.1:{port}", "--set", "log.exchanges=false", *arguments) as running:
        for name, clients in (("idle", 0), ("under load", CLIENTS)):
            stop = asyncio.Event()
            tasks = [asyncio.create_task(load(running.port, seed, stop)) for seed in range(clients)]
            times = []
            for _ in range(kills):
                await asyncio.sleep(1.0)
                times.append(await back(running))
            stop.set()
            done = sum(await asyncio.gather(*tasks))
            worst = max(worst, *(connected for connected, _ in times))
            for what, column in zip(("connected", "ready"), zip(*times, strict=True), strict=True):
                print(f"{name:11} {what:10} {min(column):5.2f} to {max(column):5.2f} s")
            print(f"{name:11} {done} requests, all answered")
    return worst <= PROMISED_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--watchers", help="none, or names; default: all")
    args = parser.parse_args()
    sys.exit(0 if uvloop.run(run(args.kills, ["--watchers", args.watchers] if args.watchers else [])) else 1)


if __name__ == "__main__":
    main()
