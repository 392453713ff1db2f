"""What a remote inference server saves the observer: exchanges/s and CPU time, graph here and graph there, on loopback.

    python tests/bench/remote.py [--exchanges N] [--endpoint URL] [--json]

The traffic is that of `observer.py`. Without an endpoint the tests' own small server runs in another process, with the
same graph; `--json` makes it one without binary tensors, as MLServer is. Server and observer share the machine here, so the
processor time is the figure, not the rate.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from observer import measure

from sidecar.settings import Remote
from tests.observer.remote.server import V2Server
from watchers.graph import LocalGraph
from watchers.pack import BUNDLED, read


@contextlib.contextmanager
def server(binary: bool) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", *([] if binary else ["--json"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def serve(binary: bool) -> None:
    pack = read(BUNDLED)
    v2 = V2Server(pack, LocalGraph(pack), binary=binary)
    print(v2.url, flush=True)
    v2.server.serve_forever()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=200)
    parser.add_argument("--endpoint")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(not arguments.json)
    base = await measure(["none"], arguments.exchanges * 4)
    here = await measure([], arguments.exchanges)
    with contextlib.ExitStack() as opened:
        endpoint = arguments.endpoint or opened.enter_context(server(not arguments.json))
        remote = Remote(endpoint=endpoint, fallback="skip", deadline_seconds=30.0)
        there = await measure([], arguments.exchanges, remote)
    print(f"the observer's CPU time an exchange, remote over local: {there / here:.2f}")
    print(f"over the reading alone: local {here / base:.1f}, remote {there / base:.1f}")
    return None


if __name__ == "__main__":
    asyncio.run(main())
