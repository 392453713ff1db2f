"""A small Open Inference Protocol server on the pack's own graph, which can be told to behave badly.

Real sockets, real HTTP/1.1 with keep-alive; the deeds of `script` are done one an inference, then `deed` for ever.
"""

import contextlib
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from watchers.graph import OUTPUTS, Feed, Graph
from watchers.pack import Pack


class V2Server:
    """`deed`: good, slow, trickle, drop, garbage, nan, shape, long, or a status such as 503."""

    def __init__(self, pack: Pack, graph: Graph, *, binary: bool = True, port: int = 0) -> None:
        self.pack, self.graph, self.binary = pack, graph, binary
        self.deed, self.script = "good", deque[str]()
        self.metadata: dict[str, Any] = metadata(pack)
        self.headers: list[dict[str, str]] = []
        self.connections, self.under_way, self.most_under_way = 0, 0, 0
        self.pause_seconds = 0.0
        self.shift = 0.0  # added to every score: another training
        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True
        self.open: list[Any] = []
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.cut()

    def cut(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for sock in self.open:
            with contextlib.suppress(OSError):
                sock.shutdown(2)
        self.open.clear()

    def answer(self, request: dict[str, Any], deed: str) -> tuple[bytes, int | None]:
        inputs = {tensor["name"]: tensor for tensor in request["inputs"]}
        assert [tensor["datatype"] for tensor in request["inputs"]] == ["INT64", "INT64"]
        ids, case = (np.array(inputs[name]["data"]).reshape(inputs[name]["shape"]) for name in ("ids", "case"))
        raw = self.graph.run([Feed(ids, case)])[0]
        assert raw is not None
        tensors = {"scores": raw.scores[None] + np.float32(self.shift), "tags": raw.tags[None], "mean": raw.mean[None]}
        if deed == "nan":
            tensors["mean"] = np.full_like(tensors["mean"], np.nan)
        if deed == "shape":
            tensors["tags"] = tensors["tags"][:, :-1]
        return self.encoded(request, tensors)

    def encoded(self, request: dict[str, Any], tensors: dict[str, Any]) -> tuple[bytes, int | None]:
        outputs, blobs = [], []
        for asked in request["outputs"]:
            values = tensors[asked["name"]].astype(np.float32)
            output: dict[str, Any] = {"name": asked["name"], "datatype": "FP32", "shape": list(values.shape)}
            if self.binary and asked["parameters"]["binary_data"]:
                blobs.append(values.tobytes())
                output["parameters"] = {"binary_data_size": len(blobs[-1])}
            else:
                output["data"] = values.ravel().tolist()
            outputs.append(output)
        head = json.dumps({"model_name": "m", "model_version": "1", "outputs": outputs}).encode()
        return head + b"".join(blobs), len(head) if blobs else None


def metadata(pack: Pack) -> dict[str, Any]:
    labels = sum(len(names) for names in pack.heads.values())
    tensor = lambda name, kind, *shape: {"name": name, "datatype": kind, "shape": list(shape)}  # noqa: E731
    outputs = [tensor("scores", "FP32", 1, labels), tensor("tags", "FP32", 1, -1, len(pack.tags))]
    return {
        "name": "m",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [tensor("ids", "INT64", 1, -1), tensor("case", "INT64", 1, -1)],
        "outputs": [*outputs, tensor("mean", "FP32", 1, 384)],
    }


assert OUTPUTS == ("scores", "tags", "mean")


def _handler(v2: V2Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            v2.connections += 1
            v2.open.append(self.connection)

        def do_GET(self) -> None:
            v2.headers.append(dict(self.headers))
            self.reply(200, json.dumps(v2.metadata).encode())

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with v2.lock:
                v2.headers.append(dict(self.headers))
                deed = v2.script.popleft() if v2.script else v2.deed
                v2.under_way += 1
                v2.most_under_way = max(v2.most_under_way, v2.under_way)
            try:
                self.perform(deed, request)
            finally:
                with v2.lock:
                    v2.under_way -= 1

        def perform(self, deed: str, request: dict[str, Any]) -> None:
            time.sleep(v2.pause_seconds)
            if deed == "slow":
                v2.ended.wait(10)
            if deed == "trickle":
                return self.trickle()
            if deed.isdigit():
                return self.reply(int(deed), b'{"error":"no"}')
            body, json_bytes = v2.answer(request, deed)
            if deed == "garbage":
                body, json_bytes = b"<html>", None
            if deed == "drop":
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return None
            if deed == "long":
                body = b" " * 5_000_000
            return self.reply(200, body, json_bytes)

        def trickle(self) -> None:
            """One byte now and then, for ever: no read of it ever times out."""
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not v2.ended.wait(0.05):
                    self.wfile.write(b"x")
            self.close_connection = True

        def reply(self, status: int, body: bytes, json_bytes: int | None = None) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if json_bytes is not None:
                    self.send_header("Inference-Header-Content-Length", str(json_bytes))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def serving(
    pack: Pack, graph: Graph, *, binary: bool = True, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[V2Server]:
    v2 = V2Server(pack, graph, binary=binary, port=port)
    if tls is not None:
        v2.server.socket = tls.wrap_socket(v2.server.socket, server_side=True)
    threading.Thread(target=v2.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield v2
    finally:
        v2.stop()
