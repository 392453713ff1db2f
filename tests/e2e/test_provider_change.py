"""A provider that changes behind an unchanged model name, through the real processes: log line, `/drift`, metrics.

One provider changes the name it answers with, another changes only what it answers. No pack is loaded: the names,
the length and the time of the answers are enough.
"""

import http.client
import json
import random
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.replies import JSON
from tests.e2e.server import LoopThread, Provider, Reply, Request
from tests.e2e.watched import Sidewatch, wait_until

REFERENCE = 100
ALARM_EVERY = 20_000


@dataclass
class Model:
    """A model API that can change the name it answers with, its fingerprint, and the length and mood of its answers."""

    name: str = "gpt-4o-2024-05-13"
    fingerprint: str = "fp_a"
    words: int = 40
    refuses: float = 0.0
    wild: random.Random = field(default_factory=lambda: random.Random(1))

    def __call__(self, request: Request) -> Reply:
        text = " ".join("word" for _ in range(self.wild.randint(self.words // 2, self.words * 3 // 2)))
        refusal = "I cannot help with that." if self.wild.random() < self.refuses else None
        message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
        body = {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.name,
            "system_fingerprint": self.fingerprint,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 9, "completion_tokens": len(text) // 4, "total_tokens": 9 + len(text) // 4},
        }  # fmt: skip
        return Reply(200, (JSON,), (json.dumps(body).encode(),))


@dataclass
class Watched:
    model: Model
    sidewatch: Sidewatch
    admin: str
    wild: random.Random = field(default_factory=lambda: random.Random(2))

    def ask(self, times: int) -> None:
        """Make calls one after another, the prompts always of one kind; wait until all are judged."""
        mark = self.sidewatch.log.mark()
        connection = http.client.HTTPConnection("127.0.0.1", self.sidewatch.tap.port, timeout=20)
        for _ in range(times):
            text = " ".join(self.wild.choices(["tax", "form", "refund", "letter"], k=self.wild.randint(4, 12)))
            body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]})
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            assert connection.getresponse().read()
        connection.close()
        self.sidewatch.log.wait(times, mark, event="exchange")

    def told(self) -> list[dict[str, Any]]:
        return [line for line in self.sidewatch.log.lines() if line["event"] == "drift"]

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.admin}{path}", timeout=10) as response:
            return str(response.read().decode())

    def stream(self, direction: str) -> dict[str, Any]:
        (found,) = [stream for stream in json.loads(self.page("/drift")) if stream["direction"] == direction]
        return dict(found)


@pytest.fixture
def watched(loop: LoopThread) -> Iterator[Watched]:
    model = Model()
    upstream = Provider(model)
    loop.run(upstream.start())
    options = f'{{"alarm_every": {ALARM_EVERY}}}'
    drift = ["--set", f"drift.reference_exchanges={REFERENCE}", "--set", f"drift.options={options}"]
    running = Sidewatch("--upstream", f"http://localhost:{upstream.port}", *drift)
    loop.run(running.tap.start())
    (serving,) = running.diary.wait(event="serving")
    yield Watched(model, running, serving["admin"])
    running.stop()


def raised(watched: Watched, direction: str) -> list[dict[str, Any]]:
    return [line for line in watched.told() if line["level"] == "drift" and line["direction"] == direction]


def series(metrics: str) -> set[tuple[str, str]]:
    """Return (metric, value) of the provider's level drift."""
    wanted = [x for x in metrics.splitlines() if 'direction="provider"' in x and 'state="drift"' in x]
    return {(sample.split("{")[0], sample.split()[-1]) for sample in wanted}


@pytest.mark.parametrize("change", [{"name": "gpt-4o-2024-11-20"}, {"fingerprint": "fp_b"}])
def test_another_answered_name_is_told_of_the_provider(watched: Watched, change: dict[str, str]) -> None:
    watched.ask(REFERENCE + 200)
    assert raised(watched, "provider") == []
    assert series(watched.page("/metrics")) == {
        ("sidewatch_drift_state", "0.0"),
        ("sidewatch_drift_events_total", "0.0"),
    }
    vars(watched.model).update(change)
    watched.ask(60)
    wait_until(lambda: raised(watched, "provider"))
    (line,) = raised(watched, "provider")
    assert (line["reason"]["cause"], line["reason"]["attribution"]) == ("names", "provider")
    assert abs(line["since_index"] - 200) <= 8
    (new,) = [row for row in line["reason"]["labels"] if row["before"] == 0.0]
    assert new["value"] in change.values()
    assert raised(watched, "prompt") == []
    page = watched.stream("provider")
    assert (page["level"], page["reason"]["attribution"]) == ("drift", "provider")
    assert series(watched.page("/metrics")) == {
        ("sidewatch_drift_state", "1.0"),
        ("sidewatch_drift_events_total", "1.0"),
    }


def test_answers_that_change_alone_are_told_of_the_provider(watched: Watched) -> None:
    watched.ask(REFERENCE + 200)
    watched.model.words, watched.model.refuses = 120, 0.3
    for _ in range(5):  # latency takes part, so that how many answers it takes differs from run to run
        watched.ask(100)
        if raised(watched, "provider"):
            break
    (line,) = raised(watched, "provider")
    assert line["reason"]["cause"] == "completions"
    assert "length" in line["reason"]["signs"]
    assert len(line["reason"]["signs"]) >= 2
    # The answers' own alarm may come first, with one sign alone; from the provider's on the page blames the provider.
    blamed = [answers["reason"]["attribution"] for answers in raised(watched, "completion")]
    assert blamed
    assert set(blamed) <= {"completions", "provider"}
    assert watched.stream("completion")["reason"]["attribution"] == "provider"
    assert raised(watched, "prompt") == []
    assert watched.stream("provider")["level"] == "drift"
