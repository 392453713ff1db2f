"""The observer's cost: memory idle and under load, exchanges per second, processor time of one exchange.

    python tests/bench/observer.py [--exchanges N] [--watchers NAME,...] [--no-drift]

Feeds chat exchanges of a six-turn conversation (about 200 tokens in, 300 out) over a real channel to a real observer
process and prints its figures, with those of the same traffic without watchers as the ratio's base.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import orjson

from sidecar.channel import Close, FrameReader, Hello, Kind, Open, ResponseHead, frame
from sidecar.runtime import Runtime
from sidecar.settings import Drift, Observer, Remote, Settings, Watchers

TEXT = """please write me a short letter about the weather in spring and how the sea looks when it rains over small
towns that people visit in summer with their friends to walk along old streets while the light of evening falls"""
WORDS = TEXT.split()
WINDOW = 32  # exchanges under way


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def exchange(number: int, wild: random.Random) -> bytes:
    text = lambda words: " ".join(wild.choices(WORDS, k=words))  # noqa: E731
    turns = [{"role": ("user", "assistant")[turn % 2], "content": text(28)} for turn in range(5)]
    request = orjson.dumps({"model": "gpt-4o", "messages": turns})
    choice = {"index": 0, "message": {"role": "assistant", "content": text(220)}, "finish_reason": "stop"}
    response = orjson.dumps({"object": "chat.completion", "model": "gpt-4o", "choices": [choice]})
    return b"".join(
        (
            frame(Kind.OPEN, number, 0, Open("default", "POST", "/v1/chat/completions", [], time.time())),
            frame(Kind.REQUEST_DATA, number, 0.001, request),
            frame(Kind.RESPONSE_HEAD, number, 0.5, ResponseHead(200, [("content-type", "application/json")])),
            frame(Kind.RESPONSE_DATA, number, 0.5, response),
            frame(Kind.CLOSE, number, 0.6, Close("complete", 200, len(request), len(response))),
        )
    )


async def feed(runtime: Runtime, exchanges: int) -> None:
    reader, writer = await asyncio.open_unix_connection(runtime.channel_socket)
    writer.write(frame(Kind.HELLO, 0, 0.0, Hello(1, 0, os.getpid())))
    frames, settled, wild = FrameReader(), 0, random.Random(1)
    for number in range(exchanges):
        writer.write(exchange(number, wild))
        while number - settled >= WINDOW:
            settled += sum(len(payload.exchanges) for *_, payload in frames.feed(await reader.read(65_536)))
    while settled < exchanges:
        settled += sum(len(payload.exchanges) for *_, payload in frames.feed(await reader.read(65_536)))
    writer.close()


async def measure(watchers: list[str], exchanges: int, remote: Remote | None = None, drift: bool = True) -> float:
    """Print the figures of one observer process; return its CPU seconds an exchange."""
    with tempfile.TemporaryDirectory() as directory:
        runtime = Runtime(directory)
        runtime.write(
            Settings(
                upstream="http://x",
                watchers=Watchers(enabled=watchers, remote=remote or Remote()),
                observer=Observer(nice=0),
                drift=Drift(enabled=drift),
            )
        )
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sidecar.observer", "--runtime", directory,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        while not runtime.observer_ready():
            assert process.returncode is None, "the observer did not start"
            await asyncio.sleep(0.01)
        ready, starting, idle = time.monotonic() - began, cpu_seconds(process.pid), resident_mb(process.pid)
        await feed(runtime, exchanges // 4)
        warm, cpu, began = resident_mb(process.pid), cpu_seconds(process.pid), time.monotonic()
        await feed(runtime, exchanges)
        wall, used = time.monotonic() - began, cpu_seconds(process.pid) - cpu
        loaded = resident_mb(process.pid)
        process.terminate()
        await process.wait()
    name = (",".join(watchers) or "all built-ins") + (", remote" if remote else "")
    print(
        f"{name:>14}: ready in {ready:.2f} s ({starting:.2f} CPU-s); {idle:.0f} MB idle, "
        f"{warm:.0f} MB after {exchanges // 4} exchanges, {loaded:.0f} MB after {exchanges} more; "
        f"{exchanges / wall:.1f} exchanges/s, {used / exchanges * 1e3:.2f} CPU-ms each"
    )
    return used / exchanges


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=400)
    parser.add_argument("--watchers", default="")
    parser.add_argument("--no-drift", action="store_true", help="no embeddings: patterns alone then need no encoder")
    arguments = parser.parse_args()
    drift = not arguments.no_drift
    base = await measure(["none"], arguments.exchanges * 4, drift=drift)
    full = await measure([name for name in arguments.watchers.split(",") if name], arguments.exchanges, drift=drift)
    print(f"watching costs {full / base:.1f} x the reading alone")


if __name__ == "__main__":
    asyncio.run(main())
