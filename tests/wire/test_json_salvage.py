"""JSON that lost its end or its middle."""

import json
import time

import pytest

from sidecar.wire.json_salvage import salvage

DOCUMENT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": 'quotes \\" and \\ back'},
        {"role": "user", "content": [{"type": "text", "text": "héllo 🌍"}, {"n": [1, 2, {"x": None}]}]},
        {"role": "user", "content": "last words"},
    ],
    "temperature": 0.5,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": {"b": [True, False]}}}}],
    "stream": True,
}


@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_cut_gives_what_was_whole(ascii_only):
    data = json.dumps(DOCUMENT, ensure_ascii=ascii_only).encode()
    for at in range(len(data)):
        found = salvage(data[:at])
        if at == 0:
            assert found is None
            continue
        assert isinstance(found, dict), data[:at]
        for name, value in found.items():
            if name in ("model", "temperature", "stream"):
                assert value == DOCUMENT[name] or (name == "model" and value == "")
        if at > data.index(b"temperature"):
            assert found["messages"] == DOCUMENT["messages"]


def test_an_open_string_keeps_its_text():
    assert salvage(b'{"a": "hel') == {"a": "hel"}
    assert salvage(b'{"a": "hel\\') == {"a": "hel"}
    assert salvage(b'{"a": "hel\\u00') == {"a": "hel"}
    assert salvage('{"a": "hé'.encode()[:-1]) == {"a": "h"}
    assert salvage(b'{"a": ["x", "hel') == {"a": ["x", "hel"]}
    assert salvage(b'{"a": {"b": 1}, "cut') == {"a": {"b": 1}}
    assert salvage(b'{"a": 12') == {}
    assert salvage(b"[1, 2, 3") == [1, 2]


def test_what_is_not_json_gives_nothing():
    for data in (b"", b"nope", b"]", b'"text"', b"{]", b"12", b"\x00\xff"):
        assert salvage(data) is None


def test_a_hole_inside_one_string_is_bridged():
    text = "The beginning of a very long text. " + "x" * 500 + " And its end."
    data = json.dumps({"messages": [{"role": "user", "content": text}], "model": "m"}).encode()
    found = salvage(data[:80], data[-60:])
    assert found["model"] == "m"
    content = found["messages"][0]["content"]
    assert content.startswith("The beginning of a very")
    assert content.endswith("And its end.")
    assert "…" in content


def test_a_hole_through_characters_is_bridged():
    data = json.dumps({"a": "é" * 100, "b": "🌍" * 100, "c": 1}, ensure_ascii=False).encode()
    for at in range(8, 40):
        for back in range(20, 60):
            assert salvage(data[:at], data[-back:])["c"] == 1


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_hole_anywhere_gives_valid_parts_of_both_sides(ascii_only):
    document = {
        "model": "m",
        "messages": [{"role": "user", "content": f"message number {n} é", "name": f"n{n}"} for n in range(40)],
        "usage": {"total": 7},
    }
    data = json.dumps(document, ensure_ascii=ascii_only).encode()
    bridged = 0
    for at in range(60, 400, 3):
        for back in range(100, 500, 7):
            found = salvage(data[:at], data[-back:])
            assert found["model"] == "m"
            bridged += found.get("usage") == {"total": 7}
            if found.get("usage"):
                assert found["messages"][-1]["content"].endswith("number 39 é")
    assert bridged == len(range(60, 400, 3)) * len(range(100, 500, 7))


def test_a_hole_between_containers_keeps_the_end():
    answer = {
        "id": "x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a b c " * 100}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5},
    }
    data = json.dumps(answer).encode()
    for back in range(32, 300):
        found = salvage(data[:120], data[-back:])
        assert found["usage"] == {"prompt_tokens": 5}
        assert found["choices"][0]["message"]["content"].startswith("a b c")
    assert salvage(data[:120], data[-70:])["choices"][0]["finish_reason"] == "stop"


def test_hostile_documents_cost_linear_time():
    start = time.perf_counter()
    for head in (
        b"[" * 500_000,
        b"[]," * 200_000,
        b'{"a":' * 100_000,
        b'"' * 500_000,
        b"\\" * 500_000,
        b'["' + b"\\" * 500_001,
    ):
        salvage(head)
        salvage(head, head)
        salvage(b'{"a":"', head)
    assert time.perf_counter() - start < 20
