"""What the demo counts, from lines as the exchange log writes them."""

import json

from sidecar.demo.picture import Drift, Picture, Row

LINE = {
    "event": "exchange",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "format": "openai-chat",
    "stream": True,
    "request_model": "gpt-4o-mini",
    "labels": {"planted": "pii", "topic": "shop"},
    "first_token_seconds": 0.25,
    "duration_seconds": 0.9,
    "usage": {"source": "provider", "input": 12, "output": 30, "cached_input": 4},
    "cost": {"amount": 0.5, "currency": "USD"},
    "coverage": {"pii": "flagged", "bias": "clean"},
    "verdicts": [{"watcher": "pii", "label": "EMAIL_ADDRESS", "position": 1, "fresh": True}],
    "prompt": [
        {"position": 0, "role": "system", "origin": "system", "text": "Be brief."},
        {"position": 1, "role": "user", "origin": "user", "text": "Mail me\nat [EMAIL_ADDRESS]"},
    ],
    "completion": [{"position": 2, "role": "assistant", "origin": "completion", "text": "Done."}],
}


def test_an_exchange_becomes_a_row_and_counts():
    picture = Picture()
    row = picture.feed(json.dumps(LINE))
    assert row == Row(
        "03:04:05",
        "openai-chat ≋",
        "gpt-4o-mini",
        "12+30",
        250,
        ("pii/EMAIL_ADDRESS",),
        "Mail me at [EMAIL_ADDRESS]",
    )
    assert (picture.exchanges, picture.streamed, picture.tokens, picture.cost) == (1, 1, 42, 0.5)
    assert (picture.planted, picture.found, picture.flags) == ({"pii": 1}, {"pii": 1}, {"pii": 1})
    assert picture.coverage == {"pii": {"flagged": 1}, "bias": {"clean": 1}}
    assert list(picture.evidence) == [row]


def test_a_flag_on_a_harmless_exchange_is_a_false_alarm():
    picture = Picture()
    picture.feed(json.dumps(LINE | {"labels": {"topic": "code"}}))
    assert (picture.benign, picture.false_alarms, picture.shifted) == (1, {"pii": 1}, 1)


def test_a_miss_is_not_found():
    picture = Picture()
    picture.feed(json.dumps(LINE | {"verdicts": []}))
    assert (picture.planted["pii"], picture.found["pii"], len(picture.evidence)) == (1, 0, 0)


def test_a_drift_is_known_to_come_before_or_after_the_shift():
    line = {"event": "drift", "route": "openai", "model": "m", "direction": "prompt", "level": "drift"}
    picture = Picture()
    first = picture.feed(json.dumps(line))
    picture.feed(json.dumps(LINE | {"labels": {"topic": "code"}}))
    second = picture.feed(json.dumps(line))
    assert isinstance(first, Drift)
    assert isinstance(second, Drift)
    assert (first.after_shift, second.after_shift) == (False, True)
    assert picture.levels == {"openai m prompts": "drift"}
