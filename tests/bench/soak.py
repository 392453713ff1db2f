"""Memory over many exchanges: the resident memory of proxy and observer at intervals, which must become flat.

    python tests/bench/soak.py [--exchanges 100000] [--watchers none|NAME,...] [--parts 10]

Every exchange is another one: other texts, other ids, one in five a stream, one in fifty broken off, the models change, so that
what is remembered by content (caches, labels, conversations) fills up to its limits. The load waits for the observer,
so that nothing is dropped. It ends with 1 where either process grew by more than 5% over the second half.
"""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.serving import Served, resident_mb, served

CLIENTS = 16
FLAT = 1.05
WORDS = [f"{a}{b}" for a in "ka lo mi ne pu ra so ti vu we".split() for b in "ber dan fol gim hus lek mor".split()]  # noqa: SIM905


def text(wild: random.Random, words: int) -> str:
    return " ".join(wild.choices(WORDS, k=words))


class Upstream(asyncio.Protocol):
    """Answers with a text that nobody has seen, streamed where the request asks for it."""

    wild = random.Random(2)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) if found else 1
        if len(body) < length:
            return
        self.buffer = b""
        answer = self.stream() if b'"stream":true' in body else self.answer()
        if b'"break"' in body:
            self.transport.write(answer[:-100])
            self.transport.close()
        else:
            self.transport.write(answer)

    def answer(self) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": text(self.wild, 40)}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 60, "completion_tokens": 60, "total_tokens": 120}
        body = orjson.dumps(
            {
                "id": f"c-{self.wild.random()}",
                "object": "chat.completion",
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
        )
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: %f\r\nContent-Length: %d\r\n\r\n"
        return head % (self.wild.random(), len(body)) + body

    def stream(self) -> bytes:
        events = [{"choices": [{"index": 0, "delta": {"content": word + " "}}]} for word in text(self.wild, 30).split()]
        lines = [b"data: %b\n\n" % orjson.dumps(event | {"object": "chat.completion.chunk"}) for event in events]
        lines.append(b"data: [DONE]\n\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in lines) + b"0\r\n\r\n"


def request(wild: random.Random, *, plain: bool = False) -> bytes:
    turns = [{"role": "user", "content": text(wild, 40)}]
    if wild.random() < 0.5:
        turns = [*turns, {"role": "assistant", "content": text(wild, 30)}, {"role": "user", "content": text(wild, 20)}]
    body = {"model": f"model-{wild.randrange(500)}", "messages": turns}
    if plain:
        pass
    elif wild.random() < 0.2:
        body["stream"] = True
    elif wild.random() < 0.025:
        body["user"] = "break"
    data = orjson.dumps(body)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api\r\nX-Tenant: t-%d\r\nContent-Length: %d\r\n\r\n"
    return head % (wild.randrange(10_000), len(data)) + data


async def send(port: int, exchanges: int, seed: int) -> None:
    """One client's exchanges, one after the other."""
    wild, connection = random.Random(seed), None
    for _ in range(exchanges):
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = connection
        writer.write(request(wild))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"chunked" in head:
                await reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        except asyncio.IncompleteReadError:
            writer.close()
            connection = None
    if connection is not None:
        connection[1].close()


async def settled(running: Served, backlog: int) -> None:
    """Wait until the observer has no more than so many exchanges left."""
    while (await running.status())["queue"]["exchanges"] > backlog:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def run(exchanges: int, watchers: str, parts: int) -> bool:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    labels = "observer.labels=[{name: tenant, header: X-Tenant, metric: true}]"
    with served(upstream, "--watchers", watchers, "--set", labels) as running:
        proxy, observer = running.process.pid, running.observer
        print(f"watchers: {watchers}\n{'exchanges':>10} {'proxy MB':>10} {'observer MB':>12} {'seconds':>8}")
        began, figures = time.monotonic(), [(resident_mb(proxy), resident_mb(observer))]
        print(f"{0:>10} {figures[0][0]:>10.1f} {figures[0][1]:>12.1f} {0:>8}", flush=True)
        for part in range(parts):
            for piece in range(10):  # small enough that the observer's queue does not overflow
                count = exchanges // parts // 10 // CLIENTS
                seed = (part * 10 + piece) * CLIENTS
                await asyncio.gather(*(send(running.port, count, seed + client) for client in range(CLIENTS)))
                await settled(running, 200)
            await settled(running, 0)
            figures.append((resident_mb(proxy), resident_mb(observer)))
            done = exchanges // parts // 10 // CLIENTS * CLIENTS * 10 * (part + 1)
            print(
                f"{done:>10} {figures[-1][0]:>10.1f} {figures[-1][1]:>12.1f} {time.monotonic() - began:>8.0f}",
                flush=True,
            )
        status, metrics = await running.status(), await running.metrics()
        assert running.observer == observer, "the observer was restarted"
    dropped = [line for line in metrics.splitlines() if line.startswith("sidewatch_captures_dropped_total{")]
    print(
        f"seen {status['coverage']['seen']:.0f}; dropped {dropped or 'none'}; {len(metrics.splitlines())} lines of metrics"
    )
    half = figures[len(figures) // 2]
    growth = [last / middle for last, middle in zip(figures[-1], half, strict=True)]
    print(f"second half: proxy x {growth[0]:.3f}, observer x {growth[1]:.3f}")
    return max(growth) <= FLAT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--watchers", default="none")
    parser.add_argument("--parts", type=int, default=10)
    args = parser.parse_args()
    sys.exit(0 if uvloop.run(run(args.exchanges, args.watchers, args.parts)) else 1)


if __name__ == "__main__":
    main()
