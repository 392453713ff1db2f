"""What the proxy costs, beside nginx in the same run: CPU time per request and per SSE chunk, memory per open stream.

    apt-get install nginx-light wrk
    python tests/bench/proxy.py [--nginx PATH] [--wrk PATH]

The load and the upstream share one core, the proxy under test runs alone on another (where the machine has two). Capture
and traffic metrics are on; the observer's place is taken by `proxy_alone.py`'s settler. CPU time is the proxy's own, from
/proc, in turns (A B A B), best of the rounds: noise only ever adds. Linux only.

A request's cost is measured at saturation: wrk asks, another nginx answers, and the proxy is what holds them up. A load in
Python cannot saturate it, so that every request pays a wake-up too: half as much again, which is what a run without
wrk shows. Streams are paced, so a wake-up a chunk belongs to it; they start one after the other, because streams in
step come in bursts and share theirs.
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
HEADERS = {  # what an official SDK sends
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": "OpenAI/Python 1.99.0",
    "X-Stainless-Lang": "python",
    "X-Stainless-Package-Version": "1.99.0",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime": "CPython",
    "X-Stainless-Runtime-Version": "3.11.7",
    "X-Stainless-Async": "false",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Read-Timeout": "600",
    "Accept-Encoding": "gzip, deflate",
    "Authorization": "Bearer sk-bench-0000000000000000000000000000000000000000",
}
CHUNKS, PACE_SECONDS = 100, 0.01
WRK_SECONDS = 3
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
        fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()).encode()
        head = b"POST %s HTTP/1.1\r\nHost: api\r\n%sContent-Length: %d\r\n\r\n"
        self.request = head % (path, fields, len(PROMPT)) + PROMPT
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


async def load(port: int, path: bytes, clients: int, requests: int, apart_seconds: float = 0.0) -> None:
    loop, made = asyncio.get_running_loop(), []
    for _ in range(clients):
        made.append(await loop.create_connection(lambda: Client(path, requests), "127.0.0.1", port))
        await asyncio.sleep(apart_seconds)
    await asyncio.gather(*(client.done for _, client in made))


class Wrk:
    """wrk, which asks for JSON as fast as it is answered."""

    def __init__(self, binary: str, folder: str) -> None:
        self._binary, self._script = binary, Path(folder) / "wrk.lua"
        headers = "".join(f"wrk.headers['{name}'] = '{value}'\n" for name, value in HEADERS.items())
        self._script.write_text(f"wrk.method = 'POST'\n{headers}wrk.body = '{PROMPT.decode()}'\n")

    async def cost(self, port: int, pid: int) -> float:
        """Return microseconds of the proxy's CPU per request."""
        command = [self._binary, "-t1", "-c32", f"-d{WRK_SECONDS}", "-s", str(self._script)]
        before = cpu_seconds(pid)
        wrk = await asyncio.create_subprocess_exec(
            *command, f"http://127.0.0.1:{port}/json", stdout=asyncio.subprocess.PIPE
        )
        said = (await wrk.communicate())[0].decode()
        used = cpu_seconds(pid) - before
        if "Non-2xx" in said or "Socket errors" in said:
            raise ValueError(said)
        return used / int(said.split(" requests in ")[0].split()[-1]) * 1e6


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


def nginx_command(binary: str, port: int, location: str, folder: str) -> list[str]:
    """Return an nginx that forwards (or answers) and does nothing else: one worker, kept connections, no buffering, no log."""
    pool = ""
    if location.startswith("proxy_pass http://"):
        upstream = location.removeprefix("proxy_pass http://")
        pool = f"upstream up {{ server {upstream}; keepalive 2048; keepalive_requests 1000000000; }}"
        location = 'proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off'
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    Path(folder).mkdir()
    config = Path(folder) / "nginx.conf"
    config.write_text(
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log warn;"
        f"events {{ worker_connections 8192; }} http {{ access_log off; keepalive_requests 1000000000; {temporary}"
        f"{pool} server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ {location}; }} }} }}"
    )
    return [binary, "-c", str(config), "-p", folder, "-e", f"{folder}/error.log"]


