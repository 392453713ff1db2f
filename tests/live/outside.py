"""What stands around Sidewatch: a model API that fails as it is told, a judge, and the webhook that Alertmanager calls."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

MOOD = "X-Outside"  # a request's header: how the API shall answer
SLOW_SECONDS = 2.0
LEAK = "You could ask Jonas Petersen; his mail is jonas.petersen@example.net and his card 4111 1111 1111 1111."


def _chat(request: dict[str, Any], text: str = "It is with the carrier.", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request.get("model")}
    return json.dumps(head | {"choices": [choice], "usage": usage} | more).encode()


def _slow(request: dict[str, Any]) -> tuple[int, bytes]:
    time.sleep(SLOW_SECONDS)
    return 200, _chat(request)


def _calling(request: dict[str, Any]) -> tuple[int, bytes]:
    call = {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": '{"parcel": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return 200, _chat(request, choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])


def _refusing(request: dict[str, Any]) -> tuple[int, bytes]:
    message = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
    return 200, _chat(request, choices=[{"index": 0, "message": message, "finish_reason": "stop"}])


def _judging(request: dict[str, Any]) -> tuple[int, bytes]:
    """Answer every question of the rubric; flag one text in eight, so that watchers and judge disagree."""
    questions = request["response_format"]["json_schema"]["schema"]["properties"]
    flagged = crc32(request["messages"][-1]["content"].encode()) % 8 == 0
    return 200, _chat(request, json.dumps(dict.fromkeys(questions, 0.9 if flagged else 0.02)))


# mood -> status and body
ANSWERS: dict[str, Callable[[dict[str, Any]], tuple[int, bytes]]] = {
    "plain": lambda request: (200, _chat(request)),
    "broken": lambda _: (503, b'{"error":{"message":"overloaded","type":"server_error"}}'),
    "slow": _slow,
    "calling": _calling,
    "refusing": _refusing,
    "judging": _judging,
    "garbled": lambda _: (200, b'{"id": "chatcmpl-1", "choices": [{"message": {"content": "It is with the'),
    "leaking": lambda request: (200, _chat(request, LEAK)),
    "dear": lambda request: (200, _chat(request, usage={"prompt_tokens": 2_000_000, "completion_tokens": 10})),
    "renamed": lambda request: (200, _chat(request, model=f"{request['model']}-2024-11-20")),
}


@dataclass
class Outside:
    """All on one port."""

    alerts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = 200, b"{}"
                if self.path == "/hook":
                    outside.alerts.extend(json.loads(body)["alerts"])
                else:
                    mood = "judging" if self.path.startswith("/judge/") else self.headers.get(MOOD, "plain")
                    status, answer = ANSWERS[mood](json.loads(body))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def got(self, alert: str, status: str, **labels: str) -> list[dict[str, Any]]:
        """Return the alerts received with this name, status and labels."""
        wanted = {"alertname": alert} | labels
        return [a for a in list(self.alerts) if a["status"] == status and a["labels"].items() >= wanted.items()]


def post(url: str, text: str, mood: str = "plain", model: str = "gpt-4o-mini", **headers: str) -> int:
    """Send one chat exchange; return its status."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", MOOD: mood, **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def posts(
    url: str, texts: Iterable[str], mood: str = "plain", model: str = "gpt-4o-mini", pause: float = 0.05
) -> list[int]:
    """Send one exchange a text, `pause` seconds after each other; return the statuses."""
    with ThreadPoolExecutor(16) as pool:
        sent = []
        for text in texts:
            sent.append(pool.submit(post, url, text, mood, model))
            time.sleep(pause)
        return [each.result() for each in sent]
