"""The exchange log's lines."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sidecar.observer.exchange_log import ExchangeLog
from sidecar.observer.mask import Masker
from sidecar.observer.outcome import Cost, Coverage, Outcome, State
from sidecar.records import records
from sidecar.settings import Log
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Exchange, Message, Operation, ProviderError, Role
from tests.observer.test_mask import Emails
from tests.observer.traffic import answer, capture, chat
from watchers.drift import DriftEvent, Level, StreamKey
from watchers.watcher import Direction

PROMPT = chat(("system", "be kind"), ("user", "mail bob@example.com"), user="u-17")


def outcome_of(
    request: bytes = PROMPT, response: bytes = answer("I wrote to bob@example.com"), **changes: Any
) -> Outcome:
    captured = capture(request, response)
    exchange = changes.pop("exchange", None) or decode(captured)
    texts = tuple(records(captured.id, exchange))
    outcome = Outcome(
        captured,
        exchange,
        texts,
        {"pii": Emails().watch(texts)},
        {"pii": Coverage(State.FLAGGED), "bias": Coverage(State.SKIPPED, "budget"), "toxicity": Coverage(State.CLEAN)},
        {"tenant": "acme"},
        Cost(0.0035, "USD"),
    )
    return replace(outcome, **changes)


def line_of(outcome: Outcome, settings: Log = Log()) -> str:
    lines: list[bytes] = []
    ExchangeLog(settings, lines.append).emit(outcome, Masker(outcome.records, outcome.judgements))
    (line,) = lines
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return line.decode()


def test_a_line_holds_everything_but_values_that_were_found() -> None:
    line = line_of(outcome_of())
    assert "bob@example.com" not in line
    found = json.loads(line)
    spans = [{"start": 5, "end": 20, "label": "EMAIL_ADDRESS", "score": 1.0}]
    verdict = {
        "watcher": "pii", "label": "EMAIL_ADDRESS", "score": 1.0, "threshold": 0.5, "position": 1,
        "direction": "prompt", "origin": "user", "fresh": True, "model": "e-1", "spans": spans,
    }  # fmt: skip
    other = verdict | {"position": 2, "direction": "completion", "origin": "completion"}
    other["spans"] = [{"start": 11, "end": 26, "label": "EMAIL_ADDRESS", "score": 1.0}]
    assert found == {
        "event": "exchange",
        "timestamp": "2023-11-14T22:13:20.800Z",
        "exchange": "c-1",
        "route": "default",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "ending": "complete",
        "format": "openai-chat",
        "provider": "openai",
        "operation": "chat",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "stream": False,
        "labels": {"tenant": "acme"},
        "duration_seconds": 0.3,
        "first_byte_seconds": 0.25,
        "first_token_seconds": None,
        "output_tokens_per_second": None,
        "proxy_seconds": 0.0,
        "usage": {"source": "provider", "input": 1000, "output": 100},
        "cost": {"amount": 0.0035, "currency": "USD"},
        "finish_reasons": ["stop"],
        "tool_calls": [],
        "error_type": None,
        "decode_error": None,
        "complete": True,
        "capture_incomplete": None,
        "request_bytes": len(PROMPT),
        "response_bytes": len(answer("I wrote to bob@example.com")),
        "request_sha256": outcome_of().capture.request_sha256,
        "response_id": "chatcmpl-1",
        "request_id": None,
        "system_fingerprint": None,
        "conversation_id": None,
        "user_hash": "90a6073647bdac68",
        "coverage": {"pii": "flagged", "bias": "skipped/budget", "toxicity": "clean"},
        "verdicts": [verdict, other],
        "prompt": [
            {"position": 0, "role": "system", "origin": "system", "chars": 7, "text": "be kind"},
            {"position": 1, "role": "user", "origin": "user", "chars": 20, "text": "mail [EMAIL_ADDRESS]"},
        ],
        "completion": [
            {
                "position": 2,
                "role": "assistant",
                "origin": "completion",
                "chars": 26,
                "text": "I wrote to [EMAIL_ADDRESS]",
            },
        ],
    }
    assert "u-17" not in line


def test_texts_may_be_left_out_or_raw() -> None:
    none = json.loads(line_of(outcome_of(), Log(text="none")))
    assert "prompt" not in none
    assert "completion" not in none
    raw = json.loads(line_of(outcome_of(), Log(text="raw")))
    assert raw["prompt"][1]["text"] == "mail bob@example.com"
    assert raw["completion"][0]["text"] == "I wrote to bob@example.com"


def test_texts_are_cut_and_the_oldest_are_left_out_first() -> None:
    turns = [("user", f"{number} " + "x" * 100) for number in range(30)]
    found = json.loads(line_of(outcome_of(chat(*turns)), Log(text="raw", text_chars=50)))
    texts = [each["text"] for each in found["prompt"]]
    assert [text[:3].strip() for text in texts[-8:]] == ["22", "23", "24", "25", "26", "27", "28", "29"]
    assert {len(text) for text in texts[-8:]} == {50}
    assert set(texts[:-8]) == {""}
    assert found["prompt"][0]["chars"] == 102


def test_an_error_is_told_by_class_without_its_message() -> None:
    failed = Exchange("openai-chat", operation=Operation.CHAT, error=ProviderError("invalid_request", "you said: bob"))
    line = line_of(outcome_of(exchange=failed))
    assert json.loads(line)["error_type"] == "invalid_request"
    assert "you said" not in line


def test_a_lone_surrogate_does_not_lose_the_line() -> None:
    odd = Exchange("openai-chat", messages=(Message(Role.USER, "a\ud800b"),), choices=(Choice(text="ok"),))
    assert json.loads(line_of(outcome_of(exchange=odd), Log(text="raw")))["prompt"][0]["text"] == "a\ud800b"


def test_the_console_format_is_one_short_line() -> None:
    line = line_of(outcome_of(), Log(format="console", text="none"))
    assert "status=200" in line
    assert "flags=['pii/EMAIL_ADDRESS']" in line
    assert "skipped=['bias']" in line
    assert "tokens=1000+100" in line


def test_it_can_be_switched_off() -> None:
    lines: list[bytes] = []
    outcome = outcome_of()
    ExchangeLog(Log(exchanges=False), lines.append).emit(outcome, Masker(outcome.records, outcome.judgements))
    assert lines == []


def test_a_drift_event_is_one_line() -> None:
    lines: list[bytes] = []
    stream = StreamKey("default", "gpt-4o", Direction.PROMPT)
    event = DriftEvent(stream, 700, Level.DRIFT, Level.STABLE, 612, 3.25, 1e5, {"terms": ["invoice"]})
    ExchangeLog(Log(), lines.append).drift(event)
    found = json.loads(lines[0])
    del found["timestamp"]
    assert found == {
        "event": "drift", "route": "default", "model": "gpt-4o", "direction": "prompt", "label": "", "level": "drift",
        "previous": "stable", "index": 700, "since_index": 612, "effect": 3.25, "evidence": 100000.0,
        "reason": {"terms": ["invoice"]},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["masked", "none"])
def test_no_line_quotes_what_was_found(text: Any) -> None:
    request = chat(("user", "eve@mail.com " * 40), ("assistant", "who is eve@mail.com?"), ("user", "x"))
    line = line_of(outcome_of(request, answer("eve@mail.com")), Log(text=text, text_chars=200))
    assert "eve@mail.com" not in line