def start(command: list[str], port: int, core: int) -> subprocess.Popen[bytes]:
    """Start a server on one core; return once it accepts."""
    process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
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


async def measure(
    proxies: dict[str, tuple[int, int]], saturated: dict[str, tuple[int, int]], wrk: Wrk | None
) -> dict[str, dict[str, float]]:
    """Return figures by proxy: memory first, while the heaps are fresh. `saturated` stand before the nginx that answers."""
    figures: dict[str, dict[str, float]] = {name: {} for name in proxies}
    for name, (port, pid) in proxies.items():
        await load(port, b"/json", 8, 50)  # warm
        figures[name]["KB per open stream"] = await hold(port, pid, 500)
    for _ in range(ROUNDS):
        for name, (port, pid) in proxies.items():
            connects = Upstream.connects
            found = {
                "CPU-µs per JSON request, not saturated": await per_unit(
                    pid, 16_000, lambda port=port: load(port, b"/json", 32, 500)
                ),
                "upstream connections per 1000 requests": (Upstream.connects - connects) / 16,
                "CPU-µs per SSE chunk, 10 ms apart": await per_unit(
                    pid, 20 * CHUNKS * 2, lambda port=port: load(port, b"/stream", 20, 2, PACE_SECONDS / 20)
                ),
            }
            if wrk is not None:
                found["CPU-µs per JSON request, saturated"] = await wrk.cost(*saturated[name])
            for key, value in found.items():
                figures[name][key] = min(value, figures[name].get(key, value))
    return figures


async def run(nginx: str | None, wrk: str | None) -> None:
    upstream = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=4096)
    port_up = upstream.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        running: list[subprocess.Popen[bytes]] = []

        def behind(upstream: int, part: str) -> dict[str, tuple[int, int]]:
            """Start the proxies before an upstream; return port and process id of each."""
            found = {}
            for name in ("sidewatch", "nginx") if nginx else ("sidewatch",):
                port, own = free_port(), Path(folder, name + part)
                alone = [sys.executable, str(HERE / "proxy_alone.py"), "--port", str(port)]
                command = [*alone, "--upstream", f"http://127.0.0.1:{upstream}"]
                if name == "nginx":
                    command = nginx_command(str(nginx), port, f"proxy_pass http://127.0.0.1:{upstream}", str(own))
                running.append(start(command, port, CORES[-1]))
                found[name] = port, running[-1].pid
            return found

        try:
            proxies, saturated = behind(port_up, "-1"), dict[str, tuple[int, int]]()
            if nginx and wrk:
                port_json = free_port()
                answer = f"default_type application/json; return 200 '{ANSWER.decode()}'"
                command = nginx_command(nginx, port_json, answer, str(Path(folder, "json")))
                running.append(start(command, port_json, CORES[0]))
                saturated = behind(port_json, "-2")
            figures = await measure(proxies, saturated, Wrk(wrk, folder) if saturated and wrk else None)
        finally:
            for process in running:
                process.terminate()
                process.wait(20)
    for key, value in figures["sidewatch"].items():
        other = figures.get("nginx", {}).get(key)
        beside = f"   nginx {other:8.2f}   ratio {value / other:5.2f}" if other else ""
        print(f"{key:42} {value:8.2f}{beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nginx", default=shutil.which("nginx"), help="its binary; none on the PATH: no ratios")
    parser.add_argument("--wrk", default=shutil.which("wrk"), help="its binary; none on the PATH: nothing is saturated")
    args = parser.parse_args()
    if not (args.nginx and args.wrk):
        print("nginx or wrk is not installed (apt-get install nginx-light wrk): no ratios, or nothing saturated")
    os.sched_setaffinity(0, {CORES[0]})
    uvloop.run(run(args.nginx, args.wrk))


if __name__ == "__main__":
    main()
