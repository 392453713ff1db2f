"""What the proxy costs, beside nginx in the same run: CPU time per request and per SSE chunk, memory per open stream.

    python tests/bench/proxy.py [--nginx PATH]

The upstream and the load are protocols of this process on one core, the proxy under test runs alone on another (where the
machine has two). Capture and traffic metrics are on; the observer's place is taken by `proxy_alone.py`'s settler.
CPU time is the proxy's own, from /proc, in turns (A B A B), best of the rounds: noise only ever adds. Linux only.
"""

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

HERE = Path(__file__).parent
ROUNDS = 3
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"' + b"x" * 900 + b'"}}],"usage":{"prompt_tokens":9}}'
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
FRAMED = b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK)
PROMPT = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
CHUNKS, PACE_SECONDS = 100, 0.01
CORES = sorted(os.sched_getaffinity(0))


class Upstream(asyncio.Protocol):
    """Answers JSON at once, and `/stream` with paced chunks. Requests are small and come whole."""

    connects = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Upstream.connects += 1
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST /stream"):
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            self.tick(CHUNKS)
        elif data.startswith(b"POST"):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
            self.transport.write(head + ANSWER)

    def tick(self, left: int) -> None:
        self.transport.write(FRAMED if left else b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(PACE_SECONDS, self.tick, left - 1)


class Client(asyncio.Protocol):
    """Sends `requests` one after the other and finishes `done` when the last is answered."""

    def __init__(self, path: bytes, requests: int) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.request = head % (path, len(PROMPT)) + PROMPT
        self.end = b"\r\n0\r\n\r\n" if path == b"/stream" else ANSWER[-20:]
        self.left, self.tail = requests, b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-32:]
        if not self.tail.endswith(self.end):
            return
        self.tail = b""
        self.left -= 1
        if self.left:
            self.transport.write(self.request)
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the proxy closed before the answer was whole"))


async def load(port: int, path: bytes, clients: int, requests: int) -> None:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Client(path, requests), "127.0.0.1", port) for _ in range(clients)]
    await asyncio.gather(*(client.done for _, client in made))


def processes(pid: int) -> list[int]:
    """Return a process and its children: nginx works in one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_seconds(pid: int) -> float:
    return sum(int(Path(f"/proc/{one}/schedstat").read_text().split()[0]) for one in processes(pid)) / 1e9


def resident_kb(pid: int) -> int:
    lines = [line for one in processes(pid) for line in Path(f"/proc/{one}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx_command(binary: str, port: int, upstream: int, folder: str) -> list[str]:
    """Return an nginx that forwards and does nothing else: one worker, kept connections, no buffering, no log."""
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = Path(folder) / "nginx.conf"
    config.write_text(
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log warn;"
        f"events {{ worker_connections 8192; }} http {{ access_log off; keepalive_requests 1000000000; {temporary}"
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 1000000000; }}"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://up; proxy_http_version 1.1;"
        f'proxy_set_header Connection ""; proxy_buffering off; }} }} }}'
    )
    return [binary, "-c", str(config), "-p", folder, "-e", f"{folder}/error.log"]


def start(command: list[str], port: int) -> subprocess.Popen[bytes]:
    """Start a proxy on the last core; return once it accepts."""
    process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {CORES[-1]}))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    raise TimeoutError(f"{command[0]} does not listen on {port}")


async def per_unit(pid: int, units: int, work: Callable[[], Awaitable[None]]) -> float:
    """Return microseconds of the proxy's CPU per unit of work."""
    before = cpu_seconds(pid)
    await work()
    return (cpu_seconds(pid) - before) / units * 1e6


async def hold(port: int, pid: int, streams: int) -> float:
    """Return KB of resident memory per stream that is open."""
    before = resident_kb(pid)
    task = asyncio.ensure_future(load(port, b"/stream", streams, 1))
    await asyncio.sleep(CHUNKS * PACE_SECONDS * 0.7)
    held = resident_kb(pid)
    await task
    return (held - before) / streams


async def measure(proxies: dict[str, tuple[int, int]]) -> dict[str, dict[str, float]]:
    """Return figures by proxy: memory first, while the heaps are fresh."""
    figures: dict[str, dict[str, float]] = {name: {} for name in proxies}
    for name, (port, pid) in proxies.items():
        await load(port, b"/json", 8, 50)  # warm
        figures[name]["KB per open stream"] = await hold(port, pid, 500)
    for _ in range(ROUNDS):
        for name, (port, pid) in proxies.items():
            connects = Upstream.connects
            found = {
                "CPU-µs per JSON request": await per_unit(
                    pid, 32_000, lambda port=port: load(port, b"/json", 32, 1_000)
                ),
                "upstream connections per 1000 requests": (Upstream.connects - connects) / 32,
                "CPU-µs per SSE chunk, 10 ms apart": await per_unit(
                    pid, 20 * CHUNKS * 2, lambda port=port: load(port, b"/stream", 20, 2)
                ),
            }
            for key, value in found.items():
                figures[name][key] = min(value, figures[name].get(key, value))
    return figures


async def run(nginx: str | None) -> None:
    upstream = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=4096)
    port_up = upstream.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        ports = {"sidewatch": free_port(), "nginx": free_port()}
        alone = [sys.executable, str(HERE / "proxy_alone.py"), "--upstream", f"http://127.0.0.1:{port_up}"]
        commands = {"sidewatch": [*alone, "--port", str(ports["sidewatch"])]}
        if nginx:
            commands["nginx"] = nginx_command(nginx, ports["nginx"], port_up, folder)
        started = {name: start(command, ports[name]) for name, command in commands.items()}
        try:
            figures = await measure({name: (ports[name], process.pid) for name, process in started.items()})
        finally:
            for process in started.values():
                process.terminate()
                process.wait(20)
    for key, value in figures["sidewatch"].items():
        other = figures.get("nginx", {}).get(key)
        beside = f"   nginx {other:8.2f}   ratio {value / other:5.2f}" if other else ""
        print(f"{key:42} {value:8.2f}{beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nginx", default=shutil.which("nginx"), help="its binary; none on the PATH: no ratios")
    args = parser.parse_args()
    if not args.nginx:
        print("nginx is not installed (apt-get install nginx-light): no ratios")
    os.sched_setaffinity(0, {CORES[0]})
    uvloop.run(run(args.nginx))


if __name__ == "__main__":
    main()
