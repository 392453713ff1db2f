"""What a busy observer costs the traffic: the proxy's added latency with the observer saturated, beside an idle one.

    python tests/bench/contention.py [--seconds 20] [--one-core]

The same load twice, through two Sidewatches in turns: one without watchers, whose observer is idle, one with all of them,
whose observer has more to do than it can and sheds the rest. Probes are sent at fixed times, each once directly to
the upstream and once through the proxy, so that what the load itself suffers from a busy machine is measured too and taken
off: added = percentile through the proxy less the same percentile direct. `--one-core` puts everything on a single
core, where only priority can help. It ends with 1 where the added p99 more than doubles.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.serving import Served, served
from tests.bench.soak import Upstream, request

ROUNDS = 3
PROBES_A_SECOND, LOAD_A_SECOND = 100, 40
TWICE = 2.0
WORST_SECONDS = 30.0


class Caller:
    """A kept connection that times one request at a time."""

    def __init__(self, port: int, wild: random.Random) -> None:
        self._port, self._wild = port, wild
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self) -> float:
        """Return the seconds from the request to the last byte of its answer."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        data = request(self._wild, plain=True)
        began = time.perf_counter()  # not the loop's clock: uvloop's counts whole milliseconds
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        seconds = time.perf_counter() - began
        self._free.append((reader, writer))
        return seconds

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def at_rate(caller: Caller, rate: int, seconds: float, times: list[float]) -> None:
    """Call at Poisson times, whether earlier calls are answered or not."""
    loop, wild = asyncio.get_running_loop(), random.Random(rate)
    began, calls, at = loop.time(), [], 0.0
    while (at := at + wild.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        calls.append(loop.create_task(caller.call()))
    times += await asyncio.wait_for(asyncio.gather(*calls), WORST_SECONDS)


async def measure(running: Served, upstream: int, seconds: float, times: dict[str, list[float]]) -> None:
    callers = {
        name: Caller(port, random.Random(name)) for name, port in (("direct", upstream), ("proxy", running.port))
    }
    load = Caller(running.port, random.Random("load"))
    await at_rate(load, LOAD_A_SECOND, 3, [])  # the observer warms up and, with watchers, falls behind
    async with asyncio.TaskGroup() as group:
        group.create_task(at_rate(load, LOAD_A_SECOND, seconds, []))
        for name, caller in callers.items():
            group.create_task(at_rate(caller, PROBES_A_SECOND // 2, seconds, times[name]))
    for caller in (load, *callers.values()):
        caller.close()


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))] * 1e3


async def run(seconds: float, cores: set[int] | None) -> bool:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    kinds = {"observer idle": ["--watchers", "none"], "observer saturated": ["--set", "observer.queue_exchanges=50"]}
    added, times = {}, {name: {"direct": list[float](), "proxy": list[float]()} for name in kinds}
    busy = dict[str, float]()
    for _ in range(ROUNDS):
        for name, arguments in kinds.items():
            with served(f"http://127.0.0.1:{port}", *arguments, "--set", "log.exchanges=false", cores=cores) as running:
                before = cpu_seconds(running.observer)
                await measure(running, port, seconds / ROUNDS, times[name])
                busy[name] = (cpu_seconds(running.observer) - before) / (seconds / ROUNDS + 3)
    for name, found in times.items():
        row = [percentile(found["proxy"], share) - percentile(found["direct"], share) for share in (0.5, 0.95, 0.99)]
        added[name] = row[-1]
        shown = "  ".join(f"{label} {value:7.2f} ms" for label, value in zip(("p50", "p95", "p99"), row, strict=True))
        print(
            f"{name:20} added {shown}   direct p99 {percentile(found['direct'], 0.99):6.2f} ms,"
            f" {len(found['proxy'])} probes, observer {busy[name]:.2f} cores"
        )
    ratio = added["observer saturated"] / added["observer idle"]
    print(f"added p99, saturated against idle: x {ratio:.2f}")
    return ratio <= TWICE


def cpu_seconds(pid: int) -> float:
    return (
        sum(
            int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
            for task in os.listdir(f"/proc/{pid}/task")
        )
        / 1e9
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--one-core", action="store_true")
    args = parser.parse_args()
    cores = {min(os.sched_getaffinity(0))} if args.one_core else None
    if cores:
        os.sched_setaffinity(0, cores)
    sys.exit(0 if uvloop.run(run(args.seconds, cores)) else 1)


if __name__ == "__main__":
    main()
