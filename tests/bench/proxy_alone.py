"""One proxy worker in front of an upstream, its observer outside the process tree: for measuring the proxy's own cost.

    python tests/bench/proxy_alone.py --upstream http://127.0.0.1:9000 --port 8080

Capture hand-off and traffic metrics are on. The observer's place is taken by a process that reads every frame and
settles every exchange, and does no more, so that a rig that adds up the CPU time of this process tree gets the
proxy's share alone. It ends when the proxy does.
"""

import argparse
import asyncio
import os
import sys
import time

import uvloop

from sidecar.channel import FrameReader, Kind, Settled, frame
from sidecar.runtime import Runtime
from sidecar.settings import Route, Settings, Watchers


class Settler(asyncio.Protocol):
    """Settles what was closed; ends its process with the proxy."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.reader = FrameReader()

    def data_received(self, data: bytes) -> None:
        closed = [number for kind, number, _, _ in self.reader.feed(data) if kind is Kind.CLOSE]
        if closed:
            settled = Settled(closed, {f"{name}\0clean\0": len(closed) for name in ("toxicity", "pii")})
            self.transport.write(frame(Kind.SETTLED, 0, 0.0, settled))  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        os._exit(0)


async def settle(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(Settler, path)
    await server.serve_forever()


def leave_the_tree(path: str) -> None:
    """Start the settler as a grandchild, so that it belongs to nobody's process tree."""
    if os.fork():
        return
    os.setsid()
    if not os.fork():
        uvloop.run(settle(path))
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    runtime = Runtime.make()
    route = Route(name="default", upstream=args.upstream)
    settings = Settings(
        listen=f"127.0.0.1:{args.port}",
        upstream=args.upstream,
        routes=[route],
        watchers=Watchers(enabled=["toxicity", "pii"]),
    )
    runtime.write(settings)
    leave_the_tree(runtime.channel_socket)
    while not os.path.exists(runtime.channel_socket):
        time.sleep(0.01)
    os.execv(sys.executable, [sys.executable, "-m", "sidecar.proxy", "--runtime", runtime.directory, "--worker", "0"])


if __name__ == "__main__":
    main()
